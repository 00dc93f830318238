"""fix, smoothed_fix, public_fix, leg -> way: where a bird may have been between two stopovers."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np

from app.movement.track import Track
from app.movement.ways import lay_way
from app.pipeline.aside import aside
from app.pipeline.segment import Segmented
from app.pipeline.smooth import placed
from app.store import density, ways
from app.store.engine import Connection

TICK = timedelta(microseconds=1)

METRES_PER_DEGREE = 111_195.0


async def renew_ways(conn: Connection, found: Segmented, low: datetime, high: datetime) -> None:
    """Lay the ways again that the changed span [low, high) can reach; all others stand."""
    bird = found.bird
    made = []
    for leg in await ways.stale(conn, bird.individual_id, low, high):
        own = await placed(conn, found.window, leg[0], leg[1] + TICK)
        places = await density.public_places(conn, bird, leg[0], leg[1] + TICK)
        # As for a place that may be anywhere in its cell.
        error_m = np.full(places[0].shape, bird.public_grid_deg * METRES_PER_DEGREE / np.sqrt(12))
        for public, track in ((False, own), (True, Track(*places, error_m))):
            made.append((leg, public, await aside(len(track), lay_way, track)))
    await ways.replace(conn, bird, made)
