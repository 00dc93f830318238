"""Utilisation of a species and of a site: what the mean of their birds used, as GeoJSON."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import Annotated, Any
from uuid import UUID

import numpy as np
import orjson
import shapely
from fastapi import APIRouter, Path, Query, Request, Response

from app.api.as_of import PRODUCT, READING_KEPT
from app.api.auth import CurrentAudience
from app.api.deps import StoreDep, StrictRoute
from app.api.feeds import MEDIA_TYPE
from app.api.filters import species_key
from app.api.kept import Answer, answer_with, kept_of, sealed, seen_by, takes_gzip
from app.api.keysites import SeasonKind
from app.api.schemas import Text
from app.api.sites import known_site
from app.api.utilisation import LevelsQuery, levels_of
from app.errors import BadInput, NotFound
from app.movement.density import places_of
from app.movement.siteuse import Site, SiteUse, site_use
from app.store import keysites, sitehistory
from app.store.sight import GROUP_MIN

Row = dict[str, Any]

router = APIRouter(prefix="/api/v1", tags=["utilisation"], route_class=StrictRoute)

DECIMALS = 6
"""Decimals of a degree in outlines: 0.1 m, far below the cell of any grid."""

SeasonQuery = Annotated[
    SeasonKind | None, Query(description="kind of season, over all years; all: of residents")
]


def _responses(ref: str, **properties: Any) -> dict[int | str, Any]:
    ring = [[116, 29], [116.1, 29], [116.1, 29.1], [116, 29.1], [116, 29]]
    feature = {
        "type": "Feature",
        "id": ref,
        "geometry": {"type": "MultiPolygon", "coordinates": [[ring]]},
        "properties": properties,
    }
    example = {"type": "FeatureCollection", "features": [feature], "pending": False}
    return {
        **READING_KEPT,
        200: {"content": {MEDIA_TYPE: {"example": example}}, "description": "GeoJSON"},
    }


def _species(name: str) -> str:
    """Return the key of the species in an address: at that of an unknown one there is nothing."""
    try:
        return str(species_key(name))
    except BadInput as error:
        raise NotFound(
            "There is no such species.", remedy="Take a key from GET /api/v1/species."
        ) from error


@router.get(
    "/species/{species}/utilisation",
    response_class=Response,
    dependencies=PRODUCT,
    responses=_responses(
        "white_naped_crane:wintering:95", species="white_naped_crane", season="wintering",
        simulated=False, level=95, area_km2=4120.5, share_told=1.0, n_birds=12,
        representativeness=91.3, observed_days=1804.2, unobserved_days=33.5, scale_m=5000.0,
    ),
)  # fmt: skip
async def read_species_utilisation(
    species: Annotated[Text, Path(description="key, scientific name or synonym")],
    request: Request,
    store: StoreDep,
    audience: CurrentAudience,
    levels: LevelsQuery = "50,95",
    season: SeasonQuery = None,
) -> Response:
    """
    Read the areas that a species used in each kind of season: of the mean bird.

    Each bird's hours, of all its years, are spread by kernels of `scale_m` and weighed alike,
    however long it was heard; the smallest area that holds a share of their mean is outlined in
    cells of an eighth of that. Made with the key sites, of the same birds. Birds of opened
    studies of others enter by their public places, three or more together, and only where three
    or more are: `share_told` is the share of the birds' time that is left. Hours without a
    position count for nothing.
    """
    asked, key = levels_of(levels), _species(species)
    async with store.read() as conn:
        found = await keysites.areas(conn, audience, key, levels=asked, season=season)
        pending = await keysites.pending(conn, audience)
    text = ",\n".join(each.text for each in found)
    answer = sealed(_collection(text, pending=pending), zipped=takes_gzip(request))
    return answer_with(request, audience, answer, media_type=MEDIA_TYPE)


@router.get(
    "/sites/{site}/utilisation",
    response_class=Response,
    dependencies=PRODUCT,
    responses=_responses(
        "2c2f81f1-0c34-4f5b-8c07-5cf3e4a0b1d2:white_naped_crane:wintering:95",
        site="2c2f81f1-0c34-4f5b-8c07-5cf3e4a0b1d2", name="Poyang Lake",
        species="white_naped_crane", season="wintering", simulated=False, level=95,
        area_km2=310.4, share_told=1.0, n_birds=7, observed_days=512.3, scale_m=1500.0,
    ),
)  # fmt: skip
async def read_site_utilisation(
    site: UUID,
    request: Request,
    store: StoreDep,
    audience: CurrentAudience,
    levels: LevelsQuery = "50,95",
    season: SeasonQuery = None,
) -> Response:
    """
    Read the areas within a site that each species used in each kind of season: of the mean bird.

    Of the birds that stayed there, the hours within its radius: spread by kernels of `scale_m`,
    wider where public places of others are among them, and each bird weighed alike. A bird counts
    from 24 hours there on. Birds of opened studies of others enter as they do for a species.
    """
    asked, zipped = levels_of(levels), takes_gzip(request)
    held = kept_of(request)
    async with store.read() as conn:
        row = await known_site(conn, audience, site)
        pending = await keysites.pending(conn, audience)
        # A site is made again beside the studies' versions: its stays and circle are of the key.
        circle = row["n_stopovers"], row["lon"], row["lat"], row["radius_m"]
        key = ("site use", site, *asked, season, zipped, seen_by(audience), pending, circle)
        found = held.get(key)
        uses = await sitehistory.uses(conn, audience, site) if found is None else []
    if found is None:
        found = await asyncio.to_thread(
            _told, row, uses, asked, season, pending=pending, zipped=zipped
        )
        held.put(key, found)
    return answer_with(request, audience, found, media_type=MEDIA_TYPE)


def _collection(features: str, *, pending: bool) -> bytes:
    return b'{"type":"FeatureCollection","features":[%b],"pending":%b}' % (
        features.encode(), orjson.dumps(pending),
    )  # fmt: skip


def _told(
    row: Row, uses: list[Row], levels: list[int], season: str | None, *, pending: bool, zipped: bool
) -> Answer:
    """Measure a site for each species and kind of season; heavy for the event loop."""
    groups: dict[tuple[str, str], dict[int, list[Row]]] = defaultdict(lambda: defaultdict(list))
    for use in uses:
        kind = use["season"].partition("-")[2] or "all"
        if season in {None, kind}:
            groups[use["species_key"], kind][use["individual_id"]].append(use)
    place = Site(row["lon"], row["lat"], row["radius_m"])
    features = []
    for (species, kind), birds in sorted(groups.items()):
        hours = [np.concatenate([places_of(u["cells"]) for u in own], 1) for own in birds.values()]
        exact = np.array([own[0]["exact"] for own in birds.values()], dtype=np.bool_)
        enough = 1 if row["simulated"] else GROUP_MIN
        used = site_use(place, hours, exact, enough=enough, levels=levels[::-1])
        if used is not None:
            features += _features(row, species, kind, used)
    return sealed(_collection(",\n".join(features), pending=pending), zipped=zipped)


def _features(row: Row, species: str, kind: str, used: SiteUse) -> list[str]:
    facts = {
        "site": str(row["id"]), "name": row["name"], "species": species, "season": kind,
        "simulated": row["simulated"], "n_birds": used.n_birds, "observed_days": used.hours / 24.0,
        "share_told": round(used.share_told, 6), "scale_m": used.scale_m,
    }  # fmt: skip
    return [
        orjson.dumps({
            "type": "Feature",
            "id": f"{row['id']}:{species}:{kind}:{area.level}",
            "geometry": orjson.Fragment(shapely.to_geojson(_snapped(area.geometry))),
            "properties": {**facts, "level": area.level, "area_km2": round(area.area_km2, 6)},
        }).decode()
        for area in used.areas
    ]  # fmt: skip


def _snapped(shape: shapely.MultiPolygon) -> shapely.MultiPolygon:
    """Return an outline in few decimals, still valid and turned as RFC 7946 wants."""
    snapped = shapely.set_precision(shape, 10.0**-DECIMALS)
    parts = [g for g in shapely.get_parts(snapped) if g.geom_type == "Polygon"]
    return shapely.MultiPolygon([shapely.orient_polygons(part) for part in parts])
