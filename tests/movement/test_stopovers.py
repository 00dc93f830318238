import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.movement.gaps import GAP_MAX_US
from app.movement.geodesy import distance_m
from app.movement.screening import OK, screen
from app.movement.stopovers import Stays, find_stays, merge_stays
from app.movement.track import DAY_US, HOUR_US, Track
from app.seeds import profile_of
from tests.movement.journeys import fly, roll, turn

CRANE = profile_of("Grus vipio")
seeds = st.integers(0, 10_000)


def visible(track):
    return track.take(screen(track, CRANE).code == OK)


def at_places(days, lons, every_us=HOUR_US):
    """A bird that is at each longitude in turn for so many days, at 40 degrees north."""
    n = [int(d * DAY_US / every_us) for d in days]
    lon = np.repeat(lons, n).astype(float)
    size = lon.shape[0]
    return Track(np.arange(size) * every_us, lon, np.full(size, 40.0), np.full(size, 20.0))


def test_stays_of_simulated_birds_are_found_to_the_hour():
    true = found = hit = held = ends = 0
    for seed in range(200, 220):
        journey = fly(seed, stays=8, bad_share=0.003)
        stays = find_stays(visible(journey.track), CRANE)
        true, found = true + len(journey.arrival_us), found + len(stays)
        for k in range(len(stays)):
            a, b = stays.arrival_latest_us[k], stays.departure_earliest_us[k]
            both = np.minimum(b, journey.departure_us) - np.maximum(a, journey.arrival_us)
            any_ = np.maximum(b, journey.departure_us) - np.minimum(a, journey.arrival_us)
            q = int(np.argmax(both / any_))
            hit += bool((both / any_)[q] >= 0.9)
            if q > 0:
                early = stays.arrival_earliest_us[k]
                ends, held = ends + 1, held + bool(early <= journey.arrival_us[q] <= a)
            if q < len(journey.arrival_us) - 1:
                late = stays.departure_latest_us[k]
                ends, held = ends + 1, held + bool(b <= journey.departure_us[q] <= late)
    assert hit / true >= 0.98
    assert hit / found >= 0.98
    assert held / ends >= 0.92  # the interval is no wider than one step of the tag


@settings(max_examples=25, deadline=None)
@given(seeds, st.floats(-180, 180))
def test_invariants(seed, degrees):
    journey = fly(seed, stays=3, every_us=2 * HOUR_US)
    track = turn(journey.track, degrees)
    stays = find_stays(track, CRANE)
    assert np.all(stays.first[1:] > stays.last[:-1])
    assert np.all(stays.departure_earliest_us - stays.arrival_latest_us >= DAY_US)
    assert np.all(stays.arrival_earliest_us <= stays.arrival_latest_us)
    assert np.all(stays.departure_latest_us >= stays.departure_earliest_us)
    assert np.all(stays.radius_m <= CRANE.stop_radius_m * 1.1)
    assert np.all(stays.n_fixes <= stays.last - stays.first + 1)
    assert np.all(stays.max_gap_s * 1e6 <= GAP_MAX_US)
    here = find_stays(journey.track, CRANE)
    assert np.array_equal(here.first, stays.first)
    assert np.array_equal(here.last, stays.last)
    np.testing.assert_allclose(here.lat, stays.lat, atol=1e-6)
    stopovers = merge_stays(stays, CRANE)
    assert stopovers.n_fixes.sum() == stays.n_fixes.sum()
    assert np.all(stopovers.duration_min_s <= stopovers.duration_max_s)
    merged_of = np.repeat(np.arange(len(stopovers)), stopovers.last_stay - stopovers.first_stay + 1)
    assert merged_of.shape[0] == len(stays)
    for k, ring in enumerate(stays.hull):
        m = merged_of[k]
        one = np.ones(ring.shape[0])
        far = distance_m(one * stopovers.lon[m], one * stopovers.lat[m], ring[:, 0], ring[:, 1])
        assert far.max() <= stopovers.radius_m[m] + 1e-3


def test_a_brief_excursion_does_not_end_a_stay_and_a_long_one_does():
    rest = at_places([4], [116.0])
    for length, expected in ((1, 1), (2, 1), (8, 2)):
        lon = rest.lon.copy()
        lon[40 : 40 + length] += 0.5
        stays = find_stays(Track(rest.time_us, lon, rest.lat, rest.error_m), CRANE)
        assert len(stays) == expected
        assert stays.n_fixes.sum() == 96 - length


def test_a_long_silence_is_never_bridged_and_leaves_the_ends_open():
    rest = at_places([6], [116.0])
    time_us = rest.time_us + np.where(np.arange(144) >= 72, GAP_MAX_US, 0)
    stays = find_stays(Track(time_us, rest.lon, rest.lat, rest.error_m), CRANE)
    assert stays.arrival_open.tolist() == [True, True]
    assert stays.departure_open.tolist() == [True, True]
    assert np.array_equal(stays.arrival_earliest_us, stays.arrival_latest_us)
    assert stays.observed_s.tolist() == [71 * 3600.0, 71 * 3600.0]
    almost = rest.time_us + np.where(np.arange(144) >= 72, GAP_MAX_US - HOUR_US, 0)
    assert len(find_stays(Track(almost, rest.lon, rest.lat, rest.error_m), CRANE)) == 1


def test_position_error_widens_the_radius():
    rng = np.random.default_rng(5)
    n = 60
    lon, lat = 116 + rng.normal(0, 0.1, n), 40 + rng.normal(0, 0.08, n)
    every = np.arange(n) * 2 * HOUR_US
    argos = find_stays(Track(every, lon, lat, np.full(n, 8000.0)), CRANE)
    assert (len(argos), int(argos.first[0]), int(argos.last[0])) == (1, 0, n - 1)
    gps = find_stays(Track(every, lon, lat, np.full(n, 20.0)), CRANE)
    assert gps.n_fixes.sum() < argos.n_fixes.sum()


def test_times_must_increase():
    double = Track(np.zeros(2, dtype=np.int64), np.zeros(2), np.zeros(2), np.zeros(2))
    with pytest.raises(ValueError, match="screen the track"):
        find_stays(double, CRANE)


def test_nothing_from_nothing():
    empty = np.zeros(0)
    none = find_stays(Track(empty.astype(np.int64), empty, empty, empty), CRANE)
    assert len(none) == 0
    assert len(merge_stays(none, CRANE)) == 0
    assert len(find_stays(at_places([0.9], [116.0]), CRANE)) == 0


@pytest.mark.parametrize(("apart", "pause_h", "expected"), [(0.3, 1, 1), (0.4, 1, 2), (0.3, 30, 2)])
def test_near_stays_merge_and_far_or_late_ones_do_not(apart, pause_h, expected):
    two = at_places([3, 3], [116.0, 116.0 + apart])  # 0.3 degrees here are 25.6 km
    time_us = two.time_us + np.where(np.arange(144) >= 72, (pause_h - 1) * HOUR_US, 0)
    stays = find_stays(Track(time_us, two.lon, two.lat, two.error_m), CRANE)
    assert len(stays) == 2
    stopovers = merge_stays(stays, CRANE)
    assert len(stopovers) == expected
    if expected == 1:
        assert stopovers.lon[0] == pytest.approx(116 + apart / 2, abs=1e-3)
        assert stopovers.observed_s[0] == (144 - 1 + pause_h - 1) * 3600
        assert stopovers.hull[0].shape[0] == 2


@settings(max_examples=20, deadline=None)
@given(seeds)
def test_merging_is_local(seed):
    rng = np.random.default_rng(seed)
    days = rng.uniform(1.2, 4, 8)
    stays = find_stays(at_places(days, 116 + np.cumsum(rng.choice([0.25, 0.6], 8))), CRANE)
    whole = merge_stays(stays, CRANE)
    for m in range(len(whole)):
        some = slice(int(whole.first_stay[m]), int(whole.last_stay[m]) + 1)
        alone = Stays(*(getattr(stays, f.name)[some] for f in dataclasses.fields(Stays)))
        one = merge_stays(alone, CRANE)
        assert len(one) == 1
        assert one.lon[0] == whole.lon[m]
        assert one.radius_m[0] == whole.radius_m[m]


@settings(max_examples=20, deadline=None)
@given(
    seeds,
    st.tuples(st.floats(-180, 180), st.floats(-90, 90)),
    st.floats(-180, 180),
    st.integers(-(10**14), 10**14),
)
def test_stays_are_the_same_anywhere_on_the_globe_and_at_any_time(seed, axis, degrees, shift_us):
    rng = np.random.default_rng(seed)
    track = at_places(rng.uniform(1.5, 4, 4), 116.0 + 2.0 * np.arange(4))
    lat = track.lat + rng.normal(0, 0.01, len(track))
    here = Track(track.time_us, track.lon, lat, track.error_m)
    stays = find_stays(here, CRANE)
    assert len(stays) == 4
    there = roll(here, axis, degrees)
    there = Track(there.time_us + shift_us, there.lon, there.lat, there.error_m)
    others = find_stays(there, CRANE)
    assert np.array_equal(others.first, stays.first)
    assert np.array_equal(others.last, stays.last)
    assert np.array_equal(others.arrival_latest_us, stays.arrival_latest_us + shift_us)
    assert np.allclose(others.radius_m, stays.radius_m, rtol=0.01)


def test_rest_at_the_edge_belongs_to_a_stay_and_the_last_of_the_flight_does_not():
    """By day at one field, the last night at the edge of the radius, seven hours on."""
    rest = at_places([4], [116.0])
    edge = rest.lon + np.where(np.arange(96) >= 89, 0.1, 0.0)  # 8.5 km of 10
    stays = find_stays(Track(rest.time_us, edge, rest.lat, rest.error_m), CRANE)
    assert (stays.first.tolist(), stays.last.tolist()) == ([0], [95])
    assert np.all(rest.time_us[95] - stays.departure_us[0] <= HOUR_US)
