"""How tags and sources send: usual interval, silence against it, and lag from fix to arrival."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.store import reference, sources
from app.store.audience import Audience
from app.store.engine import execute

Row = dict[str, Any]

FIXES_MAX = 1_000
"""Newest fixes that the habit of a tag is drawn from: two weeks to half a year of most tags."""

PUSHES_MAX = 200
"""Newest pushes that the habit of a source is drawn from."""

TAGS_MAX, SAMPLE = 2_000, 100
"""Pairs of push and tag looked at, and fixes of each, for the lags of a source; or of a bird."""

INTERVALS_MIN = 10
"""Fewest intervals that make a habit."""

_HABIT = f"""
count(*)::int as n, max(x.at) as last, extract(epoch from now() - max(x.at))::float8 as silence_s,
case when count(x.interval_s) >= {INTERVALS_MIN} then
  percentile_cont(array[0.5, 0.99]) within group (order by x.interval_s) end as habit
"""
"""SQL: of rows `x` with a time `at` and the interval before it [s], null where there is none."""

_INTERVAL = "nullif(extract(epoch from {0} - lag({0}) over (order by {0})), 0)::float8"

_LAG = "percentile_cont(array[0.5, 0.95]) within group (order by lag_s)"

_TAG = f"""
with newest as (
  select f.time, extract(epoch from p.received_at - f.time)::float8 as lag_s
  from (select time, decoding_id from fix where tag_id = :tag and live
    order by time desc, sensor desc, variant desc limit {FIXES_MAX}) f
  join decoding d on d.id = f.decoding_id join push p on p.id = d.push_id)
select {_HABIT}, {_LAG} as lag, exists (select from deployment d where d.tag_id = :tag
  and d.replaced_at is null and d.during @> now()) as worn
from (select time as at, lag_s, {_INTERVAL.format("time")} as interval_s from newest) as x
"""

_SOURCE = f"""
with newest as (select id, received_at from push where source_id = :source
  order by id desc limit {PUSHES_MAX}),
tags as (
  select p.received_at, d.id, d.time_first, d.time_last, t.tag_id
  from newest p join decoding d on d.push_id = p.id and d.replaced_at is null
  cross join lateral unnest(d.tag_ids) as t(tag_id)
  order by p.id desc limit {TAGS_MAX}),
lags as (
  select extract(epoch from s.received_at - f.time)::float8 as lag_s
  from tags s cross join lateral (select * from fix
    where tag_id = s.tag_id and time between s.time_first and s.time_last
    order by time desc, sensor desc, variant desc limit {SAMPLE}) as f
  where f.decoding_id = s.id and f.live)
select {_HABIT}, (select {_LAG} from lags) as lag, (select count(*) from lags)::int as n_fixes
from (select received_at as at, {_INTERVAL.format("received_at")} as interval_s from newest) as x
"""


async def of_tag(conn: AsyncConnection, audience: Audience, ref: UUID) -> Row:
    """
    Return how a tag of the caller's own studies sends, from its newest fixes.

    The cost is that of `FIXES_MAX` rows, however long the tag has been sending.
    """
    tag = await reference.tag(conn, audience, ref)
    row = (await execute(conn, _TAG, {"tag": tag["id"]}))[0]
    return _told(row) | {"n_fixes": row["n"], "time_last": row["last"], "worn": row["worn"]}


async def of_source(conn: AsyncConnection, audience: Audience, ref: UUID) -> Row:
    """Return how a source of the caller's own studies sends, from its newest pushes."""
    source = await sources.one(conn, audience, ref)
    row = (await execute(conn, _SOURCE, {"source": source["id"]}))[0]
    return _told(row) | {
        "n_pushes": row["n"], "n_fixes": row["n_fixes"], "received_last": row["last"],
    }  # fmt: skip


def _told(row: Row) -> Row:
    """Return the statistics of a row; a silence is told by the habit, after the usual lag."""
    interval, usual = row["habit"] or (None, None)
    median, p95 = row["lag"] or (None, None)
    silent = None if usual is None else row["silence_s"] > usual + max(p95 or 0.0, 0.0)
    return {
        "interval_usual_s": interval, "silence_usual_s": usual, "silence_s": row["silence_s"],
        "silent": silent, "lag_median_s": median, "lag_p95_s": p95,
    }  # fmt: skip
