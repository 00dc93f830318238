from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Geod, Proj

from app.movement.methods import LEVELS, METHODS
from app.movement.track import DAY_US, HOUR_US, Track
from app.movement.utilisation import utilise
from tests.movement.journeys import roll

EARTH = Geod(ellps="WGS84")


def at_home(n, seed=1, *, lon=116.0, lat=29.0, every_us=HOUR_US, spread_m=1500.0, memory=0.7):
    """Give a bird that keeps returning, with correlated hourly fixes."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=(n, 2)) * np.sqrt(1 - memory**2)
    place = rng.normal(size=(n, 2))
    for k in range(1, n):
        place[k] = memory * place[k - 1] + noise[k]
    plane = Proj(proj="aeqd", lon_0=lon, lat_0=lat, ellps="WGS84")
    east, north = plane(spread_m * place[:, 0], spread_m * place[:, 1], inverse=True)
    time_us = np.arange(n) * every_us
    return Track(time_us, np.asarray(east), np.asarray(north), np.full(n, 20.0))


def areas(found):
    return {each.level: each.area_km2 for each in found.isopleths}


@pytest.mark.parametrize("method", METHODS)
def test_levels_nest_and_cover_on_earth_what_is_said(method):
    found = utilise(at_home(300), method)
    assert [each.level for each in found.isopleths] == list(LEVELS)
    for inner, outer in pairwise(found.isopleths):
        assert 0 < inner.area_km2 < outer.area_km2
        lost = inner.geometry.difference(outer.geometry).area
        assert lost <= 0.02 * inner.geometry.area
    for each in found.isopleths:
        assert each.geometry.is_valid
        on_earth = sum(EARTH.geometry_area_perimeter(p)[0] for p in each.geometry.geoms) / 1e6
        assert on_earth == pytest.approx(each.area_km2, rel=1e-3)


def test_the_home_range_is_that_of_the_process():
    """Of a normal home the 95 % area is known: 2 pi sigma2 log 20, here 42.4 km2."""
    true_km2 = 2 * np.pi * 1.5**2 * np.log(20)
    home, held = [], 0
    for seed in range(12):
        track = at_home(400, seed, memory=0.9)
        found = utilise(track, "akde", (95,))
        home.append(areas(found)[95])
        (widest,) = found.isopleths
        held += widest.area_low_km2 <= true_km2 <= widest.area_high_km2
        assert found.n_effective < 100 < found.n_fixes
    assert np.mean(home) == pytest.approx(true_km2, rel=0.12)
    assert held >= 9


@settings(max_examples=8)
@given(st.integers(0, 50), st.sampled_from(METHODS), st.sampled_from([0.0, 63.9, 64.0, -120.0]))
def test_where_on_a_parallel_the_bird_lives_is_immaterial(seed, method, turn):
    track = at_home(120, seed)
    lon = (track.lon + turn + 180.0) % 360.0 - 180.0
    here = utilise(track, method)
    there = utilise(Track(track.time_us, lon, track.lat, track.error_m), method)
    for one, other in zip(here.isopleths, there.isopleths, strict=True):
        assert other.area_km2 == pytest.approx(one.area_km2, rel=5e-3)
        west, _, east, _ = other.geometry.bounds
        assert west >= -180.0 and east <= 180.0


@settings(max_examples=6)
@given(
    st.sampled_from(METHODS),
    st.tuples(st.floats(-180, 180), st.floats(-90, 90)),
    st.floats(-180, 180),
)
def test_where_on_the_globe_the_bird_lives_is_immaterial(method, axis, degrees):
    track = at_home(120, 3)
    here, there = utilise(track, method), utilise(roll(track, axis, degrees), method)
    for one, other in zip(here.isopleths, there.isopleths, strict=True):
        assert other.area_km2 == pytest.approx(one.area_km2, rel=0.03)


@settings(max_examples=8)
@given(st.integers(0, 50), st.sampled_from(METHODS), st.integers(0, 400))
def test_neither_copies_nor_the_year_change_anything(seed, method, weeks):
    track = at_home(100, seed)
    again = np.sort(np.concatenate([np.arange(100), np.random.default_rng(seed).choice(100, 30)]))
    moved = track.take(again)
    later = Track(moved.time_us + weeks * 7 * DAY_US, moved.lon, moved.lat, moved.error_m)
    one, other = utilise(track, method), utilise(later, method)
    assert (one is None) == (other is None)
    if one is not None and other is not None:
        assert (other.n_fixes, other.n_effective) == (one.n_fixes, one.n_effective)
        assert areas(other) == areas(one)
        assert other.parameters == one.parameters


def test_of_two_places_at_one_time_the_order_of_arrival_chooses_none():
    track = at_home(60)
    time_us = np.repeat(track.time_us, 2)
    lon = np.column_stack([track.lon, track.lon + 0.001]).ravel()
    lat, error_m = np.repeat(track.lat, 2), np.repeat(track.error_m, 2)
    swapped = np.arange(120).reshape(-1, 2)[:, ::-1].ravel()
    one = utilise(Track(time_us, lon, lat, error_m), "bb")
    other = utilise(Track(time_us, lon[swapped], lat, error_m), "bb")
    assert areas(one) == areas(other)


def test_a_tag_that_sends_more_often_weighs_no_more():
    hourly = at_home(80)
    minute = 60_000_000
    often = Track(
        (hourly.time_us[:, None] + np.arange(0, 30, 3) * minute).ravel(),
        np.repeat(hourly.lon, 10), np.repeat(hourly.lat, 10), np.repeat(hourly.error_m, 10),
    )  # fmt: skip
    assert areas(utilise(often, "kde")) == areas(utilise(hourly, "kde"))


def test_a_silence_is_no_way():
    """Two haunts 400 km apart with a month of silence between: nothing lies between them."""
    one, other = at_home(200), at_home(200, 2, lat=33.0)
    track = Track(
        np.concatenate([one.time_us, other.time_us + 30 * DAY_US]),
        np.concatenate([one.lon, other.lon]), np.concatenate([one.lat, other.lat]),
        np.concatenate([one.error_m, other.error_m]),
    )  # fmt: skip
    between = shapely.box(114, 29.9, 118, 32.1)
    for method in ("bb", "dbb"):
        found = utilise(track, method)
        assert not any(each.geometry.intersects(between) for each in found.isopleths)
        assert found.unobserved_s > 20 * 86_400
    assert utilise(track, "kde").unobserved_s == pytest.approx(
        (30 * DAY_US - one.time_us[-1]) / 1e6
    )


@pytest.mark.parametrize("method", METHODS)
def test_too_few_fixes_or_one_place_have_no_area(method):
    track = at_home(100)
    assert utilise(track.take(slice(0, 0)), method) is None
    assert utilise(track.take(slice(0, 9)), method) is None
    still = Track(track.time_us, np.full(100, 116.0), np.full(100, 29.0), track.error_m)
    assert utilise(still, method) is None


@pytest.mark.parametrize("method", ["kde", "akde"])
def test_half_a_year_at_one_place_with_one_fix_far_off_has_its_areas(method):
    """The bandwidth is a two-hundredth of what the grid has to hold."""
    home, n = at_home(4_500, spread_m=100.0, memory=0.0), 4_500
    lon = home.lon + np.where(np.arange(n) == n // 2, 5.0, 0.0)
    found = utilise(Track(home.time_us, lon, home.lat, home.error_m), method)
    assert found.parameters["cell_m"] <= found.parameters["bandwidth_m"]
    (west, south, east, north) = found.isopleths[-1].geometry.bounds
    assert west > 115.9 and south > 28.9 and east < 116.1 and north < 29.1


def test_a_bird_on_its_way_has_no_home():
    n = 300
    rng = np.random.default_rng(4)
    track = Track(
        np.arange(n) * HOUR_US, 116.0 + rng.normal(0, 0.05, n), np.linspace(29.0, 50.0, n),
        np.full(n, 20.0),
    )  # fmt: skip
    assert utilise(track, "akde") is None
    assert utilise(track, "bb") is not None
