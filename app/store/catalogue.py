"""Catalogues: the sites and flyways one class of readers sees, kept apart for each class."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

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

    Legs of studies that are only open carry no line of their own: theirs is drawn from the
    public positions.
    """
    return await execute(
        conn,
        f"""
        select l.individual_id, l.species_key, l.season, l.departure_time, l.arrival_time,
          l.observed_s, l.study_id = any(:exact) as exact,
          a.id as from_stopover, b.id as to_stopover,
          case when l.study_id = any(:exact) then ST_AsBinary(l.line)
            else ST_AsBinary(ST_Multi(drawn.line)) end as line
        from leg l
        left join stopover a on a.individual_id = l.individual_id
          and a.departure_time_earliest = l.departure_time
        left join stopover b on b.individual_id = l.individual_id
          and b.arrival_time_latest = l.arrival_time
        left join lateral (
          select ST_MakeLine(ST_SetSRID(ST_MakePoint(p.lon, p.lat), 4326) order by p.time) as line
          from public_fix p where p.individual_id = l.individual_id
            and p.time between l.departure_time and l.arrival_time and p.{RELEASED}
          having count(*) > 1
        ) as drawn on not l.study_id = any(:exact)
        where l.study_id = any(:exact) or (l.study_id = any(:open) and l.{RELEASED})
        order by l.individual_id, l.departure_time
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
    Let exactly these sites stand, each with its `stopover_ids`; return their ids by key.

    A site keeps its identity under its key; a discovered one whose centre moved keeps that of the
    site it shares most stopovers with, so that links to it go on working.
    """
    binds = {"scope": scope, "simulated": simulated}
    old = await execute(
        conn,
        "select s.id, s.key, s.named, array_agg(v.stopover_id) as stopover_ids from site s"
        " left join site_visit v on v.site_id = s.id"
        " where s.scope = :scope and s.simulated = :simulated group by s.id order by s.id",
        binds,
    )
    heirs = _heirs(old, new)
    gone = [row["id"] for row in old if row["id"] not in set(heirs.values())]
    await execute(conn, "delete from site where id = any(cast(:ids as int[]))", {"ids": gone})
    await execute(
        conn,
        "update site set key = 'moving ' || id where id = any(cast(:ids as int[]))",
        {"ids": [i for key, i in heirs.items() if key not in {r["key"] for r in old}]},
    )
    ids = {}
    for row in new:
        ids[row["key"]] = await _write_site(conn, binds, row, heirs.get(row["key"]))
    await _replace_visits(conn, [(ids[row["key"]], row["stopover_ids"]) for row in new])
    return ids


def _heirs(old: Sequence[Row], new: Sequence[Row]) -> dict[str, int]:
    """Return which earlier site each new one continues: the same key, else most in common."""
    known = {row["key"]: row["id"] for row in old}
    heirs = {row["key"]: known[row["key"]] for row in new if row["key"] in known}
    site_of = {
        stopover: row["id"]
        for row in old
        if not row["named"] and row["id"] not in heirs.values()
        for stopover in row["stopover_ids"]
    }
    shared = [
        (-n, site_id, row["key"])
        for row in new
        if row["key"] not in heirs and not row["named"]
        for site_id, n in Counter(site_of[s] for s in row["stopover_ids"] if s in site_of).items()
    ]
    for _, site_id, key in sorted(shared):
        if key not in heirs and site_id not in heirs.values():
            heirs[key] = site_id
    return heirs


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
    conn: AsyncConnection, visits: Sequence[tuple[int, Iterable[int]]]
) -> None:
    await execute(
        conn,
        "delete from site_visit where site_id = any(cast(:ids as int[]))",
        {"ids": [site_id for site_id, _ in visits]},
    )
    pairs = [(site_id, stopover) for site_id, found in visits for stopover in found]
    await execute(
        conn,
        "insert into site_visit (site_id, stopover_id)"
        " select * from unnest(cast(:sites as int[]), cast(:stopovers as bigint[]))",
        {"sites": [p[0] for p in pairs], "stopovers": [p[1] for p in pairs]},
    )


async def replace_routes(
    conn: AsyncConnection,
    scope: str,
    *,
    simulated: bool,
    connections: Sequence[Row],
    corridors: Sequence[Row],
) -> None:
    """Let exactly these connections and corridors stand."""
    binds = {"scope": scope, "simulated": simulated}
    for table, columns, rows in (
        ("connection", CONNECTION, connections),
        ("corridor", CORRIDOR, corridors),
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
