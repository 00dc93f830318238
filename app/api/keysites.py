"""Key sites: the places that a telling share of the tracked birds use much, as GeoJSON."""

from __future__ import annotations

from typing import Annotated, Literal

import orjson
from fastapi import APIRouter, Query, Request, Response

from app.api.as_of import PRODUCT, READING_KEPT
from app.api.auth import CurrentAudience
from app.api.deps import StoreDep, StrictRoute
from app.api.feeds import MEDIA_TYPE
from app.api.filters import SpeciesQuery, species_key
from app.api.kept import answer_with, sealed, takes_gzip
from app.store import keysites

router = APIRouter(prefix="/api/v1/key-sites", tags=["sites"], route_class=StrictRoute)

SeasonKind = Literal["spring", "autumn", "breeding", "wintering", "summering", "all"]

_EXAMPLE = {
    "type": "FeatureCollection",
    "features": [
        {
            "type": "Feature",
            "id": "white_naped_crane:wintering:1",
            "geometry": {
                "type": "MultiPolygon",
                "coordinates": [[[[116, 29], [116.1, 29], [116.1, 29.1], [116, 29.1], [116, 29]]]],
            },
            "properties": {
                "species": "white_naped_crane",
                "season": "wintering",
                "simulated": False,
                "country": "CN",
                "area_km2": 108.2,
                "n_birds": 9,
                "n_birds_max": 8,
                "n_birds_sample": 12,
                "birds_exceeded": 1.2,
                "representativeness": 91.3,
                "sufficient": True,
            },
        }
    ],
    "samples": [
        {
            "species": "white_naped_crane",
            "simulated": False,
            "season": "wintering",
            "n_birds": 12,
            "representativeness": 91.3,
            "asymptote": 0.61,
            "sufficient": True,
            "birds_exceeded": 1.2,
            "scale_m": 5000.0,
            "observed_days": 1804.2,
            "unobserved_days": 33.5,
            "version": "key sites 1",
        }
    ],
    "pending": False,
}


@router.get(
    "",
    response_class=Response,
    dependencies=PRODUCT,
    responses={
        **READING_KEPT,
        200: {"content": {MEDIA_TYPE: {"example": _EXAMPLE}}, "description": "GeoJSON"},
    },
)
async def read_key_sites(
    request: Request,
    store: StoreDep,
    audience: CurrentAudience,
    species: SpeciesQuery = None,
    season: Annotated[
        SeasonKind | None, Query(description="kind of season, over all years; all: of residents")
    ] = None,
) -> Response:
    """
    Read the key sites of each species and season, cut at the borders of areas.

    Made as track2KBA makes them: the core area (50 %) of each bird by kernels of `scale_m`; a site
    is where more than `birds_exceeded` of them overlap, the more the less representative the
    sample is. `samples` tells of every species and season how well the birds stand for their
    population, whether or not sites were found: `representativeness` [%] is null for fewer than
    five birds, and below 70 the sites are not `sufficient`. Hours without a position count for
    nothing; `unobserved_days` says how long birds were silent, null where others' are among them.
    Birds of opened studies of others enter by their public places, in groups of three or more.
    """
    key = species_key(species)
    async with store.read() as conn:
        sites, samples = await keysites.found(conn, audience, species=key, season=season)
        pending = await keysites.pending(conn, audience)
    body = b'{"type":"FeatureCollection","features":[%b],"samples":%b,"pending":%b}' % (
        ",\n".join(each.text for each in sites).encode(),
        orjson.dumps(samples),
        orjson.dumps(pending),
    )
    answer = sealed(body, zipped=takes_gzip(request))
    return answer_with(request, audience, answer, media_type=MEDIA_TYPE)
