"""Deployments: which bird wore which tag, from when to when. Edits keep what was before."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import Field

from app.api.auth import CurrentAudience, ManagerAudience
from app.api.deps import StoreDep, StrictRoute
from app.api.paging import Listing, PageDep, paginate
from app.api.problems import READING, WRITING
from app.api.schemas import Body, Instant, Shown, Terms, Text, example
from app.store import worn

router = APIRouter(prefix="/api/v1/deployments", tags=["deployments"], route_class=StrictRoute)

_BIRD = "2c1f0b8e-3c41-4b7e-9d59-1f0f6f7c8a20"
_TAG = "7a0e6c1d-55cf-4f55-8f0e-3f1a2d0b9c77"


class Named(Shown):
    """A tag or a bird, by its id and the owner's name for it."""

    id: UUID
    local_identifier: str


class DeploymentOut(Shown):
    """A tag on a bird over `[deploy_on, deploy_off)`; null is an open end."""

    model_config = example(
        id="c9a4b7f2-6f0c-4b53-90c6-8b0b3a7e1d42",
        study="5f0c1c1e-8a0e-4d9e-9a35-0c8f9d0a7b11",
        tag={"id": _TAG, "local_identifier": "6118"},
        individual={"id": _BIRD, "local_identifier": "Amur 07"},
        deploy_on="2018-07-05T00:00:00Z",
        deploy_off=None,
        declared=True,
        local_identifier=None,
        terms={"deployment-end-type": "dead"},
        recorded_at="2026-03-01T00:00:00Z",
    )

    id: UUID
    study: UUID
    tag: Named
    individual: Named
    deploy_on: datetime | None
    deploy_off: datetime | None
    declared: bool = Field(description="false: implied by the names in event rows")
    local_identifier: str | None
    terms: dict[str, str]
    recorded_at: datetime


class DeploymentIn(Body):
    """A deployment to state; it voids what event rows merely imply for the tag."""

    model_config = example(tag=_TAG, individual=_BIRD, deploy_on="2018-07-05T00:00:00Z")

    tag: UUID
    individual: UUID
    deploy_on: Instant | None = None
    deploy_off: Instant | None = None
    local_identifier: Text | None = None
    terms: Terms = {}  # noqa: RUF012 - pydantic copies it


class DeploymentEdit(Body):
    """
    What to change; what is left out stays, null opens an end, `terms` are replaced whole.

    A term or an end that differs from then on is decided by hand: reference data pushed later
    leave it.
    """

    model_config = example(deploy_off="2021-11-03T08:00:00Z")

    deploy_on: Instant | None = None
    deploy_off: Instant | None = None
    terms: Terms = {}  # noqa: RUF012 - pydantic copies it


class Split(Body):
    """Where a deployment ends, and who wore the tag from then on."""

    model_config = example(at="2020-06-01T00:00:00Z", individual=_BIRD)

    at: Instant
    individual: UUID


def _shown(row: dict[str, Any]) -> DeploymentOut:
    return DeploymentOut(
        **{
            **row,
            "id": row["ref"],
            "tag": Named(id=row["tag"], local_identifier=row["tag_name"]),
            "individual": Named(id=row["individual"], local_identifier=row["individual_name"]),
        }
    )


@router.get("", responses=READING)
async def list_deployments(
    store: StoreDep,
    audience: CurrentAudience,
    page: PageDep,
    response: Response,
    *,
    study: Annotated[UUID | None, Query()] = None,
    individual: Annotated[UUID | None, Query()] = None,
    tag: Annotated[UUID | None, Query()] = None,
) -> Listing[DeploymentOut]:
    """List the current deployments of the caller's own studies."""
    after = int(str(page.after[0])) if page.after else None
    async with store.read() as conn:
        rows = await worn.page(
            conn,
            audience,
            limit=page.fetch,
            after=after,
            study=study,
            individual=individual,
            tag=tag,
        )
    return paginate(page, response, rows, key=lambda row: (row["id"],), shape=_shown)


@router.post("", status_code=201, responses=WRITING)
async def create_deployment(
    body: DeploymentIn, store: StoreDep, audience: ManagerAudience, response: Response
) -> DeploymentOut:
    """
    State a deployment; the tag's fixes follow it.

    The same once more changes the terms that it names, and nothing else.
    """
    async with store.write() as conn:
        row = await worn.add(
            conn,
            audience,
            tag=body.tag,
            individual=body.individual,
            deploy_on=body.deploy_on,
            deploy_off=body.deploy_off,
            local_identifier=body.local_identifier,
            terms=body.terms,
        )
    response.headers["Location"] = f"/api/v1/deployments/{row['ref']}"
    return _shown(row)


@router.get("/{deployment}", responses=READING)
async def read_deployment(
    deployment: UUID, store: StoreDep, audience: CurrentAudience
) -> DeploymentOut:
    """Read a deployment as it stands now."""
    async with store.read() as conn:
        return _shown(await worn.one(conn, audience, deployment))


@router.patch("/{deployment}", responses=WRITING)
async def edit_deployment(
    deployment: UUID, body: DeploymentEdit, store: StoreDep, audience: ManagerAudience
) -> DeploymentOut:
    """
    Change or end a deployment; the row before is kept with the time it was replaced.

    One that names in event rows imply (`declared` is false) is stated by that; if they put its tag
    on other birds as well, those deployments are stated too, as they stand.
    """
    async with store.write() as conn:
        changes = body.model_dump(exclude_unset=True)
        return _shown(await worn.edit(conn, audience, deployment, changes))


@router.post("/{deployment}/split", responses=WRITING)
async def split_deployment(
    deployment: UUID, body: Split, store: StoreDep, audience: ManagerAudience
) -> DeploymentOut:
    """
    End a deployment at an instant, give the rest to another bird, answer the new part.

    Of one that names in event rows imply, the others of its tag are stated as they stand.
    """
    async with store.write() as conn:
        return _shown(
            await worn.split(conn, audience, deployment, at=body.at, individual=body.individual)
        )


@router.delete("/{deployment}", status_code=204, responses=WRITING)
async def withdraw_deployment(deployment: UUID, store: StoreDep, audience: ManagerAudience) -> None:
    """
    Take a stated deployment back; its fixes wait with the tag, or fall to what event rows imply.

    One that names in event rows imply (`declared` is false) can't be taken back, as the same rows
    imply it again: `deployment-implied`. State which bird wore the tag; that takes its place.
    """
    async with store.write() as conn:
        await worn.withdraw(conn, audience, deployment)
