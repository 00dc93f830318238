"""Studies: create, list, edit, open and close."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import Field

from app.api.auth import CurrentAudience, ManagerAudience
from app.api.bodies import Delay, Grid, StudyIn
from app.api.deps import StoreDep, StrictRoute
from app.api.paging import Listing, PageDep, paginate
from app.api.problems import READING, WRITING
from app.api.schemas import Body, Shown, Text, example
from app.store import partners, studies

router = APIRouter(prefix="/api/v1/studies", tags=["studies"], route_class=StrictRoute)

Visibility = Literal["private", "open"]


class StudyOut(Shown):
    """A study: an owner's data set, and the unit of permission."""

    model_config = example(
        id="5f0c1c1e-8a0e-4d9e-9a35-0c8f9d0a7b11",
        name="Cranes of the Amur",
        institute="b7f4a0de-0f0d-4c56-8d1b-0a6a2d1f3c55",
        institute_name="Institute of the Amur",
        visibility="open",
        opened_at="2026-03-01T00:00:00Z",
        release_delay_s=2_592_000,
        public_grid_deg=0.1,
        simulated=False,
        taxon="Antigone vipio",
        licence="CC-BY-4.0",
        citation=None,
        own=False,
    )

    id: UUID
    name: str
    institute: UUID
    institute_name: str
    visibility: Visibility
    opened_at: datetime | None
    release_delay_s: int
    public_grid_deg: float
    simulated: bool
    taxon: str | None
    licence: str | None
    citation: str | None
    own: bool = Field(description="whether the caller reads it in full")


class StudyEdit(Body):
    """What to change of a study; what is left out stays."""

    model_config = example(visibility="open")

    name: Text = ""
    visibility: Visibility = "private"
    taxon: Text | None = None
    licence: Text | None = None
    citation: Text | None = None
    release_delay_s: Delay = 0
    public_grid_deg: Grid = 0.1


def _shown(row: dict[str, Any]) -> StudyOut:
    return StudyOut(**{**row, "id": row["ref"]})


@router.get("", responses=READING)
async def list_studies(
    store: StoreDep, audience: CurrentAudience, page: PageDep, response: Response
) -> Listing[StudyOut]:
    """List the studies the caller may see, in the order they were made."""
    after = int(str(page.after[0])) if page.after else None
    async with store.read() as conn:
        rows = await studies.page(conn, audience, limit=page.fetch, after=after)
    return paginate(page, response, rows, key=lambda row: (row["id"],), shape=_shown)


@router.post("", status_code=201, responses=WRITING)
async def create_study(
    body: StudyIn, store: StoreDep, audience: ManagerAudience, response: Response
) -> StudyOut:
    """Add a study to the caller's institute."""
    async with store.write() as conn:
        institute = await partners.managed_institute(conn, audience, body.institute)
        row = await studies.create(conn, institute["id"], body.model_dump(exclude={"institute"}))
    response.headers["Location"] = f"/api/v1/studies/{row['ref']}"
    return _shown(row)


@router.get("/{study}", responses=READING)
async def read_study(study: UUID, store: StoreDep, audience: CurrentAudience) -> StudyOut:
    """Read one study."""
    async with store.read() as conn:
        return _shown(await studies.one(conn, audience, study))


@router.patch("/{study}", responses=WRITING)
async def edit_study(
    study: UUID, body: StudyEdit, store: StoreDep, audience: ManagerAudience
) -> StudyOut:
    """Change a study; opening or closing it publishes everything of it anew."""
    async with store.write() as conn:
        row = await studies.edit(conn, audience, study, body.model_dump(exclude_unset=True))
    return _shown(row)
