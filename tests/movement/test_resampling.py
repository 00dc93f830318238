"""Intervals over families: they hold the truth as often as they say, and depend on data alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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


def coverage(n: int, kind: str, runs: int) -> tuple[float, float]:
    """Return how often intervals hold the truth, and their width by that of true sampling."""
    chance = np.random.default_rng([n, *kind.encode()])
    found, shares = [], []
    for _ in range(runs):
        spent, whole = flock(chance, n, kind)
        found.append(share_intervals(spent, whole)[0])
        shares.append(spent.sum() / whole.sum())
    low, high = np.array(found).T
    true_width = float(np.subtract(*np.quantile(shares, [0.975, 0.025])))
    held = float(((low <= TRUTH[kind]) & (TRUTH[kind] <= high)).mean())
    return held, float((high - low).mean()) / true_width


@pytest.mark.parametrize("kind", TRUTH)
def test_intervals_hold_the_truth_as_often_as_they_say(kind: str) -> None:
    """A quick form of what `make validate` measures over 1,000 runs at 20 and at 40 birds."""
    held, width = coverage(20, kind, 120)
    assert held >= 0.88
    assert width <= 1.4


spent = st.lists(st.tuples(*[st.integers(0, 10**12)] * 3), min_size=0, max_size=25)


@settings(max_examples=40)
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


def test_the_vectorised_bootstrap_is_the_plain_one() -> None:
    """The percentiles are those of resampling families one by one, in a loop."""
    chance = np.random.default_rng(3)
    table, whole = flock(chance, 30, "even")
    low, high = share_intervals(table, whole)[0]
    plain = []
    for _ in range(4000):
        drawn = chance.integers(0, 30, 30)
        plain.append(table[drawn, 0].sum() / whole[drawn].sum())
    wide = 1.05  # Student's t of 29 degrees of freedom by the normal's 1.96, and 30/29
    ends = np.quantile(plain, [0.025, 0.975])
    middle = ends.mean()
    np.testing.assert_allclose(
        [low, high], middle + (ends - middle) * wide, atol=0.15 * (ends[1] - ends[0])
    )


def test_alike_families_have_an_interval_of_no_width() -> None:
    same = share_intervals(np.full((12, 1), 3, dtype=np.int64), np.full(12, 10, dtype=np.int64))
    np.testing.assert_allclose(same, 0.3)
