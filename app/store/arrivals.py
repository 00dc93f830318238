"""Arriving records become fixes and readings: staged by COPY, merged once, counted."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import polars as pl
from sqlalchemy.ext.asyncio import AsyncConnection

from app.store import work
from app.store.engine import driver, execute
from app.store.fragments import fix_key, time_of, wearer

_KEY = ("tag_id", "time_us", "sensor", "variant")

STAGED = (
    "unit", *_KEY, "lon", "lat", "error_m", "height_m", "ground_speed_m_s", "heading_deg",
    "satellites", "dop", "stated_error_m", "argos_class", "semi_major_m", "semi_minor_m",
    "orientation_deg", "lon2", "lat2", "provider_id", "provider_revision", "marked_outlier",
    "battery_v", "temperature_c", "activity", "flagged",
)  # fmt: skip
"""Columns of the staging table, in the order the records are copied."""

_ATTRIBUTES = STAGED[8:-1]

_STAGE = """
create temp table stage (
  unit bigint, tag_id int, time_us bigint, sensor smallint, variant bigint, lon float8, lat float8,
  error_m real, height_m real, ground_speed_m_s real, heading_deg real, satellites smallint,
  dop real, stated_error_m real, argos_class text, semi_major_m real, semi_minor_m real,
  orientation_deg real, lon2 float8, lat2 float8, provider_id text, provider_revision int,
  marked_outlier boolean, battery_v real, temperature_c real, activity float8, flagged boolean
) on commit drop
"""

_TIME = time_of("time_us")


@dataclass(frozen=True, slots=True)
class Counts:
    """What became of the records of one decoding."""

    stored: int
    duplicates: int
    superseded: int
    without_position: int


async def store(
    conn: AsyncConnection,
    *,
    study_id: int,
    decoding_id: int,
    positions: pl.DataFrame,
    readings: pl.DataFrame,
    again: bool,
) -> Counts:
    """
    Merge one decoding into the fixes of its tags.

    Parameters
    ----------
    conn : AsyncConnection
        A transaction in which the tags are locked.
    study_id, decoding_id : int
        Owner and origin of the records.
    positions : polars.DataFrame
        Columns `STAGED`; records with a position.
    readings : polars.DataFrame
        The same columns; records without.
    again : bool
        The decoding was stored before: rows that it owns already count as stored.
    """
    await execute(conn, _STAGE)
    await _copy(conn, positions)
    binds = {"study": study_id, "decoding": decoding_id}
    owned = await _owned(conn, binds) if again else 0
    stored = owned + await _insert_fixes(conn, binds)
    superseded = 0
    if positions["provider_id"].null_count() < positions.height:
        superseded = await _settle_revisions(conn, binds)
    await _apply_verdicts(conn)
    await _insert_readings(conn, binds, readings)
    return Counts(
        stored=stored - superseded,
        duplicates=positions.height - stored,
        superseded=superseded,
        without_position=readings.height,
    )


async def _copy(conn: AsyncConnection, frame: pl.DataFrame) -> None:
    if frame.is_empty():
        return
    text = io.BytesIO()
    frame.select(STAGED).write_csv(text, include_header=False, null_value="")
    text.seek(0)
    await (await driver(conn)).copy_to_table(
        "stage", source=text, columns=list(STAGED), format="csv"
    )


async def _owned(conn: AsyncConnection, binds: dict[str, Any]) -> int:
    rows = await execute(
        conn,
        f"select count(distinct (s.tag_id, s.time_us, s.sensor, s.variant)) as n from stage s"
        f" join fix f on f.tag_id = s.tag_id and f.time = {time_of('s.time_us')}"
        " and f.sensor = s.sensor and f.variant = s.variant"
        " where f.decoding_id = :decoding and f.live",
        binds,
    )
    return int(rows[0]["n"])


async def _insert_fixes(conn: AsyncConnection, binds: dict[str, Any]) -> int:
    columns = ", ".join(("lon", "lat", "error_m", *_ATTRIBUTES))
    rows = await execute(
        conn,
        f"""
        with merged as (
          insert into fix (tag_id, time, sensor, variant, study_id, decoding_id, visible, {columns})
          select distinct on (tag_id, time_us, sensor, variant) tag_id, {_TIME}, sensor, variant,
            tag.study_id, :decoding, not flagged, {columns}
          from stage join tag on tag.id = stage.tag_id and tag.study_id = :study
          order by tag_id, time_us, sensor, variant, unit
          on conflict (tag_id, time, sensor, variant) do update
            set decoding_id = excluded.decoding_id, live = true, visible = excluded.visible
            where not fix.live and exists (select from decoding d
              where d.id = fix.decoding_id and d.replaced_at is not null)
          returning 1)
        select count(*) as n from merged
        """,
        binds,
    )
    return int(rows[0]["n"])


async def _settle_revisions(conn: AsyncConnection, binds: dict[str, Any]) -> int:
    """Let the highest provider revision of each fix stand; return the losers among the new ones."""
    rows = await execute(
        conn,
        f"""
        with touched as (select distinct tag_id, provider_id from stage
          where provider_id is not null),
        ranked as (
          select f.tag_id, f.time, f.sensor, f.variant, row_number() over (
            partition by f.tag_id, f.provider_id
            order by coalesce(f.provider_revision, 0) desc, f.variant) = 1 as wins
          from fix f join touched using (tag_id, provider_id)
          join decoding d on d.id = f.decoding_id and d.replaced_at is null),
        settled as (
          update fix f set live = r.wins from ranked r
          where {fix_key("f")} = {fix_key("r")} and f.live <> r.wins
          returning f.decoding_id, f.live, f.tag_id, f.time),
        spans as (
          insert into dirty (individual_id, study_id, from_time, to_time)
          select d.individual_id, d.study_id, min(s.time), max(s.time)
          from settled s {wearer("s")}
          group by d.individual_id, d.study_id order by 1 {work.MERGE})
        select count(*) as n from settled where decoding_id = :decoding and not live
        """,
        binds,
    )
    return int(rows[0]["n"])


async def _apply_verdicts(conn: AsyncConnection) -> None:
    """Let what a person decided stand, whatever the checks of a re-ingest say."""
    await execute(
        conn,
        f"""
        update fix f set visible = v.verdict = 'show'
        from fix_verdict v join stage s on s.tag_id = v.tag_id and s.sensor = v.sensor
          and s.variant = v.variant and {time_of("s.time_us")} = v.time
        where v.undone_at is null and {fix_key("f")} = {fix_key("v")}
        """,
    )


async def _insert_readings(
    conn: AsyncConnection, binds: dict[str, Any], readings: pl.DataFrame
) -> None:
    if readings.is_empty():
        return
    await execute(conn, "truncate stage")
    await _copy(conn, readings)
    await execute(
        conn,
        f"""
        insert into reading (tag_id, time, sensor, variant, study_id, decoding_id, argos_class,
          battery_v, temperature_c, activity)
        select distinct on (tag_id, time_us, sensor, variant) tag_id, {_TIME}, sensor, variant,
          :study, :decoding, argos_class, battery_v, temperature_c, activity
        from stage order by tag_id, time_us, sensor, variant, unit
        on conflict do nothing
        """,
        binds,
    )


async def store_flags(conn: AsyncConnection, study_id: int, flags: pl.DataFrame) -> None:
    """Store record-level flags: columns tag_id, time_us, sensor, variant, code, detail."""
    if flags.is_empty():
        return
    await execute(
        conn,
        f"""
        insert into fix_flag (tag_id, time, sensor, variant, code, study_id, origin, detail)
        select tag_id, {_TIME}, sensor, variant, code, :study, 'record', detail
        from unnest(cast(:tags as int[]), cast(:times as bigint[]), cast(:sensors as int[]),
          cast(:variants as bigint[]), cast(:codes as text[]), cast(:details as text[]))
          as new(tag_id, time_us, sensor, variant, code, detail)
        order by tag_id, time_us, sensor, variant, code on conflict do nothing
        """,
        {"study": study_id, "tags": flags["tag_id"].to_list(),
         "times": flags["time_us"].to_list(), "sensors": flags["sensor"].to_list(),
         "variants": flags["variant"].to_list(), "codes": flags["code"].to_list(),
         "details": flags["detail"].to_list()},
    )  # fmt: skip


async def store_refusals(
    conn: AsyncConnection,
    study_id: int,
    decoding_id: int,
    rows: Sequence[tuple[int, str, str, str]],
) -> None:
    """Store the refused units of a decoding: (unit, excerpt, code, remedy)."""
    await execute(conn, "delete from refusal where decoding_id = :id", {"id": decoding_id})
    if rows:
        await (await driver(conn)).copy_records_to_table(
            "refusal",
            records=[(decoding_id, unit, study_id, *rest) for unit, *rest in rows],
            columns=["decoding_id", "unit", "study_id", "excerpt", "code", "remedy"],
        )


async def mark_touched(
    conn: AsyncConnection, spans: Sequence[tuple[int, int, int]], decoding_id: int
) -> None:
    """Mark the birds that wore these tags then (tag, first us, last us); the push waits for it."""
    values = {
        "tags": [s[0] for s in spans], "firsts": [s[1] for s in spans],
        "lasts": [s[2] for s in spans],
    }  # fmt: skip
    worn = f"""
      select d.individual_id, d.study_id,
        min(greatest(first, coalesce(lower(d.during), '-infinity'))) as from_time,
        max(least(last, coalesce(upper(d.during), 'infinity'))) as to_time
      from (select tag_id, {_TIME} as first, {time_of("last_us")} as last
        from unnest(cast(:tags as int[]), cast(:firsts as bigint[]), cast(:lasts as bigint[]))
          as spans(tag_id, time_us, last_us)) as s
      join deployment d on d.tag_id = s.tag_id and d.replaced_at is null
        and d.during && tstzrange(first, last, '[]')
      group by d.individual_id, d.study_id
    """
    await work.mark_dirty_from(conn, worn, values)
    await execute(
        conn,
        "insert into push_wait (decoding_id, subject)"
        f" select :decoding, {work.INDIVIDUAL_SUBJECT} from ({worn}) as worn"
        " on conflict do nothing",
        {**values, "decoding": decoding_id},
    )


async def finish(conn: AsyncConnection, decoding_id: int, values: dict[str, Any]) -> None:
    """Write the counts of a decoding and call it stored: from here on its fixes can be read."""
    await execute(
        conn,
        f"""
        update decoding set state = 'stored', stored_at = clock_timestamp(), problem = null,
          format = :format, units = :units, records = :records, refused = :refused,
          stored = :stored, duplicates = :duplicates, superseded = :superseded,
          without_position = :without_position, tag_ids = :tag_ids,
          time_first = {time_of("cast(:first_us as bigint)")},
          time_last = {time_of("cast(:last_us as bigint)")},
          warnings = cast(:warnings as jsonb)
        where id = :id
        """,
        {"id": decoding_id, **values, "warnings": orjson.dumps(values["warnings"]).decode()},
    )
    await work.settle(conn)


async def replace_earlier(conn: AsyncConnection, push_id: int, number: int) -> None:
    """
    Take the earlier decodings of a push out of force, with everything they brought.

    Fixes that another push delivered as well are given back by reading that push again.
    """
    old = await execute(
        conn,
        "update decoding set replaced_at = clock_timestamp() where push_id = :push"
        " and number < :number and replaced_at is null"
        " returning id, study_id, tag_ids, time_first, time_last",
        {"push": push_id, "number": number},
    )
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
            f" from fix f {wearer('f')} where {mine} group by d.individual_id, d.study_id",
            binds,
        )
        await execute(conn, f"update fix f set live = false where {mine}", binds)
        await execute(
            conn,
            "update decoding set state = 'received', attempts = 0"
            " where study_id = :study and push_id <> :push"
            " and replaced_at is null and duplicates > 0 and state in ('stored', 'processed')"
            " and tag_ids && cast(:tags as int[]) and time_first <= :last and time_last >= :first",
            binds,
        )
