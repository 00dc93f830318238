"""A site tells its dates, its trend and its lineage; one that is gone tells where it went."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import httpx2
import pytest
import pytest_asyncio

from tests.api.served import as_key, served
from tests.store.flock import Flock, ref_of

KEY, FOREIGN = as_key("flw_Amur"), as_key("flw_Seoul")
SCOPE = "institute:1"


def address(name: str) -> str:
    return f"/api/v1/sites/{ref_of('site', SCOPE, name)}"


@pytest.fixture(scope="module")
def flock(new_database: Callable[[], str]) -> Flock:
    """Give a site with the stays of two birds in two years, which took in another one."""
    flock = Flock(new_database())
    study = flock.study(flock.institute("Amur")[0], "Cranes")
    flock.institute("Seoul")
    birds = [flock.bird(study, name) for name in "AB"]
    here = flock.site(SCOPE, "Here", 127.12, 38.23)
    for bird, day in ((birds[0], 0), (birds[1], 4), (birds[0], 366)):
        stay = flock.stopover(study, bird, day, season=f"{2020 + day // 366}-spring")
        flock.insert("site_visit", site_id=here, stopover_id=stay)
    flock.stopover(study, birds[1], 370, lon=120.0, season="2021-spring")
    for kind, ends in (
        ("merged", ("Old", "Middle")), ("merged", ("Middle", "Here")), ("split", ("Here", "Part")),
        ("ended", ("Lost", None)),
    ):  # fmt: skip
        flock.insert(
            "site_change", scope=SCOPE, simulated=False, kind=kind, shared_days=2.5,
            from_ref=ref_of("site", SCOPE, ends[0]), from_name=ends[0], to_name=ends[1],
            to_ref=ref_of("site", SCOPE, ends[1]) if ends[1] else None,
        )  # fmt: skip
    return flock


@pytest_asyncio.fixture
async def client(flock: Flock) -> AsyncIterator[httpx2.AsyncClient]:
    async with served(flock.dsn) as client:
        yield client


async def test_a_site_tells_dates_and_trend_and_lineage(client) -> None:
    site = (await client.get(address("Here"), headers=KEY)).json()
    assert site["time_zone"] == "Asia/Seoul"
    dates = {(each["season"], each["event"]): each for each in site["dates"]}
    came = dates["spring", "arrival"]
    assert (came["n"], came["n_birds"]) == (3, 2)
    assert [q["date"] for q in came["quantiles"]] == ["03-01", "03-02", "03-05"]
    assert all(q["low"] is None for q in came["quantiles"])  # of two birds nothing is told
    years = site["trend"]["years"]
    assert [(y["year"], y["n_birds"], y["n_tracked"], y["bird_days"]) for y in years] == [
        (2020, 2, 2, 6.0), (2021, 1, 2, 3.0),
    ]  # fmt: skip
    assert site["trend"]["per_year"] is None
    assert [(p["name"], p["kind"]) for p in site["predecessors"]] == [("Middle", "merged")]
    assert [(s["name"], s["kind"]) for s in site["successors"]] == [("Part", "split")]


async def test_the_id_of_a_merged_site_tells_where_it_went(client) -> None:
    asked = [address(name) for name in ("Middle", "Old")]
    asked += [f"{asked[0]}/{part}" for part in ("loss", "utilisation", "counts")]
    for each in asked:
        answer = await client.get(each, headers=KEY)
        assert answer.status_code == 410
        told = answer.json()
        assert told["code"] == "site-gone"
        assert told["successors"] == [{"id": str(ref_of("site", SCOPE, "Here")), "name": "Here"}]
    lost = await client.get(address("Lost"), headers=KEY)
    assert (lost.status_code, lost.json()["successors"]) == (410, [])


@pytest.mark.parametrize("headers", [{}, FOREIGN])
async def test_strangers_learn_of_neither(client, headers) -> None:
    for name in ("Here", "Old", "Never"):
        answer = await client.get(address(name), headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (404, "not-found")
