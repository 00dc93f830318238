"""Vector tiles over HTTP: what they hold, how they are kept, and what is no tile."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import httpx2
import pytest
import pytest_asyncio

from tests.api.served import as_key, served
from tests.clients.mvt import features
from tests.store.flock import UNRELEASED, Flock

LAYERS = ("tracks", "stopovers", "sites", "flyways", "density")


@pytest.fixture(scope="module")
def flock(new_database: Callable[[], str]) -> Flock:
    flock = Flock(new_database())
    institute, _ = flock.institute("Amur")
    study = flock.study(institute, "Cranes")
    bird = flock.bird(study, "A")
    flock.stopover(study, bird)
    flock.stopover(study, bird, 10, lon=115.1, lat=49.7)
    flock.track_part(study, bird, "MULTILINESTRING((127.1 38.2,115.1 49.7))")
    flock.track_part(study, bird, "MULTILINESTRING((10 10,10.00001 10))", day=6)
    scope = f"institute:{institute}"
    sites = (flock.site(scope, "Here", 127.1, 38.2), flock.site(scope, "There", 115.1, 49.7))
    flock.connection(scope, sites)
    flock.corridor(scope)
    flock.density(study, bird, (127.1, 38.2), 7)
    flock.density(study, bird, (127.1, 38.2), 5, public=True, release_at=UNRELEASED)
    return flock


@pytest_asyncio.fixture
async def client(flock: Flock) -> AsyncIterator[httpx2.AsyncClient]:
    async with served(flock.dsn) as client:
        yield client


OWN = as_key("flw_Amur")


@pytest.mark.parametrize(
    ("layer", "count"),
    [("tracks", 2), ("stopovers", 2), ("sites", 2), ("flyways", 2), ("density", 1)],
)
async def test_the_world_tile_holds_every_feature(client, layer: str, count: int) -> None:
    answer = await client.get(f"/tiles/{layer}/0/0/0.pbf", headers=OWN)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/vnd.mapbox-vector-tile"
    assert answer.headers["cache-control"] == "private, no-cache"
    assert len(features(answer.content, (0, 0, 0))) == count


@pytest.mark.parametrize("layer", LAYERS)
async def test_a_tile_without_features_is_empty_and_fine(client, layer: str) -> None:
    for headers, path in (({}, "0/0/0"), (OWN, "5/0/31")):
        answer = await client.get(f"/tiles/{layer}/{path}.pbf", headers=headers)
        assert (answer.status_code, answer.content) == (200, b"")
        assert "content-encoding" not in answer.headers
