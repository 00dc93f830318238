"""Stopovers as an audience sees them."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.store import features
from app.store.audience import Audience
from app.store.engine import execute
from app.store.features import Feature, when
from app.store.sight import STOP, STOPOVER, WITH_BIRD, Filters, where

Method = Literal["radius", "movingpandas"]
_RELATIONS: dict[Method, str] = {"radius": STOPOVER, "movingpandas": STOP}

_JOINED = f"""
{WITH_BIRD}
left join lateral (
  select t.ref, t.name from site_visit v join site t on t.id = v.site_id
  where v.stopover_id = x.id and t.scope = :scope
    and t.name = coalesce(x.site_named, t.name) order by t.id limit 1
) as site on true
"""


def source(method: Method = "radius") -> str:
    """Return the SQL of all stopovers `x` of a method, with bird `i`, study `s` and site."""
    return f"{_RELATIONS[method]} as x {_JOINED}"


_COLUMNS = """
x.ref as id, x.exact, i.ref as individual_id, i.local_identifier as individual,
s.ref as study_id, s.name as study, s.simulated, x.species_key as species,
x.arrival_time_earliest, x.arrival_time_latest, x.departure_time_earliest,
x.departure_time_latest, x.arrival_time_p05, x.arrival_time, x.arrival_time_p95,
x.departure_time_p05, x.departure_time, x.departure_time_p95, x.arrival_open,
x.departure_open, x.duration_min_s, x.duration_max_s, x.n_fixes, x.lon, x.lat, x.radius_m,
x.kind, x.season, x.seen_or_inferred,
site.ref as site_id, coalesce(x.site_named, site.name) as site, x.area, x.method, x.parameters,
x.basis, (select o.ref from observation o where o.id = x.observation_id) as observation
"""

PROPERTIES = {
    "individual": "i.local_identifier",
    "individual_id": "i.ref",
    "species": "x.species_key",
    "study": "s.name",
    **{
        name: when(f"x.{name}")
        for name in (
            "arrival_time_earliest", "arrival_time_latest",
            "departure_time_earliest", "departure_time_latest",
            "arrival_time_p05", "arrival_time", "arrival_time_p95",
            "departure_time_p05", "departure_time", "departure_time_p95",
        )
    },
    **{
        name: f"x.{name}"
        for name in (
            "arrival_open", "departure_open", "duration_min_s", "duration_max_s", "n_fixes",
            "radius_m", "kind", "season", "seen_or_inferred", "basis",
        )
    },
    "site": "coalesce(x.site_named, site.name)",
    "site_id": "site.ref",
    "country": "x.area",
    "precision": "case when x.exact then 'exact' else s.public_grid_deg || ' degree grid' end",
    "simulated": "s.simulated",
}  # fmt: skip
"""What a feature of the feed says of a stopover, each as an SQL expression."""


def _chosen(
    audience: Audience,
    filters: Filters,
    after: tuple[Any, ...] | None,
    method: Method = "radius",
) -> tuple[str, dict[str, Any]]:
    chosen = (
        where(audience)
        .birds(filters)
        .season(filters)
        .times(filters, "x.arrival_time_earliest", "x.departure_time_latest")
        .box(filters)
        .after({"x.arrival_time_latest": "timestamptz", "x.ref": "uuid"}, after)
    )
    sql = (
        f"from {source(method)} where {chosen.sql}"
        " order by x.arrival_time_latest, x.ref limit :fetch"
    )
    return sql, {**chosen.values, "scope": audience.scope}


async def page(
    conn: AsyncConnection,
    audience: Audience,
    filters: Filters,
    *,
    fetch: int,
    after: tuple[Any, ...] | None = None,
    method: Method = "radius",
) -> list[dict[str, Any]]:
    """Return stopovers by latest arrival; the key of a row is (arrival_time_latest, id)."""
    sql, values = _chosen(audience, filters, after, method)
    return await execute(conn, f"select {_COLUMNS} {sql}", {**values, "fetch": fetch})


async def find(conn: AsyncConnection, audience: Audience, ref: UUID) -> dict[str, Any] | None:
    """Return one stopover with its polygon (GeoJSON text), or None."""
    for method in _RELATIONS:
        rows = await execute(
            conn,
            f"select {_COLUMNS}, {features.geometry('x.polygon')}::text as polygon"
            f" from {source(method)} where x.ref = :ref",
            {**audience.sql, "scope": audience.scope, "ref": ref},
        )
        if rows:
            return rows[0]
    return None


async def feed(
    conn: AsyncConnection,
    audience: Audience,
    filters: Filters,
    *,
    fetch: int,
    after: tuple[Any, ...] | None = None,
) -> list[Feature]:
    """Return stopovers as point features; keys as in `page`."""
    sql, values = _chosen(audience, filters, after)
    text = features.feature("x.ref", "x.shape", PROPERTIES)
    return await features.read(
        conn,
        f"select {text} as text, x.arrival_time_latest as key0, x.ref as key1 {sql}",
        {**values, "fetch": fetch},
    )
