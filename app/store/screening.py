"""Screening of one bird as its owner reads it, and trials of other parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection

from app.errors import NotFound
from app.store import reference, work
from app.store.audience import Audience
from app.store.engine import execute
from app.store.fragments import fix_key, worn_by_bird

Row = dict[str, Any]

KEPT = "1 day"
"""How long a trial can be read; longer than anybody looks at one."""


async def own(conn: AsyncConnection, audience: Audience, individual: UUID) -> Row:
    """Return a bird of the caller's own studies."""
    bird = await reference.individual(conn, audience, individual)
    if bird["study_id"] not in audience.exact:
        raise reference.unknown("individual")
    return bird


async def counts(conn: AsyncConnection, audience: Audience, bird: Row) -> Row:
    """Return how many fixes a bird has, how many are shown, and how many carry each flag."""
    binds = {"individual": bird["id"], "exact": audience.sql["exact"]}
    fixes = await execute(
        conn,
        "select count(*) as fixes, count(*) filter (where f.visible) as shown from fix f"
        f" where f.live and f.study_id = any(:exact) and {worn_by_bird('f')}",
        binds,
    )
    flagged = await execute(
        conn,
        "select g.code, count(*) as n from fix_flag g join fix f"
        f" on {fix_key('f')} = {fix_key('g')} and f.live"
        f" where g.study_id = any(:exact) and {worn_by_bird('g')} group by g.code order by g.code",
        binds,
    )
    return {**fixes[0], "flagged": {row["code"]: row["n"] for row in flagged}}


async def ask(
    conn: AsyncConnection, audience: Audience, individual: UUID, said: Mapping[str, float]
) -> Row:
    """Have a worker try other parameters on a bird; nothing that is stored changes by it."""
    bird = await own(conn, audience, individual)
    await execute(conn, f"delete from screening_trial where asked_at < now() - interval '{KEPT}'")
    rows = await execute(
        conn,
        "insert into screening_trial (individual_id, study_id, said)"
        " values (:bird, :study, cast(:said as jsonb)) returning ref",
        {"bird": bird["id"], "study": bird["study_id"],
         "said": orjson.dumps(dict(said)).decode()},
    )  # fmt: skip
    await work.notify(conn)
    return await trial(conn, audience, rows[0]["ref"])


async def trial(conn: AsyncConnection, audience: Audience, ref: UUID) -> Row:
    """Return a trial, with what would change once a worker has found out."""
    rows = await execute(
        conn,
        "select t.ref, i.ref as individual_id, i.local_identifier as individual, t.said, t.found,"
        " t.asked_at from screening_trial t join individual i on i.id = t.individual_id"
        " where t.ref = :ref and t.study_id = any(:exact)",
        {"ref": ref, "exact": audience.sql["exact"]},
    )
    if not rows:
        raise NotFound(
            "There is no such trial for this caller.",
            remedy="Ask anew; a trial is kept for a day.",
        )
    return rows[0]


async def take(conn: AsyncConnection, trial_id: int) -> Row | None:
    """Return a trial that nobody has computed, and let no other worker do so meanwhile."""
    rows = await execute(
        conn,
        "select individual_id, study_id, said from screening_trial where id = :id"
        " and found is null for update skip locked",
        {"id": trial_id},
    )
    return rows[0] if rows else None


async def answer(conn: AsyncConnection, trial_id: int, found: Mapping[str, Any]) -> None:
    """Write down what a trial found."""
    await execute(
        conn,
        "update screening_trial set found = cast(:found as jsonb) where id = :id",
        {"id": trial_id, "found": orjson.dumps(found).decode()},
    )
