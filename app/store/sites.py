"""Sites of the catalogue an audience reads, and who used them when."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.store import features
from app.store.audience import Audience
from app.store.engine import execute
from app.store.features import Feature, when
from app.store.sight import STOPOVER, Filters, Where, point, where

_SHAPE = point("x.lon", "x.lat")
_COLUMNS = """
x.ref as id, x.key, x.name, x.named, x.lon, x.lat, x.radius_m, x.area, x.codes, x.n_individuals,
x.n_stopovers, x.bird_days, x.species_keys as species, x.time_first, x.time_last, x.simulated
"""
PROPERTIES = {
    **{
        name: f"x.{name}"
        for name in (
            "name", "named", "n_individuals", "n_stopovers", "bird_days", "radius_m", "codes",
            "simulated",
        )
    },
    "country": "x.area",
    "species": "x.species_keys",
    "time_first": when("x.time_first"),
    "time_last": when("x.time_last"),
}  # fmt: skip
_VISITS = f"site_visit v join {STOPOVER} as b on b.id = v.stopover_id"
_ORDER = {"x.name": "text", "x.ref": "uuid"}


def _chosen(audience: Audience, filters: Filters, after: Sequence[Any] | None) -> Where:
    """Narrow the catalogue; bird, study and season keep sites that such a seen stay touches."""
    chosen = where(audience).add("x.scope = :scope", scope=audience.scope)
    if filters.species is not None:
        chosen.add(":species = any(x.species_keys)", species=filters.species)
    bird = Filters(individual=filters.individual, study=filters.study)
    visit = Where({}).birds(bird).season(filters, "b.season")
    if visit.conditions:
        chosen.add(
            f"exists (select from {_VISITS} join individual i on i.id = b.individual_id"
            f" where v.site_id = x.id and {visit.sql})",
            **visit.values,
        )
    return chosen.times(filters, "x.time_first", "x.time_last").box(filters, _SHAPE).after(
        _ORDER, after
    )  # fmt: skip


async def page(
    conn: AsyncConnection,
    audience: Audience,
    filters: Filters,
    *,
    fetch: int,
    after: Sequence[Any] | None = None,
) -> list[dict[str, Any]]:
    """Return sites by name; the key of a row is (name, id)."""
    chosen = _chosen(audience, filters, after)
    return await execute(
        conn,
        f"select {_COLUMNS} from site x where {chosen.sql} order by x.name, x.ref limit :fetch",
        {**chosen.values, "fetch": fetch},
    )


async def find(conn: AsyncConnection, audience: Audience, ref: UUID) -> dict[str, Any] | None:
    """Return one site of the caller's catalogue, or None."""
    rows = await execute(
        conn,
        f"select {_COLUMNS} from site x where x.scope = :scope and x.ref = :ref",
        {"scope": audience.scope, "ref": ref},
    )
    return rows[0] if rows else None


async def feed(
    conn: AsyncConnection,
    audience: Audience,
    filters: Filters,
    *,
    fetch: int,
    after: Sequence[Any] | None = None,
) -> list[Feature]:
    """Return sites as point features; keys as in `page`."""
    chosen = _chosen(audience, filters, after)
    return await features.read(
        conn,
        f"select {features.feature('x.ref', _SHAPE, PROPERTIES)} as text,"
        " x.name as key0, x.ref as key1"
        f" from site x where {chosen.sql} order by x.name, x.ref limit :fetch",
        {**chosen.values, "fetch": fetch},
    )


async def birds(
    conn: AsyncConnection, audience: Audience, ref: UUID, *, fetch: int
) -> list[dict[str, Any]]:
    """Return who stayed at a site, by first arrival: from the stays this audience sees."""
    return await execute(
        conn,
        "select i.ref as id, i.local_identifier, x.species_key as species,"
        " count(*)::int as n_stopovers, min(x.arrival_time_latest) as time_first,"
        " max(x.departure_time_earliest) as time_last"
        f" from site t join site_visit v on v.site_id = t.id"
        f" join {STOPOVER} as x on x.id = v.stopover_id"
        " join individual i on i.id = x.individual_id"
        " where t.scope = :scope and t.ref = :ref"
        " group by 1, 2, 3 order by time_first, id limit :fetch",
        {**audience.sql, "scope": audience.scope, "ref": ref, "fetch": fetch},
    )


PENTAD = "least(73, (extract(doy from day)::int - 1) / 5 + 1)"
"""Five-day period of the year, 1..73; the last holds the leap day's remainder."""


async def phenology(
    conn: AsyncConnection, audience: Audience, ref: UUID, *, by: str
) -> list[dict[str, Any]]:
    """Return birds and bird-days at a site by pentad or month of the year, over all years."""
    period = PENTAD if by == "pentad" else "extract(month from day)::int"
    return await execute(
        conn,
        f"""
        with stays as (
          select x.individual_id, x.arrival_time_latest as first, x.departure_time_earliest as last
          from site t join site_visit v on v.site_id = t.id
          join {STOPOVER} as x on x.id = v.stopover_id
          where t.scope = :scope and t.ref = :ref
        ), days as (
          select individual_id, day, extract(epoch from
            least(last, day + interval '1 day') - greatest(first, day)) / 86400.0 as bird_days
          from stays, generate_series(
            date_trunc('day', first, 'UTC'), last - interval '1 us', interval '1 day') as day
        )
        select {period} as period, count(distinct individual_id)::int as n_individuals,
          sum(bird_days)::float8 as bird_days
        from days group by 1 order by 1
        """,
        {**audience.sql, "scope": audience.scope, "ref": ref},
    )
