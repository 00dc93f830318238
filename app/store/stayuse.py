"""How birds used the places of their stays: which stand, and which are to be measured again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from app.store.derived import Bird
from app.store.engine import execute, execute_many

Row = dict[str, Any]

_RANGE = (
    "arrival_time", "departure_time", "species_key", "roost_lon", "roost_lat", "roost_nights",
    "day_range_m", "to_feeding_m", "hull_km2", "area_50_km2", "area_95_km2", "version",
)  # fmt: skip
_COVER = ("arrival_time", "layer_id", "class_id", "share")


@dataclass(frozen=True, slots=True)
class StayUse:
    """Arrivals of the stays that stand as they are; ranges and ground of the others."""

    kept: list[datetime]
    ranges: list[Row]
    covers: list[Row]


async def stays(conn: AsyncConnection, individual_id: int) -> list[Row]:
    """Return the stopovers of a bird with the ground they cover, in time order."""
    return await execute(
        conn,
        "select arrival_time_latest as arrival_time, departure_time_earliest as departure_time,"
        " ST_AsBinary(polygon) as polygon from stopover where individual_id = :individual"
        " order by 1",
        {"individual": individual_id},
    )


async def ranged(
    conn: AsyncConnection, individual_id: int, version: str
) -> set[tuple[datetime, datetime]]:
    """Return arrival and departure of the stays that this version has measured."""
    rows = await execute(
        conn,
        "select r.arrival_time, r.departure_time from stay_range r join individual i"
        " on i.id = r.individual_id and i.species_key = r.species_key"
        " where r.individual_id = :individual and r.version = :version",
        {"individual": individual_id, "version": version},
    )
    return {(row["arrival_time"], row["departure_time"]) for row in rows}


async def settle_stays(conn: AsyncConnection, owner: Bird, found: StayUse) -> None:
    """Let what the kept stays have and these rows stand, and nothing else of the bird."""
    for table, columns, rows in (
        ("stay_range", _RANGE, found.ranges),
        ("stay_cover", _COVER, found.covers),
    ):
        await execute(
            conn,
            f"delete from {table} where individual_id = :individual"
            " and arrival_time <> all(cast(:kept as timestamptz[]))",
            {"individual": owner.individual_id, "kept": found.kept},
        )
        await execute_many(
            conn,
            f"insert into {table} (individual_id, study_id, {', '.join(columns)})"
            f" values (:individual_id, :study_id, {', '.join(f':{name}' for name in columns)})",
            [
                {"individual_id": owner.individual_id, "study_id": owner.study_id, **row}
                for row in rows
            ],
        )
