"""Individuals and tags: reading, adding and correcting reference data by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal
from uuid import UUID

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection

from app.errors import Conflict, NotFound
from app.store import work
from app.store.audience import Audience
from app.store.engine import execute
from app.store.fragments import undeployed, worn_at

Row = dict[str, Any]

# Terms name rings, capture places and siblings: only the owner reads them.
_INDIVIDUAL = """
select individual.id, individual.ref, individual.study_id, study.ref as study,
  individual.local_identifier, individual.taxon, individual.species_key,
  case when individual.study_id = any(:exact) then individual.terms else '{}'::jsonb end as terms
from individual join study on study.id = individual.study_id
where (individual.study_id = any(:exact) or individual.study_id = any(:open))
"""
_TAG = """
select tag.id, tag.ref, tag.study_id, study.ref as study, tag.local_identifier, tag.terms
from tag join study on study.id = tag.study_id where tag.study_id = any(:exact)
"""


def _with_waiting(tags: str) -> str:
    """Give the SQL of tags with the fixes that wait with them, as no bird wore the tag then."""
    return f"""
select tag.*, coalesce(waiting.n_fixes, 0) as undeployed_n, waiting.time_first as undeployed_first,
  waiting.time_last as undeployed_last
from ({tags}) as tag left join lateral (
  select sum(w.n)::bigint as n_fixes, min(w.first) as time_first, max(w.last) as time_last
  from unnest({undeployed("tag.id")}) as gap(during) cross join lateral (
    select count(*) as n, min(f.time) as first, max(f.time) as last from fix f
    where f.tag_id = tag.id and f.live and {worn_at("f.time", "gap.during")}) as w
) as waiting on true order by tag.id
"""


_ONLY_WAITING = f"""
and exists (select from unnest({undeployed("tag.id")}) as gap(during) cross join lateral (
  select from fix f where f.tag_id = tag.id and f.live and {worn_at("f.time", "gap.during")}
  limit 1) as w)
"""


async def individuals(
    conn: AsyncConnection,
    audience: Audience,
    *,
    limit: int,
    after: int | None = None,
    study: UUID | None = None,
    species_key: str | None = None,
) -> list[Row]:
    """Return individuals of the studies a caller may see, oldest row first."""
    return await execute(
        conn,
        _INDIVIDUAL + " and (cast(:study as uuid) is null or study.ref = :study)"
        " and (cast(:species_key as text) is null or individual.species_key = :species_key)"
        " and (cast(:after as int) is null or individual.id > :after)"
        " order by individual.id limit :limit",
        {
            **audience.sql,
            "study": study,
            "species_key": species_key,
            "after": after,
            "limit": limit,
        },
    )


async def individual(conn: AsyncConnection, audience: Audience, ref: UUID) -> Row:
    """Return one individual of a study the caller may see."""
    rows = await execute(
        conn, _INDIVIDUAL + " and individual.ref = :ref", {**audience.sql, "ref": ref}
    )
    if not rows:
        raise unknown("individual")
    return rows[0]


async def tags(
    conn: AsyncConnection,
    audience: Audience,
    *,
    limit: int,
    after: int | None = None,
    study: UUID | None = None,
    waiting: bool = False,
) -> list[Row]:
    """
    Return tags of the caller's own studies; others never learn of tags.

    `waiting`: those alone whose fixes wait for a deployment.
    """
    page = (
        f"{_TAG} and (cast(:study as uuid) is null or study.ref = :study)"
        f" and (cast(:after as int) is null or tag.id > :after) {_ONLY_WAITING if waiting else ''}"
        " order by tag.id limit :limit"
    )
    return await execute(
        conn,
        _with_waiting(page),
        {"exact": audience.sql["exact"], "study": study, "after": after, "limit": limit},
    )


async def tag(conn: AsyncConnection, audience: Audience, ref: UUID) -> Row:
    """Return one tag of the caller's own studies."""
    rows = await execute(
        conn,
        _with_waiting(f"{_TAG} and tag.ref = :ref"),
        {"exact": audience.sql["exact"], "ref": ref},
    )
    if not rows:
        raise unknown("tag")
    return rows[0]


async def owned(
    conn: AsyncConnection, audience: Audience, noun: Literal["individual", "tag"], ref: UUID
) -> Row:
    """Return an individual or tag the caller may change; any other is as good as missing."""
    row = await (individual if noun == "individual" else tag)(conn, audience, ref)
    if row["study_id"] not in audience.exact:
        raise unknown(noun)
    return row


async def add_individual(
    conn: AsyncConnection,
    audience: Audience,
    study_id: int,
    *,
    local_identifier: str,
    taxon: str | None,
    species_key: str,
    terms: Mapping[str, str],
) -> Row:
    """Add an individual; an identifier the study has is a conflict."""
    rows = await execute(
        conn,
        "insert into individual"
        " (study_id, local_identifier, taxon, species_key, terms, taxon_declared)"
        " values (:study, :name, cast(:taxon as text), :species_key, cast(:terms as jsonb),"
        " cast(:taxon as text) is not null)"
        " on conflict (study_id, local_identifier) do nothing returning ref",
        {
            "study": study_id,
            "name": local_identifier,
            "taxon": taxon,
            "species_key": species_key,
            "terms": orjson.dumps(dict(terms)).decode(),
        },
    )
    if not rows:
        raise _taken("individual")
    await work.bump_version(conn, study_id)
    return await individual(conn, audience, rows[0]["ref"])


async def edit_individual(
    conn: AsyncConnection,
    audience: Audience,
    ref: UUID,
    *,
    taxon: str | None,
    species_key: str,
    terms: Mapping[str, str],
) -> Row:
    """Correct an individual; another species has its whole track derived again."""
    old = await owned(conn, audience, "individual", ref)
    await execute(
        conn,
        "update individual set taxon = cast(:taxon as text), species_key = :species_key,"
        " taxon_declared = taxon_declared or taxon is distinct from cast(:taxon as text),"
        " terms = cast(:terms as jsonb) where id = :id",
        {
            "id": old["id"],
            "taxon": taxon,
            "species_key": species_key,
            "terms": orjson.dumps(dict(terms)).decode(),
        },
    )
    if species_key != old["species_key"]:
        await work.mark_all_dirty(conn, individuals=[old["id"]])
    await work.bump_version(conn, old["study_id"])
    return await individual(conn, audience, ref)


async def add_tag(
    conn: AsyncConnection,
    audience: Audience,
    study_id: int,
    *,
    local_identifier: str,
    terms: Mapping[str, str],
) -> Row:
    """Add a tag; an identifier the study has is a conflict."""
    rows = await execute(
        conn,
        "insert into tag (study_id, local_identifier, terms)"
        " values (:study, :name, cast(:terms as jsonb))"
        " on conflict (study_id, local_identifier) do nothing returning ref",
        {
            "study": study_id,
            "name": local_identifier,
            "terms": orjson.dumps(dict(terms)).decode(),
        },
    )
    if not rows:
        raise _taken("tag")
    await work.bump_version(conn, study_id)
    return await tag(conn, audience, rows[0]["ref"])


async def edit_tag(
    conn: AsyncConnection, audience: Audience, ref: UUID, *, terms: Mapping[str, str]
) -> Row:
    """Replace the terms of a tag."""
    old = await owned(conn, audience, "tag", ref)
    await execute(
        conn,
        "update tag set terms = cast(:terms as jsonb) where id = :id",
        {"id": old["id"], "terms": orjson.dumps(dict(terms)).decode()},
    )
    await work.bump_version(conn, old["study_id"])
    return await tag(conn, audience, ref)


def unknown(noun: str) -> NotFound:
    """Return the one answer for a missing and for a foreign thing."""
    return NotFound(
        f"There is no such {noun} for this caller.",
        remedy=f"Take the id from GET /api/v1/{noun}s, with a key of its institute.",
    )


def _taken(noun: str) -> Conflict:
    return Conflict(
        f"The study has a {noun} of this local identifier.".replace("a i", "an i"),
        code="local-identifier-taken",
        remedy="Edit the one there is, or choose another local identifier.",
    )
