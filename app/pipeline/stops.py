"""visible fixes -> stop, stop_state: stops by the rule of MovingPandas, as fixes arrive."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np

from app.movement.stops import FRESH, StopRule, centres, extend_stops, open_stop
from app.pipeline.aside import aside
from app.pipeline.screen import Window, shown
from app.store import stops
from app.store.derived import Bird
from app.store.engine import Connection
from app.store.windows import FAR_FUTURE, FAR_PAST, instant, micros

RULE = StopRule()
TICK = timedelta(microseconds=1)


async def renew_stops(conn: Connection, window: Window, bird: Bird) -> None:
    """
    Take in what came after the saved state; after a change of the past, begin again before it.

    The detector forgets everything when a stop ends, so the end of any stop is a place to begin.
    """
    saved = await stops.saved(conn, bird.individual_id)
    since: datetime | None
    if saved is not None and saved.through_time < window.changed_from:
        since, state = saved.through_time, saved.state
    else:
        since, state = await stops.beginning(conn, bird.individual_id, window.changed_from), FRESH
    kept_us = state.start_us if state.time_us.shape[0] else micros(since or FAR_PAST) + 1
    track = await shown(conn, window, since + TICK if since else FAR_PAST, FAR_FUTURE)
    if len(track) == 0:
        if state is FRESH:
            await stops.replace(conn, bird, since or FAR_PAST, [])
            await stops.save(conn, bird, None)
        return
    ended, state = await aside(
        len(track), extend_stops, state, track.time_us, track.lon, track.lat, RULE
    )
    last = open_stop(state, RULE)
    found = ended if last is None else np.vstack([ended, [last]])
    whole = await shown(conn, window, instant(kept_us), FAR_FUTURE) if len(found) else track
    lon, lat, n_fixes = centres(whole.time_us, whole.lon, whole.lat, found)
    rows = [
        {
            "start_time": instant(found[k, 0]),
            "end_time": instant(found[k, 1]),
            "ended": k < len(ended),
            "n_fixes": int(n_fixes[k]),
            "lon": float(lon[k]),
            "lat": float(lat[k]),
        }
        for k in range(len(found))
    ]
    await stops.replace(conn, bird, instant(kept_us), rows)
    await stops.save(conn, bird, stops.Saved(instant(track.time_us[-1]), state))
