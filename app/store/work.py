"""What waits to be derived: dirty spans, dirty catalogues, and the pushes that wait for them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from app.store.engine import execute

CHANNEL = "flyways_work"
"""NOTIFY channel that wakes a worker early; a lost notice costs a second, never the work."""

ATTEMPTS_MAX = 5
"""Failures in a row after which work is laid aside as dead, with its reason, for an operator."""

LOCK_PUSH, LOCK_TAG, LOCK_INDIVIDUAL, LOCK_CATALOGUE, LOCK_LAYERS, LOCK_STUDY = 1, 2, 3, 4, 5, 6
"""First halves of the two-part advisory locks."""

MERGE = """
on conflict (individual_id) do update set
  from_time = least(dirty.from_time, excluded.from_time),
  to_time = greatest(dirty.to_time, excluded.to_time),
  revision = excluded.revision,
  since_at = case when dirty.dead_at is null then dirty.since_at else clock_timestamp() end,
  attempts = 0, last_error = null, dead_at = null
"""
"""SQL that ends an insert into `dirty`: spans of one bird become one.

The oldest cause keeps its time: what is marked again and again must not wait for ever.
"""

SMALL_BYTES = 262_144
"""Up to this size [bytes] what a push costs is mostly what every push costs: they share it."""

SMALL = f"""
(p.size_bytes <= {SMALL_BYTES} and d.number = 1 and d.attempts = 0 and d.stored = 0)
"""
"""SQL: the decoding `d` of push `p` may go together with others.

What failed once, or ended its worker, goes alone from then on.
"""

INDIVIDUAL_SUBJECT = "'individual:' || individual_id"
PRODUCT_SUBJECT = "'product:' || scope || ':' || simulated::int"
"""SQL of the names that `individual_subject` and `product_subject` give."""

_SCOPES = """
select 'operator' as scope
union all select 'institute:' || i.id from institute i
  where i.id = s.institute_id or s.visibility = 'open'
union all select 'public' where s.visibility = 'open'
"""
"""SQL: the catalogues that show study `s`."""


@dataclass(frozen=True, slots=True)
class Span:
    """The dirty span of one individual."""

    individual_id: int
    study_id: int
    from_time: datetime
    to_time: datetime


async def lock(conn: AsyncConnection, kind: int, key: int) -> None:
    """Take an advisory lock that the end of the transaction gives back."""
    await execute(conn, "select pg_advisory_xact_lock(:kind, :key)", {"kind": kind, "key": key})


async def lock_all(conn: AsyncConnection, kind: int, keys: Iterable[int]) -> None:
    """Take several advisory locks of a kind, in ascending order so that none can deadlock."""
    await execute(
        conn,
        "select pg_advisory_xact_lock(:kind, key)"
        " from (select unnest(cast(:keys as int[])) as key order by 1) as ordered",
        {"kind": kind, "keys": sorted(set(keys))},
    )


async def lock_study(conn: AsyncConnection, study_id: int, *, alone: bool) -> None:
    """Lock a study to store in it; a push in pieces can't lock its tags in order and is `alone`."""
    sql = f"select pg_advisory_xact_lock{'' if alone else '_shared'}(:kind, :key)"
    await execute(conn, sql, {"kind": LOCK_STUDY, "key": study_id})


async def alone_in_study(conn: AsyncConnection, study_id: int) -> bool:
    """
    Lock a study as `lock_study` does `alone`, if nobody else stores in it at this moment.

    Who stores in it already must not wait to be alone: another might do the same.
    """
    rows = await execute(
        conn,
        "select pg_try_advisory_xact_lock(:kind, :key) as alone",
        {"kind": LOCK_STUDY, "key": study_id},
    )
    return bool(rows[0]["alone"])


async def notify(conn: AsyncConnection) -> None:
    """Wake the workers once this transaction is committed."""
    await execute(conn, f"notify {CHANNEL}")


async def mark_dirty(
    conn: AsyncConnection,
    individual_id: int,
    study_id: int,
    from_time: datetime,
    to_time: datetime,
) -> None:
    """Note that everything derived from the span must be derived again (commits with the cause)."""
    await execute(
        conn,
        "insert into dirty (individual_id, study_id, from_time, to_time)"
        " values (:individual, :study, :from_time, :to_time)" + MERGE,
        {"individual": individual_id, "study": study_id, "from_time": from_time,
         "to_time": to_time},
    )  # fmt: skip
    await notify(conn)


async def mark_all_dirty(
    conn: AsyncConnection, *, study_id: int | None = None, individuals: Sequence[int] | None = None
) -> int:
    """Mark the whole track of every individual of a study (or of all) for a rebuild."""
    rows = await execute(
        conn,
        """
        insert into dirty (individual_id, study_id, from_time, to_time)
        select i.id, i.study_id, '-infinity', 'infinity' from individual i
        where (cast(:study as int) is null or i.study_id = :study)
          and (cast(:individuals as int[]) is null or i.id = any(cast(:individuals as int[])))
        order by i.id
        """
        + MERGE
        + " returning individual_id",
        {"study": study_id, "individuals": list(individuals) if individuals is not None else None},
    )
    await notify(conn)
    return len(rows)


async def mark_dirty_from(conn: AsyncConnection, source_sql: str, values: dict[str, Any]) -> int:
    """Mark the spans of `source_sql`: rows (individual_id, study_id, from_time, to_time)."""
    rows = await execute(
        conn,
        "insert into dirty (individual_id, study_id, from_time, to_time)"
        f" select * from ({source_sql}) as spans order by individual_id"
        + MERGE
        + " returning individual_id",
        values,
    )
    await notify(conn)
    return len(rows)


_SPAN = """
individual_id, study_id, greatest(from_time, timestamptz '1900-01-01 00:00Z') as from_time,
  least(to_time, timestamptz '2200-01-01 00:00Z') as to_time
"""
"""SQL: a span without end is one to the far past or future, as the driver has no aware infinity."""


async def open_span(conn: AsyncConnection, individual_id: int) -> tuple[Span, int] | None:
    """Lock the individual and its dirty row, which stays; return its span and revision."""
    await lock(conn, LOCK_INDIVIDUAL, individual_id)
    rows = await execute(
        conn,
        f"select {_SPAN}, revision from dirty where individual_id = :individual"
        " and dead_at is null for update",
        {"individual": individual_id},
    )
    if not rows:
        return None
    revision = rows[0].pop("revision")
    return Span(**rows[0]), revision


async def widen_span(
    conn: AsyncConnection, individual_id: int, from_time: datetime, to_time: datetime
) -> None:
    """Note of a bird whose span is open what else waits, and that readers see what was derived."""
    await execute(
        conn,
        "with widened as (update dirty set from_time = least(from_time, :from_time),"
        " to_time = greatest(to_time, :to_time) where individual_id = :individual"
        " returning study_id)"
        " update study set version = version + 1 from widened where id = study_id",
        {"individual": individual_id, "from_time": from_time, "to_time": to_time},
    )


async def take_span(
    conn: AsyncConnection, individual_id: int, revision: int | None = None
) -> Span | None:
    """Lock the individual, clear its dirty row; None: it is clean, or marked since `revision`."""
    await lock(conn, LOCK_INDIVIDUAL, individual_id)
    rows = await execute(
        conn,
        "delete from dirty where individual_id = :individual and dead_at is null"
        f" and revision = coalesce(:revision, revision) returning {_SPAN}",
        {"individual": individual_id, "revision": revision},
    )
    return Span(**rows[0]) if rows else None


async def mark_catalogues_dirty(conn: AsyncConnection, study_id: int) -> list[str]:
    """Mark every catalogue that shows the study; return the subjects a push may wait for."""
    rows = await execute(
        conn,
        f"""
        insert into product_dirty (scope, simulated)
        select scope, s.simulated from study s, lateral ({_SCOPES}) as scopes
        where s.id = :study order by 1, 2
        on conflict (scope, simulated) do update set
          revision = product_dirty.revision + 1,
          since_at = case when product_dirty.dead_at is null then product_dirty.since_at
            else clock_timestamp() end,
          attempts = 0, last_error = null, dead_at = null
        returning scope, simulated
        """,
        {"study": study_id},
    )
    await notify(conn)
    return [product_subject(row["scope"], simulated=row["simulated"]) for row in rows]


async def mark_open_catalogues_dirty(conn: AsyncConnection) -> None:
    """Mark every catalogue that shows opened studies of others: a new day releases more of them."""
    studies = await execute(conn, "select id from study where visibility = 'open' order by id")
    for row in studies:
        await mark_catalogues_dirty(conn, row["id"])
        await mark_key_sites_due(conn, row["id"])


async def mark_key_sites_due(conn: AsyncConnection, study_id: int) -> None:
    """Note that the key sites of every catalogue that shows the study wait to be found again."""
    await execute(
        conn,
        f"""
        insert into key_site_due as d (scope, simulated)
        select scope, s.simulated from study s, lateral ({_SCOPES}) as scopes
        where s.id = :study order by 1, 2
        on conflict (scope, simulated) do update set revision = d.revision + 1,
          since_at = case when d.dead_at is null then d.since_at else clock_timestamp() end,
          attempts = 0, last_error = null, dead_at = null
        """,
        {"study": study_id},
    )


async def today(conn: AsyncConnection) -> date:
    """Return the UTC day of the database, by whose clock rows are released."""
    rows = await execute(conn, "select (now() at time zone 'UTC')::date as day")
    day: date = rows[0]["day"]
    return day


async def take_catalogue(conn: AsyncConnection, scope: str, *, simulated: bool) -> bool:
    """Lock a catalogue and clear its dirty row; false when another worker has done it."""
    await execute(
        conn,
        "select pg_advisory_xact_lock(:kind, hashtext(:subject))",
        {"kind": LOCK_CATALOGUE, "subject": product_subject(scope, simulated=simulated)},
    )
    rows = await execute(
        conn,
        "delete from product_dirty where scope = :scope and simulated = :simulated"
        " and dead_at is null returning scope",
        {"scope": scope, "simulated": simulated},
    )
    return bool(rows)


def individual_subject(individual_id: int) -> str:
    """Name an individual as something a push can wait for."""
    return f"individual:{individual_id}"


def product_subject(scope: str, *, simulated: bool) -> str:
    """Name a catalogue as something a push can wait for."""
    return f"product:{scope}:{int(simulated)}"


async def hand_on(conn: AsyncConnection, subject: str, to: Sequence[str]) -> None:
    """Let the pushes that wait for `subject` wait for `to` instead; none left means processed."""
    # Two last waits that end at once would each see the other's still there: one after the other.
    waited = await execute(
        conn,
        "select d.id from decoding d join push_wait w on w.decoding_id = d.id"
        " where w.subject = :subject order by d.id for update of d",
        {"subject": subject},
    )
    if not waited:
        return
    await execute(
        conn,
        """
        with waited as (delete from push_wait where subject = :subject returning decoding_id)
        insert into push_wait (decoding_id, subject)
        select decoding_id, next from waited, unnest(cast(:next as text[])) as next
        on conflict do nothing
        """,
        {"subject": subject, "next": list(to)},
    )
    await settle(conn, [int(row["id"]) for row in waited])


async def settle(conn: AsyncConnection, decoding_ids: Sequence[int]) -> None:
    """Call those of these pushes processed that are stored and wait for nothing."""
    await execute(
        conn,
        "update decoding d set state = 'processed', processed_at = clock_timestamp()"
        " where d.id = any(cast(:ids as bigint[])) and d.state = 'stored'"
        " and not exists (select from push_wait w where w.decoding_id = d.id)",
        {"ids": list(decoding_ids)},
    )


@dataclass(frozen=True, slots=True)
class Waiting:
    """
    Everything that waits for a worker, oldest first.

    `studies` are those with small pushes, which are decoded together; `decodings` go one by one.
    """

    studies: list[int]
    decodings: list[int]
    individuals: list[int]
    catalogues: list[tuple[str, bool]]
    trials: list[int]


async def waiting(conn: AsyncConnection, *, limit: int) -> Waiting:
    """Return what is to do; a catalogue waits while its birds are dirty, up to 30 s or 1 s each."""
    decodings = await execute(
        conn,
        f"select d.id, d.study_id, {SMALL} as small from decoding d"
        " join push p on p.id = d.push_id where d.state = 'received' order by d.id limit :limit",
        {"limit": limit},
    )
    individuals = await execute(
        conn,
        "select individual_id from dirty where dead_at is null order by since_at limit :limit",
        {"limit": limit},
    )
    catalogues = await execute(
        conn,
        """
        select p.scope, p.simulated from product_dirty p, lateral (
          select count(*) as n from dirty d join study s on s.id = d.study_id
          where d.dead_at is null and s.simulated = p.simulated) as birds
        where p.dead_at is null and (birds.n = 0
          or p.since_at < clock_timestamp() - greatest(30, birds.n) * interval '1 s')
        order by p.since_at limit :limit
        """,
        {"limit": limit},
    )
    trials = await execute(
        conn,
        "select id from screening_trial where found is null order by id limit :limit",
        {"limit": limit},
    )
    return Waiting(
        list(dict.fromkeys(row["study_id"] for row in decodings if row["small"])),
        [row["id"] for row in decodings if not row["small"]],
        [row["individual_id"] for row in individuals],
        [(row["scope"], row["simulated"]) for row in catalogues],
        [row["id"] for row in trials],
    )


async def queued(conn: AsyncConnection) -> set[str]:
    """Return the locks of the jobs that nobody has begun: their work needs no further hint."""
    rows = await execute(
        conn, "select queueing_lock from jobs.procrastinate_jobs where status = 'todo'"
    )
    return {row["queueing_lock"] for row in rows}


async def bump_version(conn: AsyncConnection, study_id: int) -> None:
    """Count a change that readers of the study can see; ETags hang on it."""
    await execute(conn, "update study set version = version + 1 where id = :id", {"id": study_id})


async def catalogues(conn: AsyncConnection) -> list[tuple[str, bool]]:
    """Return every catalogue that the studies there are call for."""
    rows = await execute(
        conn,
        "select distinct scope, s.simulated"
        f" from study s, lateral ({_SCOPES}) as scopes order by 1, 2",
    )
    return [(row["scope"], row["simulated"]) for row in rows]
