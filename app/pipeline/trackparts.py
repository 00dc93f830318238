"""fix, smoothed_fix -> track_part: the drawn track, by month, gaps as parts of their own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import shapely

from app.movement.gaps import GAP_MAX_US
from app.movement.lines import draw
from app.movement.track import Track
from app.pipeline.screen import Window
from app.pipeline.smooth import Placed, placed
from app.store import derived
from app.store.engine import Connection
from app.store.windows import FAR_FUTURE, FAR_PAST, instant, micros

OVERVIEW_DEG = 0.1
"""How far the rough line may lie from the fixes [degrees]: below three pixels up to zoom 5."""


async def renew_track_parts(
    conn: Connection, window: Window, own: Placed, bird: derived.Bird
) -> None:
    """
    Draw every month again that holds a step which can have changed.

    A step belongs to the month it starts in, so a month's line runs on to the first fix after.
    """
    before = await window.known.near(conn, own.moved_from, before=True)
    low = month_of(before or own.moved_from)
    high = next_month(own.moved_to)
    track = await placed(conn, window, low, high, beyond=True)
    rows = _parts(track.take(track.time_us >= micros(low)), bird.species_key)
    rows = [row for row in rows if row["time_first"] < high]
    await derived.replace_days(
        conn,
        "track_part",
        bird,
        ("time_first >= :low and time_first < :high", {"low": low, "high": high}),
        rows,
    )


def month_of(time: datetime) -> datetime:
    """Return the start of the month a time lies in."""
    if time <= FAR_PAST:
        return FAR_PAST
    return datetime(time.year, time.month, 1, tzinfo=UTC)


def next_month(time: datetime) -> datetime:
    """Return the start of the month after."""
    if time >= FAR_FUTURE:
        return FAR_FUTURE
    start = month_of(time)
    return month_of(start + timedelta(days=32))


def _parts(track: Track, species_key: str) -> list[derived.Row]:
    """Cut a track where the month changes and around gaps; each part shares its end fixes."""
    n = len(track)
    if n < 2:
        return []
    month = track.time_us.astype("datetime64[us]").astype("datetime64[M]").astype(np.int64)
    silent = np.diff(track.time_us) > GAP_MAX_US
    starts = np.flatnonzero(
        np.concatenate(
            ([True], (np.diff(month[:-1]) != 0) | (np.diff(silent.astype(np.int8)) != 0))
        )
    )
    rows = []
    for a, b in pairwise([*starts.tolist(), n - 1]):
        piece = track.take(slice(a, b + 1))
        rows.append({
            "species_key": species_key,
            "observed": not bool(silent[a]),
            "time_first": instant(piece.time_us[0]),
            "time_last": instant(piece.time_us[-1]),
            "n_fixes": len(piece),
            "line": bytes(shapely.to_wkb(draw(piece.lon, piece.lat))),
            "overview": bytes(shapely.to_wkb(draw(piece.lon, piece.lat, OVERVIEW_DEG))),
        })  # fmt: skip
    return rows
