"""Deployments: which bird wore a tag when. Append-only; every change marks the touched spans."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection

from app.errors import Conflict
from app.store import work
from app.store.engine import Clash, execute
from app.store.handover import hand_over
from app.store.implied import renew

_RANGE = "tstzrange(cast(:on as timestamptz), cast(:off as timestamptz))"


def _terms(terms: Mapping[str, str]) -> str:
    return orjson.dumps(dict(terms)).decode()


@dataclass(frozen=True, slots=True)
class Stated:
    """A deployment as somebody states it."""

    tag_id: int
    individual_id: int
    deploy_on: datetime | None
    deploy_off: datetime | None
    local_identifier: str | None
    terms: Mapping[str, str]

    def values(self, study_id: int) -> dict[str, Any]:
        """Return the binds of the statements below."""
        return {
            "study": study_id, "tag": self.tag_id, "individual": self.individual_id,
            "on": self.deploy_on, "off": self.deploy_off, "name": self.local_identifier,
            "terms": _terms(self.terms),
        }  # fmt: skip


async def declare(
    conn: AsyncConnection,
    study_id: int,
    tag_id: int,
    individual_id: int,
    *,
    deploy_on: datetime | None,
    deploy_off: datetime | None,
    local_identifier: str | None = None,
    terms: Mapping[str, str] | None = None,
) -> int:
    """
    Add a deployment that somebody states; it voids what event rows merely imply for the tag.

    The same statement again changes nothing; one under a known local identifier replaces it.
    """
    await work.lock(conn, work.LOCK_TAG, tag_id)
    stated = Stated(tag_id, individual_id, deploy_on, deploy_off, local_identifier, terms or {})
    closed, standing, fresh = await put(conn, study_id, stated)
    if fresh:
        await hand_over(conn, closed, [standing])
    return standing


async def _standing(conn: AsyncConnection, study_id: int, stated: Stated) -> int | None:
    """Return the deployment that says just this already."""
    rows = await execute(
        conn,
        "select id from deployment where replaced_at is null and declared and tag_id = :tag"
        f" and individual_id = :individual and during = {_RANGE}"
        " and local_identifier is not distinct from cast(:name as text)"
        " and terms = cast(:terms as jsonb)",
        stated.values(study_id),
    )
    return int(rows[0]["id"]) if rows else None


async def put(conn: AsyncConnection, study_id: int, stated: Stated) -> tuple[list[int], int, bool]:
    """
    Put a statement in place of what it contradicts.

    Returns the deployments closed, the one that stands now, and whether it is new. The tag is
    locked already, and the caller hands the fixes over.
    """
    values = stated.values(study_id)
    _refuse_empty(values["on"], values["off"])
    standing = await _standing(conn, study_id, stated)
    if standing is not None:
        return [], standing, False
    closed = await _close(
        conn,
        "tag_id = :tag and (not declared or local_identifier = cast(:name as text)"
        f" or (individual_id = :individual and during = {_RANGE}))",
        values,
    )
    return closed, await _insert(conn, values), True


async def amend(
    conn: AsyncConnection,
    deployment_id: int,
    *,
    deploy_on: datetime | None,
    deploy_off: datetime | None,
    terms: Mapping[str, str] | None = None,
) -> int:
    """Replace a deployment's range (and terms); the successor keeps the public identifier."""
    old = await _locked(conn, deployment_id)
    _refuse_empty(deploy_on, deploy_off)
    values = {**old, "on": deploy_on, "off": deploy_off}
    if terms is not None:
        values["terms"] = _terms(terms)
    closed = await _close(conn, _SUPERSEDED, values)
    made = await _insert(conn, values, ref=old["ref"])
    await hand_over(conn, closed, [made])
    return made


async def split(
    conn: AsyncConnection, deployment_id: int, *, at: datetime, individual_id: int
) -> int:
    """End a deployment at an instant within and give the rest of its time to another bird."""
    old = await _locked(conn, deployment_id)
    _refuse_empty(old["on"], at)
    _refuse_empty(at, old["off"])
    closed = await _close(conn, _SUPERSEDED, old)
    before = await _insert(conn, {**old, "off": at}, ref=old["ref"])
    rest = {"individual": individual_id, "on": at, "name": None, "terms": _terms({})}
    after = await _insert(conn, {**old, **rest})
    await hand_over(conn, closed, [before, after])
    return after


async def withdraw(conn: AsyncConnection, deployment_id: int) -> None:
    """Take a declared deployment back; its fixes wait with the tag, or fall to implied ones."""
    old = await _locked(conn, deployment_id)
    closed = await _close(conn, "id = :id", old)
    stale, made = await renew(conn, [old["tag"]])
    await hand_over(conn, [*closed, *stale], made)


_SUPERSEDED = "id = :id or (tag_id = :tag and not declared)"


async def _locked(conn: AsyncConnection, deployment_id: int) -> dict[str, Any]:
    """Return a current deployment under the lock of its tag: nobody else changes it meanwhile."""
    tags = await execute(
        conn, "select tag_id from deployment where id = :id", {"id": deployment_id}
    )
    for row in tags:
        await work.lock(conn, work.LOCK_TAG, row["tag_id"])
    rows = await execute(
        conn,
        "select id, study_id as study, tag_id as tag, individual_id as individual, ref,"
        ' lower(during) as "on", upper(during) as "off", local_identifier as name,'
        " terms::text as terms from deployment where id = :id and replaced_at is null",
        {"id": deployment_id},
    )
    if not rows:
        raise Conflict(
            "The deployment was changed by somebody else.", remedy="Read it again, then edit it."
        )
    return rows[0]


async def give_way(conn: AsyncConnection, study_id: int, coming: Sequence[Stated]) -> list[int]:
    """
    Close deployments that are about to be stated otherwise under their own identifiers.

    Where the boundary between two moves, the first to be stated would meet the other still in
    its old range. Returns the deployments closed.
    """
    return await _close(
        conn,
        "declared and study_id = :study and id in (select o.id from deployment o"
        " join unnest(cast(:tags as int[]), cast(:names as text[]), cast(:birds as int[]),"
        "  cast(:ons as timestamptz[]), cast(:offs as timestamptz[]))"
        "  as new(tag, name, bird, deploy_on, deploy_off)"
        " on (new.tag, new.name) = (o.tag_id, o.local_identifier)"
        " where o.study_id = :study and o.replaced_at is null"
        " and (o.individual_id <> new.bird"
        "  or o.during <> tstzrange(new.deploy_on, new.deploy_off)))",
        {
            "study": study_id,
            "tags": [each.tag_id for each in coming],
            "names": [each.local_identifier for each in coming],
            "birds": [each.individual_id for each in coming],
            "ons": [each.deploy_on for each in coming],
            "offs": [each.deploy_off for each in coming],
        },
    )


async def _close(conn: AsyncConnection, where: str, values: Mapping[str, Any]) -> list[int]:
    rows = await execute(
        conn,
        "update deployment set replaced_at = clock_timestamp()"
        f" where replaced_at is null and ({where}) returning id",
        values,
    )
    return [int(row["id"]) for row in rows]


async def _insert(conn: AsyncConnection, values: Mapping[str, Any], *, ref: object = None) -> int:
    try:
        rows = await execute(
            conn,
            "insert into deployment (study_id, tag_id, individual_id, during, declared,"
            " local_identifier, terms, ref) values (:study, :tag, :individual,"
            f" {_RANGE}, true, :name, cast(:terms as jsonb),"
            " coalesce(cast(:ref as uuid), gen_random_uuid())) returning id",
            {**values, "ref": ref},
        )
    except Clash as clash:
        if "ex_deployment" in str(clash):
            raise Conflict(
                "The tag is on another bird for part of that time.",
                remedy="End the other deployment first, or choose a range that does not overlap.",
                code="deployment-overlaps",
            ) from clash
        raise
    return int(rows[0]["id"])


def _refuse_empty(on: datetime | None, off: datetime | None) -> None:
    """Refuse a range without time: of one that ends before it begins no SQL can be asked."""
    if on is not None and off is not None and off <= on:
        raise Conflict(
            "deploy_off is not later than deploy_on.",
            remedy="Give a deploy_off after deploy_on, or leave it out.",
            code="deployment-empty",
        )
