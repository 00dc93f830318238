"""Flyways: the route of a species in a season, as a collection of its parts."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response

from app.api.as_of import PRODUCT, READING_KEPT
from app.api.auth import CurrentAudience
from app.api.deps import StoreDep
from app.api.feeds import MEDIA_TYPE, collection
from app.api.filters import FiltersDep
from app.api.kept import answer_with, takes_gzip
from app.api.paging import Listing, PageDep, paginate
from app.api.schemas import Shown, example
from app.errors import NotFound
from app.store import flyways

_EXAMPLE = {
    "type": "FeatureCollection",
    "features": [
        {
            "type": "Feature",
            "geometry": {"type": "LineString", "coordinates": [[115.1, 49.7], [127.2, 38.2]]},
            "properties": {"part": "connection", "n_birds": 7, "n_passages": 11},
        }
    ],
}

router = APIRouter(prefix="/api/v1/flyways", tags=["flyways"])


class FlywayOut(Shown):
    """A flyway in lists."""

    model_config = example(
        id="white_naped_crane:spring",
        species="white_naped_crane",
        season="spring",
        simulated=False,
        n_connections=14,
        n_passages=61,
        n_birds_max=9,
        corridor_50_km2=81234.0,
        corridor_95_km2=402211.0,
    )

    id: str
    species: str
    season: str
    simulated: bool
    n_connections: int
    n_passages: int
    n_birds_max: int
    corridor_50_km2: float | None
    corridor_95_km2: float | None


def _shown(row: dict[str, Any]) -> FlywayOut:
    words = [row["species"], row["season"], *(["simulated"] if row["simulated"] else [])]
    return FlywayOut(**{**row, "id": ":".join(words)})


@router.get("", responses=READING_KEPT, dependencies=PRODUCT)
async def list_flyways(
    store: StoreDep,
    audience: CurrentAudience,
    filters: FiltersDep,
    page: PageDep,
    response: Response,
) -> Listing[FlywayOut]:
    """List flyways by species and season; they stand for all years and have no one place."""
    async with store.read() as conn:
        rows = await flyways.page(conn, audience, filters, fetch=page.fetch, after=page.after)
    return paginate(
        page,
        response,
        rows,
        key=lambda row: (row["species"], row["season"], row["simulated"]),
        shape=_shown,
    )


FlywayId = Annotated[
    str,
    Path(
        pattern=r"^[a-z_]{1,60}:(spring|autumn|other)(:simulated)?$",
        examples=["white_naped_crane:spring"],
    ),
]


@router.get(
    "/{flyway}",
    response_class=Response,
    dependencies=PRODUCT,
    responses={
        **READING_KEPT,
        200: {"content": {MEDIA_TYPE: {"example": _EXAMPLE}}, "description": "GeoJSON"},
    },
)
async def read_flyway(
    flyway: FlywayId, request: Request, store: StoreDep, audience: CurrentAudience
) -> Response:
    """
    Read a flyway: features with `part` site, connection, corridor (levels 50 and 95) or route.

    `route` is the mean of whole migrations, `width_50_m` and `width_95_m` how far from it half
    and 95 % of the birds passed, at 41 equal fractions of the way. `unobserved` are great circles
    over silences of more than seven days, of which nothing else is made.
    """
    species, season, *simulated = flyway.split(":")
    async with store.read() as conn:
        parts = await flyways.route(
            conn, audience, species=species, season=season, simulated=bool(simulated)
        )
    if not parts:
        raise NotFound(
            "There is no such flyway for this caller.",
            remedy="Take the id from GET /api/v1/flyways.",
        )
    text = ",\n".join(each.text for each in parts)
    found = collection(text, len(parts), None, zipped=takes_gzip(request))
    return answer_with(request, audience, found, media_type=MEDIA_TYPE)
