from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from app.movement.availability import class_shares, lattice
from app.movement.coverage import OUTSIDE, of_cells, of_classes, of_designations
from app.movement.layers import NO_DAY, PolygonIndex, ProtectionIndex, RasterClasses
from app.movement.protection import State, class_of

AREA = shapely.MultiPolygon([shapely.Point(105.3, 44.7).buffer(2.0)])


def by_points(classes_at, area) -> dict[int, float]:
    """Count classes at fifty thousand points, plainly."""
    return class_shares(classes_at(*lattice(area, points=50_000)))


BOXES = st.lists(
    st.tuples(st.floats(102, 107), st.floats(42, 46), st.floats(0.2, 3), st.floats(0.2, 3)),
    max_size=5,
)


@settings(max_examples=12)
@given(BOXES)
def test_shares_of_polygons_are_those_of_many_points(rows) -> None:
    shapes = [shapely.box(x, y, x + w, y + h) for x, y, w, h in rows]
    index = PolygonIndex(shapes, np.arange(len(shapes)) % 3)
    found = index.shares_in(AREA)
    assert sum(found.values()) == pytest.approx(1.0, abs=1e-9)
    told = by_points(index.classes_at, AREA)
    assert {k: found.get(k, 0.0) for k in told} == pytest.approx(told, abs=0.01)


@settings(max_examples=8)
@given(BOXES)
def test_shares_of_designations_are_those_of_many_points(rows) -> None:
    shapes = [shapely.box(x, y, x + w, y + h) for x, y, w, h in rows]
    since = np.where(np.arange(len(shapes)) % 2, NO_DAY, 100)
    index = ProtectionIndex(shapes, np.arange(len(shapes)) % 3, since)
    found = index.shares_in(AREA)
    assert sum(found.values()) == pytest.approx(1.0, abs=1e-9)
    told = by_points(lambda x, y: index.states_at(x, y, np.full(x.size, 200)), AREA)
    assert {k: found.get(k, 0.0) for k in told} == pytest.approx(told, abs=0.01)


@settings(max_examples=8)
@given(st.integers(0, 2**31), st.integers(1, 9))
def test_shares_of_cells_are_those_of_many_points(seed, side) -> None:
    cells = np.random.default_rng(seed).integers(-1, 4, (side, side))
    index = RasterClasses(cells, (4.0 / side, 0.0, 104.0, 0.0, -4.0 / side, 46.0), nodata=3)
    found = index.shares_in(AREA)
    assert sum(found.values()) == pytest.approx(1.0, abs=1e-9)
    told = by_points(index.classes_at, AREA)
    # Within a cell of several degrees exactextract weighs north and south alike.
    assert {k: found.get(k, 0.0) for k in told} == pytest.approx(told, abs=0.03)


def test_a_part_of_a_cell_counts_as_that_part() -> None:
    """A small area within and beside one coarse cell, which no lattice of cells would tell."""
    area = shapely.box(0.9, 0.4, 1.1, 0.6)
    found = of_cells(area, np.array([[1, 2]]), (0.0, 1.0, 1.0, -1.0))
    assert found == pytest.approx({1: 0.5, 2: 0.5}, abs=1e-6)
    beyond = of_cells(area, np.array([[1]]), (0.0, 1.0, 1.0, -1.0))
    assert beyond == pytest.approx({1: 0.5, OUTSIDE: 0.5}, abs=1e-6)
    assert of_cells(area, np.array([[1]]), (50.0, 1.0, 1.0, -1.0)) == {OUTSIDE: 1.0}


def test_the_north_counts_less_than_the_south_of_the_same_degrees() -> None:
    area, south = shapely.box(0, 0, 1, 60), shapely.box(0, 0, 1, 30)
    expected = np.sin(np.radians(30)) / np.sin(np.radians(60))
    assert of_classes(area, [south], [7])[7] == pytest.approx(expected, abs=1e-6)


def test_of_one_designation_twice_the_stronger_counts() -> None:
    area, half = shapely.box(0, 0, 2, 1), shapely.box(0, 0, 1, 1)
    found = of_designations(area, [area, half], [0, 0], [State.UNDATED, State.IN_FORCE])
    assert found == pytest.approx(
        {class_of({0: State.IN_FORCE}): 0.5, class_of({0: State.UNDATED}): 0.5}
    )
