"""Tags that lie still, as their owner reads of them: what is suspected, and from what."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.errors import NotFound
from app.store.audience import Audience
from app.store.engine import execute

Row = dict[str, Any]

FACTS = (
    "basis", "lon", "lat", "radius_m", "n_still", "n_away", "observed_s", "days_midday",
    "days_dark", "stirring_share", "temperature_c", "temperature_before_c", "battery_v",
    "battery_before_v",
)  # fmt: skip
"""What `movement.lifeless` found out, under its own names."""

RULE = ("method", "still_radius_m", "still_min_s")
CONTENT = ("tag_id", "start_time", "end_time", "dismissed", *FACTS, *RULE)

_SUSPICION = f"""
select l.id, l.ref, i.ref as individual_id, i.local_identifier as individual, t.ref as tag_ref,
  t.local_identifier as tag, s.ref as study, l.study_id, l.individual_id as bird,
  {", ".join(f"l.{c}" for c in CONTENT)},
  (select v.ref from lifeless_verdict v where v.undone_at is null and v.verdict = 'dismiss'
    and v.individual_id = l.individual_id and v.tag_id = l.tag_id
    and v.start_time <= l.end_time and l.start_time <= v.end_time
    order by v.id desc limit 1) as dismissal
from lifeless l join individual i on i.id = l.individual_id join tag t on t.id = l.tag_id
join study s on s.id = l.study_id
where l.study_id = any(:exact)
"""


async def page(
    conn: AsyncConnection,
    audience: Audience,
    *,
    limit: int,
    after: int | None = None,
    study: UUID | None = None,
    individual: UUID | None = None,
    dismissed: bool | None = None,
) -> list[Row]:
    """Return what is suspected of tags in the caller's own studies."""
    return await execute(
        conn,
        _SUSPICION + " and (cast(:study as uuid) is null or s.ref = :study)"
        " and (cast(:individual as uuid) is null or i.ref = :individual)"
        " and (cast(:dismissed as boolean) is null or l.dismissed = :dismissed)"
        " and (cast(:after as bigint) is null or l.id > :after) order by l.id limit :limit",
        {"exact": audience.sql["exact"], "study": study, "individual": individual,
         "dismissed": dismissed, "after": after, "limit": limit},
    )  # fmt: skip


async def one(conn: AsyncConnection, audience: Audience, ref: UUID) -> Row:
    """Return one suspicion of the caller's own studies."""
    rows = await execute(
        conn, _SUSPICION + " and l.ref = :ref", {"exact": audience.sql["exact"], "ref": ref}
    )
    if not rows:
        raise NotFound(
            "There is no such suspicion for this caller.",
            remedy="Take the id from GET /api/v1/lifeless; fixes that show life take one away.",
        )
    return rows[0]
