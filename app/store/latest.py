"""The newest visible fix of each bird, kept so that nobody has to search for it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from app.store.derived import Bird
from app.store.engine import execute
from app.store.fragments import worn_at


async def renew(conn: AsyncConnection, bird: Bird) -> datetime | None:
    """Find the newest visible fix of a bird again and return its time; none left means no row."""
    rows = await execute(
        conn,
        f"""
        with newest as (
          select f.time, f.lon, f.lat from deployment d, lateral (
            select * from fix f
            where f.tag_id = d.tag_id and f.live and f.visible
              and {worn_at("f.time")}
            order by f.time desc, f.sensor desc, f.variant desc limit 1) as f
          where d.individual_id = :individual and d.replaced_at is null
          order by f.time desc, f.tag_id desc, f.sensor desc, f.variant desc limit 1),
        gone as (
          delete from latest_fix where individual_id = :individual
            and not exists (select from newest))
        insert into latest_fix (individual_id, study_id, species_key, time, lon, lat)
        select :individual, :study, :species, time, lon, lat from newest
        on conflict (individual_id) do update set species_key = excluded.species_key,
          time = excluded.time, lon = excluded.lon, lat = excluded.lat
        returning time
        """,
        {"individual": bird.individual_id, "study": bird.study_id, "species": bird.species_key},
    )
    newest: datetime | None = rows[0]["time"] if rows else None
    return newest
