from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Geod, Proj

from app.movement.flyways import MAX_CELLS, Passage, build_route
from app.movement.isopleths import Grid, isopleth
from app.movement.track import DAY_US, Track
from app.movement.ways import lay_way

GEOD = Geod(ellps="WGS84")
SITES = np.array([115.0, 119.0, 130.0, -179.0]), np.array([49.7, 37.7, 32.1, 65.0])


def fixes(a, b, n=40, bow_m=0.0, *, gaps=False) -> Track:
    """Give a flight of five days; with gaps of eight days between its fixes."""
    azimuth, _, far = GEOD.inv(*a, *b)
    along = np.linspace(0, far, n)
    lon, lat, back = GEOD.fwd(np.full(n, a[0]), np.full(n, a[1]), np.full(n, azimuth), along)
    lon, lat, _ = GEOD.fwd(lon, lat, np.array(back) + 90, bow_m * np.sin(np.pi * along / far))
    step_us = 8 * DAY_US if gaps else 5 * DAY_US // (n - 1)
    return Track(np.arange(n) * step_us, np.array(lon), np.array(lat), np.full(n, 10.0))


def points(p):
    return shapely.points(p.way.lon, p.way.lat)


def passage(bird, a, b, bow_m=0.0, days=5.0, **more):
    ends = [(SITES[0][i], SITES[1][i]) for i in (a, b)]
    end_us = int(days * DAY_US)
    way = lay_way(fixes(*ends, bow_m=bow_m, **more))
    return Passage(bird, a, b, 0, end_us, days * 43_200, way)


ENDS = st.integers(-1, 3)
PASSAGES = st.lists(st.tuples(st.integers(0, 4), ENDS, ENDS, st.integers(1, 40)), max_size=40)


@given(PASSAGES)
def test_passages_are_conserved_whatever_their_ends(rows):
    made = [Passage(b, o, t, 0, d * DAY_US, d * 4e4) for b, o, t, d in rows]
    route = build_route(made, *SITES)
    assert sum(c.n_passages for c in route.connections) == len(rows)
    for c in route.connections:
        same = [r for r in rows if r[1:3] == (c.origin, c.target)]
        assert c.n_passages == len(same)
        assert c.n_birds == len({r[0] for r in same})
        assert c.travel_days_median == pytest.approx(np.median([r[3] for r in same]))
        assert 0.0 <= c.observed_share <= 1.0
        assert np.isnan(c.distance_m) == (min(c.origin, c.target) < 0)
    assert route.corridors == ()


def test_direction_counts():
    route = build_route([passage(1, 0, 1), passage(1, 1, 0), passage(2, 0, 1)], *SITES)
    assert [(c.origin, c.target, c.n_passages) for c in route.connections] == [(0, 1, 2), (1, 0, 1)]
    expected = GEOD.inv(SITES[0][0], SITES[1][0], SITES[0][1], SITES[1][1])[2]
    assert route.connections[0].distance_m == pytest.approx(expected)
    assert route.connections[0].observed_share == pytest.approx(0.5)


def check_polygons(corridor):
    shape = corridor.geometry
    assert shape.is_valid
    west, south, east, north = shape.bounds
    assert -180 <= west <= east <= 180
    assert -90 <= south <= north <= 90
    assert all(p.exterior.is_ccw and not any(h.is_ccw for h in p.interiors) for p in shape.geoms)
    km2 = abs(sum(GEOD.geometry_area_perimeter(p)[0] for p in shape.geoms)) / 1e6
    assert corridor.area_km2 == pytest.approx(km2, rel=0.01)


def test_corridors_are_valid_nested_and_hold_their_ways():
    flock = [passage(b, 0, 1, bow_m=w) for b, w in enumerate([-60e3, -20e3, 0.0, 30e3, 80e3])]
    route = build_route(flock, *SITES)
    half, most = route.corridors
    assert (half.level, most.level) == (50, 95)
    assert half.area_km2 < most.area_km2
    assert half.n_birds == most.n_birds == 5
    for corridor in route.corridors:
        check_polygons(corridor)
    assert half.geometry.difference(most.geometry).area < 1e-6 * half.geometry.area
    inside = shapely.contains(most.geometry, np.concatenate([points(p) for p in flock]))
    assert inside.mean() > 0.9


def test_a_corridor_over_the_antimeridian_is_cut_there():
    way = lay_way(fixes((170.0, 66.0), (-165.0, 63.0)))
    route = build_route([Passage(1, -1, 3, 0, DAY_US, 8e4, way)], *SITES)
    most = route.corridors[-1]
    check_polygons(most)
    assert len(most.geometry.geoms) == 2
    assert most.geometry.bounds[0] == -180
    assert most.geometry.bounds[2] == 180


def test_unobserved_ways_add_nothing():
    seen = [passage(1, 0, 1), passage(2, 0, 1, bow_m=20e3)]
    silent = passage(2, 1, 2, gaps=True)
    assert build_route([*seen, silent], *SITES).corridors == build_route(seen, *SITES).corridors
    assert build_route([silent], *SITES).corridors == ()


def test_each_bird_weighs_the_same_however_often_it_flew():
    west = [passage(1, 0, 1, bow_m=-300e3) for _ in range(9)]
    east = [passage(2, 0, 1, bow_m=300e3)]
    half = build_route(west + east, *SITES).corridors[0].geometry
    for way in (west[0].way, east[0].way):
        assert half.contains(shapely.Point(way.lon[20], way.lat[20]))


@settings(max_examples=8)
@given(st.permutations(range(6)))
def test_the_order_of_passages_is_immaterial(order):
    flock = [replace(passage(b % 3, 0, 1 + b % 2, bow_m=b * 2e4), start_us=b) for b in range(6)]
    assert build_route([flock[i] for i in order], *SITES) == build_route(flock, *SITES)


def test_birds_flying_apart_make_a_wider_corridor():
    close = build_route([passage(b, 0, 1, bow_m=b * 5e3) for b in range(6)], *SITES)
    apart = build_route([passage(b, 0, 1, bow_m=(b - 2.5) * 9e4) for b in range(6)], *SITES)
    assert apart.bandwidth_m > close.bandwidth_m


def test_a_bird_left_out_flies_within_the_corridor_of_the_others():
    rng = np.random.default_rng(3)
    flock = [passage(b, 0, 1, bow_m=rng.normal(0, 40e3)) for b in range(13)]
    inside = []
    for left in range(13):
        others = build_route([p for p in flock if p.individual != left], *SITES)
        seen = shapely.contains(others.corridors[1].geometry, points(flock[left]))
        inside.append(seen.mean())
    assert np.mean(inside) > 0.9


def test_the_grid_is_bounded_across_half_the_world():
    long = lay_way(fixes((72.0, 23.0), (179.0, 70.0), n=200))
    route = build_route([Passage(1, -1, -1, 0, DAY_US, 8e4, long)], *SITES)
    grid = Grid.around(np.array([0, 9e6]), np.array([0, 5e6]), 3e5, 5e3, MAX_CELLS)
    assert max(grid.n_x, grid.n_y) <= MAX_CELLS
    assert route.cell_m > 10_000


def test_an_isopleth_of_a_normal_density_has_the_known_area_and_keeps_holes():
    grid = Grid(-3e5, -3e5, 2e3, 301, 301)
    axis = -3e5 + 2e3 * np.arange(301)
    x, y = np.meshgrid(axis, axis)
    r2 = x**2 + y**2
    proj = Proj(proj="laea", lon_0=120, lat_0=45, ellps="WGS84")
    area, _ = isopleth(np.exp(-r2 / (2 * 5e4**2)), grid, 0.95, proj)
    assert area == pytest.approx(-2 * np.log(0.05) * np.pi * 5e4**2 / 1e6, rel=0.01)
    _, ring = isopleth(np.exp(-((np.sqrt(r2) - 1.5e5) ** 2) / (2 * 1e4**2)), grid, 0.95, proj)
    assert len(ring.geoms[0].interiors) == 1


def test_an_isopleth_may_hold_the_pole():
    grid = Grid(-5e5, -5e5, 1e4, 101, 101)
    axis = -5e5 + 1e4 * np.arange(101)
    x, y = np.meshgrid(axis, axis)
    proj = Proj(proj="laea", lon_0=0, lat_0=90, ellps="WGS84")
    _, cap = isopleth(np.exp(-(x**2 + y**2) / (2 * 1e5**2)), grid, 0.5, proj)
    assert cap.is_valid
    assert cap.bounds[3] == pytest.approx(90)
    assert cap.bounds[2] - cap.bounds[0] == pytest.approx(360)
