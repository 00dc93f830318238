"""A simulated flock of eight species: as a file, and as what an empty service shows at first."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any
from uuid import UUID

from app import deliver
from app.errors import SetupError
from app.movement.itinerary import ROUTES, Place
from app.movement.sensing import Sending
from app.movement.simulate import STUDY_NAME, flock_csv, reference_csv, simulate_flock
from app.movement.track import DAY_US
from app.seeds import profiles, rows
from app.store import simulated
from app.store.engine import Store
from app.store.inbox import Reading

BIRDS = 16
"""Two birds of each species: every flyway has more than one witness, and 3 s make them all."""

DAYS = 900.0
"""Two and a half years [days]: two whole migrations each way for every bird."""

NEWEST_ROWS = BIRDS * 12 * 30
"""Rows of about the last month: an empty map has every bird seconds after they are kept."""

SHOWN_MAX_S = 30.0
"""Longest wait for them [s]; on an idle machine it takes 4."""

SEED = 7
SENDING = Sending(interval_s=7200.0)
"""Every two hours [s], as solar tags on cranes send in winter; half the rows of hourly tags."""


def flock(
    end: datetime,
    *,
    birds: int = BIRDS,
    days: float = DAYS,
    seed: int = SEED,
    sending: Sending = SENDING,
) -> bytes:
    """Give the fixes that a simulated flock sent until `end`, as Movebank CSV."""
    made = flock_files(end, birds=birds, days=days, seed=seed, sending=sending)
    return made["events"]


def flock_files(
    end: datetime, *, birds: int, days: float, seed: int, sending: Sending
) -> dict[str, bytes]:
    """Give the fixes (`events`) and the deployments (`reference`) of a flock, as Movebank CSV."""
    end_us = int(end.timestamp()) * 1_000_000
    made = simulate_flock(
        [profiles()[key] for key in ROUTES],
        [Place(row["name"], float(row["lon"]), float(row["lat"])) for row in rows("sites")],
        n_individuals=birds,
        start_us=end_us - int(days * DAY_US),
        days=days,
        seed=seed,
        sending=sending,
    )
    events = flock_csv(made, uploaded_before_us=end_us)
    return {"reference": reference_csv(made), "events": events}


def midnight(day: datetime | None) -> datetime:
    """Give the start of a day in UTC, today's without one."""
    return datetime.combine(day or datetime.now(UTC), time(), UTC)


async def push(store: Store, files: dict[str, bytes], study: UUID) -> dict[str, Any]:
    """Push a flock's files into a study; give the final receipt of its fixes."""
    receipt: dict[str, Any] = {}
    for body in files.values():
        kept = await keep(store, body, study)
        receipt = await deliver.settled(store, kept)
    return receipt


async def keep(store: Store, body: bytes, study: UUID, format_name: str | None = None) -> UUID:
    """Keep bytes made here as one push; give its id."""
    with tempfile.NamedTemporaryFile(suffix=".csv") as file:
        file.write(body)
        file.flush()
        return await deliver.push(store, Path(file.name), study, Reading(format_name, None))


def newest_first(body: bytes, rows: int) -> list[bytes]:
    r"""
    Part a CSV whose rows are in order of upload into its last `rows` and all before, if any.

    Examples
    --------
    >>> newest_first(b"a\n1\n2\n3\n", 1)
    [b'a\n3\n', b'a\n1\n2\n']
    """
    head, *lines = body.splitlines(keepends=True)
    at = max(0, len(lines) - rows)
    return [head + b"".join(part) for part in (lines[at:], lines[:at]) if part]


async def load(store: Store) -> list[UUID]:
    """
    Push the flock into an empty service; give the pushes, none where there are studies.

    The newest month goes first and alone: a worker has it on the map before the years are kept.
    """
    async with store.write() as conn:
        if not await simulated.is_empty(conn):
            return []
        study = await simulated.create(conn, STUDY_NAME)
    made = await asyncio.to_thread(flock, datetime.now(UTC))
    newest, *before = newest_first(made, NEWEST_ROWS)
    kept = [await keep(store, newest, study, "movebank-csv")]
    # A slow worker shows all of it later; what was laid aside the doctor tells.
    with contextlib.suppress(TimeoutError, SetupError):
        async with asyncio.timeout(SHOWN_MAX_S):
            await deliver.processed(store, kept[0])
    return [*kept, *[await keep(store, part, study, "movebank-csv") for part in before]]
