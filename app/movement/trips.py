"""Trips: how often, and for how long, a bird leaves a colony and comes back to it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.movement.geodesy import distance_m
from app.movement.track import SECOND_US, IntArray, Track


@dataclass(frozen=True, slots=True)
class Colony:
    """
    Where trips start and end.

    `inner_m` is how far a bird must go to be away, `return_m` how near the last fix must be for a
    trip to count as ended there, `duration_min_s` how long a way out must last to be a trip.
    """

    lon: float
    lat: float
    inner_m: float
    return_m: float
    duration_min_s: float


@dataclass(frozen=True, slots=True)
class Trips:
    """
    Trips of one bird, numbered from 1.

    Attributes
    ----------
    of_fix : ndarray of int64, shape (n,)
        Trip of each fix; 0 for none.
    returns : ndarray of bool, shape (k,)
        False for a trip on which the data end far away.
    """

    of_fix: IntArray
    returns: NDArray[np.bool_]


def split_trips(track: Track, colony: Colony) -> Trips:
    """
    Split a track into trips from a colony, as track2KBA does.

    A trip is a run of fixes beyond the inner distance, with the first fix back within it (Beal et
    al. 2021, doi:10.1111/2041-210X.13713).

    Parameters
    ----------
    track : Track
        Visible fixes in time order.
    colony : Colony
        The place, and what counts as a trip.

    Returns
    -------
    Trips
        Fixes by trip.

    Examples
    --------
    >>> lon = np.array([0.0, 0.1, 0.2, 0.01, 0.0, 0.3])
    >>> hour = np.arange(6) * 3_600_000_000
    >>> track = Track(hour, lon, np.zeros(6), np.full(6, 10.0))
    >>> trips = split_trips(track, Colony(0.0, 0.0, 3_000.0, 10_000.0, 3_600.0))
    >>> trips.of_fix.tolist(), trips.returns.tolist()
    ([0, 1, 1, 1, 0, 0], [True])
    """
    n = len(track)
    one = np.ones(n)
    away = distance_m(track.lon, track.lat, colony.lon * one, colony.lat * one)
    out = np.concatenate(([False], away >= colony.inner_m, [False]))
    start = np.flatnonzero(out[1:-1] & ~out[:-2])
    end = np.flatnonzero(out[1:-1] & ~out[2:])
    back = np.minimum(end + 1, n - 1)
    lasts = (track.time_us[back] - track.time_us[start]) / SECOND_US >= colony.duration_min_s
    # The last fix of all is no way out by itself.
    keep = lasts & (start < n - 1)
    of_fix = np.zeros(n, dtype=np.int64)
    for number, (a, b) in enumerate(zip(start[keep], back[keep], strict=True), start=1):
        of_fix[a : b + 1] = number
    ended = (end[keep] < n - 1) | (away[end[keep]] < colony.return_m)
    return Trips(of_fix, ended)
