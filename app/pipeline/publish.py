"""fix, smoothed_fix, stopover -> public_fix, latest_fix, recent, …: what readers get to see."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np

from app.movement.track import HOUR_US, Track
from app.pipeline.aside import aside
from app.pipeline.density import renew_density
from app.pipeline.protection import fixes_withheld, grid_centre
from app.pipeline.recent import renew_recent
from app.pipeline.segment import Segmented
from app.pipeline.smooth import placed
from app.pipeline.ways import renew_ways
from app.store import derived, work
from app.store.engine import Connection
from app.store.windows import instant

HOUR = timedelta(hours=1)
"""The public sees one position an hour: movement, not the minutes of a disturbance."""


async def publish(conn: Connection, found: Segmented) -> None:
    """Renew what the public may see of the changed span, and count the change."""
    bird = found.bird
    low, high = _hour(found.from_time), _hour(found.to_time + HOUR)
    # Whether a bird flies is told from the fix before.
    track = await placed(conn, found.window, low, high, beyond=True)
    rows = await aside(len(track), _public, found, track)
    rows = [row for row in rows if low <= row["time"] < high]
    await derived.replace_days(
        conn,
        "public_fix",
        bird,
        ("time >= :low and time < :high", {"low": low, "high": high}),
        rows,
    )
    await renew_recent(conn, found)
    await renew_density(conn, found, low, high)
    await renew_ways(conn, found, low, high)
    await work.bump_version(conn, bird.study_id)


def _hour(time: datetime) -> datetime:
    return time.replace(minute=0, second=0, microsecond=0)


def _public(found: Segmented, track: Track) -> list[derived.Row]:
    bird = found.bird
    hidden = fixes_withheld(track, [*found.stopovers, *found.guarded], found.window.profile)
    shown = np.flatnonzero(~hidden)
    hour = track.time_us[shown] // HOUR_US
    first = shown[np.flatnonzero(np.diff(hour, prepend=-1) != 0)]
    delay = timedelta(seconds=bird.release_delay_s)
    return [
        {
            "time": instant(hour_us := int(track.time_us[i]) // HOUR_US * HOUR_US),
            "species_key": bird.species_key,
            "lon": grid_centre(float(track.lon[i]), bird.public_grid_deg),
            "lat": grid_centre(float(track.lat[i]), bird.public_grid_deg),
            "release_at": instant(hour_us) + delay,
        }
        for i in first
    ]
