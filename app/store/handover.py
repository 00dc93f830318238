"""What a change of deployments moves: the fixes that go from one bird to another, and no others."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from app.store import work
from app.store.engine import execute
from app.store.fragments import fix_key, shown_alone, worn_at


def _end(order: str) -> str:
    return (
        "(select f.time from fix f where f.tag_id = m.tag_id and f.live"
        f" and {worn_at('f.time', 'm.during')} order by f.time {order} limit 1)"
    )


def _worn(ids: str) -> str:
    return (
        "select tag_id, individual_id, study_id, range_agg(during) as times from deployment"
        f" where id = any(cast(:{ids} as int[])) group by tag_id, individual_id, study_id"
    )


_MOVED = f"""
select individual_id, study_id, min(first) as from_time, max(last) as to_time from (
  select m.individual_id, m.study_id, {_end("asc")} as first, {_end("desc")} as last
  from (
    select tag_id, individual_id, study_id,
      unnest((before + after) - (before * after)) as during
    from (
      select tag_id, individual_id, study_id, coalesce(o.times, '{{}}') as before,
        coalesce(n.times, '{{}}') as after
      from ({_worn("closed")}) o full join ({_worn("made")}) n
        using (tag_id, individual_id, study_id)
    ) as worn
  ) as m
) as spans where first is not null group by individual_id, study_id
"""
"""SQL: the spans in which a bird gains or loses fixes. What it wears before and after stays."""

_ANEW = """
select id as individual_id, study_id, timestamptz '-infinity' as from_time,
  timestamptz 'infinity' as to_time
from individual where id = any(cast(:anew as int[]))
"""


async def hand_over(
    conn: AsyncConnection,
    closed: Sequence[int],
    made: Sequence[int],
    *,
    anew: Sequence[int] = (),
) -> None:
    """
    Mark the birds that gain or lose fixes as deployments are replaced by others.

    Birds `anew` are derived from their first fix on. All are marked by one statement in their
    order, so that two changes at once never wait for each other.
    """
    if not (closed or made or anew):
        return
    await work.mark_dirty_from(
        conn,
        "select individual_id, study_id, min(from_time) as from_time, max(to_time) as to_time"
        f" from ({_MOVED} union all {_ANEW}) as spans group by individual_id, study_id",
        {"closed": list(closed), "made": list(made), "anew": sorted(anew)},
    )
    if closed:
        await _lay_bare(conn, closed)


async def _lay_bare(conn: AsyncConnection, closed: Sequence[int]) -> None:
    """Take the verdicts of a track from fixes that no bird wears any more: they have no track."""
    await execute(
        conn,
        f"""
        with gaps as (
          select o.tag_id, unnest(range_agg(o.during) - coalesce((
            select range_agg(d.during) from deployment d
            where d.tag_id = o.tag_id and d.replaced_at is null), '{{}}')) as during
          from deployment o where o.id = any(cast(:closed as int[])) group by o.tag_id),
        bare as (
          select f.tag_id, f.time, f.sensor, f.variant from gaps g
          join fix f on f.tag_id = g.tag_id and {worn_at("f.time", "g.during")}
          where not f.visible or exists (
            select from fix_verdict v where v.undone_at is null and {fix_key("v")}
              = {fix_key("f")})),
        unflagged as (
          delete from fix_flag g using bare b where g.origin = 'track' and
            {fix_key("g")} = {fix_key("b")})
        update fix f set visible = {shown_alone("b")}
        from bare b
        where {fix_key("f")} = {fix_key("b")}
        """,
        {"closed": list(closed)},
    )
