"""Catalogues: the sites and flyways one class of readers sees, kept apart for each class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from app.movement import lineage
from app.store.audience import RELEASED, Audience, own_and_opened
from app.store.engine import execute
from app.store.sight import STOPOVER

Row = dict[str, Any]

SITE = (
    "key", "name", "named", "lon", "lat", "radius_m", "area", "codes", "n_individuals",
    "n_stopovers", "bird_days", "species_keys", "time_first", "time_last",
)  # fmt: skip

CONNECTION = (
    "species_key", "season", "from_site_id", "to_site_id", "n_birds", "n_passages",
    "travel_days_median", "distance_m", "observed_share",
)  # fmt: skip

CORRIDOR = ("species_key", "season", "level", "n_birds", "area_km2", "geom")

LINE = (
    "species_key", "season", "part", "n_birds", "n_passages", "length_m", "width_50_m",
    "width_95_m", "geom",
)  # fmt: skip


async def audience_of(conn: AsyncConnection, scope: str, *, simulated: bool) -> Audience:
    """Return the readers a catalogue is made for, narrowed to real or to simulated studies."""
    rows = await execute(
        conn,
        "select id, institute_id, visibility from study where simulated = :simulated order by id",
        {"simulated": simulated},
    )
    if scope == "operator":
        return Audience("operator", exact=tuple(row["id"] for row in rows))
    own = int(scope.partition(":")[2]) if scope != "public" else None
    exact, opened = own_and_opened(rows, own)
    if own is None:
        return Audience("public", open=opened)
    return Audience("institute", own, exact=exact, open=opened)


async def stopovers(conn: AsyncConnection, audience: Audience) -> list[Row]:
    """Return the stopovers these readers see, as they see them."""
    return await execute(
        conn,
        "select x.id, x.individual_id, x.species_key, x.exact, x.lon, x.lat, x.area,"
        " x.arrival_time_latest, x.departure_time_earliest, x.duration_min_s"
        f" from {STOPOVER} as x order by x.id",
        audience.sql,
    )


async def legs(conn: AsyncConnection, audience: Audience) -> list[Row]:
    """
    Return the legs that these readers' flyways are made of, with the stopovers at their ends.

    The way of a leg of studies that are only open is that of their public positions. Birds are
    numbered by their names: sums follow the order of their numbers, and which bird was heard of
    first must not show in the last digits of a corridor.
    """
    return await execute(
        conn,
        f"""
        select dense_rank() over (order by l.study_id, i.local_identifier collate "C")::int
            as individual_id, l.species_key, l.season, l.departure_time, l.arrival_time,
          l.observed_s, l.study_id = any(:exact) as exact, a.id as from_stopover,
          b.id as to_stopover, a.kind as from_kind, b.kind as to_kind, w.positions, w.cells
        from leg l join individual i on i.id = l.individual_id
        left join stopover a on a.individual_id = l.individual_id
          and a.departure_time_earliest = l.departure_time
        left join stopover b on b.individual_id = l.individual_id
          and b.arrival_time_latest = l.arrival_time
        left join way w on w.individual_id = l.individual_id
          and w.departure_time = l.departure_time and w.arrival_time = l.arrival_time
          and w.public = (not l.study_id = any(:exact)) and l.season ~ '(spring|autumn)$'
        where l.study_id = any(:exact) or (l.study_id = any(:open) and l.{RELEASED})
        order by individual_id, l.departure_time
        """,
        audience.sql,
    )


async def replace_sites(
    conn: AsyncConnection,
    scope: str,
    new: Sequence[Row],
    *,
    simulated: bool,
) -> dict[str, int]:
    """
    Let exactly these sites stand, each with its `stays`; return their ids by key.

    A named site is told by its name. A discovered one keeps its identity while it overlaps itself:
    it is the earlier one with which it shares most bird-days, so that links to it go on working.
    What merged and what split is recorded.
    """
    binds = {"scope": scope, "simulated": simulated}
    old = await execute(
        conn,
        "select s.id, s.ref, s.key, s.name, s.named, coalesce(jsonb_agg(jsonb_build_array("
        " v.individual_id, extract(epoch from v.arrival_time),"
        " extract(epoch from v.departure_time))) filter (where v.individual_id is not null),"
        " '[]') as stays from site s left join site_visit v on v.site_id = s.id"
        " where s.scope = :scope and s.simulated = :simulated group by s.id order by s.id",
        binds,
    )
    made = {row["key"]: [_span(stay) for stay in row["stays"]] for row in new}
    shared = lineage.shared_days({row["id"]: row["stays"] for row in old}, made)
    heirs = lineage.heirs(
        {r["id"]: r["key"] for r in old}, [r["key"] for r in new], shared,
        named={r["key"] for r in (*old, *new) if r["named"]},
    )  # fmt: skip
    gone = [row["id"] for row in old if row["id"] not in set(heirs.values())]
    await execute(conn, "delete from site where id = any(cast(:ids as int[]))", {"ids": gone})
    await execute(
        conn,
        "update site set key = 'moving ' || id where id = any(cast(:ids as int[]))",
        {"ids": list(heirs.values())},
    )
    ids = {}
    for row in new:
        ids[row["key"]] = await _write_site(conn, binds, row, heirs.get(row["key"]))
    await _replace_visits(conn, [(ids[row["key"]], row["stays"]) for row in new])
    await _record_changes(conn, binds, old, ids, lineage.changes(shared, heirs, gone))
    return ids


def _span(stay: Row) -> tuple[int, float, float]:
    ends = stay["arrival_time_latest"], stay["departure_time_earliest"]
    return stay["individual_id"], ends[0].timestamp(), ends[1].timestamp()


async def _record_changes(
    conn: AsyncConnection,
    binds: Row,
    old: Sequence[Row],
    ids: dict[str, int],
    changes: Sequence[lineage.Change],
) -> None:
    before = {row["id"]: row for row in old}
    for change in changes:
        await execute(
            conn,
            "insert into site_change (scope, simulated, kind, from_ref, from_name, to_ref, to_name,"
            " shared_days) select :scope, :simulated, :kind, :from_ref, :from_name, t.ref, t.name,"
            " :days from (select 1) as one left join site t on t.id = :to",
            {
                **binds, "kind": change.kind, "from_ref": before[change.origin]["ref"],
                "from_name": before[change.origin]["name"], "days": change.days,
                "to": None if change.target is None else ids[change.target],
            },
        )  # fmt: skip


async def _write_site(conn: AsyncConnection, binds: Row, row: Row, site_id: int | None) -> int:
    values = {name: row[name] for name in SITE}
    if site_id is None:
        names, slots = ", ".join(SITE), ", ".join(f":{name}" for name in SITE)
        made = await execute(
            conn,
            f"insert into site (scope, simulated, {names}) values (:scope, :simulated, {slots})"
            " returning id",
            {**binds, **values},
        )
        return int(made[0]["id"])
    changes = ", ".join(f"{name} = :{name}" for name in SITE)
    await execute(conn, f"update site set {changes} where id = :id", {**values, "id": site_id})
    return site_id


async def _replace_visits(
    conn: AsyncConnection, visits: Sequence[tuple[int, Sequence[Row]]]
) -> None:
    await execute(
        conn,
        "delete from site_visit where site_id = any(cast(:ids as int[]))",
        {"ids": [site_id for site_id, _ in visits]},
    )
    pairs = [(site_id, stay) for site_id, found in visits for stay in found]
    await execute(
        conn,
        "insert into site_visit"
        " (site_id, stopover_id, individual_id, arrival_time, departure_time)"
        " select * from unnest(cast(:sites as int[]), cast(:stopovers as bigint[]),"
        " cast(:birds as int[]), cast(:first as timestamptz[]), cast(:last as timestamptz[]))",
        {
            "sites": [site_id for site_id, _ in pairs],
            "stopovers": [stay["id"] for _, stay in pairs],
            "birds": [stay["individual_id"] for _, stay in pairs],
            "first": [stay["arrival_time_latest"] for _, stay in pairs],
            "last": [stay["departure_time_earliest"] for _, stay in pairs],
        },
    )


async def replace_routes(
    conn: AsyncConnection,
    scope: str,
    *,
    simulated: bool,
    connections: Sequence[Row],
    corridors: Sequence[Row],
    lines: Sequence[Row],
) -> None:
    """Let exactly these connections, corridors and lines stand."""
    binds = {"scope": scope, "simulated": simulated}
    for table, columns, rows in (
        ("connection", CONNECTION, connections),
        ("corridor", CORRIDOR, corridors),
        ("flyway_line", LINE, lines),
    ):
        await execute(
            conn,
            f"delete from {table} where scope = :scope and simulated = :simulated",
            binds,
        )
        slots = ", ".join(
            "ST_GeomFromWKB(:geom, 4326)" if name == "geom" else f":{name}" for name in columns
        )
        for row in rows:
            await execute(
                conn,
                f"insert into {table} (scope, simulated, {', '.join(columns)})"
                f" values (:scope, :simulated, {slots})",
                {**binds, **{name: row[name] for name in columns}},
            )
