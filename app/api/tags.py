"""Tags: the transmitters; only the owner of a study learns of them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import Field

from app.api.auth import CurrentAudience, ManagerAudience
from app.api.bodies import Aliases, TagEdit
from app.api.deps import StoreDep, StrictRoute
from app.api.paging import Listing, PageDep, paginate
from app.api.problems import READING, WRITING
from app.api.schemas import STATISTICS, Body, Shown, Statistics, Terms, Text, example
from app.store import reference, sending, studies

router = APIRouter(prefix="/api/v1/tags", tags=["tags"], route_class=StrictRoute)


class Undeployed(Shown):
    """Fixes of a tag at whose time no bird wore it: they wait for a deployment."""

    n_fixes: int
    time_first: datetime | None
    time_last: datetime | None


class TagOut(Shown):
    """One transmitter."""

    model_config = example(
        id="7a0e6c1d-55cf-4f55-8f0e-3f1a2d0b9c77",
        study="5f0c1c1e-8a0e-4d9e-9a35-0c8f9d0a7b11",
        local_identifier="6118",
        aliases=["861230040006118"],
        terms={"tag-manufacturer-name": "Druid"},
        undeployed={
            "n_fixes": 12,
            "time_first": "2020-03-14T06:00:00Z",
            "time_last": "2020-03-15T06:00:00Z",
        },
    )

    id: UUID
    study: UUID
    local_identifier: str
    aliases: list[str] = Field(description="other names by which pushes may call it")
    terms: dict[str, str]
    undeployed: Undeployed


class TagStatistics(Statistics):
    """How a tag sends, of its newest fixes: 1,000 at most."""

    model_config = example(**STATISTICS, n_fixes=1000, time_last="2020-03-14T06:00:00Z", worn=True)

    n_fixes: int = Field(description="fixes that this is drawn from")
    time_last: datetime | None = Field(description="time of the newest fix")
    worn: bool = Field(description="a bird wears the tag now: a silence may mean something")


class TagIn(Body):
    """A transmitter to add."""

    model_config = example(study="5f0c1c1e-8a0e-4d9e-9a35-0c8f9d0a7b11", local_identifier="6118")

    study: UUID
    local_identifier: Text
    aliases: Aliases = []  # noqa: RUF012 - pydantic copies it
    terms: Terms = {}  # noqa: RUF012 - as above


def _shown(row: dict[str, Any]) -> TagOut:
    waiting = Undeployed(
        n_fixes=row["undeployed_n"],
        time_first=row["undeployed_first"],
        time_last=row["undeployed_last"],
    )
    return TagOut(**{**row, "id": row["ref"], "undeployed": waiting})


@router.get("", responses=READING)
async def list_tags(
    store: StoreDep,
    audience: CurrentAudience,
    page: PageDep,
    response: Response,
    *,
    study: Annotated[UUID | None, Query()] = None,
    undeployed: Annotated[bool, Query(description="tags with fixes that wait, alone")] = False,
) -> Listing[TagOut]:
    """List the tags of the caller's own studies, each with the fixes that wait with it."""
    after = int(str(page.after[0])) if page.after else None
    async with store.read() as conn:
        rows = await reference.tags(
            conn, audience, limit=page.fetch, after=after, study=study, waiting=undeployed
        )
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
            aliases=body.aliases,
        )
    response.headers["Location"] = f"/api/v1/tags/{row['ref']}"
    return _shown(row)


@router.get("/{tag}", responses=READING)
async def read_tag(tag: UUID, store: StoreDep, audience: CurrentAudience) -> TagOut:
    """Read one tag."""
    async with store.read() as conn:
        return _shown(await reference.tag(conn, audience, tag))


@router.get("/{tag}/statistics", responses=READING)
async def read_tag_statistics(
    tag: UUID, store: StoreDep, audience: CurrentAudience, response: Response
) -> TagStatistics:
    """Tell how a tag sends, from its newest fixes, and whether it is silent by its own habit."""
    response.headers["Cache-Control"] = "no-store"  # a silence grows while nothing else changes
    async with store.read() as conn:
        return TagStatistics(**await sending.of_tag(conn, audience, tag))


@router.patch("/{tag}", responses=WRITING)
async def edit_tag(tag: UUID, body: TagEdit, store: StoreDep, audience: ManagerAudience) -> TagOut:
    """
    Replace the terms of a tag, or its aliases: a push that names one is of this tag.

    What came before is not moved: a name under which fixes are stored stays a tag of its own.
    """
    async with store.write() as conn:
        row = await reference.edit_tag(conn, audience, tag, terms=body.terms, aliases=body.aliases)
    return _shown(row)
