"""Arriving records become fixes and readings: what is new goes in by COPY; all are counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson
import polars as pl
from sqlalchemy.ext.asyncio import AsyncConnection

from app.store import revisions, work
from app.store.copying import copy_in
from app.store.engine import driver, execute
from app.store.fragments import fix_key, time_of
from app.store.known import KEY, KEY_COLUMNS, held

_ATTRIBUTES = {
    "height_m": ">f4", "ground_speed_m_s": ">f4", "heading_deg": ">f4", "satellites": ">i2",
    "dop": ">f4", "stated_error_m": ">f4", "argos_class": "text", "semi_major_m": ">f4",
    "semi_minor_m": ">f4", "orientation_deg": ">f4", "lon2": ">f8", "lat2": ">f8",
    "provider_id": "text", "provider_revision": ">i4", "marked_outlier": "?",
    "battery_v": ">f4", "temperature_c": ">f4", "activity": ">f8", "solution_by_hand": ">i2",
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

_TIME = time_of("time_us")
_TIME_OF_S = time_of("s.time_us")


@dataclass(frozen=True, slots=True)
class Counts:
    """What became of the records of one decoding."""

    stored: int
    duplicates: int
    superseded: int
    without_position: int

    def plus(self, other: Counts) -> Counts:
        """Add what became of others."""
        return Counts(
            self.stored + other.stored,
            self.duplicates + other.duplicates,
            self.superseded + other.superseded,
            self.without_position + other.without_position,
        )

    def standing(self, stored: int) -> Counts:
        """Let so many be stored: what was counted beyond them are duplicates."""
        return replace(self, stored=stored, duplicates=self.duplicates + self.stored - stored)


async def store(
    conn: AsyncConnection,
    *,
    study_id: int,
    positions: pl.DataFrame,
    known: pl.DataFrame,
    readings: pl.DataFrame,
    again: Sequence[int],
) -> dict[int, Counts]:
    """
    Merge decodings into the fixes of their tags, as if they came one after another.

    Parameters
    ----------
    conn : AsyncConnection
        A transaction in which the tags are locked.
    study_id : int
        Owner of the records.
    positions : polars.DataFrame
        Keys, attributes, `decoding_id`, `unit` and `flagged` of the `news`.
    known : polars.DataFrame
        The fixes with their keys, see `known.fixes`.
    readings : polars.DataFrame
        The same columns; records without.
    again : sequence of int
        Decodings that were stored before: rows that they own already count as stored.

    Returns
    -------
    dict of int to Counts
        For each decoding that has records.
    """
    fixes = _distinct(positions, study_id)
    origins = positions["decoding_id"].unique().to_list()
    await _assert_owned(conn, fixes, study_id)
    fresh = fixes.join(known, on=KEY_COLUMNS, how="anti")
    await copy_in(conn, "fix", fresh, _FIX)
    back = fixes.join(
        known.filter(~pl.col("live") & pl.col("replaced")), on=KEY_COLUMNS, how="semi"
    )
    await _revive(conn, back)
    owned = known.filter(pl.col("decoding_id").is_in(list(again)) & pl.col("live"))
    stored = sum((by_origin(rows) for rows in (owned, fresh, back)), start=Counter())
    superseded = await revisions.settle(conn, _named(fixes), origins)
    await _apply_verdicts(conn, fixes, origins)
    await _store_readings(conn, _distinct(readings, study_id))
    placed, without = by_origin(positions), by_origin(readings)
    return {
        origin: Counts(
            stored=stored[origin] - superseded[origin],
            duplicates=placed[origin] - stored[origin],
            superseded=superseded[origin],
            without_position=without[origin],
        )
        for origin in placed | without
    }


def _named(fixes: pl.DataFrame) -> list[tuple[int, str]]:
    """Return (tag, provider id) of the fixes that have one, sorted."""
    return fixes.select("tag_id", "provider_id").drop_nulls().unique().sort(pl.all()).rows()


def by_origin(rows: pl.DataFrame) -> Counter[int]:
    """Count rows by their decoding."""
    return Counter(dict(rows.group_by("decoding_id").len().iter_rows()))


def _distinct(frame: pl.DataFrame, study_id: int) -> pl.DataFrame:
    """Return one row for each key, the first that came, in the order of the primary key."""
    return (
        frame.sort(*KEY, "decoding_id", "unit")
        .unique(KEY, keep="first", maintain_order=True)
        .with_columns(study_id=pl.lit(study_id, pl.Int32), visible=~pl.col("flagged"))
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


def _arrays(frame: pl.DataFrame) -> dict[str, Any]:
    return {
        "tags": frame["tag_id"].to_list(),
        "times": frame["time"].to_list(),
        "sensors": frame["sensor"].to_list(),
        "variants": frame["variant"].to_list(),
    }


async def _revive(conn: AsyncConnection, back: pl.DataFrame) -> None:
    """Let fixes live again that a replaced decoding had brought."""
    if back.is_empty():
        return
    await execute(
        conn,
        "update fix f set decoding_id = s.decoding_id, live = true, visible = s.visible"
        " from unnest(cast(:tags as int[]), cast(:times as bigint[]), cast(:sensors as int[]),"
        " cast(:variants as bigint[]), cast(:visible as boolean[]), cast(:origins as bigint[]))"
        " as s(tag_id, time_us, sensor, variant, visible, decoding_id)"
        f" where f.tag_id = s.tag_id and f.time = {_TIME_OF_S} and f.sensor = s.sensor"
        " and f.variant = s.variant",
        {**_arrays(back), "visible": back["visible"].to_list(),
         "origins": back["decoding_id"].to_list()},
    )  # fmt: skip


async def _apply_verdicts(
    conn: AsyncConnection, fixes: pl.DataFrame, origins: Sequence[int]
) -> None:
    """Let what a person decided stand, whatever the checks of a re-ingest say."""
    await execute(
        conn,
        "update fix f set visible = v.verdict = 'show' from fix_verdict v"
        " where v.undone_at is null and v.tag_id = any(cast(:tags as int[]))"
        f" and {fix_key('f')} = {fix_key('v')} and f.decoding_id = any(cast(:origins as bigint[]))",
        {"tags": fixes["tag_id"].unique().to_list(), "origins": list(origins)},
    )


async def _store_readings(conn: AsyncConnection, readings: pl.DataFrame) -> None:
    if readings.is_empty():
        return
    known = await held(conn, "reading", readings)
    fresh = readings.join(known, on=KEY_COLUMNS, how="anti")
    await copy_in(conn, "reading", fresh, _READING)
    back = readings.join(known.filter("replaced"), on=KEY_COLUMNS, how="semi")
    if not back.is_empty():
        # A replaced decoding had brought them: from now on they are this one's.
        await execute(
            conn,
            "update reading f set decoding_id = s.decoding_id from unnest(cast(:tags as int[]),"
            " cast(:times as bigint[]), cast(:sensors as int[]), cast(:variants as bigint[]),"
            " cast(:origins as bigint[])) as s(tag_id, time_us, sensor, variant, decoding_id)"
            f" where f.tag_id = s.tag_id and f.time = {_TIME_OF_S} and f.sensor = s.sensor"
            " and f.variant = s.variant",
            {**_arrays(back), "origins": back["decoding_id"].to_list()},
        )
    # They tell whether a bird lives, and with that which fixes are its own.
    telling = pl.concat([fresh, back]).filter(
        pl.any_horizontal(pl.col("activity", "temperature_c", "battery_v").is_not_null())
    )
    if not telling.is_empty():
        by = ("decoding_id", "tag_id")
        ends = {"first": pl.col("time").min(), "last": pl.col("time").max()}
        await mark_touched(conn, telling.group_by(by).agg(**ends).sort(by).rows())


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


async def clear_refusals(conn: AsyncConnection, decoding_ids: Sequence[int]) -> None:
    """Forget the refused units of decodings that are read again."""
    await execute(
        conn,
        "delete from refusal where decoding_id = any(cast(:ids as bigint[]))",
        {"ids": list(decoding_ids)},
    )


async def store_refusals(
    conn: AsyncConnection,
    study_id: int,
    refused: Mapping[int, Sequence[tuple[int, str, str, str, int | None, int | None]]],
) -> None:
    """Store refused units of decodings: (unit, excerpt, code, remedy, offset, line)."""
    rows = [
        (origin, unit, study_id, *rest) for origin in refused for unit, *rest in refused[origin]
    ]
    if rows:
        await (await driver(conn)).copy_records_to_table(
            "refusal",
            records=rows,
            columns=[
                "decoding_id", "unit", "study_id", "excerpt", "code", "remedy", "offset_bytes",
                "line",
            ],
        )  # fmt: skip


async def standing(
    conn: AsyncConnection, decoding_id: int, tag_ids: Sequence[int], ends_us: tuple[int, int]
) -> int:
    """Count the live fixes that a decoding owns, of these tags between these times [us]."""
    rows = await execute(
        conn,
        "select count(*) as n from fix f where f.tag_id = any(cast(:tags as int[]))"
        f" and f.time between {time_of('cast(:first as bigint)')}"
        f" and {time_of('cast(:last as bigint)')} and f.decoding_id = :id and f.live",
        {"tags": list(tag_ids), "first": ends_us[0], "last": ends_us[1], "id": decoding_id},
    )
    return int(rows[0]["n"])


async def mark_touched(conn: AsyncConnection, spans: Sequence[tuple[int, int, int, int]]) -> None:
    """
    Mark the birds that wore these tags then; the pushes wait for them.

    Spans are (decoding, tag, first us, last us).
    """
    values = {
        "origins": [s[0] for s in spans], "tags": [s[1] for s in spans],
        "firsts": [s[2] for s in spans], "lasts": [s[3] for s in spans],
    }  # fmt: skip
    worn = f"""
      select s.decoding_id, d.individual_id, d.study_id,
        min(greatest(first, coalesce(lower(d.during), '-infinity'))) as from_time,
        max(least(last, coalesce(upper(d.during), 'infinity'))) as to_time
      from (select decoding_id, tag_id, {_TIME} as first, {time_of("last_us")} as last
        from unnest(cast(:origins as bigint[]), cast(:tags as int[]), cast(:firsts as bigint[]),
          cast(:lasts as bigint[])) as spans(decoding_id, tag_id, time_us, last_us)) as s
      join deployment d on d.tag_id = s.tag_id and d.replaced_at is null
        and d.during && tstzrange(first, last, '[]')
      group by s.decoding_id, d.individual_id, d.study_id
    """
    await work.mark_dirty_from(
        conn,
        "select individual_id, study_id, min(from_time) as from_time, max(to_time) as to_time"
        f" from ({worn}) as worn group by individual_id, study_id",
        values,
    )
    await execute(
        conn,
        "insert into push_wait (decoding_id, subject)"
        f" select decoding_id, {work.INDIVIDUAL_SUBJECT} from ({worn}) as worn"
        " on conflict do nothing",
        values,
    )


_TOLD = """
id bigint, format text, units bigint, records bigint, refused bigint, stored bigint,
duplicates bigint, superseded bigint, without_position bigint, tag_ids int[], first_us bigint,
last_us bigint, warnings jsonb
"""


async def finish(conn: AsyncConnection, told: Sequence[dict[str, Any]]) -> None:
    """Write the counts of decodings and call them stored: from here on their fixes can be read."""
    await execute(
        conn,
        f"""
        update decoding d set state = 'stored', stored_at = clock_timestamp(), problem = null,
          format = t.format, units = t.units, records = t.records, refused = t.refused,
          stored = t.stored, duplicates = t.duplicates, superseded = t.superseded,
          without_position = t.without_position, tag_ids = t.tag_ids,
          time_first = {time_of("t.first_us")}, time_last = {time_of("t.last_us")},
          warnings = t.warnings
        from json_to_recordset(cast(:told as json)) as t({_TOLD}) where d.id = t.id
        """,
        {"told": orjson.dumps(list(told)).decode()},
    )
    await work.settle(conn, [each["id"] for each in told])
