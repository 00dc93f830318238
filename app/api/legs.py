"""Legs: flights between stopovers."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from fastapi import APIRouter, Response
from pydantic import Field

from app.api.as_of import PRODUCT, READING_KEPT
from app.api.auth import CurrentAudience
from app.api.deps import StoreDep
from app.api.filters import FiltersDep
from app.api.paging import Listing, PageDep, paginate
from app.api.schemas import BirdOut, CentreOut, Shown, example
from app.store import legs

router = APIRouter(prefix="/api/v1/legs", tags=["legs"])


class LegOut(Shown):
    """A flight; for opened studies of others by UTC day and rounded length, without its course."""

    model_config = example(
        id="7a3f9c52-5ed2-4c89-b11e-1c0ea7a3a0a1",
        individual={
            "id": "6b0e2dd2-35c4-4b4c-b8d1-e0a2f3c47b11",
            "local_identifier": "WNC-17",
        },
        study="5f0c1c1e-8a0e-4d9e-9a35-0c8f9d0a7b11",
        species="white_naped_crane",
        simulated=False,
        exact=False,
        departure_time="2020-03-20T00:00:00Z",
        arrival_time="2020-03-22T00:00:00Z",
        start=None,
        end=None,
        season="2020-spring",
        length_m=1620000.0,
        displacement_m=1590000.0,
        straightness=None,
        speed_max_m_s=None,
        observed_s=None,
        unobserved_s=None,
        n_fixes=None,
        line=None,
        method="radius",
        parameters="sha256:…",
    )

    id: UUID
    individual: BirdOut
    study: UUID
    species: str
    simulated: bool
    exact: bool = Field(description="false: read through the public view of another's study")
    departure_time: datetime
    arrival_time: datetime
    start: CentreOut | None
    end: CentreOut | None
    season: str | None
    length_m: float | None = Field(
        description="in the public view rounded to 10 km, and null where an end is withheld"
    )
    displacement_m: float | None
    straightness: float | None
    speed_max_m_s: float | None
    observed_s: float | None
    unobserved_s: float | None
    n_fixes: int | None
    line: dict[str, Any] | None = Field(description="observed parts as a GeoJSON geometry")
    method: str
    parameters: str


def _place(lon: float | None, lat: float | None) -> CentreOut | None:
    return None if lon is None or lat is None else CentreOut(lon=lon, lat=lat)


def _shown(row: dict[str, Any]) -> LegOut:
    more = {
        "individual": {"id": row["individual_id"], "local_identifier": row["individual"]},
        "start": _place(row["from_lon"], row["from_lat"]),
        "end": _place(row["to_lon"], row["to_lat"]),
        "line": orjson.loads(row["line"]) if row["line"] else None,
    }
    return LegOut(**{**row, **more})


@router.get("", responses=READING_KEPT, dependencies=PRODUCT)
async def list_legs(
    store: StoreDep,
    audience: CurrentAudience,
    filters: FiltersDep,
    page: PageDep,
    response: Response,
) -> Listing[LegOut]:
    """List legs by departure; a bbox finds only legs whose course the caller may see."""
    async with store.read() as conn:
        rows = await legs.page(conn, audience, filters, fetch=page.fetch, after=page.after)
    return paginate(
        page,
        response,
        rows,
        key=lambda row: (row["departure_time"], str(row["id"])),
        shape=_shown,
    )
