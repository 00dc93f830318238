"""Runs of fixes so far out, and back so soon, that no bird flew them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.movement.excursions import (
    AWAY_FAR_M,
    AWAY_FAR_RETURN,
    AWAY_FIXES,
    AWAY_MAX_US,
    AWAY_MIN_M,
    AWAY_RETURN,
    out_and_back,
)
from app.movement.track import HOUR_US


def plainly(time_us, place_m):
    """Say it of every pair of fixes and all that lie between them."""
    out = np.zeros(len(time_us), dtype=bool)
    for i in range(len(time_us)):
        for j in range(i + 2, len(time_us)):
            between = place_m[i + 1 : j]
            if len(between) > AWAY_FIXES or time_us[j] - time_us[i] > AWAY_MAX_US:
                continue
            away = min(np.hypot(*(between - place_m[end]).T).min() for end in (i, j))
            share = AWAY_FAR_RETURN if away >= AWAY_FAR_M else AWAY_RETURN
            if away >= AWAY_MIN_M and np.hypot(*(place_m[j] - place_m[i])) < share * away:
                out[i + 1 : j] = True
    return out


def walk(east_km, hours=4):
    place = np.column_stack((np.array(east_km) * 1e3, np.zeros(len(east_km))))
    return np.arange(len(east_km)) * hours * HOUR_US, place


@pytest.mark.parametrize("run", [1, AWAY_FIXES])
def test_a_run_at_one_wrong_place_is_out(run):
    found = out_and_back(*walk([0, 1, 0, *[90] * run, 2, 1]))
    assert np.flatnonzero(found).tolist() == list(range(3, 3 + run))


@pytest.mark.parametrize(
    "east_km",
    [
        [0, 1, *[90] * (AWAY_FIXES + 1), 1, 0],  # a stay
        [0, 1, 30, 1, 0],  # a trip that birds make
        [0, 60, 120, 180, 240],  # a flight on
        [0, 100, 60, 160, 220],  # a turn in flight of less than the far ones
    ],
)
def test_what_birds_do_stays(east_km):
    assert not out_and_back(*walk(east_km)).any()


def test_out_for_days_is_a_journey():
    assert out_and_back(*walk([0, 90, 0], hours=30)).any()
    assert not out_and_back(*walk([0, 90, 0], hours=31)).any()


steps = st.lists(
    st.tuples(st.sampled_from([1, 4, 24, 50]), st.integers(-200, 200), st.integers(-200, 200)),
    max_size=16,
)


@given(steps)
def test_it_says_what_the_rule_says_forward_and_backward(steps):
    hours, east, north = np.array(steps, dtype=np.int64).reshape(-1, 3).T
    time_us, place_m = np.cumsum(hours) * HOUR_US, np.column_stack((east, north)) * 1e3
    found = out_and_back(time_us, place_m)
    assert found.tolist() == plainly(time_us, place_m).tolist()
    back = out_and_back(-time_us[::-1].copy(), place_m[::-1].copy())
    assert back[::-1].tolist() == found.tolist()
