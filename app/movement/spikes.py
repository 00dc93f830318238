"""
Spikes: fixes a bird could have reached, but out and straight back, as a wrong fix lies.

Where spikes begin is told by real birds: 27 cranes (96,970 fixes) went 10 km and more out within an
hour, stayed there for 2 to 6 hourly fixes and came back as fast 140 times, but only 16 times over
20 km; and 5 times over 20 km for a single fix. What is nearer can't be told from a meal unless the
bird keeps still otherwise.
"""

from __future__ import annotations

import numpy as np

from app.movement.compiled import kernel
from app.movement.geodesy import arc_m
from app.movement.track import SECOND_US, BoolArray, FloatArray, IntArray

ERROR_SIGMAS = 2.0
"""Position error enters the reach of a step this many times: two standard deviations."""
SPIKE_RUN = 6
"""Fixes at one wrong place in a row, at most: more are taken for a stay."""
SPIKE_RUN_MAX_S = 6 * 3600.0
"""Time from the first to the last of them, at most [s]: away for a night is no error."""
SPIKE_ROUNDS = 2
"""Spikes beside spikes come to light when the first are gone."""
SPIKE_FLOOR_M = (16_000.0, 24_000.0)
"""Least detour of one fix, and of a run [m]: out and back again."""
SPIKE_SURE_M = (18_000.0, 40_000.0)
"""A detour of this length goes by the hours beside it alone, not by the day [m]."""
SPIKE_SPEED_M_S = 2.2
"""Least detour over the time of both ways [m/s]: what is far within an hour is near in a day."""
NEAR_M = 0.49 * SPIKE_FLOOR_M[0]
"""A fix nearer than this to the one before begins no spike [m]: a detour is at most twice its
shorter way, of a run with its spread two and a half times."""
SPIKE_RETURN = 0.6
"""A spike comes back to within this share of its shorter way: real flights seldom do."""
SPIKE_SPREAD = 0.5
"""Fixes of a run lie within this share of its shorter way of its first."""
SPIKE_RATIO = 2.0
"""A spike goes this many times farther than the bird usually does around then."""
TURN_FLOOR_M = 60_000.0
"""Least detour of a turn in flight [m]: in 96,970 fixes no crane made one ..."""
TURN_SPEED_M_S = 8.3
"""... nor one this long over the time it took [m/s]: 60 km in two hours."""
NEAR_STEPS, WIDE_STEPS = 6, 24
"""Steps looked at on each side to learn how the bird moves: its hours, and its day."""
NEAR_RANK, WIDE_RANK = 2, 2
"""Which of the longest steps counts: of one side, and of both. The same way on one other day is
enough to make it a habit, so that the first and last such days of a track stand too."""
SPIKE_REACH = SPIKE_ROUNDS * SPIKE_RUN
"""Fixes that spikes can come to take of a stretch that had none."""


@kernel
def sharp_turns(time_us: IntArray, xyz: FloatArray, error_m: FloatArray) -> BoolArray:
    """Return, shape (n,), the fixes that lie out and back far enough for a spike."""
    n = time_us.shape[0]
    sharp = np.zeros(n, dtype=np.bool_)
    for i in range(1, n - 1):
        if arc_m(xyz[i - 1], xyz[i]) < NEAR_M:
            continue
        for run in range(1, min(SPIKE_RUN, n - 1 - i) + 1):
            if _detour_m(time_us, xyz, error_m, i, run)[0] > 0.0:
                sharp[i : i + run] = True
    return sharp


@kernel
def _detour_m(
    time_us: IntArray, xyz: FloatArray, error_m: FloatArray, i: int, run: int
) -> tuple[float, float]:
    """
    Return the detour that `run` fixes from the i-th make, and its shorter way [m].

    The detour is 0 where it is too short or no way back. The way is infinite for a turn in flight,
    which goes by its length alone.
    """
    last, after = i + run - 1, i + run
    if (time_us[last] - time_us[i]) / SECOND_US > SPIKE_RUN_MAX_S:
        return 0.0, 0.0
    out, back = arc_m(xyz[i - 1], xyz[i]), arc_m(xyz[last], xyz[after])
    way, detour = min(out, back), out + back - arc_m(xyz[i - 1], xyz[after])
    kind = min(run, 2) - 1
    if detour <= SPIKE_FLOOR_M[kind]:
        return 0.0, 0.0
    ways_s = (time_us[i] - time_us[i - 1] + time_us[after] - time_us[last]) / SECOND_US
    worst = max(error_m[i - 1], error_m[after])
    noise = 2.0 * ERROR_SIGMAS * (error_m[i : i + run].max() + worst)
    if run == 1 and detour > max(TURN_FLOOR_M, TURN_SPEED_M_S * ways_s) + noise:
        return detour, np.inf
    if detour <= max(SPIKE_FLOOR_M[kind], SPIKE_SPEED_M_S * ways_s) + noise:
        return 0.0, 0.0
    if out + back - detour >= SPIKE_RETURN * way:
        return 0.0, 0.0
    for j in range(i + 1, i + run):
        if arc_m(xyz[i], xyz[j]) > SPIKE_SPREAD * way:
            return 0.0, 0.0
    return detour, way


@kernel
def spikes(time_us: IntArray, xyz: FloatArray, error_m: FloatArray, pinned: BoolArray) -> BoolArray:
    """Return the spikes among fixes of strictly increasing time."""
    out = np.zeros(time_us.shape[0], dtype=np.bool_)
    index = np.arange(time_us.shape[0])
    for _ in range(SPIKE_ROUNDS):
        step = _steps_m(xyz[index])
        detour, way, run = _detours(time_us[index], xyz[index], error_m[index], pinned[index], step)
        found = False
        for i in range(index.shape[0]):
            if detour[i] == 0.0 or not _foremost(detour, run, i):
                continue
            if _unusual(step, detour[i], way[i], (i, run[i])):
                out[index[i : i + run[i]]] = True
                found = True
        if not found:
            break
        index = np.flatnonzero(~out)
    return out


@kernel
def _steps_m(xyz: FloatArray) -> FloatArray:
    """Return, shape (n,), the step that leads to each fix; 0 for the first [m]."""
    step = np.zeros(xyz.shape[0])
    for i in range(1, xyz.shape[0]):
        step[i] = arc_m(xyz[i - 1], xyz[i])
    return step


@kernel
def _detours(
    time_us: IntArray, xyz: FloatArray, error_m: FloatArray, pinned: BoolArray, step: FloatArray
) -> tuple[FloatArray, FloatArray, IntArray]:
    """Return the longest detour that begins with each fix, its shorter way [m], and its fixes."""
    n = time_us.shape[0]
    detour, way, run = np.zeros(n), np.zeros(n), np.ones(n, dtype=np.int64)
    for i in range(1, n - 1):
        if step[i] < NEAR_M:
            continue
        for k in range(1, min(SPIKE_RUN, n - 1 - i) + 1):
            if pinned[i + k - 1]:
                break
            long, short = _detour_m(time_us, xyz, error_m, i, k)
            if long > detour[i]:
                detour[i], way[i], run[i] = long, short, k
    return detour, way, run


@kernel
def _foremost(detour: FloatArray, run: IntArray, i: int) -> bool:
    """Say whether the detour from fix i is the longest of all that share a fix or an end."""
    first = max(0, i - SPIKE_RUN - 1)
    for j in range(first, min(detour.shape[0], i + run[i] + 2)):
        beside = detour[j] > 0.0 and j + run[j] >= i - 1
        if beside and (detour[j] > detour[i] or (detour[j] == detour[i] and j < i)):
            return False
    return True


@kernel
def _unusual(step: FloatArray, detour_m: float, way_m: float, run: tuple[int, int]) -> bool:
    """
    Say whether a way is far for the bird around then; `run` is its first fix and their number.

    It is held against the steps of the hours before or after, whichever is less: beside the
    spike the bird may be about to leave or have just come; and, unless it is very far, against
    all steps of the day before and after.
    """
    lo, hi = run[0] - 1, run[0] + run[1]  # the last step but one before, the first after
    hours = np.inf
    before, after = step[max(1, lo - NEAR_STEPS + 1) : lo + 1], step[hi + 1 : hi + 1 + NEAR_STEPS]
    if before.shape[0] == NEAR_STEPS:
        hours = np.sort(before)[-NEAR_RANK]
    if after.shape[0] == NEAR_STEPS:
        hours = min(hours, np.sort(after)[-NEAR_RANK])
    if way_m <= SPIKE_RATIO * hours:
        return way_m == np.inf
    if detour_m > SPIKE_SURE_M[min(run[1], 2) - 1]:
        return True
    before, after = step[max(1, lo - WIDE_STEPS + 1) : lo + 1], step[hi + 1 : hi + 1 + WIDE_STEPS]
    day = np.sort(np.append(before, after))
    return bool(day.shape[0] >= NEAR_STEPS and way_m > SPIKE_RATIO * day[-WIDE_RANK])
