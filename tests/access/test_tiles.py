"""What a key sees in tiles is what it sees elsewhere: every row, once, at every zoom."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from app.movement.simulate import flock_csv, reference_csv
from app.store.engine import Store
from tests.api.conftest import serving
from tests.api.inloop import Client
from tests.api.served import as_key
from tests.clients.mvt import Feature, features
from tests.flow.conftest import Service, flock
from tests.store.flock import Flock

READERS = {
    "public": {},
    "Amur": as_key("flw_Amur"),
    "Naktong": as_key("flw_Naktong"),
    "operator": as_key("flw_operator"),
}
ZOOMS = (0, 4, 6)
HOURS = """
select count(*) from (
  select distinct d.individual_id, date_trunc('hour', f.time) from fix f
  join deployment d on d.tag_id = f.tag_id and d.replaced_at is null and d.during @> f.time
  where f.live and f.visible and f.study_id = any(%s)) as hours
"""
PUBLIC_HOURS = """
select count(*) from public_fix p join study s on s.id = p.study_id
where p.study_id = any(%s)
  and date_trunc('month', p.time, 'UTC') + interval '1 month'
    + s.release_delay_s * interval '1 s' <= now()
"""


@dataclass
class World:
    """Two institutes, one of them with an opened study; and what each reader got of tiles."""

    rows: Flock
    client: Client
    studies: dict[str, int]
    got: dict[tuple[str, str, tuple[int, int, int]], list[Feature]] = field(default_factory=dict)

    def exact(self, who: str) -> list[int]:
        if who == "operator":
            return list(self.studies.values())
        return [self.studies[who]] if who in self.studies else []

    def open(self, who: str) -> list[int]:
        """Give the opened study, Naktong's, to those who do not read it in full."""
        return [self.studies["Naktong"]] if who in {"public", "Amur"} else []

    def feed(self, who: str, name: str) -> list[dict[str, Any]]:
        answer = self.client.get(f"/feeds/{name}.geojson?limit=20000", headers=READERS[who])
        assert answer.json()["links"] == []
        return answer.json()["features"]

    def tiles(self, who: str, layer: str, zoom: int) -> list[Feature]:
        """Give all features of a zoom: of each tile that lies in one with features above it."""
        spots = [(0, 0, 0)]
        for level in range(zoom):
            spots = [
                (level + 1, 2 * x + right, 2 * y + down)
                for (_, x, y) in spots if self._tile(who, layer, (level, x, y))
                for right in (0, 1) for down in (0, 1)
            ]  # fmt: skip
        return [each for spot in spots for each in self._tile(who, layer, spot)]

    def _tile(self, who: str, layer: str, spot: tuple[int, int, int]) -> list[Feature]:
        key = (who, layer, spot)
        if key not in self.got:
            path = "/".join(map(str, spot))
            answer = self.client.get(f"/tiles/{layer}/{path}.pbf", headers=READERS[who])
            assert answer.status_code == 200, answer.text
            self.got[key] = features(answer.content, spot)
        return self.got[key]


async def _fill(dsn: str, studies: dict[str, int]) -> None:
    store = Store(dsn, pool_size=3, statement_timeout_s=60)
    try:
        for number, study in enumerate(studies.values()):
            birds = flock(seed=70 + number, birds=2, days=250, interval_s=3600.0 * (1 + number))
            service = Service(store, study)
            await service.push(reference_csv(birds))
            await service.push(flock_csv(birds))
            await service.drain()
    finally:
        await store.close()


@pytest.fixture(scope="module")
def world(new_database: Callable[[], str]) -> Iterator[World]:
    rows = Flock(new_database())
    studies = {}
    for name, visibility in (("Amur", "private"), ("Naktong", "open")):
        institute, _ = rows.institute(name)
        studies[name] = rows.study(institute, f"Birds of {name}", visibility)
    rows.insert("api_key", label="operator", prefix="flw_oper", scopes=["read"],
                secret_sha256=hashlib.sha256(b"flw_operator").digest())  # fmt: skip
    asyncio.run(_fill(rows.dsn, studies))
    with serving(rows.dsn) as client:
        yield World(rows, client, studies)


def ids(found: list[Feature]) -> set[str]:
    return {each.properties["id"] for each in found}


@pytest.mark.parametrize("who", READERS)
@pytest.mark.parametrize("zoom", ZOOMS)
def test_stopovers_add_up_to_the_feed(world: World, who: str, zoom: int) -> None:
    feed = world.feed(who, "stopovers")
    found = world.tiles(who, "stopovers", zoom)
    assert len(feed) > 5
    assert sum(each.properties["n_stopovers"] for each in found) == len(feed)
    days = sum(each["properties"]["duration_min_s"] for each in feed) / 86_400
    assert sum(each.properties["bird_days"] for each in found) == pytest.approx(days)
    kinds = {each["properties"]["kind"] for each in feed}
    assert {each.properties["kind"] for each in found} == kinds
    if zoom >= 6:
        assert ids(found) == {each["id"] for each in feed}
        assert len(found) == len(feed)


@pytest.mark.parametrize("who", READERS)
@pytest.mark.parametrize("zoom", ZOOMS)
def test_every_track_part_is_in_some_tile(world: World, who: str, zoom: int) -> None:
    feed = world.feed(who, "tracks")
    found = world.tiles(who, "tracks", zoom)
    assert len(feed) > 5
    if zoom >= 6:
        assert ids(found) == {each["id"] for each in feed}
        return
    names = ("individual_id", "observed", "precision")
    assert {tuple(each.properties[name] for name in names) for each in found} == {
        tuple(each["properties"][name] for name in names) for each in feed
    }
    for end, name in ((min, "time_first"), (max, "time_last")):
        assert end(each.properties[name] for each in found) == end(
            each["properties"][name] for each in feed
        )


@pytest.mark.parametrize("who", READERS)
@pytest.mark.parametrize("layer", ["sites", "flyways"])
@pytest.mark.parametrize("zoom", [0, 4])
def test_the_catalogue_is_the_readers_own(world: World, who: str, layer: str, zoom: int) -> None:
    feed = [each for each in world.feed(who, layer) if each["geometry"]]
    assert ids(world.tiles(who, layer, zoom)) == {each["id"] for each in feed}


def test_somebody_has_a_catalogue(world: World) -> None:
    """Without this the test above could pass on empty tables."""
    assert world.feed("operator", "sites")
    assert world.feed("operator", "flyways")


@pytest.mark.parametrize("who", READERS)
@pytest.mark.parametrize("zoom", ZOOMS)
def test_density_adds_up_to_the_hours_with_a_position(world: World, who: str, zoom: int) -> None:
    found = world.tiles(who, "density", zoom)
    for exact, sql, studies in (
        (True, HOURS, world.exact(who)),
        (False, PUBLIC_HOURS, world.open(who)),
    ):
        hours = world.rows.run(sql, studies)[0][0]
        told = sum(f.properties["hours"] for f in found if f.properties["exact"] == exact)
        assert told == hours
        assert bool(studies) == (hours > 100)


@pytest.mark.parametrize("who", ["public", "Amur"])
def test_opened_studies_are_read_in_coarse_cells_alone(world: World, who: str) -> None:
    found = world.tiles(who, "density", 6)
    levels = {each.properties["level"] for each in found if not each.properties["exact"]}
    assert levels == {10}


@pytest.mark.parametrize("layer", ["tracks", "stopovers", "sites", "flyways", "density"])
def test_a_species_narrows_a_layer(world: World, layer: str) -> None:
    whole = world.client.get(f"/tiles/{layer}/0/0/0.pbf", headers=READERS["operator"])
    none = world.client.get(
        f"/tiles/{layer}/0/0/0.pbf?species=siberian_crane", headers=READERS["operator"]
    )
    assert whole.content
    assert (none.status_code, none.content) == (200, b"")
