"""Utilisation against what the field's programs took on their own inputs, and its growth.

Run by `make bench`; it prints figures and asserts none. The peers are R programs that don't run
here: their times are those of timing.json in the shared reference, of CPU; ours are of CPU too.
scipy runs beside ours.
"""

from __future__ import annotations

import time

import pytest

from app.movement.bridges import dynamic_motion, fixed_motion, lay_bridges
from app.movement.isopleths import Grid, volume
from app.movement.kernel_density import kernel_density, reference_bandwidth_m
from tests.movement import home_ranges
from tests.movement.costs import CTMM_S, cpu_s, crane_winter, home, scipy_kernel, timing
from tests.movement.test_bridges import wandering


def tell(capsys, what: str, ours: float, theirs: float | None, goal: str = "") -> None:
    with capsys.disabled():
        beside = "" if theirs is None else f"  peer {theirs:9.3f} s  ratio {theirs / ours:10,.0f}"
        print(f"\n  {what:52} {ours:9.4f} s{beside}  {goal}", end="")


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
    theirs = timing("adehabitatHR")[f"scaling kernelUD n={n} grid=500 href"]
    ours = cpu_s(lambda: kernel_density(x, y, grid, h_m))
    tell(capsys, f"kernels, {n:,} fixes on 500 cells", ours, theirs, "goal >= 80, <= 0.1 s")


@pytest.mark.timeout(600)
def test_kernels_beside_scipy(capsys):
    (x, y), grid, h_m, peer = scipy_kernel()
    started = time.process_time()
    exact = peer()
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
    theirs = timing("adehabitatHR")["kernelbb grid=100 n=64"]
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
    known = timing("move_dbbmm")
    learnt = cpu_s(lambda: dynamic_motion(way))
    tell(capsys, "dynamic variance, leroy", learnt,
         known["brownian.motion.variance.dyn n=919 ws=31 m=11"])  # fmt: skip
    motion = dynamic_motion(way)
    laid = cpu_s(lambda: lay_bridges(way, motion, grid))
    tell(capsys, "dynamic bridges, leroy on 382 x 373 cells, both", learnt + laid,
         known["dBBMM leroy raster 50 m"], "goal <= 0.2 s")  # fmt: skip


@pytest.mark.parametrize("n", CTMM_S)
def test_home_ranges_beside_ctmm(n, capsys):
    tell(capsys, f"fit and bandwidth, {n:,} fixes", cpu_s(home(n)), CTMM_S[n],
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
