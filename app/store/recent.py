"""What each bird did of late, kept so that nobody reads all fixes to tell it in the morning."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from app.movement.profile import GAP_MAX_S
from app.store.derived import Bird
from app.store.engine import execute
from app.store.fragments import worn_at
from app.store.sending import FIXES_MAX, INTERVALS_MIN, SAMPLE

_LAG = "extract(epoch from p.received_at - n.time)::float8"

_HABIT = f"""
with newest as (
  select f.time, f.decoding_id from deployment d cross join lateral (
    select f.time, f.decoding_id from fix f
    where f.tag_id = d.tag_id and f.live and {worn_at("f.time")}
    order by f.time desc limit {FIXES_MAX}) as f
  where d.individual_id = :individual and d.replaced_at is null
  order by f.time desc limit {FIXES_MAX}),
spaced as (
  select nullif(extract(epoch from time - lag(time) over (order by time)), 0)::float8 as interval_s
  from newest)
select case when count(interval_s) >= {INTERVALS_MIN} then
    percentile_cont(array[0.5, 0.99]) within group (order by interval_s) end as habit,
  (select percentile_cont(0.95) within group (order by {_LAG})
      filter (where {_LAG} <= {GAP_MAX_S})
    from (select * from newest order by time desc limit {SAMPLE}) as n
    join decoding d on d.id = n.decoding_id join push p on p.id = d.push_id) as lag
from spaced
"""
"""
SQL: how a bird is heard of, whatever tags it wore; hidden fixes are signs of life as well.

The lag is that of the newest fixes alone: to find the pushes of all would take most of the time.
What came later than the longest gap that is bridged is an archive: it tells of no habit.
"""


async def renew(
    conn: AsyncConnection,
    bird: Bird,
    doing: str,
    path_time: Sequence[datetime],
    path_m: Sequence[float],
) -> None:
    """
    Keep what a bird was doing at its newest fix, its way there, and how often it is heard of.

    `path_m` is the way since the first of `path_time` [m]; an empty one means no fix: no row.
    """
    binds: dict[str, Any] = {"individual": bird.individual_id}
    if not path_time:
        await execute(conn, "delete from recent where individual_id = :individual", binds)
        return
    row = (await execute(conn, _HABIT, binds))[0]
    interval, silence = row["habit"] or (None, None)
    await execute(
        conn,
        "insert into recent (individual_id, study_id, doing, interval_usual_s, silence_usual_s,"
        " lag_p95_s, path_time, path_m) values (:individual, :study, :doing, :interval, :silence,"
        " :lag, cast(:path_time as timestamptz[]), cast(:path_m as float8[]))"
        " on conflict (individual_id) do update set doing = excluded.doing,"
        " interval_usual_s = excluded.interval_usual_s,"
        " silence_usual_s = excluded.silence_usual_s, lag_p95_s = excluded.lag_p95_s,"
        " path_time = excluded.path_time, path_m = excluded.path_m",
        binds
        | {"study": bird.study_id, "doing": doing, "interval": interval, "silence": silence,
           "lag": row["lag"], "path_time": list(path_time), "path_m": list(path_m)},
    )  # fmt: skip
