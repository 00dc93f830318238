"""Column mappings of studies, version by version: none is ever changed."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection

from app.errors import Conflict, NotFound
from app.store import reference
from app.store.audience import Audience
from app.store.engine import execute
from app.store.fragments import CALLER

Row = dict[str, Any]

VERSIONS_MAX = 1_000
"""Versions of one mapping: a script that makes one an hour is mended within a month."""

_COLUMNS = """
m.id, m.ref, m.name, m.created_at, m.study_id, s.ref as study,
v.number as version, v.document, v.made_by, v.made_at
"""
_OWNED = """
from mapping m join study s on s.id = m.study_id join mapping_version v on v.mapping_id = m.id
where m.study_id = any(cast(:exact as int[]))
"""
_NEWEST = " and v.number = (select max(number) from mapping_version where mapping_id = m.id)"


async def create(
    conn: AsyncConnection, audience: Audience, study_id: int, *, name: str, document: Row
) -> Row:
    """Save a mapping under a new name, as version 1; the same once more is the one there is."""
    rows = await execute(
        conn,
        "insert into mapping (study_id, name) values (:study, :name)"
        " on conflict (study_id, name) do nothing returning ref, id",
        {"study": study_id, "name": name},
    )
    if rows:
        await _insert(conn, audience, rows[0]["id"], 1, document)
        return await one(conn, audience, rows[0]["ref"])
    found = await execute(
        conn,
        f"select {_COLUMNS} {_OWNED} {_NEWEST} and m.study_id = :study and m.name = :name",
        {"exact": list(audience.exact), "study": study_id, "name": name},
    )
    if found and found[0]["document"] == document:
        return found[0]
    raise Conflict(
        "The study has a mapping of this name that says something else.",
        code="name-taken",
        remedy="Choose another name, or add a version to the mapping there is.",
    )


async def add_version(
    conn: AsyncConnection, audience: Audience, ref: UUID, document: Row
) -> tuple[Row, bool]:
    """Save what a mapping is to say from now on; what it says already is no new version."""
    held = await one(conn, audience, ref)
    await execute(conn, "select from mapping where id = :id for update", {"id": held["id"]})
    held = await one(conn, audience, ref)
    if held["document"] == document:
        return held, False
    if held["version"] >= VERSIONS_MAX:
        raise Conflict(
            f"The mapping has {VERSIONS_MAX} versions.",
            code="versions-exhausted",
            remedy="Save it under another name.",
        )
    await _insert(conn, audience, held["id"], held["version"] + 1, document)
    return await one(conn, audience, ref), True


async def _insert(
    conn: AsyncConnection, audience: Audience, mapping_id: int, number: int, document: Row
) -> None:
    await execute(
        conn,
        "insert into mapping_version (mapping_id, number, document, made_by)"
        f" values (:id, :number, cast(:document as jsonb), {CALLER})",
        {"id": mapping_id, "number": number, "document": orjson.dumps(document).decode(),
         "scope": audience.institute_id},
    )  # fmt: skip


async def page(
    conn: AsyncConnection,
    audience: Audience,
    *,
    limit: int,
    after: int | None = None,
    study: UUID | None = None,
) -> list[Row]:
    """Return the newest version of each mapping of the caller's own studies."""
    return await execute(
        conn,
        f"select {_COLUMNS} {_OWNED} {_NEWEST}"
        " and (cast(:study as uuid) is null or s.ref = :study)"
        " and (cast(:after as int) is null or m.id > :after) order by m.id limit :limit",
        {"exact": list(audience.exact), "study": study, "after": after, "limit": limit},
    )


async def one(
    conn: AsyncConnection, audience: Audience, ref: UUID, version: int | None = None
) -> Row:
    """Return a mapping of the caller's own studies: its newest version, or the one named."""
    which = _NEWEST if version is None else " and v.number = :version"
    rows = await execute(
        conn,
        f"select {_COLUMNS} {_OWNED} {which} and m.ref = :ref",
        {"exact": list(audience.exact), "ref": ref, "version": version},
    )
    if not rows:
        raise reference.unknown("mapping")
    return rows[0]


async def of_study(
    conn: AsyncConnection, audience: Audience, study_id: int, ref: UUID, version: int | None = None
) -> Row:
    """Return a mapping that pushes of a study may be read with; one of another study may not."""
    row = await one(conn, audience, ref, version)
    if row["study_id"] != study_id:
        raise NotFound(
            "The study has no such mapping.",
            remedy="Take the id from GET /api/v1/mappings?study=…, or save it for this study.",
        )
    return row


async def versions(
    conn: AsyncConnection, audience: Audience, ref: UUID, *, limit: int, before: int | None = None
) -> list[Row]:
    """Return the versions of a mapping, newest first."""
    await one(conn, audience, ref)
    return await execute(
        conn,
        f"select {_COLUMNS} {_OWNED} and m.ref = :ref"
        " and (cast(:before as int) is null or v.number < :before)"
        " order by v.number desc limit :limit",
        {"exact": list(audience.exact), "ref": ref, "before": before, "limit": limit},
    )
