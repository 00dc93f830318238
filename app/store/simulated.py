"""The study of the simulated flock: open from the start, and never mixed with real birds."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.store.engine import execute

INSTITUTE = "Simulation"


async def is_empty(conn: AsyncConnection) -> bool:
    """Tell whether nobody has brought anything in yet, not even a start that was cut short."""
    (row,) = await execute(
        conn,
        "select not exists (select from push)"
        " and not exists (select from study where not simulated) as empty",
    )
    return bool(row["empty"])


async def create(conn: AsyncConnection, name: str) -> UUID:
    """Add or find the study; what it shows is nobody's secret, so nothing is held back in time."""
    (row,) = await execute(
        conn,
        """
        with owner as (
          insert into institute (name) values (:institute)
          on conflict (name) do update set name = excluded.name returning id
        )
        insert into study (institute_id, name, visibility, opened_at, release_delay_s, simulated)
        select id, :name, 'open', now(), 0, true from owner
        on conflict (institute_id, name) do update set name = excluded.name returning ref
        """,
        {"institute": INSTITUTE, "name": name},
    )
    return UUID(str(row["ref"]))
