"""Deployments: which bird wore a tag when. Append-only; every change marks the touched spans."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.errors import Conflict
from app.store import work
from app.store.engine import execute
from app.store.fragments import fix_key, shown_alone

_RANGE = "tstzrange(cast(:on as timestamptz), cast(:off as timestamptz))"

_TOUCHED = """
select d.individual_id, d.study_id, min(f.time) as from_time, max(f.time) as to_time
from deployment d join fix f on f.tag_id = d.tag_id and f.time <@ d.during
where d.id = any(cast(:deployments as int[])) group by d.individual_id, d.study_id
"""


async def state(
    conn: AsyncConnection,
    study_id: int,
    *,
    tag: str,
    individual: str,
    taxon: str | None,
    species_key: str,
    deploy_on: datetime | None,
    deploy_off: datetime | None,
    local_identifier: str | None,
    terms: Mapping[str, str],
) -> bool:
    """Take over one row of reference data: the bird, the tag, and who wore which when."""
    rows = await execute(
        conn,
        """
        with before as (select taxon, species_key, terms, taxon_declared from individual
          where study_id = :study and local_identifier = :individual),
        bird as (
          insert into individual
            (study_id, local_identifier, taxon, species_key, terms, taxon_declared)
          values (:study, :individual, cast(:taxon as text), :species, cast(:bird as jsonb),
            cast(:taxon as text) is not null)
          on conflict (study_id, local_identifier) do update set
            taxon = coalesce(excluded.taxon, individual.taxon),
            species_key = case when excluded.taxon is null then individual.species_key
              else excluded.species_key end,
            taxon_declared = individual.taxon_declared or excluded.taxon_declared,
            terms = individual.terms || excluded.terms
          returning id, taxon, species_key, terms, taxon_declared),
        tag as (
          insert into tag (study_id, local_identifier, terms)
          values (:study, :tag, cast(:device as jsonb))
          on conflict (study_id, local_identifier) do update
            set terms = tag.terms || excluded.terms returning id)
        select bird.id as bird, tag.id as tag, before.species_key is not null
            and before.species_key <> bird.species_key as other_species,
          before is null or (before.taxon, before.species_key, before.terms, before.taxon_declared)
            is distinct from (bird.taxon, bird.species_key, bird.terms, bird.taxon_declared)
            as changed
        from bird cross join tag left join before on true
        """,
        {
            "study": study_id, "individual": individual, "tag": tag, "taxon": taxon,
            "species": species_key,
            "bird": _terms({k: v for k, v in terms.items() if not k.startswith("tag-")}),
            "device": _terms({k: v for k, v in terms.items() if k.startswith("tag-")}),
        },
    )  # fmt: skip
    bird = rows[0]
    if bird["other_species"]:
        await work.mark_all_dirty(conn, individuals=[bird["bird"]])
    known = await _current(conn, bird["tag"])
    stated = await declare(
        conn, study_id, bird["tag"], bird["bird"],
        deploy_on=deploy_on, deploy_off=deploy_off, local_identifier=local_identifier,
    )  # fmt: skip
    return bool(bird["changed"]) or stated not in known


async def give_way(
    conn: AsyncConnection,
    study_id: int,
    stated: Sequence[tuple[str, str, str, datetime | None, datetime | None]],
) -> None:
    """
    Close deployments that are about to be stated otherwise under their own identifiers.

    `stated` are (tag, deployment, individual, deploy_on, deploy_off). Where the boundary between
    two moves, the first to be stated would meet the other still in its old range.
    """
    closed = await _close(
        conn,
        "declared and study_id = :study and id in (select o.id from deployment o"
        " join tag t on t.id = o.tag_id join individual i on i.id = o.individual_id"
        " join unnest(cast(:tags as text[]), cast(:names as text[]), cast(:birds as text[]),"
        "  cast(:ons as timestamptz[]), cast(:offs as timestamptz[]))"
        "  as new(tag, name, bird, deploy_on, deploy_off)"
        " on (new.tag, new.name) = (t.local_identifier, o.local_identifier)"
        " where o.study_id = :study and o.replaced_at is null"
        " and (i.local_identifier <> new.bird"
        "  or o.during <> tstzrange(new.deploy_on, new.deploy_off)))",
        {
            "study": study_id,
            **dict(zip(("tags", "names", "birds", "ons", "offs"),
                       ([list(column) for column in zip(*stated, strict=True)] or [[]] * 5),
                       strict=True)),
        },
    )  # fmt: skip
    await _lay_bare(conn, closed)


async def _current(conn: AsyncConnection, tag_id: int) -> set[int]:
    rows = await execute(
        conn,
        "select id from deployment where tag_id = :tag and replaced_at is null",
        {"tag": tag_id},
    )
    return {row["id"] for row in rows}


def _terms(terms: Mapping[str, str]) -> str:
    return orjson.dumps(dict(terms)).decode()


async def declare(
    conn: AsyncConnection,
    study_id: int,
    tag_id: int,
    individual_id: int,
    *,
    deploy_on: datetime | None,
    deploy_off: datetime | None,
    local_identifier: str | None = None,
    terms: Mapping[str, str] | None = None,
) -> int:
    """
    Add a deployment that somebody states; it voids what event rows merely imply for the tag.

    The same statement again changes nothing; one under a known local identifier replaces it.
    """
    await work.lock(conn, work.LOCK_TAG, tag_id)
    values = {
        "study": study_id, "tag": tag_id, "individual": individual_id,
        "on": deploy_on, "off": deploy_off, "name": local_identifier,
        "terms": _terms(terms or {}),
    }  # fmt: skip
    same = await execute(
        conn,
        "select id from deployment where replaced_at is null and declared and tag_id = :tag"
        f" and individual_id = :individual and during = {_RANGE}"
        " and local_identifier is not distinct from cast(:name as text)"
        " and terms = cast(:terms as jsonb)",
        values,
    )
    if same:
        return int(same[0]["id"])
    closed = await _close(
        conn,
        "tag_id = :tag and (not declared or local_identifier = cast(:name as text)"
        f" or (individual_id = :individual and during = {_RANGE}))",
        values,
    )
    made = await _insert(conn, values, declared=True)
    await _lay_bare(conn, closed)
    return made


async def amend(
    conn: AsyncConnection,
    deployment_id: int,
    *,
    deploy_on: datetime | None,
    deploy_off: datetime | None,
    terms: Mapping[str, str] | None = None,
) -> int:
    """Replace a deployment's range (and terms); the successor keeps the public identifier."""
    old = await _locked(conn, deployment_id)
    values = {
        "study": old["study_id"], "tag": old["tag_id"], "individual": old["individual_id"],
        "on": deploy_on, "off": deploy_off, "name": old["local_identifier"],
        "terms": _terms(terms if terms is not None else old["terms"]),
        "id": deployment_id,
    }  # fmt: skip
    closed = await _close(conn, "id = :id or (tag_id = :tag and not declared)", values)
    made = await _insert(conn, values, declared=True, ref=old["ref"])
    await _lay_bare(conn, closed)
    return made


async def withdraw(conn: AsyncConnection, deployment_id: int) -> None:
    """Take a declared deployment back; its fixes wait with the tag, or fall to implied ones."""
    old = await _locked(conn, deployment_id)
    closed = await _close(conn, "id = :id", {"id": deployment_id})
    await imply(conn, [old["tag_id"]])
    await _lay_bare(conn, closed)


async def _locked(conn: AsyncConnection, deployment_id: int) -> dict[str, Any]:
    """Return a current deployment under the lock of its tag: nobody else changes it meanwhile."""
    tags = await execute(
        conn, "select tag_id from deployment where id = :id", {"id": deployment_id}
    )
    for row in tags:
        await work.lock(conn, work.LOCK_TAG, row["tag_id"])
    rows = await execute(
        conn,
        "select study_id, tag_id, individual_id, local_identifier, terms, ref from deployment"
        " where id = :id and replaced_at is null",
        {"id": deployment_id},
    )
    if not rows:
        raise Conflict(
            "The deployment was changed by somebody else.", remedy="Read it again, then edit it."
        )
    return rows[0]


async def imply(conn: AsyncConnection, tag_ids: list[int]) -> None:
    """
    Renew what the names in event rows imply for tags without a declared deployment.

    One bird named: it wore the tag always. Several: each from the first time it was named to the
    first time of the next one; of two named at once, the last in order of their names. A pure
    function of the live namings, so the order of arrival never matters.
    """
    wanted = """
      select tag_id, study_id, individual_id,
        tstzrange(case when place = 1 then null else first end, next) as during
      from (
        select n.tag_id, n.study_id, n.individual_id, min(n.time_first) as first,
          lead(min(n.time_first)) over w as next, row_number() over w as place
        from naming n join decoding d on d.id = n.decoding_id and d.replaced_at is null
          join individual i on i.id = n.individual_id
        where n.tag_id = any(cast(:tags as int[])) and not exists (
          select from deployment x
          where x.tag_id = n.tag_id and x.declared and x.replaced_at is null)
        group by n.tag_id, n.study_id, n.individual_id, i.local_identifier
        window w as (partition by n.tag_id
          order by min(n.time_first), i.local_identifier collate "C")
      ) as named where first is distinct from next
    """
    values = {"tags": sorted(set(tag_ids))}
    stale = await execute(
        conn,
        f"""
        update deployment o set replaced_at = clock_timestamp()
        where o.tag_id = any(cast(:tags as int[])) and o.replaced_at is null and not o.declared
          and not exists (select from ({wanted}) w where w.tag_id = o.tag_id
            and w.individual_id = o.individual_id and w.during = o.during)
        returning o.id
        """,
        values,
    )
    fresh = await execute(
        conn,
        f"""
        insert into deployment (study_id, tag_id, individual_id, during, declared)
        select w.study_id, w.tag_id, w.individual_id, w.during, false from ({wanted}) w
        where not exists (select from deployment o where o.tag_id = w.tag_id
          and o.replaced_at is null and o.individual_id = w.individual_id
          and o.during = w.during)
        returning id
        """,
        values,
    )
    await _mark(conn, [row["id"] for row in (*stale, *fresh)])
    await _lay_bare(conn, [row["id"] for row in stale])


async def _close(conn: AsyncConnection, where: str, values: Mapping[str, Any]) -> list[int]:
    rows = await execute(
        conn,
        "update deployment set replaced_at = clock_timestamp()"
        f" where replaced_at is null and ({where}) returning id",
        values,
    )
    closed = [int(row["id"]) for row in rows]
    await _mark(conn, closed)
    return closed


async def _lay_bare(conn: AsyncConnection, closed: list[int]) -> None:
    """Take the verdicts of a track from fixes that no bird wears any more: they have no track."""
    if closed:
        await execute(
            conn,
            f"""
            with bare as (
              select f.tag_id, f.time, f.sensor, f.variant from deployment o
              join fix f on f.tag_id = o.tag_id and f.time <@ o.during
              where o.id = any(cast(:closed as int[])) and (not f.visible or exists (
                  select from fix_verdict v where v.undone_at is null and {fix_key("v")}
                    = {fix_key("f")}))
                and not exists (
                  select from deployment d where d.tag_id = f.tag_id and d.replaced_at is null
                    and d.during @> f.time)),
            unflagged as (
              delete from fix_flag g using bare b where g.origin = 'track' and
                {fix_key("g")} = {fix_key("b")})
            update fix f set visible = {shown_alone("b")}
            from bare b
            where {fix_key("f")} = {fix_key("b")}
            """,
            {"closed": closed},
        )


async def _insert(
    conn: AsyncConnection, values: Mapping[str, Any], *, declared: bool, ref: object = None
) -> int:
    try:
        rows = await execute(
            conn,
            "insert into deployment (study_id, tag_id, individual_id, during, declared,"
            " local_identifier, terms, ref) values (:study, :tag, :individual,"
            f" {_RANGE}, :declared, :name, cast(:terms as jsonb),"
            " coalesce(cast(:ref as uuid), gen_random_uuid())) returning id",
            {**values, "declared": declared, "ref": ref},
        )
    except IntegrityError as clash:
        if "ex_deployment" in str(clash.orig):
            raise Conflict(
                "The tag is on another bird for part of that time.",
                remedy="End the other deployment first, or choose a range that does not overlap.",
                code="deployment-overlaps",
            ) from clash
        if "during" in str(clash.orig):
            raise Conflict(
                "deploy_off is not later than deploy_on.",
                remedy="Give a deploy_off after deploy_on, or leave it out.",
                code="deployment-empty",
            ) from clash
        raise
    await _mark(conn, [rows[0]["id"]])
    return int(rows[0]["id"])


async def _mark(conn: AsyncConnection, deployment_ids: list[int]) -> None:
    if deployment_ids:
        await work.mark_dirty_from(conn, _TOUCHED, {"deployments": deployment_ids})
