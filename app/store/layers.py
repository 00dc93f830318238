"""Layers of classes: kept as they came, replaced as a whole, read as indexes that are kept warm."""

from __future__ import annotations

import asyncio
import json
import zlib
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

import numpy as np
import shapely
from numpy.typing import NDArray

from app.errors import BadInput
from app.movement.protection import DESIGNATIONS_MAX
from app.store import work
from app.store.engine import Connection, execute

if TYPE_CHECKING:  # the decoders load GDAL, which no reader of layers needs
    from ingest.layers.polygons import PolygonLayer
    from ingest.layers.raster import RasterLayer

if TYPE_CHECKING:
    from app.movement.layers import AreaIndex, PolygonIndex, ProtectionIndex, RasterClasses

    Index = PolygonIndex | RasterClasses | AreaIndex | ProtectionIndex

OUTSIDE = -1
"""Class of a position outside every class, as in `app.movement.layers`, which only workers load."""

INDEXES_MAX = 8
"""Indexes kept in one process: the built-in layers and those of the studies at work."""

COAST = " (coast)"
OPEN_SEA = "open sea"
OUTSIDE_NAME = "outside"

_LAYER = "id, ref, study_id, name, kind, classes, cell_size_m, source, note"

_indexes: OrderedDict[UUID, Index] = OrderedDict()
"""By `ref`, which never names two layers; a layer never changes, it is replaced by a new one."""


@dataclass(frozen=True, slots=True)
class Terms:
    """Under which licence a layer came, and of when it tells; None where nobody said."""

    licence: str | None = None
    dated_on: date | None = None


NO_TERMS = Terms()


@dataclass(frozen=True, slots=True)
class Layer:
    """A current layer, `study_id` None for the service's own; classes are names by class id."""

    id: int
    ref: UUID
    study_id: int | None
    name: str
    kind: str
    classes: dict[int, str]
    cell_size_m: float | None
    source: str
    note: str

    def class_name(self, class_id: int) -> str:
        """Return what a class is called, the absence of a class included."""
        if class_id == OUTSIDE:
            return OPEN_SEA if self.kind == "boundary" else OUTSIDE_NAME
        return self.classes[class_id]

    def area_name(self, class_id: int) -> str:
        """Return the class name without the coast: tidal flats count for their country."""
        return self.class_name(class_id).removesuffix(COAST)


async def current_layers(conn: Connection, study_id: int) -> list[Layer]:
    """Return the layers that a study's birds are measured against, oldest first."""
    rows = await execute(
        conn,
        f"select {_LAYER} from layer where replaced_at is null"
        " and (study_id is null or study_id = :study) order by id",
        {"study": study_id},
    )
    return [_layer(row) for row in rows]


async def boundary(conn: Connection) -> Layer | None:
    """Return the boundary set that names countries and seas, if there is one."""
    rows = await execute(
        conn,
        f"select {_LAYER} from layer where replaced_at is null and study_id is null"
        " and kind = 'boundary' order by id desc limit 1",
    )
    return _layer(rows[0]) if rows else None


def _layer(row: Mapping[str, Any]) -> Layer:
    return Layer(**{**row, "classes": {int(k): name for k, name in row["classes"].items()}})


async def add_polygon_layer(
    conn: Connection,
    study_id: int | None,
    name: str,
    source: str,
    layer: PolygonLayer,
    *,
    kind: Literal["polygons", "boundary", "protection"] = "polygons",
    note: str = "",
    terms: Terms = NO_TERMS,
) -> int:
    """
    Store a layer of polygons in the place of the one it replaces; return its number.

    It replaces the layer of the same owner and name, a boundary set that of the same owner. The
    classes of `protection` are designations, which may overlap.
    """
    if kind == "protection" and len(layer.classes) > DESIGNATIONS_MAX:
        raise BadInput(
            f"The layer has {len(layer.classes)} designations.",
            remedy=f"Give the areas at most {DESIGNATIONS_MAX} types of designation, or send them"
            " as several layers.",
            code="designations-too-many",
        )
    classes = dict(enumerate(layer.classes))
    if kind == "boundary":
        classes |= {len(classes) + k: label + COAST for k, label in classes.items()}
    row = {"study": study_id, "name": name, "kind": kind, "source": source, "note": note,
           "licence": terms.licence, "dated_on": terms.dated_on}  # fmt: skip
    layer_id = await _add(conn, row, classes, None)
    await execute(
        conn,
        "insert into layer_feature (layer_id, number, class_id, name, geom, designated_on)"
        " select :layer, f.number, f.class_id, f.name, ST_GeomFromWKB(f.wkb, 4326), f.since"
        " from unnest(cast(:numbers as int[]), cast(:class_ids as int[]), cast(:names as text[]),"
        " cast(:wkb as bytea[]), cast(:since as date[])) as f (number, class_id, name, wkb, since)",
        {
            "layer": layer_id,
            "numbers": list(range(1, len(layer.features) + 1)),
            "class_ids": [f.class_index for f in layer.features],
            "names": [f.name or "" for f in layer.features],
            "wkb": [f.wkb for f in layer.features],
            "since": [f.designated_on for f in layer.features],
        },
    )
    return layer_id


async def add_raster_layer(
    conn: Connection,
    study_id: int | None,
    name: str,
    source: str,
    layer: RasterLayer,
    *,
    class_names: Mapping[int, str] | None = None,
    note: str = "",
    terms: Terms = NO_TERMS,
) -> int:
    """Store a raster in the place of the one of the same owner and name; return its number."""
    cells = _stored_cells(layer)
    named = class_names or {}
    classes = {k: named.get(k, f"class {k}") for k in layer.meta.classes}
    row = {"study": study_id, "name": name, "kind": "raster", "source": source, "note": note,
           "licence": terms.licence, "dated_on": terms.dated_on}  # fmt: skip
    layer_id = await _add(conn, row, classes, layer.meta.cell_size_m)
    await execute(
        conn,
        "insert into layer_raster (layer_id, width, height, transform, cells)"
        " values (:layer, :width, :height, :transform, :cells)",
        {
            "layer": layer_id,
            "width": layer.meta.width,
            "height": layer.meta.height,
            "transform": list(layer.meta.transform),
            "cells": await asyncio.to_thread(zlib.compress, cells.tobytes()),
        },
    )
    return layer_id


def _stored_cells(layer: RasterLayer) -> NDArray[np.int16]:
    """Return the cells as int16, without class as `OUTSIDE`."""
    if layer.meta.classes and not (
        layer.meta.classes[0] >= 0 and layer.meta.classes[-1] <= np.iinfo(np.int16).max
    ):
        raise BadInput(
            f"The raster has classes from {layer.meta.classes[0]} to {layer.meta.classes[-1]}.",
            remedy="Number the classes from 0 to 32767, and declare any other value as nodata.",
            code="raster-classes",
        )
    known = layer.classes != layer.meta.nodata if layer.meta.nodata is not None else True
    return np.where(known, layer.classes, OUTSIDE).astype("<i2")


async def _add(
    conn: Connection, row: dict[str, Any], classes: dict[int, str], cell_size_m: float | None
) -> int:
    """Put the new layer in the old one's place; every bird it covers is measured again."""
    await execute(
        conn,
        "update layer set replaced_at = clock_timestamp() where replaced_at is null"
        " and study_id is not distinct from cast(:study as int) and (name = :name"
        " or kind = 'boundary' and cast(:kind as text) = 'boundary')",
        row,
    )
    added = await execute(
        conn,
        "insert into layer (study_id, name, kind, classes, cell_size_m, source, note, licence,"
        " dated_on, version)"
        " values (:study, :name, :kind, cast(:classes as jsonb), :cell_size_m, :source, :note,"
        " :licence, :dated_on, 1 + (select count(*) from layer l where l.study_id"
        " is not distinct from cast(:study as int) and l.name = cast(:name as varchar)))"
        " returning id",
        {**row, "classes": json.dumps(classes), "cell_size_m": cell_size_m},
    )
    await work.mark_all_dirty(conn, study_id=row["study"])
    return int(added[0]["id"])


async def claim_builtin(conn: Connection, name: str, source: str) -> bool:
    """Tell whether the service's own layer must be loaded; until commit no other process may."""
    await work.lock(conn, work.LOCK_LAYERS, 0)
    rows = await execute(
        conn,
        "select id from layer where replaced_at is null and study_id is null and name = :name"
        " and source = :source",
        {"name": name, "source": source},
    )
    return not rows


async def retire(conn: Connection, layer_id: int) -> None:
    """Take a layer out of use; birds lose their shares of it as they are derived again."""
    rows = await execute(
        conn,
        "update layer set replaced_at = clock_timestamp() where id = :id and replaced_at is null"
        " returning study_id",
        {"id": layer_id},
    )
    for row in rows:
        await work.mark_all_dirty(conn, study_id=row["study_id"])


async def index_of(conn: Connection, layer: Layer) -> Index:
    """Return the index of a layer, built at first use and kept while it is among the last used."""
    found = _indexes.get(layer.ref)
    if found is None:
        load = _load_raster if layer.kind == "raster" else _load_polygons
        found = await load(conn, layer)
        _indexes[layer.ref] = found
    _indexes.move_to_end(layer.ref)
    while len(_indexes) > INDEXES_MAX:
        _indexes.popitem(last=False)
    return found


async def _load_polygons(conn: Connection, layer: Layer) -> Index:
    rows = await execute(
        conn,
        "select class_id, ST_AsBinary(geom) as wkb, designated_on - date '1970-01-01' as since"
        " from layer_feature where layer_id = :id"
        " order by number",
        {"id": layer.id},
    )

    def build() -> Index:
        # Compiled code: the web process stores layers and must never load it.
        from app.movement.layers import (  # noqa: PLC0415 - see above
            NO_DAY,
            AreaIndex,
            PolygonIndex,
            ProtectionIndex,
        )

        shapes = [shapely.from_wkb(row["wkb"]) for row in rows]
        class_ids = np.array([row["class_id"] for row in rows], dtype=np.int64)
        if layer.kind == "boundary":
            return AreaIndex(shapes, class_ids, len(layer.classes) // 2)
        if layer.kind == "protection":
            since = [NO_DAY if row["since"] is None else row["since"] for row in rows]
            return ProtectionIndex(shapes, class_ids, np.array(since, dtype=np.int64))
        return PolygonIndex(shapes, class_ids)

    return await asyncio.to_thread(build)


async def _load_raster(conn: Connection, layer: Layer) -> Index:
    rows = await execute(
        conn,
        "select width, height, transform, cells from layer_raster where layer_id = :id",
        {"id": layer.id},
    )
    row = rows[0]

    def build() -> Index:
        # Compiled code: the web process stores layers and must never load it.
        from app.movement.layers import RasterClasses  # noqa: PLC0415 - see above

        cells = np.frombuffer(zlib.decompress(row["cells"]), dtype="<i2")
        return RasterClasses(
            cells.reshape(row["height"], row["width"]), row["transform"], nodata=OUTSIDE
        )

    return await asyncio.to_thread(build)
