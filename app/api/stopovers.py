"""Stopovers: where birds stayed, when and for how long."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import APIRouter, Query, Response
from pydantic import Field

from app.api.as_of import PRODUCT, READING_KEPT
from app.api.auth import CurrentAudience
from app.api.deps import StoreDep
from app.api.filters import FiltersDep
from app.api.paging import Listing, PageDep, paginate
from app.api.schemas import BirdOut, CentreOut, Shown, example
from app.errors import NotFound
from app.store import stopovers

router = APIRouter(prefix="/api/v1/stopovers", tags=["stopovers"])


class StopoverOut(Shown):
    """A stay; for opened studies of others by UTC day, on the public grid, without its extent."""

    model_config = example(
        id="0b8a2a52-5ed2-4c89-b11e-1c0ea7a3a0a1",
        individual={
            "id": "6b0e2dd2-35c4-4b4c-b8d1-e0a2f3c47b11",
            "local_identifier": "WNC-17",
        },
        study="5f0c1c1e-8a0e-4d9e-9a35-0c8f9d0a7b11",
        species="white_naped_crane",
        simulated=False,
        exact=True,
        arrival_time_earliest="2020-03-14T05:00:00Z",
        arrival_time_latest="2020-03-14T06:00:00Z",
        departure_time_earliest="2020-03-20T03:00:00Z",
        departure_time_latest="2020-03-20T04:00:00Z",
        arrival_time_p05="2020-03-14T05:10:00Z",
        arrival_time="2020-03-14T05:28:00Z",
        arrival_time_p95="2020-03-14T05:55:00Z",
        departure_time_p05="2020-03-20T03:06:00Z",
        departure_time="2020-03-20T03:33:00Z",
        departure_time_p95="2020-03-20T03:50:00Z",
        arrival_open=False,
        departure_open=False,
        duration_min_s=507600.0,
        duration_max_s=514800.0,
        n_fixes=143,
        centre={"lon": 127.28, "lat": 38.21},
        radius_m=2140.5,
        kind="stopover",
        season="2020-spring",
        seen_or_inferred="seen",
        site="2c2f81f1-0c34-4f5b-8c07-5cf3e4a0b1d2",
        site_name="Cheorwon Basin",
        country="KR",
        method="radius",
        parameters="sha256:…",
        basis="track",
        observation=None,
    )

    id: UUID
    individual: BirdOut
    study: UUID
    species: str
    simulated: bool
    exact: bool = Field(description="false: read through the public view of another's study")
    arrival_time_earliest: datetime
    arrival_time_latest: datetime
    departure_time_earliest: datetime
    departure_time_latest: datetime
    arrival_time_p05: datetime | None
    arrival_time: datetime | None = Field(
        description="most probable by the fixes on both sides, the median between the ends of a"
        " 90 % interval; null for method=movingpandas and until the bird is derived again"
    )
    arrival_time_p95: datetime | None
    departure_time_p05: datetime | None
    departure_time: datetime | None
    departure_time_p95: datetime | None
    arrival_open: bool
    departure_open: bool
    duration_min_s: float
    duration_max_s: float
    n_fixes: int | None
    centre: CentreOut
    radius_m: float | None
    kind: str
    season: str | None
    seen_or_inferred: str
    site: UUID | None
    site_name: str | None
    country: str | None
    method: str
    parameters: str = Field(description="digest of the species profile used")
    basis: str = Field(description="track, or observer where one corrected it")
    observation: UUID | None = Field(description="the correction; of own studies alone")


class StopoverWithPolygon(StopoverOut):
    """A stay with the hull of its fixes."""

    polygon: dict[str, Any] | None = Field(description="GeoJSON geometry; null in the public view")


def _fields(row: dict[str, Any]) -> dict[str, Any]:
    return {
        **row,
        "individual": {"id": row["individual_id"], "local_identifier": row["individual"]},
        "study": row["study_id"],
        "centre": {"lon": row["lon"], "lat": row["lat"]},
        "site": row["site_id"],
        "site_name": row["site"],
        "country": row["area"],
    }


@router.get("", responses=READING_KEPT, dependencies=PRODUCT)
async def list_stopovers(
    store: StoreDep,
    audience: CurrentAudience,
    filters: FiltersDep,
    page: PageDep,
    response: Response,
    method: Annotated[
        stopovers.Method, Query(description="radius: our own; movingpandas: own studies alone")
    ] = "radius",
) -> Listing[StopoverOut]:
    """
    List stopovers by their latest possible arrival.

    `method=movingpandas` lists the stops of MovingPandas' TrajectoryStopDetector within 1 km for
    3 h: same start, end and median centre. It knows neither kind, season nor site, and needs the
    fixes as they are, so it shows own studies and nothing of opened ones.
    """
    async with store.read() as conn:
        rows = await stopovers.page(
            conn, audience, filters, fetch=page.fetch, after=page.after, method=method
        )
    return paginate(
        page,
        response,
        rows,
        key=lambda row: (row["arrival_time_latest"], str(row["id"])),
        shape=lambda row: StopoverOut(**_fields(row)),
    )


@router.get("/{stopover}", responses=READING_KEPT, dependencies=PRODUCT)
async def read_stopover(
    stopover: UUID, store: StoreDep, audience: CurrentAudience
) -> StopoverWithPolygon:
    """Read one stopover with its polygon."""
    async with store.read() as conn:
        row = await stopovers.find(conn, audience, stopover)
    if row is None:
        raise NotFound(
            "There is no such stopover for this caller.",
            remedy="Take the id from GET /api/v1/stopovers; recomputed stays keep theirs.",
        )
    polygon = orjson.loads(row["polygon"]) if row["polygon"] else None
    return StopoverWithPolygon(**{**_fields(row), "polygon": polygon})
