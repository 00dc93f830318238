"""Institutes: the partners that own studies and keys."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response

from app.api.auth import CurrentAudience, ManagerAudience
from app.api.bodies import InstituteIn
from app.api.deps import StoreDep, StrictRoute
from app.api.paging import Listing, PageDep, paginate
from app.api.problems import READING, WRITING
from app.api.schemas import Shown, example
from app.errors import NotAllowed
from app.store import partners

router = APIRouter(prefix="/api/v1/institutes", tags=["institutes"], route_class=StrictRoute)


class InstituteOut(Shown):
    """An institute of the network."""

    model_config = example(
        id="b7f4a0de-0f0d-4c56-8d1b-0a6a2d1f3c55", name="Institute of the Amur", country="RU"
    )

    id: UUID
    name: str
    country: str | None


def _shown(row: dict[str, Any]) -> InstituteOut:
    return InstituteOut(**{**row, "id": row["ref"]})


@router.get("", responses=READING)
async def list_institutes(
    store: StoreDep, audience: CurrentAudience, page: PageDep, response: Response
) -> Listing[InstituteOut]:
    """List the caller's institute and those with a study it may see, by name."""
    after = str(page.after[0]) if page.after else None
    async with store.read() as conn:
        rows = await partners.institutes(conn, audience, limit=page.fetch, after=after)
    return paginate(page, response, rows, key=lambda row: (row["name"],), shape=_shown)


@router.post("", status_code=201, responses=WRITING)
async def create_institute(
    body: InstituteIn, store: StoreDep, audience: ManagerAudience, response: Response
) -> InstituteOut:
    """Add an institute; the operator alone does."""
    if audience.kind != "operator":
        raise NotAllowed(
            "Institutes are added by the operator.",
            remedy="Ask the operator, who also has `flyways partner add`.",
            code="operator-only",
        )
    async with store.write() as conn:
        row = await partners.create_institute(conn, body.name, body.country)
    response.headers["Location"] = f"/api/v1/institutes/{row['ref']}"
    return _shown(row)


@router.get("/{institute}", responses=READING)
async def read_institute(
    institute: UUID, store: StoreDep, audience: CurrentAudience
) -> InstituteOut:
    """Read one institute."""
    async with store.read() as conn:
        return _shown(await partners.institute(conn, audience, institute))
