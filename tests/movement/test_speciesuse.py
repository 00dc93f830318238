from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.movement.keysites import Use, core, use_of
from app.movement.speciesuse import TOLD_LEVEL, mean_use


def at(*keys: int) -> Use:
    """Give a bird that spent its time alike in some cells."""
    cells, mass = np.array(sorted(keys)), np.full(len(keys), 1.0 / len(keys))
    return Use(cells, mass, cells, mass)


def plain(uses: list[Use], exact: list[bool], enough: int) -> tuple[dict[int, float], float]:
    """Add up cell by cell."""
    mass: dict[int, float] = {}
    users: dict[int, int] = {}
    for use, own in zip(uses, exact, strict=True):
        for key in core(use, TOLD_LEVEL).tolist() if not own else ():
            users[key] = users.get(key, 0) + 1
    for use, own in zip(uses, exact, strict=True):
        for key, part in zip(use.keys.tolist(), use.mass.tolist(), strict=True):
            if own or users.get(key, 0) >= enough:
                mass[key] = mass.get(key, 0.0) + part / len(uses)
    told = sum(mass.values())
    return {key: part / told for key, part in mass.items()}, told


birds = st.lists(
    st.tuples(st.sets(st.integers(-5, 5), min_size=1).map(lambda keys: at(*keys)), st.booleans()),
    min_size=1,
    max_size=7,
)


@settings(max_examples=60, deadline=None)
@given(birds, st.integers(1, 3), st.randoms(use_true_random=False))
def test_it_is_the_plain_sum_of_the_cells_that_may_be_told(seen, enough, random) -> None:
    uses, exact = [use for use, _ in seen], [own for _, own in seen]
    wanted, share = plain(uses, exact, enough)
    mean, told = mean_use(uses, np.array(exact, dtype=np.bool_), enough)
    assert told == pytest.approx(share, abs=1e-12)
    assert (mean is None) == (not wanted)
    if mean is not None:
        assert np.all(np.diff(mean.keys) > 0)
        assert dict(zip(mean.keys.tolist(), mean.mass.tolist(), strict=True)) == (
            pytest.approx(wanted, abs=1e-12)
        )
        random.shuffle(seen)
        again, _ = mean_use([u for u, _ in seen], np.array([own for _, own in seen]), enough)
        assert np.array_equal(again.keys, mean.keys)
        assert np.allclose(again.mass, mean.mass, atol=1e-12)


def test_each_bird_weighs_the_same_however_long_it_was_heard() -> None:
    rng = np.random.default_rng(3)
    short, long = (
        use_of(rng.normal(x, 500.0, n), rng.normal(0.0, 500.0, n), np.ones(n), 1000.0)
        for x, n in ((0.0, 20), (60_000.0, 5_000))
    )
    mean, _ = mean_use([short, long], np.array([True, True]), 3)
    east = np.isin(mean.keys, long.keys)
    assert mean.mass[east].sum() == pytest.approx(0.5, abs=1e-12)


def test_of_others_no_cell_is_told_that_fewer_use() -> None:
    uses = [at(1, 2), at(2, 3), at(2, 9), at(7)]
    mean, told = mean_use(uses, np.array([False, False, False, True]), 3)
    assert (mean.keys.tolist(), told) == ([2, 7], 0.625)
    assert mean.mass.tolist() == pytest.approx([0.6, 0.4])
    assert mean_use(uses[:2], np.array([False, False]), 3) == (None, 0.0)
