"""
Windows: how far a late fix can reach.

A *cut* before fix i is a place that no verdict of `screening` and no stay of `stopovers` can
reach across: working on the fixes before it and on those from it on, one at a time, gives
exactly what working on all of them gives. So when fixes come late, a recompute from the last cut
before them to the first cut after them equals a rebuild. Cuts are local themselves: each is
decided by a few fixes around it, its *context*, and stands whatever happens outside.

There are two kinds. A silence over `GAP_MAX_S` cuts always. A journey cuts where

1. `CALM_RUN` fixes on each side (and all fixes of step 3) are each reachable from the one
   before and none is sharp enough for a spike. All of these but `SPIKE_REACH` at either end are
   shown in the whole and in the pieces: in both the fixes `ANCHOR_EDGE` and more from the ends of
   the run are anchors, the rest cost nothing to keep, and each round of spikes can come to take
   `SPIKE_RUN` more beside what the last one took. Every spike so lies too far from the cut for its
   neighbourhood of `WIDE_STEPS` to reach across.
2. the bird is too far away, before and after, for one stay to hold both: there is a block X of
   fixes before and a block Y after, each of two or more fixes over `EXCURSION_MAX_S` or more, with
   every fix of X farther from every fix of the middle and of Y than two reaches of a day's trip
   (`TRIP_REACH` allowed distances) and one radius (by which a centre can move, once, in a day),
   and every fix of Y from every fix of X and of the middle. The middle is what lies between,
   `MIDDLE` or more fixes each side.
3. all of it, X to Y, takes less than `stop_min_s`.

A stay across the cut, or with one of the `MIDDLE` fixes next to it, has a fix in X, the middle or
Y, or is out on all of them. A block that is wholly beyond the reach of its trips ends a stay. With
a fix in X it has none from the middle to the end of Y, which is beyond its reach, and ended there,
before the middle; likewise with one in Y. With none, and a fix of X within its reach, Y is beyond
it; with no such fix X is. So it began after X and ended before Y: too short.
So no stay comes near enough to the cut for its arrival or departure to need fixes beyond it:
`boundaries` looks at `OUTSIDE` fixes beyond a stay, which are no more than `MIDDLE`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.movement.compiled import kernel
from app.movement.gaps import gap_before
from app.movement.geodesy import arc_m, to_xyz
from app.movement.lingering import EXCURSION_MAX_US, TRIP_REACH
from app.movement.profile import Profile
from app.movement.screening import (
    ANCHOR_EDGE,
    ANCHOR_RUN,
    links,
)
from app.movement.spikes import SPIKE_REACH, SPIKE_RUN, WIDE_STEPS, sharp_turns
from app.movement.stopovers import allowed_m
from app.movement.track import HOUR_US, SECOND_US, BoolArray, FloatArray, IntArray, Track

CALM_RUN = max(ANCHOR_RUN + 2 * ANCHOR_EDGE, WIDE_STEPS + SPIKE_REACH + SPIKE_RUN + 2)
"""Calm fixes wanted on each side of a cut."""
CALM_MARGIN = ANCHOR_EDGE + SPIKE_REACH + 1
"""Calm fixes wanted beyond the blocks X and Y."""
MIDDLE = 2
"""Fixes beside the cut that no stay can hold: the ends of a stay are told by two fixes beyond."""
CUT_CONTEXT_FIXES = 256
"""A cut depends on at most this many fixes on each side of it."""
SLOT_US = HOUR_US
"""Only the first fix of each hour is tried as a cut [us]: enough, and dense data stay cheap."""
SLACK = 1.01
"""Distances are compared with this much to spare, above any error of `arc_m` and of rounding."""


@dataclass(frozen=True, slots=True)
class Window:
    """
    What a change can reach: fixes [start, stop) of the track.

    `head` and `tail` say that no cut was found in the fixes at hand before (after) the change.
    Then the window begins (ends) with the track, and unless the bird's data begin (end) there
    too, the caller has to load more and ask again.
    """

    start: int
    stop: int
    head: bool
    tail: bool


def cuts(track: Track, profile: Profile, hidden: BoolArray | None = None) -> BoolArray:
    """
    Return where the computation may be cut.

    Parameters
    ----------
    track : Track
        All fixes, as for `screening.screen`.
    profile : Profile
        Gives speeds, `stop_radius_m` and `stop_min_s`.
    hidden : ndarray of bool, shape (n,), optional
        Fixes hidden before screening; they decide nothing.

    Returns
    -------
    ndarray of bool, shape (n,)
        True for fix i when everything may be cut just before it; never for fix 0.
    """
    lo, _ = contexts(track, profile, hidden)
    return lo >= 0


def contexts(
    track: Track, profile: Profile, hidden: BoolArray | None = None
) -> tuple[IntArray, IntArray]:
    """Return first and last fix that each cut depends on, shape (n,) each; -1 for no cut."""
    shown = np.arange(len(track)) if hidden is None else np.flatnonzero(~hidden)
    lo = np.full(len(track), -1, dtype=np.int64)
    hi = lo.copy()
    if shown.shape[0] == 0:
        return lo, hi
    seen = track.take(shown)
    xyz = to_xyz(seen.lon, seen.lat)
    reach = np.array([profile.speed_max_m_s, profile.speed_hard_m_s])
    rule = np.array([profile.stop_min_s * SECOND_US, profile.stop_radius_m])
    allowed = allowed_m(seen.error_m, profile)
    calm = _calm_run(seen, xyz, reach)
    a, b = _journeys(seen.time_us, xyz, allowed, rule, calm)
    gap = np.flatnonzero(gap_before(seen.time_us))
    a[gap], b[gap] = gap - 1, gap
    cut = np.flatnonzero(a >= 0)
    lo[shown[cut]], hi[shown[cut]] = shown[a[cut]], shown[b[cut]]
    return lo, hi


def window(
    track: Track, profile: Profile, changed: tuple[int, int], hidden: BoolArray | None = None
) -> Window:
    """
    Return what a change can reach.

    Parameters
    ----------
    track : Track
        Fixes as they are now, from well before the change to well after it.
    profile : Profile
        As for `cuts`.
    changed : (int, int)
        First and last time at which a fix came, went, moved, was hidden or shown [us].
    hidden : ndarray of bool, shape (n,), optional
        As for `cuts`.

    Returns
    -------
    Window
        Bounded by cuts that were there before the change as well: their context lies outside.
    """
    lo, hi = contexts(track, profile, hidden)
    cut = np.flatnonzero(lo >= 0)
    before = cut[track.time_us[hi[cut]] < changed[0]]
    after = cut[track.time_us[lo[cut]] > changed[1]]
    return Window(
        start=int(before[-1]) if before.shape[0] else 0,
        stop=int(after[0]) if after.shape[0] else len(track),
        head=before.shape[0] == 0,
        tail=after.shape[0] == 0,
    )


def _calm_run(track: Track, xyz: FloatArray, reach: FloatArray) -> NDArray[np.int64]:
    """
    Return, shape (2, n), how many calm fixes in a row end with, and follow, each fix.

    A fix is calm when it is reachable from the one before it and no sharp detour.
    """
    linked = links(track.time_us, xyz, track.error_m, reach) & ~gap_before(track.time_us)
    sharp = sharp_turns(track.time_us, xyz, track.error_m)
    calm = linked & ~sharp
    n = len(track)
    at = np.arange(n)
    starts = np.maximum.accumulate(np.where(calm, 0, at))
    nexts = np.append(~calm[1:], True)
    ends = np.minimum.accumulate(np.where(nexts, at, n)[::-1])[::-1]
    return np.stack([at - starts, ends - at])


@kernel
def _journeys(
    time_us: IntArray, xyz: FloatArray, allowed: FloatArray, rule: FloatArray, calm: IntArray
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return first and last fix of the context of each cut within a journey; -1 for no cut."""
    n = time_us.shape[0]
    lo = np.full(n, -1, dtype=np.int64)
    hi = np.full(n, -1, dtype=np.int64)
    for i in range(1, n):
        if time_us[i] // SLOT_US == time_us[i - 1] // SLOT_US:
            continue
        left, right = calm[0, i - 1], calm[1, i - 1]
        if left < CALM_RUN or right < CALM_RUN:
            continue
        x1 = _clear(time_us, xyz, allowed, rule, (i - MIDDLE, -1))
        if x1 < 0:
            continue
        y0 = _clear(time_us, xyz, allowed, rule, (i - 1 + MIDDLE, 1))
        if y0 < 0:
            continue
        x0, y1 = _block(time_us, x1, -1), _block(time_us, y0, 1)
        if x0 < 0 or y1 < 0 or time_us[y1] - time_us[x0] >= rule[0]:
            continue
        wanted_left = max(CALM_RUN, i - x0 + CALM_MARGIN)
        wanted_right = max(CALM_RUN, y1 - i + 1 + CALM_MARGIN)
        if left < wanted_left or right < wanted_right:
            continue
        if max(wanted_left, wanted_right) >= CUT_CONTEXT_FIXES or i + wanted_right >= n:
            continue  # whether the last calm fix is sharp depends on the one after it
        if _apart(xyz, allowed, rule[1], (x0, x1, i - MIDDLE, y1)) and _apart(
            xyz, allowed, rule[1], (y0, y1, x0, i - 1 + MIDDLE)
        ):
            lo[i], hi[i] = i - wanted_left - 1, i + wanted_right
    return lo, hi


@kernel
def _too_far(xyz: FloatArray, allowed: FloatArray, radius: float, p: int, q: int) -> bool:
    """Say whether a stay that holds one fix, or has it on a day's trip, has the other on none."""
    reach_m = TRIP_REACH * (allowed[p] + allowed[q]) + radius
    return bool(arc_m(xyz[p], xyz[q]) > SLACK * reach_m)


@kernel
def _clear(
    time_us: IntArray, xyz: FloatArray, allowed: FloatArray, rule: FloatArray, at: tuple[int, int]
) -> int:
    """
    Return the nearest fix too far from fix at[0], in direction at[1], for one stay; or -1.

    One that comes after the time that all of the cut must take less than is no use.
    """
    i, way = at
    for k in range(1, CUT_CONTEXT_FIXES):
        j = i + way * k
        if j < 0 or j >= xyz.shape[0] or abs(time_us[j] - time_us[i]) >= rule[0]:
            return -1
        if _too_far(xyz, allowed, rule[1], i, j):
            return j
    return -1


@kernel
def _block(time_us: IntArray, start: int, way: int) -> int:
    """Return the end of the shortest block from `start` that ends a stay by itself, or -1."""
    for k in range(1, CUT_CONTEXT_FIXES):
        j = start + way * k
        if j < 0 or j >= time_us.shape[0]:
            return -1
        if abs(time_us[j] - time_us[start]) >= EXCURSION_MAX_US:
            return j
    return -1


@kernel
def _apart(
    xyz: FloatArray, allowed: FloatArray, radius: float, span: tuple[int, int, int, int]
) -> bool:
    """Say whether each fix of span[0]..span[1] is too far from each of span[2]..span[3]."""
    for p in range(span[0], span[1] + 1):
        for q in range(span[2], span[3] + 1):
            if not _too_far(xyz, allowed, radius, p, q):
                return False
    return True
