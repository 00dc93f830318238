from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.movement.residence import net_squared_displacement_m2, residence_time_s, visits

SPEED = 7.0


def straight(n, step_s=100.0):
    time_s = step_s * np.arange(n)
    return time_s, 0.6 * SPEED * time_s, 0.8 * SPEED * time_s


def loops(turns, radius_m, per_turn=3600):
    """Give a bird that circles around (0, 0) at an even speed, a turn in 1000 s."""
    angle = 2 * np.pi * np.arange(turns * per_turn + 1) / per_turn
    return 1000.0 * angle / (2 * np.pi), radius_m * np.cos(angle), radius_m * np.sin(angle)


def test_displacement_of_a_straight_flight_grows_with_the_square_of_time():
    time_s, x, y = straight(50)
    np.testing.assert_allclose(
        net_squared_displacement_m2(x + 3, y - 9), (SPEED * time_s) ** 2, rtol=1e-9, atol=1e-6
    )


@pytest.mark.parametrize("radius_m", [50.0, 700.0, 1234.5])
def test_a_straight_flight_passes_a_circle_in_its_diameter(radius_m):
    """Fauchald & Tveraa: twice the radius over the speed, wherever both ends are seen."""
    time_s, x, y = straight(60)
    found = residence_time_s(time_s, x, y, radius_m)
    sure = np.minimum(time_s, time_s[-1] - time_s) * SPEED > radius_m
    np.testing.assert_allclose(found[sure], 2 * radius_m / SPEED, rtol=1e-9)
    assert np.isnan(found[~sure]).all()


def test_returns_within_the_time_allowed_add_up():
    """Out and back along a line, 1000 m either way of the start at 10 m/s."""
    time_s = 10.0 * np.arange(81)
    x = 1000.0 * np.interp((time_s + 50) % 400, [0, 100, 300, 400], [0, 1, -1, 0])
    y = np.zeros(81)
    middle = 35  # at x = 0
    assert x[middle] == pytest.approx(0.0, abs=1e-9)
    assert residence_time_s(time_s, x, y, 100.0)[middle] == pytest.approx(20.0, rel=1e-9)
    # Away for 180 s between two passages of 20 s each, four of them whole or cut by the ends.
    assert np.isnan(residence_time_s(time_s, x, y, 100.0, away_max_s=181.0)[middle])
    assert residence_time_s(time_s, x, y, 100.0, away_max_s=179.0)[middle] == pytest.approx(20.0)
    assert residence_time_s(time_s, x, y, 100.0)[middle + 2] == pytest.approx(20.0)


def test_a_second_passage_counts_once_the_bird_is_gone_for_good():
    time_s = 10.0 * np.arange(60)
    x = 100.0 * np.concatenate([np.arange(-20, 10), np.arange(10, -20, -1)])
    found = residence_time_s(time_s, x, np.zeros(60), 250.0, away_max_s=160.0)
    assert x[20] == 0.0
    assert found[20] == pytest.approx(2 * 50.0, rel=1e-9)


def test_a_silence_hides_when_the_bird_left():
    time_s, x, y = straight(40)
    late = time_s + np.where(np.arange(40) > 20, 8 * 86_400.0, 0.0)
    found = residence_time_s(late, x, y, 1000.0)
    assert np.isnan(found[19:23]).all() and np.isfinite(found[10])


def test_a_bird_that_circles_crosses_a_circle_on_its_way_once_a_turn():
    """The circle around a point of the way cuts out the arc of chord r: 4 asin(r / 2R) of 2 pi."""
    time_s, x, y = loops(5, 1000.0)
    radius_m = 300.0
    seen = visits(time_s, x, y, (1000.0, 0.0), radius_m)
    inside_s = 1000.0 * 4 * np.arcsin(radius_m / 2000.0) / (2 * np.pi)
    assert len(seen) == 6
    assert seen.whole.tolist() == [False, True, True, True, True, False]
    np.testing.assert_allclose((seen.exit_s - seen.enter_s)[1:-1], inside_s, rtol=1e-5)
    np.testing.assert_allclose(np.diff(seen.enter_s[1:]), 1000.0, rtol=1e-9)


def test_short_absences_part_no_visits():
    time_s = np.arange(9.0)
    x = np.array([-10.0, 10, 10, -10, 10, 30, 30, 10, -10])
    parted = visits(time_s, x, np.zeros(9), (0.0, 0.0), 5.0)
    assert len(parted) == 4
    joined = visits(time_s, x, np.zeros(9), (0.0, 0.0), 5.0, away_min_s=2.0)
    assert joined.enter_s.tolist() == [0.25, 7.25] and joined.exit_s.tolist() == [3.75 + 0.0, 7.75]


def test_a_silence_parts_a_visit():
    day = 86_400.0
    time_s = np.array([0.0, 1, 2, 20 * day, 20 * day + 1, 20 * day + 2])
    x = np.array([-10.0, 0, 0, 0, 0, 10])
    seen = visits(time_s, x, np.zeros(6), (0.0, 0.0), 5.0, away_min_s=30 * day)
    assert seen.enter_s.tolist() == [0.5, 20 * day] and seen.exit_s[0] == 2.0
    assert seen.whole.tolist() == [False, False]


def plain_inside_s(time_s, x, y, centre, radius_m, pieces=4000):
    """Count how much of many short pieces lies within."""
    total = 0.0
    for k in range(len(time_s) - 1):
        a = (np.arange(pieces) + 0.5) / pieces
        px, py = x[k] + a * (x[k + 1] - x[k]), y[k] + a * (y[k + 1] - y[k])
        total += np.mean(np.hypot(px - centre[0], py - centre[1]) <= radius_m) * (
            time_s[k + 1] - time_s[k]
        )
    return total


coordinate = st.floats(-100, 100)


@settings(max_examples=40)
@given(
    st.lists(st.tuples(coordinate, coordinate), min_size=2, max_size=12),
    coordinate, coordinate, st.floats(1.0, 120.0), st.floats(0, 2 * np.pi),
)  # fmt: skip
def test_visits_hold_all_time_within_whatever_the_turn(places, cx, cy, radius_m, angle):
    x, y = np.array(places).T.copy()
    time_s = np.cumsum(1.0 + np.arange(len(x)) % 3)
    seen = visits(time_s, x, y, (cx, cy), radius_m)
    total = float(np.sum(seen.exit_s - seen.enter_s))
    plain = plain_inside_s(time_s, x, y, (cx, cy), radius_m)
    assert total == pytest.approx(plain, abs=3e-3 * (time_s[-1] - time_s[0]))
    assert np.all(seen.exit_s >= seen.enter_s) and np.all(seen.enter_s[1:] >= seen.exit_s[:-1])
    c, s = np.cos(angle), np.sin(angle)
    turned = visits(time_s, c * x - s * y, s * x + c * y, (c * cx - s * cy, s * cx + c * cy),
                    radius_m)  # fmt: skip
    assert float(np.sum(turned.exit_s - turned.enter_s)) == pytest.approx(total, abs=1e-4)


def test_no_fix_and_one_fix_are_no_visit():
    for n in (0, 1):
        nothing = np.zeros(n)
        assert len(visits(nothing, nothing, nothing, (0.0, 0.0), 5.0)) == 0
        assert np.isnan(residence_time_s(nothing, nothing, nothing, 5.0)).all()
        assert net_squared_displacement_m2(nothing, nothing).tolist() == [0.0] * n
