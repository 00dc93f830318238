"""How pushes come to be read: what waits, its tries, its failure, and a push read again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection

from app.errors import NotFound
from app.store import inbox, names, revisions, work
from app.store.audience import Audience
from app.store.engine import execute
from app.store.fragments import wearer

TOGETHER_MAX, TOGETHER_BYTES = 200, 2 << 20
"""Small pushes decoded in one transaction, and their bytes as sent: it takes about half a second,
and some 400 MB of memory if each of them is a bomb that `ingest.unpack` lets pass."""


async def small(conn: AsyncConnection, study_id: int) -> list[int]:
    """Return the oldest small pushes of a study that wait: decodings that go together."""
    rows = await execute(
        conn,
        "select id from (select d.id, sum(p.size_bytes) over (order by d.id) as bytes_so_far"
        " from decoding d join push p on p.id = d.push_id"
        f" where d.state = 'received' and d.study_id = :study and {work.SMALL}"
        " order by d.id limit :limit) as oldest where bytes_so_far <= :bytes order by id",
        {"study": study_id, "limit": TOGETHER_MAX, "bytes": TOGETHER_BYTES},
    )
    return [int(row["id"]) for row in rows]


_CORRECTIONS = """
case when d.correction_id > 0 then (select json_agg(c order by c.unit) from (
  select distinct on (unit) unit, original, text from correction
  where push_id = d.push_id and id <= d.correction_id order by unit, id desc) as c
  where c.text is not null) end as corrections
"""
"""SQL: what is read in place of refused units of decoding `d`; null without any."""


async def document(
    conn: AsyncConnection, mapping_id: int | None, version: int
) -> dict[str, Any] | None:
    """Return what a version of a mapping says; None for no mapping."""
    rows = await execute(
        conn,
        "select document from mapping_version where mapping_id = :id and number = :version",
        {"id": mapping_id, "version": version},
    )
    return dict(rows[0]["document"]) if rows else None


_TODO = f"""
select d.id, d.study_id, d.push_id, d.number, d.format, d.tz, d.encoding, d.datum, d.date_order,
  d.tag, p.named_tag, d.stored, d.stored_at, p.size_bytes, s.taxon, d.mapping_id,
  d.mapping_version, v.document as mapping, {_CORRECTIONS},
  extract(epoch from p.received_at)::bigint * 1000000 as received_us
from decoding d join push p on p.id = d.push_id join study s on s.id = d.study_id
left join mapping_version v on v.mapping_id = d.mapping_id and v.number = d.mapping_version
"""


async def take(conn: AsyncConnection, decoding_ids: Sequence[int]) -> list[dict[str, Any]]:
    """Lock decodings; return those that still wait, oldest first, with what their stage needs."""
    await work.lock_all(conn, work.LOCK_PUSH, decoding_ids)
    return await execute(
        conn,
        f"{_TODO} where d.id = any(cast(:ids as bigint[])) and d.state = 'received' order by d.id",
        {"ids": list(decoding_ids)},
    )


async def reference_before(
    conn: AsyncConnection, push_id: int, number: int
) -> list[dict[str, Any]]:
    """Return the earlier decoding in force of a push, as `take` does, if it is reference data."""
    return await execute(
        conn,
        f"{_TODO} where d.push_id = :push and d.number < :number and d.replaced_at is null"
        " and d.state in ('stored', 'processed') and d.format = 'movebank-reference-csv'",
        {"push": push_id, "number": number},
    )


async def reference_after(
    conn: AsyncConnection, study_id: int, decoding_id: int
) -> list[dict[str, Any]]:
    """Return what was sent to a study later than a decoding, as `take` does, of reference data."""
    return await execute(
        conn,
        f"{_TODO} where d.study_id = :study and d.id > :id and d.replaced_at is null"
        " and d.state in ('stored', 'processed') and d.format = 'movebank-reference-csv'"
        " order by d.id",
        {"study": study_id, "id": decoding_id},
    )


async def count_attempts(conn: AsyncConnection, decoding_ids: Sequence[int]) -> dict[int, int]:
    """Count a try before the work, so that a push that kills its worker is counted too."""
    rows = await execute(
        conn,
        "update decoding set attempts = attempts + 1 where id = any(cast(:ids as bigint[]))"
        " returning id, attempts",
        {"ids": list(decoding_ids)},
    )
    return {int(row["id"]): int(row["attempts"]) for row in rows}


async def forgive_attempts(conn: AsyncConnection, decoding_ids: Sequence[int]) -> None:
    """Take back a try that says nothing about the push: the database cut it short, say."""
    await execute(
        conn,
        "update decoding set attempts = attempts - 1"
        " where id = any(cast(:ids as bigint[])) and attempts > 0",
        {"ids": list(decoding_ids)},
    )


async def fail(conn: AsyncConnection, decoding_id: int, problem: dict[str, str]) -> None:
    """Note that a push can't be read as asked; its bytes stay and can be decoded otherwise."""
    await execute(
        conn,
        "update decoding set state = 'failed', problem = cast(:problem as jsonb) where id = :id",
        {"id": decoding_id, "problem": orjson.dumps(problem).decode()},
    )
    await execute(conn, "delete from push_wait where decoding_id = :id", {"id": decoding_id})


async def problem(conn: AsyncConnection, decoding_id: int) -> dict[str, str] | None:
    """Return why a decoding failed; None for one that did not."""
    rows = await execute(conn, "select problem from decoding where id = :id", {"id": decoding_id})
    return dict(rows[0]["problem"]) if rows and rows[0]["problem"] else None


async def outcomes(conn: AsyncConnection, decoding_ids: Sequence[int]) -> list[dict[str, Any]]:
    """Return what came of decodings that have ended, with the ids that their senders know."""
    return await execute(
        conn,
        "select p.ref::text as push_id, d.number as decoding, d.state, d.format, d.units,"
        " d.records, d.refused, d.stored, d.duplicates, d.superseded, d.without_position,"
        " d.problem ->> 'code' as code"
        " from decoding d join push p on p.id = d.push_id"
        " where d.id = any(cast(:ids as bigint[])) and d.state <> 'received' order by d.id",
        {"ids": list(decoding_ids)},
    )


async def given_up(conn: AsyncConnection, *, limit: int = 20) -> list[dict[str, str]]:
    """Return the pushes that were given up by count, newest first: (ref, detail)."""
    rows = await execute(
        conn,
        "select p.ref, d.problem ->> 'detail' as detail from decoding d"
        " join push p on p.id = d.push_id where d.state = 'failed' and d.replaced_at is null"
        " and d.problem ->> 'code' = :code order by d.id desc limit :limit",
        {"code": inbox.GIVEN_UP, "limit": limit},
    )
    return [{"ref": str(row["ref"]), "detail": row["detail"]} for row in rows]


async def replace_earlier(
    conn: AsyncConnection, push_id: int, number: int
) -> tuple[set[int], list[int]]:
    """
    Take the earlier decodings of a push out of force, with everything they brought.

    Fixes and readings that another push delivered as well are given back by reading that push
    again. Returns the tags for which birds were named, which may imply less now, and those
    decodings of other pushes, which wait from now on.
    """
    waiting: list[int] = []
    old = await execute(
        conn,
        "update decoding set replaced_at = clock_timestamp() where push_id = :push"
        " and number < :number and replaced_at is null"
        " returning id, study_id, tag_ids, time_first, time_last",
        {"push": push_id, "number": number},
    )
    named = await names.forget_namings(conn, [row["id"] for row in old])
    for row in old:
        if row["time_first"] is None:
            continue
        binds = {"id": row["id"], "tags": row["tag_ids"], "first": row["time_first"],
                 "last": row["time_last"], "study": row["study_id"], "push": push_id}  # fmt: skip
        mine = (
            "f.tag_id = any(cast(:tags as int[])) and f.time between :first and :last"
            " and f.decoding_id = :id"
        )
        await work.mark_dirty_from(
            conn,
            "select d.individual_id, d.study_id, min(f.time) as from_time, max(f.time) as to_time"
            f" from (select tag_id, time from fix f where {mine} union all"
            f"  select tag_id, time from reading f where {mine}) as f {wearer('f')}"
            " group by d.individual_id, d.study_id",
            binds,
        )
        lost = await execute(
            conn,
            "with gone as"
            f" (update fix f set live = false where {mine} returning tag_id, provider_id)"
            " select distinct tag_id, provider_id from gone where provider_id is not null"
            " order by tag_id, provider_id",
            binds,
        )
        # A lower revision, of a push that stays, stands again.
        await revisions.settle(conn, [(gone["tag_id"], gone["provider_id"]) for gone in lost])
        again = await execute(
            conn,
            "update decoding set state = 'received', attempts = 0"
            " where study_id = :study and push_id <> :push"
            " and replaced_at is null and (duplicates > 0 or without_position > 0)"
            " and state in ('stored', 'processed')"
            " and tag_ids && cast(:tags as int[]) and time_first <= :last and time_last >= :first"
            " returning id",
            binds,
        )
        waiting += [int(row["id"]) for row in again]
    return named, waiting


GIVEN_BACK_BYTES = 32 << 20
"""Pushes that are read again with the one that gives their fixes back, as sent [bytes]."""


async def at_hand(conn: AsyncConnection, decoding_ids: Sequence[int], *, alone: bool) -> list[int]:
    """
    Lock those of these decodings that may be read at once: few bytes, and nobody has them.

    Where others store in the study too, only small ones: long ones want it for themselves.
    """
    rows = await execute(
        conn,
        "select id from (select d.id, sum(p.size_bytes) over (order by d.id) as bytes_so_far"
        " from decoding d join push p on p.id = d.push_id"
        " where d.id = any(cast(:ids as bigint[]))"
        " and (:alone or p.size_bytes <= :small)) as oldest"
        " where bytes_so_far <= :bytes and pg_try_advisory_xact_lock(:kind, id::int) order by id",
        {"ids": list(decoding_ids), "bytes": GIVEN_BACK_BYTES, "kind": work.LOCK_PUSH,
         "alone": alone, "small": work.SMALL_BYTES},
    )  # fmt: skip
    return [int(row["id"]) for row in rows]


async def decode_again(
    conn: AsyncConnection, audience: Audience, push_ref: UUID, reading: inbox.Reading
) -> inbox.Kept:
    """
    Have a kept push read in another way; the decoding that stands is in force until then.

    The same way once more changes nothing, as the same push sent again would not; what failed is
    tried again.
    """
    rows = await execute(
        conn,
        "select p.id, p.study_id, p.digest, p.ref from push asked"
        " join push p on p.id = coalesce(asked.replay_of_id, asked.id)"
        " where asked.ref = :ref and asked.study_id = any(cast(:exact as int[]))",
        {"ref": push_ref, "exact": list(audience.exact)},
    )
    if not rows:
        raise unknown()
    push = rows[0]
    await inbox.queue(conn, push["digest"], push["study_id"])
    current, failed = await inbox.standing(conn, push["id"])
    if reading.is_of(current):
        await inbox.revive(conn, int(current["id"]))
        return inbox.Kept(push["ref"], int(current["id"]), replayed=True)
    if failed is not None and reading.is_of(failed):
        await inbox.try_again(conn, int(failed["id"]))
        return inbox.Kept(push["ref"], int(failed["id"]), replayed=False)
    made = await inbox.new_decoding(conn, push["study_id"], push["id"], reading, audience)
    return inbox.Kept(push["ref"], made, replayed=False)


def unknown() -> NotFound:
    """Return the one answer for a missing push and for one of another institute."""
    return NotFound(
        "There is no such push for this caller.",
        remedy="Take push_id from the receipt of the push, with a key of the same institute.",
    )
