"""Areas that birds used, as an audience reads them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from app.movement.methods import Method
from app.store import features
from app.store.audience import Audience
from app.store.engine import execute
from app.store.features import Feature, when
from app.store.sight import UTILISATION, WITH_BIRD, where

PROPERTIES = {
    "individual": "i.local_identifier",
    "individual_id": "i.ref",
    "species": "x.species_key",
    "simulated": "s.simulated",
    "season": "x.season",
    "start_time": when("x.start_time"),
    "end_time": when("x.end_time"),
    "method": "x.method",
    "level": "x.level",
    "area_km2": "x.area_km2",
    "area_low_km2": "x.area_low_km2",
    "area_high_km2": "x.area_high_km2",
    "n_fixes": "x.n_fixes",
    "n_effective": "x.n_effective",
    "unobserved_days": "x.unobserved_s / 86400",
    "version": "x.version",
    "parameters": "x.parameters",
}
_REF = "concat_ws(':', i.ref, x.season, x.method, x.level)"


async def areas(
    conn: AsyncConnection,
    audience: Audience,
    individual_id: int,
    *,
    method: Method,
    levels: Sequence[int],
    season: str | None,
) -> list[Feature]:
    """Return the areas of one bird by one method, by season and then from the widest."""
    chosen = where(audience).add(
        "x.individual_id = :bird and x.method = :method"
        " and x.level = any(cast(:levels as int[]))"
        " and (cast(:season as text) is null or x.season = :season)",
        bird=individual_id, method=method, levels=list(levels), season=season,
    )  # fmt: skip
    return await features.read(
        conn,
        f"select {features.feature(_REF, 'x.geom', PROPERTIES)} as text"
        f" from {UTILISATION} as x {WITH_BIRD} where {chosen.sql}"
        " order by x.start_time, x.season, x.level desc",
        chosen.values,
    )


async def outlines(
    conn: AsyncConnection, audience: Audience, individual_id: int, *, seasons_max: int
) -> list[dict[str, Any]]:
    """
    Return the areas of 50 and 95 % of one bird's latest seasons, by time and from the widest.

    Home ranges (akde) where the bird had one, else bridges (dbb), which suit a journey, else plain
    kernels; `geom` as WKB.
    """
    chosen = where(audience).add(
        "x.individual_id = :bird and x.level in (50, 95)"
        " and x.method = any(cast(:liked as text[]))",
        bird=individual_id, liked=["akde", "dbb", "kde"],
    )  # fmt: skip
    return await execute(
        conn,
        "select season, start_time, level, method, area_km2, st_asbinary(geom) as geom from ("
        " select x.*, rank() over (partition by x.season"
        "  order by array_position(cast(:liked as text[]), x.method)) as choice,"
        " dense_rank() over (order by x.start_time desc, x.season) as age"
        f" from {UTILISATION} as x {WITH_BIRD} where {chosen.sql}"
        ") as x where choice = 1 and age <= :seasons_max order by start_time, season, level desc",
        {**chosen.values, "seasons_max": seasons_max},
    )


async def pending(conn: AsyncConnection, audience: Audience, individual_id: int) -> bool:
    """Tell whether areas of a bird of the caller's own are yet to be measured."""
    rows = await execute(
        conn,
        "select exists (select from utilisation_due where individual_id = :bird"
        " and study_id = any(:exact)) or exists (select from dirty where individual_id = :bird"
        " and study_id = any(:exact)) as pending",
        {"bird": individual_id, "exact": list(audience.exact)},
    )
    return bool(rows[0]["pending"])
