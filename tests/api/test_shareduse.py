"""What the mean bird used, of a species and of a site: alike for each bird, others in groups."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import httpx2
import pytest
import pytest_asyncio
import shapely

from tests.api.served import as_key, served
from tests.pipeline.test_keysites import HAUNT, OTHER, around
from tests.store.flock import START, UNRELEASED, Flock, ref_of

KEY, FOREIGN = as_key("flw_Amur"), as_key("flw_Foreign")
SPECIES = "/api/v1/species/Antigone vipio/utilisation"


def site(scope: str) -> str:
    return f"/api/v1/sites/{ref_of('site', scope, 'Haunt')}/utilisation"


@pytest.fixture(scope="module")
def flock(new_database: Callable[[], str]) -> Flock:
    """Two birds of one's own at a haunt, and at the same, opened, four of a foreigner's."""
    flock = Flock(new_database())
    own = flock.study(flock.institute("Amur")[0], "Cranes")
    opened = flock.study(flock.institute("Foreign")[0], "Opened", "open")
    places = {scope: flock.site(scope, "Haunt", *HAUNT) for scope in ("institute:1", "public")}
    for study, names in ((own, "AB"), (opened, "CDEF")):
        for number, name in enumerate(names):
            bird = flock.bird(study, name)
            stay = flock.stopover(study, bird, lon=HAUNT[0], lat=HAUNT[1])
            for place in places.values():
                flock.insert("site_visit", site_id=place, stopover_id=stay)
            # The first of each is heard ten times as long, the last is elsewhere in spring too.
            n = 120 if number == 0 else 12
            flock.season_use(study, bird, around(HAUNT, ord(name), n))
            if study == opened:
                flock.season_use(study, bird, around(HAUNT, ord(name), n), public=True,
                                 unobserved_s=None)  # fmt: skip
                flock.season_use(study, bird, around(OTHER, ord(name)), "2021-wintering",
                                 public=True, release_at=UNRELEASED)  # fmt: skip
        flock.season_use(study, bird, around(OTHER, 7), "2020-spring", public=study == opened)

    flock.find_key_sites(own, opened)
    return flock


@pytest_asyncio.fixture
async def client(flock: Flock) -> AsyncIterator[httpx2.AsyncClient]:
    async with served(flock.dsn) as client:
        yield client


def told(answer: httpx2.Response) -> list[tuple[object, ...]]:
    shown = [f["properties"] for f in answer.json()["features"]]
    return [(p["season"], p["level"], p["n_birds"], p["scale_m"]) for p in shown]


async def test_a_partner_reads_own_birds_and_enough_of_others(client) -> None:
    answer = await client.get(SPECIES, headers=KEY)
    assert answer.headers["content-type"] == "application/geo+json"
    assert told(answer) == [
        ("spring", 95, 1, 5000.0), ("spring", 50, 1, 5000.0),
        ("wintering", 95, 6, 5000.0), ("wintering", 50, 6, 5000.0),
    ]  # fmt: skip
    shown = [f["properties"] for f in answer.json()["features"]]
    assert shown[2]["area_km2"] > shown[3]["area_km2"] > 0
    assert (shown[0]["share_told"], answer.json()["pending"]) == (1.0, False)
    assert 0.9 < shown[2]["share_told"] < 1.0
    outline = shapely.geometry.shape(answer.json()["features"][2]["geometry"])
    assert outline.is_valid and outline.contains(shapely.Point(HAUNT))
    assert not outline.intersects(shapely.Point(OTHER).buffer(1.0))


async def test_the_public_reads_what_is_released_of_enough_birds(client) -> None:
    answer = await client.get(SPECIES)
    assert told(answer) == [("wintering", 95, 4, 5000.0), ("wintering", 50, 4, 5000.0)]
    there = await client.get(site("public"))
    assert told(there) == [("wintering", 95, 4, 5000.0), ("wintering", 50, 4, 5000.0)]
    assert (await client.get(site("public"), headers=KEY)).status_code == 404
    assert (await client.get(site("institute:1"))).status_code == 404


async def test_a_site_is_measured_within_its_radius_and_its_areas_are_kept(client, flock) -> None:
    asked = {"levels": "90,50", "season": "wintering"}
    answer = await client.get(site("institute:1"), headers=KEY, params=asked)
    assert told(answer) == [("wintering", 90, 6, 5000.0), ("wintering", 50, 6, 5000.0)]
    (first, _) = answer.json()["features"]
    assert first["id"].endswith(":white_naped_crane:wintering:90")
    assert first["properties"]["observed_days"] == pytest.approx((1200 * 2 + 120 * 4) / 24)
    outline = shapely.geometry.shape(first["geometry"])
    assert outline.is_valid and outline.contains(shapely.Point(HAUNT))
    again = await client.get(site("institute:1"), headers=KEY, params=asked)
    assert again.content == answer.content
    etag = {**KEY, "If-None-Match": answer.headers["etag"]}
    held = await client.get(site("institute:1"), headers=etag, params=asked)
    assert held.status_code == 304


async def test_an_owner_alone_reads_its_birds_in_finer_areas(client, flock) -> None:
    """Of a foreigner's four, all are its own: no group is needed, and no public place is there."""
    flock.run("update study set visibility = 'private', version = version + 1 where id = 2")
    try:
        found = await client.get(site("institute:1"), headers=KEY)
        assert told(found) == [("wintering", 95, 2, 1500.0), ("wintering", 50, 2, 1500.0)]
    finally:
        flock.run("update study set visibility = 'open', version = version + 1 where id = 2")


async def test_work_that_waits_is_told_to_its_owner_alone(client, flock) -> None:
    flock.insert("utilisation_due", study_id=1, individual_id=1, from_time=START, to_time=START)
    try:
        for path in (SPECIES, site("institute:1")):
            assert (await client.get(path, headers=KEY)).json()["pending"] is True
        for path in (SPECIES, site("public")):
            assert (await client.get(path, headers={})).json()["pending"] is False
        assert (await client.get(SPECIES, headers=FOREIGN)).json()["pending"] is False
    finally:
        flock.run("delete from utilisation_due")


@pytest.mark.parametrize(
    "path",
    [f"{SPECIES}?levels=51", f"{SPECIES}?season=2020-spring", f"{site('public')}?levels=100"],
)  # fmt: skip
async def test_what_is_not_offered_is_refused(client, path) -> None:
    answer = await client.get(path)
    assert answer.status_code in {400, 422} and answer.json()["remedy"]
