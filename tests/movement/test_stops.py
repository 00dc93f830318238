"""Stops are those of MovingPandas, whatever the track, and however it arrives."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from app.movement import enclosing, stops
from app.movement.compat import generalised, peer_stops
from app.movement.geodesy import distance_m
from app.movement.lines import draw
from app.movement.stops import (
    FRESH,
    StopRule,
    StopState,
    centres,
    comparable,
    extend_stops,
    find_stops,
    open_stop,
)
from app.movement.track import HOUR_US
from app.store.sight import STOP_PARAMETERS

from .agreement import CENTRE_DEG, RULES, Kept, Verdict, a_rule, gps_sets, roughen, wander

BIRDS_OF_A_SET = 3
FIXES_OF_A_BIRD = 300
"""MovingPandas takes 1 to 6 thousand a second; `make validate` takes every bird whole."""
APPEND_ORDERS = 1_000

seeds = st.integers(0, 2**32 - 1)


@pytest.fixture(scope="module")
def shared_sets(shared_data):
    return gps_sets(shared_data)


@pytest.fixture(scope="module")
def kept():
    """What MovingPandas says of the same birds is asked once for each version of it."""
    return Kept()


def test_the_shared_sets_are_those_that_were_agreed(shared_sets):
    assert len(shared_sets) >= 5
    assert sum(len(birds) for birds in shared_sets.values()) >= 35


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.max_diameter_m / 1000:g}km")
def test_real_birds_stop_where_movingpandas_says(shared_sets, kept, rule):
    for name, birds in shared_sets.items():
        verdict = Verdict(kept)
        for time_us, lon, lat in birds[:BIRDS_OF_A_SET]:
            part = slice(0, FIXES_OF_A_BIRD)
            verdict.add((time_us[part], lon[part], lat[part]), rule)
        assert verdict.identical, name
        assert verdict.tracks


@settings(max_examples=25, deadline=None)
@given(seeds)
def test_random_tracks_stop_where_movingpandas_says(seed):
    rng = np.random.default_rng(seed)
    verdict = Verdict()
    track = wander(rng, int(rng.integers(2, 100)))
    verdict.add(roughen(rng, track) if seed % 2 else track, a_rule(rng))
    assert verdict.identical


def test_however_fixes_arrive_the_stops_are_the_same():
    rng = np.random.default_rng(1)
    for _ in range(APPEND_ORDERS):
        track, rule = wander(rng, int(rng.integers(2, 150))), a_rule(rng)
        cuts = np.sort(rng.integers(0, len(track[0]) + 1, int(rng.integers(1, 12))))
        ended, state = [np.empty((0, 2), dtype=np.int64)], FRESH
        for piece in zip(*(np.split(column, cuts) for column in track), strict=True):
            found, state = extend_stops(state, *piece, rule)
            ended.append(found)
            state = StopState.from_bytes(state.to_bytes())
        last = open_stop(state, rule)
        pieces = np.vstack([*ended, *([] if last is None else [[last]])])
        assert_array_equal(pieces, find_stops(*track, rule))


def test_any_stop_is_a_place_to_begin_again():
    rng = np.random.default_rng(2)
    begun = 0
    for _ in range(12):
        track, rule = wander(rng, 300), StopRule(1_000.0, HOUR_US)
        whole = find_stops(*track, rule)
        for _, end in whole[:-1]:
            later = track[0] > end
            again = find_stops(*(column[later] for column in track), rule)
            assert_array_equal(again, whole[whole[:, 0] > end])
            begun += 1
    assert begun > 40


@settings(max_examples=100, deadline=None)
@given(seeds)
def test_the_estimate_is_certain_only_when_it_is_right(seed):
    rng = np.random.default_rng(seed)
    lat = rng.uniform(-80, 80, 50)
    lon = rng.uniform(-170, 170, 50)
    size = 10.0 ** rng.uniform(-6, 1, 50)
    lon_b = np.clip(lon + rng.normal(0, 1, 50) * size, -180, 180)
    lat_b = np.clip(lat + rng.normal(0, 1, 50) * size, -85, 85)
    exact = distance_m(lon, lat, lon_b, lat_b)
    limit = exact * rng.choice([0.5, 0.999, 1 - 1e-6, 1 + 1e-6, 1.001, 2.0], 50)
    for k in range(50):
        said = enclosing.compare(lon[k], lat[k], lon_b[k], lat_b[k], limit[k])
        assert said in ({enclosing.UNSURE, int(exact[k] < limit[k])})


def test_a_window_near_the_limit_is_measured_on_the_ellipsoid(monkeypatch):
    asked = []
    real = stops.measured
    monkeypatch.setattr(stops, "measured", lambda *a: asked.append(a) or real(*a))
    lon = np.array([120.0, 120.01])
    lat = np.array([40.0, 40.0])
    apart = float(distance_m(lon[:1], lat[:1], lon[1:], lat[1:])[0])
    for off, stopped in ((-1e-7, False), (1e-7, True)):
        found = find_stops(np.array([0, 4 * HOUR_US]), lon, lat, StopRule(apart + off, HOUR_US))
        assert len(found) == stopped
    assert len(asked) == 2


@pytest.mark.parametrize(
    ("time_h", "lon", "lat"),
    [
        ([0], [120.0], [40.0]),
        ([0, 0], [120.0, 120.1], [40.0, 40.0]),
        ([0, 1], [179.9, -179.9], [0.0, 0.0]),
        ([0, 1], [0.0, 90.0], [89.9, 89.9]),
    ],
    ids=["one fix", "equal times", "antimeridian", "pole"],
)
def test_what_movingpandas_does_not_take_is_told_apart(time_h, lon, lat):
    time_us = np.array(time_h) * HOUR_US
    assert not comparable(time_us, np.array(lon), np.array(lat))
    find_stops(time_us, np.array(lon), np.array(lat), StopRule())  # and harms nobody


def test_equal_places_are_one_place():
    time_us = np.arange(5) * HOUR_US
    same = np.full(5, 120.0), np.full(5, 40.0)
    found = find_stops(time_us, *same, StopRule())
    assert found.tolist() == [[0, 4 * HOUR_US]]
    theirs, centre = peer_stops(time_us, *same, StopRule())
    assert_array_equal(found, theirs)
    lon, lat, n_fixes = centres(time_us, *same, found)
    assert np.abs(np.column_stack([lon, lat]) - centre).max() <= CENTRE_DEG
    assert n_fixes.tolist() == [5]


def test_places_on_a_line_are_left_to_the_library_that_movingpandas_asks():
    """GEOS sees a sliver of a triangle here and gives a rectangle around two of the three."""
    time_us = np.array([0, 1.0, 2.0]) * HOUR_US
    lon = np.array([120.01, 119.98, 119.95])
    lat = np.array([-18.388365544225568, -18.37836554422557, -18.36836554422557])
    rule = StopRule(5_000.0, HOUR_US)
    assert_array_equal(
        find_stops(time_us.astype(np.int64), lon, lat, rule),
        peer_stops(time_us.astype(np.int64), lon, lat, rule)[0],
    )


def test_no_fix_is_no_stop():
    empty = np.empty(0)
    found, state = extend_stops(FRESH, np.empty(0, dtype=np.int64), empty, empty, StopRule())
    assert found.shape == (0, 2)
    assert open_stop(state, StopRule()) is None


@pytest.mark.parametrize("saved", [b"", b"short", FRESH.to_bytes() + b"x"])
def test_bytes_that_are_no_state_are_refused(saved):
    with pytest.raises(ValueError, match="derive it again"):
        StopState.from_bytes(saved)


def test_a_long_stop_is_remembered_by_its_hull():
    rng = np.random.default_rng(3)
    time_us = np.arange(20_000) * HOUR_US // 6
    lon, lat = 120 + rng.normal(0, 0.02, 20_000), 40 + rng.normal(0, 0.02, 20_000)
    _, state = extend_stops(FRESH, time_us, lon, lat, StopRule(60_000.0, 24 * HOUR_US))
    assert state.stopped
    assert len(state.to_bytes()) < 1_000


def test_the_stored_rule_is_told_as_it_is():
    rule = StopRule()
    said = f"{rule.max_diameter_m / 1000:g} km, {rule.min_duration_us / HOUR_US:g} h"
    assert said == STOP_PARAMETERS


@settings(max_examples=25, deadline=None)
@given(seeds, st.sampled_from([0.0005, 0.002, 0.02]))
def test_drawn_tracks_keep_the_fixes_that_movingpandas_keeps(seed, tolerance_deg):
    time_us, lon, lat = wander(np.random.default_rng(seed), 60)
    assume(len(np.unique(np.column_stack([lon, lat]), axis=0)) == 60)  # it keeps places, not fixes
    _, kept_lon, kept_lat = generalised(time_us, lon, lat, tolerance_deg)
    drawn = np.vstack([line.coords for line in draw(lon, lat, tolerance_deg).geoms])
    assert_array_equal(drawn, np.column_stack([kept_lon, kept_lat]))
