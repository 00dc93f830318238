"""Tags: the transmitters; only the owner of a study learns of them."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response

from app.api.auth import CurrentAudience, ManagerAudience
from app.api.deps import StoreDep, StrictRoute, Text
from app.api.paging import Listing, PageDep, paginate
from app.api.problems import READING, WRITING
from app.api.schemas import Body, Shown, Terms, example
from app.store import reference, studies

router = APIRouter(prefix="/api/v1/tags", tags=["tags"], route_class=StrictRoute)


class TagOut(Shown):
    """One transmitter."""

    model_config = example(
        id="7a0e6c1d-55cf-4f55-8f0e-3f1a2d0b9c77",
        study="5f0c1c1e-8a0e-4d9e-9a35-0c8f9d0a7b11",
        local_identifier="6118",
        terms={"tag-manufacturer-name": "Druid"},
    )

    id: UUID
    study: UUID
    local_identifier: str
    terms: dict[str, str]


class TagIn(Body):
    """A transmitter to add."""

    model_config = example(study="5f0c1c1e-8a0e-4d9e-9a35-0c8f9d0a7b11", local_identifier="6118")

    study: UUID
    local_identifier: Text
    terms: Terms = {}  # noqa: RUF012 - pydantic copies it


class TagEdit(Body):
    """The terms of a transmitter, replaced whole."""

    model_config = example(terms={"tag-manufacturer-name": "Druid"})

    terms: Terms


def _shown(row: dict[str, Any]) -> TagOut:
    return TagOut(**{**row, "id": row["ref"]})


@router.get("", responses=READING)
async def list_tags(
    store: StoreDep,
    audience: CurrentAudience,
    page: PageDep,
    response: Response,
    study: Annotated[UUID | None, Query()] = None,
) -> Listing[TagOut]:
    """List the tags of the caller's own studies."""
    after = int(str(page.after[0])) if page.after else None
    async with store.read() as conn:
        rows = await reference.tags(conn, audience, limit=page.fetch, after=after, study=study)
    return paginate(page, response, rows, key=lambda row: (row["id"],), shape=_shown)


@router.post("", status_code=201, responses=WRITING)
async def create_tag(
    body: TagIn, store: StoreDep, audience: ManagerAudience, response: Response
) -> TagOut:
    """Add a tag to a study."""
    async with store.write() as conn:
        study = await studies.owned(conn, audience, body.study)
        row = await reference.add_tag(
            conn,
            audience,
            study["id"],
            local_identifier=body.local_identifier,
            terms=body.terms,
        )
    response.headers["Location"] = f"/api/v1/tags/{row['ref']}"
    return _shown(row)


@router.get("/{tag}", responses=READING)
async def read_tag(tag: UUID, store: StoreDep, audience: CurrentAudience) -> TagOut:
    """Read one tag."""
    async with store.read() as conn:
        return _shown(await reference.tag(conn, audience, tag))


@router.patch("/{tag}", responses=WRITING)
async def edit_tag(tag: UUID, body: TagEdit, store: StoreDep, audience: ManagerAudience) -> TagOut:
    """Replace the terms of a tag."""
    async with store.write() as conn:
        return _shown(await reference.edit_tag(conn, audience, tag, terms=body.terms))
