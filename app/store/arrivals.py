"""Arriving records become fixes and readings: what is new goes in by COPY; all are counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
import polars as pl
from sqlalchemy.ext.asyncio import AsyncConnection

from app.store import work
from app.store.copying import PG_EPOCH_US, copy_in, copy_out, row_type
from app.store.engine import driver, execute
from app.store.fragments import fix_key, time_of, wearer

_KEY = ("tag_id", "time_us", "sensor", "variant")
_KEY_COLUMNS = ("tag_id", "time", "sensor", "variant")
_S_TIME = time_of("s.time_us")

_ATTRIBUTES = {
    "height_m": ">f4", "ground_speed_m_s": ">f4", "heading_deg": ">f4", "satellites": ">i2",
    "dop": ">f4", "stated_error_m": ">f4", "argos_class": "text", "semi_major_m": ">f4",
    "semi_minor_m": ">f4", "orientation_deg": ">f4", "lon2": ">f8", "lat2": ">f8",
    "provider_id": "text", "provider_revision": ">i4", "marked_outlier": "?",
    "battery_v": ">f4", "temperature_c": ">f4", "activity": ">f8",
}  # fmt: skip
_OWN_KEY = {"tag_id": ">i4", "time": "time", "sensor": ">i2", "variant": ">i8"}
_OWNER = {"study_id": ">i4", "decoding_id": ">i8"}
_FIX = {
    **_OWN_KEY, **_OWNER, "visible": "?", "lon": ">f8", "lat": ">f8", "error_m": ">f4",
    **_ATTRIBUTES,
}  # fmt: skip
_READING = {
    **_OWN_KEY, **_OWNER,
    **{name: _ATTRIBUTES[name] for name in ("argos_class", "battery_v", "temperature_c")},
    "activity": ">f8",
}  # fmt: skip
"""Columns of the tables with their wire types, as `copying.copy_in` wants them."""

_KNOWN = row_type(
    {"tag_id": ">i4", "time": ">i8", "sensor": ">i2", "variant": ">i8", "live": "?",
     "replaced": "?", "mine": "?"}
)  # fmt: skip

KEYS_MAX = 2_000
"""Up to this many records are looked up one by one; of more, the spans of their tags are read."""

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
        Keys, attributes, `unit` and `flagged` of records with a position.
    readings : polars.DataFrame
        The same columns; records without.
    again : bool
        The decoding was stored before: rows that it owns already count as stored.
    """
    fixes = _distinct(positions, study_id, decoding_id)
    await _assert_owned(conn, fixes, study_id)
    known = await _known(conn, "fix", fixes, decoding_id)
    fresh = fixes.join(known, on=_KEY_COLUMNS, how="anti")
    await copy_in(conn, "fix", fresh, _FIX)
    back = fixes.join(
        known.filter(~pl.col("live") & pl.col("replaced")), on=_KEY_COLUMNS, how="semi"
    )
    await _revive(conn, back, decoding_id)
    owned = known.filter(pl.col("mine") & pl.col("live")).height if again else 0
    stored = owned + fresh.height + back.height
    superseded = await _settle_revisions(conn, fixes, decoding_id)
    await _apply_verdicts(conn, fixes, decoding_id)
    await _store_readings(conn, _distinct(readings, study_id, decoding_id), decoding_id)
    return Counts(
        stored=stored - superseded,
        duplicates=positions.height - stored,
        superseded=superseded,
        without_position=readings.height,
    )


def _distinct(frame: pl.DataFrame, study_id: int, decoding_id: int) -> pl.DataFrame:
    """Return one row for each key, the first of the push, in the order of the primary key."""
    return (
        frame.sort(*_KEY, "unit")
        .unique(_KEY, keep="first", maintain_order=True)
        .with_columns(
            study_id=pl.lit(study_id, pl.Int32),
            decoding_id=pl.lit(decoding_id, pl.Int64),
            visible=~pl.col("flagged"),
        )
        .rename({"time_us": "time"})
    )


async def _assert_owned(conn: AsyncConnection, fixes: pl.DataFrame, study_id: int) -> None:
    """Hold what a foreign key would: every tag is one of the study (a check per row costs 40 %)."""
    rows = await execute(
        conn,
        "select count(*) as n from tag where id = any(cast(:tags as int[])) and study_id = :study",
        {"tags": fixes["tag_id"].unique().to_list(), "study": study_id},
    )
    if rows[0]["n"] != fixes["tag_id"].n_unique():
        raise AssertionError("a tag of another study among the records")


async def _known(
    conn: AsyncConnection, table: str, frame: pl.DataFrame, decoding_id: int
) -> pl.DataFrame:
    """Return the keys among these that the table holds; with the tags locked none can join."""
    if frame.height <= KEYS_MAX:
        columns = [f"'{{{','.join(map(str, frame[name]))}}}'" for name in _KEY_COLUMNS]
        kinds = ("int", "bigint", "int", "bigint")
        arrays = ", ".join(f"{c}::{k}[]" for c, k in zip(columns, kinds, strict=True))
        of_push = (
            f"unnest({arrays}) as s(tag_id, time_us, sensor, variant) join {table} f"
            f" on f.tag_id = s.tag_id and f.time = {_S_TIME} and f.sensor = s.sensor"
            " and f.variant = s.variant"
        )
    else:
        spans = frame.group_by("tag_id").agg(a=pl.col("time").min(), b=pl.col("time").max())
        rows = ", ".join(f"({tag}, {a}, {b})" for tag, a, b in spans.iter_rows())
        of_push = (
            f"(values {rows}) as s(tag_id, time_us, last_us) join {table} f on f.tag_id = s.tag_id"
            f" and f.time between {_S_TIME} and {time_of('s.last_us')}"
        )
    live = "f.live" if table == "fix" else "true"
    found = await copy_out(
        conn,
        f"select f.tag_id, f.time, f.sensor, f.variant, {live}, d.replaced_at is not null,"
        f" f.decoding_id = {int(decoding_id)} from {of_push}"
        " join decoding d on d.id = f.decoding_id",
        _KNOWN,
    )
    return pl.DataFrame({
        "tag_id": found["tag_id"].astype(np.int32),
        "time": found["time"].astype(np.int64) + PG_EPOCH_US,
        "sensor": found["sensor"].astype(np.int16),
        "variant": found["variant"].astype(np.int64),
        **{name: found[name].astype(np.bool_) for name in ("live", "replaced", "mine")},
    })  # fmt: skip


def _arrays(frame: pl.DataFrame) -> dict[str, Any]:
    return {
        "tags": frame["tag_id"].to_list(),
        "times": frame["time"].to_list(),
        "sensors": frame["sensor"].to_list(),
        "variants": frame["variant"].to_list(),
    }


async def _revive(conn: AsyncConnection, back: pl.DataFrame, decoding_id: int) -> None:
    """Let fixes live again that a replaced decoding had brought."""
    if back.is_empty():
        return
    await execute(
        conn,
        "update fix f set decoding_id = :decoding, live = true, visible = s.visible"
        " from unnest(cast(:tags as int[]), cast(:times as bigint[]), cast(:sensors as int[]),"
        " cast(:variants as bigint[]), cast(:visible as boolean[]))"
        " as s(tag_id, time_us, sensor, variant, visible)"
        f" where f.tag_id = s.tag_id and f.time = {_S_TIME} and f.sensor = s.sensor"
        " and f.variant = s.variant",
        {**_arrays(back), "visible": back["visible"].to_list(), "decoding": decoding_id},
    )


async def _settle_revisions(conn: AsyncConnection, fixes: pl.DataFrame, decoding_id: int) -> int:
    """Let the highest provider revision of each fix stand; return the losers among the new ones."""
    touched = fixes.select("tag_id", "provider_id").drop_nulls().unique().sort(pl.all())
    if touched.is_empty():
        return 0
    rows = await execute(
        conn,
        f"""
        with touched as (select * from unnest(cast(:tags as int[]), cast(:ids as text[]))
          as t(tag_id, provider_id)),
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
        {
            "tags": touched["tag_id"].to_list(),
            "ids": touched["provider_id"].to_list(),
            "decoding": decoding_id,
        },
    )
    return int(rows[0]["n"])


async def _apply_verdicts(conn: AsyncConnection, fixes: pl.DataFrame, decoding_id: int) -> None:
    """Let what a person decided stand, whatever the checks of a re-ingest say."""
    await execute(
        conn,
        "update fix f set visible = v.verdict = 'show' from fix_verdict v"
        " where v.undone_at is null and v.tag_id = any(cast(:tags as int[]))"
        f" and {fix_key('f')} = {fix_key('v')} and f.decoding_id = :decoding",
        {"tags": fixes["tag_id"].unique().to_list(), "decoding": decoding_id},
    )


async def _store_readings(conn: AsyncConnection, readings: pl.DataFrame, decoding_id: int) -> None:
    if readings.is_empty():
        return
    known = await _known(conn, "reading", readings, decoding_id)
    await copy_in(conn, "reading", readings.join(known, on=_KEY_COLUMNS, how="anti"), _READING)


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
