"""
Stopovers: where a bird stayed, from the visible fixes of its track.

`find_stays` finds core stops: runs of fixes within a radius of their own centre. `merge_stays`
joins neighbours into stopovers and is a pure function of the list of stays. Both are local:
`windows` proves how far a late fix can reach.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.movement.boundaries import locate
from app.movement.gaps import GAP_MAX_US, longest_gap_us, observed_us
from app.movement.geodesy import (
    distance_m,
    from_normal,
    hull,
    mean_position,
    to_normal,
    to_xyz,
)
from app.movement.lingering import scan
from app.movement.profile import Profile
from app.movement.track import SECOND_US, BoolArray, FloatArray, IntArray, Track

ERROR_SIGMAS = 2.0
"""A fix this many position errors beyond the radius may still be inside."""

Ring = FloatArray  # shape (k, 2): lon, lat of hull corners [degrees]


@dataclass(frozen=True, slots=True)
class Stays:
    """
    Core stops of one individual in time order; every array but two has shape (k,).

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
    arrival_us, departure_us : ndarray of int64, shape (k, 3)
        When it came and left as far as the fixes tell: 5, 50 and 95 % points of the time, as
        `boundaries.locate` finds them. With uncertain positions they may lie a fix or more away
        from the ends above, which are those of the radius.
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
    arrival_us: IntArray
    departure_us: IntArray
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
    Stopovers of one individual in time order; every array but two has shape (k,).

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
    arrival_us: IntArray
    departure_us: IntArray
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
    ends when the bird is out, with two or more fixes, for `lingering.EXCURSION_MAX_S`, or on a
    day's trip to nearby fields (`TRIP_REACH`) for `TRIP_MAX_S`, and at a silence over
    `GAP_MAX_S`. Once a day the centre is renewed: the mean of the fixes inside so
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
    first, last = scan(track.time_us, xyz, allowed, rule, inside)
    return _describe(track, profile, (first, last), inside)


def allowed_m(error_m: FloatArray, profile: Profile) -> FloatArray:
    """Return how far from a stay's centre each fix may lie and still be inside, shape (n,) [m]."""
    radius = profile.stop_radius_m
    return radius + np.minimum(ERROR_SIGMAS * error_m, radius)


def _describe(
    track: Track, profile: Profile, ends: tuple[IntArray, IntArray], inside: BoolArray
) -> Stays:
    """Work out the attributes of stays given by their first and last fixes."""
    n, t = len(track), track.time_us
    first, last = ends
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
        count[k] = at.shape[0]
        observed[k] = observed_us(t[a : b + 1]) / SECOND_US
        longest[k] = longest_gap_us(t[a : b + 1]) / SECOND_US
        corner = hull(lon, lat)
        radius[k] = _farthest_m(centre[k], lon[corner], lat[corner])  # a corner is the farthest
        rings.append(np.stack([lon[corner], lat[corner]], axis=1))
    when = locate(track, first, last, centre, profile)
    return Stays(
        first,
        last,
        arrival_earliest_us=np.where(arrival_open, t[first], t[np.maximum(first - 1, 0)]),
        arrival_latest_us=t[first],
        arrival_open=arrival_open,
        departure_earliest_us=t[last],
        departure_latest_us=np.where(departure_open, t[last], t[np.minimum(last + 1, n - 1)]),
        departure_open=departure_open,
        arrival_us=when[:, 0],
        departure_us=when[:, 1],
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
    near = distance_m(stays.lon[:-1], stays.lat[:-1], stays.lon[1:], stays.lat[1:])
    pause_us = stays.arrival_latest_us[1:] - stays.departure_earliest_us[:-1]
    apart = (near >= profile.merge_within_m) | (pause_us >= profile.merge_gap_max_s * SECOND_US)
    n = len(stays)
    a = np.flatnonzero(np.append(np.ones(min(n, 1), dtype=np.bool_), apart))
    b = np.append(a[1:], n)[: a.shape[0]] - 1
    # A stay alone is its stopover; only those of several are worked out.
    alone = (stays.lon, stays.lat, stays.radius_m, stays.observed_s, stays.max_gap_s)
    number = np.stack([column[a] for column in alone], axis=1)
    hulls = [stays.hull[i] for i in a.tolist()]
    for k in np.flatnonzero(b > a).tolist():
        number[k], hulls[k] = _group(stays, int(a[k]), int(b[k]))
    return Stopovers(
        first_stay=a.astype(np.int64),
        last_stay=b.astype(np.int64),
        arrival_earliest_us=stays.arrival_earliest_us[a],
        arrival_latest_us=stays.arrival_latest_us[a],
        arrival_open=stays.arrival_open[a],
        departure_earliest_us=stays.departure_earliest_us[b],
        departure_latest_us=stays.departure_latest_us[b],
        departure_open=stays.departure_open[b],
        arrival_us=stays.arrival_us[a],
        departure_us=stays.departure_us[b],
        n_fixes=np.add.reduceat(stays.n_fixes, a) if n else np.empty(0, dtype=np.int64),
        lon=number[:, 0].copy(),
        lat=number[:, 1].copy(),
        radius_m=number[:, 2].copy(),
        observed_s=number[:, 3].copy(),
        max_gap_s=number[:, 4].copy(),
        hull=tuple(hulls),
    )


def _group(stays: Stays, a: int, b: int) -> tuple[tuple[float, ...], Ring]:
    """Return (lon, lat, radius_m, observed_s, max_gap_s) and hull of stays a..b, several."""
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
