"""The arithmetic of tiles is PostGIS's own, and reads of small tiles go by an index."""

from __future__ import annotations

import psycopg
import pytest

from app.movement.mercator import bounds
from app.store import tiles
from tests.store.flock import Flock


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
    sql = tiles.cells(tiles.Spot(6, 53, 24), 12, "not d.public and d.study_id = any('{1}')")
    assert "ix_density_cell_level" in Flock(database).explain(sql)
