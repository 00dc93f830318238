from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.movement.families import BIRDS_MIN, FAMILIES_MIN, bounds, draw_weights, family_index, tells

BIRDS = [f"b{n}" for n in range(6)]
LINKS = st.lists(st.lists(st.sampled_from(BIRDS), max_size=2), min_size=6, max_size=6)


@given(LINKS)
def test_families_are_what_siblings_join_in_any_direction(links) -> None:
    found = family_index(BIRDS, [", ".join(each) for each in links]).tolist()
    joined = {(a, b) for a, others in zip(BIRDS, links, strict=True) for b in others}
    reach = {name: {name} for name in BIRDS}
    for _ in BIRDS:  # as often as a chain is long
        for a, b in joined:
            reach[a] |= reach[b]
            reach[b] |= reach[a]
    for i, a in enumerate(BIRDS):
        for j, b in enumerate(BIRDS):
            assert (found[i] == found[j]) == (b in reach[a])


def test_siblings_are_set_apart_by_whatever_people_write() -> None:
    siblings = ["B; C", "", None, " E / F ", None]
    assert family_index(["A", "B", "C", "D", "F"], siblings).tolist() == [0, 0, 0, 1, 1]
    assert family_index([], []).tolist() == []


def test_names_hold_within_their_study() -> None:
    assert family_index(["a", "a"], [None, None], [1, 2]).tolist() == [0, 1]
    assert family_index(["a", "b"], ["nest 7", "nest 7"], [1, 1]).tolist() == [0, 0]
    assert family_index(["a", "b"], ["nest 7", "nest 7"], [1, 2]).tolist() == [0, 1]
    assert family_index([], []).tolist() == []


@given(st.lists(st.integers(0, 5), max_size=12))
def test_a_family_is_drawn_as_one_and_as_many_as_there_are(family) -> None:
    family = np.array(family, dtype=np.int64)
    weights = draw_weights(family, draws=20)
    assert weights.shape == (20, family.shape[0])
    for house in np.unique(family):
        mine = weights[:, family == house]
        assert (mine == mine[:, :1]).all()
    first = np.unique(family, return_index=True)[1]
    assert (weights[:, first].sum(axis=1) == first.shape[0]).all()


def test_an_interval_needs_birds_and_families() -> None:
    birds = np.arange(BIRDS_MIN)
    assert tells(birds, birds)
    assert not tells(birds[1:], birds[1:])
    assert not tells(birds, birds % (FAMILIES_MIN - 1))
    assert tells(birds, birds % FAMILIES_MIN)


def test_the_bootstrap_of_a_mean_has_the_error_of_the_mean() -> None:
    """Of independent families the interval is that of the normal error; of one it is wider."""
    rng = np.random.default_rng(7)
    values = rng.normal(size=200)
    weights = draw_weights(np.arange(200), draws=4_000)
    low, high = bounds((weights @ values / 200)[:, None])
    assert high[0] - low[0] == pytest.approx(2 * 1.96 * values.std() / np.sqrt(200), rel=0.06)
    paired = np.repeat(values[:100], 2)
    together = draw_weights(np.arange(200) // 2, draws=4_000)
    wide = bounds(((together @ paired) / together.sum(axis=1))[:, None])
    alone = bounds((weights @ paired / 200)[:, None])
    assert wide[1][0] - wide[0][0] > 1.3 * (alone[1][0] - alone[0][0])
