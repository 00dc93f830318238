"""Habitat use: the time each fix stands for, shared out by day and by class, exactly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.movement.profile import GAP_MAX_S
from app.movement.track import DAY_US, SECOND_US, FloatArray, IntArray

OUTSIDE = -1
"""Class of a fix that lies in no class of a layer."""


@dataclass(frozen=True, slots=True)
class UseDays:
    """
    Time of one bird per day, kind and class; arrays of shape (k,), sorted, no row twice.

    Attributes
    ----------
    day : ndarray of int64
        Days since 1970-01-01 UTC.
    kind : ndarray of int64
        The caller's code of what the bird was about: a kind of stopover, or travel.
    class_id : ndarray of int64
        Class of the layer, `OUTSIDE` for none.
    bird_days : ndarray of float64
        Observed time [days].
    """

    day: IntArray
    kind: IntArray
    class_id: IntArray
    bird_days: FloatArray


def fix_weights_s(time_us: IntArray, gap_max_s: float = GAP_MAX_S) -> FloatArray:
    """
    Return the time each visible fix stands for: half of the interval to each neighbour.

    Parameters
    ----------
    time_us : ndarray of int64, shape (n,)
        Times of the visible fixes, never decreasing [microseconds since 1970-01-01 UTC].
    gap_max_s : float
        Longer intervals are unobserved and give nothing [s].

    Returns
    -------
    ndarray of float64, shape (n,)
        Weights [s]; their sum is the observed time.

    Examples
    --------
    >>> fix_weights_s(np.array([0, 2_000_000, 8_000_000])).tolist()
    [1.0, 4.0, 3.0]
    """
    step = np.diff(time_us)
    step = np.where(step <= gap_max_s * SECOND_US, step, 0)
    twice = np.zeros(time_us.shape[0], dtype=np.int64)
    twice[:-1] += step
    twice[1:] += step
    return np.asarray(twice / (2.0 * SECOND_US), dtype=np.float64)


def bird_days(
    time_us: IntArray, kind: IntArray, class_id: IntArray, *, gap_max_s: float = GAP_MAX_S
) -> UseDays:
    """
    Share out the observed time of one bird by UTC day, kind and class.

    Each interval is halved between its two fixes and each half is cut at midnight. All sums are
    whole half-microseconds, so shares add up to the total however time is divided.

    Parameters
    ----------
    time_us : ndarray of int64, shape (n,)
        Times of the visible fixes, never decreasing [microseconds since 1970-01-01 UTC].
    kind, class_id : ndarray of int64, shape (n,)
        What the bird was about, and the class it was in, at each fix.
    gap_max_s : float
        Longer intervals are unobserved and give nothing [s].

    Returns
    -------
    UseDays
        Only rows with time in them.

    Examples
    --------
    >>> hour = 3_600_000_000
    >>> use = bird_days(np.array([22, 26]) * hour, np.array([0, 0]), np.array([3, 7]))
    >>> use.day.tolist(), use.class_id.tolist(), (use.bird_days * 24).round(6).tolist()
    ([0, 1], [3, 7], [2.0, 2.0])
    """
    begin, end, fix = _halves(time_us, gap_max_s)
    day_ticks = 2 * DAY_US
    first = begin // day_ticks
    n_days = (end - 1) // day_ticks - first + 1
    piece = np.repeat(np.arange(begin.shape[0]), n_days)
    nth = np.arange(piece.shape[0]) - np.repeat(np.cumsum(n_days) - n_days, n_days)
    day = first[piece] + nth
    ticks = np.minimum(end[piece], (day + 1) * day_ticks) - np.maximum(
        begin[piece], day * day_ticks
    )
    rows = np.column_stack([day, kind[fix[piece]], class_id[fix[piece]]])
    unique, inverse = np.unique(rows, axis=0, return_inverse=True)
    total = np.zeros(unique.shape[0], dtype=np.int64)
    np.add.at(total, inverse.ravel(), ticks)
    return UseDays(unique[:, 0], unique[:, 1], unique[:, 2], total / day_ticks)


def _halves(time_us: IntArray, gap_max_s: float) -> tuple[IntArray, IntArray, IntArray]:
    """Return begin, end [half-microseconds] and fix of each half of an observed interval."""
    step = np.diff(time_us)
    left = np.flatnonzero((step > 0) & (step <= gap_max_s * SECOND_US))
    middle = time_us[left] + time_us[left + 1]
    begin = np.concatenate([2 * time_us[left], middle])
    end = np.concatenate([middle, 2 * time_us[left + 1]])
    return begin, end, np.concatenate([left, left + 1])
