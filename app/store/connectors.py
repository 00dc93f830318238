"""Connectors: what is pulled from providers, how far each has come, and when it goes on."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.errors import Conflict
from app.store import mappings, owned, work
from app.store.audience import Audience
from app.store.engine import Store, execute
from app.store.fragments import newest_mapping, told_how
from app.store.owned import Noun

Row = dict[str, Any]

LOCK_CONNECTOR, LOCK_PROVIDER = 21, 22
"""First halves of the advisory locks that a pull holds as long as it runs."""

_COLUMNS = """
connector.id, connector.ref, connector.study_id, study.ref as study, connector.name,
connector.provider, connector.settings, connector.username, connector.format, connector.tz,
connector.encoding, connector.datum, connector.date_order, mapping.ref as mapping,
connector.interval_s, connector.overlap_s, connector.settle_s, connector.cursor,
connector.failures, connector.problem, connector.created_at, connector.paused_at,
connector.next_run_at, connector.last_run_at, connector.last_success_at
"""
"""SQL: what managers see; `take` alone reads the password, for the pull."""

_NOUN = Noun(
    "connector",
    _COLUMNS,
    "connector join study on study.id = connector.study_id"
    " left join mapping on mapping.id = connector.mapping_id",
)
page, one = partial(owned.page, _NOUN), partial(owned.one, _NOUN)
"""Connectors of the caller's own studies: a page of them, and one by its id."""


@dataclass(frozen=True, slots=True)
class Task:
    """
    What one pull needs to know; `version` tells whether the connector was changed meanwhile.

    `reads` is how its pushes are to be read, as a sender's row tells it.
    """

    id: int
    study_id: int
    study: UUID
    provider: str
    settings: dict[str, Any]
    username: str
    password: str
    interval_s: int
    overlap_s: int
    settle_s: int
    cursor: dict[str, Any]
    failures: int
    version: int
    reads: Row


async def create(
    conn: AsyncConnection, audience: Audience, study_id: int, values: dict[str, Any]
) -> Row:
    """Add a connector, which is due at once; `mapping` is one of the study, or None."""
    mapping_id = await mappings.id_in(conn, audience, study_id, values["mapping"])
    rows = await execute(
        conn,
        "insert into connector (study_id, name, provider, settings, username, password, format,"
        " tz, encoding, datum, date_order, mapping_id, interval_s, overlap_s, settle_s)"
        " values (:study, :name, :provider, cast(:settings as jsonb), :username, :password,"
        " :format, :tz, :encoding, :datum, :date_order, :mapping_id,"
        " :interval_s, :overlap_s, :settle_s)"
        " on conflict (study_id, name) do nothing returning ref",
        {**values, "settings": json.dumps(values["settings"]), "study": study_id,
         "mapping_id": mapping_id},
    )  # fmt: skip
    if not rows:
        raise Conflict(
            "The study has a connector of this name.",
            code="name-taken",
            remedy="Choose another name, or edit the connector there is.",
        )
    await work.notify(conn)
    return await one(conn, audience, rows[0]["ref"])


EDITABLE = ("settings", "username", "password", "format", "tz", "encoding", "datum", "date_order",
            "mapping_id",
            "interval_s", "overlap_s", "settle_s")  # fmt: skip


async def edit(
    conn: AsyncConnection,
    audience: Audience,
    ref: UUID,
    values: dict[str, Any],
    *,
    paused: bool | None,
) -> Row:
    """
    Change a connector and let it run at once; a pull under way keeps nothing more.

    A `mapping` among the values is one of the study, or None.
    """
    connector = await one(conn, audience, ref)
    values = dict(values)
    if "mapping" in values:
        values["mapping_id"] = await mappings.id_in(
            conn, audience, connector["study_id"], values.pop("mapping")
        )
    sets = [
        f"{name} = cast(:{name} as jsonb)" if name == "settings" else f"{name} = :{name}"
        for name in EDITABLE
        if name in values
    ]
    if "settings" in values:
        values["settings"] = json.dumps(values["settings"])
        # Another question has another answer: what was passed for the old one says nothing of it.
        sets.append(
            "cursor = case when settings = cast(:settings as jsonb) then cursor else '{}' end"
        )
    await execute(
        conn,
        f"update connector set {', '.join([*sets, ''])}"
        " paused_at = case when cast(:paused as boolean) then coalesce(paused_at, now())"
        "   when not cast(:paused as boolean) then null else paused_at end,"
        " failures = 0, problem = null, next_run_at = now(), version = version + 1"
        " where id = :id",
        {**values, "paused": paused, "id": connector["id"]},
    )
    await work.notify(conn)
    return await one(conn, audience, ref)


async def run_now(conn: AsyncConnection, audience: Audience, ref: UUID) -> Row:
    """Make a connector due at once, whatever it waits for."""
    connector = await one(conn, audience, ref)
    if connector["paused_at"] is not None:
        raise Conflict(
            "The connector is paused.",
            code="connector-paused",
            remedy="Set paused to false: it runs at once.",
        )
    await execute(
        conn, "update connector set next_run_at = now() where id = :id", {"id": connector["id"]}
    )
    await work.notify(conn)
    return await one(conn, audience, ref)


async def delete(conn: AsyncConnection, audience: Audience, ref: UUID) -> None:
    """Forget a connector and its credentials; what it brought stays."""
    connector = await one(conn, audience, ref)
    await execute(conn, "delete from connector where id = :id", {"id": connector["id"]})


async def due(conn: AsyncConnection, *, limit: int) -> list[int]:
    """Return the connectors whose time has come, the longest waiting first."""
    rows = await execute(
        conn,
        "select id from connector where paused_at is null and next_run_at <= now()"
        " order by next_run_at limit :limit",
        {"limit": limit},
    )
    return [int(row["id"]) for row in rows]


@asynccontextmanager
async def locked(store: Store, connector_id: int, *, provider: str | None) -> AsyncIterator[bool]:
    """
    Hold a connector, and its provider if that is named; false where another process has one.

    The locks belong to the connection: when the process dies, the database gives them back.
    """
    keys = [(LOCK_CONNECTOR, str(connector_id))]
    if provider is not None:
        keys.append((LOCK_PROVIDER, provider))
    held: list[tuple[int, str]] = []
    async with store.look() as conn:
        try:
            for key in keys:
                if not await _lock(conn, "pg_try_advisory_lock", key):
                    break
                held.append(key)
            yield len(held) == len(keys)
        finally:
            for key in held:
                await _lock(conn, "pg_advisory_unlock", key)


async def _lock(conn: AsyncConnection, call: str, key: tuple[int, str]) -> bool:
    rows = await execute(
        conn, f"select {call}(:kind, hashtext(:key)) as ok", {"kind": key[0], "key": key[1]}
    )
    return bool(rows[0]["ok"])


async def take(conn: AsyncConnection, connector_id: int) -> Task | None:
    """Return what a pull of the connector needs, its password included; None if not to run."""
    rows = await execute(
        conn,
        "select c.id, c.study_id, study.ref as study, provider, settings, username, password,"
        f" {told_how('c')}, interval_s, overlap_s, settle_s, cursor, failures, c.version"
        f" from connector c join study on study.id = c.study_id {newest_mapping('c')}"
        " where c.id = :id and paused_at is null and next_run_at <= now()",
        {"id": connector_id},
    )
    if not rows:
        return None
    reads = rows[0]
    told = {field.name: reads.pop(field.name) for field in fields(Task) if field.name in reads}
    return Task(**told, reads=reads)


async def advance(conn: AsyncConnection, task: Task, cursor: dict[str, Any]) -> bool:
    """Move the cursor; false when the connector was changed, paused or deleted meanwhile."""
    rows = await execute(
        conn,
        "update connector set cursor = cast(:cursor as jsonb) where id = :id"
        " and version = :version and paused_at is null returning id",
        {"id": task.id, "version": task.version, "cursor": json.dumps(cursor)},
    )
    return bool(rows)


async def finish(
    conn: AsyncConnection,
    task: Task,
    problem: dict[str, str] | None,
    next_run_at: datetime | None,
    failures: int,
) -> None:
    """Note how a pull ended, with the failures in a row; no next time means the interval."""
    await execute(
        conn,
        "update connector set last_run_at = now(),"
        " problem = cast(:problem as jsonb),"
        " failures = :failures,"
        " last_success_at = case when cast(:failed as boolean) then last_success_at"
        "   else now() end,"
        " next_run_at = coalesce(cast(:next as timestamptz),"
        "   now() + make_interval(secs => interval_s))"
        " where id = :id and version = :version",
        {
            "id": task.id,
            "version": task.version,
            "problem": None if problem is None else json.dumps(problem),
            "failed": problem is not None,
            "failures": failures,
            "next": next_run_at,
        },
    )


async def failing(conn: AsyncConnection) -> list[dict[str, str]]:
    """Return the connectors whose last pull failed, with the reason and what mends it."""
    return await execute(
        conn,
        "select connector.ref::text as ref, study.name || ' / ' || connector.name as name,"
        " problem ->> 'detail' as detail, problem ->> 'remedy' as remedy"
        " from connector join study on study.id = connector.study_id"
        " where problem is not null and paused_at is null order by connector.id",
    )
