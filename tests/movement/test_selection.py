from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.movement.selection import block_bootstrap, jacobs, manly, manly_pooled, select
from tests.movement import home_ranges

shares = st.lists(st.floats(0.01, 100.0), min_size=2, max_size=6)


@pytest.fixture
def reference(shared_data):
    if not home_ranges.folder().is_dir():
        pytest.skip("shared reference absent")


def test_ratios_agree_with_adehabitat(reference):
    rows = list(home_ranges.ratios())
    assert len(rows) == 20
    assert max(w.off for w, _ in rows) < 1e-9
    assert max(se.off for _, se in rows) < 1e-6


@given(shares, st.floats(0.1, 10.0))
def test_use_as_by_chance_selects_nothing(available, unit):
    p = np.array(available)
    np.testing.assert_allclose(manly_pooled(unit * p, p).ratio, 1.0)
    np.testing.assert_allclose(manly(np.stack([p, unit * p]), p).ratio, 1.0)
    np.testing.assert_allclose(jacobs(unit * p, p), 0.0, atol=1e-9)


@given(shares, st.randoms(use_true_random=False))
def test_ratios_weigh_to_one_and_indices_keep_their_bounds(available, random):
    p = np.array(available)
    used = np.array([random.uniform(0.01, 9.0) for _ in available])
    assert np.sum(manly_pooled(used, p).ratio * p / p.sum()) == pytest.approx(1.0)
    assert np.all(np.abs(jacobs(used, p)) <= 1.0 + 1e-12)


def test_what_is_not_there_has_no_ratio():
    found = manly(np.array([[1.0, 0.0], [2.0, 0.0]]), np.array([1.0, 0.0]))
    assert found.ratio[0] == 1.0 and np.isnan(found.ratio[1])
    assert np.isnan(jacobs(np.array([1.0, 0.0]), np.array([1.0, 0.0])))[0]


def test_blocks_tell_how_sure_a_share_is():
    """Of n blocks, each wholly in one of two habitats, the share has the binomial error."""
    used = np.repeat(np.eye(2), 50, axis=0)
    low, high = block_bootstrap(used, lambda u: u / u.sum(), draws=2000)
    width = 1.96 * np.sqrt(0.25 / 100)
    np.testing.assert_allclose(low, 0.5 - width, atol=0.02)
    np.testing.assert_allclose(high, 0.5 + width, atol=0.02)
    # The same fixes in as many blocks as fixes would look ten times surer than they are.
    fine = np.repeat(used / 100, 100, axis=0)
    tight = block_bootstrap(fine, lambda u: u / u.sum(), draws=200)
    assert (tight[1] - tight[0])[0] < 0.2 * (high - low)[0]


def test_a_seed_makes_the_same_interval_again():
    used = np.random.default_rng(1).random((30, 3))
    one, other = (block_bootstrap(used, lambda u: u / u.sum(), draws=50) for _ in range(2))
    np.testing.assert_array_equal(one, other)


@given(st.integers(1, 25), st.integers(2, 4), st.integers(0, 2**31))
def test_use_against_availability_agrees_with_both_indexes(n, k, seed):
    rng = np.random.default_rng(seed)
    used = rng.uniform(0.1, 9.0, (n, k))
    offered = rng.dirichlet(np.ones(k), n)
    found = select(used, offered, np.arange(n), np.arange(n))
    np.testing.assert_allclose(found.manly, found.used / found.available)
    np.testing.assert_allclose(found.jacobs, jacobs(found.used, found.available), atol=1e-12)
    if n > 1:
        np.testing.assert_allclose(found.manly, manly(used, offered).ratio)
    assert found.used.sum() == pytest.approx(1.0)
    assert found.available.sum() == pytest.approx(1.0)
    if n < 10:
        assert np.isnan([found.jacobs_low, found.manly_high]).all()
    else:
        assert (found.jacobs_low <= found.jacobs_high).all()
        assert (np.abs([found.jacobs_low, found.jacobs_high]) <= 1.0).all()


def test_intervals_of_selection_hold_the_truth():
    """Twenty birds in ten families that use a class three times as much as it is there."""
    held, rng = 0, np.random.default_rng(11)
    for _ in range(100):
        share = np.clip(rng.normal(0.6, 0.1, 10), 0.05, 0.95).repeat(2)
        used = np.column_stack([share, 1.0 - share])
        offered = np.tile([0.2, 0.8], (20, 1))
        found = select(used, offered, np.arange(20), np.arange(20) // 2)
        held += found.manly_low[0] <= 3.0 <= found.manly_high[0]
    assert held >= 80  # ten families tell a little less than 95 %


def test_a_class_nobody_used_and_one_that_all_used_alone_have_an_interval():
    """Twelve birds of six families, half of whose areas is a class that none of them used."""
    used = np.tile([0.0, 5.0], (12, 1))
    found = select(used, np.full((12, 2), 0.5), np.arange(12), np.arange(12) // 2)
    far = 1.0 - 0.025 ** (1 / 6)
    assert (found.manly_low.tolist(), found.manly.tolist()) == ([0.0, (1 - far) / 0.5], [0.0, 2.0])
    np.testing.assert_allclose(found.manly_high, [far / 0.5, 2.0])
    index = (far - 0.5) / (far + 0.5 - far)
    np.testing.assert_allclose(found.jacobs_high, [index, 1.0])
    np.testing.assert_allclose(found.jacobs_low, [-1.0, -index])
