"""Areas that birds used: which wait to be measured, and which stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from app.store import work
from app.store.derived import Bird
from app.store.engine import execute, execute_many
from app.store.stayuse import StayUse, settle_stays

Row = dict[str, Any]

_COLUMNS = (
    "season", "method", "level", "species_key", "start_time", "end_time", "area_km2",
    "area_low_km2", "area_high_km2", "n_fixes", "n_effective", "unobserved_s", "version",
    "parameters",
)  # fmt: skip

_USE = (
    "season", "public", "species_key", "start_time", "end_time", "n_hours", "unobserved_s",
    "cells", "release_at",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Stretch:
    """A season of one bird, or its whole life as `all`, both ends included."""

    season: str
    start_time: datetime
    end_time: datetime


@dataclass(frozen=True, slots=True)
class Due:
    """The span of one bird in which fixes or seasons changed; `revision` names the last change."""

    revision: int
    from_time: datetime
    to_time: datetime


async def mark(conn: AsyncConnection, owner: Bird, from_time: datetime, to_time: datetime) -> None:
    """Note that the areas of this span wait to be measured (commits with the cause)."""
    await execute(
        conn,
        "insert into utilisation_due as d (individual_id, study_id, from_time, to_time)"
        " values (:individual, :study, :from_time, :to_time)"
        " on conflict (individual_id) do update set revision = d.revision + 1,"
        " from_time = least(d.from_time, excluded.from_time),"
        " to_time = greatest(d.to_time, excluded.to_time),"
        " since_at = case when d.dead_at is null then d.since_at else clock_timestamp() end,"
        " attempts = 0, last_error = null, dead_at = null",
        {"individual": owner.individual_id, "study": owner.study_id, "from_time": from_time,
         "to_time": to_time},
    )  # fmt: skip


def subject(individual_id: int) -> str:
    """Name the areas of an individual as work; no push waits for it."""
    return f"utilisation:{individual_id}"


async def waiting(conn: AsyncConnection, *, limit: int) -> list[int]:
    """Return birds whose areas are to be measured: all else goes first, for five minutes."""
    rows = await execute(
        conn,
        """
        select individual_id from utilisation_due where dead_at is null
          and (since_at < clock_timestamp() - interval '300 s'
            or not exists (select from dirty where dead_at is null)
              and not exists (select from decoding where state = 'received'))
        order by since_at limit :limit
        """,
        {"limit": limit},
    )
    return [row["individual_id"] for row in rows]


async def due(conn: AsyncConnection, individual_id: int) -> Due | None:
    """Return what waits of one bird."""
    rows = await execute(
        conn,
        "select revision, greatest(from_time, timestamptz '1900-01-01 00:00Z') as from_time,"
        " least(to_time, timestamptz '2200-01-01 00:00Z') as to_time"
        " from utilisation_due where individual_id = :individual and dead_at is null",
        {"individual": individual_id},
    )
    return Due(**rows[0]) if rows else None


async def seasons(conn: AsyncConnection, individual_id: int) -> list[Stretch]:
    """Return the seasons of a bird by their start."""
    rows = await execute(
        conn,
        "select season, start_time, end_time from season where individual_id = :individual"
        " order by start_time, season",
        {"individual": individual_id},
    )
    return [Stretch(**row) for row in rows]


async def measured(conn: AsyncConnection, individual_id: int, version: str) -> list[Stretch]:
    """Return the stretches of a bird that this version has measured, and its species stands."""
    rows = await execute(
        conn,
        "select distinct season, u.start_time, u.end_time from utilisation u"
        " join individual i on i.id = u.individual_id and i.species_key = u.species_key"
        " join season_use x using (individual_id, season)"
        " where individual_id = :individual and version = :version and not x.public",
        {"individual": individual_id, "version": version},
    )
    return [Stretch(**row) for row in rows]


_AVAILABLE = ("season", "layer_id", "class_id", "species_key", "method", "share")


async def settle(
    conn: AsyncConnection,
    owner: Bird,
    done: Due,
    kept: Sequence[str],
    rows: Sequence[Row],
    *,
    offered: Sequence[Row] = (),
    uses: Sequence[Row] = (),
    stays: StayUse | None = None,
) -> bool:
    """
    Let what the `kept` seasons have and these areas and uses stand, and nothing else of the bird.

    `offered` is what the layers hold within the areas of these rows.

    False where the bird changed while it was measured: nothing is written, and it still waits.
    """
    gone = await execute(
        conn,
        "delete from utilisation_due where individual_id = :individual and revision = :revision"
        " and dead_at is null returning individual_id",
        {"individual": owner.individual_id, "revision": done.revision},
    )
    if not gone:
        return False
    for table in ("utilisation", "available", "season_use"):
        await execute(
            conn,
            f"delete from {table} where individual_id = :individual"
            " and season <> all(cast(:kept as text[]))",
            {"individual": owner.individual_id, "kept": list(kept)},
        )
    values = ", ".join(f"cast(:{c} as jsonb)" if c == "parameters" else f":{c}" for c in _COLUMNS)
    await execute_many(
        conn,
        f"insert into utilisation (individual_id, study_id, {', '.join(_COLUMNS)}, geom)"
        f" values (:individual_id, :study_id, {values}, ST_GeomFromWKB(:geom, 4326))",
        [{"individual_id": owner.individual_id, "study_id": owner.study_id, **row} for row in rows],
    )
    await execute_many(
        conn,
        f"insert into available (individual_id, study_id, {', '.join(_AVAILABLE)})"
        f" values (:individual_id, :study_id, {', '.join(f':{name}' for name in _AVAILABLE)})",
        [
            {"individual_id": owner.individual_id, "study_id": owner.study_id, **row}
            for row in offered
        ],
    )
    await _add_uses(conn, owner, uses)
    await settle_stays(conn, owner, stays or StayUse([], [], []))
    await work.bump_version(conn, owner.study_id)
    return True


async def _add_uses(conn: AsyncConnection, owner: Bird, uses: Sequence[Row]) -> None:
    """Keep hours by cell, and have the key sites that are made of them found again."""
    slots = ", ".join(f":{name}" for name in _USE)
    await execute_many(
        conn,
        f"insert into season_use (individual_id, study_id, {', '.join(_USE)})"
        f" values (:individual_id, :study_id, {slots})",
        [{"individual_id": owner.individual_id, "study_id": owner.study_id, **row} for row in uses],
    )
    await work.mark_key_sites_due(conn, owner.study_id)
