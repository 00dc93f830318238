"""Use and availability of own birds, season by season."""

from __future__ import annotations

from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from app.store.audience import Audience
from app.store.birddays import days_of
from app.store.engine import execute
from app.store.layers import Layer
from app.store.sight import Filters, where

WHOLE = "coalesce(x.season, 'all')"
"""The season of a day; days of a bird that has none count for its whole life."""


async def against_availability(
    conn: AsyncConnection, audience: Audience, filters: Filters, layer: Layer
) -> list[dict[str, Any]]:
    """
    Return bird, season and class with the bird-days in it and its share of the area.

    Of own studies alone, as the areas are; seasons whose area is not measured are left out.
    """
    chosen = where(audience).add("x.layer_id = :layer", layer=layer.id)
    chosen.add("x.study_id = any(:exact)").birds(filters)
    if filters.season is not None:
        chosen.add("x.season = :season", season=filters.season)
    return await execute(
        conn,
        f"""
        with offered as (
          select x.individual_id, x.season, x.class_id, x.share
          from available x join individual i on i.id = x.individual_id where {chosen.sql}
        ), spent as (
          select x.individual_id, {WHOLE} as season, x.class_id,
            {days_of("x.bird_days")} as bird_days
          from use_day x where x.layer_id = :layer and x.study_id = any(:exact)
            and (x.individual_id, {WHOLE}) in (select individual_id, season from offered)
          group by 1, 2, 3
        )
        select individual_id, season, class_id, coalesce(s.bird_days, 0)::float8 as bird_days,
          coalesce(o.share, 0)::float8 as share, i.study_id, i.local_identifier,
          i.terms ->> 'animal-siblings' as siblings
        from offered o full join spent s using (individual_id, season, class_id)
        join individual i on i.id = individual_id
        order by individual_id, season, class_id
        """,
        chosen.values,
    )
