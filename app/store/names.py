"""Names in a push: the tags and birds they stand for, made where they are new."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection

from app.store import work
from app.store.engine import execute
from app.store.fragments import alias_key, time_of


async def name_tags(conn: AsyncConnection, study_id: int, names: Sequence[str]) -> dict[str, int]:
    """Return the tags of these local identifiers or aliases, created where new."""
    wanted = sorted(set(names))
    found = await _known_tags(conn, study_id, wanted)
    new = [name for name in wanted if name not in found]
    if not new:
        return found
    # Nobody makes an alias of a name while it becomes a tag: whoever is later sees the other.
    await execute(
        conn,
        "select pg_advisory_xact_lock_shared(key) from (select"
        f" {alias_key('name')} as key from unnest(cast(:names as text[])) as name order by 1) as k",
        {"study": study_id, "names": new},
    )
    await execute(
        conn,
        "insert into tag (study_id, local_identifier) select :study, name"
        " from unnest(cast(:names as text[])) as name where not exists (select from tag_alias"
        " where study_id = :study and alias = name) order by name"
        " on conflict (study_id, local_identifier) do nothing",
        {"study": study_id, "names": new},
    )
    return found | await _known_tags(conn, study_id, new)


async def _known_tags(conn: AsyncConnection, study_id: int, names: Sequence[str]) -> dict[str, int]:
    rows = await execute(
        conn,
        "select local_identifier as name, id from tag"
        " where study_id = :study and local_identifier = any(cast(:names as text[]))"
        " union all select alias, tag_id from tag_alias"
        " where study_id = :study and alias = any(cast(:names as text[]))",
        {"study": study_id, "names": list(names)},
    )
    return {row["name"]: int(row["id"]) for row in rows}


async def name_individuals(
    conn: AsyncConnection, study_id: int, taxa: Sequence[tuple[str, str | None, str]]
) -> dict[str, int]:
    """
    Return individuals by local identifier, created where new.

    `taxa` are (local identifier, taxon, species key). A taxon in event rows never changes a
    declared one; among event rows the better known, then the alphabetically first, wins, so that
    the order of pushes does not matter. A bird that turns out to be of another species is
    derived again from its first fix.
    """
    rows = await execute(
        conn,
        """
        with before as (select id, species_key from individual
          where study_id = :study and local_identifier = any(cast(:names as text[]))),
        named as (
          insert into individual (study_id, local_identifier, taxon, species_key)
          select :study, name, taxon, species from unnest(cast(:names as text[]),
            cast(:taxa as text[]), cast(:species as text[])) as new(name, taxon, species)
          order by name
          on conflict (study_id, local_identifier) do update set
            taxon = case when better then excluded.taxon else individual.taxon end,
            species_key = case when better then excluded.species_key else individual.species_key end
          returning id, local_identifier, species_key)
        select id, local_identifier, coalesce(before.species_key <> named.species_key, false)
          as other_species from named left join before using (id)
        """.replace("better", _BETTER),
        {"study": study_id, "names": [t[0] for t in taxa], "taxa": [t[1] for t in taxa],
         "species": [t[2] for t in taxa]},
    )  # fmt: skip
    changed = [int(row["id"]) for row in rows if row["other_species"]]
    if changed:
        await work.mark_all_dirty(conn, individuals=changed)
    return {row["local_identifier"]: int(row["id"]) for row in rows}


_BETTER = (
    "(not individual.taxon_declared and excluded.taxon is not null and"
    " (individual.taxon is null or (excluded.species_key = 'default', excluded.taxon)"
    " < (individual.species_key = 'default', individual.taxon)))"
)


async def store_namings(
    conn: AsyncConnection,
    study_id: int,
    rows: Sequence[tuple[int, int, int, int, int]],
) -> None:
    """Note which bird was named for which tag: (decoding, tag, individual, first us, last us)."""
    await execute(
        conn,
        f"""
        insert into naming (decoding_id, tag_id, individual_id, study_id, time_first, time_last)
        select decoding_id, tag_id, individual_id, :study, {time_of("first")},
          {time_of("last")}
        from unnest(cast(:origins as bigint[]), cast(:tags as int[]), cast(:birds as int[]),
          cast(:firsts as bigint[]), cast(:lasts as bigint[]))
          as new(decoding_id, tag_id, individual_id, first, last)
        order by decoding_id, tag_id, individual_id
        on conflict (decoding_id, tag_id, individual_id) do update
          set time_first = excluded.time_first, time_last = excluded.time_last
        """,
        {"study": study_id, "origins": [r[0] for r in rows], "tags": [r[1] for r in rows],
         "birds": [r[2] for r in rows], "firsts": [r[3] for r in rows],
         "lasts": [r[4] for r in rows]},
    )  # fmt: skip


async def store_weeks(
    conn: AsyncConnection, study_id: int, weeks: Sequence[Mapping[str, Any]]
) -> None:
    """
    Note when rows named a bird, beside `store_namings`: the times of a week, sorted [us].

    Each has `decoding_id`, `tag_id`, `individual_id`, `week` since 1970 and `times_us`. What is
    noted of the same week already stays.
    """
    if not weeks:
        return
    await execute(
        conn,
        f"""
        insert into naming_week (decoding_id, tag_id, individual_id, week, study_id, time_first,
          time_last, times)
        select decoding_id, tag_id, individual_id, week, :study, times[1],
          times[cardinality(times)], times
        from json_to_recordset(cast(:weeks as json)) as new(decoding_id bigint, tag_id int,
          individual_id int, week int, times_us bigint[])
        cross join lateral (select array(select {time_of("us")} from unnest(times_us)
          with ordinality as u(us, place) order by place) as times) as named
        order by decoding_id, tag_id, individual_id, week
        on conflict (decoding_id, tag_id, individual_id, week) do update set
          time_first = least(naming_week.time_first, excluded.time_first),
          time_last = greatest(naming_week.time_last, excluded.time_last),
          times = array(select distinct unnest(naming_week.times || excluded.times) order by 1)
        """,
        {"study": study_id, "weeks": orjson.dumps(list(weeks)).decode()},
    )


async def forget_namings(conn: AsyncConnection, decoding_ids: Sequence[int]) -> set[int]:
    """Take back which birds decodings named; return the tags, which may imply less now."""
    if not decoding_ids:
        return set()
    rows = await execute(
        conn,
        "with weeks as (delete from naming_week where decoding_id = any(cast(:ids as bigint[])))"
        " delete from naming where decoding_id = any(cast(:ids as bigint[])) returning tag_id",
        {"ids": list(decoding_ids)},
    )
    return {int(row["tag_id"]) for row in rows}
