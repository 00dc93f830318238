"""Revisions: a provider may move a fix of its own, in place and time; the highest one stands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from app.store import work
from app.store.engine import execute
from app.store.fragments import fix_key, wearer


async def settle(
    conn: AsyncConnection, named: Sequence[tuple[int, str]], origins: Sequence[int] = ()
) -> Counter[int]:
    """
    Let the highest revision of each of these fixes stand: (tag, provider id).

    Of one revision told in two ways the same stands in any order of arrival. Birds are marked
    where it changed. Returns how many fixes of each of the decodings `origins` lost.
    """
    if not named:
        return Counter()
    rows = await execute(
        conn,
        f"""
        with touched as (select * from unnest(cast(:tags as int[]), cast(:ids as text[]))
          as t(tag_id, provider_id)),
        ranked as (
          select f.tag_id, f.time, f.sensor, f.variant, row_number() over (
            partition by f.tag_id, f.provider_id
            order by coalesce(f.provider_revision, 0) desc, f.variant, f.time, f.sensor) = 1
            as wins
          from fix f join touched using (tag_id, provider_id)
          join decoding d on d.id = f.decoding_id and d.replaced_at is null),
        settled as (
          update fix f set live = r.wins from ranked r
          where {fix_key("f")} = {fix_key("r")} and f.live <> r.wins
          returning f.decoding_id, f.live, f.tag_id, f.time),
        spans as (
          insert into dirty (individual_id, study_id, from_time, to_time)
          select d.individual_id, d.study_id, min(s.time), max(s.time)
          from settled s {wearer("s")}
          group by d.individual_id, d.study_id order by 1 {work.MERGE})
        select decoding_id, count(*) as n from settled
        where decoding_id = any(cast(:origins as bigint[])) and not live group by decoding_id
        """,
        {
            "tags": [tag for tag, _ in named],
            "ids": [provider_id for _, provider_id in named],
            "origins": list(origins),
        },
    )
    return Counter({int(row["decoding_id"]): int(row["n"]) for row in rows})
