"""The protective default: what the public never sees of a bird, and how coarsely the rest."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from app.movement.profile import Profile
from app.movement.seasons import AUTUMN_DEFAULT, SPRING_DEFAULT
from app.movement.track import FloatArray, Track
from app.store import derived
from app.store.windows import micros
from ingest.daylight import HORIZON_DEG, sun_elevation


def grid_centre(degrees: float, grid_deg: float) -> float:
    """Return the centre of the grid cell a coordinate lies in: the same for every place in it."""
    return round((math.floor(degrees / grid_deg) + 0.5) * grid_deg, 6)


def may_breed(row: derived.Row, profile: Profile) -> bool:
    """
    Tell whether a stopover is a breeding place, or may be one: a stay in the breeding season.

    That lies between the spring and the autumn window of the species.
    """
    if row["kind"] == "breeding" or (row["season"] or "").endswith("breeding"):
        return True
    spring, autumn = profile.spring or SPRING_DEFAULT, profile.autumn or AUTUMN_DEFAULT
    arrival, departure = row["arrival_time_latest"], row["departure_time_earliest"]
    return any(
        (arrival.year, arrival.month, arrival.day) < (year, *autumn.start)
        and (departure.year, departure.month, departure.day) > (year, *spring.end)
        for year in range(arrival.year, departure.year + 1)
    )


_METRES_PER_DEG = 111_195.0
"""Length of a degree on a sphere of 6,371 km [m]; good enough to tell flight from rest."""

NEST_CELL_DEG = 0.1
"""Cells in which breeding places are withheld [degrees]: those of the public grid by default."""


def nest_cells(rows: Iterable[derived.Row], profile: Profile) -> frozenset[int]:
    """
    Return the cells of all places where the bird may have bred.

    The public reads of no other stay of that bird there, nor of a fix: a bird that comes to its
    breeding place before the season, or lives there, would tell it all the same. A place is as
    wide as a stay may be.
    """
    reach_deg = profile.stop_radius_m / _METRES_PER_DEG
    cells = set()
    for row in rows:
        if not may_breed(row, profile):
            continue
        aside_deg = reach_deg / max(math.cos(math.radians(row["lat"])), _NEAR_POLE)
        lon, lat = (
            np.arange(np.floor((row[name] - by) / NEST_CELL_DEG),
                      np.floor((row[name] + by) / NEST_CELL_DEG) + 1)
            for name, by in (("lon", aside_deg), ("lat", reach_deg))
        )  # fmt: skip
        around = np.meshgrid((lon + 0.5) * NEST_CELL_DEG, (lat + 0.5) * NEST_CELL_DEG)
        cells.update(_cell(*around).ravel().tolist())
    return frozenset(cells)


def at_nest(
    lon: FloatArray | float, lat: FloatArray | float, nests: frozenset[int]
) -> NDArray[np.bool_]:
    """Tell which places lie in one of the cells, shape of lon."""
    return np.isin(_cell(lon, lat), list(nests))


def _cell(lon: FloatArray | float, lat: FloatArray | float) -> NDArray[np.int64]:
    """Number the cell of each place, round the globe."""
    across = round(360 / NEST_CELL_DEG)
    column = np.floor(np.asarray(lon) / NEST_CELL_DEG).astype(np.int64) % across
    return np.floor(np.asarray(lat) / NEST_CELL_DEG).astype(np.int64) * across + column


_NEAR_POLE = 0.05
"""Least cosine of a latitude that a width is divided by: no crane breeds north of 87 degrees."""


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
    hidden |= at_nest(track.lon, track.lat, nest_cells(stopovers, profile))
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


_FLIGHT_M_S = 5.0
"""Speed from which a step is flight [m/s]; resting birds stay under 1.5."""
