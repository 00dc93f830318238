"""Distances of every place to every other, without the compiler: requests may ask for them."""

from __future__ import annotations

import numpy as np

from app.movement.track import FloatArray

EARTH_RADIUS_M = 6_371_008.8
"""Mean radius [m] (IUGG R1); turns a chord into an arc."""


def arcs_m(
    from_lon: FloatArray, from_lat: FloatArray, lon: FloatArray, lat: FloatArray
) -> FloatArray:
    """
    Return great-circle distances between two sets of places.

    Parameters
    ----------
    from_lon, from_lat : ndarray of float64, shape (n,)
        Places [degrees].
    lon, lat : ndarray of float64, shape (m,)
        Places [degrees].

    Returns
    -------
    ndarray of float64, shape (n, m)
        Distances [m].

    Examples
    --------
    >>> zero, ends = np.zeros(1), np.array([0.0, 180.0])
    >>> arcs_m(zero, zero, ends, np.zeros(2)).round().tolist()
    [[0.0, 20015114.0]]
    """
    a, b = _unit(from_lon, from_lat), _unit(lon, lat)
    chord = np.linalg.norm(a[:, None, :] - b[None, :, :], axis=2)
    arc: FloatArray = 2.0 * EARTH_RADIUS_M * np.arcsin(np.clip(chord / 2.0, 0.0, 1.0))
    return arc


def _unit(lon: FloatArray, lat: FloatArray) -> FloatArray:
    x, y = np.radians(lon), np.radians(lat)
    return np.column_stack([np.cos(x) * np.cos(y), np.sin(x) * np.cos(y), np.sin(y)])
