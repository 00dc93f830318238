"""Intervals over families: they hold the truth as often as they say, and depend on data alone."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from app.movement.resampling import share_intervals

DAY_US = 86_400_000_000


def flock(chance: np.random.Generator, n: int, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the time of n families in one row, and all of it [us]."""
    whole = chance.gamma(4.0, 50.0 * DAY_US, n).astype(np.int64)
    shares = {
        "even": lambda: chance.beta(2.0, 2.0, n),
        "either": lambda: chance.beta(0.3, 0.5, n),
        "few": lambda: np.where(chance.random(n) < 0.35, chance.beta(2.0, 3.0, n), 0.0),
        "most": lambda: chance.beta(12.0, 2.0, n),
    }
    return np.rint(shares[kind]() * whole).astype(np.int64)[:, None], whole


TRUTH = {"even": 0.5, "either": 0.375, "few": 0.35 * 0.4, "most": 12 / 14}
"""Shares and times are drawn apart, so that the mean share is the share of all time."""


def coverage(n: int, kind: str, runs: int, seed: int = 1) -> tuple[np.ndarray, float]:
    """Return which intervals hold the truth, and their mean width by that of true sampling."""
    chance = np.random.default_rng([seed, n, *kind.encode()])
    found, shares = [], []
    for _ in range(runs):
        spent, whole = flock(chance, n, kind)
        found.append(share_intervals(spent, whole)[0])
        shares.append(spent.sum() / whole.sum())
    low, high = np.array(found).T
    true_width = float(np.subtract(*np.quantile(shares, [0.975, 0.025])))
    held = (low <= TRUTH[kind]) & (TRUTH[kind] <= high)
    return held, float((high - low).mean()) / true_width


@pytest.mark.parametrize("n", [20, 40])
@pytest.mark.parametrize("kind", TRUTH)
def test_intervals_hold_the_truth_as_often_as_they_say(kind: str, n: int) -> None:
    """What is promised, once; `make validate` measures it over 20 seeds."""
    held, width = coverage(n, kind, 1_000)
    assert 0.93 <= held.mean() <= 0.97
    assert width <= 1.3


spent = st.lists(st.tuples(*[st.integers(0, 10**12)] * 3), min_size=0, max_size=25)


@settings(max_examples=25)
@given(spent, st.randoms(use_true_random=False))
def test_neither_order_nor_idle_families_change_a_digit(rows, random) -> None:
    table = np.array(rows, dtype=np.int64).reshape(-1, 3)
    whole = table.sum(axis=1)
    expected = share_intervals(table, whole)
    order = list(range(len(rows)))
    random.shuffle(order)
    idle = np.zeros((2, 3), dtype=np.int64)
    other = np.concatenate([idle, table[order]])
    np.testing.assert_array_equal(share_intervals(other, other.sum(axis=1)), expected)
    if (whole > 0).sum() >= 2:
        share = table.sum(axis=0) / whole.sum()
        assert (expected[:, 0] >= 0).all() and (expected[:, 0] <= share).all()
        assert (share <= expected[:, 1]).all() and (expected[:, 1] <= 1).all()
    else:
        assert np.isnan(expected).all()


def test_intervals_of_families_followed_alike_are_those_of_the_mean() -> None:
    """Of equal times a share is a mean, whose error and whose degrees of freedom are known."""
    chance = np.random.default_rng(3)
    mine = chance.integers(1, 100, (9, 4))
    share = mine.mean(axis=0) / 100
    error = mine.std(axis=0, ddof=1) / 100 / 3
    away = 2.306004135 * error / (share * (1 - share))  # Student's t of 8 degrees of freedom
    odds = share / (1 - share)
    low, high = odds * np.exp(-away), odds * np.exp(away)
    np.testing.assert_allclose(
        share_intervals(mine, np.full(9, 100)),
        np.stack([low / (1 + low), high / (1 + high)], axis=1),
        rtol=1e-8,
    )


def test_families_followed_unalike_are_left_out_one_by_one() -> None:
    """The error is that of shares without each family, and long histories count for their time."""
    times, wholes = [12, 4, 7, 2], [30, 10, 10, 10]
    share = Fraction(sum(times), sum(wholes))
    without = [
        Fraction(sum(times) - mine, sum(wholes) - all_mine)
        for mine, all_mine in zip(times, wholes, strict=True)
    ]
    middle = sum(without) / 4
    error = float(sum((each - middle) ** 2 for each in without) * Fraction(3, 4)) ** 0.5
    assert Fraction(sum(wholes) ** 2, sum(each**2 for each in wholes)) == 3  # families in effect
    away = 4.302652730 * error / float(share * (1 - share))  # Student's t of 2 degrees
    found = share_intervals(np.array(times)[:, None], np.array(wholes))[0]
    for end, side in zip(found, (-1, 1), strict=True):
        odds = float(share / (1 - share)) * np.exp(side * away)
        assert end == pytest.approx(odds / (1 + odds), rel=1e-8)


def test_the_error_is_that_of_drawing_families_anew() -> None:
    """In a large flock the interval is that of the percentiles of a bootstrap, in a loop."""
    chance = np.random.default_rng(3)
    table, whole = flock(chance, 300, "even")
    plain = []
    for _ in range(4_000):
        drawn = chance.integers(0, 300, 300)
        plain.append(table[drawn, 0].sum() / whole[drawn].sum())
    ends = np.quantile(plain, [0.025, 0.975])
    np.testing.assert_allclose(
        share_intervals(table, whole)[0], ends, atol=0.05 * (ends[1] - ends[0])
    )


def test_one_history_that_outlasts_all_others_tells_next_to_nothing() -> None:
    """Its time is nearly all there is: the others can't tell how another would differ from it."""
    spent = np.array([[50_000], *([5 + k % 3] for k in range(11))])
    low, high = share_intervals(spent, np.array([100_000, *[10] * 11]))[0]
    assert low < 0.1
    assert high > 0.9


def test_alike_families_have_an_interval_of_no_width() -> None:
    same = share_intervals(np.full((12, 1), 3, dtype=np.int64), np.full(12, 10, dtype=np.int64))
    np.testing.assert_allclose(same, 0.3)


@pytest.mark.parametrize(("whole", "in_effect"), [([10] * 12, 12.0), ([30, 10, 10, 10], 3.0)])
def test_of_a_row_of_all_or_of_none_of_the_time_the_far_end_is_binomial(whole, in_effect) -> None:
    """As many families in effect, all in or none: what scipy says of as many throws of a coin."""
    time = np.array(whole, dtype=np.int64)
    found = share_intervals(np.stack([time, np.zeros_like(time)], axis=1), time)
    far = binomtest(0, round(in_effect)).proportion_ci(0.95, "exact").high
    np.testing.assert_allclose(found, [[1 - far, 1.0], [0.0, far]], rtol=1e-12)
