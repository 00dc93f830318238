"""Deployments as the owner reads and edits them; `deployments` holds the rules of their ranges."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.errors import BadInput, Conflict
from app.store import deployments, reference, work
from app.store.audience import Audience
from app.store.engine import execute

Row = dict[str, Any]

_CURRENT = """
select deployment.id, deployment.ref, deployment.study_id, deployment.tag_id,
  study.ref as study, tag.ref as tag, tag.local_identifier as tag_name,
  individual.ref as individual, individual.local_identifier as individual_name,
  lower(deployment.during) as deploy_on, upper(deployment.during) as deploy_off,
  deployment.declared, deployment.local_identifier, deployment.terms, deployment.recorded_at
from deployment
  join study on study.id = deployment.study_id
  join tag on tag.id = deployment.tag_id
  join individual on individual.id = deployment.individual_id
where deployment.replaced_at is null and deployment.study_id = any(:exact)
"""


async def page(
    conn: AsyncConnection,
    audience: Audience,
    *,
    limit: int,
    after: int | None = None,
    study: UUID | None = None,
    individual: UUID | None = None,
    tag: UUID | None = None,
) -> list[Row]:
    """Return the current deployments of the caller's own studies."""
    return await execute(
        conn,
        _CURRENT + " and (cast(:study as uuid) is null or study.ref = :study)"
        " and (cast(:individual as uuid) is null or individual.ref = :individual)"
        " and (cast(:tag as uuid) is null or tag.ref = :tag)"
        " and (cast(:after as int) is null or deployment.id > :after)"
        " order by deployment.id limit :limit",
        {
            "exact": audience.sql["exact"],
            "study": study,
            "individual": individual,
            "tag": tag,
            "after": after,
            "limit": limit,
        },
    )


async def one(conn: AsyncConnection, audience: Audience, ref: UUID) -> Row:
    """Return a current deployment of the caller's own studies."""
    rows = await execute(
        conn, _CURRENT + " and deployment.ref = :ref", {"exact": audience.sql["exact"], "ref": ref}
    )
    if not rows:
        raise reference.unknown("deployment")
    return rows[0]


async def add(
    conn: AsyncConnection,
    audience: Audience,
    *,
    tag: UUID,
    individual: UUID,
    deploy_on: datetime | None,
    deploy_off: datetime | None,
    local_identifier: str | None,
    terms: Mapping[str, str],
) -> Row:
    """State that an individual wore a tag; both belong to one study of the caller."""
    worn = await reference.owned(conn, audience, "tag", tag)
    bird = await reference.owned(conn, audience, "individual", individual)
    if worn["study_id"] != bird["study_id"]:
        raise BadInput(
            "The tag and the individual belong to different studies.",
            code="studies-differ",
            remedy="Add the individual to the study of the tag.",
        )
    _in_order(deploy_on, deploy_off)
    made = await deployments.declare(
        conn,
        worn["study_id"],
        worn["id"],
        bird["id"],
        deploy_on=deploy_on,
        deploy_off=deploy_off,
        local_identifier=local_identifier,
        terms=terms,
    )
    return await _changed(conn, audience, made)


async def edit(
    conn: AsyncConnection, audience: Audience, ref: UUID, changes: Mapping[str, Any]
) -> Row:
    """Change the range or the terms of a deployment; what is left out stays."""
    old = await one(conn, audience, ref)
    deploy_on = changes.get("deploy_on", old["deploy_on"])
    deploy_off = changes.get("deploy_off", old["deploy_off"])
    _in_order(deploy_on, deploy_off)
    made = await deployments.amend(
        conn,
        old["id"],
        deploy_on=deploy_on,
        deploy_off=deploy_off,
        terms=changes.get("terms"),
    )
    return await _changed(conn, audience, made)


async def split(
    conn: AsyncConnection, audience: Audience, ref: UUID, *, at: datetime, individual: UUID
) -> Row:
    """End a deployment at an instant and give the rest of its time to another individual."""
    old = await one(conn, audience, ref)
    if (old["deploy_on"] and at <= old["deploy_on"]) or (
        old["deploy_off"] and at >= old["deploy_off"]
    ):
        raise BadInput(
            "The instant lies outside the deployment.",
            code="split-outside",
            remedy="Choose an instant between deploy_on and deploy_off.",
        )
    bird = await reference.owned(conn, audience, "individual", individual)
    if bird["study_id"] != old["study_id"]:
        raise reference.unknown("individual")
    made = await deployments.split(conn, old["id"], at=at, individual_id=bird["id"])
    return await _changed(conn, audience, made)


async def withdraw(conn: AsyncConnection, audience: Audience, ref: UUID) -> None:
    """
    Take a deployment back; its fixes wait with the tag, or fall to what event rows imply.

    What they imply nobody can take back: the same rows would imply it again.
    """
    old = await one(conn, audience, ref)
    if not old["declared"]:
        raise Conflict(
            "Nobody stated this deployment: the names in event rows imply it.",
            code="deployment-implied",
            remedy="What is stated of the tag takes its place. If another bird wore the tag, state"
            " that with POST /api/v1/deployments, or split this one; if none did, end this one"
            " before its first fix with PATCH.",
        )
    await deployments.withdraw(conn, old["id"])
    await work.bump_version(conn, old["study_id"])


async def _changed(conn: AsyncConnection, audience: Audience, deployment_id: int) -> Row:
    rows = await execute(
        conn,
        _CURRENT + " and deployment.id = :id",
        {"exact": audience.sql["exact"], "id": deployment_id},
    )
    await work.bump_version(conn, rows[0]["study_id"])
    return rows[0]


def _in_order(deploy_on: datetime | None, deploy_off: datetime | None) -> None:
    if deploy_on is not None and deploy_off is not None and deploy_off <= deploy_on:
        raise BadInput(
            "deploy_off is not later than deploy_on.",
            code="deployment-empty",
            remedy="Give a deploy_off after deploy_on, or leave it out.",
        )
