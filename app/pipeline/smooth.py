"""visible fixes -> smoothed_fix: where a bird with an Argos tag was, and how sure that is."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np

from app.movement.argos import ellipse_covariance_m2
from app.movement.noise import Noise
from app.movement.smoothing import ellipse_of
from app.movement.smoothing import smooth as smooth_track
from app.movement.track import FloatArray, Track
from app.movement.windows import window as window_of
from app.pipeline.screen import MARGIN, Window, shift, shown, wider
from app.seeds import noise_of
from app.store import derived, smoothed
from app.store.engine import Connection
from app.store.windows import ARGOS, FAR_FUTURE, FAR_PAST, Fixes, instant, micros

MIDWINTER, MIDSUMMER = (1, 15), (7, 15)
"""Where years are cut, month and day: birds are at home then, so that little moves beside a cut."""
BESIDE = timedelta(days=30)
"""Fixes this long before and after a half year are heard as well: they settle how it begins and
ends, and whatever lies beyond moves no place within by over a metre."""


@dataclass(frozen=True, slots=True)
class Placed:
    """
    Where the bird was at its visible fixes within [from_time, to_time).

    No stay reaches across either end. Before `moved_from` and after `moved_to`, which lie within,
    the bird is where it was.
    """

    track: Track
    from_time: datetime
    to_time: datetime
    moved_from: datetime
    moved_to: datetime


async def smooth(conn: Connection, window: Window) -> tuple[Window, Placed]:
    """
    Smooth the half years that a change can reach.

    A bird without Argos fixes is where its fixes are, and costs nothing here. GPS fixes of a tag
    that sends both are heard as what they are: fixes with small errors.
    """
    bird = window.bird
    if not bird.smoothed and not (window.fixes.sensor == ARGOS).any():
        track = window.fixes.track.take(window.visible)
        moved = window.changed_from, window.changed_to
        return window, Placed(track, window.from_time, window.to_time, *moved)
    window = replace(window, smoothed=True)
    low, high = reach(window.changed_from, window.changed_to)
    fixes = await window.known.between(conn, shift(low, -BESIDE), shift(high, BESIDE))
    noise = noise_of(bird.species_key)
    rows = await asyncio.to_thread(_rows, fixes, noise, (low, high))
    between = ("time >= :low and time < :high", {"low": low, "high": high})
    await derived.replace_days(conn, "smoothed_fix", bird, between, rows)
    return window, await _placed(conn, window, low, high)


def reach(first: datetime, last: datetime) -> tuple[datetime, datetime]:
    """
    Return the ends of the half years that a change between two times can reach.

    Examples
    --------
    >>> reach(datetime(2020, 1, 20, tzinfo=UTC), datetime(2020, 2, 20, tzinfo=UTC))[0].date()
    datetime.date(2019, 7, 15)
    """
    first, last = shift(first, -BESIDE), shift(last, BESIDE)
    low = FAR_PAST if first <= FAR_PAST else max(c for c in _cuts(first, first) if c <= first)
    high = FAR_FUTURE if last >= FAR_FUTURE else min(c for c in _cuts(last, last) if c > last)
    return low, high


def _cuts(first: datetime, last: datetime) -> Iterator[datetime]:
    """Yield all cuts from the year before a time to the year after another."""
    for year in range(first.year - 1, last.year + 2):
        for month, day in (MIDWINTER, MIDSUMMER):
            yield datetime(year, month, day, tzinfo=UTC)


def _rows(fixes: Fixes, noise: Noise, between: tuple[datetime, datetime]) -> list[derived.Row]:
    """Smooth half year by half year; a row for each Argos fix between two cuts."""
    if len(fixes) == 0:
        return []
    ends = [max(between[0], instant(fixes.time_us[0])), min(between[1], instant(fixes.time_us[-1]))]
    cuts = [c for c in _cuts(*ends) if between[0] <= c <= between[1]]
    rows = []
    for low, high in pairwise(cuts):
        own = _within(fixes, low, high)
        if not (fixes.sensor[own] == ARGOS).any():
            continue
        heard = _within(fixes, shift(low, -BESIDE), shift(high, BESIDE))
        rows += _half_year(fixes.take(heard), noise, (micros(low), micros(high)))
    return rows


def _within(fixes: Fixes, low: datetime, high: datetime) -> slice:
    a, b = np.searchsorted(fixes.time_us, (micros(low), micros(high)))
    return slice(int(a), int(b))


def _half_year(fixes: Fixes, noise: Noise, between: tuple[int, int]) -> list[derived.Row]:
    found = smooth_track(fixes.track, covariance_of(fixes), noise)
    major, minor, orientation = ellipse_of(found.covariance_m2)
    own = (fixes.time_us >= between[0]) & (fixes.time_us < between[1]) & (fixes.sensor == ARGOS)
    return [
        {
            "time": instant(fixes.time_us[i]),
            "lon": round(float(found.lon[i]), 7),
            "lat": round(float(found.lat[i]), 7),
            "sd_major_m": float(major[i]),
            "sd_minor_m": float(minor[i]),
            "orientation_deg": float(orientation[i]),
            "weight": float(found.weight[i]),
            "parameters": noise.name,
        }
        for i in np.flatnonzero(own)
    ]


def covariance_of(fixes: Fixes) -> FloatArray:
    """Return the covariance of each fix, east first, shape (n, 2, 2) [m2]: ellipse, else circle."""
    ellipse = ellipse_covariance_m2(*fixes.ellipse.T)
    circle = np.square(np.maximum(fixes.track.error_m, 1.0))[:, None, None] * np.eye(2)
    stated = np.isfinite(ellipse[:, 0, 0])
    return np.where(stated[:, None, None], ellipse, circle)


async def placed(
    conn: Connection, window: Window, low: datetime, high: datetime, *, beyond: bool = False
) -> Track:
    """Return what `screen.shown` does, Argos fixes where the bird was by all of them."""
    track = await shown(conn, window, low, high, beyond=beyond)
    return await overlaid(conn, window.span.individual_id, track) if window.smoothed else track


async def overlaid(conn: Connection, individual_id: int, track: Track) -> Track:
    """Return shown fixes of a bird, those of Argos where it was by all of them."""
    if len(track) == 0:
        return track
    ends = instant(track.time_us[0]), instant(track.time_us[-1]) + timedelta(microseconds=1)
    time_us, place = await smoothed.places(conn, individual_id, *ends)
    lon, lat, error_m = track.lon.copy(), track.lat.copy(), track.error_m.copy()
    at = np.searchsorted(track.time_us, time_us)
    lon[at], lat[at], error_m[at] = place.T
    return Track(track.time_us, lon, lat, error_m)


async def _placed(conn: Connection, window: Window, low: datetime, high: datetime) -> Placed:
    """Return the track between the nearest cuts around a span in which places changed."""
    before = after = MARGIN
    while True:
        first, last = shift(low, -before), shift(high, after)
        if await window.known.near(conn, first, before=True) is None:
            first = FAR_PAST
        if await window.known.near(conn, last, before=False) is None:
            last = FAR_FUTURE
        track = await placed(conn, window, first, last)
        found = await asyncio.to_thread(
            window_of, track, window.profile, (micros(low), micros(high))
        )
        if found.head and first > FAR_PAST:
            before = wider(before)
        elif found.tail and last < FAR_FUTURE:
            after = wider(after)
        else:
            break
    return Placed(
        track.take(slice(found.start, found.stop)),
        FAR_PAST if found.head else instant(track.time_us[found.start]),
        FAR_FUTURE if found.tail else instant(track.time_us[found.stop]),
        low,
        high,
    )
