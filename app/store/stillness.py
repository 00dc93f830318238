"""Stillness of tags as the stage reads and writes it: fixes, readings, what is suspected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from sqlalchemy.ext.asyncio import AsyncConnection

from app.movement.track import Senses, Track
from app.store.copying import PG_EPOCH_US, copy_out, row_type
from app.store.derived import Bird
from app.store.engine import execute, execute_many
from app.store.fragments import fix_key
from app.store.lifeless import CONTENT
from app.store.windows import FAR_FUTURE, FAR_PAST

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Worn:
    """One deployment of a tag on a bird: [begins, ends)."""

    tag_id: int
    begins: datetime
    ends: datetime


async def worn(conn: AsyncConnection, individual_id: int) -> list[Worn]:
    """Return the deployments of a bird; those of one tag that touch each other are one."""
    rows = await execute(
        conn,
        "select tag_id, greatest(coalesce(lower(part), '-infinity'), :past) as begins,"
        " least(coalesce(upper(part), 'infinity'), :future) as ends"
        " from (select tag_id, unnest(range_agg(during)) as part from deployment"
        " where individual_id = :individual and replaced_at is null group by tag_id) as parts"
        " order by tag_id, begins",
        {"individual": individual_id, "past": FAR_PAST, "future": FAR_FUTURE},
    )
    return [Worn(row["tag_id"], row["begins"], row["ends"]) for row in rows]


_SHOWN = f"""
f.live and coalesce(
  (select v.verdict = 'show' from fix_verdict v
    where {fix_key("v")} = {fix_key("f")} and v.undone_at is null),
  not exists (select from fix_flag g where {fix_key("g")} = {fix_key("f")} and g.origin = 'record'))
"""
"""SQL: no hand and no check of the record alone hides the fix."""


async def ends(conn: AsyncConnection, tag: Worn) -> tuple[datetime, datetime] | None:
    """Return when the data of a deployment begin, and the last fix that may tell of life."""
    within = "f.tag_id = :tag and f.time >= :low and f.time < :high"
    first = "order by f.time limit 1"  # min() reads all of it where the planner knows no better
    rows = await execute(
        conn,
        f"select f.time as last, least((select f.time from fix f where {within} {first}),"
        f" (select f.time from reading f where {within} {first})) as first"
        f" from fix f where {within} and {_SHOWN} order by f.time desc limit 1",
        {"tag": tag.tag_id, "low": tag.begins, "high": tag.ends},
    )
    return (rows[0]["first"], rows[0]["last"]) if rows else None


_FIX = row_type({"time": ">i8", "lon": ">f8", "lat": ">f8", "error_m": ">f4"})
_SENSED = row_type({"time": ">i8", "activity": ">f8", "temperature_c": ">f8", "battery_v": ">f8"})

_FIXES = f"""
select f.time, case f.solution when 2 then f.lon2 else f.lon end,
  case f.solution when 2 then f.lat2 else f.lat end, f.error_m
from fix f where {{within}} and {_SHOWN} order by f.time, f.sensor, f.variant
"""
"""Of Argos passes the first solution as sent: which one is chosen hangs on what is left out."""

_SENSES = f"""
select time, coalesce(activity, 'nan'), coalesce(temperature_c, 'nan')::float8,
  coalesce(battery_v, 'nan')::float8
from (
  select f.time, f.activity, f.temperature_c, f.battery_v from fix f where {{within}} and {_SHOWN}
  union all
  select f.time, f.activity, f.temperature_c, f.battery_v from reading f
  join decoding x on x.id = f.decoding_id and x.replaced_at is null where {{within}}
) as sensed
where activity is not null or temperature_c is not null or battery_v is not null
order by time, activity, temperature_c, battery_v
"""


async def load(conn: AsyncConnection, tag: Worn, since: datetime) -> tuple[Track, Senses]:
    """Return the fixes and the other readings of a deployment, from a time on."""
    low = max(since, tag.begins)
    within = (
        f"f.tag_id = {int(tag.tag_id)} and f.time >= '{low.isoformat()}'::timestamptz"
        f" and f.time < '{tag.ends.isoformat()}'::timestamptz"
    )
    fixes = await copy_out(conn, _FIXES.format(within=within), _FIX)
    sensed = await copy_out(conn, _SENSES.format(within=within), _SENSED)
    track = Track(
        fixes["time"].astype(np.int64) + PG_EPOCH_US,
        *(fixes[name].astype(np.float64) for name in ("lon", "lat", "error_m")),
    )
    senses = Senses(
        sensed["time"].astype(np.int64) + PG_EPOCH_US,
        *(sensed[name].astype(np.float64) for name in ("activity", "temperature_c", "battery_v")),
    )
    return track, senses


async def dismissals(conn: AsyncConnection, individual_id: int) -> list[Row]:
    """Return the dismissals of a bird that are in force."""
    return await execute(
        conn,
        "select tag_id, start_time, end_time from lifeless_verdict where undone_at is null"
        " and verdict = 'dismiss' and individual_id = :individual",
        {"individual": individual_id},
    )


def about(verdict: Mapping[str, Any], suspicion: Mapping[str, Any]) -> bool:
    """Say whether a verdict is about a suspicion: of the same tag, and their times overlap."""
    return bool(
        verdict["tag_id"] == suspicion["tag_id"]
        and verdict["start_time"] <= suspicion["end_time"]
        and suspicion["start_time"] <= verdict["end_time"]
    )


async def replace(
    conn: AsyncConnection, bird: Bird, new: Sequence[Row]
) -> list[tuple[datetime, datetime]]:
    """
    Let exactly these suspicions stand; return the spans whose fixes are judged otherwise now.

    A suspicion keeps its identity while it overlaps what it was.
    """
    old = await execute(
        conn,
        f"select id, {', '.join(CONTENT)} from lifeless where individual_id = :individual"
        " order by id for update",
        {"individual": bird.individual_id},
    )
    left, changed, fresh = list(old), [], []
    for row in new:
        heir = next((was for was in left if about(was, row)), None)
        if heir is None:
            fresh.append(row)
            changed += [] if row["dismissed"] else [(row["start_time"], row["end_time"])]
            continue
        left.remove(heir)
        changed += _otherwise(heir, row)
        if any(heir[name] != row[name] for name in CONTENT):
            await execute(
                conn,
                f"update lifeless set {', '.join(f'{c} = :{c}' for c in CONTENT)} where id = :id",
                {**row, "id": heir["id"]},
            )
    changed += [(was["start_time"], was["end_time"]) for was in left if not was["dismissed"]]
    if left:
        await execute(
            conn, "delete from lifeless where id = any(:ids)", {"ids": [row["id"] for row in left]}
        )
    await execute_many(
        conn,
        f"insert into lifeless (individual_id, study_id, {', '.join(CONTENT)})"
        f" values (:individual, :study, {', '.join(f':{c}' for c in CONTENT)})",
        [{**row, "individual": bird.individual_id, "study": bird.study_id} for row in fresh],
    )
    return changed


def _otherwise(was: Row, now: Row) -> list[tuple[datetime, datetime]]:
    """Return the spans that one of two forms of a suspicion leaves out and the other does not."""
    both = (was["start_time"], was["end_time"]), (now["start_time"], now["end_time"])
    if was["dismissed"] and now["dismissed"]:
        return []
    if was["dismissed"] != now["dismissed"]:
        return [both[0] if now["dismissed"] else both[1]]
    return [
        (min(ends), max(ends)) for ends in zip(*both, strict=True) if ends[0] != ends[1]
    ]  # fmt: skip
