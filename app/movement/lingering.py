"""The kernel behind `stopovers.find_stays`: where a bird lingers, fix by fix."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from app.movement.compiled import kernel
from app.movement.gaps import GAP_MAX_US
from app.movement.geodesy import arc_m
from app.movement.track import HOUR_US, SECOND_US, BoolArray, FloatArray, IntArray

EXCURSION_MAX_S = 3 * 3600.0
"""A bird back within this time was on an excursion [s]; so was one with a single fix outside."""
EXCURSION_MAX_US = int(EXCURSION_MAX_S * SECOND_US)
TRIP_REACH = 1.5
"""Within so many allowed distances of the centre lie a day's trips to feed: where the roost is at
one side of a place, fields at its other side are beyond the radius."""
TRIP_MAX_S = 14 * 3600.0
"""A bird back within this time from no farther was on such a trip [s]: a summer's day. Trips of 10
to 20 h and to 1.5 to 3 radii make the same stays of simulated birds (seeds 9000-9005)."""
TRIP_MAX_US = int(TRIP_MAX_S * SECOND_US)
CENTRE_ROUNDS = 2
"""Times a centre is taken again from the fixes near it, against excursions."""
EDGE_QUANTILE = 0.9
"""Share of the fixes of a stay that its core holds."""
EDGE_RATIO = 1.5
"""Fixes at an end of a stay this many core radii out are still on their way."""
EDGE_FLOOR_M = 2000.0
"""No fix this near the centre is called far out [m]."""
REST_M_S = 0.4
"""A step so slow was rest or a walk [m/s]: p90 of hourly steps of resting cranes. A bird that
rested within the radius had arrived, however far from the core."""
REST_STEP_MAX_US = 3 * HOUR_US
"""... if it took at most this long [us]: within a longer step a bird has flown and come back."""
ALOFT_M_S = 3.0
"""Least speed of the step to a fix taken aloft [m/s]: a slow flight over an hour. With this and the
three below, 97 % of the hourly intervals of arrival and departure of simulated birds of eight
species hold a moment between the radius and the landing (take-off), and 94 % that very landing."""
ALOFT_COSINE = 0.97
"""... and left for the next one in the same direction, within 14 degrees: a bird that has landed
goes anywhere from there."""
ALOFT_ON_M = 750.0
"""... by at least this far [m]: above any GPS error and the first steps of a bird that landed."""
ALOFT_STEP_MAX_S = 3 * 3600.0
"""... and took at most this long [s]: within a longer step a bird has mostly landed and moved."""
ALOFT_STEP_MAX_US = int(ALOFT_STEP_MAX_S * SECOND_US)


@kernel
def scan(
    time_us: IntArray, xyz: FloatArray, allowed: FloatArray, rule: FloatArray, inside: BoolArray
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return first and last fixes of all stays, `rule` being the least stay [us] and radius."""
    n = time_us.shape[0]
    min_us = np.int64(rule[0])
    first, last = np.empty(n, dtype=np.int64), np.empty(n, dtype=np.int64)
    count = 0
    a = b = 0
    while a < n:
        b = max(b, a)
        while b < n and time_us[b] - time_us[a] < min_us:
            b += 1
        if b == n:
            break
        end = _follow(time_us, xyz, allowed, rule, (a, b))
        if end < 0:
            a += 1
            continue
        first[count], last[count] = _settle(time_us, xyz, allowed, rule, (a, end), inside)
        a = last[count] + 1
        count += 1
    return first[:count].copy(), last[:count].copy()


@kernel
def _centre(xyz: FloatArray, allowed: FloatArray, a: int, b: int) -> FloatArray:
    """Return the mean of fixes a..b, taken again from the fixes near it."""
    centre = np.zeros(3)
    for i in range(a, b + 1):
        centre += xyz[i]
    centre /= b + 1 - a
    for _ in range(CENTRE_ROUNDS):
        near, count = np.zeros(3), 0
        for i in range(a, b + 1):
            if arc_m(xyz[i], centre) <= allowed[i]:
                near += xyz[i]
                count += 1
        if count == 0:
            break
        centre = near / count
    return centre


@kernel
def _follow(
    time_us: IntArray, xyz: FloatArray, allowed: FloatArray, rule: FloatArray, day: tuple[int, int]
) -> int:
    """Return the last fix of the stay whose first day is fixes `day`, or -1 when it is none."""
    a = day[0]
    min_us, radius = np.int64(rule[0]), rule[1]
    centre = _centre(xyz, allowed, a, day[1])
    if arc_m(xyz[a], centre) > allowed[a]:
        return -1
    total, count = np.zeros(3), 0
    last, renewed, outside, gone = a, time_us[a], 0, 0
    for i in range(a, time_us.shape[0]):
        if i > a and time_us[i] - time_us[i - 1] > GAP_MAX_US:
            break
        off_m, away_us = arc_m(xyz[i], centre), time_us[i] - time_us[last]
        if off_m > allowed[i]:
            outside += 1
            gone += off_m > TRIP_REACH * allowed[i]
            if gone >= 2 and away_us >= EXCURSION_MAX_US:
                break
            if outside >= 2 and away_us >= TRIP_MAX_US:
                break
            continue
        last, outside, gone = i, 0, 0
        total += xyz[i]
        count += 1
        if time_us[i] - renewed >= min_us:  # at most once a day and by at most one radius:
            way = total / count - centre  # `windows` builds on it
            centre = centre + way * min(1.0, radius / max(np.sqrt((way * way).sum()), 1.0))
            renewed = time_us[i]
    return last if time_us[last] - time_us[a] >= min_us else -1


@kernel
def _settle(
    time_us: IntArray,
    xyz: FloatArray,
    allowed: FloatArray,
    rule: FloatArray,
    span: tuple[int, int],
    inside: BoolArray,
) -> tuple[int, int]:
    """Return the ends of the stay of fixes `span`, less those still on their way; mark inside."""
    lo, hi = span
    centre = _centre(xyz, allowed, lo, hi)
    far = np.array([arc_m(xyz[i], centre) for i in range(lo, hi + 1)])
    edge = max(EDGE_FLOOR_M, EDGE_RATIO * np.quantile(far, EDGE_QUANTILE))
    a, b = lo, hi
    while a < b and far[a - lo] > min(edge + allowed[a] - rule[1], allowed[a]):
        if far[a - lo] <= rule[1] and _resting(time_us, xyz, a, a + 1):
            break
        a += 1
    while b > a and far[b - lo] > min(edge + allowed[b] - rule[1], allowed[b]):
        if far[b - lo] <= rule[1] and _resting(time_us, xyz, b - 1, b):
            break
        b -= 1
    while a < b and _aloft(time_us, xyz, a, 1):
        a += 1
    while b > a and _aloft(time_us, xyz, b, -1):
        b -= 1
    if time_us[b] - time_us[a] < rule[0]:
        a, b = lo, hi
    for i in range(a, b + 1):
        inside[i] = far[i - lo] <= allowed[i]
    inside[a] = inside[b] = True
    return a, b


@kernel
def _resting(time_us: IntArray, xyz: FloatArray, i: int, j: int) -> bool:
    """Say whether the bird certainly rested from one fix to the next."""
    step_us = time_us[j] - time_us[i]
    moved = arc_m(xyz[i], xyz[j])
    return bool(step_us <= REST_STEP_MAX_US and moved <= REST_M_S * step_us / SECOND_US)


@kernel
def _aloft(time_us: IntArray, xyz: FloatArray, i: int, way: int) -> bool:
    """Say whether the first (way 1) or last (-1) fix of a stay was taken before the bird landed.

    It was flown to (in the other direction of time, for the last) and left straight on: where the
    bird then comes down need not be the middle of the stay.
    """
    if not (0 <= i - way < time_us.shape[0] and 0 <= i + way < time_us.shape[0]):
        return False
    took_us = abs(time_us[i] - time_us[i - way])
    come, on = xyz[i] - xyz[i - way], xyz[i + way] - xyz[i]
    far, further = np.sqrt((come * come).sum()), np.sqrt((on * on).sum())
    if took_us > ALOFT_STEP_MAX_US or far < ALOFT_M_S * took_us / SECOND_US:
        return False
    return bool(further >= ALOFT_ON_M and (come * on).sum() > ALOFT_COSINE * far * further)
