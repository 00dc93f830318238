"""Deployments that nobody stated: what the names in event rows imply of a tag."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from app.store.engine import execute
from app.store.handover import hand_over

WEEK_US = 7 * 86_400_000_000
"""How far the times of a row of `naming_week` reach [us]: a bird's next time is found in the rows
of one week or is the first of a later one, however long its history is."""
TURNS_MAX = 100
"""Most times at which a tag that is on a bird is named for another. Tags are put on a few birds;
one that goes back and forth more often is no tag (a column of models, say), and each push would
walk through all of it."""

_CROWD = """
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
),
crowd as (
  select b.tag_id, min(i.study_id) as study_id,
    array_agg(b.individual_id order by i.local_identifier collate "C") as birds
  from named b join individual i on i.id = b.individual_id group by b.tag_id
)
"""
"""SQL: the birds ever named for each of these tags, in order of their names, by steps through the
index: however many pushes named a bird, finding it costs one step, so that a push does not get
slower with the tag's history. Of most tags it is one bird, and nothing more is looked for."""


def _next(bird: str, after: str) -> str:
    """Give the first time after another at which a row names a bird for tag `w.tag_id`."""
    mine = f"where n.tag_id = w.tag_id and n.individual_id = {bird} and n.time_first"
    begins = f"{mine} > {after} order by n.time_first limit 1"
    return (
        f"least((select n.time_first from naming n {begins}),"
        f" (select n.time_first from naming_week n {begins}),"
        " (select min(named) from naming_week n cross join lateral unnest(n.times) as named"
        f" {mine} <= {after} and n.time_first > {after} - interval '168 hours'"
        f" and n.time_last > {after} and named > {after}))"
    )


_TURNS = f"""
turn(tag_id, birds, place, time, number) as (
  select c.tag_id, c.birds, o.place, o.time, 0 from crowd c cross join lateral (
    select b.place, (select n.time_first from naming n where n.tag_id = c.tag_id
      and n.individual_id = b.id order by n.time_first limit 1) as time
    from unnest(c.birds) with ordinality as b(id, place) order by time, place desc limit 1) as o
  union all
  select w.tag_id, w.birds,
    case when w.place > o.place
      and {_next("w.birds[w.place]", "(o.time - interval '1 microsecond')")} = o.time
      then w.place else o.place end,
    o.time, w.number + 1
  from turn w cross join lateral (
    select b.place, {_next("b.id", "w.time")} as time
    from unnest(w.birds) with ordinality as b(id, place) where b.place <> w.place
    order by time, place desc limit 1) as o
  where o.time is not null and w.number <= {TURNS_MAX}
)
"""
"""SQL: of tags with several birds, from each bird to the first time at which another is named."""

_CURRENT = """
select id, tag_id, individual_id, during from deployment
where tag_id = any(cast(:tags as int[])) and replaced_at is null and not declared
"""

PLAIN = f"""
{_CROWD}
select o.id, w.tag_id, w.study_id, w.birds[1] as individual_id, null::timestamptz as first,
  null::timestamptz as last, cardinality(w.birds) > 1 as several
from crowd w full join ({_CURRENT}) o on o.tag_id = w.tag_id
where o.id is null or w.tag_id is null or cardinality(w.birds) > 1
  or (o.individual_id, o.during) <> (w.birds[1], '(,)'::tstzrange)
"""
"""SQL: what differs for tags of one bird or none, and which tags have `several`."""

_WANTED = f"""
select tag_id, study_id, individual_id,
  tstzrange(first, lead(first) over (partition by tag_id order by first nulls first)) as during
from (
  select t.tag_id, c.study_id, t.birds[t.place] as individual_id,
    case when t.before is not null then t.time end as first
  from (
    select turn.*, lag(place) over w as before, max(number) over (partition by tag_id) as turns
    from turn window w as (partition by tag_id order by number)
  ) as t join crowd c using (tag_id)
  where t.before is distinct from t.place and t.turns <= {TURNS_MAX}
) as runs
"""

IN_RUNS = f"""
{_CROWD}, {_TURNS}
select o.id, w.tag_id, w.study_id, w.individual_id, lower(w.during) as first,
  upper(w.during) as last
from ({_WANTED}) w full join ({_CURRENT}) o using (tag_id, individual_id, during)
where o.id is null or w.study_id is null
"""
"""SQL: what differs for tags of several birds. It takes a millisecond or two to plan alone, which
pushes of other tags are spared."""

ON_SEVERAL, BACK_AND_FORTH = "tag-on-several-birds", "tag-back-and-forth"
RUNS_TOLD = 10
"""Most runs of a tag that a warning names."""

_STATE = (
    "state who wore the tag when (POST /api/v1/deployments, or reference data): that takes the"
    " place of what names imply."
)

_RUNS = f"""
select string_agg(r.name || case when r.until is null then ' from then on' else ' until '
    || to_char(r.until at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') end, ', '
    order by r.place) filter (where r.place <= {RUNS_TOLD})
  || case when count(*) > {RUNS_TOLD} then format(', and %s turns more', count(*) - {RUNS_TOLD})
    else '' end
  || case when count(*) > count(distinct r.name) then '. It comes back to an earlier bird'
    else '' end
from (
  select i.local_identifier as name, upper(w.during) as until,
    row_number() over (order by w.during) as place
  from deployment w join individual i on i.id = w.individual_id
  where w.tag_id = t.id and w.replaced_at is null
) as r
"""


def doubts(decoding: str) -> str:
    """
    Give what the names in rows leave in doubt about a push, as it is now: (code, detail).

    `decoding` is the alias of its decoding. The push is told of a tag that goes from one bird to
    another within its times, and of one that is named for so many in turn that none has it.
    """
    d = decoding
    return f"""
    select '{ON_SEVERAL}' as code, format('Tag %s is on several birds, by the names in rows'
      ' alone: %s. Rows without a name went to the bird in whose time they fall. If that is not'
      ' how it was, {_STATE}', t.local_identifier, ({_RUNS})) as detail
    from tag t where t.id = any({d}.tag_ids) and exists (
      select from deployment x where x.tag_id = t.id and x.replaced_at is null
        and not x.declared and lower(x.during) >= {d}.time_first
        and lower(x.during) <= {d}.time_last)
    union all
    select '{BACK_AND_FORTH}', format('Rows name other birds for tag %s in turn, more than'
      ' {TURNS_MAX} times: it is taken to be on none of them, and its fixes wait. See that the'
      ' column of tags holds what tells one from another; or {_STATE}', t.local_identifier)
    from tag t where t.id = any({d}.tag_ids)
      and not exists (select from deployment x where x.tag_id = t.id and x.replaced_at is null)
      and exists (select from naming n where n.tag_id = t.id)
    """


async def imply(conn: AsyncConnection, tag_ids: Iterable[int]) -> None:
    """
    Renew what the names in event rows imply for tags without a declared deployment.

    One bird named: it wore the tag always. Several: the rows of all pushes that name one, in
    order of time, fall into runs of one bird each, which wore the tag from the first of them to
    the first of the next run; the first run began always. Rows without a name belong to the run
    in which they fall. Of birds named at the same moment that moment is the last's, in order of
    their names; another of them goes on with its next row. Where other birds than the one that
    has the tag are named more often than `TURNS_MAX` nothing is implied, and the fixes wait.

    A pure function of the rows of the decodings in force: neither the order of arrival matters
    nor in which pushes the rows came.
    """
    await hand_over(conn, *await renew(conn, tag_ids))


async def renew(conn: AsyncConnection, tag_ids: Iterable[int]) -> tuple[list[int], list[int]]:
    """Do what `imply` does but for handing over: return deployments closed and made."""
    stale, fresh = await _differing(conn, sorted(set(tag_ids)))
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


async def _differing(
    conn: AsyncConnection, tags: Sequence[int]
) -> tuple[list[int], list[dict[str, Any]]]:
    """Return the implied deployments that no longer hold, and those that do not stand yet."""
    rows = await execute(conn, PLAIN, {"tags": tags})
    several = {row["tag_id"] for row in rows if row["several"]}
    plain = [row for row in rows if row["tag_id"] not in several]
    stale = [row["id"] for row in plain if row["id"] is not None]
    # Of one bird that had several runs each of these comes with it.
    alone = {row["tag_id"]: row for row in plain if row["tag_id"] is not None}
    fresh = list(alone.values())
    if several:
        runs = await execute(conn, IN_RUNS, {"tags": sorted(several)})
        stale += [row["id"] for row in runs if row["id"] is not None]
        fresh += [row for row in runs if row["id"] is None]
    return stale, fresh
