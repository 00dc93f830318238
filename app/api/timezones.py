"""Time zones: which one a place keeps, so that a viewer can write times as people there do."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import Field

from app.api.problems import documented
from app.api.schemas import Shown, example

router = APIRouter(prefix="/api/v1/time-zones", tags=["time zones"])

MAX_AGE_S = 86_400
"""Borders of zones change a few times a year, with a new version of the package that has them."""


class TimeZoneOut(Shown):
    """The zone of one place."""

    model_config = example(time_zone="Asia/Seoul")

    time_zone: str = Field(
        description="name in the IANA time zone database; at sea `Etc/GMT-9` and the like"
    )


def zone_at(lon: float, lat: float) -> str:
    """
    Return the IANA time zone of a place by the borders of OpenStreetMap.

    Where two are in use at one place, as in Xinjiang, it is the official one.
    """
    # The borders take 36 MB and a third of a second, once: only a process that is asked pays.
    import tzfpy  # noqa: PLC0415 - see above

    return tzfpy.get_tz(lon, lat)


@router.get("", responses=documented(422, 429))
async def read_time_zone(
    lon: Annotated[float, Query(ge=-180, le=180, description="[degrees]", examples=[127.2])],
    lat: Annotated[float, Query(ge=-90, le=90, description="[degrees]", examples=[38.2])],
    response: Response,
) -> TimeZoneOut:
    """Tell the time zone of a place, on land or at sea."""
    zone = await asyncio.to_thread(zone_at, lon, lat)
    response.headers["Cache-Control"] = f"public, max-age={MAX_AGE_S}"
    return TimeZoneOut(time_zone=zone)
