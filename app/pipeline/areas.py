"""boundary layer -> the country, or the open sea, that a position lies in."""

from __future__ import annotations

from app.movement.track import FloatArray
from app.pipeline.aside import aside
from app.store import layers
from app.store.engine import Connection


async def area_names(conn: Connection, lon: FloatArray, lat: FloatArray) -> list[str | None]:
    """
    Name the area of each position: a country with its coast, or the open sea.

    None only where no boundary set is loaded.
    """
    boundary = await layers.boundary(conn)
    if boundary is None:
        return [None] * lon.shape[0]
    index = await layers.index_of(conn, boundary)
    found = await aside(lon.shape[0], index.classes_at, lon, lat)
    return [boundary.area_name(k) for k in found.tolist()]
