"""Column mappings of studies, version by version: none is ever changed."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection

from app.errors import Conflict, NotFound
from app.store import owned
from app.store.audience import Audience
from app.store.engine import execute
from app.store.fragments import CALLER
from app.store.owned import Noun

Row = dict[str, Any]

VERSIONS_MAX = 1_000
"""Versions of one mapping: a script that makes one an hour is mended within a month."""

_COLUMNS = """
mapping.id, mapping.ref, mapping.name, mapping.created_at, mapping.study_id, study.ref as study,
v.number as version, v.document, v.made_by, v.made_at
"""
_TABLES = """
mapping join study on study.id = mapping.study_id
join mapping_version v on v.mapping_id = mapping.id
"""
_VERSIONS = Noun("mapping", _COLUMNS, _TABLES)
_NAMED = replace(_VERSIONS, where="v.number = :version")
_NEWEST = replace(
    _VERSIONS,
    where="v.number = (select max(number) from mapping_version where mapping_id = mapping.id)",
)
page = partial(owned.page, _NEWEST)
"""The newest version of each mapping of the caller's own studies, page by page."""


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
        f"{_NEWEST.sql} and mapping.study_id = :study and mapping.name = :name",
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


async def one(
    conn: AsyncConnection, audience: Audience, ref: UUID, version: int | None = None
) -> Row:
    """Return a mapping of the caller's own studies: its newest version, or the one named."""
    if version is None:
        return await owned.one(_NEWEST, conn, audience, ref)
    return await owned.one(_NAMED, conn, audience, ref, version=version)


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


async def id_in(
    conn: AsyncConnection, audience: Audience, study_id: int, ref: UUID | None
) -> int | None:
    """Return the id of a mapping of a study, to be named by a source or connector; None of none."""
    return None if ref is None else int((await of_study(conn, audience, study_id, ref))["id"])


async def versions(
    conn: AsyncConnection, audience: Audience, ref: UUID, *, limit: int, before: int | None = None
) -> list[Row]:
    """Return the versions of a mapping, newest first."""
    await one(conn, audience, ref)
    return await execute(
        conn,
        f"{_VERSIONS.sql} and mapping.ref = :ref"
        " and (cast(:before as int) is null or v.number < :before)"
        " order by v.number desc limit :limit",
        {"exact": list(audience.exact), "ref": ref, "before": before, "limit": limit},
    )
