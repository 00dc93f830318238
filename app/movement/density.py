"""Where birds spend their time: hours counted in the cells of a map's tiles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.movement.mercator import cells_of, centres
from app.movement.track import HOUR_US, FloatArray, IntArray

LEVELS = (6, 8, 10, 12, 14)
"""Levels that are counted: cells of 450 km down to 1.7 km at 45 degrees north, a quarter of the
edge from one to the next, so that any tile up to zoom 9 has 32 or 64 of them along its edge."""

PUBLIC_LEVELS = (6, 8, 10)
"""The finest level has cells of 0.35 degrees, wider than the 0.1 degree grid of public places:
smaller ones would show the grid and not the birds."""

_CELL_BITS = 16
_CELL = (1 << _CELL_BITS) - 1
"""Bits of a column or row of cells, more than any level has."""

SEASON_LEVEL = 15
"""Level of the cells in which the hours of a season are kept: 1.2 km at the equator and less
elsewhere, a quarter of any kernel of key sites, whose spread they enlarge by less than 1 %."""

ZOOM_MAX = 9
"""Largest zoom with cells of its own; viewers enlarge its tiles beyond."""


@dataclass(frozen=True, slots=True)
class Cells:
    """Hours of one bird by month, level and cell; arrays of one length."""

    month: NDArray[np.datetime64]
    level: IntArray
    x: IntArray
    y: IntArray
    hours: IntArray


def level_at(zoom: int, levels: Sequence[int] = LEVELS) -> int:
    """
    Return the level whose cells a tile of this zoom is made of.

    Examples
    --------
    >>> [level_at(zoom) for zoom in (0, 3, 9)], level_at(9, PUBLIC_LEVELS)
    ([6, 8, 14], 10)
    """
    return min(LEVELS[0] + 2 * (zoom // 2), levels[-1])


def count_hours(
    time_us: IntArray, lon: FloatArray, lat: FloatArray, levels: Sequence[int] = LEVELS
) -> Cells:
    """
    Count the hours of a bird in each cell of each level, month by month.

    The first position of a UTC hour stands for that hour, so that a tag that sends more often
    weighs no more than another; every hour with a position is counted once at every level.

    Parameters
    ----------
    time_us : ndarray of int64, shape (n,)
        Times in ascending order [microseconds since 1970, UTC].
    lon, lat : ndarray of float64, shape (n,)
        Positions, longitudes within -180..180 [degrees].
    levels : sequence of int
        Levels to count at.

    Returns
    -------
    Cells
        One row per month, level and cell, ordered by them; `hours` of a level sum to the hours
        with a position.

    Examples
    --------
    >>> hour = np.array([0, 1, 1, 2]) * HOUR_US
    >>> cells = count_hours(hour, np.full(4, 115.1), np.full(4, 49.7), (6, 8))
    >>> cells.level.tolist(), cells.x.tolist(), cells.hours.tolist()
    ([6, 8], [52, 209], [3, 3])
    """
    hour = time_us // HOUR_US
    first = np.flatnonzero(np.diff(hour, prepend=hour[:1] - 1) != 0)
    month = time_us[first].astype("datetime64[us]").astype("datetime64[M]").astype(np.int64)
    tables = []
    for level in levels:
        x, y = cells_of(lon[first], lat[first], level)
        # One number a row, in the order of the three: rows are sorted ten times as slowly.
        keys = (month << 2 * _CELL_BITS) + (x << _CELL_BITS) + y
        found, hours = np.unique(keys, return_counts=True)
        levelled = np.full(len(found), level)
        x, y = found >> _CELL_BITS & _CELL, found & _CELL
        tables.append(np.column_stack([found >> 2 * _CELL_BITS, levelled, x, y, hours]))
    rows = np.concatenate(tables)
    rows = rows[np.lexsort(rows.T[3::-1])]
    return Cells(rows[:, 0].astype("datetime64[M]"), *rows[:, 1:].T)


def places_of(cells: bytes) -> FloatArray:
    """Return longitude, latitude and hours of the cells of a kept season, shape (3, n)."""
    x, y, hours = np.frombuffer(cells, dtype="<i4").reshape(-1, 3).astype(np.int64).T
    return np.stack([*centres(SEASON_LEVEL, x, y), hours.astype(np.float64)])
