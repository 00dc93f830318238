"""
Stopovers: where a bird stayed, from the visible fixes of its track.

`find_stays` finds core stops: runs of fixes within a radius of their own centre. `merge_stays`
joins neighbours into stopovers and is a pure function of the list of stays. Both are local:
`windows` proves how far a late fix can reach.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from app.movement.gaps import GAP_MAX_US, longest_gap_us, observed_us
from app.movement.geodesy import (
    arc_m,
    distance_m,
    from_normal,
    hull,
    mean_position,
    to_normal,
    to_xyz,
)
from app.movement.profile import Profile
from app.movement.track import SECOND_US, BoolArray, FloatArray, IntArray, Track

EXCURSION_MAX_S = 3 * 3600.0
"""A bird back within this time was on an excursion [s]; so was one with a single fix outside."""
EXCURSION_MAX_US = int(EXCURSION_MAX_S * SECOND_US)
ERROR_SIGMAS = 2.0
"""A fix this many position errors beyond the radius may still be inside."""
CENTRE_ROUNDS = 2
"""Times a centre is taken again from the fixes near it, against excursions."""
EDGE_QUANTILE = 0.9
"""Share of the fixes of a stay that its core holds."""
EDGE_RATIO = 1.5
"""Fixes at an end of a stay this many core radii out are still on their way."""
EDGE_FLOOR_M = 2000.0
"""No fix this near the centre is called far out [m]."""
FLIGHT_M_S = 5.0
"""Ground speed from which a step is flight [m/s] (domain.md)."""
FLIGHT_SHARE = 0.85
"""A step this near the speed of the one before it was flown to its end: a bird that landed on the
way shows a slower one."""
FLIGHT_COSINE = 0.85
"""... and the next step goes on in the same direction, within 30 degrees."""
FLIGHT_ON_M = 500.0
"""... for at least this far [m], above any GPS error."""

Ring = FloatArray  # shape (k, 2): lon, lat of hull corners [degrees]


@dataclass(frozen=True, slots=True)
class Stays:
    """
    Core stops of one individual in time order; every array has shape (k,).

    Attributes
    ----------
    first, last : ndarray of int64
        First and last fix inside, as indices into the visible track.
    arrival_earliest_us, arrival_latest_us : ndarray of int64
        The bird arrived between these: last fix before, first fix inside [us since 1970 UTC].
    arrival_open : ndarray of bool
        No fix before, or a gap over `GAP_MAX_S`: earliest is then the same as latest.
    departure_earliest_us, departure_latest_us, departure_open : ndarray
        Likewise: last fix inside, first fix after.
    n_fixes : ndarray of int64
        Fixes inside the radius; excursions are not counted.
    lon, lat : ndarray of float64
        Centre: mean of the fixes inside [degrees].
    radius_m : ndarray of float64
        Distance of the farthest fix inside from the centre [m].
    observed_s, max_gap_s : ndarray of float64
        Time between fixes at most `GAP_MAX_S` apart; longest time between two fixes [s].
    hull : tuple of ndarray, each of shape (corners, 2)
        Convex hull of the fixes inside, lon and lat [degrees].
    """

    first: IntArray
    last: IntArray
    arrival_earliest_us: IntArray
    arrival_latest_us: IntArray
    arrival_open: BoolArray
    departure_earliest_us: IntArray
    departure_latest_us: IntArray
    departure_open: BoolArray
    n_fixes: IntArray
    lon: FloatArray
    lat: FloatArray
    radius_m: FloatArray
    observed_s: FloatArray
    max_gap_s: FloatArray
    hull: tuple[Ring, ...]

    def __len__(self) -> int:
        return int(self.first.shape[0])


@dataclass(frozen=True, slots=True)
class Stopovers:
    """
    Stopovers of one individual in time order; every array has shape (k,).

    `first_stay` and `last_stay` are indices into the stays; the other attributes are those of
    `Stays`, over all its stays: `n_fixes` summed, `observed_s` summed with the ways between,
    centre weighted by fixes, `radius_m` a bound on the distance of any fix inside from it, and
    `hull` the hull of their hulls.
    """

    first_stay: IntArray
    last_stay: IntArray
    arrival_earliest_us: IntArray
    arrival_latest_us: IntArray
    arrival_open: BoolArray
    departure_earliest_us: IntArray
    departure_latest_us: IntArray
    departure_open: BoolArray
    n_fixes: IntArray
    lon: FloatArray
    lat: FloatArray
    radius_m: FloatArray
    observed_s: FloatArray
    max_gap_s: FloatArray
    hull: tuple[Ring, ...]

    def __len__(self) -> int:
        return int(self.first_stay.shape[0])

    @property
    def duration_min_s(self) -> FloatArray:
        """Shortest time the bird can have stayed: first to last fix inside [s]."""
        return (self.departure_earliest_us - self.arrival_latest_us) / SECOND_US

    @property
    def duration_max_s(self) -> FloatArray:
        """Longest time the bird can have stayed: fix before to fix after [s]."""
        return (self.departure_latest_us - self.arrival_earliest_us) / SECOND_US


def find_stays(track: Track, profile: Profile) -> Stays:
    """
    Find the core stops among the visible fixes of one individual.

    From each fix in turn the following `stop_min_s` are tried as a first day: the mean of the
    fixes, taken again from those within `stop_radius_m` of it. While the bird keeps within the
    radius (plus `ERROR_SIGMAS` position errors, at most the radius again) the stay goes on; it
    ends when two or more fixes in a row, over at least `EXCURSION_MAX_S`, lie outside, or at a
    silence over `GAP_MAX_S`. Once a day the centre is renewed: the mean of the fixes inside so
    far. Fixes at either end that lie far outside the core of the stay are left to the journey.
    After a stay the search starts anew, remembering nothing.

    Parameters
    ----------
    track : Track
        Visible fixes: strictly increasing times.
    profile : Profile
        Gives `stop_radius_m` and `stop_min_s`.

    Returns
    -------
    Stays
        Not overlapping, in time order.

    Examples
    --------
    >>> from app.seeds import profile_of
    >>> hour = 3_600_000_000
    >>> lat = np.concatenate([np.full(30, 40.0), 40 - 0.5 * np.arange(1, 9), np.full(40, 36.0)])
    >>> track = Track(np.arange(78) * hour, np.full(78, 125.0), lat, np.full(78, 20.0))
    >>> stays = find_stays(track, profile_of("Grus monacha"))
    >>> [(int(a), int(b)) for a, b in zip(stays.first, stays.last)]
    [(0, 29), (37, 77)]
    """
    if np.any(np.diff(track.time_us) <= 0):
        raise ValueError("times must strictly increase: screen the track and drop hidden fixes")
    xyz = to_xyz(track.lon, track.lat)
    allowed = allowed_m(track.error_m, profile)
    inside = np.zeros(len(track), dtype=np.bool_)
    rule = np.array([profile.stop_min_s * SECOND_US, profile.stop_radius_m])
    first, last = _scan(track.time_us, xyz, allowed, rule, inside)
    return _describe(track, first, last, inside)


def allowed_m(error_m: FloatArray, profile: Profile) -> FloatArray:
    """Return how far from a stay's centre each fix may lie and still be inside, shape (n,) [m]."""
    radius = profile.stop_radius_m
    return radius + np.minimum(ERROR_SIGMAS * error_m, radius)


def _describe(track: Track, first: IntArray, last: IntArray, inside: BoolArray) -> Stays:
    """Work out the attributes of stays given by their first and last fixes."""
    n, t = len(track), track.time_us
    gap = np.append(np.append(True, np.diff(t) > GAP_MAX_US), True)  # before fix i, i = 0..n
    arrival_open, departure_open = gap[first], gap[last + 1]
    centre = np.zeros((first.shape[0], 2))
    radius, count = np.zeros(first.shape[0]), np.zeros(first.shape[0], dtype=np.int64)
    observed, longest = np.zeros(first.shape[0]), np.zeros(first.shape[0])
    rings: list[Ring] = []
    for k, (a, b) in enumerate(zip(first.tolist(), last.tolist(), strict=True)):
        at = a + np.flatnonzero(inside[a : b + 1])
        lon, lat = track.lon[at], track.lat[at]
        centre[k] = mean_position(lon, lat)
        radius[k] = _farthest_m(centre[k], lon, lat)
        count[k] = at.shape[0]
        observed[k] = observed_us(t[a : b + 1]) / SECOND_US
        longest[k] = longest_gap_us(t[a : b + 1]) / SECOND_US
        corner = hull(lon, lat)
        rings.append(np.stack([lon[corner], lat[corner]], axis=1))
    return Stays(
        first,
        last,
        arrival_earliest_us=np.where(arrival_open, t[first], t[np.maximum(first - 1, 0)]),
        arrival_latest_us=t[first],
        arrival_open=arrival_open,
        departure_earliest_us=t[last],
        departure_latest_us=np.where(departure_open, t[last], t[np.minimum(last + 1, n - 1)]),
        departure_open=departure_open,
        n_fixes=count,
        lon=centre[:, 0].copy(),
        lat=centre[:, 1].copy(),
        radius_m=radius,
        observed_s=observed,
        max_gap_s=longest,
        hull=tuple(rings),
    )


def _farthest_m(centre: FloatArray, lon: FloatArray, lat: FloatArray) -> float:
    one = np.ones(lon.shape[0])
    return float(distance_m(one * centre[0], one * centre[1], lon, lat).max())


def merge_stays(stays: Stays, profile: Profile) -> Stopovers:
    """
    Join neighbouring stays into stopovers.

    Two stays next to each other in time belong together when their centres lie less than
    `merge_within_m` apart and less than `merge_gap_max_s` passes from the last fix of one to the
    first of the next; a stopover is a longest run of such pairs (Taylor et al. 2011,
    doi:10.1371/journal.pone.0027054: birds move up to 30 km within one stopover).
    """
    k = len(stays)
    near = distance_m(stays.lon[:-1], stays.lat[:-1], stays.lon[1:], stays.lat[1:])
    pause_us = stays.arrival_latest_us[1:] - stays.departure_earliest_us[:-1]
    apart = (near >= profile.merge_within_m) | (pause_us >= profile.merge_gap_max_s * SECOND_US)
    a = np.flatnonzero(np.append(np.ones(min(k, 1), dtype=np.bool_), apart))
    b = np.append(a[1:], k)[: a.shape[0]] - 1
    groups = [_group(stays, i, j) for i, j in zip(a.tolist(), b.tolist(), strict=True)]
    number = np.array([g[0] for g in groups], dtype=np.float64).reshape(-1, 5)
    return Stopovers(
        first_stay=a.astype(np.int64),
        last_stay=b.astype(np.int64),
        arrival_earliest_us=stays.arrival_earliest_us[a],
        arrival_latest_us=stays.arrival_latest_us[a],
        arrival_open=stays.arrival_open[a],
        departure_earliest_us=stays.departure_earliest_us[b],
        departure_latest_us=stays.departure_latest_us[b],
        departure_open=stays.departure_open[b],
        n_fixes=np.array(
            [stays.n_fixes[i : j + 1].sum() for i, j in zip(a, b, strict=True)], dtype=np.int64
        ),
        lon=number[:, 0].copy(),
        lat=number[:, 1].copy(),
        radius_m=number[:, 2].copy(),
        observed_s=number[:, 3].copy(),
        max_gap_s=number[:, 4].copy(),
        hull=tuple(g[1] for g in groups),
    )


def _group(stays: Stays, a: int, b: int) -> tuple[tuple[float, ...], Ring]:
    """Return (lon, lat, radius_m, observed_s, max_gap_s) and hull of stays a..b."""
    if a == b:
        alone = (stays.lon, stays.lat, stays.radius_m, stays.observed_s, stays.max_gap_s)
        return tuple(float(v[a]) for v in alone), stays.hull[a]
    some = slice(a, b + 1)
    weight = stays.n_fixes[some].astype(np.float64)
    normal = to_normal(stays.lon[some], stays.lat[some]) * weight[:, None]
    lon, lat = from_normal(normal.sum(axis=0))
    one = np.ones(weight.shape[0])
    reach = distance_m(one * lon, one * lat, stays.lon[some], stays.lat[some])
    way_s = (stays.arrival_latest_us[a + 1 : b + 1] - stays.departure_earliest_us[a:b]) / SECOND_US
    corners = np.concatenate(stays.hull[a : b + 1])
    ring = corners[hull(corners[:, 0], corners[:, 1])]
    radius = float((reach + stays.radius_m[some]).max())
    observed = float(stays.observed_s[some].sum() + way_s.sum())
    return (lon, lat, radius, observed, float(max(stays.max_gap_s[some].max(), way_s.max()))), ring


@njit(nogil=True, cache=True)
def _scan(
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


@njit(nogil=True, cache=True)
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


@njit(nogil=True, cache=True)
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
    last, renewed, outside = a, time_us[a], 0
    for i in range(a, time_us.shape[0]):
        if i > a and time_us[i] - time_us[i - 1] > GAP_MAX_US:
            break
        if arc_m(xyz[i], centre) > allowed[i]:
            outside += 1
            if outside >= 2 and time_us[i] - time_us[last] >= EXCURSION_MAX_US:
                break
            continue
        last, outside = i, 0
        total += xyz[i]
        count += 1
        if time_us[i] - renewed >= min_us:  # at most once a day and by at most one radius:
            way = total / count - centre  # `windows` builds on it
            centre = centre + way * min(1.0, radius / max(np.sqrt((way * way).sum()), 1.0))
            renewed = time_us[i]
    return last if time_us[last] - time_us[a] >= min_us else -1


@njit(nogil=True, cache=True)
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
        a += 1
    while b > a and far[b - lo] > min(edge + allowed[b] - rule[1], allowed[b]):
        b -= 1
    if _flying(time_us, xyz, a, 1):
        a += 1
    if _flying(time_us, xyz, b, -1):
        b -= 1
    if time_us[b] - time_us[a] < rule[0]:
        a, b = lo, hi
    for i in range(a, b + 1):
        inside[i] = far[i - lo] <= allowed[i]
    inside[a] = inside[b] = True
    return a, b


@njit(nogil=True, cache=True)
def _flying(time_us: IntArray, xyz: FloatArray, i: int, way: int) -> bool:
    """Say whether the first (way 1) or last (-1) fix of a stay was taken in flight to (from) it."""
    if not (0 <= i - 2 * way < time_us.shape[0] and 0 <= i + way < time_us.shape[0]):
        return False
    if abs(time_us[i] - time_us[i - 2 * way]) > GAP_MAX_US:
        return False
    come, on = xyz[i] - xyz[i - way], xyz[i + way] - xyz[i]
    before = xyz[i - way] - xyz[i - 2 * way]
    far, next_far = np.sqrt((come * come).sum()), np.sqrt((on * on).sum())
    speed = far / abs(time_us[i] - time_us[i - way]) * SECOND_US
    flown = np.sqrt((before * before).sum())
    usual = flown / abs(time_us[i - way] - time_us[i - 2 * way]) * SECOND_US
    if min(speed, usual) < FLIGHT_M_S or speed < FLIGHT_SHARE * usual or next_far < FLIGHT_ON_M:
        return False
    return bool((come * on).sum() > FLIGHT_COSINE * far * next_far)
