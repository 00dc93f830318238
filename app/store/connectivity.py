"""Passages: the legs of one species with the stops at both ends, as an audience sees them."""

from __future__ import annotations

from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from app.store.audience import RELEASED, Audience
from app.store.engine import execute
from app.store.sight import GROUP_MIN, STOPOVER

Row = dict[str, Any]

PASSAGES_MAX = 100_000
"""Most legs of one answer: a thousand birds of ten years."""

_SITE = """left join lateral (
  select t.ref, t.name, t.lon, t.lat from site_visit v join site t on t.id = v.site_id
  where v.stopover_id = {end}.id and t.scope = :scope and t.simulated = :simulated limit 1
) as {end}_site on true"""


def _end(end: str, prefix: str) -> str:
    columns = ("kind", "lon", "lat", "area")
    seen = [f"{end}.{name} as {prefix}_{name}" for name in columns]
    return ", ".join([*seen, f"{end}_site.ref as {prefix}_site, {end}_site.name as {prefix}_name"])


async def passages(
    conn: AsyncConnection,
    audience: Audience,
    *,
    species: str,
    simulated: bool,
    season: str | None = None,
) -> list[Row]:
    """
    Return legs by bird and time, each with what may be seen of the stops it joins.

    An end is null where the caller may not see the stop, or the track begins or ends there.
    `season` is spring, autumn, or other for the rest of the year. Siblings are told of own birds.
    """
    other = "coalesce(split_part(l.season, '-', 2), '') not in ('spring', 'autumn')"
    part = {None: "true", "other": other}.get(season, "split_part(l.season, '-', 2) = :part")
    return await execute(
        conn,
        f"""
        with stay as materialized (select * from {STOPOVER} as x where x.species_key = :species)
        select l.individual_id, l.season, l.study_id = any(:exact) as exact, i.study_id,
          i.local_identifier, {_end("a", "from")}, {_end("b", "to")},
          case when l.study_id = any(:exact) then i.terms ->> 'animal-siblings' end as siblings
        from leg l
        join individual i on i.id = l.individual_id
        join study s on s.id = l.study_id and s.simulated = :simulated
        left join stopover p on p.individual_id = l.individual_id
          and p.departure_time_earliest = l.departure_time
        left join stopover q on q.individual_id = l.individual_id
          and q.arrival_time_latest = l.arrival_time
        left join stay a on a.id = p.id
        left join stay b on b.id = q.id
        {_SITE.format(end="a")}
        {_SITE.format(end="b")}
        where l.species_key = :species and {part}
          and (l.study_id = any(:exact) or (l.study_id = any(:open) and l.{RELEASED}))
        order by l.individual_id, l.departure_time limit {PASSAGES_MAX}
        """,
        {**audience.sql, "species": species, "simulated": simulated, "scope": audience.scope}
        | ({"part": season} if ":part" in part else {}),
    )


async def places(
    conn: AsyncConnection, audience: Audience, *, simulated: bool, species: str
) -> list[Row]:
    """Return the sites that a species uses, by name."""
    return await execute(
        conn,
        "select ref, name, lon, lat from site where scope = :scope and simulated = :simulated"
        " and :species = any(species_keys) order by name, ref",
        {"scope": audience.scope, "simulated": simulated, "species": species},
    )


def tellable(rows: list[Row], *, simulated: bool) -> list[Row]:
    """
    Return the rows that an aggregate may rest on.

    Birds of others' opened studies count only where there are several of them.
    """
    others = {row["individual_id"] for row in rows if not row["exact"]}
    if simulated or len(others) >= GROUP_MIN:
        return rows
    return [row for row in rows if row["exact"]]
