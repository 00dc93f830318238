"""
Speed and angle filters of the field: McConnell's and Freitas's, flag for flag as argosfilter.

For comparison and for audits of published tracks; our own verdicts are those of `screening`.
Both count on a sphere of 60 nautical miles a degree, and add a second to every duration, as the R
package argosfilter 0.70 does, whose flags they equal on any track it can read.

speed (McConnell et al. 1992, doi:10.1017/S0954102092000348)
    v_i is the root mean square of the speeds between fix i and the two fixes before and the two
    after it. While any v_i exceeds the limit, each fix of a peak (above the limit and no less
    than its neighbours) is removed, and v is taken again among the fixes left.
speed, distance, angle (Freitas et al. 2008, doi:10.1111/j.1748-7692.2007.00180.x)
    Class Z goes, and what the speed filter removes of the whole track, unless within 5 km of the
    fix before; then, among the fixes left and again and again, spikes: an angle below `angle_deg`
    between legs both longer than `leg_m`, for any of the pairs.

Where argosfilter ends in an error (fewer than five fixes; a cosine above 1 by rounding, which
befell 5 of 24 hourly tracks of simulated cranes) this gives an answer: the cosine is held to 1, and
of fewer than five fixes all are ends.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from app.movement.compiled import kernel
from app.movement.track import SECOND_US, BoolArray, FloatArray, IntArray

Verdict = Literal["kept", "removed", "end_location"]
KEPT, REMOVED, END_LOCATION = range(3)
VERDICTS: tuple[Verdict, ...] = ("kept", "removed", "end_location")
"""argosfilter writes ``not`` for ``kept``."""

DEGREE_M = 60.0 * 1852.0
"""A degree of arc [m]."""
NEAR_M = 5_000.0
"""What the speed filter removes stays when this near to the fix before [m]."""
EDGE = 2
"""Fixes at either end that are never judged."""


def speed_filter(
    time_us: IntArray, lon: FloatArray, lat: FloatArray, speed_max_m_s: float
) -> NDArray[np.int8]:
    """
    Judge fixes by McConnell's speed.

    Parameters
    ----------
    time_us : ndarray of int64, shape (n,)
        Times in order [us].
    lon, lat : ndarray of float64, shape (n,)
        Positions [degrees].
    speed_max_m_s : float
        Limit [m/s].

    Returns
    -------
    ndarray of int8, shape (n,)
        Index into `VERDICTS`.

    Examples
    --------
    >>> hour = 3_600_000_000
    >>> lat = np.where(np.arange(9) == 4, 47.0, 45.0)
    >>> speed_filter(np.arange(9) * hour, np.full(9, 115.0), lat, 30.0).tolist()
    [2, 2, 0, 0, 1, 0, 0, 2, 2]
    """
    code = np.full(time_us.shape[0], KEPT, dtype=np.int8)
    if time_us.shape[0] > 2 * EDGE:
        code[_too_fast(time_us, *_radians(lon, lat), speed_max_m_s)] = REMOVED
    return _ends(code)


def speed_angle_filter(
    time_us: IntArray,
    lon: FloatArray,
    lat: FloatArray,
    argos_class: NDArray[np.str_],
    *,
    speed_max_m_s: float = 2.0,
    angle_deg: tuple[float, ...] = (15.0, 25.0),
    leg_m: tuple[float, ...] = (2_500.0, 5_000.0),
) -> NDArray[np.int8]:
    """
    Judge fixes by class, speed, distance and angle, as Freitas et al. do.

    Parameters
    ----------
    time_us, lon, lat
        As for `speed_filter`.
    argos_class : ndarray of str, shape (n,)
        ``Z`` (or ``z``, ``-9``) goes first; all others are equal.
    speed_max_m_s : float
        Limit [m/s]; 2 is a seal's: cranes reach 35.
    angle_deg, leg_m : tuple of float, equally long
        Spikes; an angle of 0 or less leaves the step out.

    Returns
    -------
    ndarray of int8, shape (n,)
        Index into `VERDICTS`.

    Raises
    ------
    ValueError
        If `angle_deg` and `leg_m` differ in length.
    """
    if len(angle_deg) != len(leg_m):
        raise ValueError("angle_deg and leg_m come in pairs: give as many of each")
    n = time_us.shape[0]
    code = np.full(n, KEPT, dtype=np.int8)
    if n <= 2 * EDGE:
        return _ends(code)
    lam, phi = _radians(lon, lat)
    code[np.isin(argos_class, ("Z", "z", "-9"))] = REMOVED
    fast = _too_fast(time_us, lam, phi, speed_max_m_s)
    code[fast & (_before_m(lam, phi) > NEAR_M)] = REMOVED
    rules = np.array([(a, d) for a, d in zip(angle_deg, leg_m, strict=True) if a > 0])
    if rules.shape[0]:
        code[_spikes(lam, phi, rules, code == KEPT)] = REMOVED
    return _ends(code)


def _radians(lon: FloatArray, lat: FloatArray) -> tuple[FloatArray, FloatArray]:
    return np.radians(lon), np.radians(lat)


def _ends(code: NDArray[np.int8]) -> NDArray[np.int8]:
    code[:EDGE] = END_LOCATION
    code[max(0, code.shape[0] - EDGE) :] = END_LOCATION
    return code


@kernel
def _far_m(lam: FloatArray, phi: FloatArray, i: int, j: int) -> float:
    """Return the distance of two fixes by the law of cosines [m]."""
    cosine = np.sin(phi[i]) * np.sin(phi[j]) + np.cos(phi[i]) * np.cos(phi[j]) * np.cos(
        lam[j] - lam[i]
    )
    if cosine >= 1.0:
        return 0.0
    return float(np.degrees(np.arccos(max(cosine, -1.0))) * DEGREE_M)


@kernel
def _before_m(lam: FloatArray, phi: FloatArray) -> FloatArray:
    """Return the distance of each fix from the one before, shape (n,) [m]."""
    out = np.zeros(lam.shape[0])
    for i in range(1, lam.shape[0]):
        out[i] = _far_m(lam, phi, i - 1, i)
    return out


@kernel
def _pace(time_us: IntArray, lam: FloatArray, phi: FloatArray, i: int, j: int) -> float:
    """Return the square of the speed between two fixes [m2/s2]."""
    speed = _far_m(lam, phi, i, j) / (abs(time_us[j] - time_us[i]) / SECOND_US + 1.0)
    return float(speed * speed)


@kernel
def _chain(left: BoolArray) -> tuple[IntArray, IntArray]:
    """Return the fix left before and after each fix, shape (n + 2,); n and n + 1 stand for none."""
    n = left.shape[0]
    before, after = np.full(n + 2, n, dtype=np.int64), np.full(n + 2, n + 1, dtype=np.int64)
    last = n
    for i in range(n):
        if left[i]:
            before[i], after[last] = last, i
            last = i
    before[n + 1], after[last] = last, n + 1
    return before, after


@kernel
def _too_fast(
    time_us: IntArray, lam: FloatArray, phi: FloatArray, speed_max_m_s: float
) -> BoolArray:
    """
    Return, shape (n,), what the speed filter removes.

    After a round only the neighbours of what was removed are measured again, and only fixes above
    the limit can be peaks: n log n in all but tracks of nothing but errors.
    """
    n = time_us.shape[0]
    left = np.ones(n, dtype=np.bool_)
    before, after = _chain(left)
    speed = np.zeros(n + 2)
    for i in range(n):
        speed[i] = _mean_speed(time_us, lam, phi, before, after, i)
    fast = np.flatnonzero(speed > speed_max_m_s)
    while fast.shape[0]:
        peak = np.zeros(fast.shape[0], dtype=np.bool_)
        for k in range(fast.shape[0]):
            i = fast[k]
            peak[k] = speed[i] >= speed[before[i]] and speed[i] >= speed[after[i]]
        gone = fast[peak]
        for i in gone:
            left[i] = False
            after[before[i]], before[after[i]] = after[i], before[i]
            speed[i] = 0.0
        near = np.empty(4 * gone.shape[0], dtype=np.int64)
        count = 0
        for i in gone:
            # Links of what is gone lead to what was beside it then; go on to what is left.
            a, b = before[i], after[i]
            while a < n and not left[a]:
                a = before[a]
            while b < n and not left[b]:
                b = after[b]
            for j in (a, before[a], b, after[b]):
                if j < n:
                    speed[j] = _mean_speed(time_us, lam, phi, before, after, j)
                    near[count] = j
                    count += 1
        merged = np.unique(np.concatenate((fast, near[:count])))
        fast = merged[speed[merged] > speed_max_m_s]
    return ~left


@kernel
def _mean_speed(
    time_us: IntArray,
    lam: FloatArray,
    phi: FloatArray,
    before: IntArray,
    after: IntArray,
    i: int,
) -> float:
    """Return v of a fix [m/s]; 0 for the first and last two."""
    n = time_us.shape[0]
    a, b = before[i], after[i]
    if a >= n or b >= n or before[a] >= n or after[b] >= n:
        return 0.0
    total = _pace(time_us, lam, phi, i, before[a]) + _pace(time_us, lam, phi, i, a)
    total += _pace(time_us, lam, phi, i, b) + _pace(time_us, lam, phi, i, after[b])
    return float(np.sqrt(total / 4.0))


@kernel
def _spikes(lam: FloatArray, phi: FloatArray, rules: FloatArray, left: BoolArray) -> BoolArray:
    """Return, shape (n,), the spikes among the fixes left; `rules` are angles and legs."""
    n = lam.shape[0]
    out = np.zeros(n, dtype=np.bool_)
    before, after = _chain(left)
    todo = np.flatnonzero(left)
    while todo.shape[0]:
        spiky = np.zeros(todo.shape[0], dtype=np.bool_)
        for k in range(todo.shape[0]):
            spiky[k] = _is_spike(lam, phi, rules, before, after, todo[k])
        gone = todo[spiky]
        for i in gone:
            out[i] = True
            after[before[i]], before[after[i]] = after[i], before[i]
        beside = np.empty(2 * gone.shape[0], dtype=np.int64)
        count = 0
        for i in gone:
            a, b = before[i], after[i]
            while a < n and out[a]:
                a = before[a]
            while b < n and out[b]:
                b = after[b]
            for j in (a, b):
                if j < n:
                    beside[count] = j
                    count += 1
        todo = np.unique(beside[:count])
    return out


@kernel
def _is_spike(
    lam: FloatArray,
    phi: FloatArray,
    rules: FloatArray,
    before: IntArray,
    after: IntArray,
    i: int,
) -> bool:
    """Say whether a fix is out and back by one of the rules; never the first or last."""
    n = lam.shape[0]
    a, b = before[i], after[i]
    if a >= n or b >= n:
        return False
    shorter = min(_far_m(lam, phi, a, i), _far_m(lam, phi, i, b))
    if shorter <= 0.0:  # a place has no direction to itself: straight on, as argosfilter says
        return False
    turn = abs(_bearing_deg(lam, phi, i, a) - _bearing_deg(lam, phi, i, b))
    angle = 360.0 - turn if turn > 180.0 else turn
    return bool(np.any((angle < rules[:, 0]) & (shorter > rules[:, 1])))


@kernel
def _bearing_deg(lam: FloatArray, phi: FloatArray, i: int, j: int) -> float:
    """Return the direction of fix j from fix i on the sphere [degrees]."""
    across = lam[j] - lam[i]
    east = np.sin(across) * np.cos(phi[j])
    north = np.cos(phi[i]) * np.sin(phi[j]) - np.sin(phi[i]) * np.cos(phi[j]) * np.cos(across)
    return float(np.degrees(np.arctan2(east, north)))
