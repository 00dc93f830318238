"""Write what the stages derive from one bird: only rows that differ are touched."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import compress
from operator import itemgetter
from typing import Any

import numpy as np
from sqlalchemy.ext.asyncio import AsyncConnection

from app.movement.stopovers import Stays, Stopovers
from app.store.engine import driver, execute, execute_many
from app.store.windows import instant, micros

_STAY = (
    "arrival_time_earliest", "arrival_time_latest", "departure_time_earliest",
    "departure_time_latest", "arrival_open", "departure_open", "n_fixes", "lon", "lat",
    "radius_m", "observed_s", "max_gap_s",
    "arrival_time_p05", "arrival_time", "arrival_time_p95",
    "departure_time_p05", "departure_time", "departure_time_p95",
)  # fmt: skip

STOPOVER = (
    *_STAY, "species_key", "duration_min_s", "duration_max_s", "polygon", "n_stays", "kind",
    "season", "seen_or_inferred", "area", "method", "parameters", "public_lon",
    "public_lat", "release_at", "basis", "site_named", "observation_id",
)  # fmt: skip
"""Content of a stopover, `polygon` as WKB; everything but its identity."""

LEG = (
    "species_key", "departure_time", "arrival_time", "from_lon", "from_lat", "to_lon", "to_lat",
    "season", "length_m", "displacement_m", "straightness", "speed_max_m_s", "observed_s",
    "unobserved_s", "unobserved_m", "n_fixes", "line", "method", "parameters", "release_at",
)  # fmt: skip

SEASON = (
    "season", "species_key", "start_time", "end_time", "basis", "confidence", "release_at",
    "observation_id",
)  # fmt: skip

_CONTENT = {"stay": (*_STAY, "hull"), "stopover": STOPOVER, "leg": LEG, "season": SEASON}

_GEOMETRIES = {"polygon", "line", "overview"}

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Bird:
    """What the stages need to know of one bird and its study."""

    individual_id: int
    study_id: int
    species_key: str
    simulated: bool
    release_delay_s: int
    public_grid_deg: float
    smoothed: bool


async def bird(conn: AsyncConnection, individual_id: int) -> Bird:
    """Return the facts about one bird."""
    rows = await execute(
        conn,
        "select i.id as individual_id, i.study_id, i.species_key, s.simulated, s.release_delay_s,"
        " s.public_grid_deg,"
        " exists (select from smoothed_fix x where x.individual_id = i.id) as smoothed"
        " from individual i join study s on s.id = i.study_id where i.id = :id",
        {"id": individual_id},
    )
    return Bird(**rows[0])


def _stay_rows(stays: Stays) -> list[Row]:
    """Return stays as rows."""
    return [
        {
            "arrival_time_earliest": instant(stays.arrival_earliest_us[k]),
            "arrival_time_latest": instant(stays.arrival_latest_us[k]),
            "departure_time_earliest": instant(stays.departure_earliest_us[k]),
            "departure_time_latest": instant(stays.departure_latest_us[k]),
            "arrival_open": bool(stays.arrival_open[k]),
            "departure_open": bool(stays.departure_open[k]),
            "n_fixes": int(stays.n_fixes[k]),
            "lon": float(stays.lon[k]),
            "lat": float(stays.lat[k]),
            "radius_m": float(stays.radius_m[k]),
            "observed_s": float(stays.observed_s[k]),
            "max_gap_s": float(stays.max_gap_s[k]),
            "hull": stays.hull[k].tolist(),
            **boundary_times(stays, k),
        }
        for k in range(len(stays))
    ]


def boundary_times(stays: Stays | Stopovers, k: int) -> Row:
    """Return the columns that say when a stay or stopover probably began and ended."""
    ends = {"arrival_time": stays.arrival_us[k], "departure_time": stays.departure_us[k]}
    return {
        name + point: instant(at_us)
        for name, three in ends.items()
        for point, at_us in zip(("_p05", "", "_p95"), three.tolist(), strict=True)
    }


async def replace_stays(
    conn: AsyncConnection, owner: Bird, from_time: datetime, to_time: datetime, new: Stays
) -> Stays:
    """
    Let exactly these stays stand between two cuts.

    Returns every stay of the bird, in time order; `first` and `last` count nothing there.
    """
    standing = await execute(
        conn,
        f"select id, {', '.join(_STAY)}, hull from stay where individual_id = :individual"
        " order by arrival_time_latest",
        {"individual": owner.individual_id},
    )
    within = [from_time <= row["arrival_time_latest"] < to_time for row in standing]
    rows = _stay_rows(new)
    await _renew(conn, "stay", owner, list(compress(standing, within)), rows)
    others = [row for row, own in zip(standing, within, strict=True) if not own]
    return _stays(sorted(others + rows, key=itemgetter("arrival_time_latest")))


def _stays(rows: Sequence[Row]) -> Stays:
    """Return rows as stays."""

    def column(name: str, kind: type) -> Any:
        return np.array([row[name] for row in rows], dtype=kind)

    def times(name: str) -> Any:
        return np.array([micros(row[name]) for row in rows], dtype=np.int64)

    def points(name: str) -> Any:
        three = (times(f"{name}_p05"), times(name), times(f"{name}_p95"))
        return np.stack(three, axis=1)

    index = np.arange(len(rows), dtype=np.int64)
    return Stays(
        first=index,
        last=index,
        arrival_earliest_us=times("arrival_time_earliest"),
        arrival_latest_us=times("arrival_time_latest"),
        arrival_open=column("arrival_open", np.bool_),
        departure_earliest_us=times("departure_time_earliest"),
        departure_latest_us=times("departure_time_latest"),
        departure_open=column("departure_open", np.bool_),
        arrival_us=points("arrival_time"),
        departure_us=points("departure_time"),
        n_fixes=column("n_fixes", np.int64),
        lon=column("lon", np.float64),
        lat=column("lat", np.float64),
        radius_m=column("radius_m", np.float64),
        observed_s=column("observed_s", np.float64),
        max_gap_s=column("max_gap_s", np.float64),
        hull=tuple(np.array(row["hull"], dtype=np.float64).reshape(-1, 2) for row in rows),
    )


async def staying(
    conn: AsyncConnection, individual_id: int, from_time: datetime, to_time: datetime
) -> tuple[datetime, datetime] | None:
    """Return the ends of the stopovers that a span touches, None: it touches none."""
    rows = await execute(
        conn,
        "select min(arrival_time_earliest) as first, max(departure_time_latest) as last"
        " from stopover where individual_id = :individual"
        " and arrival_time_earliest <= :to_time and departure_time_latest >= :from_time",
        {"individual": individual_id, "from_time": from_time, "to_time": to_time},
    )
    return (rows[0]["first"], rows[0]["last"]) if rows[0]["first"] else None


async def stopovers_of(conn: AsyncConnection, individual_id: int) -> list[Row]:
    """Return every stopover of a bird as stored, in time order."""
    return await execute(
        conn,
        f"select id, {_read(STOPOVER)} from stopover where individual_id = :individual"
        " order by arrival_time_latest",
        {"individual": individual_id},
    )


async def replace_stopovers(
    conn: AsyncConnection, owner: Bird, old: Sequence[Row], new: Sequence[Row]
) -> None:
    """Let exactly these stopovers stand; identities go to whom they overlap most."""
    await _renew(conn, "stopover", owner, old, new)


async def legs_of(conn: AsyncConnection, individual_id: int) -> list[Row]:
    """Return every leg of a bird as stored, in time order."""
    return await execute(
        conn,
        f"select id, {_read(LEG)} from leg where individual_id = :individual"
        " order by departure_time",
        {"individual": individual_id},
    )


async def replace_legs(
    conn: AsyncConnection, owner: Bird, old: Sequence[Row], new: Sequence[Row]
) -> None:
    """Let exactly these legs stand."""
    await _renew(conn, "leg", owner, old, new)


async def replace_seasons(conn: AsyncConnection, owner: Bird, new: Sequence[Row]) -> None:
    """Let exactly these seasons stand."""
    old = await execute(
        conn,
        f"select {', '.join(SEASON)} from season where individual_id = :individual",
        {"individual": owner.individual_id},
    )
    told = [{c: row[c] for c in SEASON} for row in new]
    leaving = [row["season"] for row in old if row not in told]
    if leaving:
        await execute(
            conn,
            "delete from season where individual_id = :individual"
            " and season = any(cast(:leaving as text[]))",
            {"individual": owner.individual_id, "leaving": leaving},
        )
    # Two of one name are refused by the table: never the one in place of the other, unheard.
    await _insert(conn, "season", owner, [row for row in told if row not in old])


async def replace_days(
    conn: AsyncConnection,
    table: str,
    owner: Bird,
    where: tuple[str, Mapping[str, Any]],
    new: Sequence[Row],
) -> None:
    """Let exactly these rows stand in the part of a table that `where` names."""
    await execute(
        conn,
        f"delete from {table} where individual_id = :individual and {where[0]}",
        {"individual": owner.individual_id, **where[1]},
    )
    if not new:
        return
    columns = tuple(new[0])
    if _GEOMETRIES.isdisjoint(columns):
        await (await driver(conn)).copy_records_to_table(
            table,
            columns=("individual_id", "study_id", *columns),
            records=[
                (owner.individual_id, owner.study_id, *(row[c] for c in columns)) for row in new
            ],
        )
        return
    values = ", ".join(_bind(column) for column in columns)
    await execute_many(
        conn,
        f"insert into {table} (individual_id, study_id, {', '.join(columns)})"
        f" values (:individual_id, :study_id, {values})",
        [{"individual_id": owner.individual_id, "study_id": owner.study_id, **row} for row in new],
    )


def overlap_s(a: Row, b: Row) -> float:
    """Return how long two stays or legs overlap [s]; never negative."""
    start, end = (
        ("arrival_time_latest", "departure_time_earliest")
        if "arrival_time_latest" in a
        else ("departure_time", "arrival_time")
    )
    shared: timedelta = min(a[end], b[end]) - max(a[start], b[start])
    return max(0.0, shared.total_seconds())


async def _renew(
    conn: AsyncConnection,
    table: str,
    owner: Bird,
    old: Sequence[Row],
    new: Sequence[Row],
) -> None:
    """
    Touch only what differs.

    A row whose content is equal stays as it is. The others hand their identity on to the new row
    they overlap longest with (the earlier one in a tie); rows without a successor are deleted.
    """
    told = _TOLD[table]
    content = {told(row): row for row in old}
    kept = [content.pop(told(row), None) for row in new]
    spare = sorted(content.values(), key=lambda row: row["id"])
    fresh = [row for row, same in zip(new, kept, strict=True) if same is None]
    heirs = _heirs(spare, fresh)
    leaving = [row["id"] for row in spare if row["id"] not in {i for i in heirs if i is not None}]
    if leaving:
        await execute(
            conn, f"delete from {table} where id = any(cast(:ids as bigint[]))", {"ids": leaving}
        )
    pairs = list(zip(fresh, heirs, strict=True))
    await _step_aside(conn, table, spare, pairs)
    await _insert(conn, table, owner, [row for row, heir in pairs if heir is None])
    await _update(conn, table, [{**row, "id": heir} for row, heir in pairs if heir is not None])


async def _step_aside(
    conn: AsyncConnection,
    table: str,
    spare: Sequence[Row],
    pairs: Sequence[tuple[Row, int | None]],
) -> None:
    """Let go of keys: successors may swap places in time, and must not meet half-way."""
    key = "departure_time" if table == "leg" else "arrival_time_latest"
    was = {row["id"]: row[key] for row in spare}
    moving = [heir for row, heir in pairs if heir is not None and was[heir] != row[key]]
    if not moving:
        return
    await execute(
        conn,
        f"update {table} set {key} = timestamptz '1900-01-01Z' + id * interval '1 second'"
        " where id = any(cast(:ids as bigint[]))",
        {"ids": moving},
    )


def _heirs(spare: Sequence[Row], fresh: Sequence[Row]) -> list[int | None]:
    pairs = sorted(
        (
            (-overlap_s(a, b), i, j)
            for i, a in enumerate(spare)
            for j, b in enumerate(fresh)
            if overlap_s(a, b) > 0
        ),
    )
    given: dict[int, int] = {}
    for _, i, j in pairs:
        if i not in given.values() and j not in given:
            given[j] = i
    return [spare[given[j]]["id"] if j in given else None for j in range(len(fresh))]


def _stay_told(row: Row) -> tuple[Any, ...]:
    """Return the content of a stay; its hull, a list of places, as what can be a key."""
    return (*_STAY_SIMPLE(row), tuple(map(tuple, row["hull"])))


_STAY_SIMPLE = itemgetter(*_STAY)
_TOLD: dict[str, Callable[[Row], tuple[Any, ...]]] = {
    "stay": _stay_told, "stopover": itemgetter(*STOPOVER), "leg": itemgetter(*LEG),
}  # fmt: skip
"""The content of a row, by table: what two rows have to share to be the same."""


def _read(columns: Sequence[str]) -> str:
    return ", ".join(f"ST_AsBinary({c}) as {c}" if c in _GEOMETRIES else c for c in columns)


def _bind(column: str) -> str:
    return f"ST_GeomFromWKB(:{column}, 4326)" if column in _GEOMETRIES else f":{column}"


async def _insert(conn: AsyncConnection, table: str, owner: Bird, rows: Sequence[Row]) -> None:
    names, values = _columns_of(table)
    await execute_many(
        conn,
        f"insert into {table} (individual_id, study_id, {', '.join(names)})"
        f" values (:individual_id, :study_id, {', '.join(values)})",
        [
            {"individual_id": owner.individual_id, "study_id": owner.study_id}
            | {c: row[c] for c in _CONTENT[table]}
            for row in rows
        ],
    )


async def _update(conn: AsyncConnection, table: str, rows: Sequence[Row]) -> None:
    names, values = _columns_of(table)
    changes = ", ".join(f"{n} = {v}" for n, v in zip(names, values, strict=True))
    await execute_many(
        conn,
        f"update {table} set {changes} where id = :id",
        [{c: row[c] for c in ("id", *_CONTENT[table])} for row in rows],
    )


def _columns_of(table: str) -> tuple[list[str], list[str]]:
    names, values = list(_CONTENT[table]), [_bind(c) for c in _CONTENT[table]]
    if table == "stopover":
        names.append("centre")
        values.append("ST_SetSRID(ST_MakePoint(cast(:lon as float8), cast(:lat as float8)), 4326)")
    return names, values
