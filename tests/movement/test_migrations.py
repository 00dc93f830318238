"""Numbers of a migration: no way is shorter than the line between its ends."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.movement.geodesy import distance_m
from app.movement.migrations import in_order, measure_way

place = st.tuples(st.floats(-180, 180), st.floats(-89, 89))
times = st.integers(0, 10**12).map(lambda time_us: time_us / 1e6)  # fixes have microseconds
leg = st.tuples(st.floats(0, 5e6), st.floats(0, 1), times)


@settings(max_examples=80)
@given(place, st.lists(st.tuples(place, leg), min_size=1, max_size=8))
def test_straightness_is_never_above_one(start, ways) -> None:
    lon, lat = np.array([start, *(where for where, _ in ways)]).T
    length, silent, seen_s = np.array([each for _, each in ways]).T
    way = measure_way(
        lon, lat, length_m=length, unobserved_m=length * silent, observed_s=seen_s
    )  # fmt: skip
    net = float(distance_m(lon[:1], lat[:1], lon[-1:], lat[-1:])[0])
    assert 0 <= way.straightness <= 1
    assert way.route_m >= net * (1 - 1e-12)
    assert way.displacement_m == pytest.approx(min(net, way.route_m))
    assert way.unobserved_m <= way.route_m * (1 + 1e-12)
    plain = sum(
        max(length[k], float(distance_m(lon[k : k + 1], lat[k : k + 1],
                                        lon[k + 1 : k + 2], lat[k + 1 : k + 2])[0]))
        for k in range(len(ways))
    )  # fmt: skip
    assert way.route_m == pytest.approx(plain)
    if seen_s.sum() > 0:
        assert way.speed_m_s == pytest.approx((length * (1 - silent)).sum() / seen_s.sum())
    else:
        assert np.isnan(way.speed_m_s)


def test_a_way_that_comes_back_is_not_straight() -> None:
    lon, lat = np.array([0.0, 1.0, 0.0]), np.zeros(3)
    none = np.zeros(2)
    way = measure_way(lon, lat, length_m=none, unobserved_m=none, observed_s=none)
    assert way.straightness == 0.0
    assert way.route_m == pytest.approx(2 * 111_319.5, rel=1e-5)


def test_countries_crossed_stand_where_they_were_crossed() -> None:
    stays = [(date(2020, 9, 1), "Mongolia"), (date(2020, 9, 20), "China"),
             (date(2020, 10, 5), "China"), (date(2020, 11, 1), "India")]  # fmt: skip
    crossed = [
        (date(2020, 10, 20), False, "Nepal"),
        (date(2020, 10, 19), False, "Nepal"),
        (date(2020, 9, 1), True, "Mongolia"),
        (date(2020, 11, 4), True, "Pakistan"),
    ]
    expected = ("Mongolia", "China", "Nepal", "India", "Pakistan")
    assert in_order(stays, crossed) == expected
    assert in_order([], []) == ()


def test_what_is_crossed_on_the_day_of_an_arrival_is_crossed_on_the_way_there() -> None:
    """Demoiselle Cranes pass Turkmenistan and reach Uzbekistan, or Nepal and India, in a day."""
    stays = [(date(2018, 3, 22), "Afghanistan"), (date(2018, 3, 24), "Uzbekistan")]
    flown, roamed = (date(2018, 3, 24), False, "Turkmenistan"), (date(2018, 3, 24), True, "Iran")
    assert in_order(stays, [flown]) == ("Afghanistan", "Turkmenistan", "Uzbekistan")
    assert in_order(stays, [roamed]) == ("Afghanistan", "Uzbekistan", "Iran")
