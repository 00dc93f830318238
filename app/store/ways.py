"""Ways of legs: which must be laid again, and which stand."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np
from sqlalchemy.ext.asyncio import AsyncConnection

from app.movement.ways import Way
from app.store.derived import Bird
from app.store.engine import execute, execute_many


async def stale(
    conn: AsyncConnection, individual_id: int, low: datetime, high: datetime
) -> list[tuple[datetime, datetime]]:
    """Return the legs of a bird that reach into [low, high), or have no way yet."""
    rows = await execute(
        conn,
        "select l.departure_time, l.arrival_time from leg l where l.individual_id = :individual"
        " and (l.departure_time < :high and l.arrival_time >= :low or not exists (select from way w"
        " where w.individual_id = l.individual_id and w.departure_time = l.departure_time"
        " and w.arrival_time = l.arrival_time)) order by l.departure_time",
        {"individual": individual_id, "low": low, "high": high},
    )
    return [(row["departure_time"], row["arrival_time"]) for row in rows]


async def replace(
    conn: AsyncConnection,
    owner: Bird,
    made: Sequence[tuple[tuple[datetime, datetime], bool, Way]],
) -> None:
    """Let these ways of (leg, public) stand, and those of legs that there are, and no others."""
    await execute(
        conn,
        "delete from way w where individual_id = :individual and (departure_time"
        " = any(cast(:renewed as timestamptz[])) or not exists (select from leg l"
        " where l.individual_id = w.individual_id and l.departure_time = w.departure_time"
        " and l.arrival_time = w.arrival_time))",
        {"individual": owner.individual_id, "renewed": [leg[0] for leg, _, _ in made]},
    )
    await execute_many(
        conn,
        "insert into way (individual_id, study_id, departure_time, arrival_time, public,"
        " positions, cells) values (:individual_id, :study_id, :departure, :arrival, :public,"
        " :positions, :cells)",
        [
            {
                "individual_id": owner.individual_id, "study_id": owner.study_id,
                "departure": leg[0], "arrival": leg[1], "public": public,
                "positions": packed(way), "cells": way.cells.astype("<f4").tobytes(),
            }
            for leg, public, way in made
        ],
    )  # fmt: skip


def packed(way: Way) -> bytes:
    """Return the positions of a way as they are stored; times are exact until the year 2255."""
    return np.column_stack([way.lon, way.lat, way.time_us]).astype("<f8").tobytes()
