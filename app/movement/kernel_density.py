"""Kernel density: where positions lie, each spread by a Gaussian, on a grid."""

from __future__ import annotations

import numpy as np

from app.movement.compiled import kernel
from app.movement.isopleths import Grid
from app.movement.track import FloatArray

REACH = 6.0
"""Standard deviations beyond which a Gaussian, or the spectrum of one, is 0: it is 2e-8 there."""

NARROW = 2.0
"""Bandwidth [cells] below which kernels are summed one by one: a spline over three cells, in place
of a part of the kernel, makes areas of 95 % wrong by 0.1 % there, and by 1 % and more at a cell."""


def reference_bandwidth_m(x: FloatArray, y: FloatArray) -> float:
    """
    Return the bandwidth that suits normally scattered positions: `href`.

    ``sqrt((var x + var y) / 2) n^(-1/6)`` (Worton 1995, doi:10.2307/3801959). Too wide for a bird
    of several haunts, and far too narrow where fixes follow each other closely: see
    `autocorrelation`.

    Parameters
    ----------
    x, y : ndarray of float64, shape (n,)
        Positions in a plane, n >= 2 [m].

    Returns
    -------
    float
        Standard deviation of the kernel [m].

    Examples
    --------
    >>> reference_bandwidth_m(np.array([0.0, 2.0]), np.array([0.0, 2.0])).__round__(4)
    1.2599
    """
    scatter = 0.5 * (np.var(x, ddof=1) + np.var(y, ddof=1))
    return float(np.sqrt(scatter) * x.shape[0] ** (-1.0 / 6.0))


def kernel_density(x: FloatArray, y: FloatArray, grid: Grid, bandwidth_m: float) -> FloatArray:
    """
    Return the density of positions, each spread by a Gaussian.

    Kernels narrower than `NARROW` cells are summed at the centres of the cells, as adehabitatHR
    does. Wider ones go a shorter way.

    Positions are shared out among the nine cells around them, and the cells convolved with the
    kernel (Wand 1994, doi:10.1080/10618600.1994.10474656). Shared by quadratic splines, each
    position gains a variance of a quarter of a squared cell, wherever in its cell it lies, which
    is taken off the kernel's. Areas are within 0.1 % of those of exact sums.

    A kernel of several cells holds no fine waves, so that each axis is convolved in the few that
    it does hold, `REACH` n / bandwidth of them: by matrix products, without the kernel's own n by
    n. Takes n + n_x n_y m steps with the m waves of an axis.

    Parameters
    ----------
    x, y : ndarray of float64, shape (n,)
        Positions, all a cell within the grid [m].
    grid : Grid
        Cells no wider than the bandwidth show it as it is; on wider ones the density hangs on where
        in their cells the positions lie.
    bandwidth_m : float
        Standard deviation of the kernel [m].

    Returns
    -------
    ndarray of float64, shape (n_y, n_x)
        Mass per cell; sums to 1.

    Raises
    ------
    ValueError
        The bandwidth is so far below a cell that no kernel reaches the centre of one.
    """
    density = np.zeros((grid.n_y, grid.n_x))
    column, row = (x - grid.x0) / grid.cell_m, (y - grid.y0) / grid.cell_m
    if bandwidth_m >= NARROW * grid.cell_m:
        spread = float(np.sqrt((bandwidth_m / grid.cell_m) ** 2 - 0.25))
        _share_out(column, row, density)
        along, across = _waves(grid.n_y, spread), _waves(grid.n_x, spread)
        density = along.T @ (along @ density @ across.T) @ across
        np.maximum(density, 0.0, out=density)
    elif bandwidth_m > 0.0:
        _sum_up(column, row, bandwidth_m / grid.cell_m, density)
    total = density.sum()
    if not total > 0.0:
        raise ValueError(f"bandwidth {bandwidth_m} m is too far below a cell of {grid.cell_m} m")
    density /= total
    return np.asarray(density, dtype=np.float64)


@kernel
def _sum_up(column: FloatArray, row: FloatArray, spread: float, density: FloatArray) -> None:
    """Add the kernel of each position to the cells whose centres it reaches."""
    n_y, n_x = density.shape
    reach = REACH * spread
    falling = np.empty(n_x)
    for k in range(column.shape[0]):
        left, right = max(int(np.ceil(column[k] - reach)), 0), min(column[k] + reach, n_x - 1.0)
        low, high = max(int(np.ceil(row[k] - reach)), 0), min(row[k] + reach, n_y - 1.0)
        last = int(np.floor(right))
        for i in range(left, last + 1):
            falling[i] = np.exp(-0.5 * ((i - column[k]) / spread) ** 2)
        for j in range(low, int(np.floor(high)) + 1):
            height = np.exp(-0.5 * ((j - row[k]) / spread) ** 2)
            for i in range(left, last + 1):
                density[j, i] += height * falling[i]


@kernel
def _share_out(column: FloatArray, row: FloatArray, counts: FloatArray) -> None:
    """Add positions to cells, each split between nine by quadratic splines."""
    n_y, n_x = counts.shape
    across, along = np.empty(3), np.empty(3)
    for k in range(column.shape[0]):
        i = min(max(int(np.rint(column[k])), 1), n_x - 2)
        j = min(max(int(np.rint(row[k])), 1), n_y - 2)
        right, up = column[k] - i, row[k] - j
        across[0], across[1] = 0.5 * (0.5 - right) ** 2, 0.75 - right**2
        along[0], along[1] = 0.5 * (0.5 - up) ** 2, 0.75 - up**2
        across[2], along[2] = 0.5 * (0.5 + right) ** 2, 0.5 * (0.5 + up) ** 2
        for b in range(3):
            for a in range(3):
                counts[j + b - 1, i + a - 1] += along[b] * across[a]


def _waves(n: int, spread: float) -> FloatArray:
    """
    Return the waves on n cells that a Gaussian holds, shape (m, n): W with W.T @ W the Gaussian.

    Cosines and sines of a period longer than the axis by `REACH` deviations, so that what comes
    round again has died out, up to where the Gaussian has: both are below 2e-8 of its height.
    """
    period = int(np.ceil(n + REACH * spread))
    last = min(int(np.ceil(REACH * period / (2.0 * np.pi * spread))), period // 2)
    turn = 2.0 * np.pi / period
    number, cell = np.arange(last + 1), np.arange(n)
    height = np.exp(-0.25 * (turn * spread * number) ** 2)[:, None]
    height[1:] *= np.sqrt(2.0)
    angle = turn * np.arange(period)
    at = np.multiply.outer(number, cell) % period
    return np.concatenate([height * np.cos(angle)[at], (height * np.sin(angle)[at])[1:]])
