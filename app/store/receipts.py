"""What a push has become: its receipt, its refused units, and its bytes as they were sent."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.store import implied, inbox
from app.store.audience import Audience
from app.store.engine import execute
from app.store.fragments import newest_mapping, undeployed, worn_at

Sender = Literal["source", "connector"]

_RECEIPT = f"""
select p.ref, first.ref as replay_of, p.digest, s.ref as study, d.*, src.ref as source,
  p.received_at as push_received_at, p.size_bytes, m.ref as mapping, newer.failed_reading
from push p
left join push first on first.id = p.replay_of_id
join study s on s.id = p.study_id
left join source src on src.id = p.source_id
join lateral (
  select * from decoding x where x.push_id = coalesce(p.replay_of_id, p.id)
  order by {inbox.STANDS_FIRST} limit 1
) as d on true
left join mapping m on m.id = d.mapping_id
left join lateral (
  select jsonb_build_object('decoding', x.number, 'format', x.format, 'tz', x.tz,
    'problem', x.problem) as failed_reading
  from decoding x where x.push_id = d.push_id and x.number > d.number and x.state = 'failed'
  order by x.number desc limit 1
) as newer on true
"""
"""A reading that failed takes nothing away: the push is told by the one that stands, and beside it
why the newer one failed."""


async def receipt(conn: AsyncConnection, audience: Audience, ref: UUID) -> dict[str, Any] | None:
    """Return the receipt of a push as stored, with what its fixes have become since."""
    rows = await execute(
        conn,
        _RECEIPT + " where p.ref = :ref and p.study_id = any(cast(:exact as int[]))",
        {"ref": ref, "exact": list(audience.exact)},
    )
    return {**rows[0], **await _of_stored(conn, rows[0])} if rows else None


TAGS_TOLD = 100
"""Most tags with waiting fixes that a receipt names."""

NOTHING_STORED: dict[str, Any] = {
    "undeployed": 0, "undeployed_tags": [], "flagged": {}, "individuals": [],
}  # fmt: skip
"""What the fixes of a push have become that brought none."""

UNREAD: dict[str, Any] = {
    **NOTHING_STORED, "number": 1, "state": "received", "replay_of": None, "units": 0,
    "records": 0, "refused": 0, "stored": 0, "duplicates": 0, "superseded": 0,
    "without_position": 0, "time_first": None, "time_last": None, "warnings": [], "problem": None,
    "stored_at": None, "processed_at": None,
}  # fmt: skip
"""What the receipt of a push says that nobody has decoded yet."""

_WAITING = f"""
select t.ref as tag, t.local_identifier, sum(w.n)::bigint as n_fixes,
  min(w.first) as time_first, max(w.last) as time_last
from tag t cross join lateral unnest({undeployed("t.id")}) as gap(during)
cross join lateral (select count(*) as n, min(f.time) as first, max(f.time) as last from fix f
  where f.tag_id = t.id and f.decoding_id = :id and f.live and f.time >= :first
    and f.time <= :last and {worn_at("f.time", "gap.during")}) as w
where t.id = any(cast(:tags as int[]))
group by t.id having sum(w.n) > 0 order by t.local_identifier
"""

_DOUBTS = f"""
select w.code, w.detail from decoding d cross join lateral ({implied.doubts("d")}) as w
where d.id = :id order by w.code, w.detail limit {TAGS_TOLD}
"""


async def _of_stored(conn: AsyncConnection, row: dict[str, Any]) -> dict[str, Any]:
    span = {
        "id": row["id"], "tags": row["tag_ids"], "first": row["time_first"],
        "last": row["time_last"],
    }  # fmt: skip
    if row["time_first"] is None:
        return NOTHING_STORED
    waiting = await execute(conn, _WAITING, span)
    flagged = await execute(
        conn,
        "select g.code, count(*) as n from fix_flag g join fix f using"
        " (tag_id, time, sensor, variant) where f.tag_id = any(cast(:tags as int[]))"
        " and f.time between :first and :last and f.decoding_id = :id and f.live"
        " group by g.code order by g.code",
        span,
    )
    individuals = await execute(
        conn,
        "select distinct i.ref, i.local_identifier from deployment d"
        " join individual i on i.id = d.individual_id where d.replaced_at is null"
        " and d.tag_id = any(cast(:tags as int[])) and d.during && tstzrange(:first, :last, '[]')"
        " order by i.local_identifier",
        span,
    )
    doubts = await execute(conn, _DOUBTS, {"id": row["id"]})
    return {
        "warnings": [*row["warnings"], *doubts],
        "undeployed": sum(each["n_fixes"] for each in waiting),
        "undeployed_tags": waiting[:TAGS_TOLD],
        "flagged": {row["code"]: row["n"] for row in flagged},
        "individuals": [row["ref"] for row in individuals],
    }


async def list_pushes(
    conn: AsyncConnection, audience: Audience, *, study_id: int, before_id: int | None, limit: int
) -> list[dict[str, Any]]:
    """Return the pushes of a study, newest first, from `before_id` down."""
    return await execute(
        conn,
        "select p.id as push_id, p.ref, p.received_at, p.size_bytes, p.content_type"
        " from push p where p.study_id = :study and p.study_id = any(cast(:exact as int[]))"
        " and (cast(:before as bigint) is null or p.id < :before) order by p.id desc limit :limit",
        {"study": study_id, "exact": list(audience.exact), "before": before_id, "limit": limit},
    )


async def refusals(
    conn: AsyncConnection, audience: Audience, ref: UUID, *, after_unit: int, limit: int
) -> list[dict[str, Any]]:
    """Return refused units of a push as its receipt tells them, in the order of the push."""
    return await execute(
        conn,
        f"select r.unit, r.offset_bytes, r.line, r.excerpt, r.code, r.remedy from ({_RECEIPT}"
        " where p.ref = :ref"
        " and p.study_id = any(cast(:exact as int[]))) as receipt"
        " join refusal r on r.decoding_id = receipt.id where r.unit > :after"
        " order by r.unit limit :limit",
        {"ref": ref, "exact": list(audience.exact), "after": after_unit, "limit": limit},
    )


def _otherwise(sender: Sender) -> str:
    """Give the SQL of the pushes of a source or connector that it would read otherwise now."""
    return f"""
from {sender} s {newest_mapping("s")}
join push p on p.study_id = s.study_id and p.{sender}_id = s.id and p.replay_of_id is null
join lateral (
  select * from decoding x where x.push_id = p.id order by x.number desc limit 1) as d on true
left join mapping m on m.id = d.mapping_id
where s.id = :id and s.study_id = any(cast(:exact as int[])) and (
  (d.tz, d.datum, coalesce(d.mapping_id, 0), d.mapping_version) is distinct from
    (coalesce(v.document ->> 'tz', s.tz), s.datum, coalesce(s.mapping_id, 0), coalesce(v.number, 0))
  or s.date_order is not null and d.date_order is distinct from s.date_order
  or s.encoding is not null and d.encoding is distinct from s.encoding
  or s.format is not null and d.format is distinct from s.format)
"""


async def n_read_otherwise(
    conn: AsyncConnection, audience: Audience, sender: Sender, sender_id: int
) -> int:
    """Return how many pushes of a source or connector it would read otherwise now."""
    rows = await execute(
        conn,
        f"select count(*) as n {_otherwise(sender)}",
        {"id": sender_id, "exact": list(audience.exact)},
    )
    return int(rows[0]["n"])


async def read_otherwise(
    conn: AsyncConnection,
    audience: Audience,
    sender: Sender,
    sender_id: int,
    *,
    before: int | None = None,
    limit: int,
) -> list[dict[str, Any]]:
    """Return those pushes, newest first, each with how it is read."""
    return await execute(
        conn,
        "select p.id, p.ref as push_id, p.received_at, d.number as decoding, d.format, d.tz,"
        " d.encoding, d.datum, d.date_order, m.ref as mapping,"
        f" nullif(d.mapping_version, 0) as mapping_version, d.asked_by {_otherwise(sender)}"
        " and (cast(:before as bigint) is null or p.id < :before) order by p.id desc limit :limit",
        {"id": sender_id, "exact": list(audience.exact), "before": before, "limit": limit},
    )


async def sent_bytes(conn: AsyncConnection, audience: Audience, ref: UUID) -> bytes | None:
    """Return the bytes of a push exactly as they were sent; None for a caller it is hidden from."""
    rows = await execute(
        conn,
        "select coalesce(replay_of_id, id) as id from push"
        " where ref = :ref and study_id = any(cast(:exact as int[]))",
        {"ref": ref, "exact": list(audience.exact)},
    )
    if not rows:
        return None
    (sent,) = (await inbox.bodies(conn, [rows[0]["id"]])).values()
    return sent
