"""The track of one bird at full resolution: GeoJSON, or OGC Moving Features by Accept."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Annotated, Any
from uuid import UUID

import numpy as np
import orjson
from fastapi import APIRouter, Query, Request, Response
from numpy.typing import NDArray

from app.api.as_of import PRODUCT, READING_KEPT
from app.api.auth import CurrentAudience
from app.api.deps import StoreDep
from app.api.filters import DatetimeQuery
from app.api.intervals import interval_of
from app.movement.noise import SIGMAS_95
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

    A part is (observed, times, what `at` holds of them: lon, lat and possibly more columns).
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
        geometry: dict[str, Any] = {"type": "Point", "coordinates": at[0, :2].tolist()}
    else:
        lines = cut_lines(at[:, :2])
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
            **({"error_ellipses": at[:, 2:].tolist()} if at.shape[1] > 2 else {}),
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
            "coordinates": at[:, :2].tolist(),
            "interpolation": "Linear",
        },
        **({"temporalProperties": [_ellipses(times, at)]} if at.shape[1] > 2 else {}),
        "crs": CRS84,
        "properties": {
            "individual": bird["local_identifier"],
            "individual_id": bird["ref"],
            "species": bird["species_key"],
            "precision": precision,
        },
    }


def _ellipses(times: list[datetime], at: Floats) -> dict[str, Any]:
    """Return the ellipses of a part as one temporal property of OGC Moving Features."""
    columns = {"semi_major": "MTR", "semi_minor": "MTR", "orientation": "DEG"}
    values = dict(zip(columns, at[:, 2:].T.tolist(), strict=True))
    return {"datetimes": times} | {
        f"error_{name}": {
            "type": "Measure", "form": form, "values": values[name], "interpolation": "Discrete",
        }
        for name, form in columns.items()
    }  # fmt: skip


@router.get(
    "/{individual}/track",
    response_class=Response,
    dependencies=PRODUCT,
    responses={
        **READING_KEPT,
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
    smoothed: Annotated[  # noqa: FBT002 - a query parameter, given by name
        bool, Query(description="Argos fixes where the bird was by all of them, with ellipses")
    ] = False,
) -> Response:
    """
    Read the track of one bird: visible fixes, in parts where it was silent over seven days.

    Unobserved parts are straight lines of two points. A track of more fixes than `limit` is cut;
    `links` then name the rest, which starts with the last fix shown.

    `smoothed=true` puts each Argos fix where the bird was given all fixes around it, and adds
    `error_ellipses`: semi-major and semi-minor axis [m] of the ellipse that holds the bird with 95
    %, and the direction of the major one [degrees clockwise from north], for each point. GPS
    fixes stay where they are. It shows birds of your own studies alone; of others, nothing.
    """
    first, last = interval_of(datetime)
    asked = Filters(time_from=first, time_to=last)
    async with store.read() as conn:
        bird = await reference.individual(conn, audience, individual)
        read = fixes.smoothed if smoothed else fixes.drawn
        rows = await read(conn, audience, bird["id"], asked, fetch=limit + 1)
    shown = rows[:limit]
    link = _rest(request, shown[-1][0], last) if len(rows) > limit else None
    at = _columns(shown, 5 if smoothed else 2)
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


def _columns(rows: Sequence[Sequence[Any]], n: int) -> Floats:
    """Return lon and lat, and 95 % ellipses where asked for, as rounded columns; shape (k, n)."""
    at = np.array([row[1:] for row in rows], dtype=np.float64).reshape(-1, n)
    at[:, 2:4] *= SIGMAS_95
    return np.column_stack((np.round(at[:, :2], 7), np.round(at[:, 2:], 1)))


def _rest(request: Request, since: datetime, last: datetime | None) -> str:
    """Return the address of what was asked for from the last fix shown on, and no further."""
    start, end = (
        ".." if time is None else time.astimezone(UTC).isoformat().replace("+00:00", "Z")
        for time in (since, last)
    )
    return str(request.url.include_query_params(datetime=f"{start}/{end}"))
