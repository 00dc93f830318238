"""A simulated flock of eight species: as a file, and as what an empty service shows at first."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from app import deliver
from app.movement.itinerary import ROUTES, Place
from app.movement.sensing import Sending
from app.movement.simulate import STUDY_NAME, flock_csv, simulate_flock
from app.movement.track import DAY_US
from app.seeds import profiles, rows
from app.store import simulated
from app.store.engine import Store

BIRDS = 16
"""Two birds of each species: every flyway has more than one witness, and 3 s make them all."""

DAYS = 900.0
"""Two and a half years [days]: two whole migrations each way for every bird."""

SEED = 7
SENDING = Sending(interval_s=7200.0)
"""Every two hours [s], as solar tags on cranes send in winter; half the rows of hourly tags."""


def flock(end: datetime, *, birds: int = BIRDS, days: float = DAYS, seed: int = SEED) -> bytes:
    """Give the fixes that a simulated flock sent until `end`, as Movebank CSV."""
    end_us = int(end.timestamp()) * 1_000_000
    made = simulate_flock(
        [profiles()[key] for key in ROUTES],
        [Place(row["name"], float(row["lon"]), float(row["lat"])) for row in rows("sites")],
        n_individuals=birds,
        start_us=end_us - int(days * DAY_US),
        days=days,
        seed=seed,
        sending=SENDING,
    )
    return flock_csv(made, uploaded_before_us=end_us)


async def load(store: Store) -> UUID | None:
    """Push the flock into an empty service; give the push, or None where there are studies."""
    async with store.write() as conn:
        if not await simulated.is_empty(conn):
            return None
        study = await simulated.create(conn, STUDY_NAME)
    with tempfile.NamedTemporaryFile(suffix=".csv") as file:
        file.write(flock(datetime.now(UTC)))
        file.flush()
        return await deliver.push(store, Path(file.name), study, format_name="movebank-csv")
