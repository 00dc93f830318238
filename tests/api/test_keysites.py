from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import httpx2
import pytest
import pytest_asyncio

from tests.api.served import as_key, served
from tests.pipeline.test_keysites import HAUNT, around
from tests.store.flock import Flock

KEY, FOREIGN = as_key("flw_Amur"), as_key("flw_Foreign")


@pytest.fixture(scope="module")
def flock(new_database: Callable[[], str]) -> Flock:
    """Give an institute with two birds of one haunt, and another's with none."""
    flock = Flock(new_database())
    study = flock.study(flock.institute("Amur")[0], "Cranes")
    flock.institute("Foreign")
    for name in "AB":
        flock.season_use(study, flock.bird(study, name), around(HAUNT, ord(name)))

    flock.find_key_sites(study)
    return flock


@pytest_asyncio.fixture
async def client(flock: Flock) -> AsyncIterator[httpx2.AsyncClient]:
    async with served(flock.dsn) as client:
        yield client


async def test_the_owner_reads_sites_and_how_well_the_birds_tell_them(client) -> None:
    asked = {"species": "Antigone vipio", "season": "wintering"}
    answer = await client.get("/api/v1/key-sites", headers=KEY, params=asked)
    assert answer.headers["content-type"] == "application/geo+json"
    found = answer.json()
    (feature,), (sample,) = found["features"], found["samples"]
    assert feature["id"] == "white_naped_crane:wintering:1"
    assert feature["geometry"]["type"] == "MultiPolygon"
    shown = feature["properties"]
    assert (shown["n_birds"], shown["n_birds_sample"], shown["sufficient"]) == (2, 2, False)
    assert sample["representativeness"] is None and sample["unobserved_days"] == 1.0
    assert found["pending"] is False
    again = {**KEY, "If-None-Match": answer.headers["etag"]}
    assert (await client.get("/api/v1/key-sites", headers=again, params=asked)).status_code == 304
    other = await client.get("/api/v1/key-sites", headers=KEY, params={"season": "spring"})
    assert other.json()["features"] == other.json()["samples"] == []


@pytest.mark.parametrize("headers", [{}, FOREIGN])
async def test_strangers_read_nothing_of_it(client, flock, headers) -> None:
    flock.run("insert into utilisation_due (individual_id, study_id, from_time, to_time)"
              " values (1, 1, now(), now())")  # fmt: skip
    found = (await client.get("/api/v1/key-sites", headers=headers)).json()
    assert found == {"type": "FeatureCollection", "features": [], "samples": [], "pending": False}
    flock.run("delete from utilisation_due")


@pytest.mark.parametrize("asked", [{"season": "2020-spring"}, {"species": "dodo"}])
async def test_what_it_does_not_know_is_refused(client, asked) -> None:
    answer = await client.get("/api/v1/key-sites", headers=KEY, params=asked)
    assert answer.status_code == 422
