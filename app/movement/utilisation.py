"""Utilisation: the area in which a bird spent most of its time, by four methods."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from pyproj import Proj
from shapely import MultiPolygon

from app.movement.autocorrelation import bandwidth, fit_wandering
from app.movement.bridges import Motion, Path, dynamic_motion, fixed_motion, lay_bridges
from app.movement.gaps import observed_us
from app.movement.geodesy import mean_position
from app.movement.isopleths import Grid, Plane, home_ranges, volume
from app.movement.kernel_density import kernel_density, reference_bandwidth_m
from app.movement.methods import LEVELS, Method
from app.movement.profile import GAP_MAX_S
from app.movement.track import HOUR_US, SECOND_US, FloatArray, IntArray, Track

MAX_CELLS = 300
"""Most cells along a side of the grid of kernels: a bandwidth is some ten of them."""

MAX_CELLS_NARROW = 2_000
"""Most cells where a bandwidth is below one of those: months at one place, and one place far off.
A bandwidth is a cell then."""

MAX_CELLS_BRIDGED = 600
"""Most cells along a side of the grid of bridges, which are narrow at the fixes."""

CELL_MIN_M = 10.0
"""Smallest cell [m]: below the error of a fix."""

KERNELS = 4.0
"""Bandwidths around the fixes that the grid holds: 3e-4 of a kernel lies beyond."""

FIXES_MIN = 10
"""Fewest hourly positions to tell an area of; our choice."""

EFFECTIVE_MIN = 2.0
"""Fewest independent positions to tell a home of, and fewest times that the bird must have had to
come back to it: below, the track is one way and no home."""

THIN_US = 10 * 60 * SECOND_US
"""Bridges are laid between fixes at least this far apart, 30 times nearer than their windows'
breaks can tell [microseconds]."""

ERROR_MIN_M = 5.0
"""Least error of a fix that a bridge starts from [m]: a good GPS fix in the open."""

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Isopleth:
    """
    The smallest area that holds `level` percent of a bird's time.

    `area_low_km2` and `area_high_km2` bound it in 95 of 100 cases where the method can say so.
    """

    level: int
    area_km2: float
    area_low_km2: float | None
    area_high_km2: float | None
    geometry: MultiPolygon  # RFC 7946: cut at the antimeridian, outer rings counter-clockwise


@dataclass(frozen=True, slots=True)
class Utilisation:
    """
    Where one bird spent its time, by one method.

    Attributes
    ----------
    method : str
        ``kde``, ``akde``, ``bb`` or ``dbb``.
    n_fixes : int
        Fixes that the method took.
    n_effective : float, optional
        Independent positions they are worth; None for bridges, which need none.
    unobserved_s : float
        Silences longer than `GAP_MAX_S`, and for bridges every way without one [s].
    parameters : dict
        What was chosen or estimated, units last in the names.
    isopleths : tuple of Isopleth
        By level.
    """

    method: Method
    n_fixes: int
    n_effective: float | None
    unobserved_s: float
    parameters: dict[str, Any]
    isopleths: tuple[Isopleth, ...]


def utilise(track: Track, method: Method, levels: tuple[int, ...] = LEVELS) -> Utilisation | None:
    """
    Outline where a bird spent its time.

    ========  =====================================================================
    ``kde``   Gaussian kernels of the reference bandwidth around hourly positions
    ``akde``  kernels that suit their autocorrelation, the area corrected for what
              the kernels add (`autocorrelation.bandwidth`): the home range
    ``bb``    Brownian bridges of one variance, the likeliest (Horne et al. 2007)
    ``dbb``   of a variance that follows the bird's behaviour (Kranstauber 2012)
    ========  =====================================================================

    Worked on a Lambert azimuthal equal-area plane around the mean position. The first position
    of a UTC hour stands for it in kernels, the first of each ten minutes in bridges, so that a
    tag that sends more often weighs no more. No bridge spans a silence longer than `GAP_MAX_S`.

    Parameters
    ----------
    track : Track
        Visible fixes of one bird and season. Repeated times are immaterial.
    method : str
        One of `METHODS`.
    levels : tuple of int
        Shares to outline [%].

    Returns
    -------
    Utilisation, optional
        None where the fixes are too few, all at one place, or lie too far apart for their kernels
        (`MAX_CELLS_NARROW`), or, for ``akde``, of a bird that was at home nowhere
        (`EFFECTIVE_MIN`).
    """
    thin = _thinned(track, THIN_US if method in {"bb", "dbb"} else HOUR_US)
    if len(_thinned(thin, HOUR_US)) < FIXES_MIN:
        return None
    lon, lat = mean_position(thin.lon, thin.lat)
    proj = Proj(proj="laea", lon_0=lon, lat_0=lat, ellps="WGS84")
    x, y = (np.asarray(v, dtype=np.float64) for v in proj(thin.lon, thin.lat))
    if not (np.ptp(x) > 0.0 and np.ptp(y) > 0.0):
        return None
    if method == "kde":
        return _kde(thin, x, y, proj, levels)
    if method == "akde":
        return _akde(thin, x, y, proj, levels)
    path = Path(_seconds(thin), x, y, np.maximum(thin.error_m, ERROR_MIN_M))
    return _bridged(path, proj, levels, method)


def _thinned(track: Track, step_us: int) -> Track:
    """Return the first fix of each step; of those at one time the westernmost, southernmost."""
    order = np.lexsort((track.lat, track.lon, track.time_us))
    step = track.time_us[order] // step_us
    first: IntArray = order[np.flatnonzero(np.diff(step, prepend=step[:1] - 1))]
    return track.take(first)


def _seconds(track: Track) -> FloatArray:
    seconds: FloatArray = (track.time_us - track.time_us[0]) / SECOND_US
    return seconds


def _unobserved_s(track: Track) -> float:
    whole = int(track.time_us[-1] - track.time_us[0])
    return (whole - observed_us(track.time_us)) / SECOND_US


def _kde(
    track: Track, x: FloatArray, y: FloatArray, proj: Proj, levels: tuple[int, ...]
) -> Utilisation | None:
    h_m = reference_bandwidth_m(x, y)
    grid = _ground(x, y, h_m)
    if grid is None:
        return None
    density = kernel_density(x, y, grid, h_m)
    return Utilisation(
        "kde", len(track), float(len(track)), _unobserved_s(track),
        {"bandwidth_m": h_m, "cell_m": grid.cell_m},
        _isopleths(density, grid, levels, proj),
    )  # fmt: skip


def _ground(x: FloatArray, y: FloatArray, h_m: float) -> Grid | None:
    """Lay a grid around positions whose cells are no wider than the bandwidth; None if too many."""
    grid = Grid.around(x, y, KERNELS * h_m, min(CELL_MIN_M, h_m / 2.0), MAX_CELLS)
    if grid.cell_m > h_m:
        grid = Grid.around(x, y, KERNELS * h_m, h_m, MAX_CELLS_NARROW)
    return grid if grid.cell_m <= h_m else None


def _isopleths(
    density: FloatArray, grid: Grid, levels: tuple[int, ...], proj: Plane
) -> tuple[Isopleth, ...]:
    shares = [level / 100.0 for level in levels]
    found = home_ranges(density, volume(density), grid, shares, proj)
    return tuple(
        Isopleth(level, area_km2, None, None, geometry)
        for level, (area_km2, geometry) in zip(levels, found, strict=True)
    )


@dataclass(frozen=True, slots=True)
class _Evened:
    """A plane in which a covariance is round, areas kept."""

    proj: Proj
    mean: FloatArray
    turn: FloatArray  # shape (2, 2), determinant 1: x and y of this plane's u and v

    def even(self, x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
        u, v = np.linalg.solve(self.turn, np.stack([x - self.mean[0], y - self.mean[1]]))
        return u, v

    def __call__(self, x: FloatArray, y: FloatArray, *, inverse: bool) -> Any:
        east, north = self.turn @ np.stack([x, y])
        return self.proj(east + self.mean[0], north + self.mean[1], inverse=inverse)


def _akde(
    track: Track, x: FloatArray, y: FloatArray, proj: Proj, levels: tuple[int, ...]
) -> Utilisation | None:
    time_s = _seconds(track)
    home = fit_wandering(time_s, x, y)
    if home is None or home.n_effective < EFFECTIVE_MIN:
        return None
    if home.tau_position_s > time_s[-1] / EFFECTIVE_MIN:
        return None
    squared, inflation = bandwidth(time_s, home)
    sigma_m = float(np.linalg.det(home.covariance)) ** 0.25
    plane = _Evened(proj, home.mean, np.linalg.cholesky(home.covariance) / sigma_m)
    u, v = plane.even(x, y)
    h_m = float(np.sqrt(squared)) * sigma_m
    grid = _ground(u, v, h_m)
    if grid is None:
        return None
    density = kernel_density(u, v, grid, h_m)
    from scipy.special import gammaincinv  # noqa: PLC0415 - slow to load

    low, high = (
        gammaincinv(home.n_effective, q) / home.n_effective  # quantile of chi2 over its freedom
        for q in ((1.0 - CONFIDENCE) / 2.0, (1.0 + CONFIDENCE) / 2.0)
    )
    held = volume(density)
    shares = _corrected(held, [level / 100.0 for level in levels], inflation)
    found = [
        Isopleth(level, area_km2, float(low) * area_km2, float(high) * area_km2, geometry)
        for level, (area_km2, geometry) in zip(
            levels, home_ranges(density, held, grid, shares, plane), strict=True
        )
    ]
    parameters = {
        "model": home.model,
        "tau_position_s": home.tau_position_s,
        "tau_velocity_s": home.tau_velocity_s,
        "bandwidth_m": h_m,
        "inflation": inflation,
        "cell_m": grid.cell_m,
    }
    return Utilisation(
        "akde", len(track), home.n_effective, _unobserved_s(track), parameters, tuple(found)
    )


def _corrected(held: FloatArray, shares: list[float], inflation: float) -> list[float]:
    """Return the shares of a density whose areas are those of `shares` without the inflation."""
    rising = np.sort(held, axis=None)
    cells = np.searchsorted(rising, shares, side="right") / inflation
    found: list[float] = np.interp(cells, np.arange(1, rising.shape[0] + 1), rising).tolist()
    return found


def _bridged(path: Path, proj: Proj, levels: tuple[int, ...], method: Method) -> Utilisation | None:
    motion = (fixed_motion if method == "bb" else dynamic_motion)(path, GAP_MAX_S)
    known = motion.known
    if not known.any():
        return None
    used = np.zeros(len(path), dtype=np.bool_)
    used[:-1] |= known
    used[1:] |= known
    grid = Grid.around(
        path.x[used], path.y[used], _reach_m(path, motion), CELL_MIN_M, MAX_CELLS_BRIDGED
    )
    density = lay_bridges(path, motion, grid)
    step_s = np.diff(path.time_s)
    variance = motion.variance_m2_s[known]
    return Utilisation(
        method, int(used.sum()), None, float(step_s[~known].sum()),
        {
            "variance_mean_m2_s": float(np.average(variance, weights=step_s[known])),
            "bridged_s": float(step_s[known].sum()),
            "cell_m": grid.cell_m,
        },
        _isopleths(density, grid, levels, proj),
    )  # fmt: skip


def _reach_m(path: Path, motion: Motion) -> float:
    """Return how far a bridge may swing out: three deviations at the middle of the widest."""
    known = motion.known
    widest = 0.25 * np.diff(path.time_s)[known] * motion.variance_m2_s[known]
    return 3.0 * float(np.sqrt(widest.max() + np.max(path.error_m) ** 2)) + 2.0 * CELL_MIN_M
