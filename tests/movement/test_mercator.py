"""Tiles of the map: every place has exactly one, and its box holds it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.movement.mercator import LAT_MAX_DEG, bounds, cells_of

LON = st.floats(-180, 180)
LAT = st.floats(-90, 90)


def cell(lon: float, lat: float, level: int) -> tuple[int, int]:
    x, y = cells_of(np.array([lon]), np.array([lat]), level)
    return int(x[0]), int(y[0])


@given(LON, LAT, st.integers(0, 20))
def test_a_cell_is_a_quarter_of_the_one_above(lon: float, lat: float, level: int) -> None:
    x, y = cell(lon, lat, level + 1)
    assert 0 <= x < 2 << level
    assert 0 <= y < 2 << level
    assert cell(lon, lat, level) == (x // 2, y // 2)


@given(LON, st.floats(-LAT_MAX_DEG, LAT_MAX_DEG), st.integers(0, 16))
def test_a_place_lies_in_the_box_of_its_cell(lon: float, lat: float, level: int) -> None:
    west, south, east, north = bounds(level, *cell(lon, lat, level))
    slack = 1e-9  # an edge is told by two formulas that may differ in the last bits
    assert west - slack <= lon <= east + slack
    assert south - slack <= lat <= north + slack


@given(st.integers(1, 16), st.data())
def test_neighbours_share_their_edges_to_the_last_bit(level: int, data: st.DataObject) -> None:
    x, y = (data.draw(st.integers(0, (1 << level) - 2)) for _ in range(2))
    assert bounds(level, x, y)[2] == bounds(level, x + 1, y)[0]
    assert bounds(level, x, y)[1] == bounds(level, x, y + 1)[3]


def test_the_ends_of_the_world() -> None:
    assert bounds(0, 0, 0) == pytest.approx((-180, -LAT_MAX_DEG, 180, LAT_MAX_DEG))
    assert cell(180, 0, 4)[0] == 15
    assert cell(-180, 0, 4)[0] == 0
    assert [cell(0, lat, 4)[1] for lat in (90, -90)] == [0, 15]


def test_known_cells() -> None:
    """Poyang Lake at zoom 10, by the formula of the definition in its other form."""
    lon, lat, n = 116.3, 29.1, 1024
    row = 1 - math.log(math.tan(math.radians(lat)) + 1 / math.cos(math.radians(lat))) / math.pi
    assert cell(lon, lat, 10) == (int((lon + 180) / 360 * n), int(row / 2 * n)) == (842, 425)
