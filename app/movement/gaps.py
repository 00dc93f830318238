"""Gaps: silences too long to say where the bird was, and the observed parts between them."""

from __future__ import annotations

import numpy as np

from app.movement.profile import GAP_MAX_S
from app.movement.track import SECOND_US, BoolArray, IntArray

GAP_MAX_US = int(GAP_MAX_S * SECOND_US)


def gap_before(time_us: IntArray) -> BoolArray:
    """Return, shape (n,), True where more than `GAP_MAX_S` has passed since the fix before."""
    out = np.zeros(time_us.shape[0], dtype=np.bool_)
    out[1:] = np.diff(time_us) > GAP_MAX_US
    return out


def parts(time_us: IntArray) -> list[tuple[int, int]]:
    """
    Return the observed parts as (first, last) fix, both included, in time order.

    Examples
    --------
    >>> parts(np.array([0, 1, 8 * 86_400_000_000]))
    [(0, 1), (2, 2)]
    """
    n = time_us.shape[0]
    if n == 0:
        return []
    starts = [0, *np.flatnonzero(gap_before(time_us)).tolist()]
    return [(a, b - 1) for a, b in zip(starts, [*starts[1:], n], strict=True)]


def observed_us(time_us: IntArray) -> int:
    """Return the time between fixes that no long gap takes away [microseconds]."""
    step = np.diff(time_us)
    return int(step[step <= GAP_MAX_US].sum())


def longest_gap_us(time_us: IntArray) -> int:
    """Return the longest time between two fixes, 0 for fewer than two [microseconds]."""
    step = np.diff(time_us)
    return int(step.max()) if step.shape[0] else 0
