"""Legs as an audience sees them: from the end of one stopover to the start of the next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from app.store import features
from app.store.audience import Audience
from app.store.engine import execute
from app.store.sight import LEG, WITH_BIRD, Filters, where

_COLUMNS = f"""
x.ref as id, x.exact, i.ref as individual_id, i.local_identifier as individual, s.ref as study,
s.simulated, x.species_key as species, x.departure_time, x.arrival_time, x.from_lon, x.from_lat,
x.to_lon, x.to_lat, x.season, x.length_m, x.displacement_m, x.straightness, x.speed_max_m_s,
x.observed_s, x.unobserved_s, x.n_fixes, {features.geometry("x.line")}::text as line, x.method,
x.parameters
"""


async def page(
    conn: AsyncConnection,
    audience: Audience,
    filters: Filters,
    *,
    fetch: int,
    after: Sequence[Any] | None = None,
) -> list[dict[str, Any]]:
    """Return legs by departure; the key of a row is (departure_time, id)."""
    chosen = (
        where(audience)
        .birds(filters)
        .season(filters)
        .times(filters, "x.departure_time", "x.arrival_time")
        .box(filters)
        .after({"x.departure_time": "timestamptz", "x.ref": "uuid"}, after)
    )
    return await execute(
        conn,
        f"select {_COLUMNS} from {LEG} as x"
        f" {WITH_BIRD}"
        f" where {chosen.sql} order by x.departure_time, x.ref limit :fetch",
        {**chosen.values, "fetch": fetch},
    )
