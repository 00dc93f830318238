"""Parameters of a study: where it goes by other numbers than the profile of a species."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import Field

from app.api.auth import CurrentAudience, ManagerAudience
from app.api.deps import StoreDep, StrictRoute
from app.api.paging import Listing, PageDep, paginate
from app.api.problems import READING, WRITING
from app.api.schemas import Body, Shown, Text, example
from app.api.species import species_key_of
from app.errors import BadInput
from app.store import parameters, studies

router = APIRouter(
    prefix="/api/v1/studies/{study}/parameters", tags=["studies"], route_class=StrictRoute
)

_HOUR_S, _DAY_S = 3600.0, 86_400.0


class ParametersTried(Body):
    """Parameters of a profile; what is left out stays as it is."""

    model_config = example(speed_max_m_s=30.0)

    speed_max_m_s: float | None = Field(None, ge=5, le=100)
    speed_hard_m_s: float | None = Field(None, ge=5, le=200)
    stop_radius_m: float | None = Field(None, ge=500, le=50_000)
    stop_min_s: float | None = Field(None, ge=_HOUR_S, le=14 * _DAY_S)
    staging_min_s: float | None = Field(None, ge=_DAY_S, le=90 * _DAY_S)
    merge_within_m: float | None = Field(None, ge=0, le=100_000)
    merge_gap_max_s: float | None = Field(None, ge=0, le=14 * _DAY_S)
    still_radius_m: float | None = Field(None, ge=20, le=1_000)
    still_min_s: float | None = Field(None, ge=3 * _DAY_S, le=60 * _DAY_S)

    def said(self) -> dict[str, float]:
        """Return the parameters that are given; raises BadInput where none is."""
        given = self.model_dump(exclude_none=True, include=set(ParametersTried.model_fields))
        if not given:
            raise BadInput("No parameter is given.", remedy="Name one, such as speed_max_m_s.")
        return given


class ParametersIn(ParametersTried):
    """What the birds of a species go by in a study, in place of what they went by."""

    model_config = example(species="white_naped_crane", speed_max_m_s=30.0, note="GPS every 5 min")

    species: Text
    note: Text | None = None


class ParametersOut(Shown):
    """What the birds of a species go, or went, by in a study."""

    model_config = example(
        species="white_naped_crane", said={"speed_max_m_s": 30.0}, note="GPS every 5 min",
        decided_by="Institute of the Amur", decided_at="2026-03-01T00:00:00Z", undone_at=None,
        undone_by=None,
    )  # fmt: skip

    species: str
    said: dict[str, Any]
    note: str
    decided_by: str
    decided_at: datetime
    undone_at: datetime | None = Field(description="null: in force")
    undone_by: str | None


@router.get("", responses=READING)
async def list_parameters(
    study: UUID, store: StoreDep, audience: CurrentAudience, page: PageDep, response: Response
) -> Listing[ParametersOut]:
    """List where a study of one's own goes, or went, by other parameters than the profiles."""
    before = int(str(page.after[0])) if page.after else None
    async with store.read() as conn:
        found = await studies.owned(conn, audience, study)
        rows = await parameters.page(conn, audience, found["id"], limit=page.fetch, before=before)
    return paginate(
        page, response, rows, key=lambda row: (row["id"],), shape=lambda row: ParametersOut(**row)
    )


@router.post("", status_code=201, responses=WRITING)
async def set_parameters(
    study: UUID, body: ParametersIn, store: StoreDep, audience: ManagerAudience
) -> ParametersOut:
    """
    Let the birds of a species go by other parameters in this study.

    They are derived again from their first fix on; `parameters` of every result tells by which
    it was made. `POST /api/v1/individuals/{individual}/screening` tries them first.
    """
    said = body.said()
    async with store.write() as conn:
        found = await studies.owned(conn, audience, study)
        row = await parameters.put(
            conn, audience, found["id"], species_key_of(body.species), said=said,
            note=body.note or "",
        )  # fmt: skip
    return ParametersOut(**row)


@router.delete("/{species}", status_code=204, responses=WRITING)
async def take_back_parameters(
    study: UUID, species: str, store: StoreDep, audience: ManagerAudience
) -> None:
    """Go by the profile of the species again."""
    async with store.write() as conn:
        found = await studies.owned(conn, audience, study)
        await parameters.take_back(conn, audience, found["id"], species)
