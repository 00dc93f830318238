"""`morning`: how each bird is, told at the database itself."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from app.terminal import AsJson, answer, with_store

if TYPE_CHECKING:
    from app.store.engine import Store

SHOWN = ("state", "individual", "species", "study_name", "tag", "last_time", "silence_s",
         "days_beyond_habit", "moved_24h_m", "moved_7d_m", "battery_v")  # fmt: skip


def morning(
    study_id: Annotated[UUID | None, typer.Option("--study", help="Else of all.")] = None,
    as_json: AsJson = False,
) -> None:
    """
    Tell how each bird that wears a tag is, the worst first.

    flyways morning
    """
    from app import operate
    from app.store import morning as report
    from app.store import studies

    async def rows(store: Store) -> list[dict[str, Any]]:
        audience = await operate.operator(store)
        async with store.read() as conn:
            if study_id is not None:
                await studies.owned(conn, audience, study_id)
            return await report.birds(conn, audience, now=datetime.now(UTC), study=study_id)

    answer([{k: row[k] for k in SHOWN} for row in with_store(rows)], as_json=as_json)
