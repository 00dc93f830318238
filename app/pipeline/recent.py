"""visible fixes, stopover -> recent: what a bird did at its newest fix, and its way there."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from app.movement.geodesy import distance_m
from app.movement.profile import Profile
from app.movement.track import HOUR_US, Track
from app.pipeline.aside import aside
from app.pipeline.screen import shown
from app.pipeline.segment import Segmented
from app.store import latest, recent
from app.store.engine import Connection
from app.store.windows import FAR_FUTURE, instant
from ingest.daylight import HORIZON_DEG, sun_elevation

Doing = Literal["moving", "stopover", "roosting"]

PATH = timedelta(days=7)
"""How much of the way is kept before the newest fix: the longest distance a morning asks for."""

REST_MAX_M_S = 1.5
"""Speed under which a step is rest [m/s]: design of the species profiles, as in `protection`."""


async def renew_recent(conn: Connection, found: Segmented) -> None:
    """Renew what is kept of a bird's last days; no visible fix left means nothing is."""
    newest = await latest.renew(conn, found.bird)
    if newest is None:
        await recent.renew(conn, found.bird, "moving", [], [])
        return
    track = await shown(conn, found.window, newest - PATH, FAR_FUTURE, beyond=True)
    time_us, path_m = await aside(len(track), path, track)
    stay = found.stopovers[-1] if found.stopovers else None
    staying = stay is not None and bool(stay["departure_open"])
    at = [instant(int(each)) for each in time_us]
    doing = doing_at_end(track, found.window.profile, staying=staying)
    await recent.renew(conn, found.bird, doing, at, [float(m) for m in path_m])


def path(track: Track) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """
    Return how far a bird has come at the last fix of each UTC hour, and at the first of all.

    Parameters
    ----------
    track : Track
        Fixes in time order, shape (n,), n >= 1.

    Returns
    -------
    time_us : ndarray of int64, shape (m,)
        Times [us since 1970 UTC], m <= n, none twice.
    path_m : ndarray of float64, shape (m,)
        Way over all fixes since the first [m].

    Examples
    --------
    >>> time = np.array([0, 60_000_000, 3_600_000_000])
    >>> track = Track(time, np.zeros(3), np.array([0.0, 0.01, 0.02]), np.ones(3))
    >>> [each.round().tolist() for each in path(track)]
    [[0, 60000000, 3600000000], [0.0, 1106.0, 2211.0]]
    """
    lon, lat = track.lon, track.lat
    steps = distance_m(lon[:-1], lat[:-1], lon[1:], lat[1:])
    way = np.concatenate(([0.0], np.cumsum(steps)))
    hour = track.time_us // HOUR_US
    kept = np.append(hour[1:] != hour[:-1], True)
    kept[0] = len(track) == 1 or track.time_us[1] > track.time_us[0]
    return track.time_us[kept], way[kept]


def doing_at_end(track: Track, profile: Profile, *, staying: bool) -> Doing:
    """
    Tell what a bird was doing at the last fix of a track.

    It roosts when it stays, rests, and it is the hour at which its kind roosts: cranes by night,
    spoonbills by day.
    """
    if not staying:
        return "moving"
    night = bool(sun_elevation(track.time_us[-1:], track.lon[-1:], track.lat[-1:])[0] < HORIZON_DEG)
    if night != profile.roosts_at_night or not _resting(track):
        return "stopover"
    return "roosting"


def _resting(track: Track) -> bool:
    if len(track) < 2:
        return False
    way = distance_m(track.lon[-2:-1], track.lat[-2:-1], track.lon[-1:], track.lat[-1:])[0]
    return bool(way <= REST_MAX_M_S * (track.time_us[-1] - track.time_us[-2]) / 1e6)
