"""Seasons of each bird as its track tells them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from app.store.audience import Audience
from app.store.engine import execute
from app.store.sight import SEASON, WITH_BIRD, Filters, where

_COLUMNS = """
i.ref as individual_id, i.local_identifier as individual, s.ref as study, s.simulated, x.exact,
x.species_key as species, x.season, x.start_time, x.end_time, x.basis, x.confidence,
(select o.ref from observation o where o.id = x.observation_id) as observation
"""


async def page(
    conn: AsyncConnection,
    audience: Audience,
    filters: Filters,
    *,
    fetch: int,
    after: Sequence[Any] | None = None,
) -> list[dict[str, Any]]:
    """Return seasons by start; the key of a row is (start_time, individual, season)."""
    columns = {"x.start_time": "timestamptz", "i.ref": "uuid", "x.season": "text"}
    chosen = (
        where(audience)
        .birds(filters)
        .season(filters)
        .times(filters, "x.start_time", "x.end_time")
        .after(columns, after)
    )
    return await execute(
        conn,
        f"select {_COLUMNS} from {SEASON} as x"
        f" {WITH_BIRD}"
        f" where {chosen.sql} order by {', '.join(columns)} limit :fetch",
        {**chosen.values, "fetch": fetch},
    )
