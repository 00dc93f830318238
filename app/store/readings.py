"""Readings: records of a tag without a position, such as battery, temperature and activity."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.store import reference
from app.store.audience import Audience
from app.store.engine import execute
from app.store.fixes import FIRST, LAST
from app.store.fragments import decimal

_PAGE = f"""
select r.time, r.sensor, r.variant, r.argos_class, {decimal("r.battery_v")},
  {decimal("r.temperature_c")}, r.activity, i.ref as individual, i.local_identifier
from reading r join decoding x on x.id = r.decoding_id and x.replaced_at is null
left join deployment d on d.tag_id = r.tag_id and d.replaced_at is null and d.during @> r.time
left join individual i on i.id = d.individual_id
where r.tag_id = :tag and r.study_id = any(:exact) and r.time >= :time_from and r.time <= :time_to
  and (r.time, r.sensor, r.variant)
    > (:time_from, cast(:sensor as int), cast(:variant as bigint))
order by r.time, r.sensor, r.variant limit :fetch
"""


async def page(
    conn: AsyncConnection,
    audience: Audience,
    tag: UUID,
    between: tuple[datetime | None, datetime | None],
    *,
    fetch: int,
    after: Sequence[Any] | None = None,
) -> list[dict[str, Any]]:
    """
    Return readings of a tag of the caller's own studies by time, with the bird that wore it.

    The key of a row is (time, sensor, variant).
    """
    found = await reference.tag(conn, audience, tag)
    first = between[0] or FIRST
    key = after or (first, -1, -(2**63))
    return await execute(
        conn,
        _PAGE,
        {
            "exact": audience.sql["exact"],
            "tag": found["id"],
            "time_from": max(first, key[0]),
            "time_to": between[1] or LAST,
            "sensor": key[1],
            "variant": int(key[2]),
            "fetch": fetch,
        },
    )
