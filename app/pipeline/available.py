"""utilisation, layer -> available: what each class takes of the area a bird used in a season."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

import shapely

from app.movement.availability import class_shares, lattice
from app.movement.layers import AreaIndex
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
    shapes = {season: shapely.from_wkb(area["geom"]) for season, area in outlines.items()}
    rows: list[Row] = []
    for layer in await layers.current_layers(conn, bird.study_id):
        index = await layers.index_of(conn, layer)
        for season, shape in shapes.items():
            shares = await asyncio.to_thread(shares_in, index, shape)
            common = {
                "season": season, "layer_id": layer.id, "species_key": bird.species_key,
                "method": outlines[season]["method"],
            }  # fmt: skip
            rows += [{**common, "class_id": k, "share": share} for k, share in shares.items()]
    return rows


def shares_in(index: Index, area: shapely.Geometry) -> dict[int, float]:
    """Return the share of each class in an area; of designations, as the layer holds them today."""
    if not area.area > 0.0:
        return {}
    if isinstance(index, AreaIndex):  # the coast is all that lies near: no shape to measure
        lon, lat = lattice(shapely.MultiPolygon(shapely.get_parts(area).tolist()))
        return class_shares(index.classes_at(lon, lat))
    return index.shares_in(area)
