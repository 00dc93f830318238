"""Utilisation: the areas in which one bird spent its seasons, as GeoJSON."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import orjson
from fastapi import APIRouter, Query, Request, Response

from app.api.as_of import PRODUCT, READING_KEPT
from app.api.auth import CurrentAudience
from app.api.deps import StoreDep, StrictRoute
from app.api.feeds import MEDIA_TYPE
from app.api.kept import answer_with, sealed, takes_gzip
from app.api.schemas import Text
from app.errors import BadInput
from app.movement.methods import LEVELS, Method
from app.store import reference, utilisation

router = APIRouter(prefix="/api/v1/individuals", tags=["utilisation"], route_class=StrictRoute)

_EXAMPLE = {
    "type": "FeatureCollection",
    "features": [
        {
            "type": "Feature",
            "id": "6b0e2dd2-35c4-4b4c-b8d1-e0a2f3c47b11:2020-wintering:akde:95",
            "geometry": {
                "type": "MultiPolygon",
                "coordinates": [[[[116, 29], [116.1, 29], [116.1, 29.1], [116, 29.1], [116, 29]]]],
            },
            "properties": {
                "individual": "WNC-17",
                "season": "2020-wintering",
                "method": "akde",
                "level": 95,
                "area_km2": 62.1,
                "area_low_km2": 39.2,
                "area_high_km2": 90.0,
                "n_fixes": 2130,
                "n_effective": 22.4,
                "unobserved_days": 0.0,
                "version": "utilisation 4",
                "parameters": {"model": "OUF", "tau_position_s": 96400.0},
            },
        }
    ],
    "pending": False,
}


LevelsQuery = Annotated[
    Text, Query(description="shares of the time to outline [%]: 50, 75, 90, 95")
]


def levels_of(text: str) -> list[int]:
    """Read percentages, in any order; those that are not kept are refused, not rounded."""
    offered = {str(level): level for level in LEVELS}
    asked = [part.strip() for part in text.split(",")]
    if not all(part in offered for part in asked):
        raise BadInput(
            f"levels takes some of {', '.join(offered)}, separated by commas.",
            code="level-unknown",
            remedy="Ask for levels=50,95, say.",
        )
    return sorted({offered[part] for part in asked})


@router.get(
    "/{individual}/utilisation",
    response_class=Response,
    dependencies=PRODUCT,
    responses={
        **READING_KEPT,
        200: {"content": {MEDIA_TYPE: {"example": _EXAMPLE}}, "description": "GeoJSON"},
    },
)
async def read_utilisation(
    individual: UUID,
    request: Request,
    store: StoreDep,
    audience: CurrentAudience,
    method: Annotated[
        Method,
        Query(
            description="akde: home range by autocorrelated kernels; kde: kernels of the"
            " reference bandwidth; bb, dbb: Brownian bridges, of one variance or a dynamic one"
        ),
    ] = "akde",
    levels: LevelsQuery = "50,95",
    season: Annotated[Text | None, Query(description="such as 2020-wintering")] = None,
) -> Response:
    """
    Read the areas one bird used, season by season; a bird without seasons has one named `all`.

    They are measured in the background: `pending` says that fixes came since. A season has no
    area by a method that its fixes are too few for, or by `akde` where the bird was at home
    nowhere. Birds of opened studies of others have none: outlines show what the public view
    withholds.
    """
    asked = levels_of(levels)
    async with store.read() as conn:
        bird = await reference.individual(conn, audience, individual)
        found = await utilisation.areas(
            conn, audience, bird["id"], method=method, levels=asked, season=season
        )
        pending = await utilisation.pending(conn, audience, bird["id"])
    text = ",\n".join(each.text for each in found)
    body = b'{"type":"FeatureCollection","features":[%b],"pending":%b}' % (
        text.encode(), orjson.dumps(pending),
    )  # fmt: skip
    answer = sealed(body, zipped=takes_gzip(request))
    return answer_with(request, audience, answer, media_type=MEDIA_TYPE)
