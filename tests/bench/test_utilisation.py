"""Utilisation against what the field's programs took on their own inputs, and its growth.

Run by `make bench`; it prints figures and asserts none. The peers are R programs that don't run
here: their times are those of timing.json in the shared reference, of CPU; ours are of CPU too.
scipy runs beside ours.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import gaussian_kde

from app.movement.autocorrelation import bandwidth, fit_wandering
from app.movement.bridges import dynamic_motion, fixed_motion, lay_bridges
from app.movement.isopleths import Grid, volume
from app.movement.kernel_density import kernel_density, reference_bandwidth_m
from tests.movement import home_ranges
from tests.movement.test_bridges import wandering

ROUNDS = 5


def cpu_s(act: Callable[[], object]) -> float:
    """Give the least CPU time of some turns, after one that compiles."""
    act()
    spent = []
    for _ in range(ROUNDS):
        started = time.process_time()
        act()
        spent.append(time.process_time() - started)
    return min(spent)


def peers(program: str) -> dict[str, float]:
    found: dict[str, float] = json.loads(
        (home_ranges.folder() / program / "timing.json").read_text()
    )
    return found


def tell(capsys, what: str, ours: float, theirs: float | None, goal: str = "") -> None:
    with capsys.disabled():
        beside = "" if theirs is None else f"  peer {theirs:9.3f} s  ratio {theirs / ours:10,.0f}"
        print(f"\n  {what:52} {ours:9.4f} s{beside}  {goal}", end="")


def crane_winter(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Give two haunts 15 km apart, as adehabitatHR was timed on."""
    rng = np.random.default_rng(7)
    return rng.normal(0, 3000, n) + rng.choice([0, 15000], n), rng.normal(0, 3000, n)


@pytest.fixture
def reference(shared_data):
    if not home_ranges.folder().is_dir():
        pytest.skip("shared reference absent")


@pytest.mark.timeout(600)
@pytest.mark.parametrize("n", [1_000, 10_000, 50_000])
def test_kernels_beside_adehabitat(n, capsys, reference):
    x, y = crane_winter(n)
    h_m = reference_bandwidth_m(x, y)
    grid = Grid.around(x, y, 3 * h_m, 10.0, 500)
    theirs = peers("adehabitatHR")[f"scaling kernelUD n={n} grid=500 href"]
    ours = cpu_s(lambda: kernel_density(x, y, grid, h_m))
    tell(capsys, f"kernels, {n:,} fixes on 500 cells", ours, theirs, "goal >= 80, <= 0.1 s")


@pytest.mark.timeout(600)
def test_kernels_beside_scipy(capsys):
    fixes = np.stack(crane_winter(5_000))
    # Its kernel has the shape of the scatter: made round, it is the same as ours.
    x, y = 5_000.0 * np.linalg.solve(np.linalg.cholesky(np.cov(fixes)), fixes)
    h_m = reference_bandwidth_m(x, y)
    grid = Grid.around(x, y, 3 * h_m, 10.0, 200)
    places = np.indices((grid.n_y, grid.n_x))[::-1].reshape(2, -1)
    places = np.array([[grid.x0], [grid.y0]]) + grid.cell_m * places
    peer = gaussian_kde(np.stack([x, y]), bw_method=h_m / 5_000.0)
    started = time.process_time()
    exact = peer(places).reshape(grid.n_y, grid.n_x)
    theirs = time.process_time() - started
    ours = cpu_s(lambda: kernel_density(x, y, grid, h_m))
    tell(capsys, "kernels, 5,000 fixes on 200 cells, beside scipy", ours, theirs, "goal >= 500")
    density = kernel_density(x, y, grid, h_m)
    a, b = volume(density) <= 0.95, volume(exact) <= 0.95
    with capsys.disabled():
        print(f"\n  95 % isopleths, Jaccard {(a & b).sum() / (a | b).sum():.4f}", end="")


def test_bridges_beside_kernelbb(capsys, reference):
    way = home_ranges.boar()
    cells = home_ranges.table(home_ranges.folder() / "adehabitatHR/kernelbb_puechcirc1.csv.gz")
    grid = home_ranges.grid_of(cells["x"], cells["y"])
    motion = fixed_motion(way)
    theirs = peers("adehabitatHR")["kernelbb grid=100 n=64"]
    ours = cpu_s(lambda: lay_bridges(way, motion, grid))
    tell(capsys, "bridges, 64 fixes on 60 x 100 cells", ours, theirs)
    # The peer visits every cell at 25 times of every way: its time grows as their product.
    path = wandering(1_000)
    wide = Grid.around(path.x, path.y, 1_000.0, 10.0, 500)
    projected = theirs * 999 / 63 * wide.n_x * wide.n_y / (grid.n_x * grid.n_y)
    motion = fixed_motion(path)
    ours = cpu_s(lambda: lay_bridges(path, motion, wide))
    tell(capsys, "bridges, 1,000 fixes on 500 cells (peer projected)", ours, projected,
         "goal >= 1,500")  # fmt: skip


def test_dynamic_bridges_beside_move(capsys, reference):
    way, grid = home_ranges.leroy(), home_ranges.leroy_grid()
    known = peers("move_dbbmm")
    learnt = cpu_s(lambda: dynamic_motion(way))
    tell(capsys, "dynamic variance, leroy", learnt,
         known["brownian.motion.variance.dyn n=919 ws=31 m=11"])  # fmt: skip
    motion = dynamic_motion(way)
    laid = cpu_s(lambda: lay_bridges(way, motion, grid))
    tell(capsys, "dynamic bridges, leroy on 382 x 373 cells, both", learnt + laid,
         known["dBBMM leroy raster 50 m"], "goal <= 0.2 s")  # fmt: skip


@pytest.mark.parametrize("n", [600, 3_527])
def test_home_ranges_beside_ctmm(n, capsys):
    """ctmm took 12.7 s for 600 fixes of a buffalo and 66.5 s for 3,527."""
    path = wandering(n, speed=1.0)
    home = 0.02
    x, y = (np.convolve(np.diff(v), np.exp(-home * np.arange(n)), "full")[:n] for v in
            (path.x, path.y))  # fmt: skip

    def both():
        found = fit_wandering(path.time_s, x, y)
        assert found is not None
        return bandwidth(path.time_s, found)

    tell(capsys, f"fit and bandwidth, {n:,} fixes", cpu_s(both), {600: 12.7, 3_527: 66.5}[n],
         "goal <= 2 s for 600")  # fmt: skip


@pytest.mark.parametrize("n", [10_000, 100_000])
def test_growth_with_the_track(n, capsys):
    path = wandering(n)
    grid = Grid.around(path.x, path.y, 2_000.0, 10.0, 300)
    learnt = cpu_s(lambda: dynamic_motion(path))
    tell(capsys, f"dynamic variance, {n:,} fixes", learnt, None, f"{n / learnt:,.0f} fixes/s")
    motion = fixed_motion(path)
    laid = cpu_s(lambda: lay_bridges(path, motion, grid))
    tell(capsys, f"bridges on 300 cells, {n:,} fixes", laid, None, f"{n / laid:,.0f} fixes/s")
