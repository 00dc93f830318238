"""Hours by cell of the map: what is kept of each bird."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np
from sqlalchemy.ext.asyncio import AsyncConnection

from app.movement.density import Cells
from app.movement.track import FloatArray, IntArray
from app.store.derived import Bird
from app.store.engine import execute
from app.store.windows import micros

_KEY = "month, level, x, y"


async def public_places(
    conn: AsyncConnection, owner: Bird, low: datetime, high: datetime
) -> tuple[IntArray, FloatArray, FloatArray]:
    """Return times, longitudes and latitudes of a bird's public positions, in time order."""
    rows = await execute(
        conn,
        "select time, lon, lat from public_fix where individual_id = :individual"
        " and time >= :low and time < :high order by time",
        {"individual": owner.individual_id, "low": low, "high": high},
    )
    return (
        np.array([micros(row["time"]) for row in rows], dtype=np.int64),
        np.array([row["lon"] for row in rows], dtype=np.float64),
        np.array([row["lat"] for row in rows], dtype=np.float64),
    )


async def renew(
    conn: AsyncConnection,
    owner: Bird,
    span: tuple[datetime, datetime],
    cells: Cells,
    releases: Sequence[datetime],
    *,
    public: bool,
    whole: bool = False,
) -> None:
    """
    Let exactly these cells stand in the months of the span; rows that are equal stay.

    `whole` says that it is the bird's whole life, whose totals are then summed again from nothing.
    """
    touched = await execute(
        conn,
        f"""
        with found as (
          select * from unnest(cast(:months as date[]), cast(:levels as smallint[]),
            cast(:xs as int[]), cast(:ys as int[]), cast(:hours as int[]),
            cast(:releases as timestamptz[])) as f ({_KEY}, hours, release_at)),
        gone as (
          delete from density_cell d where individual_id = :individual and public = :public
            and month >= :low and month < :high
            and not exists (select from found f where f.month = d.month and f.level = d.level
              and f.x = d.x and f.y = d.y)
          returning level, x, y),
        come as (
          insert into density_cell as d
            (individual_id, public, {_KEY}, study_id, species_key, hours, release_at)
          select :individual, :public, {_KEY}, :study, :species, hours, release_at from found
          on conflict (individual_id, public, {_KEY}) do update set
            species_key = excluded.species_key, hours = excluded.hours,
            release_at = excluded.release_at
          where (d.species_key, d.hours, d.release_at)
            is distinct from (excluded.species_key, excluded.hours, excluded.release_at)
          returning level, x, y)
        select level, x, y from gone union select level, x, y from come
        union select level, x, y from found where :whole
        """,
        {
            "individual": owner.individual_id, "study": owner.study_id,
            "species": owner.species_key, "public": public,
            "low": span[0].date(), "high": span[1].date(), "whole": whole,
            "months": cells.month.astype("datetime64[D]").tolist(),
            "levels": cells.level.tolist(), "xs": cells.x.tolist(), "ys": cells.y.tolist(),
            "hours": cells.hours.tolist(), "releases": list(releases),
        },
    )  # fmt: skip
    if public:
        return
    if whole:
        await execute(
            conn,
            "delete from density_total where individual_id = :individual",
            {"individual": owner.individual_id},
        )
    if touched:
        await _add_up(conn, owner, touched)


async def _add_up(conn: AsyncConnection, owner: Bird, touched: Sequence[dict[str, int]]) -> None:
    """Sum the months of these cells again; a cell without an hour left goes."""
    await execute(
        conn,
        """
        with touched as (
          select * from unnest(cast(:levels as smallint[]), cast(:xs as int[]), cast(:ys as int[]))
            as t (level, x, y)),
        summed as (
          select t.level, t.x, t.y, sum(d.hours)::int as hours from touched t
          join density_cell d on d.level = t.level and d.x = t.x and d.y = t.y
            and d.individual_id = :individual and not d.public
          group by 1, 2, 3),
        gone as (
          delete from density_total t using touched g where t.individual_id = :individual
            and t.level = g.level and t.x = g.x and t.y = g.y
            and not exists (select from density_cell d where d.level = t.level and d.x = t.x
              and d.y = t.y and d.individual_id = :individual and not d.public))
        insert into density_total (individual_id, level, x, y, study_id, species_key, hours)
        select :individual, level, x, y, :study, :species, hours from summed
        on conflict (individual_id, level, x, y) do update
          set species_key = excluded.species_key, hours = excluded.hours
          where (density_total.species_key, density_total.hours)
            is distinct from (excluded.species_key, excluded.hours)
        """,
        {
            "individual": owner.individual_id,
            "study": owner.study_id,
            "species": owner.species_key,
            "levels": [row["level"] for row in touched],
            "xs": [row["x"] for row in touched],
            "ys": [row["y"] for row in touched],
        },
    )
