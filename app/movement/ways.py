"""Ways: where a bird may have been on one leg, by Brownian bridges between its fixes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pyproj import Proj

from app.movement.bridges import Motion, Path, dynamic_motion, fixed_motion, lay_bridges
from app.movement.geodesy import distance_m, mean_position
from app.movement.isopleths import Grid, volume
from app.movement.profile import GAP_MAX_S
from app.movement.track import HOUR_US, SECOND_US, FloatArray, Track

CELL_M = 10_000.0
"""Smallest cell [m]: the narrowest kernel that a corridor is drawn with is 15 km wide."""

MAX_CELLS = 800
"""Most cells along a side of a leg's grid; bounds memory (5 MB)."""

ERROR_MIN_M = 30.0
"""Least position error [m]: a GPS fix of a moving bird is no better."""

VARIANCE_M2_S = 15_000.0
"""Brownian motion variance where a leg has too few fixes to tell its own [m2/s]: the median over
the migration legs of 27 Demoiselle Cranes of north-east Asia (`tests/movement/test_ways.py`)."""

KEPT = 0.999
"""Share of a leg that the cells kept hold, the densest ones; the rest is given to them."""


@dataclass(frozen=True, slots=True)
class Way:
    """
    Where a bird may have been on one leg.

    Attributes
    ----------
    lon, lat : ndarray of float64, shape (n,)
        Its positions, one an hour at most [degrees].
    time_us : ndarray of int64, shape (n,)
        Their times [us since 1970 UTC], ascending.
    cells : ndarray of float32, shape (m, 3)
        lon, lat [degrees] and length flown there [m] of the cells around its observed steps; the
        lengths add up to those of the steps. None for a leg of which no step was seen.
    """

    lon: FloatArray
    lat: FloatArray
    time_us: np.ndarray[tuple[int], np.dtype[np.int64]]
    cells: np.ndarray[tuple[int, int], np.dtype[np.float32]]

    @property
    def silent(self) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Steps that cross a silence over `GAP_MAX_S`, shape (n - 1,)."""
        return np.diff(self.time_us) > GAP_MAX_S * SECOND_US


def lay_way(track: Track) -> Way:
    """
    Lay Brownian bridges between the fixes of a leg, each weighing the length it spans.

    The variance is the dynamic one (Kranstauber et al. 2012) where a window of fixes tells it,
    the likeliest of the leg where that can be told (Horne et al. 2007), else `VARIANCE_M2_S`.
    A bridge weighs its length and not its time: a corridor tells where birds fly, not where they
    rested between two flights. No bridge spans a silence longer than `GAP_MAX_S`.

    Parameters
    ----------
    track : Track
        Shown fixes from the departure to the arrival, at least one.

    Returns
    -------
    Way
        The same for the same fixes, whatever stands before and after them.

    Examples
    --------
    >>> hour = 3_600_000_000 * np.arange(3)
    >>> way = lay_way(Track(hour, np.zeros(3), np.array([0.0, 0.3, 0.6]), np.full(3, 10.0)))
    >>> round(float(way.cells[:, 2].sum()) / 1000)
    66
    """
    hour = track.time_us // HOUR_US
    last = len(track) - 1
    # Both ends stand as they are: the leg begins and ends there.
    kept = np.flatnonzero(
        (np.diff(hour, prepend=hour[:1] - 1) != 0) | (np.arange(last + 1) == last)
    )
    thin = track.take(kept)
    thin = thin.take(np.diff(thin.time_us, prepend=thin.time_us[:1] - 1) > 0)
    return Way(thin.lon, thin.lat, thin.time_us, _cells(thin))


def _cells(track: Track) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    length = distance_m(track.lon[:-1], track.lat[:-1], track.lon[1:], track.lat[1:])
    seconds = (track.time_us - track.time_us[:1]) / SECOND_US
    length[np.diff(seconds) > GAP_MAX_S] = 0.0
    if not length.sum() > 0.0:
        return np.empty((0, 3), dtype=np.float32)
    middle = mean_position(track.lon, track.lat)
    proj = Proj(proj="laea", lon_0=middle[0], lat_0=middle[1], ellps="WGS84")
    x, y = (np.asarray(each) for each in proj(track.lon, track.lat))
    path = Path(seconds, x, y, np.maximum(track.error_m, ERROR_MIN_M))
    variance = dynamic_motion(path, GAP_MAX_S).variance_m2_s
    for other in (fixed_motion(path, GAP_MAX_S), fixed_motion(path, GAP_MAX_S, VARIANCE_M2_S)):
        variance = np.where(np.isfinite(variance), variance, other.variance_m2_s)
    flown = length > 0.0
    variance = np.where(flown, variance, np.nan)
    ends = np.append(flown, False) | np.append(False, flown)
    swing = 0.25 * np.diff(seconds)[flown] * variance[flown]
    reach_m = 3.0 * float(np.sqrt(swing.max() + path.error_m[ends].max() ** 2)) + 2.0 * CELL_M
    grid = Grid.around(x[ends], y[ends], reach_m, CELL_M, MAX_CELLS)
    density = lay_bridges(path, Motion(variance), grid, weight=length)
    row, column = np.nonzero(volume(density) - density < KEPT)
    mass = density[row, column]
    lon, lat = proj(grid.x0 + grid.cell_m * column, grid.y0 + grid.cell_m * row, inverse=True)
    found = np.column_stack([lon, lat, mass * (length.sum() / mass.sum())])
    return found.astype(np.float32)
