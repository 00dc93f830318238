"""Habitat use: how long a bird was where, by UTC day, so that each second counts once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.movement.gaps import GAP_MAX_US
from app.movement.track import DAY_US, IntArray


@dataclass(frozen=True, slots=True)
class DayPieces:
    """
    The observed time of a bird, cut into pieces of one fix and one UTC day.

    Attributes
    ----------
    fix : ndarray of int64, shape (n,)
        The fix that stands for the piece.
    day : ndarray of int64, shape (n,)
        UTC day [days since 1970-01-01].
    time_us : ndarray of int64, shape (n,)
        Length of the piece, never 0 [microseconds].
    """

    fix: IntArray
    day: IntArray
    time_us: IntArray


@dataclass(frozen=True, slots=True)
class BirdDays:
    """
    Time by UTC day, kind and class, in that order.

    Attributes
    ----------
    day, kind, class_id : ndarray of int64, shape (n,)
        The groups; each occurs once.
    time_us : ndarray of int64, shape (n,)
        Time in the group, exact [microseconds].
    """

    day: IntArray
    kind: IntArray
    class_id: IntArray
    time_us: IntArray


def day_pieces(time_us: IntArray) -> DayPieces:
    """
    Cut the time of each fix at every UTC midnight it crosses.

    Parameters
    ----------
    time_us : ndarray of int64, shape (n,)
        Times of the visible fixes, never decreasing [microseconds since 1970-01-01 UTC].

    Returns
    -------
    DayPieces
        In time order. A fix stands for half the way to each of its neighbours. A gap longer than
        `GAP_MAX_S` is unobserved and counts for nobody; the sum is the observed time exactly (an
        odd interval gives its last microsecond to the later fix).

    Examples
    --------
    >>> pieces = day_pieces(np.array([0, 3 * DAY_US]))
    >>> pieces.fix.tolist(), pieces.day.tolist(), (pieces.time_us / DAY_US).tolist()
    ([0, 0, 1, 1], [0, 1, 1, 2], [1.0, 0.5, 0.5, 1.0])
    """
    return _cut(time_us, *_halves(time_us, silent=False))


def silent_pieces(time_us: IntArray) -> DayPieces:
    """
    Cut the silences of a bird at every UTC midnight; with `day_pieces` they are its whole span.

    Parameters
    ----------
    time_us : ndarray of int64, shape (n,)
        Times of the visible fixes, never decreasing [microseconds since 1970-01-01 UTC].

    Returns
    -------
    DayPieces
        Gaps longer than `GAP_MAX_S` alone, each half with the fix at its own end.

    Examples
    --------
    >>> pieces = silent_pieces(np.array([0, DAY_US, 11 * DAY_US]))
    >>> pieces.fix.tolist(), pieces.day.tolist()
    ([1, 1, 1, 1, 1, 2, 2, 2, 2, 2], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    """
    return _cut(time_us, *_halves(time_us, silent=True))


def combinations(classes: Sequence[IntArray], n: int) -> tuple[IntArray, list[list[int]]]:
    """
    Number the combinations of classes that occur.

    Parameters
    ----------
    classes : sequence of ndarray of int64, shape (n,)
        The class of each fix in each layer.
    n : int
        Number of fixes; without any layer all are alike.

    Returns
    -------
    number : ndarray of int64, shape (n,)
        The combination of each fix.
    combination : list of list of int
        Its class in each layer.

    Examples
    --------
    >>> combinations([np.array([4, 4, 5]), np.array([0, 1, 0])], 3)[1]
    [[4, 0], [4, 1], [5, 0]]
    """
    if not classes:
        return np.zeros(n, dtype=np.int64), [[]]
    found, number = np.unique(np.stack(classes, axis=1), axis=0, return_inverse=True)
    return number.reshape(-1).astype(np.int64), found.tolist()


def _cut(time_us: IntArray, before: IntArray, after: IntArray) -> DayPieces:
    """Cut the time before and after each fix that is its own at every UTC midnight."""
    held = np.flatnonzero(before + after)
    start, end = (time_us - before)[held], (time_us + after)[held]
    first = start // DAY_US
    count = (end - 1) // DAY_US - first + 1
    piece = np.repeat(np.arange(held.shape[0]), count)
    nth = np.arange(piece.shape[0]) - np.repeat(np.cumsum(count) - count, count)
    day = first[piece] + nth
    low = np.maximum(start[piece], day * DAY_US)
    high = np.minimum(end[piece], (day + 1) * DAY_US)
    return DayPieces(held[piece], day, high - low)


def bird_days(pieces: DayPieces, kind: IntArray, class_id: IntArray) -> BirdDays:
    """
    Sum the time of a bird by UTC day, kind and class.

    Parameters
    ----------
    pieces : DayPieces
        Of the fixes.
    kind, class_id : ndarray of int64, shape (n,)
        What the bird was doing at each fix, and the class of the place.

    Returns
    -------
    BirdDays
        Whole microseconds, so that neither order nor window of the work changes a sum.

    Examples
    --------
    >>> pieces = day_pieces(np.array([0, 10, 20]))
    >>> found = bird_days(pieces, np.array([0, 0, 0]), np.array([4, 4, 5]))
    >>> found.class_id.tolist(), found.time_us.tolist()
    ([4, 5], [15, 5])
    """
    day, kinds, classes = pieces.day, kind[pieces.fix], class_id[pieces.fix]
    order = np.lexsort((classes, kinds, day))
    keys = np.stack([day[order], kinds[order], classes[order]])
    if not order.shape[0]:
        return BirdDays(keys[0], keys[1], keys[2], pieces.time_us)
    starts = np.flatnonzero(np.append(True, (np.diff(keys) != 0).any(axis=0)))
    sums = np.add.reduceat(pieces.time_us[order], starts)
    return BirdDays(keys[0, starts], keys[1, starts], keys[2, starts], sums)


def _halves(time_us: IntArray, *, silent: bool) -> tuple[IntArray, IntArray]:
    """Return the observed, or the silent, time before and after each fix [microseconds]."""
    step = np.diff(time_us)
    step = np.where((step > GAP_MAX_US) == silent, step, 0)
    none = np.zeros(min(1, time_us.shape[0]), dtype=np.int64)
    half = step // 2
    return np.concatenate([none, step - half]), np.concatenate([half, none])
