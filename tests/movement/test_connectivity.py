from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.movement.arcs import arcs_m
from app.movement.connectivity import Ends, strength, transitions

PASSAGES = st.lists(st.tuples(*[st.integers(0, 4)] * 2, st.integers(0, 30)), max_size=60)


@given(PASSAGES)
def test_every_passage_is_in_one_cell_and_rows_sum_to_one(passages) -> None:
    columns = np.array(passages, dtype=np.int64).reshape(-1, 3).T
    found = transitions(columns[0], columns[1], columns[2], columns[2] % 7)
    assert Counter({(t.origin, t.target): t.n_passages for t in found}) == Counter(
        (a, b) for a, b, _ in passages
    )
    for origin in {t.origin for t in found}:
        assert sum(t.share for t in found if t.origin == origin) == pytest.approx(1.0)
    for t in found:
        assert t.n_birds == len({bird for a, b, bird in passages if (a, b) == (t.origin, t.target)})
        if np.isfinite(t.low):
            assert 0 <= t.low <= t.high <= 1


@settings(max_examples=25)
@given(PASSAGES, st.randoms(use_true_random=False))
def test_the_order_of_passages_changes_nothing(passages, random) -> None:
    mixed = list(passages)
    random.shuffle(mixed)
    told = []
    for each in (passages, mixed):
        a, b, bird = np.array(each, dtype=np.int64).reshape(-1, 3).T
        told.append([(repr(t)) for t in transitions(a, b, bird, bird % 7)])
    assert told[0] == told[1]


def test_no_interval_below_ten_birds_and_one_that_holds_the_truth_above() -> None:
    birds = np.arange(9)
    few = transitions(birds * 0, birds % 2, birds, birds)
    assert all(np.isnan(t.low) for t in few)
    held = 0
    rng = np.random.default_rng(3)
    for _ in range(100):
        birds = np.arange(40)
        target = (rng.random(40) < 0.4).astype(int)
        one = next(t for t in transitions(birds * 0, target, birds, birds) if t.target == 1)
        held += one.low <= 0.4 <= one.high
    assert held >= 88  # of a nominal 95, less than five standard errors away


def test_of_an_origin_that_few_birds_left_no_interval_is_told() -> None:
    """Twelve birds leave one place, and one bird another: of its one passage nothing follows."""
    birds = np.arange(13)
    found = transitions((birds == 12) * 1, birds % 2 + 5, birds, birds)
    told = {(t.origin, t.target): (t.share, t.low, t.high) for t in found}
    assert np.isfinite(told[0, 5]).all()
    assert told[1, 5][0] == 1.0
    assert np.isnan(told[1, 5][1:]).all()


def test_an_origin_all_of_whose_birds_went_one_way_has_an_interval() -> None:
    birds = np.arange(20)
    (one,) = transitions(birds * 0, birds * 0 + 5, birds, birds // 2)
    assert (one.share, one.high) == (1.0, 1.0)
    assert one.low == pytest.approx(0.025 ** (1 / 10))  # ten families


def _ends(places, others) -> Ends:
    a, b = np.array(places, dtype=float), np.array(others, dtype=float)
    region = [np.unique(each, axis=0, return_inverse=True)[1].ravel() for each in (a, b)]
    return Ends(a[:, 0], a[:, 1], b[:, 0], b[:, 1], *region)


PLACES = st.lists(st.tuples(st.integers(90, 140), st.integers(20, 60)), min_size=3, max_size=9)


@settings(max_examples=40)
@given(PLACES, st.data())
def test_mantel_is_the_correlation_of_distances(places, data) -> None:
    n = len(places)
    others = data.draw(st.permutations(places))
    found = strength(_ends(places, others), np.arange(n))
    a, b = np.array(places, dtype=float), np.array(others, dtype=float)
    upper = np.triu_indices(n, 1)
    near = arcs_m(a[:, 0], a[:, 1], a[:, 0], a[:, 1])[upper]
    far = arcs_m(b[:, 0], b[:, 1], b[:, 0], b[:, 1])[upper]
    if near.std() > 1e-3 * near.mean() and far.std() > 1e-3 * far.mean():
        assert found.mantel == pytest.approx(np.corrcoef(near, far)[0, 1], abs=1e-6)
    assert np.isnan(found.mantel_low)


def test_mc_is_that_of_cohen_summed_by_hand() -> None:
    """Two breeding and two wintering regions of five birds, by the sums of the paper."""
    breeding = [(100, 50)] * 2 + [(130, 50)] * 3
    wintering = [(110, 25), (110, 25), (110, 25), (128, 30), (128, 30)]
    psi = np.array([[1.0, 0.0], [1 / 3, 2 / 3]])
    p = np.array([0.4, 0.6])
    d = arcs_m(
        *np.array([(100, 130), (50, 50)], dtype=float),
        *np.array([(100, 130), (50, 50)], dtype=float),
    )
    v = arcs_m(
        *np.array([(110, 128), (25, 30)], dtype=float),
        *np.array([(110, 128), (25, 30)], dtype=float),
    )
    q = p @ psi
    mean_d, mean_v = p @ d @ p, q @ v @ q
    sd_d = np.sqrt(p @ (d - mean_d) ** 2 @ p)
    sd_v = np.sqrt(q @ (v - mean_v) ** 2 @ q)
    mc = sum(
        p[a] * psi[a, i] * p[b] * psi[b, j] * (d[a, b] - mean_d) * (v[i, j] - mean_v)
        for a in (0, 1) for b in (0, 1) for i in (0, 1) for j in (0, 1)
    ) / (sd_d * sd_v)  # fmt: skip
    assert strength(_ends(breeding, wintering), np.arange(5)).mc == pytest.approx(mc, abs=1e-9)


def test_firm_and_loose_flyways_are_told_apart() -> None:
    rng = np.random.default_rng(5)
    home = np.column_stack([rng.uniform(90, 140, 40), rng.uniform(45, 60, 40)])
    firm = strength(_ends(home, home - [0, 20]), np.arange(40))
    loose = strength(_ends(home, rng.permutation(home) - [0, 20]), np.arange(40))
    assert firm.mantel > 0.95 and firm.mantel_low > 0.9
    assert loose.mantel_low < 0 < loose.mantel_high
    same = strength(_ends(home, np.tile([[110.0, 30.0]], (40, 1))), np.arange(40))
    assert np.isnan(same.mantel) and np.isnan(same.mc)
