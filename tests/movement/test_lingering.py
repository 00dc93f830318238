from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.movement.gaps import GAP_MAX_US
from app.movement.geodesy import to_xyz
from app.movement.lingering import ALOFT_STEP_MAX_US, EXCURSION_MAX_US, scan
from app.movement.track import DAY_US, HOUR_US
from tests.movement.journeys import fly

RADIUS_M = 10_000.0
DEGREE_M = 111_000.0
RULE = np.array([float(DAY_US), RADIUS_M])


def found(time_us, north_m, *, rule=RULE, allowed=RADIUS_M):
    """Stays of a bird that moves along a meridian, by metres north of a place."""
    n = len(time_us)
    lat = 45.0 + np.asarray(north_m, dtype=float) / DEGREE_M
    inside = np.zeros(n, dtype=np.bool_)
    first, last = scan(
        np.asarray(time_us, dtype=np.int64),
        to_xyz(np.full(n, 120.0), lat),
        np.full(n, float(allowed)),
        rule,
        inside,
    )
    return list(zip(first.tolist(), last.tolist(), strict=True)), inside


def hours(n, start=0):
    return (np.arange(n) + start) * HOUR_US


def test_nothing_and_one_fix_are_no_stay():
    assert found([], [])[0] == []
    assert found([0], [0])[0] == []


def test_a_stay_lasts_a_day_to_the_microsecond():
    time_us = hours(25)
    assert found(time_us, np.zeros(25))[0] == [(0, 24)]
    time_us[-1] -= 1
    assert found(time_us, np.zeros(25))[0] == []


def test_two_fixes_a_day_apart_are_a_stay_and_over_a_long_gap_none():
    assert found([0, DAY_US], [0, 0])[0] == [(0, 1)]
    assert found([0, GAP_MAX_US], [0, 0])[0] == [(0, 1)]
    assert found([0, GAP_MAX_US + 1], [0, 0])[0] == []


def test_a_bird_that_flies_on_stays_nowhere():
    assert found(hours(100), np.arange(100) * 40_000.0)[0] == []


def test_two_places_are_two_stays():
    north = np.concatenate([np.zeros(48), 60_000.0 + np.zeros(48)])
    spans, inside = found(hours(96), north)
    assert spans == [(0, 47), (48, 95)]
    assert inside.all()


@pytest.mark.parametrize("out_h", [1, 2, 3])
def test_an_excursion_is_within_the_stay_but_its_fixes_are_not_inside(out_h):
    north = np.zeros(72)
    north[30 : 30 + out_h] = 50_000.0
    spans, inside = found(hours(72), north)
    if (out_h - 1) * HOUR_US + 2 * HOUR_US > EXCURSION_MAX_US and out_h >= 3:
        assert len(spans) == 2
    else:
        assert spans == [(0, 71)]
        assert np.flatnonzero(~inside).tolist() == list(range(30, 30 + out_h))


@pytest.mark.parametrize(("far_m", "out_h", "stays"), [
    (14_900.0, 13, 1), (14_900.0, 14, 2), (15_100.0, 13, 2), (15_100.0, 2, 1),
])  # fmt: skip
def test_a_day_in_near_fields_is_within_the_stay(far_m, out_h, stays):
    north = np.zeros(96)
    north[40 : 40 + out_h] = far_m
    spans, inside = found(hours(96), north)
    assert len(spans) == stays
    assert np.flatnonzero(~inside).tolist() == list(range(40, 40 + out_h))


@pytest.mark.parametrize("mirrored", [False, True])
def test_the_last_night_after_a_day_in_near_fields_is_of_the_stay(mirrored):
    """Less than a day at the roost is left, no stay by itself."""
    north = np.concatenate([np.zeros(60), np.full(9, 11_500.0), np.zeros(14), np.full(9, 3e5)])
    spans, _ = found(hours(92), north[::-1] if mirrored else north)
    assert spans == ([(9, 91)] if mirrored else [(0, 82)])


def test_a_bird_that_crosses_the_fields_on_its_way_out_has_left():
    north = np.concatenate([np.zeros(40), [12_000.0, 14_000.0], 14_000.0 + np.arange(1, 20) * 3e4])
    assert found(hours(61), north)[0] == [(0, 39)]


def test_one_fix_outside_is_an_excursion_however_rare_the_fixes():
    time_us = np.arange(10) * 12 * HOUR_US
    north = np.zeros(10)
    north[5] = 300_000.0
    spans, inside = found(time_us, north)
    assert spans == [(0, 9)] and not inside[5]


def test_the_last_fix_of_the_way_is_not_of_the_stay():
    """Hourly steps of 20 km towards the roost; the last of them ends 6 km before it."""
    north = np.concatenate([[-66_000.0, -46_000.0, -26_000.0, -6_000.0], np.zeros(40)])
    assert found(hours(44), north)[0] == [(4, 43)]
    mirrored = north[::-1]
    assert found(hours(44), mirrored)[0] == [(0, 39)]


def test_a_bird_that_turned_or_walked_after_a_flight_had_landed():
    """It came 20 km in an hour; only what goes straight on is still aloft."""
    hour_deg = 20_000.0 / DEGREE_M
    for on_m, turned, first in ((2_000.0, 0.0, 1), (2_000.0, 60.0, 0), (400.0, 0.0, 0)):
        aside = on_m * np.sin(np.radians(turned)) / DEGREE_M / np.cos(np.radians(45.0))
        ahead = on_m * np.cos(np.radians(turned)) / DEGREE_M
        lat = 45.0 + np.concatenate([[-2 * hour_deg, -hour_deg], [0.0], np.full(40, ahead)])
        lon = 120.0 + np.concatenate([np.zeros(3), np.full(40, aside)])
        inside = np.zeros(43, dtype=np.bool_)
        starts, _ = scan(hours(43), to_xyz(lon, lat), np.full(43, RADIUS_M), RULE, inside)
        assert starts.tolist() == [2 + first]


def test_a_slow_fix_far_out_is_not_taken_for_a_flight():
    assert ALOFT_STEP_MAX_US < 12 * HOUR_US
    time_us = np.arange(20) * 12 * HOUR_US
    north = np.concatenate([[-200_000.0, -1_900.0], np.zeros(18)])
    assert found(time_us, north)[0] == [(1, 19)]


journeys = st.integers(0, 10_000)


def scanned(track):
    inside = np.zeros(len(track), dtype=np.bool_)
    allowed = RADIUS_M + 2.0 * track.error_m
    first, last = scan(track.time_us, to_xyz(track.lon, track.lat), allowed, RULE, inside)
    return first, last, inside


@settings(max_examples=15)
@given(journeys)
def test_stays_are_long_enough_apart_and_hold_their_ends(seed):
    track = fly(seed).track
    first, last, inside = scanned(track)
    assert np.all(first[1:] > last[:-1])
    assert np.all(track.time_us[last] - track.time_us[first] >= DAY_US)
    assert inside[first].all() and inside[last].all()
    within = np.zeros(len(track), dtype=bool)
    for a, b in zip(first, last, strict=True):
        within[a : b + 1] = True
        assert np.diff(track.time_us[a : b + 1]).max(initial=0) <= GAP_MAX_US
    assert not np.any(inside & ~within)


@settings(max_examples=10)
@given(journeys, st.integers(-(10**6), 10**6))
def test_the_clock_and_the_turn_of_the_earth_are_immaterial(seed, later_s):
    track = fly(seed).track
    inside = np.zeros(len(track), dtype=np.bool_)
    xyz = to_xyz(track.lon, track.lat) @ np.array([[0.0, 1, 0], [-1, 0, 0], [0, 0, 1]])
    turned = scan(
        track.time_us + later_s * 10**6, xyz, RADIUS_M + 2.0 * track.error_m, RULE, inside
    )
    first, last, same = scanned(track)
    assert turned[0].tolist() == first.tolist() and turned[1].tolist() == last.tolist()
    assert inside.tolist() == same.tolist()
