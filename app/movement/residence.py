"""Residence and recursion: how far a bird has gone, how long it stays, how often it returns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.movement.compiled import kernel
from app.movement.profile import GAP_MAX_S
from app.movement.track import BoolArray, FloatArray


@dataclass(frozen=True, slots=True)
class Visits:
    """
    Visits of one bird to a circle, in time order; arrays of one length.

    Attributes
    ----------
    enter_s, exit_s : ndarray of float64, shape (k,)
        On the times of the track [s].
    whole : ndarray of bool, shape (k,)
        Entry and exit were both seen: neither the track nor a silence cut the visit.
    """

    enter_s: FloatArray
    exit_s: FloatArray
    whole: BoolArray

    def __len__(self) -> int:
        return int(self.enter_s.shape[0])


def net_squared_displacement_m2(x: FloatArray, y: FloatArray) -> FloatArray:
    """
    Return the squared distance of each fix from the first, shape (n,) [m2].

    What tells migrants from residents and nomads when drawn against time (Bunnefeld et al. 2011,
    doi:10.1111/j.1365-2656.2010.01776.x).

    Parameters
    ----------
    x, y : ndarray of float64, shape (n,)
        Places in a plane that keeps distances from the first [m].

    Examples
    --------
    >>> net_squared_displacement_m2(np.array([1.0, 4.0]), np.array([1.0, 5.0])).tolist()
    [0.0, 25.0]
    """
    return np.asarray((x - x[:1]) ** 2 + (y - y[:1]) ** 2, dtype=np.float64)


def residence_time_s(
    time_s: FloatArray,
    x: FloatArray,
    y: FloatArray,
    radius_m: float,
    *,
    away_max_s: float = 0.0,
    gap_max_s: float = GAP_MAX_S,
) -> FloatArray:
    """
    Return how long the bird was within a radius of each of its fixes, before and after it.

    Between fixes it moves evenly on a straight line, and leaves the circle where that line does.
    With `away_max_s` 0 this is the first-passage time (Fauchald & Tveraa 2003,
    doi:10.1890/0012-9658(2003)084[0282:UFPTIT]2.0.CO;2); above it, returns within that time add
    to it: residence time (Barraquand & Benhamou 2008, doi:10.1890/08-0162.1).

    Parameters
    ----------
    time_s : ndarray of float64, shape (n,)
        Strictly ascending [s].
    x, y : ndarray of float64, shape (n,)
        Places in a plane [m].
    radius_m : float
        Of the circle [m].
    away_max_s : float
        Longest absence after which a return still counts [s].
    gap_max_s : float
        What the bird did in a longer silence is unknown [s].

    Returns
    -------
    ndarray of float64, shape (n,)
        Time within [s]; nan where the track or a silence ends it on either side.

    Examples
    --------
    >>> time_s = np.arange(5.0)
    >>> residence_time_s(time_s, 10.0 * time_s, 0.0 * time_s, 15.0).tolist()
    [nan, nan, 3.0, nan, nan]
    """
    return _around(time_s, x, y, radius_m, away_max_s, gap_max_s)


def visits(
    time_s: FloatArray,
    x: FloatArray,
    y: FloatArray,
    centre: tuple[float, float],
    radius_m: float,
    *,
    away_min_s: float = 0.0,
    gap_max_s: float = GAP_MAX_S,
) -> Visits:
    """
    Return the visits of a bird to a circle: its recursions.

    Entries and exits lie where the straight lines between fixes cross the circle, as in recurse
    (Bracis et al. 2018, doi:10.1111/ecog.03618). Never across a silence: a visit ends with the
    last fix before it, and another begins with the first after it.

    Parameters
    ----------
    time_s, x, y, radius_m, gap_max_s
        As those of `residence_time_s`.
    centre : tuple of float
        x and y of the circle [m].
    away_min_s : float
        Absences shorter than this do not part two visits [s].

    Returns
    -------
    Visits
        k visits; a bird that only touches the circle pays none.

    Examples
    --------
    >>> time_s = np.arange(4.0)
    >>> seen = visits(time_s, np.array([-10.0, 10.0, 10.0, -10.0]), 0.0 * time_s, (0.0, 0.0), 5.0)
    >>> seen.enter_s.tolist(), seen.exit_s.tolist()
    ([0.25, 2.25], [0.75, 2.75])
    """
    found = _visits(time_s, x, y, centre[0], centre[1], radius_m, away_min_s, gap_max_s)
    return Visits(found[:, 0], found[:, 1], found[:, 2] == 0.0)


@kernel
def _within(
    x: FloatArray, y: FloatArray, k: int, centre_x: float, centre_y: float, radius_m: float
) -> tuple[float, float]:
    """Return the shares of the way from fix k to the next between which it is inside."""
    dx, dy = x[k + 1] - x[k], y[k + 1] - y[k]
    fx, fy = x[k] - centre_x, y[k] - centre_y
    a, b, c = dx * dx + dy * dy, fx * dx + fy * dy, fx * fx + fy * fy - radius_m * radius_m
    if a == 0.0:
        return (0.0, 1.0) if c <= 0.0 else (1.0, 0.0)
    root = b * b - a * c
    if root < 0.0:
        return 1.0, 0.0
    root = np.sqrt(root)
    # The stable pair of roots: no difference of near-equal numbers.
    q = -(b + root) if b >= 0.0 else -(b - root)
    one, two = q / a, (c / q if q != 0.0 else 0.0)
    low, high = max(min(one, two), 0.0), min(max(one, two), 1.0)
    return (low, high) if low <= high else (1.0, 0.0)


@kernel
def _around(
    time_s: FloatArray, x: FloatArray, y: FloatArray, radius_m: float, away_max_s: float,
    gap_max_s: float,
) -> FloatArray:  # fmt: skip
    out = np.empty(time_s.shape[0])
    for i in range(time_s.shape[0]):
        after = _one_way(time_s, x, y, i, 1, radius_m, away_max_s, gap_max_s)
        before = _one_way(time_s, x, y, i, -1, radius_m, away_max_s, gap_max_s)
        out[i] = before + after
    return out


@kernel
def _one_way(
    time_s: FloatArray, x: FloatArray, y: FloatArray, i: int, turn: int, radius_m: float,
    away_max_s: float, gap_max_s: float,
) -> float:  # fmt: skip
    """Return the time within, from fix i on or back, until the bird is away for too long."""
    inside_s, away_s = 0.0, 0.0
    k = i if turn > 0 else i - 1
    while 0 <= k < time_s.shape[0] - 1:
        step_s = time_s[k + 1] - time_s[k]
        if step_s > gap_max_s:
            return np.nan
        low, high = _within(x, y, k, x[i], y[i], radius_m)
        if low > high:
            away_s += step_s
        else:
            first, last = (low, 1.0 - high) if turn > 0 else (1.0 - high, low)
            away_s += first * step_s
            if away_s > away_max_s and first > 0.0:
                return inside_s
            inside_s += (high - low) * step_s
            away_s = last * step_s
        if away_s > away_max_s:
            return inside_s
        k += turn
    return np.nan


@kernel
def _visits(
    time_s: FloatArray, x: FloatArray, y: FloatArray, centre_x: float, centre_y: float,
    radius_m: float, away_min_s: float, gap_max_s: float,
) -> FloatArray:  # fmt: skip
    """Return rows of entry, exit, and how many of the two were not seen."""
    out = np.empty((time_s.shape[0], 3))
    n = 0
    for k in range(time_s.shape[0] - 1):
        step_s = time_s[k + 1] - time_s[k]
        known_before = k > 0 and time_s[k] - time_s[k - 1] <= gap_max_s
        if step_s > gap_max_s:
            if n > 0 and out[n - 1, 1] == time_s[k] and known_before:
                out[n - 1, 2] += 1.0
            continue
        low, high = _within(x, y, k, centre_x, centre_y, radius_m)
        if low >= high:
            continue
        enter, leave = time_s[k] + low * step_s, time_s[k] + high * step_s
        joined = n > 0 and (
            (enter == out[n - 1, 1] and known_before)
            or (
                enter - out[n - 1, 1] < away_min_s and _watched(time_s, out[n - 1, 1], k, gap_max_s)
            )
        )
        if joined:
            out[n - 1, 1] = leave
        else:
            out[n, 0], out[n, 1] = enter, leave
            out[n, 2] = 1.0 if low == 0.0 and not known_before else 0.0
            n += 1
    last = time_s.shape[0] - 1
    if n > 0 and out[n - 1, 1] == time_s[last]:
        out[n - 1, 2] += 1.0
    return out[:n].copy()


@kernel
def _watched(time_s: FloatArray, since_s: float, k: int, gap_max_s: float) -> bool:
    """Say whether no silence lies between a time and fix k."""
    while k > 0 and time_s[k] > since_s:
        if time_s[k] - time_s[k - 1] > gap_max_s:
            return False
        k -= 1
    return True
