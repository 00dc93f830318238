"""Seasons: when each bird bred, flew and wintered, as its track tells it."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import Field

from app.api.as_of import PRODUCT, READING_KEPT
from app.api.auth import CurrentAudience
from app.api.deps import StoreDep
from app.api.filters import FiltersDep
from app.api.paging import Listing, Page, PageDep, paginate
from app.api.schemas import BirdOut, Shown, example
from app.errors import BadInput
from app.store import reference, seasons
from app.store.sight import Filters

router = APIRouter(prefix="/api/v1", tags=["seasons"])


class SeasonOut(Shown):
    """A season of one bird; by UTC day for opened studies of others."""

    model_config = example(
        individual={
            "id": "6b0e2dd2-35c4-4b4c-b8d1-e0a2f3c47b11",
            "local_identifier": "WNC-17",
        },
        study="5f0c1c1e-8a0e-4d9e-9a35-0c8f9d0a7b11",
        species="white_naped_crane",
        simulated=False,
        exact=True,
        season="2020-spring",
        start_time="2020-03-01T05:00:00Z",
        end_time="2020-04-17T11:00:00Z",
        basis="track",
        confidence=0.9,
        observation=None,
    )

    individual: BirdOut
    study: UUID
    species: str
    simulated: bool
    exact: bool = Field(description="false: read through the public view of another's study")
    season: str
    start_time: datetime
    end_time: datetime
    basis: str = Field(description="track or observer")
    confidence: float
    observation: UUID | None = Field(description="the correction; of own studies alone")


def _shown(row: dict[str, Any]) -> SeasonOut:
    bird = {"id": row["individual_id"], "local_identifier": row["individual"]}
    return SeasonOut(**{**row, "individual": bird})


def _listed(page: Page, response: Response, rows: list[dict[str, Any]]) -> Listing[SeasonOut]:
    return paginate(
        page,
        response,
        rows,
        key=lambda row: (row["start_time"], str(row["individual_id"]), row["season"]),
        shape=_shown,
    )


@router.get("/seasons", responses=READING_KEPT, dependencies=PRODUCT)
async def list_seasons(
    store: StoreDep,
    audience: CurrentAudience,
    filters: FiltersDep,
    page: PageDep,
    response: Response,
) -> Listing[SeasonOut]:
    """List seasons of all birds by their start; a season has no place, so it takes no bbox."""
    if filters.box is not None:
        raise BadInput(
            "A season has no place.",
            code="bbox-not-here",
            remedy="Leave bbox out, or ask /api/v1/stopovers, which have places.",
        )
    async with store.read() as conn:
        rows = await seasons.page(conn, audience, filters, fetch=page.fetch, after=page.after)
    return _listed(page, response, rows)


@router.get("/individuals/{individual}/seasons", responses=READING_KEPT, dependencies=PRODUCT)
async def list_seasons_of_bird(
    individual: UUID,
    store: StoreDep,
    audience: CurrentAudience,
    page: PageDep,
    response: Response,
) -> Listing[SeasonOut]:
    """List the seasons of one bird by their start."""
    async with store.read() as conn:
        await reference.individual(conn, audience, individual)
        filters = Filters(individual=individual)
        rows = await seasons.page(conn, audience, filters, fetch=page.fetch, after=page.after)
    return _listed(page, response, rows)
