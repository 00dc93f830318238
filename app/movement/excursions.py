"""
Excursions: runs of Argos fixes so far out, and back so soon, that no bird flew them.

A bad almanac of the tag or one satellite's mirrored solutions give several wrong fixes in a row,
at one place or on one side. The tails of the smoother forgive a fix that stands alone; a run that
agrees with itself it would follow. What real birds do bounds the rule: see the constants.
"""

from __future__ import annotations

import math

import numpy as np

from app.movement.compiled import kernel
from app.movement.track import HOUR_US, BoolArray, FloatArray, IntArray

AWAY_MIN_M = 40_000.0
"""Least way of an excursion that no bird makes [m]: of 26,000 fixes of real Demoiselle Cranes (GPS,
every 4 h) 9 lie so far off in what looks like one, 62 lie 30 km off; so far, not there and back,"""
AWAY_FIXES = 6
"""... of at most so many fixes: one bad almanac, or a satellite's worth of mirrors,"""
AWAY_MAX_US = 60 * HOUR_US
"""... over within this time [us], a duty cycle of two days and its edges,"""
AWAY_RETURN = 0.35
"""... that ends within this share of its way from where it began, as a spike does."""
AWAY_FAR_M, AWAY_FAR_RETURN = 150_000.0, 1.0
"""The same of an excursion so far [m], from mid-flight too: of 51 real birds of three species (GPS,
38,000 fixes every 4 h, 13,000 every 12 h) none turned back so sharply so far out."""


@kernel
def out_and_back(time_us: IntArray, place_m: FloatArray) -> BoolArray:
    """
    Find the fixes of excursions too far for the time they took.

    What lies between two fixes is an excursion if all of it is far from both, and they are near
    each other.

    Parameters
    ----------
    time_us : ndarray of int64, shape (n,)
        Times in order [us].
    place_m : ndarray of float64, shape (n, 2)
        Where a first smoothing puts the bird, on a plane [m].

    Returns
    -------
    ndarray of bool, shape (n,)
        The fixes out there; never the first nor the last.
    """
    n = time_us.shape[0]
    out = np.zeros(n, dtype=np.bool_)
    for i in range(n - 2):
        least = np.inf
        for j in range(i + 2, min(n, i + 2 + AWAY_FIXES)):
            if time_us[j] - time_us[i] > AWAY_MAX_US:
                break
            least = min(least, _way_m(place_m, i, j - 1))
            back = np.inf
            for m in range(i + 1, j):
                back = min(back, _way_m(place_m, m, j))
            away = min(least, back)
            share = AWAY_FAR_RETURN if away >= AWAY_FAR_M else AWAY_RETURN
            out[i + 1 : j] |= away >= AWAY_MIN_M and _way_m(place_m, i, j) < share * away
    return out


@kernel
def _way_m(place_m: FloatArray, a: int, b: int) -> float:
    return math.hypot(place_m[b, 0] - place_m[a, 0], place_m[b, 1] - place_m[a, 1])
