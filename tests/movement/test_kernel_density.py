from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.movement.isopleths import Grid, volume
from app.movement.isopleths import home_ranges as home_ranges_of
from app.movement.kernel_density import kernel_density, reference_bandwidth_m
from tests.movement import home_ranges

GRID = Grid(-3000.0, -2000.0, 50.0, 121, 81)


def plain(x, y, grid, bandwidth_m):
    """Sum a Gaussian around every position at the centre of every cell."""
    column = grid.x0 + grid.cell_m * np.arange(grid.n_x)
    row = grid.y0 + grid.cell_m * np.arange(grid.n_y)
    out = np.zeros((grid.n_y, grid.n_x))
    for px, py in zip(x, y, strict=True):
        far = (column - px) ** 2 + (row[:, None] - py) ** 2
        out += np.exp(-far / (2.0 * bandwidth_m**2))
    return out / out.sum()


@pytest.fixture
def reference(shared_data):
    if not home_ranges.folder().is_dir():
        pytest.skip("shared reference absent")


def test_it_agrees_with_adehabitat(reference):
    off = {row.what: row.off for row in home_ranges.kernels()}
    assert len(off) == 21
    assert max(v for k, v in off.items() if "href [m]" in k) < 1e-12
    assert max(off.values()) < 1e-3


places = st.lists(
    st.tuples(st.floats(-2000, 2000), st.floats(-1500, 1500)), min_size=1, max_size=40
)


@settings(max_examples=15)
@given(places, st.floats(150.0, 800.0))
def test_it_is_the_sum_of_kernels(found, bandwidth_m):
    x, y = np.array(found).T
    ours, theirs = kernel_density(x, y, GRID, bandwidth_m), plain(x, y, GRID, bandwidth_m)
    assert ours.sum() == pytest.approx(1.0, abs=1e-12)
    np.testing.assert_allclose(ours, theirs, atol=2e-3 * theirs.max())


@settings(max_examples=30)
@given(places, st.randoms(use_true_random=False))
def test_neither_order_nor_copies_change_it(found, random):
    again = found * 2
    random.shuffle(again)
    one = kernel_density(*np.array(found).T, GRID, 200.0)
    np.testing.assert_allclose(kernel_density(*np.array(again).T, GRID, 200.0), one, atol=1e-14)


@settings(max_examples=20)
@given(places, st.integers(-50, 50), st.integers(-50, 50))
def test_it_moves_with_the_positions(found, across, along):
    x, y = np.array(found).T
    moved = Grid(
        GRID.x0 + across * GRID.cell_m, GRID.y0 + along * GRID.cell_m, GRID.cell_m, GRID.n_x,
        GRID.n_y,
    )  # fmt: skip
    shifted = x + across * GRID.cell_m, y + along * GRID.cell_m
    np.testing.assert_allclose(
        kernel_density(*shifted, moved, 200.0), kernel_density(x, y, GRID, 200.0), atol=1e-12
    )


def test_isopleths_overlap_those_of_exact_kernels():
    rng = np.random.default_rng(3)
    x, y = rng.normal(0, [[500], [300]], (2, 3000))
    one, other = kernel_density(x, y, GRID, 150.0), plain(x, y, GRID, 150.0)
    for share in (0.5, 0.95):
        a, b = volume(one) <= share, volume(other) <= share
        assert (a & b).sum() / (a | b).sum() >= 0.98


@pytest.mark.parametrize("cells", [0.4, 1.0, 1.3, 2.0, 3.0])
def test_narrow_kernels_have_the_areas_of_exact_sums(cells):
    """On a coarse grid too, as kernelUD lays it unless it is told otherwise."""
    rng = np.random.default_rng(3)
    x, y = rng.normal(0, [[500], [300]], (2, 400))
    ours, theirs = (each(x, y, GRID, cells * 50.0) for each in (kernel_density, plain))
    shares = [0.5, 0.95]
    one, other = (
        [area for area, _ in home_ranges_of(d, volume(d), GRID, shares, home_ranges.FLAT)]
        for d in (ours, theirs)
    )
    np.testing.assert_allclose(one, other, rtol=1e-3)
    if cells < 2.0:
        np.testing.assert_allclose(ours, theirs, atol=1e-7 * theirs.max())


@pytest.mark.parametrize("bandwidth_m", [1e-3, 0.0, -50.0, float("nan")])
def test_a_bandwidth_that_reaches_no_cell_is_refused(bandwidth_m):
    with pytest.raises(ValueError, match="below a cell"):
        kernel_density(np.full(2, 20.0), np.zeros(2), GRID, bandwidth_m)


def test_the_reference_bandwidth_has_the_unit_of_the_positions():
    rng = np.random.default_rng(1)
    x, y = rng.normal(0, 100, (2, 50))
    assert reference_bandwidth_m(3 * x, 3 * y) == pytest.approx(3 * reference_bandwidth_m(x, y))
