"""fix, smoothed_fix, public_fix -> density_cell: where a bird spent its hours, by month."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np

from app.movement.density import LEVELS, PUBLIC_LEVELS, Cells, count_hours
from app.pipeline.aside import aside
from app.pipeline.segment import Segmented
from app.pipeline.smooth import placed
from app.pipeline.trackparts import month_of, next_month
from app.store import density
from app.store.derived import Bird
from app.store.engine import Connection
from app.store.windows import FAR_FUTURE, FAR_PAST


async def renew_density(conn: Connection, found: Segmented, low: datetime, high: datetime) -> None:
    """Count every month again that holds a changed hour; only cells that differ are written."""
    change = found.window.span
    whole = change.from_time <= FAR_PAST and change.to_time >= FAR_FUTURE
    span = (FAR_PAST, FAR_FUTURE) if whole else (month_of(low), next_month(high))
    track = await placed(conn, found.window, *span)
    exact = await aside(len(track), count_hours, track.time_us, track.lon, track.lat, LEVELS)
    places = await density.public_places(conn, found.bird, *span)
    public = await aside(places[0].shape[0], count_hours, *places, PUBLIC_LEVELS)
    for cells, is_public in ((exact, False), (public, True)):
        await density.renew(
            conn, found.bird, span, cells, releases(found.bird, cells), public=is_public,
            whole=whole,
        )  # fmt: skip


def releases(bird: Bird, cells: Cells) -> list[datetime]:
    """
    Return when the public may read each row: the delay after its month has ended.

    Told from the month and not from its last fix: whether there are later ones is not public.
    """
    delay = timedelta(seconds=bird.release_delay_s)
    months: list[date] = (cells.month + np.timedelta64(1, "M")).astype("datetime64[D]").tolist()
    return [datetime(m.year, m.month, m.day, tzinfo=UTC) + delay for m in months]
