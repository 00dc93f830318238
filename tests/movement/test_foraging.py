"""Simulated days: still by night, near by day, and nearer with chicks."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from app.movement.foraging import BREEDING, ELSEWHERE, forage

REACH_M = 7_500.0


def days(n: int) -> np.ndarray:
    """Hours of days that begin at midnight, active from 5 to 19 h."""
    hour = np.arange(24 * n) % 24
    return (hour >= 5) & (hour < 19)


@given(st.integers(0, 10_000), st.integers(1, 40), st.sampled_from([BREEDING, ELSEWHERE]))
def test_nights_are_still_and_no_hour_is_beyond_reach(seed: int, n: int, how) -> None:
    active = days(n)
    place = forage(active, REACH_M, how, np.random.default_rng(seed))
    assert place.shape == (active.size, 2)
    assert np.hypot(*place.T).max() <= REACH_M * (1 + 1e-12)
    resting = ~active[1:] & ~active[:-1]
    assert not np.diff(place, axis=0)[resting].any()


@given(st.integers(0, 10_000))
def test_all_of_a_night_is_at_one_of_four_roosts(seed: int) -> None:
    active = days(30)
    place = forage(active, REACH_M, ELSEWHERE, np.random.default_rng(seed))
    assert len(np.unique(place[~active], axis=0)) <= 4


@given(st.integers(0, 10_000))
def test_fields_lie_across_the_middle_from_the_roost(seed: int) -> None:
    active = days(120)
    place = forage(active, REACH_M, ELSEWHERE, np.random.default_rng(seed))
    roost, field = place[~active].mean(axis=0), place[active].mean(axis=0)
    across = -roost / np.hypot(*roost)
    assert np.hypot(*roost) > 0.1 * REACH_M
    assert (field - roost) @ across > 0.2 * REACH_M


def test_most_middays_are_spent_at_the_roost_and_none_with_chicks() -> None:
    active = days(200)
    out_h = np.arange(active.size) % 24 - 5
    for how, share in ((ELSEWHERE, 0.9), (BREEDING, 0.0)):
        place = forage(active, REACH_M, how, np.random.default_rng(7))
        night = place[np.arange(active.size) // 24 * 24 + 23]  # of the same evening
        there = np.hypot(*(place - night).T)[(out_h >= 5) & (out_h < 8)] == 0.0
        assert abs(there.mean() - share) < 0.08


def test_birds_with_chicks_keep_nearer_and_walk_less() -> None:
    active = days(200)
    near, far = (
        forage(active, REACH_M, how, np.random.default_rng(3)) for how in (BREEDING, ELSEWHERE)
    )

    def median_step_m(place: np.ndarray) -> float:
        steps = np.hypot(*np.diff(place, axis=0).T)
        return float(np.median(steps[active[1:] & active[:-1]]))

    assert median_step_m(near) < median_step_m(far)
    assert np.median(np.hypot(*near[active].T)) < np.median(np.hypot(*far[active].T))


def test_a_bird_that_never_feeds_stays_where_it_is() -> None:
    place = forage(np.zeros(48, dtype=bool), REACH_M, ELSEWHERE, np.random.default_rng(1))
    assert len(np.unique(place, axis=0)) == 1


def test_no_hours_make_no_places() -> None:
    nowhere = forage(np.zeros(0, dtype=bool), REACH_M, ELSEWHERE, np.random.default_rng(1))
    assert nowhere.shape == (0, 2)
