"""The protective default: what the public never sees of a bird, and how coarsely the rest."""

from __future__ import annotations

import math
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from app.movement.profile import Profile
from app.movement.seasons import AUTUMN_DEFAULT, SPRING_DEFAULT
from app.movement.track import Track
from app.store import derived
from app.store.windows import micros
from ingest.daylight import HORIZON_DEG, sun_elevation


def grid_centre(degrees: float, grid_deg: float) -> float:
    """Return the centre of the grid cell a coordinate lies in: the same for every place in it."""
    return round((math.floor(degrees / grid_deg) + 0.5) * grid_deg, 6)


def in_breeding_season(time: datetime, profile: Profile) -> bool:
    """Tell whether a time lies between the spring and the autumn window of the species."""
    spring, autumn = profile.spring or SPRING_DEFAULT, profile.autumn or AUTUMN_DEFAULT
    return spring.end < (time.month, time.day) < autumn.start


def stopover_withheld(row: derived.Row, profile: Profile) -> bool:
    """Tell whether a stopover is a breeding place, or may be one: a stay in the breeding season."""
    if row["kind"] == "breeding" or (row["season"] or "").endswith("breeding"):
        return True
    ends = row["arrival_time_latest"], row["departure_time_earliest"]
    long = (ends[1] - ends[0]).days
    return long > _SUMMER_DAYS or any(in_breeding_season(end, profile) for end in ends)


_SUMMER_DAYS = 60
"""A stay longer than this may hold a whole breeding season between its ends [days]."""


def fixes_withheld(
    track: Track, stopovers: list[derived.Row], profile: Profile
) -> NDArray[np.bool_]:
    """
    Tell which fixes lie at a breeding place, or were sent at the hours of roosting.

    Cranes roost at night, spoonbills by day. A roost used for a single night is a roost as well,
    so the hour decides, wherever the bird was.
    """
    night = sun_elevation(track.time_us, track.lon, track.lat) < HORIZON_DEG
    hidden: NDArray[np.bool_] = night if profile.roosts_at_night else ~night
    for row in stopovers:
        if row.get("public_lon") is not None:
            continue
        a = int(np.searchsorted(track.time_us, micros(row["arrival_time_latest"])))
        last = micros(row["departure_time_earliest"])
        b = int(np.searchsorted(track.time_us, last, side="right"))
        hidden[a:b] = True
    return hidden | (_in_breeding_season(track, profile) & ~_flying(track))


def _in_breeding_season(track: Track, profile: Profile) -> NDArray[np.bool_]:
    day = track.time_us.astype("datetime64[us]").astype("datetime64[D]")
    month = day.astype("datetime64[M]")
    number = (month.astype(np.int64) % 12 + 1) * 100 + (day - month).astype(np.int64) + 1
    spring, autumn = profile.spring or SPRING_DEFAULT, profile.autumn or AUTUMN_DEFAULT
    end, start = spring.end[0] * 100 + spring.end[1], autumn.start[0] * 100 + autumn.start[1]
    within: NDArray[np.bool_] = (number > end) & (number < start)
    return within


def _flying(track: Track) -> NDArray[np.bool_]:
    """A bird not seen flying in the breeding season may be at its breeding place."""
    if len(track) < 2:
        return np.zeros(len(track), dtype=np.bool_)
    seconds = np.diff(track.time_us) / 1e6
    turn = (np.diff(track.lon) + 180) % 360 - 180
    across = np.hypot(turn * np.cos(np.radians(track.lat[1:])), np.diff(track.lat))
    fast: NDArray[np.bool_] = across * _METRES_PER_DEG > _FLIGHT_M_S * seconds
    return np.concatenate((fast[:1], fast)).astype(np.bool_)


_METRES_PER_DEG = 111_195.0
"""Length of a degree on a sphere of 6,371 km [m]; good enough to tell flight from rest."""

_FLIGHT_M_S = 5.0
"""Speed from which a step is flight [m/s]; resting birds stay under 1.5."""
