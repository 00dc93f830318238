"""Reference data: the birds, tags and deployments of a whole file, taken over in one go."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection

from app.errors import Conflict
from app.store import names, reference, work
from app.store.deployments import Done, Stated, describe, give_way, put, unsay
from app.store.engine import execute
from app.store.handover import hand_over
from app.store.implied import renew
from ingest.vocabulary import described


@dataclass(frozen=True, slots=True)
class Row:
    """
    One row: a tag on a bird, and everything else it says of tag, bird and deployment.

    Of an `implied` deployment the row states nothing: names in event rows imply it. What it says
    of no tag is said of the bird, as such a deployment keeps no terms.
    """

    tag: str
    individual: str
    taxon: str | None
    species_key: str
    deploy_on: datetime | None
    deploy_off: datetime | None
    deployment_id: str | None
    terms: Mapping[str, str]
    aliases: tuple[str, ...] = ()
    implied: bool = False


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a file."""

    news: int
    """Rows that told something new."""
    kept: list[tuple[Row, str, datetime | None]]
    """Rows that tell an end (`on`, `off`) otherwise than a person, with the one that stays."""


Earlier = Sequence[tuple[Row, int | None]]
"""Rows as the same file was read before, each with the place of what is read in its place now."""


async def take_over(
    conn: AsyncConnection, study_id: int, rows: Sequence[Row], earlier: Earlier = ()
) -> Taken:
    """
    Take the rows over, but for what a person decided.

    What the `earlier` rows of the same file had stated, and nobody else since, is taken back where
    it is read otherwise now; what is read in its place has its public identifier and terms.

    Tags, birds and locks are taken in the order in which event files take them, whatever the
    order of the rows. Raises Conflict where rows contradict each other or what stands.
    """
    told = await _named(conn, study_id, [*rows, *(row for row, _ in earlier)])
    told, back = await _taken_back(conn, study_id, told[: len(rows)], told[len(rows) :], earlier)
    own = [e for row, e in zip(rows, told, strict=True) if e.local_identifier and not row.implied]
    closed = await give_way(conn, study_id, own)
    for tag, deployment in back:
        closed.setdefault(tag, []).append(deployment)
    made: list[int] = []
    anew: set[int] = set()
    news, kept = 0, []
    for row, each in zip(rows, told, strict=True):
        changed, other_species = await _describe(conn, row, each)
        if row.aliases:
            changed |= await reference.call(conn, study_id, each.tag_id, row.aliases) > 0
        anew |= {each.individual_id} if other_species else set()
        if not row.implied:
            gone = closed.setdefault(each.tag_id, [])
            done = await _put(conn, study_id, row, each, gone)
            gone += done.closed
            made += [done.standing] if done.fresh else []
            kept += [(row, end, at) for end, at in done.kept.items()]
            changed |= done.fresh
        news += changed
    # What the file itself put and closed again has never been in force.
    stale, bare = await renew(conn, [tag for tag, _ in back])
    made += bare
    over = [*stale, *(n for gone in closed.values() for n in gone)]
    passing = set(over) & set(made)
    await hand_over(conn, *([n for n in ids if n not in passing] for ids in (over, made)),
                    anew=sorted(anew))  # fmt: skip
    if news:
        await work.bump_version(conn, study_id)
    return Taken(news, kept)


async def _taken_back(
    conn: AsyncConnection,
    study_id: int,
    told: Sequence[Stated],
    before: Sequence[Stated],
    earlier: Earlier,
) -> tuple[list[Stated], Collection[tuple[int, int]]]:
    """Take back what is read otherwise now; return what is told, and (tag, deployment) closed."""
    changed = [
        (each, place)
        for (row, place), each in zip(earlier, before, strict=True)
        if not row.implied and (place is None or _range(each) != _range(told[place]))
    ]
    if not changed:
        return list(told), ()
    gone = await unsay(conn, study_id, [each for each, _ in changed])
    was = {changed[n][1]: deployment for n, (_, deployment) in gone.items()}
    return [replace(each, was=was.get(n)) for n, each in enumerate(told)], gone.values()


def _range(stated: Stated) -> Stated:
    return replace(stated, terms={})


async def _named(conn: AsyncConnection, study_id: int, rows: Sequence[Row]) -> list[Stated]:
    """Return what the rows state, with the tags locked and what is new of tags and birds made."""
    aliases = {alias for row in rows for alias in row.aliases}
    rivals = await reference.alias_rivals(conn, study_id, aliases) if aliases else []
    tags = await names.name_tags(conn, study_id, [row.tag for row in rows])
    birds = await names.name_individuals(conn, study_id, _taxa(rows))
    await work.lock_all(conn, work.LOCK_TAG, [*tags.values(), *rivals])
    return [
        Stated(tags[row.tag], birds[row.individual], row.deploy_on, row.deploy_off,
               row.deployment_id, _terms(row, "deployment"))
        for row in rows
    ]  # fmt: skip


async def recall(conn: AsyncConnection, study_id: int, rows: Sequence[Row]) -> None:
    """
    Give deployments the terms that rows taken over before have of them.

    Versions before 0037 kept them with the bird, one value for all of its deployments. Whatever
    was stated or decided since stands: ranges, birds and tags are left as they are.
    """
    for each in await _named(conn, study_id, rows):
        if await describe(conn, study_id, each):
            await execute(
                conn,
                f"update individual set terms = {_REST} where id = :individual",
                {"individual": each.individual_id, "worn": _json(each.terms)},
            )
    await work.bump_version(conn, study_id)


def _taxa(rows: Sequence[Row]) -> list[tuple[str, str | None, str]]:
    """Return (individual, taxon, species key) once per individual, as `name_individuals` wants."""
    found: dict[str, tuple[str, str | None, str]] = {}
    for row in rows:
        if row.individual not in found or found[row.individual][1] is None:
            found[row.individual] = (row.individual, row.taxon, row.species_key)
    return list(found.values())


async def _put(
    conn: AsyncConnection, study_id: int, row: Row, stated: Stated, given_way: Sequence[int]
) -> Done:
    try:
        return await put(conn, study_id, stated, by_hand=False, given_way=given_way)
    except Conflict as clash:
        where = f"Tag {row.tag!r} on {row.individual!r}: "
        raise Conflict(where + clash.detail, remedy=clash.remedy, code=clash.code) from clash


_REST = """
individual.terms - array(select key from jsonb_each(individual.terms)
  where cast(:worn as jsonb) @> jsonb_build_object(key, value))
"""
"""SQL: the terms of a bird but for those that its deployment has word for word."""


async def _describe(conn: AsyncConnection, row: Row, stated: Stated) -> tuple[bool, bool]:
    """Keep what a row says of its bird and tag; tell whether it is new, and of another species."""
    rows = await execute(
        conn,
        f"""
        with before as (select taxon, species_key, terms, taxon_declared from individual
          where id = :individual),
        bird as (
          update individual set
            taxon = coalesce(cast(:taxon as text), taxon),
            species_key = case when cast(:taxon as text) is null then species_key
              else :species end,
            taxon_declared = taxon_declared or cast(:taxon as text) is not null,
            terms = {_REST} || cast(:bird as jsonb)
          where id = :individual returning taxon, species_key, terms, taxon_declared),
        device as (
          update tag set terms = terms || cast(:device as jsonb)
          where id = :tag and cast(:device as jsonb) <> '{{}}')
        select before.species_key <> bird.species_key as other_species,
          (before.taxon, before.species_key, before.terms, before.taxon_declared)
            is distinct from (bird.taxon, bird.species_key, bird.terms, bird.taxon_declared)
            as changed
        from bird cross join before
        """,
        {
            "individual": stated.individual_id, "tag": stated.tag_id, "taxon": row.taxon,
            "species": row.species_key,
            "bird": _json(_terms(row, "individual")), "device": _json(_terms(row, "tag")),
            "worn": _json(stated.terms),
        },
    )  # fmt: skip
    return bool(rows[0]["changed"]), bool(rows[0]["other_species"])


def _terms(row: Row, noun: Literal["tag", "individual", "deployment"]) -> dict[str, str]:
    return {name: value for name, value in row.terms.items() if _noun(row, name) == noun}


def _noun(row: Row, name: str) -> str:
    """Tell what a term of a row is kept with."""
    noun = described(name)
    return "individual" if row.implied and noun == "deployment" else noun


def _json(terms: Mapping[str, str]) -> str:
    return orjson.dumps(dict(terms)).decode()
