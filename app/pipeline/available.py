"""utilisation, layer -> available: what each class takes of the area a bird used in a season."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import shapely

from app.movement.availability import class_shares, lattice
from app.movement.layers import NO_DAY, ProtectionIndex
from app.movement.track import FloatArray, IntArray
from app.store import layers
from app.store.derived import Bird
from app.store.engine import Connection
from app.store.measuring import Row

if TYPE_CHECKING:
    from app.store.layers import Index

LEVEL = 95
METHODS = ("akde", "dbb", "bb", "kde")
"""Whose outline is taken: the home range, and for a season on the way that of the bridges."""


async def available(conn: Connection, bird: Bird, areas: Sequence[Row]) -> list[Row]:
    """Return the share of each class of each layer in the areas of these seasons."""
    outlines: dict[str, Row] = {}
    for area in sorted(areas, key=lambda row: METHODS.index(row["method"])):
        if area["level"] == LEVEL:
            outlines.setdefault(area["season"], area)
    if not outlines:
        return []
    places = {
        season: await asyncio.to_thread(lattice, shapely.from_wkb(area["geom"]))
        for season, area in outlines.items()
    }
    rows: list[Row] = []
    for layer in await layers.current_layers(conn, bird.study_id):
        index = await layers.index_of(conn, layer)
        for season, (lon, lat) in places.items():
            if not lon.size:
                continue
            shares = class_shares(await asyncio.to_thread(_classes, index, lon, lat))
            common = {
                "season": season, "layer_id": layer.id, "species_key": bird.species_key,
                "method": outlines[season]["method"],
            }  # fmt: skip
            rows += [{**common, "class_id": k, "share": share} for k, share in shares.items()]
    return rows


def _classes(index: Index, lon: FloatArray, lat: FloatArray) -> IntArray:
    """Return the class of each place; of designations, as the layer holds them today."""
    if isinstance(index, ProtectionIndex):
        return index.states_at(lon, lat, np.full(lon.shape[0], NO_DAY - 1))
    return index.classes_at(lon, lat)
