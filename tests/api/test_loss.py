from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import httpx2
import pytest
import pytest_asyncio

from tests.api.served import as_key, served
from tests.store.flock import DAY, SPECIES, START, Flock, ref_of

KEY = as_key("flw_Amur")
PLACES = {
    "West": (120.0, 29.0), "East": (122.0, 29.0), "Pass": (121.0, 36.0), "Left": (120.0, 42.0),
    "Right": (122.0, 42.0), "North": (121.0, 48.0), "Mere": (122.5, 48.0),
}  # fmt: skip


@pytest.fixture(scope="module")
def flock(new_database: Callable[[], str]) -> Flock:
    """Twelve own birds that all stop at one place between two to winter and two to stage at."""
    flock = Flock(new_database())
    own, _ = flock.institute("Amur")
    flock.institute("Baikal")
    study = flock.study(own, "Own")
    scope = f"institute:{own}"
    sites = {name: flock.site(scope, name, *place) for name, place in PLACES.items()}
    for number in range(12):
        bird = flock.bird(study, f"B{number}")
        way = (("West", "East")[number % 2], "Pass", ("Left", "Right")[number // 2 % 2],
               ("North", "Mere")[number // 4 % 2])  # fmt: skip
        for k, name in enumerate(way):
            lon, lat = PLACES[name]
            stay = flock.stopover(study, bird, 10 * k, lon=lon, lat=lat)
            flock.insert("site_visit", site_id=sites[name], stopover_id=stay)
            if k:
                flock.leg(study, bird, 10 * k - 7, arrival_time=START + 10 * k * DAY)
        if number == 0:  # it roams for some days in summer, and comes back: no journey
            stay = flock.stopover(study, bird, 40, lon=lon, lat=lat, season=None)
            flock.insert("site_visit", site_id=sites[name], stopover_id=stay)
            flock.leg(study, bird, 33, arrival_time=START + 40 * DAY, season=None)
    return flock


@pytest_asyncio.fixture
async def client(flock: Flock) -> AsyncIterator[httpx2.AsyncClient]:
    async with served(flock.dsn) as client:
        yield client


async def _loss(client, name: str) -> dict:
    site = ref_of("site", "institute:1", name)
    answer = await client.get(f"/api/v1/sites/{site}/loss", headers=KEY)
    assert answer.status_code == 200, answer.text
    (item,) = answer.json()["items"]
    assert item["species"] == SPECIES
    return item


async def test_the_site_that_all_pass_ranks_first_and_has_no_other(client) -> None:
    found = await _loss(client, "Pass")
    assert (found["rank"], found["n_sites"]) == (1, 7)
    assert (found["n_journeys"], found["n_affected"], found["n_birds"]) == (12, 12, 12)
    assert (found["affected_share"], found["broken_share"]) == (1.0, 1.0)
    assert found["affected_low"] == pytest.approx(0.025 ** (1 / 12))  # twelve families
    assert found["affected_high"] == 1.0
    assert found["alternatives"] == []
    assert 700 < found["leg_max_km"] < 900


async def test_a_site_beside_another_is_mended_by_it(client) -> None:
    found = await _loss(client, "Left")
    assert found["rank"] > 1 and found["broken_share"] == 0.0
    assert [each["name"] for each in found["alternatives"]] == ["Right"]
    assert found["affected_low"] < found["affected_share"] == 0.5 < found["affected_high"]


async def test_the_public_never_learns_and_others_know_no_such_site(client) -> None:
    path = f"/api/v1/sites/{ref_of('site', 'institute:1', 'Pass')}/loss"
    answer = await client.get(path)
    assert (answer.status_code, answer.json()["code"]) == (401, "key-required")
    assert (await client.get(path, headers=as_key("flw_Baikal"))).status_code == 404
