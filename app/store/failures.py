"""Work that failed: counted, laid aside after too many failures, and taken up again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.store import work
from app.store.engine import execute


@dataclass(frozen=True, slots=True)
class Dead:
    """Work that failed too often and was laid aside."""

    subject: str
    name: str
    reason: str


async def dead(conn: AsyncConnection, *, push_ref: UUID | None = None) -> list[Dead]:
    """Return the work that was laid aside: all of it, or what one push waits for."""
    rows = await execute(
        conn,
        f"""
        select subject, name, reason from (
          select 'individual:' || d.individual_id as subject,
            s.name || ' / ' || i.local_identifier as name, d.last_error as reason
          from dirty d join individual i on i.id = d.individual_id join study s on s.id = i.study_id
          where d.dead_at is not null
          union all
          select {work.PRODUCT_SUBJECT}, 'catalogue ' || scope, last_error
          from product_dirty where dead_at is not null
          union all
          select 'utilisation:' || i.id, s.name || ' / ' || i.local_identifier, d.last_error
          from utilisation_due d join individual i on i.id = d.individual_id
          join study s on s.id = i.study_id where d.dead_at is not null
          union all
          select 'key sites:' || scope || ':' || simulated::int, 'key sites of ' || scope,
            last_error
          from key_site_due where dead_at is not null
        ) as laid_aside
        where cast(:ref as uuid) is null or subject in (
          select w.subject from push_wait w join decoding c on c.id = w.decoding_id
          join push p on c.push_id = coalesce(p.replay_of_id, p.id) where p.ref = :ref)
        order by subject
        """,
        {"ref": push_ref},
    )
    return [Dead(row["subject"], row["name"], row["reason"] or "") for row in rows]


async def revive(conn: AsyncConnection, decoding_id: int) -> None:
    """Try again what was laid aside and a decoding waits for: its push was sent anew."""
    for table, subject in (
        ("dirty", work.INDIVIDUAL_SUBJECT),
        ("product_dirty", work.PRODUCT_SUBJECT),
    ):
        await execute(
            conn,
            f"update {table} set since_at = clock_timestamp(), attempts = 0, last_error = null,"
            f" dead_at = null where dead_at is not null and {subject} in"
            " (select subject from push_wait where decoding_id = :decoding)",
            {"decoding": decoding_id},
        )
    await work.notify(conn)


_FAILURES = {
    "dirty": "individual_id = :individual",
    "product_dirty": "scope = :scope and simulated = :simulated",
    "utilisation_due": "individual_id = :individual",
    "key_site_due": "scope = :scope and simulated = :simulated",
}


async def note(conn: AsyncConnection, table: str, values: dict[str, Any], reason: str) -> None:
    """Count a failure of dirty work in a transaction of its own; lay it aside after too many."""
    await execute(
        conn,
        f"update {table} set attempts = attempts + 1, last_error = :reason,"
        f" dead_at = case when attempts + 1 >= {work.ATTEMPTS_MAX} then clock_timestamp() end"
        f" where {_FAILURES[table]}",
        {**values, "reason": reason[:2000]},
    )
