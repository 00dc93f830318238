"""The content of derived tables, without identities: two histories must end in the same."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from app.store.engine import execute

BIRD_TABLES = (
    "stay", "stopover", "leg", "season", "track_part", "presence_day", "use_day", "public_fix",
    "latest_fix",
)  # fmt: skip
"""Tables that are derived bird by bird."""

CATALOGUE_TABLES = ("site", "connection", "corridor")

_IDENTITY = (
    "id", "ref", "individual_id", "study_id", "tag_id", "decoding_id", "from_site_id",
    "to_site_id",
)  # fmt: skip
"""Columns that name rows: they may differ between two histories of the same content."""


def _content(alias: str) -> str:
    return f"(to_jsonb({alias}) - array[{', '.join(repr(name) for name in _IDENTITY)}])::text"


async def of_bird(conn: AsyncConnection, individual_id: int) -> dict[str, str]:
    """Return a digest of what each derived table, and each flag, says of one bird."""
    found = {}
    for table in BIRD_TABLES:
        rows = await execute(
            conn,
            f"select coalesce(md5(string_agg(c, '|' order by c)), '') as digest"
            f" from (select {_content('t')} as c from {table} t"
            " where individual_id = :individual) as content",
            {"individual": individual_id},
        )
        found[table] = rows[0]["digest"]
    worn = (
        " join deployment d on d.tag_id = t.tag_id and d.replaced_at is null"
        " and d.during @> t.time where d.individual_id = :individual"
    )
    for name, sql in {
        "fix_flag": f"select {_content('t')} as c from fix_flag t{worn} and t.origin = 'track'",
        "fix": f"select {_content('t')} as c from fix t{worn} and t.live",
    }.items():
        rows = await execute(
            conn,
            "select coalesce(md5(string_agg(c, '|' order by c)), '') as digest"
            f" from ({sql}) as content",
            {"individual": individual_id},
        )
        found[name] = rows[0]["digest"]
    return found


async def of_catalogue(conn: AsyncConnection, scope: str, *, simulated: bool) -> dict[str, str]:
    """Return a digest of each table of one catalogue; connections name sites by their keys."""
    keys = (
        " || coalesce((select key from site where id = t.from_site_id), '-')"
        " || coalesce((select key from site where id = t.to_site_id), '-')"
    )
    found = {}
    for table in CATALOGUE_TABLES:
        rows = await execute(
            conn,
            "select coalesce(md5(string_agg(c, '|' order by c)), '') as digest from"
            f" (select {_content('t')}{keys if table == 'connection' else ''} as c from {table} t"
            " where scope = :scope and simulated = :simulated) as content",
            {"scope": scope, "simulated": simulated},
        )
        found[table] = rows[0]["digest"]
    return found


async def individuals(conn: AsyncConnection) -> list[tuple[int, str]]:
    """Return every bird as (id, 'study / local identifier'), in the order of their names."""
    rows = await execute(
        conn,
        "select i.id, s.name || ' / ' || i.local_identifier as name from individual i"
        " join study s on s.id = i.study_id order by s.name, i.local_identifier",
    )
    return [(int(row["id"]), row["name"]) for row in rows]


async def clear_bird(conn: AsyncConnection, individual_id: int) -> None:
    """Take away everything derived from one bird, as if it had never been derived."""
    for table in BIRD_TABLES:
        await execute(
            conn,
            f"delete from {table} where individual_id = :individual",
            {"individual": individual_id},
        )
    worn = (
        "exists (select from deployment d where d.individual_id = :individual"
        " and d.replaced_at is null and d.tag_id = f.tag_id and d.during @> f.time)"
    )
    binds = {"individual": individual_id}
    await execute(conn, f"delete from fix_flag f where f.origin = 'track' and {worn}", binds)
    await execute(
        conn,
        f"update fix f set visible = not f.visible where f.live and {worn}"
        " and f.visible = (exists (select from fix_flag g where g.origin = 'record' and"
        " (g.tag_id, g.time, g.sensor, g.variant) = (f.tag_id, f.time, f.sensor, f.variant)))",
        binds,
    )


def differing(before: dict[str, str], after: dict[str, str]) -> Sequence[str]:
    """Return the tables whose content is not the same."""
    return [table for table in before if before[table] != after[table]]


async def clear_catalogue(conn: AsyncConnection, scope: str, *, simulated: bool) -> None:
    """Take away one catalogue, as if it had never been made."""
    for table in ("corridor", "connection", "site"):
        await execute(
            conn,
            f"delete from {table} where scope = :scope and simulated = :simulated",
            {"scope": scope, "simulated": simulated},
        )
