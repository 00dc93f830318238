"""Readings: what a tag reported without a position; only the owner of a study learns of them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import Field

from app.api.auth import CurrentAudience
from app.api.deps import StoreDep, StrictRoute
from app.api.filters import DatetimeQuery
from app.api.intervals import interval_of
from app.api.paging import Listing, PageDep, paginate
from app.api.problems import READING
from app.api.schemas import BirdOut, Shown, example
from app.store import readings
from ingest.record import SENSORS

router = APIRouter(prefix="/api/v1/readings", tags=["readings"], route_class=StrictRoute)


class ReadingOut(Shown):
    """A record without a position."""

    model_config = example(
        time="2020-03-14T06:00:00Z",
        sensor="gps",
        variant="-4611686018427387904",
        individual={
            "id": "2c1f0b8e-3c41-4b7e-9d59-1f0f6f7c8a20",
            "local_identifier": "Amur 07",
        },
        argos_class=None,
        battery_v=3.9,
        temperature_c=-4.5,
        activity=12.0,
    )

    time: datetime
    sensor: str
    variant: str = Field(description="tells readings of one time apart; 64 bits, as text")
    individual: BirdOut | None = Field(description="who wore the tag then; null: nobody")
    argos_class: str | None
    battery_v: float | None
    temperature_c: float | None
    activity: float | None


def _shown(row: dict[str, Any]) -> ReadingOut:
    bird = row["individual"] and BirdOut(
        id=row["individual"], local_identifier=row["local_identifier"]
    )
    told = {"sensor": SENSORS[row["sensor"]], "variant": str(row["variant"]), "individual": bird}
    return ReadingOut(**{**row, **told})


@router.get("", responses=READING)
async def list_readings(
    tag: Annotated[UUID, Query()],
    store: StoreDep,
    audience: CurrentAudience,
    page: PageDep,
    response: Response,
    datetime: DatetimeQuery = None,
) -> Listing[ReadingOut]:
    """List what a tag of the caller's own studies reported without a position, by time."""
    async with store.read() as conn:
        rows = await readings.page(
            conn, audience, tag, interval_of(datetime), fetch=page.fetch, after=page.after
        )
    return paginate(
        page,
        response,
        rows,
        key=lambda row: (row["time"], row["sensor"], str(row["variant"])),
        shape=_shown,
    )
