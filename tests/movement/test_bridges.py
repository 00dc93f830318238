from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from app.movement.bridges import Motion, Path, bursts, dynamic_motion, fixed_motion, lay_bridges
from app.movement.isopleths import Grid
from tests.movement import home_ranges


def wandering(n, seed=1, step_s=600.0, speed=4.0, error_m=20.0):
    """Give a bird of Brownian motion, whose root variance is `speed`."""
    rng = np.random.default_rng(seed)
    xy = np.cumsum(rng.normal(0, speed * np.sqrt(step_s), (n, 2)), axis=0)
    xy += rng.normal(0, error_m, (n, 2))
    x, y = xy.T.copy()
    return Path(np.arange(n) * step_s, x, y, np.full(n, error_m))


def plain_log_likelihood(path, middle, variance):
    """Say how likely the fixes `middle` are, each given its two neighbours."""
    total = 0.0
    for k in middle:
        whole = path.time_s[k + 1] - path.time_s[k - 1]
        a = (path.time_s[k] - path.time_s[k - 1]) / whole
        spread = whole * a * (1 - a) * variance
        spread += (1 - a) ** 2 * path.error_m[k - 1] ** 2 + a**2 * path.error_m[k + 1] ** 2
        off = 0.0
        for v in (path.x, path.y):
            off += (v[k] - (v[k - 1] + a * (v[k + 1] - v[k - 1]))) ** 2
        total += -np.log(2 * np.pi * spread) - off / (2 * spread)
    return total


def plain_variance(path, middle):
    found = minimize_scalar(
        lambda s: -plain_log_likelihood(path, middle, np.exp(s)), bounds=(-20, 20),
        method="bounded", options={"xatol": 1e-9},
    )  # fmt: skip
    return np.exp(found.x)


def plain_dynamic(path, window, margin):
    """Follow the paper word by word: every window, every break, means of what holds a way."""
    seen = [[] for _ in path.time_s[:-1]]
    for start in range(len(path) - window + 1):
        end = start + window - 1
        penalty = np.log(window)
        options = []
        for at in [None, *range(start + margin - 1, end - margin + 2, 2)]:
            pieces = [(start, end)] if at is None else [(start, at), (at, end)]
            found = [range(a + 1, b, 2) for a, b in pieces]
            values = [plain_variance(path, m) for m in found]
            fits = [plain_log_likelihood(path, m, v) for m, v in zip(found, values, strict=True)]
            score = -2 * sum(fits) + len(pieces) * penalty
            options.append((score, len(pieces), at, values))
        _, _, at, values = min(options, key=lambda o: o[:2])
        for way in range(start + margin - 1, end - margin + 1):
            seen[way].append(values[0] if at is None or way < at else values[1])
    full = window - 2 * margin + 1
    return np.array([np.mean(v) if len(v) == full else np.nan for v in seen])


def plain_lay(path, motion, grid, steps=400):
    """Sum the density of every bridge at cell centres, at many times."""
    x = grid.x0 + grid.cell_m * np.arange(grid.n_x)
    y = (grid.y0 + grid.cell_m * np.arange(grid.n_y))[:, None]
    out = np.zeros((grid.n_y, grid.n_x))
    for k in np.flatnonzero(motion.known):
        whole = path.time_s[k + 1] - path.time_s[k]
        for a in (np.arange(steps) + 0.5) / steps:
            spread = whole * a * (1 - a) * motion.variance_m2_s[k]
            spread += ((1 - a) * path.error_m[k]) ** 2 + (a * path.error_m[k + 1]) ** 2
            px = path.x[k] + a * (path.x[k + 1] - path.x[k])
            py = path.y[k] + a * (path.y[k + 1] - path.y[k])
            far = (x - px) ** 2 + (y - py) ** 2
            out += whole / steps * np.exp(-far / (2 * spread)) / (2 * np.pi * spread)
    return out / out.sum()


@pytest.fixture
def reference(shared_data):
    if not home_ranges.folder().is_dir():
        pytest.skip("shared reference absent")


def test_they_agree_with_kernelbb(reference):
    off = {row.what: row.off for row in home_ranges.bridges()}
    assert len(off) == 4
    assert off["sig1 [m s-1/2]"] < 0.001  # the peer tries steps of 0.009
    assert max(off.values()) < 0.01


def test_they_agree_with_the_dynamic_bridge_of_move(reference):
    off = {row.what: row.off for row in home_ranges.dynamic_bridges()}
    assert len(off) == 3
    assert max(off.values()) < 0.001
    ours, theirs = dynamic_motion(home_ranges.leroy()), home_ranges.leroy_variance()
    np.testing.assert_array_equal(ours.known, np.isfinite(theirs))
    known = ours.known
    np.testing.assert_allclose(ours.variance_m2_s[known], theirs[known], rtol=1e-3, atol=1e-6)


def test_the_variance_is_the_likeliest():
    path = wandering(120)
    ours = fixed_motion(path).variance_m2_s
    assert ours == pytest.approx(plain_variance(path, range(1, 119)), rel=1e-4)
    assert ours[0] == pytest.approx(16.0, rel=0.25)


def test_the_dynamic_variance_follows_the_paper():
    slow, fast = wandering(14, 2, speed=0.5), wandering(14, 3, speed=8.0)
    path = Path(
        np.arange(28) * 600.0,
        np.concatenate([slow.x, slow.x[-1] + fast.x]),
        np.concatenate([slow.y, slow.y[-1] + fast.y]),
        np.full(28, 20.0),
    )
    ours = dynamic_motion(path, window=15, margin=5).variance_m2_s
    theirs = plain_dynamic(path, 15, 5)
    np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-3)
    assert np.nanmax(ours[16:]) > 10 * np.nanmin(ours[:12])


def test_a_still_bird_has_no_variance():
    still = Path(np.arange(40.0), np.zeros(40), np.zeros(40), np.full(40, 10.0))
    assert fixed_motion(still).variance_m2_s.tolist() == [0.0] * 39
    assert np.nanmax(dynamic_motion(still).variance_m2_s) == 0.0


def test_bridges_lie_where_the_plain_sum_puts_them():
    path = wandering(8, speed=3.0)
    motion = fixed_motion(path, variance_m2_s=9.0)
    margin = 600.0
    grid = Grid.around(path.x, path.y, margin, 15.0, 200)
    ours, theirs = lay_bridges(path, motion, grid), plain_lay(path, motion, grid)
    assert np.sum(np.sqrt(ours * theirs)) > 0.9995


@settings(max_examples=25)
@given(
    st.integers(2, 12), st.integers(0, 99), st.floats(0.0, 100.0), st.sampled_from([5.0, 80.0]),
    st.integers(-9, 9),
)  # fmt: skip
def test_mass_is_kept_and_moves_with_the_bird(n, seed, variance, cell_m, cells):
    path = wandering(n, seed)
    motion = fixed_motion(path, variance_m2_s=variance)
    far = 5.0 * np.sqrt(150.0 * variance + 400.0) + cell_m
    grid = Grid.around(path.x, path.y, far, cell_m, 150)
    density = lay_bridges(path, motion, grid)
    assert density.sum() == pytest.approx(1.0, abs=1e-12) and density.min() >= 0.0
    by = cells * grid.cell_m
    moved = Path(path.time_s + 5e8, path.x + by, path.y - by, path.error_m)
    there = Grid(grid.x0 + by, grid.y0 - by, grid.cell_m, grid.n_x, grid.n_y)
    np.testing.assert_allclose(lay_bridges(moved, motion, there), density, atol=1e-9)
    turned = Path(path.time_s, path.y, -path.x, path.error_m)
    across = Grid(grid.y0, -(grid.x0 + (grid.n_x - 1) * grid.cell_m), grid.cell_m, grid.n_y,
                  grid.n_x)  # fmt: skip
    expected = density.T[::-1]
    np.testing.assert_allclose(lay_bridges(turned, motion, across), expected, atol=1e-9)


def test_no_bridge_spans_a_silence():
    path = wandering(80)
    late = Path(path.time_s + np.where(np.arange(80) < 40, 0, 1e6), path.x + 0, path.y,
                path.error_m)  # fmt: skip
    for motion in (fixed_motion(late, 3600.0), dynamic_motion(late, 3600.0)):
        assert np.isnan(motion.variance_m2_s[39])
        for part in (slice(0, 39), slice(40, 79)):
            assert np.isfinite(motion.variance_m2_s[part]).any()
    halves = [
        dynamic_motion(Path(*(v[k] for v in (path.time_s, path.x, path.y, path.error_m))))
        for k in (slice(0, 40), slice(40, 80))
    ]
    whole = dynamic_motion(late, 3600.0).variance_m2_s
    np.testing.assert_array_equal(whole[:39], halves[0].variance_m2_s)
    np.testing.assert_array_equal(whole[40:], halves[1].variance_m2_s)


def test_parts_too_short_are_left_out():
    nothing = Path(*(np.empty(0) for _ in range(4)))
    assert bursts(nothing.time_s, 1.0) == []
    for path in (nothing, wandering(1), wandering(2)):
        assert not fixed_motion(path).known.any()
    assert not dynamic_motion(wandering(30)).known.any()
    grid = Grid(0.0, 0.0, 1.0, 3, 3)
    assert lay_bridges(wandering(3), Motion(np.full(2, np.nan)), grid).sum() == 0


@pytest.mark.parametrize(("window", "margin"), [(30, 11), (31, 10), (31, 1), (21, 11)])
def test_windows_must_be_odd_and_hold_their_margins(window, margin):
    with pytest.raises(ValueError, match="odd"):
        dynamic_motion(wandering(40), window=window, margin=margin)
