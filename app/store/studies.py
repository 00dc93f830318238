"""Studies: an owner's data set, and the unit of permission."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.errors import Conflict, NotFound
from app.seeds import profile_of
from app.store import work
from app.store.audience import Audience
from app.store.engine import Clash, execute

Row = dict[str, Any]
EDITABLE = ("name", "taxon", "licence", "citation", "release_delay_s", "public_grid_deg")
"""Columns an owner may change beside `visibility`."""
PROTECTING = frozenset({"release_delay_s", "public_grid_deg", "taxon"})
"""Columns that decide what of each bird strangers see."""

RELEASED_TABLES = (
    "stopover", "leg", "season", "public_fix", "density_cell", "presence_day", "use_day",
    "ledger_day", "season_use",
)  # fmt: skip
"""Tables whose rows strangers read from `release_at` on."""
WITHHOLD_MAX_S = 300
"""Longest that one table may take to be withheld [s]."""
NEVER = "2200-01-01 00:00Z"
"""A release that no reader lives to see: the driver gives `infinity` without a zone."""

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
    """
    Change what an owner may change; a change of protection publishes the study anew.

    Rows are locked in the order of whoever brings data in: birds, what waits, the study, its
    catalogues. In another order an edit and a bird being derived would wait for each other.
    """
    study = await owned(conn, audience, ref)
    changed = {n: values[n] for n in EDITABLE if n in values and values[n] != study[n]}
    visibility = values.get("visibility")
    turned = visibility is not None and visibility != study["visibility"]
    if "taxon" in changed:
        await _hand_down_taxon(conn, study["id"], changed["taxon"])
    if turned or changed.keys() & PROTECTING:
        await work.mark_all_dirty(conn, study_id=study["id"])
    if changed.keys() & PROTECTING:
        await _withhold(conn, study["id"])
        if _withholds_more(study, changed):
            await execute(
                conn,
                "update study set protection = protection + 1 where id = :id",
                {"id": study["id"]},
            )
    if changed or turned:
        await work.bump_version(conn, study["id"])
    if changed:
        try:
            await execute(
                conn,
                f"update study set {', '.join(f'{name} = :{name}' for name in changed)}"
                " where id = :id",
                {**changed, "id": study["id"]},
            )
        except Clash as clash:
            if "uq_study" not in str(clash):
                raise
            raise _name_taken() from clash
    if turned:
        await _turn(conn, study["id"], visibility)
    return await _by_id(conn, study["id"])


def _withholds_more(study: Row, changed: Mapping[str, Any]) -> bool:
    """Tell whether strangers may see less than before; of another taxon it may be either."""
    return "taxon" in changed or any(
        changed.get(name, study[name]) > study[name]
        for name in ("release_delay_s", "public_grid_deg")
    )


async def _withhold(conn: AsyncConnection, study_id: int) -> None:
    """
    Release nothing of a study until each bird is published under its new protection.

    What was released under the earlier one could be read until then. With its birds marked before,
    no derivation is between. It touches every released row, a minute's work for millions of them:
    a rare change of an owner, which may take longer than other statements of a request.
    """
    await execute(conn, f"set local statement_timeout = {WITHHOLD_MAX_S * 1_000}")
    for table in RELEASED_TABLES:
        await execute(
            conn,
            f"update {table} set release_at = '{NEVER}' where study_id = :study",
            {"study": study_id},
        )


async def _hand_down_taxon(conn: AsyncConnection, study_id: int, taxon: str | None) -> None:
    """Let birds whose own taxon nobody named be of the study's, locked by name as by a push."""
    await execute(
        conn,
        "with untold as (select id from individual where study_id = :study and taxon is null"
        " order by local_identifier for no key update)"
        " update individual set species_key = :key where id in (select id from untold)",
        {"key": profile_of(taxon).key, "study": study_id},
    )


async def _turn(conn: AsyncConnection, study_id: int, visibility: object) -> None:
    """Open or close a study. All catalogues of the open side are marked, in one statement."""
    if visibility == "private":
        await work.mark_catalogues_dirty(conn, study_id)
        await work.mark_key_sites_due(conn, study_id)
    await execute(
        conn,
        "update study set visibility = cast(:visibility as text),"
        " opened_at = case when cast(:visibility as text) = 'open' then now() end where id = :id",
        {"id": study_id, "visibility": visibility},
    )
    if visibility == "open":
        await work.mark_catalogues_dirty(conn, study_id)
        await work.mark_key_sites_due(conn, study_id)


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
