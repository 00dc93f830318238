"""Migrations as an audience sees them: the numbers of each bird, season and year."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np
from sqlalchemy.ext.asyncio import AsyncConnection

from app.movement.migrations import Way, in_order, measure_way
from app.seeds import profile_of
from app.store.audience import Audience
from app.store.engine import execute
from app.store.layers import OPEN_SEA, OUTSIDE, OUTSIDE_NAME, Layer
from app.store.ledger import protected_by
from app.store.sight import LEG, SEASON, STOPOVER, WITH_BIRD, Filters, where

DAY_S = 86_400.0
_KEY = {"x.start_time": "timestamptz", "i.ref": "uuid", "x.season": "text"}

Row = dict[str, Any]
Key = tuple[int, str]


@dataclass(frozen=True, slots=True)
class Wanted:
    """
    Which migrations, and the layers they are told by; None leaves a filter out.

    Of `during` the interval counts: a migration that has any of its time in it is in it.
    """

    species: str | None = None
    season: str | None = None
    year: int | None = None
    individual: UUID | None = None
    study: UUID | None = None
    simulated: bool | None = None
    during: Filters | None = None
    boundary: Layer | None = None
    layer: Layer | None = None
    protection: tuple[Layer, ...] = ()


async def page(
    conn: AsyncConnection,
    audience: Audience,
    wanted: Wanted,
    *,
    fetch: int,
    after: Sequence[Any] | None = None,
) -> list[Row]:
    """
    Return migrations by departure; the key of a row is (departure_time, individual, season).

    Of opened studies of others only what their public stopovers and legs tell.
    """
    rows = await _seasons(conn, audience, wanted, fetch, after)
    values = {
        **audience.sql,
        "birds": [row["bird"] for row in rows],
        "seasons": [row["season"] for row in rows],
    }
    legs = _by_key(await execute(conn, _of(LEG, _LEG, "x.departure_time"), values))
    stays = _by_key(await execute(conn, _of(STOPOVER, _STAY, "x.arrival_time_latest"), values))
    ends = await execute(conn, _ENDS, values)
    homes = {(row["bird"], row["time"]): row for row in ends}
    days = _by_key(await execute(conn, _DAYS, values | _layers(wanted)))
    return [
        _shown(row, legs[key], stays[key], homes, days[key], wanted=wanted)
        for row in rows
        for key in [(row["bird"], row["season"])]
    ]


async def _seasons(
    conn: AsyncConnection,
    audience: Audience,
    wanted: Wanted,
    fetch: int,
    after: Sequence[Any] | None,
) -> list[Row]:
    chosen = where(audience).add("split_part(x.season, '-', 2) in ('spring', 'autumn')")
    if wanted.species is not None:
        chosen.add("x.species_key = :species", species=wanted.species)
    if wanted.season is not None:
        chosen.add("split_part(x.season, '-', 2) = :season", season=wanted.season)
    if wanted.year is not None:
        chosen.add("split_part(x.season, '-', 1) = :year", year=str(wanted.year))
    if wanted.individual is not None:
        chosen.add("i.ref = :individual", individual=wanted.individual)
    if wanted.study is not None:
        chosen.add("s.ref = :study", study=wanted.study)
    if wanted.simulated is not None:
        chosen.add("s.simulated = :simulated", simulated=wanted.simulated)
    if wanted.during is not None:
        chosen.times(wanted.during, "x.start_time", "x.end_time")
    chosen.after(_KEY, after)
    return await execute(
        conn,
        "select x.individual_id as bird, i.ref as individual_id, i.local_identifier as individual,"
        " s.ref as study, s.simulated, x.exact, x.species_key as species, x.season,"
        " x.start_time as departure_time, x.end_time as arrival_time, x.basis, x.confidence,"
        f" case when x.exact then coalesce({_STAGE_WORN}, i.terms ->> '{_STAGE}') end as life_stage"
        f" from {SEASON} as x {WITH_BIRD} where {chosen.sql}"
        f" order by {', '.join(_KEY)} limit :fetch",
        {**chosen.values, "fetch": fetch},
    )


_STAGE = "animal-life-stage"
_STAGE_WORN = f"""(select d.terms ->> '{_STAGE}' from deployment d
  where d.individual_id = x.individual_id and d.replaced_at is null
    and d.during @> x.start_time and d.terms ? '{_STAGE}'
  order by lower(d.during) desc nulls last, d.id desc limit 1)"""
"""SQL: what reference data say of the bird as it was when it got the tag that it wore."""

_ASKED = (
    "(x.individual_id, x.season) in"
    " (select * from unnest(cast(:birds as int[]), cast(:seasons as text[])))"
)
_LEG = (
    "x.departure_time, x.arrival_time, x.from_lon, x.from_lat, x.to_lon, x.to_lat, x.length_m,"
    " x.observed_s, x.unobserved_s, (select l.unobserved_m from leg l where l.ref = x.ref"
    " and l.study_id = any(:exact)) as unobserved_m"
)
_STAY = (
    "x.arrival_time_latest, x.departure_time_earliest, x.duration_min_s, x.kind, x.area, x.exact"
)


def _of(relation: str, columns: str, order: str) -> str:
    return (
        f"select x.individual_id as bird, x.season, {columns} from {relation} as x"
        f" where {_ASKED} order by x.individual_id, {order}"
    )


_ENDS = f"""
select x.individual_id as bird, e.time, x.area, x.arrival_time_latest
from {STOPOVER} as x
  cross join lateral (values (x.departure_time_earliest), (x.arrival_time_latest)) as e (time)
where x.individual_id = any(cast(:birds as int[]))
"""
_DAYS = """
select x.individual_id as bird, x.season, x.observed, x.kind <> 'travel' as aside,
  min(x.day) as day,
  x.class_ids[array_position(x.layer_ids, cast(:boundary as int))] as area,
  x.class_ids[array_position(x.layer_ids, cast(:layer as int))] as class,
  (select array_agg(x.class_ids[array_position(x.layer_ids, p.id)])
   from unnest(cast(:protection as int[])) as p (id)) as protection,
  sum((x.bird_days * 86400000000)::bigint)::bigint as time_us
from ledger_day x
where x.study_id = any(:exact) and (x.individual_id, x.season) in
  (select * from unnest(cast(:birds as int[]), cast(:seasons as text[])))
group by 1, 2, 3, 4, 6, 7, 8 order by 1, 2, 5, 6
"""


def _layers(wanted: Wanted) -> Row:
    return {
        "boundary": wanted.boundary.id if wanted.boundary else None,
        "layer": wanted.layer.id if wanted.layer else None,
        "protection": [layer.id for layer in wanted.protection],
    }


def _by_key(rows: list[Row]) -> dict[Key, list[Row]]:
    out: dict[Key, list[Row]] = defaultdict(list)
    for row in rows:
        out[row["bird"], row["season"]].append(row)
    return out


def _shown(
    row: Row,
    legs: list[Row],
    stays: list[Row],
    homes: dict[tuple[int, Any], Row],
    days: list[Row],
    *,
    wanted: Wanted,
) -> Row:
    start, end = row["departure_time"], row["arrival_time"]
    way = _way(legs) if row["exact"] else None
    silent_s = sum(leg["unobserved_s"] for leg in legs) if way else None
    headline_s = profile_of(row["species"]).headline_min_s
    ends = [homes.get((row["bird"], time)) for time in (start, end)]
    listed = [*ends[:1], *stays, *ends[1:]]
    seen = [(s["arrival_time_latest"].date(), s["area"]) for s in listed if s and s["area"]]
    found = [day for day in days if day["observed"]]
    return {
        **{name: row[name] for name in row if name != "bird"},
        "duration_days": (end - start).total_seconds() / DAY_S,
        "stop_days": sum(s["duration_min_s"] for s in stays) / DAY_S if way else None,
        "travel_days": sum(leg["observed_s"] for leg in legs) / DAY_S if way else None,
        "unobserved_days": silent_s / DAY_S if silent_s is not None else None,
        "stops": len(stays),
        "stopovers": sum(s["duration_min_s"] >= headline_s for s in stays),
        "stopover_min_h": headline_s / 3600.0,
        "staging_sites": sum(s["kind"] == "staging" for s in stays),
        "route_km": way.route_m / 1e3 if way else _rough_km(legs),
        "unobserved_km": way.unobserved_m / 1e3 if way else None,
        "displacement_km": way.displacement_m / 1e3 if way else None,
        "straightness": way.straightness if way else None,
        "travel_speed_m_s": None if way is None or np.isnan(way.speed_m_s) else way.speed_m_s,
        "countries": in_order([s for s in seen if s[1] != OPEN_SEA], _crossed(found, wanted)),
        "land_cover": _cover(found, wanted.layer) if way else None,
        "share_protected": _protected(found, wanted) if way else None,
    }


def _way(legs: list[Row]) -> Way | None:
    """Measure the way; None without a leg."""
    if not legs:
        return None
    centres = [(leg["from_lon"], leg["from_lat"]) for leg in legs]
    centres.append((legs[-1]["to_lon"], legs[-1]["to_lat"]))
    lon, lat = np.array(centres, dtype=np.float64).T
    of_legs = {
        name: np.array([leg[name] for leg in legs], dtype=np.float64)
        for name in ("length_m", "unobserved_m", "observed_s")
    }
    return measure_way(lon, lat, **of_legs)


def _rough_km(legs: list[Row]) -> float | None:
    """Return the sum of lengths that the public may know; None where one is withheld."""
    lengths = [leg["length_m"] for leg in legs]
    return None if not lengths or None in lengths else sum(lengths) / 1e3


def _crossed(days: list[Row], wanted: Wanted) -> list[tuple[Any, bool, str]]:
    if wanted.boundary is None:
        return []
    return [
        (day["day"], day["aside"], wanted.boundary.area_name(day["area"]))
        for day in days
        if day["area"] is not None and day["area"] != OUTSIDE
    ]


def _cover(days: list[Row], layer: Layer | None) -> dict[str, float] | None:
    """Return the share of each class of land in the observed time, largest first."""
    whole = sum(day["time_us"] for day in days if day["class"] is not None)
    if layer is None or not whole:
        return None
    spent: dict[str, int] = defaultdict(int)
    for day in days:
        if day["class"] is not None:
            name = layer.class_name(day["class"]) if day["class"] != OUTSIDE else OUTSIDE_NAME
            spent[name] += day["time_us"]
    return {k: v / whole for k, v in sorted(spent.items(), key=lambda kv: (-kv[1], kv[0]))}


def _protected(days: list[Row], wanted: Wanted) -> float | None:
    """Return the share of observed time in what was protected by law then; no Ramsar sites."""
    known = [day for day in days if any(c is not None for c in day["protection"] or ())]
    whole = sum(int(day["time_us"]) for day in known)
    if not whole:
        return None
    return sum(int(day["time_us"]) for day in known if _legal(day, wanted)) / whole


def _legal(day: Row, wanted: Wanted) -> bool:
    held = protected_by(day["protection"], wanted.protection, "at_time")
    return held is not None and held.legal
