"""The square tiles of web maps: which tile holds a place, and which places a tile holds."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from app.movement.track import FloatArray, IntArray

LAT_MAX_DEG = math.degrees(math.atan(math.sinh(math.pi)))
"""Latitude at which the world in Web Mercator is a square [degrees]: about 85.0511."""


def cells_of(
    lon: FloatArray, lat: FloatArray, level: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """
    Return the tile of each place at one level.

    Every place on earth has exactly one: places past the northern and southern edge of the map
    belong to its outermost rows, and the longitude 180 to the last column.

    Parameters
    ----------
    lon, lat : ndarray of float64, shape (n,)
        Places, longitudes within -180..180 [degrees].
    level : int
        The world has 2**level columns and as many rows; row 0 is the northernmost.

    Returns
    -------
    x, y : ndarray of int64, shape (n,)
        Column and row of each place (OGC 17-083r4, WebMercatorQuad).

    Examples
    --------
    >>> x, y = cells_of(np.array([115.1, 180.0]), np.array([49.7, -90.0]), 3)
    >>> x.tolist(), y.tolist()
    ([6, 7], [2, 7])
    """
    n = 1 << level
    bounded = np.radians(np.clip(lat, -LAT_MAX_DEG, LAT_MAX_DEG))
    column = np.floor((np.asarray(lon) / 360 + 0.5) * n)
    row = np.floor((1 - np.arcsinh(np.tan(bounded)) / math.pi) / 2 * n)
    edge = n - 1
    return (
        np.clip(column, 0, edge).astype(np.int64),
        np.clip(row, 0, edge).astype(np.int64),
    )


def centres(level: int, x: IntArray, y: IntArray) -> tuple[FloatArray, FloatArray]:
    """
    Return longitude and latitude of the middle of each tile [degrees].

    Examples
    --------
    >>> lon, lat = centres(1, np.array([0, 1]), np.array([0, 1]))
    >>> lon.tolist(), lat.round(3).tolist()
    ([-90.0, 90.0], [66.513, -66.513])
    """
    n = 1 << level
    lat = np.degrees(np.arctan(np.sinh(math.pi * (1 - 2 * (y + 0.5) / n))))
    return np.asarray((x + 0.5) / n * 360 - 180), np.asarray(lat)


def bounds(level: int, x: int, y: int) -> tuple[float, float, float, float]:
    """
    Return west, south, east and north of a tile [degrees].

    Neighbours share their edges to the last bit, so that half-open boxes leave no place out.

    Examples
    --------
    >>> [round(edge, 3) for edge in bounds(3, 6, 2)]
    [90.0, 40.98, 135.0, 66.513]
    """
    n = 1 << level
    return _west(x, n), _north(y + 1, n), _west(x + 1, n), _north(y, n)


def _west(column: int, n: int) -> float:
    return column / n * 360 - 180


def _north(row: int, n: int) -> float:
    return math.degrees(math.atan(math.sinh(math.pi * (1 - 2 * row / n))))
