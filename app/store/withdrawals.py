"""Birds that their owner takes out of every product, and what changes by it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection

from app.errors import Conflict
from app.store import content, reference, work
from app.store.audience import Audience
from app.store.engine import execute
from app.store.fragments import CALLER

Row = dict[str, Any]

_WITHDRAWAL = """
select w.id, w.ref, i.ref as individual_id, i.local_identifier as individual, s.ref as study,
  w.numbers, w.note, w.decided_by, w.decided_at, w.undone_at, w.undone_by,
  coalesce((select json_agg(json_build_object('id', t.ref, 'address', t.address,
      'made_at', t.made_at) order by t.id)
    from snapshot t join snapshot_bird b on b.snapshot_id = t.id
    where b.individual_id = i.id and t.made_at < w.decided_at
      and (t.scope in (:scope, 'public') or :all)), '[]') as snapshots
from withdrawal w join individual i on i.id = w.individual_id join study s on s.id = w.study_id
where w.study_id = any(:exact)
"""
"""SQL: withdrawals of own birds, each with the snapshots it touched that the caller may know of."""

_NUMBERS = """
select
  (select count(*) from deployment d join fix f on f.tag_id = d.tag_id and f.live and f.visible
    and d.during @> f.time where d.individual_id = :individual and d.replaced_at is null)
    as n_fixes,
  (select count(*) from stopover where individual_id = :individual) as n_stopovers,
  (select count(*) from leg where individual_id = :individual) as n_legs,
  (select count(*) from season where individual_id = :individual) as n_seasons,
  (select coalesce(sum(bird_days), 0) from presence_day where individual_id = :individual)
    as bird_days,
  (select coalesce(json_agg(distinct t.name order by t.name), '[]') from stopover x
    join site_visit v on v.stopover_id = x.id join site t on t.id = v.site_id
    where x.individual_id = :individual and t.scope = :scope) as sites
"""


def _binds(audience: Audience) -> Row:
    return {
        "exact": audience.sql["exact"], "scope": audience.scope,
        "all": audience.kind == "operator",
    }  # fmt: skip


async def page(
    conn: AsyncConnection, audience: Audience, *, limit: int, before: int | None = None
) -> list[Row]:
    """Return what was withdrawn of the caller's own studies, the newest first."""
    return await execute(
        conn,
        f"{_WITHDRAWAL} and (cast(:before as bigint) is null or w.id < :before)"
        " order by w.id desc limit :limit",
        {**_binds(audience), "before": before, "limit": limit},
    )


async def _current(conn: AsyncConnection, audience: Audience, individual_id: int) -> Row | None:
    rows = await execute(
        conn,
        f"{_WITHDRAWAL} and w.individual_id = :individual and w.undone_at is null",
        {**_binds(audience), "individual": individual_id},
    )
    return rows[0] if rows else None


async def withdraw(conn: AsyncConnection, audience: Audience, ref: UUID, reason: str) -> Row:
    """
    Take a bird of the caller's own out of every product; its fixes stay, hidden.

    What is derived of it goes at once, and catalogues that it is in are made again.
    """
    bird = await reference.owned(conn, audience, "individual", ref)
    await work.lock(conn, work.LOCK_INDIVIDUAL, bird["id"])
    if await _current(conn, audience, bird["id"]) is not None:
        raise Conflict(
            "The bird is withdrawn already.",
            code="withdrawn-already",
            remedy="Read GET /api/v1/withdrawals, or take the withdrawal back first.",
        )
    binds = {"individual": bird["id"], "scope": audience.scope}
    numbers = (await execute(conn, _NUMBERS, binds))[0]
    await execute(
        conn,
        "insert into withdrawal (individual_id, study_id, numbers, note, decided_by) values"
        f" (:individual, :study, cast(:numbers as jsonb), :note, {CALLER})",
        {"individual": bird["id"], "study": bird["study_id"], "note": reason,
         "numbers": orjson.dumps(numbers).decode(), "scope": audience.institute_id},
    )  # fmt: skip
    await content.clear_products(conn, bird["id"])
    await _derive_again(conn, bird)
    found = await _current(conn, audience, bird["id"])
    assert found is not None
    return found


async def take_back(conn: AsyncConnection, audience: Audience, ref: UUID) -> Row:
    """Let a withdrawn bird return to every product, and answers that it touched be read again."""
    bird = await reference.owned(conn, audience, "individual", ref)
    await work.lock(conn, work.LOCK_INDIVIDUAL, bird["id"])
    current = await _current(conn, audience, bird["id"])
    if current is None:
        raise Conflict(
            "The bird is not withdrawn.",
            code="not-withdrawn",
            remedy="GET /api/v1/withdrawals lists the birds that are.",
        )
    rows = await execute(
        conn,
        f"update withdrawal set undone_at = clock_timestamp(), undone_by = {CALLER}"
        " where id = :id returning undone_at, undone_by",
        {"id": current["id"], "scope": audience.institute_id},
    )
    await _derive_again(conn, bird)
    return current | rows[0]


async def _derive_again(conn: AsyncConnection, bird: Row) -> None:
    await work.mark_all_dirty(conn, individuals=[bird["id"]])
    await work.mark_catalogues_dirty(conn, bird["study_id"])
    await work.bump_version(conn, bird["study_id"])
