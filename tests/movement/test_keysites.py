from __future__ import annotations

import csv

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.movement.keysites import (
    BIRDS_MIN,
    LEVEL,
    Lattice,
    Sample,
    Use,
    assess,
    core,
    lattice_of,
    overlap,
    patches,
    use_of,
)
from tests.movement import boobies


@pytest.fixture(scope="module")
def example(shared_data):
    return boobies.uses(boobies.birds())


def test_core_areas_are_those_of_track2kba(example):
    rows = csv.DictReader((boobies.FOLDER / "boobies_ud50_area.csv").read_text().splitlines())
    theirs = {int(row["id"]): float(row["area"]) for row in rows}
    cell_km2 = lattice_of(boobies.SCALE_M).cell_km2
    ours = {name: core(use).shape[0] * cell_km2 for name, use in example.items()}
    assert ours.keys() == theirs.keys() and len(ours) == 40
    assert max(abs(ours[name] / theirs[name] - 1) for name in ours) < 0.01


def test_the_site_and_the_sample_are_those_of_track2kba(example):
    sample = assess(list(example.values()))
    assert sample.percent == pytest.approx(boobies.REPRESENTATIVE, abs=0.5)
    assert sample.sufficient
    _, n = overlap([core(use) for use in example.values()])
    assert n.max() == boobies.MOST
    area_km2 = np.sum(n > sample.birds_exceeded) * lattice_of(boobies.SCALE_M).cell_km2
    assert area_km2 == pytest.approx(boobies.SITE_KM2, rel=0.01)


places = st.lists(st.tuples(st.floats(-40e3, 40e3), st.floats(-40e3, 40e3), st.integers(1, 9)),
                  min_size=1, max_size=15)  # fmt: skip


def plain(x, y, weight, scale_m, cell_m, keys, lattice):
    """Sum the kernels at the middle of each cell."""
    left, low = lattice.corners(keys)
    out = np.zeros(keys.shape[0])
    for px, py, w in zip(x, y, weight, strict=True):
        far = (left + cell_m / 2 - px) ** 2 + (low + cell_m / 2 - py) ** 2
        out += w * np.exp(-far / (2.0 * scale_m**2))
    return out / out.sum()


@settings(max_examples=25)
@given(places)
def test_use_is_the_sum_of_kernels(found):
    x, y, weight = (np.array(v, dtype=np.float64) for v in zip(*found, strict=True))
    use, lattice = use_of(x, y, weight, 4_000.0), lattice_of(4_000.0)
    exact = plain(x, y, weight, 4_000.0, lattice.cell_m, use.keys, lattice)
    assert use.mass.sum() == pytest.approx(1.0) and use.weight.sum() == pytest.approx(1.0)
    assert np.all(np.diff(use.keys) > 0)
    np.testing.assert_allclose(use.mass, exact, atol=0.09 * exact.max())
    assert set(use.at.tolist()) <= set(use.keys.tolist())


@settings(max_examples=25)
@given(places, st.randoms(use_true_random=False))
def test_order_and_splitting_of_hours_change_no_core(found, random):
    whole = [np.array(v, dtype=np.float64) for v in zip(*found, strict=True)]
    split = [(x, y, 1) for x, y, n in found for _ in range(n)]
    random.shuffle(split)
    parts = [np.array(v, dtype=np.float64) for v in zip(*split, strict=True)]
    one, other = (use_of(*p, 4_000.0) for p in (whole, parts))
    np.testing.assert_array_equal(one.keys, other.keys)
    np.testing.assert_allclose(one.mass, other.mass, atol=1e-12)


@settings(max_examples=40)
@given(st.lists(st.integers(1, 50), min_size=1, max_size=30))
def test_a_core_is_the_fewest_cells_that_hold_the_share(masses):
    mass = np.array(masses) / sum(masses)
    use = Use(np.arange(len(mass)), mass, np.arange(len(mass)), mass)
    inside = mass[core(use)]
    assert inside.sum() >= LEVEL - 1e-9
    assert inside.sum() - inside.min() < LEVEL
    assert inside.min() >= max(np.delete(mass, core(use)), default=0.0)


def herd(rng, n, *, homes=1, apart_m=0.0):
    """Give birds around as many homes."""
    out = []
    for i in range(n):
        x, y = rng.normal(0, 3_000.0, (2, 60))
        out.append(use_of(x + (i % homes) * apart_m, y, np.ones(60), 3_000.0))
    return out


def test_birds_alike_are_representative_and_birds_apart_are_not():
    rng = np.random.default_rng(4)
    alike = assess(herd(rng, 8), draws=140)
    apart = assess(herd(rng, 8, homes=8, apart_m=60_000.0), draws=70)
    assert alike.sufficient and alike.percent > 90
    assert LEVEL < alike.asymptote < 0.9  # the kernels widen the core
    assert not apart.sufficient and apart.birds_exceeded == 4.0


def test_the_same_seed_judges_alike_and_few_birds_are_not_judged():
    few = herd(np.random.default_rng(1), BIRDS_MIN)
    assert assess(few, seed=3, draws=50) == assess(few, seed=3, draws=50)
    assert assess(few[:-1]) == Sample(BIRDS_MIN - 1, None, None)


@pytest.mark.parametrize(
    ("n", "percent", "exceeded"),
    [(40, 98.3, 4.0), (40, 85.0, 5.0), (40, 75.0, 8.0), (40, 60.0, 20.0), (6, 95.0, 1.0),
     (4, None, 2.0)],
)  # fmt: skip
def test_the_poorer_the_sample_the_more_birds_make_a_site(n, percent, exceeded):
    assert Sample(n, percent, None).birds_exceeded == exceeded


@given(st.sets(st.tuples(st.integers(-3, 3), st.integers(-3, 3)), max_size=20))
def test_patches_are_cells_joined_by_their_edges(cells):
    lattice = Lattice(1.0)
    x, y = (np.array([c[i] + 0.5 for c in cells]) for i in (0, 1))
    keys = np.sort(lattice.keys(x, y))
    label = dict(zip(map(tuple, np.column_stack(lattice.corners(keys)).astype(int).tolist()),
                     patches(keys).tolist(), strict=True))  # fmt: skip
    assert label.keys() == cells
    for a in cells:
        for b in cells:
            if abs(a[0] - b[0]) + abs(a[1] - b[1]) == 1:
                assert label[a] == label[b]
    assert len(set(label.values())) == _floods(cells)


def _floods(cells):
    left, n = set(cells), 0
    while left:
        n, edge = n + 1, [left.pop()]
        while edge:
            x, y = edge.pop()
            near = {(x + 1, y), (x - 1, y), (x, y + 1), (x, y - 1)} & left
            left -= near
            edge += near
    return n
