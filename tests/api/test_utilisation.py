from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import httpx2
import pytest
import pytest_asyncio

from tests.api.served import as_key, served
from tests.store.flock import DAY, START, Flock, ref_of

KEY = as_key("flw_Amur")


@pytest.fixture(scope="module")
def flock(new_database: Callable[[], str]) -> Flock:
    """One bird of an opened study, with the areas of two seasons."""
    flock = Flock(new_database())
    institute, _ = flock.institute("Amur")
    flock.institute("Foreign")
    study = flock.study(institute, "Cranes", "open")
    bird = flock.bird(study, "WNC-17")
    for level in (50, 75, 90, 95):
        flock.utilisation(study, bird, level=level)
    flock.utilisation(study, bird, "2020-autumn", start_time=START + 90 * DAY)
    flock.utilisation(study, bird, method="dbb", place=(179.99, 50.0), n_effective=None,
                      area_low_km2=None, area_high_km2=None)  # fmt: skip
    return flock


@pytest_asyncio.fixture
async def client(flock: Flock) -> AsyncIterator[httpx2.AsyncClient]:
    async with served(flock.dsn) as client:
        yield client


@pytest.fixture
def address(flock: Flock) -> str:
    return f"/api/v1/individuals/{flock.run('select ref from individual')[0][0]}/utilisation"


async def test_the_owner_reads_areas_by_season_the_widest_first(client, address) -> None:
    answer = await client.get(address, headers=KEY)
    assert answer.headers["content-type"] == "application/geo+json"
    found = answer.json()
    shown = [f["properties"] for f in found["features"]]
    assert [(p["season"], p["level"]) for p in shown] == [
        ("2020-spring", 95), ("2020-spring", 50), ("2020-autumn", 95),
    ]  # fmt: skip
    assert found["pending"] is False
    first = shown[0]
    assert (first["area_km2"], first["area_low_km2"], first["area_high_km2"]) == (380, 285, 475)
    assert (first["n_fixes"], first["n_effective"], first["unobserved_days"]) == (900, 22.5, 0.5)
    assert (first["method"], first["version"]) == ("akde", "utilisation 1")
    assert first["parameters"] == {"model": "OUF"}
    assert found["features"][0]["geometry"]["type"] == "MultiPolygon"


async def test_season_method_and_levels_narrow_it(client, address) -> None:
    asked = {"season": "2020-spring", "levels": "90, 75"}
    found = (await client.get(address, headers=KEY, params=asked)).json()
    assert [f["properties"]["level"] for f in found["features"]] == [90, 75]
    bridged = (await client.get(address, headers=KEY, params={"method": "dbb"})).json()
    (feature,) = bridged["features"]
    assert feature["properties"]["n_effective"] is None
    nothing = (await client.get(address, headers=KEY, params={"season": "1999-spring"})).json()
    assert nothing["features"] == []


@pytest.mark.parametrize("asked", [{"method": "mcp"}, {"levels": "50,60"}, {"levels": "95%"}])
async def test_what_is_not_offered_is_refused_with_what_is(client, address, asked) -> None:
    answer = await client.get(address, headers=KEY, params=asked)
    assert answer.status_code in {400, 422}
    assert answer.json()["remedy"]


async def test_strangers_read_none_and_learn_nothing_of_work(client, flock, address) -> None:
    (study, bird) = flock.run("select study_id, id from individual")[0]
    flock.insert("utilisation_due", study_id=study, individual_id=bird, from_time=START,
                 to_time=START)  # fmt: skip
    try:
        for who in ({}, as_key("flw_Foreign")):
            found = (await client.get(address, headers=who)).json()
            assert found["features"] == [] and found["pending"] is False
        assert (await client.get(address, headers=KEY)).json()["pending"] is True
    finally:
        flock.run("delete from utilisation_due")


async def test_a_current_copy_is_not_sent_again(client, address) -> None:
    first = await client.get(address, headers=KEY)
    again = await client.get(address, headers=KEY | {"If-None-Match": first.headers["etag"]})
    assert again.status_code == 304


async def test_an_unknown_bird_is_told_so(client) -> None:
    path = f"/api/v1/individuals/{ref_of('nobody')}/utilisation"
    assert (await client.get(path, headers=KEY)).status_code == 404
