"""Whether the database is fit to serve, and how much waits to be done."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import asyncpg
from sqlalchemy.ext.asyncio import AsyncConnection

from app.errors import SetupError
from app.store.engine import execute

_MIGRATIONS = Path(__file__).parents[2] / "migrations" / "versions"
_STATED = re.compile(r'^(down_)?revision = "(\w+)"$', re.MULTILINE)


@cache
def newest_revision() -> str | None:
    """
    Return the revision this version of the service is written for: the one none goes on from.

    Read from the text of the migrations: to load them, and alembic, would hold up the first
    question whether the service is ready for half a second.
    """
    before = _revisions(down=True)
    return max((each for each in _revisions(down=False) if each not in before), default=None)


def _revisions(*, down: bool) -> set[str]:
    """Return the revisions that migrations lead to, or else those that they go on from."""
    return {revision for before, revision in _stated() if bool(before) == down}


@cache
def _stated() -> frozenset[tuple[str, str]]:
    texts = (path.read_text() for path in _MIGRATIONS.glob("*.py"))
    return frozenset(found for text in texts for found in _STATED.findall(text))


async def revision(conn: AsyncConnection | asyncpg.Connection) -> str | None:
    """Return the revision the database is at; None before its first migration."""
    found = await execute(conn, "select to_regclass('alembic_version') is not null as migrated")
    if not found[0]["migrated"]:
        return None
    rows = await execute(conn, "select version_num from alembic_version")
    return str(rows[0]["version_num"]) if rows else None


NEWER = "A newer version of Flyways made it: install that one, or name another database."


def is_known(found: str | None) -> bool:
    """Whether `flyways migrate` leads from this revision to that of this version."""
    return found is None or found in _revisions(down=False)


async def assert_schema(
    conn: AsyncConnection | asyncpg.Connection, *, or_older: bool = False
) -> None:
    """Refuse a database that is not at the schema of this version, with what mends it."""
    found, wanted = await revision(conn), newest_revision()
    if found == wanted or (or_older and is_known(found)):
        return
    seen = "has no schema yet" if found is None else f"is at schema {found}, not {wanted}"
    mends = "Run `flyways migrate`." if is_known(found) else NEWER
    raise SetupError(f"The database {seen}. {mends}")


AT_LEISURE = frozenset({"utilisation", "key_sites"})
"""Kinds of work that are done when nothing else waits: they may be old without anything amiss."""


async def backlog(conn: AsyncConnection) -> dict[str, dict[str, float]]:
    """Return for each kind of waiting work: how many, how old the oldest [s], how many dead."""
    rows = await execute(
        conn,
        """
        select 'decoding' as kind, count(*) as waiting,
          min(received_at) as oldest, 0 as dead from decoding where state = 'received'
        union all
        select 'individual', count(*) filter (where dead_at is null),
          min(since_at) filter (where dead_at is null), count(dead_at) from dirty
        union all
        select 'catalogue', count(*) filter (where dead_at is null),
          min(since_at) filter (where dead_at is null), count(dead_at) from product_dirty
        union all
        select 'utilisation', count(*) filter (where dead_at is null),
          min(since_at) filter (where dead_at is null), count(dead_at) from utilisation_due
        union all
        select 'key_sites', count(*) filter (where dead_at is null),
          min(since_at) filter (where dead_at is null), count(dead_at) from key_site_due
        """,
    )
    now = (await execute(conn, "select clock_timestamp() as now"))[0]["now"]
    return {
        row["kind"]: {
            "waiting": float(row["waiting"]),
            "oldest_age_s": (now - row["oldest"]).total_seconds() if row["oldest"] else 0.0,
            "dead": float(row["dead"]),
        }
        for row in rows
    }


async def units(conn: AsyncConnection) -> dict[str, int]:
    """Return how many units of the pushes in force ended how."""
    rows = await execute(
        conn,
        "select coalesce(sum(stored), 0)::bigint as stored,"
        " coalesce(sum(duplicates), 0)::bigint as duplicate,"
        " coalesce(sum(superseded), 0)::bigint as superseded,"
        " coalesce(sum(without_position), 0)::bigint as without_position,"
        " coalesce(sum(refused), 0)::bigint as refused from decoding where replaced_at is null",
    )
    return dict(rows[0])


async def worker_seen_s(conn: AsyncConnection) -> float:
    """Return how long ago a worker last reported [s]; infinite when none is known."""
    rows = await execute(
        conn,
        "select extract(epoch from clock_timestamp() - max(last_heartbeat))::float8 as age"
        " from jobs.procrastinate_workers",
    )
    age = rows[0]["age"]
    return float("inf") if age is None else max(0.0, float(age))
