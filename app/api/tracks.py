"""The track of one bird at full resolution: GeoJSON, or OGC Moving Features by Accept."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from typing import Annotated, Any
from uuid import UUID

import numpy as np
import orjson
from fastapi import APIRouter, Query, Request, Response
from numpy.typing import NDArray

from app.api.auth import CurrentAudience
from app.api.deps import StoreDep
from app.api.filters import DatetimeQuery, interval_of
from app.api.problems import READING
from app.movement.profile import GAP_MAX_S
from app.store import fixes, reference
from app.store.sight import Filters

router = APIRouter(prefix="/api/v1/individuals", tags=["tracks"])

GEOJSON, MF_JSON = "application/geo+json", "application/prs.ogc.mf+json"
FIXES_MAX = 100_000
"""Most fixes of one answer, about 8 MB; `links` go on where it was cut."""
FIXES_MIN = 100
"""Fewest fixes of one answer: more than ever share one time, so that pages go on."""
_EXAMPLE = {
    "type": "FeatureCollection",
    "features": [
        {
            "type": "Feature",
            "geometry": {"type": "LineString", "coordinates": [[115.1, 49.7], [115.2, 49.6]]},
            "properties": {"observed": True, "times": ["2020-03-14T06:00:00Z"]},
        }
    ],
}
_MF_EXAMPLE = {
    "type": "Feature",
    "temporalGeometry": {
        "type": "MovingPoint",
        "datetimes": ["2020-03-14T06:00:00Z"],
        "coordinates": [[115.1, 49.7]],
        "interpolation": "Linear",
    },
}
CRS84 = {"type": "Name", "properties": {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"}}

Floats = NDArray[np.float64]


def parts_of(times: list[datetime], at: Floats) -> list[tuple[bool, list[datetime], Floats]]:
    """Cut a track where it is silent too long; each silence is an unobserved part of two points.

    A part is (observed, times, lon and lat of shape (n, 2)).
    """
    if not times:
        return []
    seconds = np.array([time.timestamp() for time in times])
    cuts = [0, *(np.flatnonzero(np.diff(seconds) > GAP_MAX_S) + 1).tolist(), len(times)]
    parts = []
    for start, end in pairwise(cuts):
        if start:
            ends = slice(start - 1, start + 1)
            parts.append((False, times[ends], at[ends]))
        parts.append((True, times[start:end], at[start:end]))
    return parts


def cut_lines(at: Floats) -> list[list[list[float]]]:
    """Cut a line at the antimeridian where two points lie more than half the globe apart."""
    jumps = np.flatnonzero(np.abs(np.diff(at[:, 0])) > 180)
    lines: list[list[list[float]]] = []
    start, first = 0, list[list[float]]()
    for jump in jumps.tolist():
        (lon_a, lat_a), (lon_b, lat_b) = at[jump], at[jump + 1]
        edge = 180.0 if lon_a > 0 else -180.0
        to_edge, beyond = edge - lon_a, lon_b + edge
        share = to_edge / (to_edge + beyond) if to_edge + beyond else 0.0
        lat = round(float(lat_a + share * (lat_b - lat_a)), 7)
        lines.append([*first, *at[start : jump + 1].tolist(), [edge, lat]])
        start, first = jump + 1, [[-edge, lat]]
    lines.append([*first, *at[start:].tolist()])
    return lines


def _feature(
    bird: dict[str, Any], part: tuple[bool, list[datetime], Floats], precision: str
) -> dict[str, Any]:
    observed, times, at = part
    if len(times) == 1:
        geometry: dict[str, Any] = {"type": "Point", "coordinates": at[0].tolist()}
    else:
        lines = cut_lines(at)
        geometry = (
            {"type": "LineString", "coordinates": lines[0]}
            if len(lines) == 1
            else {"type": "MultiLineString", "coordinates": lines}
        )
    return {
        "type": "Feature",
        "geometry": geometry,
        "properties": {
            "individual": bird["local_identifier"],
            "individual_id": bird["ref"],
            "species": bird["species_key"],
            "observed": observed,
            "time_first": times[0],
            "time_last": times[-1],
            "n_fixes": len(times) if observed else 0,
            "times": times,
            "precision": precision,
        },
    }


def _moving(
    bird: dict[str, Any], part: tuple[bool, list[datetime], Floats], precision: str
) -> dict[str, Any]:
    _, times, at = part
    return {
        "type": "Feature",
        "temporalGeometry": {
            "type": "MovingPoint",
            "datetimes": times,
            "coordinates": at.tolist(),
            "interpolation": "Linear",
        },
        "crs": CRS84,
        "properties": {
            "individual": bird["local_identifier"],
            "individual_id": bird["ref"],
            "species": bird["species_key"],
            "precision": precision,
        },
    }


@router.get(
    "/{individual}/track",
    response_class=Response,
    responses={
        **READING,
        200: {
            "content": {
                GEOJSON: {"example": _EXAMPLE},
                MF_JSON: {"example": _MF_EXAMPLE},
            },
            "description": "The track in parts",
        },
    },
)
async def read_track(
    individual: UUID,
    request: Request,
    store: StoreDep,
    audience: CurrentAudience,
    datetime: DatetimeQuery = None,
    limit: Annotated[int, Query(ge=FIXES_MIN, le=FIXES_MAX)] = FIXES_MAX,
) -> Response:
    """
    Read the track of one bird: visible fixes, in parts where it was silent over seven days.

    Unobserved parts are straight lines of two points. A track of more fixes than `limit` is cut;
    `links` then name the rest, which starts with the last fix shown.
    """
    first, last = interval_of(datetime)
    asked = Filters(time_from=first, time_to=last)
    async with store.read() as conn:
        bird = await reference.individual(conn, audience, individual)
        rows = await fixes.drawn(conn, audience, bird["id"], asked, fetch=limit + 1)
    shown = rows[:limit]
    link = _rest(request, shown[-1][0], last) if len(rows) > limit else None
    at = np.round(np.array([row[1:] for row in shown], dtype=np.float64).reshape(-1, 2), 7)
    parts = parts_of([row[0] for row in shown], at)
    precision = "exact" if bird["study_id"] in audience.exact else "public grid"
    moving = "application/prs.ogc" in request.headers.get("accept", "")
    if moving:
        features = [_moving(bird, part, precision) for part in parts if part[0]]
    else:
        features = [_feature(bird, part, precision) for part in parts]
    media_type = MF_JSON if moving else GEOJSON
    links = [{"rel": "next", "href": link, "type": media_type}] if link else []
    body = orjson.dumps(
        {"type": "FeatureCollection", "features": features, "links": links},
        option=orjson.OPT_UTC_Z,
        default=str,
    )
    headers = {"Link": f'<{link}>; rel="next"'} if link else {}
    headers["Vary"] = "Accept"
    return Response(body, media_type=media_type, headers=headers)


def _rest(request: Request, since: datetime, last: datetime | None) -> str:
    """Return the address of what was asked for from the last fix shown on, and no further."""
    start, end = (
        ".." if time is None else time.astimezone(UTC).isoformat().replace("+00:00", "Z")
        for time in (since, last)
    )
    return str(request.url.include_query_params(datetime=f"{start}/{end}"))
