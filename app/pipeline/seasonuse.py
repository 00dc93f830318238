"""visible fixes, public_fix -> season_use: in which cells a bird spent the hours of a season."""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from app.movement.density import SEASON_LEVEL, count_hours
from app.movement.gaps import observed_us
from app.movement.track import SECOND_US, FloatArray, IntArray, Track
from app.pipeline.trackparts import next_month
from app.store import density
from app.store.derived import Bird
from app.store.engine import Connection
from app.store.measuring import Row, Stretch

_MOMENT = timedelta(microseconds=1)


async def season_uses(conn: Connection, bird: Bird, stretch: Stretch, track: Track) -> list[Row]:
    """
    Count the hours of a season: of the fixes as they are, and of those the public may see.

    The public reads them when the delay after the month of the season's end has passed, as with
    the density: whether there are later fixes is not public.
    """
    release_at = next_month(stretch.end_time) + timedelta(seconds=bird.release_delay_s)
    facts = {
        "season": stretch.season, "species_key": bird.species_key,
        "start_time": stretch.start_time, "end_time": stretch.end_time, "release_at": release_at,
    }  # fmt: skip
    unobserved_s = 0.0
    if len(track):
        whole = int(track.time_us[-1] - track.time_us[0])
        unobserved_s = (whole - observed_us(track.time_us)) / SECOND_US
    places = await density.public_places(conn, bird, stretch.start_time, stretch.end_time + _MOMENT)
    exact = {"public": False, "unobserved_s": unobserved_s}
    public = {"public": True, "unobserved_s": None}
    return [
        {**facts, **exact, **_counted(track.time_us, track.lon, track.lat)},
        {**facts, **public, **_counted(*places)},
    ]


def _counted(time_us: IntArray, lon: FloatArray, lat: FloatArray) -> Row:
    found = count_hours(time_us, lon, lat, (SEASON_LEVEL,))
    cells, inverse = np.unique(np.column_stack([found.x, found.y]), axis=0, return_inverse=True)
    hours = np.bincount(inverse.ravel(), weights=found.hours, minlength=len(cells))
    table = np.column_stack([cells, hours.astype(np.int64)]).astype("<i4")
    return {"n_hours": int(hours.sum()), "cells": table.tobytes()}
