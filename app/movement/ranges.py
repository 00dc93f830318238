"""Ranges at a place: where birds roost, how far from there they feed, how wide their days are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from pyproj import Proj

from app.movement.arcs import arcs_m
from app.movement.families import bounds, draw_weights, tells
from app.movement.track import DAY_US, HOUR_US, BoolArray, FloatArray, IntArray, Track

VERSION = "ranges 1"

BREAK_US = DAY_US // 2
"""Silence within a night or a day after which it is another one [us]."""

ACTIVE_MIN = 4
"""Fewest positions of a day from which its width is told; our choice."""

QUANTILE = 0.95


@dataclass(frozen=True, slots=True)
class Roosts:
    """Places where nights were spent, most nights first: lon, lat [degrees] and nights, (k,)."""

    lon: FloatArray
    lat: FloatArray
    nights: IntArray


@dataclass(frozen=True, slots=True)
class StayRange:
    """
    How one bird used the place of one stay.

    Attributes
    ----------
    roosts : Roosts
        Where it rested: by night, spoonbills by day.
    day_range_m : ndarray of float64, shape (d,)
        Greatest distance between two positions of each day, its roosts included [m].
    to_feeding_m : ndarray of float64, shape (d,)
        Median distance from the roost to the positions of the day that follows it, or of the one
        before where none was seen before it [m].
    hull_km2 : float
        Area of the convex hull of all positions.
    """

    roosts: Roosts
    day_range_m: FloatArray
    to_feeding_m: FloatArray
    hull_km2: float


@dataclass(frozen=True, slots=True)
class _Bout:
    rests: bool
    first: int
    last: int


def stay_range(
    track: Track, rests: BoolArray, active: BoolArray, roost_radius_m: float
) -> StayRange | None:
    """
    Tell roosts and days of one stay.

    Parameters
    ----------
    track : Track
        Shown fixes of the stay; one an hour counts.
    rests, active : ndarray of bool, shape (n,)
        Whether a fix is of the hours of rest, or of those of activity; twilight is neither, as
        then birds are on their way.
    roost_radius_m : float
        Nights within this distance of a middle are spent at one roost [m].

    Returns
    -------
    StayRange, optional
        None without any fix. A roost of a night is the median of its fixes, which a late
        departure does not move.

    Examples
    --------
    >>> hour = 3_600_000_000 * np.arange(24)
    >>> night = np.arange(24) < 8
    >>> lat = np.where(night, 40.0, 40.02)
    >>> found = stay_range(Track(hour, np.full(24, 120.0), lat, np.full(24, 10.0)), night, ~night,
    ...                    1000.0)
    >>> found.roosts.nights.tolist(), found.to_feeding_m.round(-2).tolist()
    ([1], [2200.0])
    """
    # Compiled code: the web process tells ranges and never measures any.
    from app.movement.roosting import day_out, night_middle  # noqa: PLC0415 - see above

    hour = track.time_us // HOUR_US
    kept = np.flatnonzero(np.diff(hour, prepend=hour[:1] - 1) != 0)
    if not kept.shape[0]:
        return None
    track, rests, active = track.take(kept), rests[kept], active[kept]
    bouts = _bouts(track.time_us, rests, active)
    middles = {
        k: night_middle(
            track.lon[bout.first : bout.last + 1], track.lat[bout.first : bout.last + 1]
        )
        for k, bout in enumerate(bouts)
        if bout.rests
    }
    widths, ways = [], []
    for k, bout in enumerate(bouts):
        beside = [j for j in (k - 1, k + 1) if j in middles and _follow(track, bouts, j, k)]
        if bout.rests or bout.last - bout.first + 1 < ACTIVE_MIN or not beside:
            continue
        lon, lat = track.lon[bout.first : bout.last + 1], track.lat[bout.first : bout.last + 1]
        roosts = np.array([middles[j] for j in beside])
        way_m, width_m = day_out(
            np.append(lon, roosts[:, 0]), np.append(lat, roosts[:, 1]), len(lon)
        )
        ways.append(way_m)
        widths.append(width_m)
    nights = np.array(list(middles.values())).reshape(-1, 2)
    return StayRange(
        gathered(nights[:, 0], nights[:, 1], np.ones(nights.shape[0]), roost_radius_m),
        np.array(widths),
        np.array(ways),
        _hull_km2(track),
    )


def _bouts(time_us: IntArray, rests: BoolArray, active: BoolArray) -> list[_Bout]:
    """Return nights and days: fixes of one kind in a row, twilight between them left out."""
    out: list[_Bout] = []
    for i in np.flatnonzero(rests | active).tolist():
        last = out[-1] if out else None
        if (
            last is not None
            and last.rests == rests[i]
            and time_us[i] - time_us[last.last] <= BREAK_US
        ):
            out[-1] = _Bout(last.rests, last.first, i)
        else:
            out.append(_Bout(bool(rests[i]), i, i))
    return out


def _follow(track: Track, bouts: Sequence[_Bout], j: int, k: int) -> bool:
    """Tell whether a night and a day touch, without half a day of silence between them."""
    a, b = sorted((bouts[j], bouts[k]), key=lambda bout: bout.first)
    return bool(track.time_us[b.first] - track.time_us[a.last] <= BREAK_US)


def _hull_km2(track: Track) -> float:
    proj = Proj(proj="laea", lon_0=track.lon[0], lat_0=track.lat[0], ellps="WGS84")
    return float(
        shapely.MultiPoint(np.column_stack(proj(track.lon, track.lat))).convex_hull.area / 1e6
    )


def gathered(lon: FloatArray, lat: FloatArray, nights: FloatArray, radius_m: float) -> Roosts:
    """
    Gather nights, or roosts with their nights, into roosts, without chaining.

    The place with most nights within the radius takes them all, then the next of what is left;
    equals by longitude and latitude, so that their order is immaterial.

    Examples
    --------
    >>> found = gathered(np.array([0.0, 0.001, 9.0]), np.zeros(3), np.ones(3), 1000.0)
    >>> found.nights.tolist(), found.lon.round(4).tolist()
    ([2, 1], [0.0005, 9.0])
    """
    order = np.lexsort((lat, lon))
    lon, lat, nights = lon[order], lat[order], nights[order]
    near = arcs_m(lon, lat, lon, lat) <= radius_m
    left = np.ones(lon.shape[0], dtype=np.bool_)
    out: list[tuple[float, float, int]] = []
    while left.any():
        held = (near & left[None]) @ nights
        held[~left] = -1.0
        own = near[int(np.argmax(held))] & left
        weight = nights[own] / nights[own].sum()
        turned = np.unwrap(lon[own], period=360.0) @ weight
        out.append(((turned + 180.0) % 360.0 - 180.0, lat[own] @ weight, round(nights[own].sum())))
        left &= ~own
    out.sort(key=lambda roost: (-roost[2], roost[0], roost[1]))
    found = np.array(out).reshape(-1, 3)
    return Roosts(found[:, 0], found[:, 1], found[:, 2].astype(np.int64))


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over birds, each weighing the same, with its 95 % interval over families or nan."""

    mean: float
    low: float
    high: float
    n_birds: int
    n: int


def mean_of_birds(value: FloatArray, bird: IntArray, family: IntArray) -> Estimate | None:
    """
    Average the medians of birds; None of nothing.

    Parameters
    ----------
    value : ndarray of float64, shape (n,)
        One for each day, or each stay, of a bird.
    bird, family : ndarray of int64, shape (n,)
        Whose each is. Whole families are drawn anew (Efron 1979, doi:10.1214/aos/1176344552), and
        no interval is told below ten birds.

    Examples
    --------
    >>> mean_of_birds(np.array([1.0, 2.0, 6.0]), np.array([1, 1, 2]), np.array([1, 1, 2])).mean
    3.75
    """
    birds, first = np.unique(bird, return_index=True)
    if not birds.shape[0]:
        return None
    own = np.array([np.median(value[bird == each]) for each in birds])
    low = high = float("nan")
    if tells(birds, family[first]):
        weight = draw_weights(family[first])
        drawn = (weight @ own) / weight.sum(axis=1)
        (low,), (high,) = bounds(drawn[:, None])
    return Estimate(float(own.mean()), float(low), float(high), birds.shape[0], value.shape[0])
