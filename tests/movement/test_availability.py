from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from app.movement.availability import class_shares, lattice


@given(st.floats(-179, 150), st.floats(-80, 70), st.floats(0.01, 20), st.floats(0.01, 9))
def test_points_lie_within_and_stand_for_equal_areas(west, south, width, height) -> None:
    box = shapely.box(west, south, west + width, south + height)
    lon, lat = lattice(shapely.MultiPolygon([box]), points=2_000)
    assert shapely.contains_xy(shapely.buffer(box, 1e-9), lon, lat).all()
    # The half of the area, not of the latitudes, holds half of the points.
    sines = np.sin(np.radians([south, south + height]))
    middle = np.degrees(np.arcsin(sines.mean()))
    if 0.1 < width / height < 10:
        assert class_shares((lat > middle).astype(int)).get(1, 0.0) == pytest.approx(0.5, abs=0.05)


def test_the_shares_of_a_known_area() -> None:
    area = shapely.MultiPolygon([shapely.box(100, 0, 104, 1), shapely.box(110, 0, 112, 1)])
    lon, _ = lattice(area)
    assert class_shares(np.digitize(lon, [102, 108])) == pytest.approx(
        {0: 1 / 3, 1: 1 / 3, 2: 1 / 3}, abs=0.01
    )


def test_a_part_too_small_for_the_lattice_has_a_place_of_its_own() -> None:
    area = shapely.MultiPolygon([shapely.box(0, 0, 10, 10), shapely.box(20, 0, 20.001, 0.001)])
    lon, _ = lattice(area, points=100)
    assert ((lon > 20) & (lon < 20.001)).sum() == 1
    assert lattice(shapely.MultiPolygon())[0].shape == (0,)
