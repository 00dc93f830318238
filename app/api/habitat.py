"""Habitat: layers of classes, and the bird-days spent in each."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from app.api.as_of import PRODUCT, READING_KEPT
from app.api.auth import CurrentAudience, ManagerAudience
from app.api.deps import StoreDep, Text
from app.api.filters import FiltersDep
from app.api.paging import Listing, PageDep, paginate
from app.api.problems import READING, WRITING
from app.api.schemas import Shown, example
from app.errors import BadInput, Problem
from app.store import habitat, studies
from app.store.habitat import By
from app.store.layers import add_polygon_layer, add_raster_layer, retire
from ingest.layers.geojson_polygons import decode_polygons
from ingest.layers.geotiff import RasterLayer
from ingest.layers.isolated import decode_geotiff_in_child
from ingest.layers.polygons import PolygonLayer
from ingest.refusal import UnreadablePush

router = APIRouter(prefix="/api/v1/habitat", tags=["habitat"])

GEOTIFF_MAX_S = 60.0
"""Longest that the child process may decode a raster [s]; one of 64 million cells takes 5 s."""
_TIFF_MARKS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


class LayerOut(Shown):
    """A layer of classes."""

    model_config = example(
        id="9d0f1c1e-8a0e-4d9e-9a35-0c8f9d0a7b11",
        study=None,
        name="Land cover 2020",
        kind="raster",
        classes={"11": "marsh", "40": "cropland"},
        cell_size_m=100.0,
        source="Institute of the Amur, CC-BY-4.0, 2021-05-01",
        note="",
        recorded_at="2026-03-01T00:00:00Z",
    )

    id: UUID
    study: UUID | None = Field(description="null: part of the service")
    name: str
    kind: str = Field(description="polygons, raster or boundary")
    classes: dict[str, str] = Field(description="names by class number")
    cell_size_m: float | None
    source: str
    note: str
    recorded_at: datetime


class RefusedFeature(BaseModel):
    """A feature of an upload that was left out."""

    unit: int
    code: str
    remedy: str


class LayerAdded(LayerOut):
    """A layer just stored; birds of its study are measured against it within seconds."""

    refusals: list[RefusedFeature]


class UseRow(BaseModel):
    """Bird-days of one key."""

    key: str = Field(description="class or area name, individual id, or season id")
    name: str
    bird_days: float
    share: float
    n_individuals: int


class UseOut(BaseModel):
    """Bird-days by key; `total_bird_days` is the sum of the rows and of what is pending."""

    model_config = example(
        by="class",
        layer="5f0c1c1e-8a0e-4d9e-9a35-0c8f9d0a7b11",
        source="MODIS MCD12C1 2019",
        cell_size_m=5600.0,
        total_bird_days=412.5,
        pending_bird_days=0.0,
        items=[
            {
                "key": "Grassland", "name": "Grassland", "bird_days": 412.5, "share": 1.0,
                "n_individuals": 7,
            }
        ],
    )  # fmt: skip

    by: By
    layer: UUID | None
    source: str | None
    cell_size_m: float | None
    total_bird_days: float
    pending_bird_days: float = Field(description="own bird-days not yet measured against the layer")
    items: list[UseRow]


def _layer_shown(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "id": row["ref"]}


@router.get("/layers", responses=READING)
async def list_layers(
    store: StoreDep, audience: CurrentAudience, page: PageDep, response: Response
) -> Listing[LayerOut]:
    """List the current layers: the service's, and those of the caller's own studies."""
    async with store.read() as conn:
        rows = await habitat.layers(conn, audience, fetch=page.fetch, after=page.after)
    return paginate(
        page,
        response,
        rows,
        key=lambda row: (row["name"], str(row["ref"])),
        shape=lambda row: LayerOut(**_layer_shown(row)),
    )


_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/geo+json": {
                "example": {
                    "type": "FeatureCollection",
                    "features": [
                        {
                            "type": "Feature",
                            "properties": {"class": "tidal flat"},
                            "geometry": {
                                "type": "Polygon",
                                "coordinates": [
                                    [[126, 34], [127, 34], [127, 35], [126, 35], [126, 34]]
                                ],
                            },
                        }
                    ],
                }
            },
            "image/tiff": {"example": "bytes of a GeoTIFF with one band of integer classes"},
        },
    }
}


@router.post("/layers", status_code=201, responses=WRITING, openapi_extra=_BODY)
async def add_layer(
    request: Request,
    store: StoreDep,
    audience: ManagerAudience,
    study: Annotated[UUID, Query()],
    name: Annotated[Text, Query()],
    source: Annotated[Text, Query(description="origin, licence and date, printed with results")],
    class_property: Annotated[Text | None, Query()] = None,
) -> LayerAdded:
    """
    Upload polygons (GeoJSON) or a raster of classes (GeoTIFF) as the raw body.

    It takes the place of the study's layer of the same name.
    """
    body = await request.body()
    layer = await _decoded(body, class_property)
    async with store.write() as conn:
        owner = (await studies.owned(conn, audience, study))["id"]
        if isinstance(layer, PolygonLayer):
            await add_polygon_layer(conn, owner, name, source, layer)
        else:
            await add_raster_layer(conn, owner, name, source, layer)
        row = await habitat.added_layer(conn, audience, owner, name)
    refusals = layer.refusals if isinstance(layer, PolygonLayer) else []
    return LayerAdded(
        **_layer_shown(row),
        refusals=[RefusedFeature(unit=r.unit, code=r.code, remedy=r.remedy) for r in refusals],
    )


@router.delete("/layers/{layer}", status_code=204, responses=WRITING)
async def retire_layer(layer: UUID, store: StoreDep, audience: ManagerAudience) -> None:
    """Take a layer of an own study out of use; birds lose their shares of it within seconds."""
    async with store.write() as conn:
        found = await habitat.owned_layer(conn, audience, layer)
        await retire(conn, found.id)


async def _decoded(body: bytes, class_property: str | None) -> PolygonLayer | RasterLayer:
    """Decode off the event loop: a raster in a process of its own, polygons in a thread."""
    try:
        if body.startswith(_TIFF_MARKS):
            return await asyncio.to_thread(decode_geotiff_in_child, body, GEOTIFF_MAX_S)
        found = await asyncio.to_thread(decode_polygons, body, class_property=class_property)
    except UnreadablePush as error:
        raise _unreadable(error) from error
    if not found.features:
        raise BadInput(
            "No feature of the layer can be used.",
            code="layer-empty",
            remedy="Send a FeatureCollection of polygons in degrees; "
            + (found.refusals[0].remedy if found.refusals else "this one is empty."),
        )
    return found


def _unreadable(error: UnreadablePush) -> Problem:
    return BadInput(error.detail, remedy=error.remedy, code=error.code)


@router.get("/use", responses=READING_KEPT, dependencies=PRODUCT)
async def read_use(
    store: StoreDep,
    audience: CurrentAudience,
    filters: FiltersDep,
    by: Annotated[By, Query()],
    layer: Annotated[UUID | None, Query()] = None,
) -> UseOut:
    """
    Read bird-days by class of a layer, by area of the boundary set, by bird or by season.

    Birds of opened studies of others enter a row only where there are at least three of them.
    """
    if filters.box is not None:
        raise BadInput(
            "Bird-days have no place of their own.",
            code="bbox-not-here",
            remedy="Leave bbox out; use by=area, or upload the area as a layer.",
        )
    if by == "class" and layer is None:
        raise BadInput(
            "Classes are those of a layer.",
            code="layer-missing",
            remedy="Name one with layer=<id> from GET /api/v1/habitat/layers.",
        )
    async with store.read() as conn:
        chosen = None
        if layer is not None or by == "area":
            chosen = await habitat.find_layer(conn, audience, layer)
        found = await habitat.use(conn, audience, filters, by=by, layer=chosen)
    total = sum(row["bird_days"] for row in found.rows) + found.pending_bird_days
    return UseOut(
        by=by,
        layer=chosen.ref if chosen else None,
        source=chosen.source if chosen else None,
        cell_size_m=chosen.cell_size_m if chosen else None,
        total_bird_days=total,
        pending_bird_days=found.pending_bird_days,
        items=[
            UseRow(**row, share=row["bird_days"] / total if total else 0.0) for row in found.rows
        ],
    )
