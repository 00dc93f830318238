"""What became of sites, and the stays from which the phenology and trend of one are told."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.movement.protection import DESIGNATIONS_MAX, State
from app.store.audience import Audience
from app.store.birddays import days_of
from app.store.engine import execute
from app.store.layers import OUTSIDE
from app.store.sight import SEASON_USE, STOPOVER

Row = dict[str, Any]

HOPS_MAX = 50
"""Most changes followed from a site that is gone to one that stands."""


async def changes(conn: AsyncConnection, audience: Audience, ref: UUID) -> tuple[list[Row], ...]:
    """Return the predecessors and the successors of a site of the caller's catalogue."""
    both = []
    for here, there in (("to", "from"), ("from", "to")):
        both.append(
            await execute(
                conn,
                f"select {there}_ref as id, {there}_name as name, kind, shared_days, changed_at"
                f" from site_change where scope = :scope and {here}_ref = :ref"
                f" and {there}_ref is not null order by changed_at, {there}_name, id",
                {"scope": audience.scope, "ref": ref},
            )
        )
    return tuple(both)


async def successors(conn: AsyncConnection, audience: Audience, ref: UUID) -> list[Row] | None:
    """
    Return the sites that stand where one is gone, those with most of its bird-days first.

    None for a site that the caller's catalogue never had; none at all for one that ended.
    """
    rows = await execute(
        conn,
        """
        with recursive went as (
          select to_ref, shared_days, 1 as hops from site_change
          where scope = :scope and from_ref = :ref and kind <> 'split'
          union
          select c.to_ref, c.shared_days, w.hops + 1 from went w
          join site_change c on c.from_ref = w.to_ref and c.scope = :scope and c.kind <> 'split'
          where w.hops < :most
        )
        select s.ref as id, s.name, max(w.shared_days) as shared_days from went w
        left join site s on s.ref = w.to_ref and s.scope = :scope
        group by 1, 2 order by 3 desc, 2
        """,
        {"scope": audience.scope, "ref": ref, "most": HOPS_MAX},
    )
    return [row for row in rows if row["id"] is not None] if rows else None


async def stays(conn: AsyncConnection, audience: Audience, ref: UUID) -> list[Row]:
    """Return the stays at a site that this audience sees; families where it knows them."""
    return await execute(
        conn,
        "select x.individual_id, i.local_identifier, i.study_id, x.species_key, x.season,"
        " x.arrival_time_latest, x.departure_time_earliest, x.arrival_open, x.departure_open,"
        " case when x.exact then i.terms ->> 'animal-siblings' end as siblings"
        " from site t join site_visit v on v.site_id = t.id"
        f" join {STOPOVER} as x on x.id = v.stopover_id"
        " join individual i on i.id = x.individual_id"
        " where t.scope = :scope and t.ref = :ref order by x.individual_id, x.id",
        {**audience.sql, "scope": audience.scope, "ref": ref},
    )


async def tracked(
    conn: AsyncConnection, audience: Audience, species: list[str], *, simulated: bool
) -> list[Row]:
    """Return in which years each bird of the species was seen to stay anywhere."""
    return await execute(
        conn,
        "select distinct x.individual_id, i.local_identifier, i.study_id, year,"
        " case when x.exact then i.terms ->> 'animal-siblings' end as siblings"
        f" from {STOPOVER} as x join individual i on i.id = x.individual_id"
        " join study s on s.id = x.study_id, generate_series("
        " extract(year from x.arrival_time_latest)::int,"
        " extract(year from x.departure_time_earliest)::int) as year"
        " where x.species_key = any(cast(:species as text[])) and s.simulated = :simulated"
        " order by 1, 3",
        {**audience.sql, "species": species, "simulated": simulated},
    )


async def ranges(conn: AsyncConnection, audience: Audience, ref: UUID) -> list[Row]:
    """Return how own birds used a site, stay by stay: roosts are told to owners alone."""
    return await execute(
        conn,
        "select r.individual_id, i.local_identifier, i.study_id, r.roost_lon, r.roost_lat,"
        " r.roost_nights, r.day_range_m, r.to_feeding_m, r.hull_km2, r.area_50_km2, r.area_95_km2,"
        " i.terms ->> 'animal-siblings' as siblings"
        " from site t join site_visit v on v.site_id = t.id"
        " join stay_range r on r.individual_id = v.individual_id"
        " and r.arrival_time = v.arrival_time"
        " join individual i on i.id = r.individual_id"
        " where t.scope = :scope and t.ref = :ref and r.study_id = any(:exact)"
        " order by r.individual_id, r.arrival_time",
        {**audience.sql, "scope": audience.scope, "ref": ref},
    )


async def uses(conn: AsyncConnection, audience: Audience, ref: UUID) -> list[Row]:
    """Return the hours by cell of every season of the birds seen to stay at a site."""
    return await execute(
        conn,
        "select u.individual_id, u.species_key, u.season, u.exact, u.cells"
        f" from {SEASON_USE} as u where u.individual_id in (select x.individual_id"
        " from site t join site_visit v on v.site_id = t.id"
        f" join {STOPOVER} as x on x.id = v.stopover_id where t.scope = :scope and t.ref = :ref)"
        " order by u.individual_id, u.season",
        {**audience.sql, "scope": audience.scope, "ref": ref},
    )


async def covers(conn: AsyncConnection, audience: Audience, ref: UUID) -> list[Row]:
    """Return what each class takes of the ground of own birds' stays at a site, a bird as one."""
    return await execute(
        conn,
        """
        with ground as (
          select c.layer_id, c.class_id, c.individual_id, c.arrival_time, c.share
          from site t join site_visit v on v.site_id = t.id
          join stay_cover c on c.individual_id = v.individual_id
            and c.arrival_time = v.arrival_time
          where t.scope = :scope and t.ref = :ref and c.study_id = any(:exact)
        ), stays as (
          select layer_id, individual_id, count(distinct arrival_time) as n from ground
          group by 1, 2
        ), birds as (
          select layer_id, count(*) as n from stays group by 1
        )
        select l.ref as layer, l.name, l.source, l.cell_size_m, l.kind, l.classes, g.class_id,
          sum(g.share / s.n / b.n) as share, b.n::int as n_birds
        from ground g join stays s using (layer_id, individual_id) join birds b using (layer_id)
        join layer l on l.id = g.layer_id and l.replaced_at is null
          and (l.study_id is null or l.study_id = any(:exact))
        group by 1, 2, 3, 4, 5, 6, 7, b.n order by l.name, l.ref, share desc, g.class_id
        """,
        {**audience.sql, "scope": audience.scope, "ref": ref},
    )


_WITHIN = f"""(case when l.kind = 'protection' then exists (
  select from generate_series(0, {DESIGNATIONS_MAX - 1}) as k
  where u.class_id >= 0 and (u.class_id >> 2 * k & 3) = {int(State.IN_FORCE)})
  else u.class_id <> {OUTSIDE} end)"""
"""SQL: was this time spent within the layer, or in what was designated by then?"""


def _here(start: str, end: str) -> str:
    """Return the SQL of how long a stay lasted on the day of a use [s]; never negative."""
    day = "(u.day::timestamp at time zone 'UTC')"
    return (
        f"greatest(extract(epoch from least({end}, {day} + interval '1 day')"
        f" - greatest({start}, {day}))::float8, 0)"
    )


_OTHERS = f"""(select sum({_here("p.arrival_time_latest", "p.departure_time_earliest")})
  from stopover p where p.individual_id = u.individual_id and p.kind = u.kind
    and p.id <> v.stopover_id
    and p.arrival_time_latest < (u.day + 1)::timestamp at time zone 'UTC'
    and p.departure_time_earliest >= u.day::timestamp at time zone 'UTC')"""
_PART = f"""coalesce(1 - {_OTHERS} / nullif({_OTHERS}
  + {_here("v.arrival_time", "v.departure_time")}, 0), 1)"""
"""SQL: the part of a day's use that is of this stay: days are kept by kind of stay, and a bird may
end one and begin the next on the same day."""


async def within_layers(conn: AsyncConnection, audience: Audience, ref: UUID) -> list[Row]:
    """Return the share of own birds' days at a site that lie within each layer of polygons."""
    return await execute(
        conn,
        f"""
        with spent as (
          select u.layer_id, u.class_id, u.bird_days * {_PART} as bird_days
          from site t join site_visit v on v.site_id = t.id
          left join stopover s on s.id = v.stopover_id
          join use_day u on u.individual_id = v.individual_id and u.kind <> 'travel'
            and u.kind = coalesce(s.kind, u.kind)
            and u.day between (v.arrival_time at time zone 'UTC')::date
              and (v.departure_time at time zone 'UTC')::date
          where t.scope = :scope and t.ref = :ref and u.study_id = any(:exact)
        )
        select l.ref as layer, l.name, l.source, {days_of("u.bird_days")} as bird_days,
          coalesce({days_of(f"u.bird_days * {_WITHIN}::int")}
            / nullif({days_of("u.bird_days")}, 0), 0) as share
        from spent u join layer l on l.id = u.layer_id and l.kind in ('polygons', 'protection')
          and l.replaced_at is null and (l.study_id is null or l.study_id = any(:exact))
        group by 1, 2, 3 order by 2, 1
        """,
        {**audience.sql, "scope": audience.scope, "ref": ref},
    )
