"""Flyways: what birds of one species fly in one season, from the catalogue an audience reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from app.store import features
from app.store.audience import Audience
from app.store.engine import execute
from app.store.features import Feature
from app.store.sight import POSITION, STOPOVER, Filters, Where, cut, point, where

STRAIGHT_MAX_M = 100_000
"""Longest straight piece of a drawn great circle [m]: its bow is below 1 km on the map."""

_ENDS = f"{point('a.lon', 'a.lat')}, {point('b.lon', 'b.lat')}"
_ROUTE = f"st_segmentize(st_makeline({_ENDS})::geography, {STRAIGHT_MAX_M})::geometry"

PARTS = f"""(
select 'connection' as part, c.scope, c.simulated, c.species_key, c.season,
  c.species_key || ':' || c.season || ':' || coalesce(a.ref::text, '') || ':'
    || coalesce(b.ref::text, '')
    || case when c.simulated then ':' || 'simulated' else '' end as ref,
  case when a.id <> b.id then {cut("r.line")} end as shape, c.n_birds, c.n_passages,
  c.travel_days_median, c.distance_m, c.observed_share, a.ref as from_site, b.ref as to_site,
  a.name as from_name, b.name as to_name, null::int as level, null::float8 as area_km2,
  null::float8 as length_m, null::float8[] as width_50_m, null::float8[] as width_95_m
from connection c left join site a on a.id = c.from_site_id left join site b on b.id = c.to_site_id
  cross join lateral (select {_ROUTE} as line offset 0) as r
union all
select 'corridor', scope, simulated, species_key, season,
  species_key || ':' || season || ':' || level
    || case when simulated then ':' || 'simulated' else '' end,
  geom, n_birds, null, null, null, null, null, null, null, null, level, area_km2, null, null, null
from corridor
union all
select part, scope, simulated, species_key, season, species_key || ':' || season || ':' || part
    || case when simulated then ':' || 'simulated' else '' end,
  st_segmentize(geom::geography, {STRAIGHT_MAX_M})::geometry, n_birds, n_passages, null, null,
  null, null, null, null, null, null, null, length_m, width_50_m, width_95_m
from flyway_line
)"""
PROPERTIES = {
    name: f"x.{name}"
    for name in (
        "part", "season", "n_birds", "n_passages", "travel_days_median", "distance_m",
        "observed_share", "from_site", "to_site", "from_name", "to_name", "level", "area_km2",
        "length_m", "width_50_m", "width_95_m", "simulated",
    )
} | {"species": "x.species_key"}  # fmt: skip
_ORDER = {"x.part": "text", "x.ref": "text"}


def _chosen(audience: Audience, filters: Filters, after: Sequence[Any] | None) -> Where:
    chosen = where(audience).add("x.scope = :scope", scope=audience.scope)
    chosen.birds(replace(filters, individual=None, study=None))
    bird = Where({}).birds(Filters(individual=filters.individual, study=filters.study))
    if bird.conditions:
        seen = f"(select individual_id, species_key from {POSITION} as p union all"
        chosen.add(
            f"x.species_key in (select o.species_key from {seen}"
            f" select individual_id, species_key from {STOPOVER} as q) as o"
            f" join individual i on i.id = o.individual_id where {bird.sql})",
            **bird.values,
        )
    if filters.season is not None:
        chosen.add("x.season = :part_of_year", part_of_year=filters.season.partition("-")[2])
    return chosen.box(filters).after(_ORDER, after)


async def feed(
    conn: AsyncConnection,
    audience: Audience,
    filters: Filters,
    *,
    fetch: int,
    after: Sequence[Any] | None = None,
) -> list[Feature]:
    """Return connections and corridors as features; the key is (part, ref)."""
    chosen = _chosen(audience, filters, after)
    return await features.read(
        conn,
        f"select {features.feature('x.ref', 'x.shape', PROPERTIES)} as text,"
        " x.part as key0, x.ref as key1"
        f" from {PARTS} as x where {chosen.sql} order by x.part, x.ref limit :fetch",
        {**chosen.values, "fetch": fetch},
    )


async def page(
    conn: AsyncConnection,
    audience: Audience,
    filters: Filters,
    *,
    fetch: int,
    after: Sequence[Any] | None = None,
) -> list[dict[str, Any]]:
    """Return flyways with their counts; the key of a row is (species, season, simulated)."""
    columns = {"x.species_key": "text", "x.season": "text", "x.simulated": "boolean"}
    chosen = _chosen(audience, replace(filters, box=None), None).after(columns, after)
    return await execute(
        conn,
        f"""
        select x.species_key as species, x.season, x.simulated,
          count(*) filter (where part = 'connection')::int as n_connections,
          coalesce(sum(n_passages), 0)::int as n_passages, max(n_birds) as n_birds_max,
          max(area_km2) filter (where level = 50) as corridor_50_km2,
          max(area_km2) filter (where level = 95) as corridor_95_km2
        from {PARTS} as x where {chosen.sql}
        group by 1, 2, 3 order by {", ".join(columns)} limit :fetch
        """,
        {**chosen.values, "fetch": fetch},
    )


async def route(
    conn: AsyncConnection,
    audience: Audience,
    *,
    species: str,
    season: str,
    simulated: bool,
) -> list[Feature]:
    """Return the parts of one flyway: sites, connections, corridors, lines; none is unknown."""
    values = {
        "scope": audience.scope, "species": species, "season": season, "simulated": simulated,
    }  # fmt: skip
    one = (
        "scope = :scope and species_key = :species and season = :season and simulated = :simulated"
    )
    parts = await features.read(
        conn,
        f"select {features.feature('x.ref', 'x.shape', PROPERTIES)} as text"
        f" from {PARTS} as x where {one} order by x.part, x.ref",
        values,
    )
    ends = await features.read(
        conn,
        f"select {features.feature('x.ref', point('x.lon', 'x.lat'), _SITE)} as text"
        " from site x where x.id in (select unnest(array[from_site_id, to_site_id])"
        f" from connection where {one}) order by x.name, x.ref",
        values,
    )
    return ends + parts


_SITE = {"part": "'site'", "name": "x.name", "n_individuals": "x.n_individuals",
         "bird_days": "x.bird_days", "country": "x.area", "simulated": "x.simulated"}  # fmt: skip
