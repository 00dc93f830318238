"""Deployments: which bird wore a tag when. Append-only; every change marks the touched spans."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
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


@dataclass(frozen=True, slots=True)
class Stated:
    """A deployment as somebody states it."""

    tag_id: int
    individual_id: int
    deploy_on: datetime | None
    deploy_off: datetime | None
    local_identifier: str | None
    terms: Mapping[str, str]
    was: int | None = None
    """The deployment that was stated in its place when its file was read in another way."""

    def values(self, study_id: int) -> dict[str, Any]:
        """Return the binds of the statements below, but for the terms."""
        return {
            "study": study_id, "tag": self.tag_id, "individual": self.individual_id,
            "on": self.deploy_on, "off": self.deploy_off, "name": self.local_identifier,
            "was": self.was,
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
    Terms that it does not name stay as they are.
    """
    await work.lock(conn, work.LOCK_TAG, tag_id)
    stated = Stated(tag_id, individual_id, deploy_on, deploy_off, local_identifier, terms or {})
    done = await put(conn, study_id, stated, by_hand=True)
    if done.fresh:
        await hand_over(conn, done.closed, [done.standing])
    return done.standing


ENDS = {"on": "deploy-on-date", "off": "deploy-off-date"}
"""Movebank's terms of both ends: by these names `terms_by_hand` tells that a person decided one."""


@dataclass(frozen=True, slots=True)
class Done:
    """What became of a statement."""

    closed: list[int]
    standing: int
    """The deployment that stands now."""
    fresh: bool
    """Whether that is a new one."""
    kept: Mapping[str, datetime | None]
    """Ends, as in `ENDS`, that a person decided and the statement tells otherwise."""


_NOTHING: dict[str, Any] = {
    "id": None,
    "ref": None,
    "terms": {},
    "terms_by_hand": [],
    "same": False,
}


async def _before(
    conn: AsyncConnection, values: Mapping[str, Any], given_way: Sequence[int], *, by_hand: bool
) -> dict[str, Any]:
    """
    Return the stated deployment that this is a newer word of, and whether it has its range.

    That is the one that its row stated before, the one of its name, or else the one whose range it
    tells, but for ends that a person decided: those count as told.
    """
    rows = await execute(
        conn,
        'select * from (select id, ref, terms, terms_by_hand, lower(during) as "on",'
        '  upper(during) as "off", replaced_at is null as stands,'
        "  local_identifier is not null as has_name,"
        "  local_identifier is not distinct from cast(:name as text) as named,"
        f"  during && {_RANGE} as meets, id is not distinct from cast(:was as int) as was"
        "  from (select * from deployment where tag_id = :tag and replaced_at is null"
        "   union all select * from deployment where id = any(cast(:given_way as int[]))) as d"
        "  where declared and (individual_id = :individual or id = cast(:was as int))) as stated"
        " order by was desc, named desc, id desc",
        {**values, "given_way": list(given_way)},
    )
    for row in rows:
        alike = row["meets"] and _ends(row, values, by_hand=by_hand) == {n: row[n] for n in ENDS}
        if alike or row["was"] or (row["named"] and row["has_name"]):
            return row | {"same": row["stands"] and row["named"] and alike}
    return _NOTHING


def _ends(
    before: Mapping[str, Any], told: Mapping[str, Any], *, by_hand: bool
) -> dict[str, datetime | None]:
    """Return both ends as they are from now on: what a person decided, no file changes."""
    decided = () if by_hand else before["terms_by_hand"]
    return {end: (before if name in decided else told)[end] for end, name in ENDS.items()}


def _told(before: Mapping[str, Any], stated: Stated, *, by_hand: bool) -> dict[str, Any]:
    """Return the terms as they are from now on: what a person decided, no file changes."""
    decided = set(before["terms_by_hand"])
    if not by_hand:
        news = {k: v for k, v in stated.terms.items() if k not in decided}
        return {"terms": {**before["terms"], **news}, "terms_by_hand": sorted(decided)}
    ends = {"on": stated.deploy_on, "off": stated.deploy_off}
    said = {ENDS[end] for end, at in ends.items() if at not in (None, before.get(end))}
    return {
        "terms": {**before["terms"], **stated.terms},
        "terms_by_hand": sorted(decided | stated.terms.keys() | said),
    }


async def put(
    conn: AsyncConnection,
    study_id: int,
    stated: Stated,
    *,
    by_hand: bool,
    given_way: Sequence[int] = (),
) -> Done:
    """
    Put a statement in place of what it contradicts.

    The tag is locked already, and the caller hands the fixes over. What takes the place of a
    deployment of the same bird, be it one of those of this tag that have `given_way`, has its
    public identifier, its terms where it tells no others, and what a person decided of it.
    """
    values = stated.values(study_id)
    _refuse_empty(values["on"], values["off"])
    before = await _before(conn, values, given_way, by_hand=by_hand)
    told = _told(before, stated, by_hand=by_hand)
    ends = _ends(before, values, by_hand=by_hand)
    kept = {end: at for end, at in ends.items() if at != values[end]}
    _refuse_empty(ends["on"], ends["off"])
    values |= ends
    if before["same"] and told == {name: before[name] for name in told}:
        return Done([], before["id"], fresh=False, kept=kept)
    closed = await _close(
        conn,
        "tag_id = :tag and (not declared or local_identifier = cast(:name as text)"
        f" or (individual_id = :individual and during = {_RANGE}))",
        values,
    )
    made = await _insert(conn, values | told, ref=before["ref"])
    return Done(closed, made, fresh=True, kept=kept)


async def describe(conn: AsyncConnection, study_id: int, stated: Stated) -> bool:
    """Give the terms of a statement to the deployment that it is of; False where none stands."""
    before = await _before(conn, stated.values(study_id), (), by_hand=False)
    if before["id"] is None:
        return False
    told = _told(before, stated, by_hand=False)
    if told["terms"] != before["terms"]:
        old = await _locked(conn, before["id"])
        await _close(conn, "id = :id", old)
        await _insert(conn, {**old, **told}, ref=old["ref"])
    return True


async def amend(
    conn: AsyncConnection,
    deployment_id: int,
    *,
    deploy_on: datetime | None,
    deploy_off: datetime | None,
    terms: Mapping[str, str] | None = None,
    by_hand: Collection[str] | None = None,
) -> int:
    """
    Replace a deployment's range (and terms); the successor keeps the public identifier.

    `by_hand` names what a person has decided; without it that counts to it which these ends and
    `terms` add, change or take away. Of one that names imply the others of its tag are stated too.
    """
    old = await _locked(conn, deployment_id)
    _refuse_empty(deploy_on, deploy_off)
    values = {**old, "on": deploy_on, "off": deploy_off}
    said = old["terms"] if terms is None else terms
    changed = {k for k in {*old["terms"], *said} if old["terms"].get(k) != said.get(k)}
    changed |= {name for end, name in ENDS.items() if old[end] != values[end]}
    decided = {*old["terms_by_hand"], *changed} if by_hand is None else by_hand
    values |= {"terms": said, "terms_by_hand": sorted(decided)}
    closed = await _close(conn, "id = :id", old)
    await _state_implied(conn, old)
    made = await _insert(conn, values, ref=old["ref"])
    await hand_over(conn, closed, [made])
    return made


async def split(
    conn: AsyncConnection, deployment_id: int, *, at: datetime, individual_id: int
) -> int:
    """
    End a deployment at an instant within and give the rest of its time to another bird.

    Of one that names imply the others of its tag are stated too.
    """
    old = await _locked(conn, deployment_id)
    _refuse_empty(old["on"], at)
    _refuse_empty(at, old["off"])
    closed = await _close(conn, "id = :id", old)
    await _state_implied(conn, old)
    decided = sorted({*old["terms_by_hand"], ENDS["off"]})
    before = await _insert(conn, {**old, "off": at, "terms_by_hand": decided}, ref=old["ref"])
    rest = {"individual": individual_id, "on": at, "name": None, "terms": {},
            "terms_by_hand": [ENDS["on"]]}  # fmt: skip
    after = await _insert(conn, {**old, **rest})
    await hand_over(conn, closed, [before, after])
    return after


async def withdraw(conn: AsyncConnection, deployment_id: int) -> None:
    """Take a declared deployment back; its fixes wait with the tag, or fall to implied ones."""
    old = await _locked(conn, deployment_id)
    closed = await _close(conn, "id = :id", old)
    stale, made = await renew(conn, [old["tag"]])
    await hand_over(conn, [*closed, *stale], made)


async def _state_implied(conn: AsyncConnection, old: Mapping[str, Any]) -> None:
    """State as it stands what names imply of a tag: beside a stated one they imply nothing."""
    await execute(
        conn,
        "with gone as (update deployment set replaced_at = clock_timestamp()"
        "  where tag_id = :tag and not declared and replaced_at is null returning *)"
        " insert into deployment (study_id, tag_id, individual_id, during, declared, ref)"
        " select study_id, tag_id, individual_id, during, true, ref from gone order by during",
        old,
    )


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
        " terms, terms_by_hand from deployment where id = :id and replaced_at is null",
        {"id": deployment_id},
    )
    if not rows:
        raise Conflict(
            "The deployment was changed by somebody else.", remedy="Read it again, then edit it."
        )
    return rows[0]


async def give_way(
    conn: AsyncConnection, study_id: int, coming: Sequence[Stated]
) -> dict[int, list[int]]:
    """
    Close deployments that are about to be stated otherwise under their own identifiers.

    Where the boundary between two moves, the first to be stated would meet the other still in
    its old range. Returns the deployments closed, by their tags.
    """
    closed = await _close(
        conn,
        "declared and study_id = :study and id in (select o.id from deployment o"
        " join unnest(cast(:tags as int[]), cast(:names as text[]), cast(:birds as int[]),"
        "  cast(:ons as timestamptz[]), cast(:offs as timestamptz[]))"
        "  as new(tag, name, bird, deploy_on, deploy_off)"
        " on (new.tag, new.name) = (o.tag_id, o.local_identifier)"
        " where o.study_id = :study and o.replaced_at is null"
        f" and (o.individual_id <> new.bird or {_moved('on', 'lower')}"
        f"  or {_moved('off', 'upper')}))",
        {"study": study_id, **_columns(coming)},
    )
    rows = await execute(
        conn,
        "select tag_id, array_agg(id order by id) as ids from deployment"
        " where id = any(cast(:ids as int[])) group by tag_id",
        {"ids": closed},
    )
    return {int(row["tag_id"]): list(row["ids"]) for row in rows}


async def unsay(
    conn: AsyncConnection, study_id: int, said: Sequence[Stated]
) -> dict[int, tuple[int, int]]:
    """
    Close deployments as a file stated them that is read in another way now.

    One that was stated otherwise since is another's word and stays, but for one end that a person
    decided. Returns (tag, deployment) by the place of each that still stood.
    """
    rows = await execute(
        conn,
        "select new.place::int as place, o.tag_id, o.id from deployment o"
        " join unnest(cast(:tags as int[]), cast(:names as text[]), cast(:birds as int[]),"
        "  cast(:ons as timestamptz[]), cast(:offs as timestamptz[])) with ordinality"
        "  as new(tag, name, bird, deploy_on, deploy_off, place)"
        " on (new.tag, new.bird) = (o.tag_id, o.individual_id)"
        "  and new.name is not distinct from o.local_identifier"
        f" where o.study_id = :study and o.replaced_at is null and o.declared"
        f" and not {_moved('on', 'lower')} and not {_moved('off', 'upper')}"
        " and (lower(o.during) is not distinct from new.deploy_on"
        "  or upper(o.during) is not distinct from new.deploy_off)",
        {"study": study_id, **_columns(said)},
    )
    await _close(conn, "id = any(cast(:ids as int[]))", {"ids": [row["id"] for row in rows]})
    return {int(row["place"]) - 1: (int(row["tag_id"]), int(row["id"])) for row in rows}


def _columns(stated: Sequence[Stated]) -> dict[str, list[Any]]:
    return {
        "tags": [each.tag_id for each in stated],
        "names": [each.local_identifier for each in stated],
        "birds": [each.individual_id for each in stated],
        "ons": [each.deploy_on for each in stated],
        "offs": [each.deploy_off for each in stated],
    }


def _moved(end: str, bound: str) -> str:
    """Return the SQL of whether an end is told otherwise that no person decided."""
    return (
        f"(not '{ENDS[end]}' = any(o.terms_by_hand)"
        f" and {bound}(o.during) is distinct from new.deploy_{end})"
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
            " local_identifier, terms, terms_by_hand, ref) values (:study, :tag, :individual,"
            f" {_RANGE}, true, :name, cast(:terms as jsonb), cast(:terms_by_hand as text[]),"
            " coalesce(cast(:ref as uuid), gen_random_uuid())) returning id",
            {**values, "terms": orjson.dumps(dict(values["terms"])).decode(), "ref": ref},
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
