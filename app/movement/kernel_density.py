"""Kernel density: where positions lie, each spread by a Gaussian, on a grid."""

from __future__ import annotations

import numpy as np

from app.movement.isopleths import Grid
from app.movement.track import FloatArray, IntArray


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

    Positions are shared out among the nine cells around them, and the cells convolved with the
    kernel by two matrix products (Wand 1994, doi:10.1080/10618600.1994.10474656). Shared by
    quadratic splines, each position gains a variance of a quarter of a squared cell, wherever in
    its cell it lies, which is taken off the kernel's. Areas are within 0.1 % of those of exact
    sums. Takes n + n_x n_y (n_x + n_y) steps.

    Parameters
    ----------
    x, y : ndarray of float64, shape (n,)
        Positions, all a cell within the grid [m].
    grid : Grid
        Cells no wider than the bandwidth.
    bandwidth_m : float
        Standard deviation of the kernel [m].

    Returns
    -------
    ndarray of float64, shape (n_y, n_x)
        Mass per cell; sums to 1.

    Raises
    ------
    ValueError
        The bandwidth is below a cell, which could not show it.
    """
    if not bandwidth_m >= grid.cell_m:
        raise ValueError(f"bandwidth {bandwidth_m} m is below a cell of {grid.cell_m} m")
    spread = np.sqrt((bandwidth_m / grid.cell_m) ** 2 - 0.25)
    counts = _shared_out((x - grid.x0) / grid.cell_m, (y - grid.y0) / grid.cell_m, grid)
    density = _kernel(grid.n_y, spread) @ counts @ _kernel(grid.n_x, spread)
    return np.asarray(density / density.sum(), dtype=np.float64)


def _shared_out(column: FloatArray, row: FloatArray, grid: Grid) -> FloatArray:
    """Return positions per cell, each split between nine, shape (n_y, n_x)."""
    i, across = _thirds(column, grid.n_x)
    j, along = _thirds(row, grid.n_y)
    flat = np.zeros(grid.n_x * grid.n_y)
    for up in range(3):
        for right in range(3):
            cell = (j + up) * grid.n_x + i + right
            flat += np.bincount(cell, along[up] * across[right], flat.shape[0])
    return np.asarray(flat.reshape(grid.n_y, grid.n_x), dtype=np.float64)


def _thirds(place: FloatArray, n: int) -> tuple[IntArray, tuple[FloatArray, ...]]:
    """Return the first of the three cells around each place, and the share of each."""
    middle = np.clip(np.rint(place), 1, n - 2).astype(np.int64)
    off = place - middle
    return middle - 1, (0.5 * (0.5 - off) ** 2, 0.75 - off**2, 0.5 * (0.5 + off) ** 2)


def _kernel(n: int, spread: float) -> FloatArray:
    """Return the Gaussian between each two of n cells, shape (n, n)."""
    fall = np.exp(-0.5 * (np.arange(n) / spread) ** 2)
    apart = np.abs(np.subtract.outer(np.arange(n), np.arange(n)))
    return np.asarray(fall[apart], dtype=np.float64)
