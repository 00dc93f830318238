"""What people decide about tags that lie still: confirmed, dismissed, and taken back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection

from app.errors import BadInput, Conflict, NotFound
from app.store import deployments, work
from app.store.audience import Audience
from app.store.engine import execute
from app.store.fragments import CALLER
from app.store.lifeless import FACTS, RULE, one

Row = dict[str, Any]

_END_TYPE = "deployment-end-type"
_ENDING = frozenset({_END_TYPE, deployments.ENDS["off"]})
"""What a confirmation decides of a deployment."""

_VERDICT = """
select v.id, v.ref, i.ref as individual_id, i.local_identifier as individual,
  t.local_identifier as tag, s.ref as study, v.verdict, v.end_type, v.ended_time, v.start_time,
  v.end_time, v.reviewer, v.note, v.found, v.decided_by, v.decided_at, v.undone_at, v.undone_by,
  v.undone_at is null and v.verdict = 'dismiss' and not exists (select from lifeless l
    where l.individual_id = v.individual_id and l.tag_id = v.tag_id
    and v.start_time <= l.end_time and l.start_time <= v.end_time) as orphan
from lifeless_verdict v join individual i on i.id = v.individual_id join tag t on t.id = v.tag_id
join study s on s.id = v.study_id
where v.study_id = any(:exact)
"""


async def page(
    conn: AsyncConnection,
    audience: Audience,
    *,
    limit: int,
    before: int | None = None,
    study: UUID | None = None,
    individual: UUID | None = None,
) -> list[Row]:
    """Return what was decided about tags in the caller's own studies, the newest first."""
    return await execute(
        conn,
        _VERDICT + " and (cast(:study as uuid) is null or s.ref = :study)"
        " and (cast(:individual as uuid) is null or i.ref = :individual)"
        " and (cast(:before as bigint) is null or v.id < :before) order by v.id desc limit :limit",
        {"exact": audience.sql["exact"], "study": study, "individual": individual,
         "before": before, "limit": limit},
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person says of a suspicion; `end_type` and `ended_time` go with a confirmation."""

    verdict: Literal["confirm", "dismiss"]
    reviewer: str
    note: str = ""
    end_type: str | None = None
    ended_time: datetime | None = None


async def decide(conn: AsyncConnection, audience: Audience, ref: UUID, said: Decision) -> Row:
    """
    Confirm a suspicion, which ends the deployment, or dismiss it, which brings the fixes back.

    What was decided before about the same tag and time is taken back first.
    """
    found = await one(conn, audience, ref)
    await work.lock(conn, work.LOCK_TAG, found["tag_id"])
    earlier = await execute(
        conn,
        "update lifeless_verdict v set undone_at = clock_timestamp(), undone_by = "
        f" {CALLER}"
        " where v.undone_at is null and v.verdict = 'dismiss' and v.individual_id = :bird"
        " and v.tag_id = :tag and v.start_time <= :end and :start <= v.end_time"
        " returning v.id",
        {"bird": found["bird"], "tag": found["tag_id"], "start": found["start_time"],
         "end": found["end_time"], "scope": audience.institute_id},
    )  # fmt: skip
    ended: Row = {"deployment_ref": None, "deployment_before": None, "ended_time": None}
    if said.verdict == "confirm":
        ended = await _end_deployment(conn, found, said)
    kept = {k: v for k, v in found.items() if k in {"start_time", "end_time", *FACTS, *RULE}}
    rows = await execute(
        conn,
        "insert into lifeless_verdict (individual_id, study_id, tag_id, start_time, end_time,"
        " verdict, end_type, ended_time, reviewer, note, found, deployment_ref,"
        " deployment_before, decided_by) values (:bird, :study_id, :tag_id, :start_time,"
        " :end_time, :verdict, :end_type, :ended_time, :reviewer, :note, cast(:found as jsonb),"
        f" :deployment_ref, cast(:deployment_before as jsonb), {CALLER}) returning ref",
        {**{k: found[k] for k in ("bird", "study_id", "tag_id", "start_time", "end_time")},
         "verdict": said.verdict, "end_type": said.end_type, "reviewer": said.reviewer,
         "note": said.note, "found": orjson.dumps(kept).decode(), **ended,
         "scope": audience.institute_id},
    )  # fmt: skip
    if said.verdict == "dismiss" or earlier:
        await _again(conn, found["bird"], found)
    await work.bump_version(conn, found["study_id"])
    return await _verdict(conn, audience, rows[0]["ref"])


async def _verdict(conn: AsyncConnection, audience: Audience, ref: UUID) -> Row:
    rows = await execute(
        conn, _VERDICT + " and v.ref = :ref", {"exact": audience.sql["exact"], "ref": ref}
    )
    return rows[0]


async def _again(conn: AsyncConnection, bird: int, found: Mapping[str, Any]) -> None:
    await work.mark_dirty(conn, bird, found["study_id"], found["start_time"], found["end_time"])


async def _end_deployment(conn: AsyncConnection, found: Row, said: Decision) -> Row:
    """End the deployment where the stillness begins, or where the data manager says."""
    rows = await execute(
        conn,
        "select d.id, d.ref, d.declared, lower(d.during) as deploy_on,"
        " upper(d.during) as deploy_off, d.terms, d.terms_by_hand, exists (select from deployment o"
        "  where o.tag_id = d.tag_id and o.replaced_at is null and o.id <> d.id"
        "  and not o.declared) as others from deployment d where d.tag_id = :tag"
        " and d.individual_id = :bird and d.replaced_at is null"
        " and d.during @> cast(:start as timestamptz)",
        {"tag": found["tag_id"], "bird": found["bird"], "start": found["start_time"]},
    )
    if not rows:
        raise Conflict(
            "The deployment was changed meanwhile.", remedy="Wait for the recompute, read it again."
        )
    worn_now = rows[0]
    ended = said.ended_time or found["start_time"]
    low, high = worn_now["deploy_on"], worn_now["deploy_off"]
    if (low is not None and ended <= low) or (high is not None and ended >= high):
        raise BadInput(
            "The deployment would have no time left, or end later than it does.",
            code="end-outside",
            remedy="Give an ended_time within the deployment, or withdraw the deployment itself.",
        )
    if worn_now["others"]:
        raise Conflict(
            "The tag was on several birds, and only the names in event rows say when.",
            code="deployment-implied",
            remedy="State the deployments of the tag first, then confirm.",
        )
    terms = {**worn_now["terms"], _END_TYPE: said.end_type or "unknown"}
    decided = {*worn_now["terms_by_hand"], *_ENDING}
    await deployments.amend(
        conn, worn_now["id"], deploy_on=low, deploy_off=ended, terms=terms, by_hand=decided
    )
    kept = ("declared", "deploy_off", "terms", "terms_by_hand")
    before = {key: worn_now[key] for key in kept}
    return {
        "deployment_ref": worn_now["ref"],
        "deployment_before": orjson.dumps(before).decode(),
        "ended_time": ended,
    }


async def undo(conn: AsyncConnection, audience: Audience, ref: UUID) -> Row:
    """Take a verdict back: a deployment that it ended goes on, and the rule decides again."""
    rows = await execute(
        conn,
        "update lifeless_verdict set undone_at = clock_timestamp(), undone_by = "
        f" {CALLER}"
        " where ref = :ref and undone_at is null and study_id = any(:exact)"
        " returning individual_id, study_id, tag_id, start_time, end_time, verdict, ended_time,"
        " deployment_ref, deployment_before",
        {"ref": ref, "exact": audience.sql["exact"], "scope": audience.institute_id},
    )
    if not rows:
        raise NotFound(
            "There is no such verdict in force for this caller.",
            remedy="Take the id from GET /api/v1/lifeless/verdicts.",
        )
    said = rows[0]
    if said["verdict"] == "confirm":
        await _go_on(conn, said)
    await _again(conn, said["individual_id"], said)
    await work.bump_version(conn, said["study_id"])
    return await _verdict(conn, audience, ref)


async def _go_on(conn: AsyncConnection, said: Row) -> None:
    """Let the deployment say again what it said before, unless somebody has changed it since."""
    await work.lock(conn, work.LOCK_TAG, said["tag_id"])
    rows = await execute(
        conn,
        "select id, lower(during) as deploy_on, terms, terms_by_hand from deployment"
        " where ref = :ref"
        " and replaced_at is null and upper(during) = :ended",
        {"ref": said["deployment_ref"], "ended": said["ended_time"]},
    )
    if not rows:
        raise Conflict(
            "The deployment was changed since.",
            remedy="Correct the deployment itself at /api/v1/deployments.",
        )
    before = said["deployment_before"]
    if not before["declared"]:
        await deployments.withdraw(conn, rows[0]["id"])
        return
    off = before["deploy_off"]
    terms, decided = rows[0]["terms"], rows[0]["terms_by_hand"]
    terms = {k: v for k, v in terms.items() if k != _END_TYPE} | {
        k: v for k, v in before["terms"].items() if k == _END_TYPE
    }
    # A verdict of a version before 0037 tells terms that people had set, and no others.
    was = before.get("terms_by_hand", before["terms"])
    decided = [name for name in decided if name not in _ENDING or name in was]
    await deployments.amend(
        conn, rows[0]["id"], deploy_on=rows[0]["deploy_on"],
        deploy_off=None if off is None else datetime.fromisoformat(off),
        terms=terms, by_hand=decided,
    )  # fmt: skip
