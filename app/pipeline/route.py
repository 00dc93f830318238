"""stopover, leg, way -> site, connection, corridor, flyway_line: what one class of readers sees."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import shapely

from app.movement.flyways import Passage, Route, build_route
from app.movement.sites import SITE_WITHIN_M, NamedSites, Sites, find_sites
from app.movement.ways import Way
from app.pipeline.flywaylines import line_rows
from app.seeds import rows as seed
from app.store import catalogue
from app.store.engine import Connection
from app.store.flown import unpacked
from app.store.sight import GROUP_MIN
from app.store.windows import micros

Row = dict[str, Any]

SEASONS = ("spring", "autumn")
"""Seasons that have a flyway; what a bird flies in others is counted as `other`, undrawn."""


async def route(conn: Connection, scope: str, *, simulated: bool) -> None:
    """Build a catalogue again from what its readers see; simulated birds never mix with real."""
    readers = await catalogue.audience_of(conn, scope, simulated=simulated)
    stays = await catalogue.stopovers(conn, readers)
    sites = await asyncio.to_thread(_sites, stays)
    found, place = _site_rows(stays, sites, enough=1 if simulated else GROUP_MIN)
    ids = await catalogue.replace_sites(conn, scope, found, simulated=simulated)
    legs = await catalogue.legs(conn, readers)
    site_of = {stays[i]["id"]: place.get(int(s), -1) for i, s in enumerate(sites.of_stopover)}
    made = await asyncio.to_thread(
        _routes, legs, site_of, found, enough=1 if simulated else GROUP_MIN
    )
    for row in made.connections:
        for end in ("from_site_id", "to_site_id"):
            row[end] = ids[found[row[end]]["key"]] if row[end] >= 0 else None
    await catalogue.replace_routes(
        conn, scope, simulated=simulated, connections=made.connections,
        corridors=made.corridors, lines=made.lines,
    )  # fmt: skip


def _named() -> NamedSites:
    known = seed("sites")
    return NamedSites(
        tuple(row["name"] for row in known),
        np.array([float(row["lon"]) for row in known]),
        np.array([float(row["lat"]) for row in known]),
        np.full(len(known), SITE_WITHIN_M),
    )


def _sites(stays: list[Row]) -> Sites:
    areas = {name: i for i, name in enumerate(sorted({s["area"] or "" for s in stays}))}
    return find_sites(
        np.array([s["lon"] for s in stays], dtype=np.float64),
        np.array([s["lat"] for s in stays], dtype=np.float64),
        np.array([s["individual_id"] for s in stays], dtype=np.int64),
        named=_named(),
        area=np.array([areas[s["area"] or ""] for s in stays], dtype=np.int64),
    )


def tellable(rows: list[Row], enough: int) -> list[Row]:
    """
    Return the rows that an aggregate may rest on.

    Those of others' opened studies must stand for several birds of their own number: beside
    own birds, whose share the reader knows, a single one of theirs could be told apart.
    """
    others = {row["individual_id"] for row in rows if not row["exact"]}
    return rows if len(others) >= enough else [row for row in rows if row["exact"]]


def _site_rows(stays: list[Row], sites: Sites, *, enough: int) -> tuple[list[Row], dict[int, int]]:
    """Return the visited sites, and where each site of `sites` stands among them."""
    codes = {row["name"]: row["codes"] for row in seed("sites")}
    visits = defaultdict(list)
    for i, s in enumerate(sites.of_stopover.tolist()):
        visits[s].append(stays[i])
    rows: list[Row] = []
    place: dict[int, int] = {}
    for s in range(len(sites)):
        seen = tellable(visits.get(s, []), enough)
        if not seen:
            continue
        named = bool(sites.named_index[s] >= 0)
        place[s] = len(rows)
        rows.append({
            "key": sites.key[s],
            "name": sites.name[s],
            "named": named,
            "lon": float(sites.lon[s]),
            "lat": float(sites.lat[s]),
            "radius_m": float(sites.radius_m[s]),
            "area": seen[0]["area"],
            "codes": codes.get(sites.name[s]) if named else None,
            "n_individuals": len({row["individual_id"] for row in seen}),
            "n_stopovers": len(seen),
            "bird_days": sum(sorted(row["duration_min_s"] for row in seen)) / 86_400.0,
            "species_keys": sorted({row["species_key"] for row in seen}),
            "time_first": min(row["arrival_time_latest"] for row in seen),
            "time_last": max(row["departure_time_earliest"] for row in seen),
            "stays": seen,
        })  # fmt: skip
    return rows, place


@dataclass(slots=True)
class _Made:
    """Rows of the flyways of one catalogue."""

    connections: list[Row] = field(default_factory=list)
    corridors: list[Row] = field(default_factory=list)
    lines: list[Row] = field(default_factory=list)


def _routes(legs: list[Row], site_of: dict[int, int], sites: list[Row], *, enough: int) -> _Made:
    lon = np.array([row["lon"] for row in sites], dtype=np.float64)
    lat = np.array([row["lat"] for row in sites], dtype=np.float64)
    groups = defaultdict(list)
    for leg in legs:
        season = (leg["season"] or "").partition("-")[2]
        groups[leg["species_key"], season if season in SEASONS else "other"].append(leg)
    out = _Made()
    for (species_key, season), members in sorted(groups.items()):
        facts = {"species_key": species_key, "season": season}
        for ends in _by_ends(members, site_of):
            same = tellable(ends, enough)
            if same:
                made = build_route([_passage(leg, site_of, flown=False) for leg in same], lon, lat)
                out.connections += [{**facts, **row} for row in _connection_rows(made)]
        told = tellable(members, enough)
        if season in SEASONS and told:
            made = build_route([_passage(leg, site_of) for leg in told], lon, lat)
            out.corridors += [{**facts, **row} for row in _corridor_rows(made)]
            out.lines += [{**facts, **row} for row in line_rows(told)]
    return out


def _by_ends(legs: list[Row], site_of: dict[int, int]) -> list[list[Row]]:
    """Group legs by the sites they join; a way back to the same site joins nothing."""
    groups = defaultdict(list)
    for leg in legs:
        ends = site_of.get(leg["from_stopover"], -1), site_of.get(leg["to_stopover"], -1)
        if ends[0] != ends[1] or ends == (-1, -1):
            groups[ends].append(leg)
    return [groups[ends] for ends in sorted(groups)]


def _passage(leg: Row, site_of: dict[int, int], *, flown: bool = True) -> Passage:
    return Passage(
        individual=leg["individual_id"],
        origin=site_of.get(leg["from_stopover"], -1),
        target=site_of.get(leg["to_stopover"], -1),
        start_us=micros(leg["departure_time"]),
        end_us=micros(leg["arrival_time"]),
        observed_s=leg["observed_s"],
        way=Way(*unpacked(leg["positions"], leg["cells"])) if flown and leg["cells"] else None,
    )


def _connection_rows(made: Route) -> list[Row]:
    return [
        {
            "from_site_id": c.origin,
            "to_site_id": c.target,
            "n_birds": c.n_birds,
            "n_passages": c.n_passages,
            "travel_days_median": c.travel_days_median,
            "distance_m": None if np.isnan(c.distance_m) else c.distance_m,
            "observed_share": c.observed_share,
        }
        for c in made.connections
    ]


def _corridor_rows(made: Route) -> list[Row]:
    return [
        {
            "level": c.level,
            "n_birds": c.n_birds,
            "area_km2": c.area_km2,
            "geom": bytes(shapely.to_wkb(c.geometry)),
        }
        for c in made.corridors
        if not c.geometry.is_empty
    ]
