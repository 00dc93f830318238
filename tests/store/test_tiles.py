"""The arithmetic of tiles is PostGIS's own, and reads of small tiles go by an index."""

from __future__ import annotations

import asyncio
import itertools

import numpy as np
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.movement.mercator import bounds, cells_of
from app.store import tiles
from app.store.audience import Audience
from app.store.engine import Store
from app.store.sight import Filters
from tests.clients.mvt import features
from tests.store.flock import Flock

EDGES = st.sampled_from([-180.0, -90.0, 0.0, 45.0, 90.0, 180.0])
PLACES = st.lists(st.tuples(EDGES | st.floats(-180, 180), EDGES.filter(lambda lat: abs(lat) <= 90)
                            | st.floats(-90, 90)), min_size=1, max_size=5)  # fmt: skip


@pytest.mark.parametrize(
    "spot", [(0, 0, 0), (1, 1, 0), (3, 6, 2), (6, 53, 24), (9, 431, 201), (12, 4095, 4095)]
)
def test_bounds_are_those_of_postgis(database: str, spot: tuple[int, int, int]) -> None:
    with psycopg.connect(database) as conn:
        found = conn.execute(
            "select st_xmin(g), st_ymin(g), st_xmax(g), st_ymax(g) from"
            " (select st_transform(st_tileenvelope(%s, %s, %s), 4326) as g) as t",
            spot,
        ).fetchone()
    assert bounds(*spot) == pytest.approx(found, abs=1e-9)


def test_every_place_is_within_the_box_of_an_outermost_tile() -> None:
    low, high = tiles.Spot(4, 0, 15).values, tiles.Spot(4, 15, 0).values
    assert low["west"] == -180 and high["east"] > 180
    assert low["south"] < -90 and high["north"] > 90


def test_the_margin_is_the_same_on_every_side() -> None:
    spot = tiles.Spot(5, 27, 12).values
    margin = (spot["east"] - spot["west"]) * tiles.MARGIN / tiles.EXTENT
    assert spot["west"] - spot["near_west"] == pytest.approx(margin)
    assert spot["near_east"] - spot["east"] == pytest.approx(margin)
    assert spot["near_north"] - spot["north"] == pytest.approx(margin * 0.75, rel=0.2)
    assert spot["south"] - spot["near_south"] == pytest.approx(margin * 0.75, rel=0.2)


def test_cells_are_found_by_their_index(database: str) -> None:
    for source in ("density_cell", "density_total"):
        sql = tiles.cells(
            tiles.Spot(6, 53, 24), 12, "d.study_id = any('{1}')", source=source, exact=True
        )
        assert f"ix_{source}_level" in Flock(database).explain(sql)


@pytest.fixture(scope="module")
def herd(new_database) -> tuple[Flock, int, int]:
    flock = Flock(new_database())
    study = flock.study(flock.institute("Amur")[0], "Anywhere")
    return flock, study, flock.bird(study, "A")


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(PLACES, st.integers(0, 9))
def test_stopovers_anywhere_are_counted_once_at_every_zoom(herd, places, zoom: int) -> None:
    """The tiles around each place are read too: nothing may be counted in two."""
    flock, study, bird = herd
    flock.run("delete from stopover")
    for day, (lon, lat) in enumerate(places):
        flock.stopover(study, bird, day, lon=lon, lat=lat)
    columns, rows = (each.tolist() for each in cells_of(*np.array(places).T, zoom))
    near = {
        tiles.Spot(zoom, x + right, y + down)
        for x, y in zip(columns, rows, strict=True)
        for right, down in itertools.product((-1, 0, 1), repeat=2)
        if 0 <= x + right < 1 << zoom and 0 <= y + down < 1 << zoom
    }
    found = asyncio.run(_read(flock.dsn, study, near))
    assert sum(each.properties["n_stopovers"] for each in found) == len(places)


async def _read(dsn: str, study: int, spots: set[tiles.Spot]) -> list:
    store = Store(dsn, pool_size=1)
    try:
        async with store.read() as conn:
            audience = Audience("operator", exact=(study,))
            return [
                feature
                for spot in spots
                for feature in features(
                    await tiles.read_stopovers(conn, audience, Filters(), spot),
                    (spot.z, spot.x, spot.y),
                )
            ]
    finally:
        await store.close()
