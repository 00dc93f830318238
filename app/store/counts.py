"""Counts of birds at sites, entered by observers: taken back, never changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.errors import NotFound
from app.store.audience import Audience
from app.store.engine import execute
from app.store.fragments import CALLER

Row = dict[str, Any]

_SHOWN = """
select c.id as number, c.ref as id, c.date, c.species_key as species, c.n, c.method, c.source,
  c.note, c.counted_by, c.open, c.recorded_at, c.recorded_by, c.retracted_at, c.retracted_by,
  coalesce((select t.name from site t where t.scope = :scope
    and (t.ref = c.site_ref or t.named and t.name = c.site_name) limit 1), c.site_name) as site
from site_count c
where (c.open and c.retracted_at is null or :operator
  or c.institute_id = cast(:institute as int))
"""
"""Counts that a caller reads: the own ones, and those that their authors opened."""

_HERE = """
(c.site_ref = :site or c.site_name = (select name from site
  where ref = :site and scope = :scope and named)
  or c.site_ref in (
    with recursive merged as (
      select from_ref from site_change
      where to_ref = :site and kind = 'merged' and scope = :scope
      union
      select e.from_ref from site_change e join merged m on e.to_ref = m.from_ref
      where e.kind = 'merged' and e.scope = :scope)
    select from_ref from merged))
"""
"""Counts of a site: of those that were merged into it as well, one after the other."""


def _reader(audience: Audience) -> Row:
    return {
        "scope": audience.scope,
        "operator": audience.kind == "operator",
        "institute": audience.institute_id,
    }


async def add(
    conn: AsyncConnection, audience: Audience, site: Mapping[str, Any], count: Mapping[str, Any]
) -> Row:
    """Keep a count at a site of the caller's catalogue."""
    rows = await execute(
        conn,
        "insert into site_count (institute_id, open, site_ref, site_name, date, species_key, n,"
        " method, source, note, counted_by, recorded_by) values (cast(:scope as int), :open, :ref,"
        f" :name, :date, :species, :n, :method, :source, :note, :counted_by, {CALLER})"
        " returning ref",
        {
            **count, "scope": audience.institute_id, "ref": site["id"],
            "name": site["name"] if site["named"] else None,
        },
    )  # fmt: skip
    return await one(conn, audience, rows[0]["ref"])


async def one(conn: AsyncConnection, audience: Audience, ref: UUID) -> Row:
    """Return one count that the caller reads."""
    rows = await execute(
        conn, f"{_SHOWN} and c.ref = :ref limit 1", {**_reader(audience), "ref": ref}
    )
    if not rows:
        raise unknown()
    return rows[0]


async def page(
    conn: AsyncConnection,
    audience: Audience,
    site: UUID,
    *,
    species: str | None,
    limit: int,
    before: int | None = None,
) -> list[Row]:
    """Return the counts of a site that the caller reads, the last entered first."""
    return await execute(
        conn,
        f"{_SHOWN} and {_HERE} and (cast(:species as text) is null or c.species_key = :species)"
        " and (cast(:before as bigint) is null or c.id < :before) order by c.id desc limit :limit",
        {**_reader(audience), "site": site, "species": species, "before": before, "limit": limit},
    )


async def retract(conn: AsyncConnection, audience: Audience, ref: UUID) -> Row:
    """Take a count of one's own back; it stays to be read, with who took it back and when."""
    rows = await execute(
        conn,
        f"update site_count set retracted_at = clock_timestamp(), retracted_by = {CALLER}"
        " where ref = :ref and retracted_at is null"
        " and (:operator or institute_id = cast(:scope as int)) returning ref",
        {
            "ref": ref, "scope": audience.institute_id,
            "operator": audience.kind == "operator",
        },
    )  # fmt: skip
    if not rows:
        raise unknown()
    return await one(conn, audience, ref)


def unknown() -> NotFound:
    """Return the one answer for a missing count, another's, and one that was taken back."""
    return NotFound(
        "There is no such count in force for this caller.",
        remedy="Take the id from GET /api/v1/sites/{site}/counts; only own counts are taken back.",
    )
