from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from app.movement.enclosing import (
    BOX_FACTOR,
    NO,
    UNSURE,
    YES,
    box_of,
    compare,
    fits,
    grown,
    hull_of,
    inside,
    measured,
)
from app.movement.geodesy import distance_m

# A lattice finds equal places, lines and ties; seeds find the rest.
lattice = st.tuples(st.integers(-4, 4), st.integers(-4, 4))
lattices = st.lists(lattice, min_size=1, max_size=15)
seeds = st.integers(0, 2**32)


def of(places):
    lon, lat = (np.array(v, dtype=float) for v in zip(*places, strict=True))
    return lon, lat


def cloud(seed, n=20, lon=120.0, lat=40.0, spread=0.05):
    rng = np.random.default_rng(seed)
    return lon + rng.normal(0, spread, n), lat + rng.normal(0, spread, n)


def hull(lon, lat, a=0, b=None):
    out = np.empty(lon.shape[0] + 1, dtype=np.int64)
    b = lon.shape[0] if b is None else b
    return out[: hull_of(lon, lat, a, b, out)].copy()


def shape_of(lon, lat, index):
    return shapely.convex_hull(shapely.multipoints(np.column_stack([lon[index], lat[index]])))


@settings(max_examples=60)
@given(lattices)
def test_the_hull_is_the_hull_of_geos(places):
    lon, lat = of(places)
    corners = hull(lon, lat)
    assert len({(lon[i], lat[i]) for i in corners}) == corners.shape[0]  # no place twice
    whole = shape_of(lon, lat, np.arange(lon.shape[0]))
    assert shapely.equals(shape_of(lon, lat, corners), whole)
    if whole.geom_type == "Polygon":
        ring = shapely.LinearRing(np.column_stack([lon[corners], lat[corners]]))
        assert ring.is_ccw
        assert shapely.Polygon(ring).area == pytest.approx(whole.area)


@settings(max_examples=40)
@given(seeds, st.integers(0, 5), st.integers(6, 20))
def test_the_hull_of_a_window_knows_nothing_of_the_rest(seed, a, b):
    lon, lat = cloud(seed)
    corners = hull(lon, lat, a, b)
    assert a <= corners.min() and corners.max() < b
    assert shapely.equals(shape_of(lon, lat, corners), shape_of(lon, lat, np.arange(a, b)))


@settings(max_examples=40)
@given(lattices)
def test_a_hull_grown_fix_by_fix_is_the_hull_of_all(places):
    lon, lat = of(places)
    corners = np.empty(lon.shape[0] + 2, dtype=np.int64)
    corners[0], h = 0, 1
    for i in range(1, lon.shape[0]):
        h = grown(lon, lat, corners, h, i)
    whole = shape_of(lon, lat, np.arange(lon.shape[0]))
    assert shapely.equals(shape_of(lon, lat, corners[:h]), whole)


@settings(max_examples=60)
@given(lattices, lattice)
def test_a_fix_called_inside_lies_inside_or_on_a_corner(places, place):
    lon, lat = of([*places, place])
    n = len(places)
    corners = hull(lon, lat, 0, n)
    said = inside(lon, lat, corners, corners.shape[0], n)
    around = shape_of(lon, lat, np.arange(n))
    point = shapely.Point(*place)
    is_corner = any((lon[i], lat[i]) == place for i in corners)
    strictly = around.geom_type == "Polygon" and around.contains_properly(point)
    assert said == (strictly or is_corner)  # small whole numbers: no turn is uncertain


@settings(max_examples=30)
@given(st.lists(lattice, min_size=6, max_size=6), st.integers(0, 2), st.integers(3, 6))
def test_the_box_holds_its_fixes_and_touches_them(places, a, b):
    lon, lat = of(places)
    west, south, east, north = box_of(lon, lat, a, b)
    assert (west, east) == (lon[a:b].min(), lon[a:b].max())
    assert (south, north) == (lat[a:b].min(), lat[a:b].max())


places_m = st.tuples(st.floats(-179, 179), st.floats(-79.9, 79.9))


@settings(max_examples=80)
@given(places_m, st.floats(-1, 1), st.floats(-1, 1), st.floats(0.5, 2.0))
def test_a_certain_distance_is_right(place, east, north, share):
    lon, lat = place
    other = lon + east, max(-79.9, min(79.9, lat + north))
    exact = float(distance_m(*(np.array([v]) for v in (lon, lat, *other)))[0])
    assume(exact > 1e-3)
    for limit in (exact * share, np.nextafter(exact, np.inf), np.nextafter(exact, 0)):
        said = compare(lon, lat, *other, limit)
        assert said in {UNSURE, YES if exact < limit else NO}
    if exact > 1.0 and abs(share - 1.0) > 0.02:
        assert compare(lon, lat, *other, exact * share) != UNSURE


@settings(max_examples=60)
@given(seeds, st.floats(0.3, 2.5), st.integers(1, 25))
def test_a_certain_fit_is_what_is_measured(seed, share, n):
    lon, lat = cloud(seed, n)
    corners = hull(lon, lat)
    rough = 4 * 0.05 * 111_000.0
    said = fits(lon, lat, corners, rough * share)
    if said != UNSURE:
        assert said == (YES if measured(lon, lat, rough * share) else NO)


@settings(max_examples=40)
@given(lattices, st.floats(1e4, 2e6))
def test_ties_and_lines_are_certain_only_where_they_are_right(places, limit_m):
    lon, lat = of(places)
    said = fits(lon, lat, hull(lon, lat), limit_m)
    if said != UNSURE:
        assert said == (YES if measured(lon, lat, limit_m) else NO)


def test_one_place_fits_any_diameter_but_none():
    lon, lat = np.full(3, 120.0), np.full(3, 40.0)
    assert fits(lon, lat, hull(lon, lat), 1e-9) == YES
    assert fits(lon, lat, hull(lon, lat), 0.0) == NO
    assert measured(lon, lat, 1e-9) and not measured(lon, lat, 0.0)


@settings(max_examples=40)
@given(seeds, st.integers(2, 12))
def test_more_room_never_makes_a_stop_none(seed, n):
    lon, lat = cloud(seed, n)
    limits = np.linspace(1_000.0, 60_000.0, 40)
    said = [measured(lon, lat, limit) for limit in limits]
    assert said == sorted(said)


def test_the_box_is_asked_before_the_rectangle():
    """A diagonal row: its rectangle is a line as long as the box's diagonal, never longer."""
    lon, lat = 120.0 + np.array([0.0, 0.1, 0.2]), 40.0 + np.array([0.0, 0.1, 0.2])
    far = float(distance_m(lon[:1], lat[:1], lon[2:], lat[2:])[0])
    assert not measured(lon, lat, far / BOX_FACTOR)
    assert not measured(lon, lat, far * 0.999)
    assert measured(lon, lat, far * 1.001)
