"""boundary layer -> the country, or the open sea, that a position lies in."""

from __future__ import annotations

import asyncio

from sqlalchemy.ext.asyncio import AsyncConnection

from app.movement.track import FloatArray
from app.store import layers


async def area_names(conn: AsyncConnection, lon: FloatArray, lat: FloatArray) -> list[str | None]:
    """
    Name the area of each position: a country with its coast, or the open sea.

    None only where no boundary set is loaded.
    """
    boundary = await layers.boundary(conn)
    if boundary is None:
        return [None] * lon.shape[0]
    index = await layers.index_of(conn, boundary)
    found = await asyncio.to_thread(index.classes_at, lon, lat)
    return [boundary.area_name(k) for k in found.tolist()]
