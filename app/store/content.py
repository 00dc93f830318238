"""The content of derived tables, without identities: two histories must end in the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from app.store.engine import execute
from app.store.fragments import fix_key, worn_by_bird

BIRD_TABLES = (
    "lifeless", "smoothed_fix", "stay", "stop", "stop_state", "stopover", "leg", "season",
    "track_part", "presence_day", "use_day", "ledger_day", "capture", "public_fix", "latest_fix",
    "recent", "density_cell", "density_total", "way", "utilisation", "available", "season_use",
    "stay_range", "stay_cover",
)  # fmt: skip
"""Tables that are derived bird by bird."""

CATALOGUE_TABLES = (
    "site", "connection", "corridor", "flyway_line", "key_sample", "key_site", "species_use",
)  # fmt: skip

_IDENTITY = (
    "id", "ref", "individual_id", "study_id", "tag_id", "decoding_id", "from_site_id",
    "to_site_id", "observation_id", "state", "lag_p95_s",
)  # fmt: skip
"""Columns that name rows, bytes of equal meaning, and how late fixes came: they may differ between
two histories."""


def _content(alias: str) -> str:
    return f"(to_jsonb({alias}) - array[{', '.join(repr(name) for name in _IDENTITY)}])::text"


async def of_bird(conn: AsyncConnection, individual_id: int) -> dict[str, str]:
    """Return a digest of what each derived table, and each flag, says of one bird."""
    content = {
        table: f"select {_content('t')} as c from {table} t where individual_id = :individual"
        for table in BIRD_TABLES
    } | {
        "fix_flag": f"select {_content('t')} as c from fix_flag t"
        f" where {worn_by_bird('t')} and t.origin = 'track'",
        "fix": f"select {_content('t')} as c from fix t where {worn_by_bird('t')} and t.live",
    }
    binds = {"individual": individual_id}
    return {table: await _digest(conn, sql, binds) for table, sql in content.items()}


async def _digest(conn: AsyncConnection, sql: str, binds: dict[str, Any]) -> str:
    """Return the digest of the rows (c) of a statement, whatever their order."""
    rows = await execute(
        conn,
        "select coalesce(md5(string_agg(c, '|' order by c)), '') as digest"
        f" from ({sql}) as content",
        binds,
    )
    return str(rows[0]["digest"])


async def of_catalogue(conn: AsyncConnection, scope: str, *, simulated: bool) -> dict[str, str]:
    """Return a digest of each table of one catalogue; connections name sites by their keys."""
    keys = (
        " || coalesce((select key from site where id = t.from_site_id), '-')"
        " || coalesce((select key from site where id = t.to_site_id), '-')"
    )
    binds = {"scope": scope, "simulated": simulated}
    return {
        table: await _digest(
            conn,
            f"select {_content('t')}{keys if table == 'connection' else ''} as c from {table} t"
            " where scope = :scope and simulated = :simulated",
            binds,
        )
        for table in CATALOGUE_TABLES
    }


async def individuals(conn: AsyncConnection) -> list[tuple[int, str]]:
    """Return every bird as (id, 'study / local identifier'), in the order of their names."""
    rows = await execute(
        conn,
        "select i.id, s.name || ' / ' || i.local_identifier as name from individual i"
        " join study s on s.id = i.study_id order by s.name, i.local_identifier",
    )
    return [(int(row["id"]), row["name"]) for row in rows]


async def clear_products(conn: AsyncConnection, individual_id: int) -> None:
    """Take away the rows of every table that is derived from one bird."""
    binds = {"individual": individual_id}
    for table in BIRD_TABLES:
        await execute(conn, f"delete from {table} where individual_id = :individual", binds)


async def clear_bird(conn: AsyncConnection, individual_id: int) -> None:
    """Take away everything derived from one bird, as if it had never been derived."""
    binds = {"individual": individual_id}
    await clear_products(conn, individual_id)
    await execute(
        conn,
        f"delete from fix_flag f where f.origin = 'track' and {worn_by_bird('f')}",
        binds,
    )
    await execute(
        conn,
        "update fix f set lon = lon2, lat = lat2, lon2 = lon, lat2 = lat, solution = 1"
        f" where f.live and f.solution = 2 and {worn_by_bird('f')}",
        binds,
    )
    await execute(
        conn,
        f"update fix f set visible = not f.visible where f.live and {worn_by_bird('f')}"
        " and f.visible = (exists (select from fix_flag g where g.origin = 'record' and"
        f" {fix_key('g')} = {fix_key('f')}))",
        binds,
    )


def differing(before: dict[str, str], after: dict[str, str]) -> Sequence[str]:
    """Return the tables whose content is not the same."""
    return [table for table in before if before[table] != after[table]]


async def clear_catalogue(conn: AsyncConnection, scope: str, *, simulated: bool) -> None:
    """Take away one catalogue, as if it had never been made."""
    for table in reversed(CATALOGUE_TABLES):
        await execute(
            conn,
            f"delete from {table} where scope = :scope and simulated = :simulated",
            {"scope": scope, "simulated": simulated},
        )
