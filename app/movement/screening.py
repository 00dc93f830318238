"""
Screening: which fixes a bird cannot have been at.

Three verdicts, each local (`windows` proves the bound), so that a window of the data gives the
same answer as the whole:

speed
    The fix is not on the cheapest chain of mutually reachable fixes. A run of `ANCHOR_RUN` fixes
    in a row, each reachable from the last, is taken as true; only the fixes outside such runs (and
    `ANCHOR_EDGE` at each end of one) can be dropped. Between runs a dynamic programme drops as
    few fixes as it can; where even that leaves an impossible step it breaks the chain at the cost
    of `BREAK_COST` drops, so that a bird carried elsewhere by car is not thrown away.
conflict
    Another fix at the same time was kept.
spike
    Reachable, but out and straight back, alone or in a run at one place, much farther than the
    bird moves around then; or a turn in flight that no crane makes (`spikes`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.movement.compiled import kernel
from app.movement.gaps import gap_before
from app.movement.geodesy import arc_m, to_xyz
from app.movement.profile import Profile
from app.movement.spikes import ERROR_SIGMAS, spikes
from app.movement.track import SECOND_US, BoolArray, FloatArray, IntArray, Track

CODES = (
    "ok", "speed", "conflict", "spike", "same-pass", "suspected-dead-or-dropped", "withdrawn",
)  # fmt: skip
OK, SPEED, CONFLICT, SPIKE, SAME_PASS, LIFELESS, WITHDRAWN = range(7)
"""The last three are given before the track is heard: `argos.outdone`, `lifeless`, by its owner."""

SHORT_STEP_S = 600.0
"""Steps this long and longer keep the hard limit whatever their error [s].

From here on the error of a GPS fix is small beside the way a fast bird makes.
"""
ANCHOR_RUN = 24
"""Fixes in a row that are true for certain: longer than the longest run of gross errors, 20."""
ANCHOR_EDGE = 4
"""Fixes at each end of such a run that may still belong to the error beside it."""
DROP_COST = 1000
"""Cost of dropping one fix [units]; the costs of a step and of an error stay below a tenth."""
BREAK_COST = 40 * DROP_COST
"""Cost of an impossible step: no run short of an anchored one is kept at this price."""
JUMP_UNIT_M = 5000.0
"""A step that leaves fixes out costs one drop more for each of these [m]: otherwise dropping a
good fix or two on each side of a far run of errors would give the time to reach it."""
JUMP_UNITS_MAX = 40.0
"""As much as a break: a bird carried far off loses no good fix to make the way look possible."""
LOOK_BACK = 80
"""Fixes one step may leave out: two breaks are cheaper than dropping more."""
SAME_TIME_MAX = 8
"""Fixes of one time that compete, by error; more are conflicts unheard."""
STEP_UNITS = 60.0
"""Cost of a step at the speed limit [units]; slower chains win among equally long ones."""
ERROR_UNIT_M = 100.0
"""Position error worth one unit of cost [m]."""
ERROR_UNITS_MAX = 39.0


@dataclass(frozen=True, slots=True)
class Screening:
    """
    Verdicts on the fixes of a track.

    Attributes
    ----------
    code : ndarray of int8, shape (n,)
        Index into `CODES`; 0 for fixes that pass and for those hidden before.
    speed_m_s : ndarray of float64, shape (n,)
        Of a flagged fix, the speed it would take from the shown fix before (or to the one
        after); not a number for the others [m/s].
    """

    code: NDArray[np.int8]
    speed_m_s: FloatArray


def screen(
    track: Track,
    profile: Profile,
    hidden: BoolArray | None = None,
    pinned: BoolArray | None = None,
) -> Screening:
    """
    Screen the fixes of one individual.

    Parameters
    ----------
    track : Track
        All fixes, in time order; several at one time in any order.
    profile : Profile
        Gives `speed_max_m_s` and `speed_hard_m_s`.
    hidden : ndarray of bool, shape (n,), optional
        Fixes already hidden: not looked at, not judged.
    pinned : ndarray of bool, shape (n,), optional
        Fixes shown by hand: never flagged; of two pinned at one time the second in order of
        error, lon, lat is a conflict all the same, as a bird has one place at a time.

    Returns
    -------
    Screening
        The same for any order in which fixes of one time are given.

    Examples
    --------
    >>> from app.seeds import profile_of
    >>> hour = 3_600_000_000
    >>> lon = np.where(np.arange(60) == 30, 121.0, 116.0)
    >>> track = Track(np.arange(60) * hour, lon, np.full(60, 29.0), np.full(60, 20.0))
    >>> np.flatnonzero(screen(track, profile_of("Grus monacha")).code)
    array([30])
    """
    n = len(track)
    code = np.zeros(n, dtype=np.int8)
    shown = np.ones(n, dtype=np.bool_) if hidden is None else ~hidden
    pins = np.zeros(n, dtype=np.bool_) if pinned is None else pinned
    order = np.lexsort((track.lat, track.lon, track.error_m, ~pins, track.time_us))
    order = order[shown[order]]
    rival = _beaten_unheard(track.time_us[order], pins[order])
    code[order[rival]] = CONFLICT
    order = order[~rival]
    code[order] = _judge(track.take(order), profile, pins[order])
    return Screening(code, _implied_speed(track, code, shown))


def _beaten_unheard(time_us: IntArray, pinned: BoolArray) -> BoolArray:
    """Say which fixes lose their time without a hearing: to a pinned one, or as the ninth."""
    starts = np.flatnonzero(np.diff(time_us, prepend=time_us[:1] - 1))
    sizes = np.diff(np.append(starts, time_us.shape[0]))
    rank = np.arange(time_us.shape[0]) - np.repeat(starts, sizes)
    to_pinned = np.repeat(pinned[starts], sizes) & (rank > 0)
    return to_pinned | (rank >= SAME_TIME_MAX)


def _judge(track: Track, profile: Profile, pinned: BoolArray) -> NDArray[np.int8]:
    """Return the codes of fixes sorted by time, error, lon and lat."""
    xyz = to_xyz(track.lon, track.lat)
    fresh = gap_before(track.time_us)
    reach = np.array([profile.speed_max_m_s, profile.speed_hard_m_s])
    linked = links(track.time_us, xyz, track.error_m, reach) & ~fresh
    must = anchors(linked) | pinned
    kept = _best_chain(track.time_us, xyz, track.error_m, reach, fresh, must)
    code = np.where(kept, OK, SPEED).astype(np.int8)
    taken, lost = track.time_us[kept], np.flatnonzero(~kept)
    left, right = (np.searchsorted(taken, track.time_us[lost], side) for side in ("left", "right"))
    code[lost[left < right]] = CONFLICT
    part = np.cumsum(fresh)
    for number in range(int(part[-1]) + 1 if part.shape[0] else 0):
        index = np.flatnonzero(kept & (part == number))
        spiky = spikes(track.time_us[index], xyz[index], track.error_m[index], pinned[index])
        code[index[spiky]] = SPIKE
    return code


def _implied_speed(track: Track, code: NDArray[np.int8], shown: BoolArray) -> FloatArray:
    """
    Return the speed from the last passed fix (else to the next) of each flagged fix [m/s].

    A fix across a long gap is none to go by: what comes before a gap says nothing of after.
    """
    out = np.full(code.shape[0], np.nan)
    good = np.flatnonzero(shown & (code == OK))
    bad = np.flatnonzero(code != OK)
    if good.shape[0] == 0 or bad.shape[0] == 0:
        return out
    part = np.zeros(code.shape[0], dtype=np.int64)
    part[shown] = np.cumsum(gap_before(track.time_us[shown]))
    slot = np.searchsorted(track.time_us[good], track.time_us[bad], side="left")
    before, after = good[np.maximum(slot - 1, 0)], good[np.minimum(slot, good.shape[0] - 1)]
    other = np.where((slot > 0) & (part[before] == part[bad]), before, after)
    near = part[other] == part[bad]
    bad, other = bad[near], other[near]
    xyz = to_xyz(track.lon, track.lat)
    dt = np.abs(track.time_us[bad] - track.time_us[other]) / SECOND_US
    far = np.array([arc_m(xyz[a], xyz[b]) for a, b in zip(bad, other, strict=True)])
    with np.errstate(divide="ignore", invalid="ignore"):
        out[bad] = far / dt
    return out


@kernel
def _reachable(dt_s: float, far_m: float, error_m: float, reach: FloatArray) -> bool:
    """Say whether a bird can get `far_m` in `dt_s`, `reach` being its normal and hard speed."""
    if dt_s <= 0.0 or far_m > reach[0] * dt_s + ERROR_SIGMAS * error_m:
        return False
    return dt_s < SHORT_STEP_S or far_m <= reach[1] * dt_s


@kernel
def links(time_us: IntArray, xyz: FloatArray, error_m: FloatArray, reach: FloatArray) -> BoolArray:
    """Return, shape (n,), True where a fix can be reached from the one before it."""
    out = np.zeros(time_us.shape[0], dtype=np.bool_)
    for i in range(1, time_us.shape[0]):
        dt_s = (time_us[i] - time_us[i - 1]) / SECOND_US
        error = np.sqrt(error_m[i] ** 2 + error_m[i - 1] ** 2)
        out[i] = _reachable(dt_s, arc_m(xyz[i], xyz[i - 1]), error, reach)
    return out


@kernel
def anchors(linked: BoolArray) -> BoolArray:
    """Return, shape (n,), the fixes that are true for certain: inside a long linked run."""
    n = linked.shape[0]
    out = np.zeros(n, dtype=np.bool_)
    start = 0
    for i in range(1, n + 1):
        if i < n and linked[i]:
            continue
        if i - start >= ANCHOR_RUN:
            out[start + ANCHOR_EDGE : i - ANCHOR_EDGE] = True
        start = i
    return out


@kernel
def _best_chain(
    time_us: IntArray,
    xyz: FloatArray,
    error_m: FloatArray,
    reach: FloatArray,
    fresh: BoolArray,
    must: BoolArray,
) -> BoolArray:
    """Return the fixes on the cheapest chain of each part between long gaps (`fresh`)."""
    n = time_us.shape[0]
    kept = np.zeros(n, dtype=np.bool_)
    cost = np.zeros(n, dtype=np.int64)  # whole numbers: adding a constant changes no comparison
    before = np.full(n, -1, dtype=np.int64)
    start, opened = 0, True  # opened: no fix that must be kept came yet; the chain may start here
    for i in range(n):
        if fresh[i]:
            _trace(cost, before, must, kept, (start, i))
            start, opened = i, True
        best = DROP_COST * (i - start) if opened else np.int64(2**62)
        for j in range(i - 1, max(start, i - LOOK_BACK) - 1, -1):
            dt_s = (time_us[i] - time_us[j]) / SECOND_US
            if dt_s > 0.0:
                far = arc_m(xyz[i], xyz[j])
                error = np.sqrt(error_m[i] ** 2 + error_m[j] ** 2)
                price = cost[j] + _price(dt_s, far, error, reach)
                if j < i - 1:
                    price += DROP_COST * (i - j - 1)
                    price += int(DROP_COST * min(JUMP_UNITS_MAX, far / JUMP_UNIT_M))
                if price < best:
                    best, before[i] = price, j
            if must[j]:
                break
        cost[i] = best + int(min(error_m[i] / ERROR_UNIT_M, ERROR_UNITS_MAX))
        opened = opened and not must[i]
    _trace(cost, before, must, kept, (start, n))
    return kept


@kernel
def _price(dt_s: float, far_m: float, error_m: float, reach: FloatArray) -> int:
    """Return the cost of one step of the chain."""
    if _reachable(dt_s, far_m, error_m, reach):
        return int(STEP_UNITS * min(1.0, far_m / (reach[0] * dt_s)))
    return BREAK_COST


@kernel
def _trace(
    cost: IntArray, before: IntArray, must: BoolArray, kept: BoolArray, part: tuple[int, int]
) -> None:
    """Mark the cheapest chain of a part [start, stop): best last fix, then back from it."""
    start, stop = part
    last, least = -1, np.int64(2**62)
    for i in range(stop - 1, start - 1, -1):
        price = cost[i] + DROP_COST * (stop - 1 - i)
        if price <= least:
            last, least = i, price
        if must[i]:
            break
    while last >= 0:
        kept[last] = True
        last = before[last]
