"""Answers kept as they were, each with a manifest of what it was made from and by whom."""

from __future__ import annotations

import gzip
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection

from app.errors import NotFound
from app.store.audience import Audience
from app.store.engine import execute
from app.store.sight import LEG, POSITION, PRESENCE, SEASON, STOPOVER, WITH_BIRD, Filters, where

Row = dict[str, Any]

GZIP_LEVEL = 6
DRAWN_WITHIN = "300s"
"""Longest that one drawing takes on a machine with much else to do."""

_SEEN = f"""(
select individual_id, study_id, species_key, exact, season, parameters from {STOPOVER} as a
union all
select individual_id, study_id, species_key, exact, season, null from {SEASON} as b
union all
select individual_id, study_id, species_key, exact, null, null from {POSITION} as c
union all
select individual_id, study_id, species_key, exact, season, null from {LEG} as d
union all
select individual_id, study_id, species_key, exact, season, null from {PRESENCE} as e
)"""
"""Days too: of a bird at its breeding place nothing else is shown, and they are summed."""

WHOLE_YEAR = "all"
"""What key sites and areas call the season of those that have none: it leaves out no bird."""


async def birds(conn: AsyncConnection, audience: Audience, filters: Filters) -> list[Row]:
    """
    Return the birds that an answer to this audience may stand on, with whose they are.

    A season is one of a year (`2020-spring`), or of all years (`spring`). `parameters` are the
    digests of the profiles that their stopovers were found with.
    """
    chosen = where(audience).birds(filters)
    if filters.season not in {None, WHOLE_YEAR}:
        chosen.add(":season in (x.season, split_part(x.season, '-', 2))", season=filters.season)
    return await execute(
        conn,
        f"""
        select i.id, i.ref, x.study_id, x.exact, s.protection, s.ref as study,
          s.name as study_name, s.licence, s.citation, s.simulated,
          n.name as institute, n.country,
          array_remove(array_agg(distinct x.parameters), null) as parameters
        from {_SEEN} as x {WITH_BIRD} join institute n on n.id = s.institute_id
        where {chosen.sql} group by i.id, x.study_id, x.exact, s.id, n.id
        order by n.name, s.name, i.id
        """,
        chosen.values,
    )


async def hold(conn: AsyncConnection) -> None:
    """Let the transaction lie idle for long: a report is drawn at the moment that it holds."""
    await execute(
        conn, f"select set_config('idle_in_transaction_session_timeout', '{DRAWN_WITHIN}', true)"
    )


async def watermark(conn: AsyncConnection, audience: Audience) -> Row:
    """
    Return how far the input of an answer goes: the versions of the studies these readers own.

    Of opened studies of others they would tell when something came that is not released yet.
    """
    rows = await execute(
        conn,
        """
        select now() as read_at,
          (select max(received_at) from decoding where study_id = any(:exact)) as received_last,
          coalesce((select json_object_agg(ref, version) from study where id = any(:exact)), '{}')
            as study_versions
        """,
        audience.sql,
    )
    return rows[0]


async def add(
    conn: AsyncConnection,
    audience: Audience,
    *,
    address: str,
    manifest: Mapping[str, Any],
    answer: tuple[str, bytes],
    stands_on: Sequence[Row],
) -> UUID:
    """Keep an answer (media type, body) with its manifest; return its id."""
    media_type, body = answer
    rows = await execute(
        conn,
        "insert into snapshot (scope, address, manifest, digest, media_type, body)"
        " values (:scope, :address, cast(:manifest as jsonb), :digest, :media_type, :body)"
        " returning id, ref",
        {"scope": audience.scope, "address": address, "media_type": media_type,
         "manifest": orjson.dumps(manifest).decode(), "digest": digest(manifest),
         "body": gzip.compress(body, GZIP_LEVEL, mtime=0)},
    )  # fmt: skip
    await execute(
        conn,
        "insert into snapshot_bird (snapshot_id, individual_id, study_id, exact, protection)"
        " select :snapshot, i.id, i.study_id, bool_or(b.exact), min(b.protection)"
        " from unnest(cast(:birds as int[]), cast(:exact as boolean[]),"
        " cast(:protection as int[])) as b(id, exact, protection)"
        " join individual i on i.id = b.id group by i.id order by i.id",
        {"snapshot": rows[0]["id"], "birds": [row["id"] for row in stands_on],
         "exact": [row["exact"] for row in stands_on],
         "protection": [row["protection"] for row in stands_on]},
    )  # fmt: skip
    ref: UUID = rows[0]["ref"]
    return ref


def digest(manifest: Mapping[str, Any]) -> bytes:
    """Return the SHA-256 of a manifest as JSON without blanks, keys sorted: anyone can redo it."""
    return sha256(orjson.dumps(manifest, option=orjson.OPT_SORT_KEYS)).digest()


_SNAPSHOT = """
select t.id, t.ref, t.scope, t.address, t.manifest, t.digest, t.media_type, t.made_at,
  (select min(w.decided_at) from snapshot_bird b join withdrawal w
      on w.individual_id = b.individual_id and w.undone_at is null
    where b.snapshot_id = t.id) as withdrawn_at,
  not exists (select from snapshot_bird b join study s on s.id = b.study_id
    where b.snapshot_id = t.id and not (b.study_id = any(:exact)
      or (not b.exact and b.study_id = any(:open)
        and b.protection = s.protection))) as granted
from snapshot t where t.scope in (:scope, 'public') or :scope = 'operator'
"""
"""SQL: snapshots made for readers of this scope or for everybody, and whether today's grants hold
for every bird they stand on: of opened studies of others none is read that was made before its
owner withheld more. The operator reads everybody's."""


def _binds(audience: Audience) -> Row:
    return {**audience.sql, "scope": audience.scope}


async def page(
    conn: AsyncConnection,
    audience: Audience,
    *,
    limit: int,
    before: int | None,
    address: str | None,
) -> list[Row]:
    """Return the snapshots these readers may know of, the newest first."""
    return await execute(
        conn,
        f"select * from ({_SNAPSHOT}) as t where granted"
        " and (cast(:before as bigint) is null or id < :before)"
        " and (cast(:address as text) is null or address = :address)"
        " order by id desc limit :limit",
        {**_binds(audience), "before": before, "limit": limit, "address": address},
    )


async def one(conn: AsyncConnection, audience: Audience, ref: UUID) -> Row:
    """Return one snapshot without its body."""
    rows = await execute(
        conn, f"select * from ({_SNAPSHOT}) as t where granted and ref = :ref",
        {**_binds(audience), "ref": ref},
    )  # fmt: skip
    if not rows:
        raise _unknown()
    return rows[0]


async def at(
    conn: AsyncConnection, audience: Audience, address: str, as_of: datetime | UUID
) -> Row:
    """Return the snapshot of an address by its id, or the newest made up to a time."""
    by_id = isinstance(as_of, UUID)
    rows = await execute(
        conn,
        f"select * from ({_SNAPSHOT}) as t where granted and address = :address and "
        + ("ref = :as_of" if by_id else "scope in (:scope, 'public') and made_at <= :as_of")
        + " order by (scope = :scope) desc, made_at desc, id desc limit 1",
        {**_binds(audience), "address": address, "as_of": as_of},
    )
    if not rows:
        raise _unknown()
    return rows[0]


async def body(conn: AsyncConnection, snapshot: Row) -> bytes:
    """Return the answer of a snapshot that these readers were found to be granted."""
    rows = await execute(conn, "select body from snapshot where id = :id", {"id": snapshot["id"]})
    return gzip.decompress(rows[0]["body"])


def _unknown() -> NotFound:
    return NotFound(
        "There is no such snapshot for this caller.",
        code="snapshot-missing",
        remedy="GET /api/v1/snapshots lists those there are; POST /api/v1/snapshots makes one of"
        " an address, which is then read with as_of and the very same filters.",
    )


def credited(rows: Sequence[Row], named: Collection[str] | None = None) -> list[Row]:
    """Return what each study contributes to an answer, from its birds (of these ids alone)."""
    found: dict[UUID, Row] = {}
    for row in rows:
        if named is not None and str(row["ref"]) not in named:
            continue
        study = found.setdefault(
            row["study"],
            {"study": row["study"], "study_name": row["study_name"],
             "institute": row["institute"], "country": row["country"],
             "licence": row["licence"], "citation": row["citation"],
             "simulated": row["simulated"], "n_individuals": 0},
        )  # fmt: skip
        study["n_individuals"] += 1
    return list(found.values())
