"""Individuals and tags: reading, adding and correcting reference data by hand."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal
from uuid import UUID

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection

from app.errors import Conflict, NotFound
from app.store import work
from app.store.audience import Audience
from app.store.engine import execute
from app.store.fragments import CALLER, SENDER, alias_key, undeployed, worn_at

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
select tag.id, tag.ref, tag.study_id, study.ref as study, tag.local_identifier, tag.terms,
  array(select alias from tag_alias where tag_id = tag.id order by alias) as aliases
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
    aliases: Sequence[str] = (),
) -> Row:
    """Add a tag; an identifier the study has, of a tag or as an alias, is a conflict."""
    await _hold_name(conn, study_id, local_identifier)
    rows = await execute(
        conn,
        "insert into tag (study_id, local_identifier, terms)"
        " select cast(:study as int), cast(:name as text), cast(:terms as jsonb) where not exists"
        " (select from tag_alias where study_id = cast(:study as int)"
        " and alias = cast(:name as text))"
        " on conflict (study_id, local_identifier) do nothing returning ref",
        {
            "study": study_id,
            "name": local_identifier,
            "terms": orjson.dumps(dict(terms)).decode(),
        },
    )
    if not rows:
        raise _taken("tag")
    made = await tag(conn, audience, rows[0]["ref"])
    return await edit_tag(conn, audience, made["ref"], aliases=aliases)


async def edit_tag(
    conn: AsyncConnection,
    audience: Audience,
    ref: UUID,
    *,
    terms: Mapping[str, str] | None = None,
    aliases: Sequence[str] | None = None,
) -> Row:
    """
    Replace the terms of a tag, or the other names by which pushes may call it.

    A name that is a tag of its own becomes an alias only if nothing was ever stored with it.
    """
    old = await owned(conn, audience, "tag", ref)
    if terms is not None:
        await execute(
            conn,
            "update tag set terms = cast(:terms as jsonb) where id = :id",
            {"id": old["id"], "terms": orjson.dumps(dict(terms)).decode()},
        )
    if aliases is not None:
        await execute(
            conn,
            "delete from tag_alias where tag_id = :id and alias <> all(cast(:names as text[]))",
            {"id": old["id"], "names": list(aliases)},
        )
        for alias in sorted(set(aliases) - set(old["aliases"])):
            await _add_alias(conn, old["study_id"], old["id"], alias, by=audience.institute_id)
    await work.bump_version(conn, old["study_id"])
    return await tag(conn, audience, ref)


async def alias_rivals(conn: AsyncConnection, study_id: int, aliases: Collection[str]) -> list[int]:
    """Hold names that are to become aliases, until the end; return the tags that bear them."""
    for alias in sorted(aliases):
        await _hold_name(conn, study_id, alias)
    rows = await execute(
        conn,
        "select id from tag where study_id = :study"
        " and local_identifier = any(cast(:names as text[]))",
        {"study": study_id, "names": sorted(aliases)},
    )
    return [int(row["id"]) for row in rows]


async def call(conn: AsyncConnection, study_id: int, tag_id: int, aliases: Collection[str]) -> int:
    """Let pushes call a tag by these names too, as a file says; return how many are new."""
    known = await execute(conn, "select alias from tag_alias where tag_id = :tag", {"tag": tag_id})
    fresh = sorted(set(aliases) - {row["alias"] for row in known})
    for alias in fresh:
        await _add_alias(conn, study_id, tag_id, alias, by=SENDER)
    return len(fresh)


async def _hold_name(conn: AsyncConnection, study_id: int, name: str) -> None:
    await execute(
        conn,
        f"select pg_advisory_xact_lock({alias_key('cast(:name as text)')})",
        {"study": study_id, "name": name},
    )


_EMPTY = " and ".join(
    f"not exists (select from {table} where tag_id = tag.id)"
    for table in ("fix", "reading", "naming", "deployment", "tag_alias")
)


async def _add_alias(
    conn: AsyncConnection, study_id: int, tag_id: int, alias: str, *, by: int | str | None
) -> None:
    """Add an alias in the name of an institute, by its id, or of whoever else did it."""
    scope, name = (None, by) if isinstance(by, str) else (by, None)
    named = {"study": study_id, "name": alias, "tag": tag_id, "scope": scope, "by": name}
    await _hold_name(conn, study_id, alias)
    there = await execute(
        conn, "select id from tag where study_id = :study and local_identifier = :name", named
    )
    for each in there:
        # A push under way may be about to store with it: only when it has ended is it empty.
        await work.lock(conn, work.LOCK_TAG, each["id"])
        gone = await execute(
            conn,
            f"delete from tag where id = :id and id <> :tag and {_EMPTY} returning id",
            {"id": each["id"], "tag": tag_id},
        )
        if gone:
            continue
        raise Conflict(
            f"{alias} is the local identifier of a tag of the study.",
            code="alias-is-tag",
            remedy="Fixes of two tags are not put together. If a bird wore what is one tag, deploy"
            " both on it: its track has the fixes of both.",
        )
    rows = await execute(
        conn,
        "insert into tag_alias (study_id, alias, tag_id, made_by)"
        f" values (:study, :name, :tag, coalesce(cast(:by as text), {CALLER}))"
        " on conflict (study_id, alias) do nothing returning alias",
        named,
    )
    if not rows:
        raise Conflict(
            f"{alias} is an alias of another tag of the study.",
            code="alias-taken",
            remedy="Take it from that tag first, if it names this one.",
        )


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
