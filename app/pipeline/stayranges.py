"""fix, smoothed_fix, stopover, layer -> stay_range, stay_cover: how birds use where they stay."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime

import numpy as np
import shapely

from app.movement.profile import Profile
from app.movement.ranges import VERSION, StayRange, stay_range
from app.movement.track import Track
from app.movement.utilisation import Utilisation, utilise
from app.pipeline.available import shares_in
from app.store import layers, parameters, stayuse
from app.store.derived import Bird
from app.store.engine import Connection
from app.store.measuring import Due, Row
from app.store.stayuse import StayUse
from ingest.daylight import HORIZON_DEG, sun_elevation

DARK_DEG = -6.0
"""Elevation of the sun under which it is night [degrees]: civil twilight is neither day nor night,
as birds fly to and from their roosts then."""

LEVELS = (50, 95)

Shown = Callable[[datetime, datetime], Awaitable[Track]]
"""Gives the shown fixes of a bird between two times, both included."""


async def measure_stays(conn: Connection, bird: Bird, due: Due, shown: Shown) -> StayUse:
    """
    Measure every stay that is new, has moved, or holds a change.

    A stay hangs on its own fixes and ends alone, so what stands equals what would be measured
    again.
    """
    done = await stayuse.ranged(conn, bird.individual_id, VERSION)
    profile = await parameters.profile_for(conn, bird.study_id, bird.species_key)
    found = StayUse([], [], [])
    for stay in await stayuse.stays(conn, bird.individual_id):
        ends = stay["arrival_time"], stay["departure_time"]
        if ends in done and (ends[1] < due.from_time or ends[0] > due.to_time):
            found.kept.append(ends[0])
            continue
        used = await asyncio.to_thread(_range, await shown(*ends), profile)
        if used is not None:
            found.ranges.append({
                "arrival_time": ends[0], "departure_time": ends[1],
                "species_key": bird.species_key, "version": VERSION, **_row(*used),
            })  # fmt: skip
            found.covers.extend(await _covers(conn, bird, stay))
    return found


def _range(track: Track, profile: Profile) -> tuple[StayRange, Utilisation | None] | None:
    sun = sun_elevation(track.time_us, track.lon, track.lat)
    night, day = sun < DARK_DEG, sun > HORIZON_DEG
    rests, active = (night, day) if profile.roosts_at_night else (day, night)
    found = stay_range(track, rests, active, profile.roost_radius_m)
    return None if found is None else (found, utilise(track, "kde", LEVELS))


def _row(found: StayRange, areas: Utilisation | None) -> Row:
    by_level = {each.level: each.area_km2 for each in areas.isopleths} if areas else {}
    return {
        "roost_lon": np.round(found.roosts.lon, 6).tolist(),
        "roost_lat": np.round(found.roosts.lat, 6).tolist(),
        "roost_nights": found.roosts.nights.tolist(),
        "day_range_m": np.round(found.day_range_m, 1).tolist(),
        "to_feeding_m": np.round(found.to_feeding_m, 1).tolist(),
        "hull_km2": round(found.hull_km2, 6),
        "area_50_km2": _rounded(by_level.get(LEVELS[0])),
        "area_95_km2": _rounded(by_level.get(LEVELS[1])),
    }


def _rounded(area_km2: float | None) -> float | None:
    return None if area_km2 is None else round(area_km2, 6)


async def _covers(conn: Connection, bird: Bird, stay: Row) -> list[Row]:
    """Return what each class of each layer takes of the ground of a stay."""
    ground = shapely.from_wkb(stay["polygon"])
    rows: list[Row] = []
    for layer in await layers.current_layers(conn, bird.study_id):
        if layer.kind == "boundary":  # countries and seas, told by time in the ledger
            continue
        index = await layers.index_of(conn, layer)
        shares = await asyncio.to_thread(shares_in, index, ground)
        arrival = stay["arrival_time"]
        rows += [
            {"arrival_time": arrival, "layer_id": layer.id, "class_id": k, "share": share}
            for k, share in shares.items()
        ]
    return rows
