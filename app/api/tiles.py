"""Vector tiles of the map (Mapbox Vector Tile 2.1), and the TileJSON that tells of them."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Request, Response
from pydantic import BeforeValidator

from app.api.as_of import PRODUCT, READING_KEPT
from app.api.auth import CurrentAudience
from app.api.deps import StoreDep
from app.api.filters import SpeciesQuery, species_key
from app.api.kept import answer_with, kept_of, sealed, seen_by, takes_gzip
from app.api.problems import READING
from app.errors import NotFound
from app.movement.density import ZOOM_MAX
from app.store import tiles
from app.store.sight import Filters

router = APIRouter(prefix="/tiles", tags=["tiles"])

MEDIA_TYPE = "application/vnd.mapbox-vector-tile"
ZOOM_MAX_DRAWN = 12
"""Largest zoom of what is drawn from lines and points: a tile's unit is 2 m there."""


def _written_once(text: str) -> str:
    """Refuse what Python reads as the same number: a tile has one address, for caches between."""
    if not re.fullmatch("0|[1-9][0-9]*", text):
        raise ValueError("digits alone make a number here, without a sign or a zero before them")
    return text


Plain = BeforeValidator(_written_once)
Name = Literal["tracks", "stopovers", "sites", "flyways", "density"]


@dataclass(frozen=True, slots=True)
class Layer:
    """What a TileJSON says of a layer."""

    description: str
    zoom_max: int
    fields: dict[str, str]
    kept: bool = True


_TEXT, _NUMBER, _BOOL = "String", "Number", "Boolean"
_BIRD = {
    "individual": _TEXT, "individual_id": _TEXT, "study": _TEXT, "precision": _TEXT,
}  # fmt: skip

LAYERS: dict[str, Layer] = {
    "tracks": Layer(
        "Lines flown, by month; below zoom 6 one feature a bird. A line too short to draw is a "
        "point. observed is false over silences of more than seven days.",
        ZOOM_MAX_DRAWN,
        _BIRD
        | {
            "id": _TEXT, "species": _TEXT, "observed": _BOOL, "time_first": _TEXT,
            "time_last": _TEXT, "n_fixes": _NUMBER, "simulated": _BOOL,
        },
    ),
    "stopovers": Layer(
        "Where birds stayed; below zoom 6 groups of one cell, species and kind, whose counts are "
        "sums.",
        ZOOM_MAX_DRAWN,
        _BIRD
        | {
            "id": _TEXT, "species": _TEXT, "kind": _TEXT, "season": _TEXT, "country": _TEXT,
            "basis": _TEXT, "site": _TEXT, "site_id": _TEXT, "arrival_time_earliest": _TEXT,
            "arrival_time_latest": _TEXT, "departure_time_earliest": _TEXT,
            "departure_time_latest": _TEXT, "arrival_time_p05": _TEXT, "arrival_time": _TEXT,
            "arrival_time_p95": _TEXT, "departure_time_p05": _TEXT, "departure_time": _TEXT,
            "departure_time_p95": _TEXT, "arrival_open": _BOOL, "departure_open": _BOOL,
            "duration_min_s": _NUMBER, "duration_max_s": _NUMBER, "n_fixes": _NUMBER,
            "radius_m": _NUMBER, "seen_or_inferred": _TEXT, "n_stopovers": _NUMBER,
            "n_individuals": _NUMBER, "bird_days": _NUMBER, "simulated": _BOOL,
        },
    ),
    "sites": Layer(
        "Places that several birds use, each with its counts over all times.",
        ZOOM_MAX_DRAWN,
        {
            "id": _TEXT, "name": _TEXT, "named": _BOOL, "species": _TEXT, "country": _TEXT,
            "codes": _TEXT, "n_individuals": _NUMBER, "n_stopovers": _NUMBER,
            "bird_days": _NUMBER, "radius_m": _NUMBER, "time_first": _TEXT, "time_last": _TEXT,
            "simulated": _BOOL,
        },
        kept=False,
    ),
    "flyways": Layer(
        "Routes between sites, the corridors around them, their mean (part is route) and silences "
        "of more than seven days (part is unobserved); a connection whose ends are not both known "
        "sites has no line and is in the feed alone. Widths are text: a JSON array of metres.",
        ZOOM_MAX_DRAWN,
        {
            "id": _TEXT, "part": _TEXT, "species": _TEXT, "season": _TEXT, "n_birds": _NUMBER,
            "n_passages": _NUMBER, "travel_days_median": _NUMBER, "distance_m": _NUMBER,
            "observed_share": _NUMBER, "from_site": _TEXT, "to_site": _TEXT, "from_name": _TEXT,
            "to_name": _TEXT, "level": _NUMBER, "area_km2": _NUMBER, "length_m": _NUMBER,
            "width_50_m": _TEXT, "width_95_m": _TEXT, "simulated": _BOOL,
        },
        kept=False,
    ),
    "density": Layer(
        "Hours that birds spent in cells of the map, one position a UTC hour; cells of opened "
        "studies (exact is false) are read a delay after their month and stay coarse.",
        ZOOM_MAX,
        {
            "level": _NUMBER, "x": _NUMBER, "y": _NUMBER, "exact": _BOOL, "hours": _NUMBER,
            "n_individuals": _NUMBER, "simulated": _BOOL,
        },
    ),
}  # fmt: skip

_EXAMPLE = {
    "tilejson": "3.0.0", "name": "sites", "tiles": ["https://…/tiles/sites/{z}/{x}/{y}.pbf"],
    "minzoom": 0, "maxzoom": 12,
    "vector_layers": [{"id": "sites", "fields": {"name": "String"}, "minzoom": 0, "maxzoom": 12}],
}  # fmt: skip


@router.get(
    "/{layer}.json",
    responses={
        **READING,
        200: {"content": {"application/json": {"example": _EXAMPLE}}, "description": "TileJSON"},
    },
)
async def read_tilejson(
    request: Request, layer: Name, species: SpeciesQuery = None
) -> dict[str, Any]:
    """
    What a map needs to know of a layer (TileJSON 3.0.0).

    `species` goes on to the tiles.
    """
    chosen, known = LAYERS[layer], species_key(species)
    query = f"?species={known}" if known else ""
    return {
        "tilejson": "3.0.0",
        "name": layer,
        "description": chosen.description,
        "scheme": "xyz",
        "tiles": [f"{request.base_url}tiles/{layer}/{{z}}/{{x}}/{{y}}.pbf{query}"],
        "minzoom": 0,
        "maxzoom": chosen.zoom_max,
        "bounds": [-180, -85.05112877980659, 180, 85.0511287798066],
        "vector_layers": [
            {
                "id": layer, "description": chosen.description, "fields": chosen.fields,
                "minzoom": 0, "maxzoom": chosen.zoom_max,
            }
        ],
    }  # fmt: skip


@router.get(
    "/{layer}/{z}/{x}/{y}.pbf",
    response_class=Response,
    dependencies=PRODUCT,
    responses={
        **READING_KEPT,
        200: {"content": {MEDIA_TYPE: {}}, "description": "A tile; without features no bytes"},
        304: {"description": "The caller's copy is current"},
    },
)
async def read_tile(
    *,
    request: Request,
    store: StoreDep,
    audience: CurrentAudience,
    layer: Name,
    z: Annotated[int, Plain, Path(ge=0, le=30)],
    x: Annotated[int, Plain, Path(ge=0)],
    y: Annotated[int, Plain, Path(ge=0)],
    species: SpeciesQuery = None,
) -> Response:
    """What this caller sees in one tile; nothing is left out to make it smaller."""
    spot, filters = _spot(layer, z, x, y), Filters(species=species_key(species))
    held, zipped = kept_of(request), takes_gzip(request)
    key = ("tile", layer, spot, filters, zipped, seen_by(audience))
    found = held.get(key) if LAYERS[layer].kept else None
    if found is None:
        async with store.read() as conn:
            body = await tiles.READERS[layer](conn, audience, filters, spot)
        found = await asyncio.to_thread(sealed, body, zipped=zipped)
        if LAYERS[layer].kept:
            held.put(key, found)
    return answer_with(request, audience, found, media_type=MEDIA_TYPE)


def _spot(layer: Name, z: int, x: int, y: int) -> tiles.Spot:
    most, across = LAYERS[layer].zoom_max, 1 << z
    if z > most or x >= across or y >= across:
        raise NotFound(
            "There is no such tile.",
            code="tile-unknown",
            remedy=f"Ask for z from 0 to {most}, x and y from 0 to 2^z - 1; "
            f"/tiles/{layer}.json says so to a map.",
        )
    return tiles.Spot(z, x, y)
