"""Layers of classes and of designations: upload, list, retire."""

from __future__ import annotations

import asyncio
from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from app.api.auth import CurrentAudience, ManagerAudience
from app.api.deps import StoreDep
from app.api.paging import Listing, PageDep, paginate
from app.api.problems import READING, WRITING, form_sent, packed_otherwise
from app.api.schemas import Shown, Text, example
from app.errors import BadInput, Problem
from app.store import habitat, studies
from app.store.layers import Terms, add_polygon_layer, add_raster_layer, retire
from ingest.archive import GZIP_MAGIC
from ingest.layers.geojson_polygons import decode_polygons
from ingest.layers.isolated import decode_geotiff_in_child, decode_vector_in_child
from ingest.layers.polygons import PolygonLayer
from ingest.layers.raster import RasterLayer
from ingest.layers.vector import MARKS
from ingest.layers.wanted import Wanted
from ingest.refusal import UnreadablePush

router = APIRouter(prefix="/api/v1/habitat", tags=["habitat"])

DECODE_MAX_S = 120.0
"""Longest that a child process may decode a layer [s], on a busy machine; its own time is bounded
more tightly (`ingest.layers.limits`)."""
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
        source="Institute of the Amur",
        licence="CC-BY-4.0",
        dated_on="2021-05-01",
        version=2,
        note="",
        recorded_at="2026-03-01T00:00:00Z",
    )

    id: UUID
    study: UUID | None = Field(description="null: part of the service")
    name: str
    kind: str = Field(description="polygons, raster, boundary or protection")
    classes: dict[str, str] = Field(description="names by class number")
    cell_size_m: float | None
    source: str
    licence: str | None
    dated_on: date | None = Field(description="of when the layer tells")
    version: int = Field(description="counts the layers that the study has had under this name")
    note: str
    recorded_at: datetime


class RefusedFeature(Shown):
    """A feature of an upload that was left out."""

    unit: int
    code: str
    remedy: str


class LayerAdded(LayerOut):
    """A layer just stored; birds of its study are measured against it within seconds."""

    refusals: list[RefusedFeature]


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
            "application/geopackage+sqlite3": {"example": "bytes of a GeoPackage"},
            "application/zip": {"example": "a zip of .shp, .dbf, .prj and .cpg"},
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
    source: Annotated[Text, Query(description="who made it, printed with results")],
    licence: Annotated[Text | None, Query()] = None,
    dated_on: Annotated[date | None, Query(description="of when the layer tells")] = None,
    kind: Annotated[Literal["classes", "protection"], Query()] = "classes",
    class_property: Annotated[
        Text | None, Query(description="property of the class, or of the type of designation")
    ] = None,
    date_property: Annotated[
        Text | None, Query(description="property that tells since when an area is designated")
    ] = None,
    table: Annotated[
        Text | None, Query(description="of a GeoPackage or zip that holds several layers")
    ] = None,
) -> LayerAdded:
    """
    Upload polygons or a raster of classes as the raw body, told by its first bytes.

    Polygons come as GeoJSON, GeoPackage or a zipped Shapefile, rasters as GeoTIFF. A layer takes
    the place of the study's layer of the same name, as its next version. With `kind=protection`
    the classes are types of designation, and areas may overlap.
    """
    if kind == "protection" and class_property is None:
        raise BadInput(
            "Nothing says what the areas are designated as.",
            code="designation-missing",
            remedy="Name the property of the type of designation with class_property=.",
        )
    layer = await _decoded(await _file_of(request), Wanted(class_property, date_property, table))
    terms = Terms(licence, dated_on)
    async with store.write() as conn:
        owner = (await studies.owned(conn, audience, study))["id"]
        if isinstance(layer, PolygonLayer):
            as_kind: Literal["polygons", "protection"] = (
                "protection" if kind == "protection" else "polygons"
            )
            await add_polygon_layer(conn, owner, name, source, layer, kind=as_kind, terms=terms)
        elif kind == "protection":
            raise not_designations()
        else:
            await add_raster_layer(conn, owner, name, source, layer, terms=terms)
        row = await habitat.added_layer(conn, audience, owner, name)
    refusals = layer.refusals if isinstance(layer, PolygonLayer) else []
    return LayerAdded(
        **_layer_shown(row),
        refusals=[RefusedFeature(unit=r.unit, code=r.code, remedy=r.remedy) for r in refusals],
    )


def not_designations() -> BadInput:
    """Make the problem of a layer that can't tell of protection."""
    return BadInput(
        "The layer holds no designated areas.",
        code="layer-not-protection",
        remedy="Upload polygons with kind=protection, class_property= and date_property=.",
    )


@router.delete("/layers/{layer}", status_code=204, responses=WRITING)
async def retire_layer(layer: UUID, store: StoreDep, audience: ManagerAudience) -> None:
    """Take a layer of an own study out of use; birds lose their shares of it within seconds."""
    async with store.write() as conn:
        found = await habitat.owned_layer(conn, audience, layer)
        await retire(conn, found.id)


async def _file_of(request: Request) -> bytes:
    if request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise form_sent()
    body = await request.body()
    if body.startswith(GZIP_MAGIC):
        raise packed_otherwise()
    return body


async def _decoded(body: bytes, wanted: Wanted) -> PolygonLayer | RasterLayer:
    """Decode off the event loop: binary files in a process of their own, GeoJSON in a thread."""
    try:
        if body.startswith(_TIFF_MARKS):
            return await asyncio.to_thread(decode_geotiff_in_child, body, DECODE_MAX_S)
        if body.startswith(MARKS):
            found = await asyncio.to_thread(decode_vector_in_child, body, wanted, DECODE_MAX_S)
        else:
            found = await asyncio.to_thread(
                decode_polygons,
                body,
                class_property=wanted.class_property,
                date_property=wanted.date_property,
            )
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
