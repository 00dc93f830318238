import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.movement.gaps import GAP_MAX_US
from app.movement.geodesy import path_length_m
from app.movement.legs import measure_leg, spans
from app.movement.steps import steps
from app.movement.stopovers import find_stays, merge_stays
from app.movement.track import HOUR_US, Track
from app.seeds import profile_of
from tests.movement.journeys import fly

CRANE = profile_of("Grus vipio")


def with_gaps(seed):
    rng = np.random.default_rng(seed)
    track = fly(seed, stays=4).track
    jump = (rng.random(len(track)) < 0.004) * int(GAP_MAX_US * rng.uniform(0.9, 3))
    return Track(track.time_us + np.cumsum(jump), track.lon, track.lat, track.error_m)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_spans_add_up_to_the_whole_and_legs_keep_their_bounds(seed):
    track = with_gaps(seed)
    stays = find_stays(track, CRANE)
    every = spans(track, stays)
    assert sum(s.end_us - s.start_us for s in every) == track.time_us[-1] - track.time_us[0]
    assert all(a.end_us == b.start_us for a, b in itertools.pairwise(every))
    assert [s.first for s in every if s.kind == "stay"] == stays.first.tolist()
    assert all(
        (s.kind == "unobserved") == (s.end_us - s.start_us > GAP_MAX_US and s.last == s.first + 1)
        for s in every
        if s.kind != "stay"
    )
    stopovers = merge_stays(stays, CRANE)
    leave, reach = stays.last[stopovers.last_stay[:-1]], stays.first[stopovers.first_stay[1:]]
    legs = [measure_leg(track, a, b) for a, b in zip(leave.tolist(), reach.tolist(), strict=True)]
    for leg in legs:
        assert leg.length_m >= leg.displacement_m
        assert 0 <= leg.straightness <= 1
        assert leg.start_us < leg.end_us
        whole_s = (leg.end_us - leg.start_us) / 1e6
        assert leg.observed_s + leg.unobserved_s == pytest.approx(whole_s, abs=1e-6)
        assert leg.unobserved_m <= leg.length_m
        assert (leg.parts[0].first, leg.parts[-1].last) == (leg.first, leg.last)


def test_a_leg_with_a_gap_is_split_there():
    time_us = np.array([0, 1, 2, 2 + 200, 203]) * HOUR_US
    track = Track(time_us, np.zeros(5), np.array([0.0, 0.3, 0.6, 5.0, 5.3]), np.zeros(5))
    leg = measure_leg(track, 0, 4)
    kinds = [(p.kind, p.first, p.last) for p in leg.parts]
    assert kinds == [("observed", 0, 2), ("unobserved", 2, 3), ("observed", 3, 4)]
    assert leg.observed_s == 3 * 3600
    assert leg.unobserved_s == 200 * 3600
    assert leg.unobserved_m == pytest.approx(486_600, rel=1e-3)
    assert leg.speed_max_m_s == pytest.approx(0.3 * 110_600 / 3600, rel=1e-2)


def test_a_leg_that_goes_nowhere():
    track = Track(np.array([0, HOUR_US]), np.zeros(2), np.zeros(2), np.zeros(2))
    leg = measure_leg(track, 0, 1)
    assert (leg.length_m, leg.straightness) == (0.0, 1.0)
    assert np.isnan(measure_leg(track, 0, 0).speed_max_m_s)
    assert spans(track.take(slice(0, 0)), find_stays(track.take(slice(0, 0)), CRANE)) == []


def test_steps_of_a_known_way():
    track = Track(np.array([0, 0, HOUR_US]), np.array([0.0, 0.0, 1.0]), np.zeros(3), np.zeros(3))
    step = steps(track)
    assert step.distance_m[1] == pytest.approx(111_319.491, abs=1e-3)
    assert step.azimuth_deg[1] == pytest.approx(90.0)
    assert np.isnan(step.speed_m_s[0])
    assert step.distance_m.sum() == path_length_m(track.lon, track.lat)
