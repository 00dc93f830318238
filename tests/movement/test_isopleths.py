from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Geod, Proj

from app.movement.isopleths import Grid, home_ranges, isopleth, volume

EARTH = Geod(ellps="WGS84")
CELLS = 60
CELL_M = 20_000.0
GRID = Grid(-CELL_M * (CELLS - 1) / 2, -CELL_M * (CELLS - 1) / 2, CELL_M, CELLS, CELLS)
SIDE = GRID.x0 + CELL_M * np.arange(CELLS)
X, Y = np.meshgrid(SIDE, SIDE)
DISK = np.exp(-((np.hypot(X, Y) / 1e5) ** 2))
RING = np.exp(-(((np.hypot(X, Y) - 3e5) / 5e4) ** 2))
PAIR = np.exp(-((X - 2e5) ** 2 + Y**2) / 5e9) + np.exp(-((X + 2e5) ** 2 + Y**2) / 5e9)
for shape in (DISK, RING, PAIR):
    shape[[0, -1]] = shape[:, [0, -1]] = 0.0


def plane(lat: float, lon: float) -> Proj:
    return Proj(f"+proj=laea +lat_0={lat} +lon_0={lon} +datum=WGS84")


MONGOLIA = plane(48.0, 115.0)


def geodesic_km2(area: shapely.MultiPolygon) -> float:
    return sum(EARTH.geometry_area_perimeter(part)[0] for part in area.geoms) / 1e6


@pytest.mark.parametrize("density", [DISK, RING, PAIR], ids=["disk", "ring", "pair"])
@pytest.mark.parametrize(
    "centre",
    [(48, 115), (45, 179.9), (0, 180), (60, -179), (-33, -180), (85, 100), (88, 0), (90, 0),
     (90, 77), (-90, 10)],
)  # fmt: skip
def test_the_polygons_cover_on_the_earth_what_they_cover_in_the_plane(density, centre):
    area_km2, area = isopleth(density, GRID, 0.9, plane(*centre))
    assert area.is_valid
    west, south, east, north = area.bounds
    assert west >= -180 and east <= 180 and south >= -90 and north <= 90
    assert all(part.exterior.is_ccw for part in area.geoms)
    assert all(not hole.is_ccw for part in area.geoms for hole in part.interiors)
    assert geodesic_km2(area) == pytest.approx(area_km2, rel=2e-4)


def test_a_normal_density_has_its_closed_form():
    x = np.arange(-100.0, 101.0)
    density = np.exp(-(((x - 0.3) ** 2 + (x[:, None] + 0.2) ** 2) / 20.0**2))
    for share in (0.5, 0.95):
        area_km2, _ = isopleth(density, Grid(-1e5, -1e5, 1e3, 201, 201), share, MONGOLIA)
        # exp(-r2 / s2) holds the share within r2 = -s2 log(1 - share)
        assert area_km2 == pytest.approx(-np.pi * 20.0**2 * np.log(1 - share), rel=0.005)


@st.composite
def densities(draw):
    """Any small density, ties and islands included, zero along the edge."""
    n = 9
    flat = draw(st.lists(st.integers(0, 4), min_size=(n - 2) ** 2, max_size=(n - 2) ** 2))
    inner = np.array(flat, dtype=float).reshape(n - 2, n - 2)
    return np.pad(inner, 1)


@settings(max_examples=25)
@given(densities(), st.sampled_from([0.05, 0.5, 0.95, 1.0]))
def test_a_plateau_lies_inside_or_outside_as_a_whole(density, share):
    """The plain rule: richest cells first until the share is held, equals with them."""
    grid = Grid(-4e4, -4e4, 1e4, 9, 9)
    area_km2, area = isopleth(density, grid, share, MONGOLIA)
    if density.sum() == 0:
        assert area_km2 == 0 and area.is_empty
        return
    levels = sorted(set(density[density > 0].tolist()), reverse=True)
    level = next(v for v in levels if density[density >= v].sum() >= share * density.sum() - 1e-9)
    lon, lat = MONGOLIA(
        *(grid.x0 + grid.cell_m * np.indices(density.shape)[::-1].reshape(2, -1)), inverse=True
    )
    inside = shapely.contains_xy(area, lon, lat)
    np.testing.assert_array_equal(inside, density.ravel() >= level)
    assert area_km2 > 0


def test_one_cell_has_an_area():
    density = np.zeros((5, 5))
    density[2, 2] = 1.0
    area_km2, area = isopleth(density, Grid(0.0, 0.0, 1000.0, 5, 5), 0.95, MONGOLIA)
    assert area_km2 == pytest.approx(0.5)
    assert geodesic_km2(area) == pytest.approx(0.5, rel=1e-3)


@settings(max_examples=20)
@given(densities(), st.floats(1e-6, 1e6))
def test_the_unit_of_mass_is_immaterial_and_more_share_is_more_area(density, unit):
    grid = Grid(-4e4, -4e4, 1e4, 9, 9)
    areas = [isopleth(density, grid, share, MONGOLIA)[0] for share in (0.2, 0.5, 0.8, 0.95)]
    assert all(a <= b for a, b in pairwise(areas))
    scaled = isopleth(density * 2.0 ** round(np.log2(unit)), grid, 0.5, MONGOLIA)[0]
    assert scaled == areas[1]


def test_turning_and_mirroring_the_density_keeps_the_area():
    rng = np.random.default_rng(5)
    density = np.pad(rng.random((20, 20)), 1)
    grid = Grid(-1e5, -1e5, 1e4, 22, 22)
    area_km2, _ = isopleth(density, grid, 0.7, MONGOLIA)
    for other in (np.rot90(density), density[::-1], density.T):
        turned, _ = isopleth(np.ascontiguousarray(other), grid, 0.7, MONGOLIA)
        assert turned == pytest.approx(area_km2, rel=1e-12)


coordinate = st.floats(-1e6, 1e6)


@given(
    st.lists(st.tuples(coordinate, coordinate), min_size=1, max_size=30),
    st.floats(1.0, 1e5),
    st.integers(3, 300),
)
def test_a_grid_holds_each_point_once_and_keeps_within_its_cells(points, cell_m, max_cells):
    x, y = np.array(points).T
    margin_m = max(cell_m, 2 * max(np.ptp(x), np.ptp(y)) / (max_cells - 1))
    grid = Grid.around(x, y, margin_m, cell_m, max_cells)
    assert grid.cell_m >= cell_m
    assert max(grid.n_x, grid.n_y) <= max_cells
    mass = np.arange(1.0, x.size + 1)
    counted = grid.histogram(x, y, mass)
    assert counted.shape == (grid.n_y, grid.n_x)
    assert counted.sum() == mass.sum()
    expected = np.zeros_like(counted)
    for i in range(x.size):
        row, column = round((y[i] - grid.y0) / grid.cell_m), round((x[i] - grid.x0) / grid.cell_m)
        expected[row, column] += mass[i]
    np.testing.assert_array_equal(counted, expected)


@given(st.integers(1, 600), st.integers(1, 600), st.integers(2, 200))
def test_a_coarser_grid_covers_the_same_ground(n_x, n_y, max_cells):
    grid = Grid(3.0, 4.0, 10.0, n_x, n_y)
    coarse = grid.coarser(max_cells)
    assert (coarse.x0, coarse.y0) == (grid.x0, grid.y0)
    assert coarse.cell_m >= grid.cell_m
    assert max(coarse.n_x, coarse.n_y) <= max(max_cells, 1)
    for fine, wide in ((n_x, coarse.n_x), (n_y, coarse.n_y)):
        assert coarse.cell_m * wide >= grid.cell_m * fine * (1 - 1e-12)


@settings(max_examples=40)
@given(densities())
def test_the_volume_of_a_cell_is_what_it_and_denser_ones_hold(density):
    if density.sum() == 0:
        return
    held = volume(density)
    for value in set(density.ravel().tolist()):
        expected = density[density >= value].sum() / density.sum()
        np.testing.assert_allclose(held[density == value], expected)


def test_a_home_range_hardly_hangs_on_the_size_of_cells():
    for cells in (31, 61, 201):
        side = np.linspace(-100.0, 100.0, cells)
        density = np.exp(-((side - 0.3) ** 2 + (side[:, None] + 0.2) ** 2) / 20.0**2)
        grid = Grid(-1e5, -1e5, 2e5 / (cells - 1), cells, cells)
        shares = (0.5, 0.95)
        found = home_ranges(density, volume(density), grid, shares, MONGOLIA)
        for share, (area_km2, shape) in zip(shares, found, strict=True):
            exact = -np.pi * 20.0**2 * np.log(1 - share)
            assert area_km2 == pytest.approx(exact, rel=0.35 * (30 / cells) ** 2 + 0.004)
            assert geodesic_km2(shape) == pytest.approx(area_km2, rel=1e-3)


def test_a_home_of_few_cells_is_drawn_by_them():
    density = np.zeros((9, 9))
    density[4, 4:6] = [0.7, 0.3]
    grid = Grid(0.0, 0.0, 1000.0, 9, 9)
    found = home_ranges(density, volume(density), grid, (0.5, 0.9), MONGOLIA)
    assert found == [isopleth(density, grid, share, MONGOLIA) for share in (0.5, 0.9)]
