"""What a data manager asks first: how each bird is, and what came since yesterday."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.movement.profile import GAP_MAX_S
from app.store.audience import Audience
from app.store.engine import execute
from app.store.fragments import worn_at
from app.store.implied import doubts

Row = dict[str, Any]

State = Literal[
    "suspected_dead_or_dropped",
    "silent_unexpectedly",
    "not_heard_yet",
    "silent_as_expected",
    "moving",
    "stopover",
    "roosting",
]
STATES: tuple[State, ...] = State.__args__  # type: ignore[attr-defined]  # the words of the type
"""What a bird can be, the worst first."""

BIRDS_MAX = 5_000
"""Most birds of one report; `birds_complete` tells when there are more."""
ARRIVALS_MAX = 1_000
"""Most rows of one report that tell what came."""
FLAGS_MAX = 1_000
"""Most flagged fixes that are looked at for one tag; `flagged_complete` tells when it is more."""
BATTERY_MAX = 30
"""Newest records of a tag in which its battery is looked for, of each kind."""

SILENT_BEFORE_M = 50_000
"""Radius within which another silence that ended tells of a place without a network [m]."""
_SILENT_BEFORE_DEG = 1.5
"""A box that holds that radius up to 70 degrees north [degrees]."""

FRESH_INTERVALS = 2
"""A silence of so many usual intervals is none yet: a tag that misses one fix is no alarm."""


def _way(at: str) -> str:
    """Return the SQL of how far a bird had come at a time [m], interpolated within an hour."""
    k = f"width_bucket({at}, r.path_time)"
    share = (
        f"extract(epoch from {at} - r.path_time[{k}])"
        f" / extract(epoch from r.path_time[{k} + 1] - r.path_time[{k}])"
    )
    return (
        f"(case when {k} = 0 then r.path_m[1]"
        f" when {k} = cardinality(r.path_time) then r.path_m[{k}]"
        f" else r.path_m[{k}] + (r.path_m[{k} + 1] - r.path_m[{k}]) * ({share})::float8 end)"
    )


_NOW = "cast(:now as timestamptz)"


def _moved(span: str) -> str:
    first = f"{_NOW} - interval '{span}'"
    return f"case when l.time >= {first} then {_way(_NOW)} - {_way(first)} end"


def _battery(table: str) -> str:
    return (
        f"(select time, battery_v from (select f.time, f.battery_v from {table} f"
        f" where f.tag_id = w.tag_id and f.time <= {_NOW} and {worn_at('f.time', 'w.during')}"
        f" order by f.time desc limit {BATTERY_MAX}) as late where battery_v is not null"
        " order by time desc limit 1)"
    )


# The arrays of `recent` are unpacked once a bird, by the empty arrays put to them: as columns they
# would be unpacked at each mention.
_BIRDS = f"""
with worn as (
  select distinct on (d.individual_id) d.individual_id, d.tag_id, d.during from deployment d
  where d.study_id = any(:exact) and d.replaced_at is null and d.during @> {_NOW}
    and not exists (select from withdrawal x
      where x.individual_id = d.individual_id and x.undone_at is null)
  order by d.individual_id, lower(d.during) desc nulls last, d.id desc)
select i.ref as individual_id, i.local_identifier as individual, i.species_key as species,
  s.ref as study, s.name as study_name, s.simulated, t.ref as tag_id, t.local_identifier as tag,
  l.time as last_time, l.lon, l.lat, r.doing, r.interval_usual_s, r.silence_usual_s, r.lag_p95_s,
  extract(epoch from greatest({_NOW}, l.time) - l.time)::float8 as silence_s,
  {_moved("24 hours")} as moved_24h_m, {_moved("7 days")} as moved_7d_m,
  b.time as battery_time, b.battery_v::text::float8 as battery_v,
  (select x.start_time from lifeless x where x.individual_id = i.id and x.tag_id = w.tag_id
    and not x.dismissed order by x.start_time limit 1) as still_since,
  before.silence_s as silence_before_s
from worn w join individual i on i.id = w.individual_id join study s on s.id = i.study_id
join tag t on t.id = w.tag_id
left join latest_fix l on l.individual_id = i.id
left join lateral (
  select r.doing, r.interval_usual_s, r.silence_usual_s, r.lag_p95_s,
    r.path_time || '{{}}'::timestamptz[] as path_time, r.path_m || '{{}}'::float8[] as path_m
  from recent r where r.individual_id = i.id offset 0) as r on true
left join lateral (select * from ({_battery("fix")} union all {_battery("reading")}) as heard
  order by time desc limit 1) as b on true
left join lateral (
  select max(extract(epoch from p.time_last - p.time_first))::float8 as silence_s
  from track_part p
  where not p.observed and p.study_id = any(:exact)
    and l.time < {_NOW} - interval '1 day'
    and p.line && st_expand(st_setsrid(st_makepoint(l.lon, l.lat), 4326), {_SILENT_BEFORE_DEG})
    and st_distancesphere(st_startpoint(st_geometryn(p.line, 1)),
      st_setsrid(st_makepoint(l.lon, l.lat), 4326)) <= {SILENT_BEFORE_M}) as before on true
where cast(:study as uuid) is null or s.ref = :study
order by i.id limit {BIRDS_MAX + 1}
"""


async def birds(
    conn: AsyncConnection, audience: Audience, *, now: datetime, study: UUID | None = None
) -> list[Row]:
    """Return the birds of own studies that wear a tag now, the worst first, with their states."""
    rows = await execute(conn, _BIRDS, {"exact": audience.sql["exact"], "now": now, "study": study})
    known = [row | habit(row) for row in rows]
    return sorted(({**row, "state": state(row)} for row in known), key=_urgency)


def habit(row: Mapping[str, Any]) -> Row:
    """
    Return how long a bird's silence may last [s], and how many days it has lasted beyond that.

    A habit is told by the bird's own intervals and the usual lag of its fixes; a bird heard of
    too seldom for one may be silent for as long as no gap is flagged.
    """
    usual, fresh = row["silence_usual_s"], _fresh_s(row)
    lag = max(row["lag_p95_s"] or 0.0, 0.0)
    expected = GAP_MAX_S if usual is None or fresh is None else max(usual + lag, fresh)
    silence = row["silence_s"]
    beyond = None if silence is None else max(silence - expected, 0.0) / 86_400.0
    return {"silence_expected_s": expected, "days_beyond_habit": beyond}


def _fresh_s(row: Mapping[str, Any]) -> float | None:
    interval = row["interval_usual_s"]
    lag = max(row["lag_p95_s"] or 0.0, 0.0)
    return None if interval is None else FRESH_INTERVALS * float(interval) + lag


def state(row: Mapping[str, Any]) -> State:
    """Return what a bird is, by its last fix, its habit, and what is suspected of its tag."""
    if row["still_since"] is not None:
        return "suspected_dead_or_dropped"
    silence = row["silence_s"]
    if silence is None:
        return "not_heard_yet"
    if silence > row["silence_expected_s"]:
        returned = row["silence_before_s"]
        known = returned is not None and silence <= returned
        return "silent_as_expected" if known else "silent_unexpectedly"
    fresh = _fresh_s(row)
    if fresh is not None and silence > fresh:
        return "silent_as_expected"
    doing: State = row["doing"] or "moving"
    return doing


def _urgency(row: Row) -> tuple[int, float, str, str]:
    over = (row["silence_s"] or 0.0) / row["silence_expected_s"]
    return STATES.index(row["state"]), -over, row["individual"], str(row["individual_id"])


_ARRIVALS = f"""
with came as (
  select d.id, d.study_id, d.state, d.stored, d.refused, d.warnings, d.tag_ids, d.time_first,
    d.time_last, coalesce(p.source_id, 0) as source_id, coalesce(p.connector_id, 0)
      as connector_id
  from decoding d join push p on p.id = d.push_id
  where d.received_at >= :since and d.study_id = any(:exact) and d.replaced_at is null
    and (cast(:study as uuid) is null
      or d.study_id = (select id from study where ref = :study))),
spans as (
  select tag.id, min(c.time_first) as first, max(c.time_last) as last
  from came c cross join lateral unnest(c.tag_ids) as tag(id) where c.time_first is not null
  group by tag.id),
flags as (
  select g.tag_id, g.time, g.sensor, g.variant,
    row_number() over (partition by s.id) > {FLAGS_MAX} as more
  from spans s cross join lateral (
    select * from fix_flag g where g.tag_id = s.id and g.time between s.first and s.last
    limit {FLAGS_MAX + 1}) as g),
flagged as (
  select x.study_id, x.source_id, x.connector_id, count(*)::bigint as n, bool_or(x.more) as more
  from (
    select distinct on (g.tag_id, g.time, g.sensor, g.variant) g.more, c.* from flags g
    cross join lateral (
      select f.decoding_id from fix f where f.tag_id = g.tag_id and f.time = g.time
        and f.sensor = g.sensor and f.variant = g.variant and f.live limit 1) as f
    cross join lateral (
      select p.study_id, coalesce(p.source_id, 0) as source_id,
        coalesce(p.connector_id, 0) as connector_id
      from decoding d join push p on p.id = d.push_id
      where d.id = f.decoding_id and d.received_at >= :since limit 1) as c) as x
  group by x.study_id, x.source_id, x.connector_id),
total as (
  select study_id, source_id, connector_id, count(*)::int as n_pushes,
    count(*) filter (where state = 'failed')::int as n_failed, sum(stored)::bigint as n_stored,
    sum(refused)::bigint as n_refused,
    count(*) filter (where jsonb_array_length(warnings) > 0
      or exists ({doubts("came")}))::int as n_suspect_pushes
  from came group by study_id, source_id, connector_id)
select s.ref as study, s.name as study_name, source.ref as source, source.name as source_name,
  connector.ref as connector, connector.name as connector_name, t.n_pushes, t.n_failed,
  t.n_stored, t.n_refused, t.n_suspect_pushes, coalesce(f.n, 0) as n_flagged,
  not coalesce(f.more, false) as flagged_complete
from total t join study s on s.id = t.study_id left join source on source.id = t.source_id
left join connector on connector.id = t.connector_id
left join flagged f on f.study_id = t.study_id and f.source_id = t.source_id
  and f.connector_id = t.connector_id
order by n_failed desc, n_refused desc, n_flagged desc, s.name, source.name, connector.name
limit {ARRIVALS_MAX}
"""
# Flagged fixes are led to their pushes one by one and added up before they meet the pushes: a join
# of all pushes with all flags would be planned for the few rows that are usual.


async def arrivals(
    conn: AsyncConnection, audience: Audience, *, since: datetime, study: UUID | None = None
) -> list[Row]:
    """Return what came to own studies since a time, by study and source, the worst first."""
    return await execute(
        conn, _ARRIVALS, {"exact": audience.sql["exact"], "since": since, "study": study}
    )


DAY = timedelta(days=1)
"""How far back a report looks for what came, unless it is told."""
