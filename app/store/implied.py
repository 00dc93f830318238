"""Deployments that nobody stated: what the names in event rows imply of a tag."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy.ext.asyncio import AsyncConnection

from app.store.engine import execute
from app.store.handover import hand_over

_NAMED = """
with recursive named(tag_id, individual_id) as (
  select t.tag_id, (select n.individual_id from naming n where n.tag_id = t.tag_id
    order by n.individual_id limit 1)
  from unnest(cast(:tags as int[])) as t(tag_id)
  where not exists (select from deployment x
    where x.tag_id = t.tag_id and x.declared and x.replaced_at is null)
  union all
  select b.tag_id, (select n.individual_id from naming n where n.tag_id = b.tag_id
    and n.individual_id > b.individual_id order by n.individual_id limit 1)
  from named b where b.individual_id is not null
)
"""
"""SQL: each bird ever named for these tags, by steps through the index: however many pushes named
a bird, finding it costs one step, so that a push does not get slower with the tag's history."""

_WANTED = """
select tag_id, study_id, individual_id,
  tstzrange(case when place = 1 then null else first end, next) as during
from (
  select b.tag_id, i.study_id, b.individual_id, f.first,
    lead(f.first) over w as next, row_number() over w as place
  from named b join individual i on i.id = b.individual_id
  cross join lateral (select n.time_first as first from naming n
    where n.tag_id = b.tag_id and n.individual_id = b.individual_id
    order by n.time_first limit 1) as f
  window w as (partition by b.tag_id order by f.first, i.local_identifier collate "C")
) as ordered where first is distinct from next
"""

_CURRENT = """
select id, tag_id, individual_id, during from deployment
where tag_id = any(cast(:tags as int[])) and replaced_at is null and not declared
"""

DIFFERS = f"""
{_NAMED}
select o.id, w.tag_id, w.study_id, w.individual_id, lower(w.during) as first,
  upper(w.during) as last
from ({_WANTED}) w full join ({_CURRENT}) o using (tag_id, individual_id, during)
where o.id is null or w.study_id is null
"""


async def imply(conn: AsyncConnection, tag_ids: Iterable[int]) -> None:
    """
    Renew what the names in event rows imply for tags without a declared deployment.

    One bird named: it wore the tag always. Several: each from the first time it was named to the
    first time of the next one; of two named at once, the last in order of their names. A pure
    function of the namings in force, so the order of arrival never matters.
    """
    await hand_over(conn, *await renew(conn, tag_ids))


async def renew(conn: AsyncConnection, tag_ids: Iterable[int]) -> tuple[list[int], list[int]]:
    """Do what `imply` does but for handing over: return deployments closed and made."""
    rows = await execute(conn, DIFFERS, {"tags": sorted(set(tag_ids))})
    stale = [int(row["id"]) for row in rows if row["id"] is not None]
    fresh = [row for row in rows if row["id"] is None]
    if stale:
        await execute(
            conn,
            "update deployment set replaced_at = clock_timestamp()"
            " where id = any(cast(:ids as int[]))",
            {"ids": stale},
        )
    if not fresh:
        return stale, []
    made = await execute(
        conn,
        "insert into deployment (study_id, tag_id, individual_id, during, declared)"
        " select study, tag, bird, tstzrange(first, last), false"
        " from unnest(cast(:studies as int[]), cast(:tags as int[]), cast(:birds as int[]),"
        " cast(:firsts as timestamptz[]), cast(:lasts as timestamptz[]))"
        " as new(study, tag, bird, first, last) order by tag, first nulls first returning id",
        {
            "studies": [row["study_id"] for row in fresh],
            "tags": [row["tag_id"] for row in fresh],
            "birds": [row["individual_id"] for row in fresh],
            "firsts": [row["first"] for row in fresh],
            "lasts": [row["last"] for row in fresh],
        },
    )
    return stale, [int(row["id"]) for row in made]
