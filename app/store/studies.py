"""Studies: an owner's data set, and the unit of permission."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.errors import Conflict, NotFound
from app.seeds import profile_of
from app.store import work
from app.store.audience import Audience
from app.store.engine import execute

Row = dict[str, Any]
EDITABLE = ("name", "taxon", "licence", "citation", "release_delay_s", "public_grid_deg")
"""Columns an owner may change; `visibility` goes by `set_visibility`."""
PUBLISHED = {"release_delay_s", "public_grid_deg", "taxon"}
"""Columns that what is published of a bird hangs on."""

_COLUMNS = """
study.id, study.ref, study.name, study.visibility, study.opened_at, study.release_delay_s,
study.public_grid_deg, study.simulated, study.taxon, study.licence, study.citation,
study.created_at, institute.ref as institute, institute.name as institute_name,
study.id = any(:exact) as own
"""
_SEEN = "(study.id = any(:exact) or study.id = any(:open))"
_FROM = "from study join institute on institute.id = study.institute_id"


async def create(conn: AsyncConnection, institute_id: int, values: Mapping[str, Any]) -> Row:
    """Add a private study; a name the institute already uses is a conflict."""
    named = {name: values[name] for name in ("name", *EDITABLE) if values.get(name) is not None}
    rows = await execute(
        conn,
        f"insert into study (institute_id, {', '.join(named)})"
        f" values (:institute_id, {', '.join(f':{name}' for name in named)})"
        " on conflict (institute_id, name) do nothing returning id",
        {**named, "institute_id": institute_id},
    )
    if not rows:
        raise _name_taken()
    return await _by_id(conn, rows[0]["id"])


async def page(
    conn: AsyncConnection, audience: Audience, *, limit: int, after: int | None = None
) -> list[Row]:
    """Return the studies a caller may see, in the order they were made."""
    return await execute(
        conn,
        f"select {_COLUMNS} {_FROM} where {_SEEN}"
        " and (cast(:after as int) is null or study.id > :after) order by study.id limit :limit",
        {**audience.sql, "after": after, "limit": limit},
    )


async def one(conn: AsyncConnection, audience: Audience, ref: UUID) -> Row:
    """Return a study the caller may see, in full or through the public view."""
    rows = await execute(
        conn,
        f"select {_COLUMNS} {_FROM} where study.ref = :ref and {_SEEN}",
        {**audience.sql, "ref": ref},
    )
    if not rows:
        raise unknown()
    return rows[0]


async def owned(conn: AsyncConnection, audience: Audience, ref: UUID) -> Row:
    """Return a study the caller may change; any other is as good as missing."""
    row = await one(conn, audience, ref)
    if not row["own"]:
        raise unknown()
    return row


async def edit(
    conn: AsyncConnection, audience: Audience, ref: UUID, values: Mapping[str, Any]
) -> Row:
    """Change what an owner may change; a change of protection publishes the study anew."""
    study = await owned(conn, audience, ref)
    changed = {name: values[name] for name in EDITABLE if name in values}
    visibility = values.get("visibility", study["visibility"])
    if visibility != study["visibility"]:
        await set_visibility(conn, study["id"], visibility)
    elif changed.keys() & PUBLISHED:
        await work.mark_all_dirty(conn, study_id=study["id"])
    if changed:
        try:
            await execute(
                conn,
                f"update study set {', '.join(f'{name} = :{name}' for name in changed)}"
                " where id = :id",
                {**changed, "id": study["id"]},
            )
        except IntegrityError as clash:
            if "uq_study" not in str(clash.orig):
                raise
            raise _name_taken() from clash
        if "taxon" in changed:
            # Birds whose own taxon nobody named are of the study's.
            await execute(
                conn,
                "update individual set species_key = :key where study_id = :id and taxon is null",
                {"key": profile_of(changed["taxon"]).key, "id": study["id"]},
            )
        await work.bump_version(conn, study["id"])
    return await _by_id(conn, study["id"])


async def set_visibility(conn: AsyncConnection, study_id: int, visibility: str) -> None:
    """Open or close a study, and have everything of it published again for its new readers."""
    # Birds, then the study, then catalogues: a derivation takes its locks in this order too.
    await work.mark_all_dirty(conn, study_id=study_id)
    await work.bump_version(conn, study_id)
    # Catalogues are marked on both sides of the change: the public one belongs to the open side.
    await work.mark_catalogues_dirty(conn, study_id)
    await execute(
        conn,
        "update study set visibility = cast(:visibility as text),"
        " opened_at = case when cast(:visibility as text) = 'open' then now() end where id = :id",
        {"id": study_id, "visibility": visibility},
    )
    await work.mark_catalogues_dirty(conn, study_id)


def unknown() -> NotFound:
    """Return the one answer for a missing and for a foreign study."""
    return NotFound(
        "There is no such study for this caller.",
        remedy="Take the id from GET /api/v1/studies, with a key of its institute.",
    )


async def _by_id(conn: AsyncConnection, study_id: int) -> Row:
    rows = await execute(
        conn,
        f"select {_COLUMNS} {_FROM} where study.id = :id",
        {"id": study_id, "exact": [study_id]},
    )
    return rows[0]


def _name_taken() -> Conflict:
    return Conflict(
        "The institute has a study of this name.",
        code="name-taken",
        remedy="Choose another name, or use the study that has it.",
    )
