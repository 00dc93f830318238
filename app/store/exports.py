"""A study as it goes out: its fixes by columns, its deployments as a list."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial
from typing import Any

import polars as pl
from sqlalchemy.ext.asyncio import AsyncConnection

from app.store.audience import Audience
from app.store.copying import beside, copy_csv
from app.store.engine import execute
from app.store.fixes import FIRST, LAST
from app.store.fragments import fix_key
from app.store.sight import Filters

Row = dict[str, Any]
Take = Callable[[pl.DataFrame], None]

PROPERTIES = (
    "individual", "tag", "taxon", "species_key", "sensor", "visible", "flags", "error_m",
    "height_m", "ground_speed_m_s", "heading_deg", "satellites", "dop", "argos_class",
    "battery_v", "temperature_c", "activity",
)  # fmt: skip
"""Fields of a fix that files for GIS carry, beside its time and place."""

COLUMNS: dict[str, Any] = {
    "time": pl.Float64, "lon": pl.Float64, "lat": pl.Float64, "sensor": pl.Int16,
    "visible": pl.Boolean, "marked_outlier": pl.Boolean, "flags": pl.String, "verdict": pl.String,
    "verdict_reason": pl.String, "error_m": pl.Float64, "stated_error_m": pl.Float64,
    "height_m": pl.Float64, "ground_speed_m_s": pl.Float64, "heading_deg": pl.Float64,
    "satellites": pl.Int16, "dop": pl.Float64, "argos_class": pl.String, "semi_major_m": pl.Float64,
    "semi_minor_m": pl.Float64, "orientation_deg": pl.Float64, "lon2": pl.Float64,
    "lat2": pl.Float64, "solution": pl.Int16, "solution_by_hand": pl.Int16,
    "provider_id": pl.String, "provider_revision": pl.Int32, "battery_v": pl.Float64,
    "temperature_c": pl.Float64, "activity": pl.Float64, "individual_id": pl.Int32,
}  # fmt: skip
"""All that is stored of a fix, with the types it is read as: a REAL is the number it prints."""

_READ = frozenset(
    {"time", "sensor", "argos_class", "battery_v", "temperature_c", "activity", "individual_id"}
)

_SAID = {
    "time": "date_part('epoch', f.time)",  # exact to the microsecond until 2106
    "visible": "f.visible::text",
    "marked_outlier": "f.marked_outlier::text",
    "flags": "g.flags",
    "verdict": "v.verdict",
    "verdict_reason": "v.reason",
    "individual_id": "d.individual_id",
}

_WORN = """
left join deployment d on d.tag_id = f.tag_id and d.replaced_at is null and d.during @> f.time
where f.tag_id = :tag and f.study_id = any(:exact) and f.time between :time_from and :time_to
  and (cast(:individual as uuid) is null
    or d.individual_id = (select id from individual where ref = :individual))
"""

_FIXES = f"""
select {{columns}} from fix f
left join (
  select tag_id, time, sensor, variant, string_agg(code, ' ' order by code) as flags
  from fix_flag where tag_id = :tag group by tag_id, time, sensor, variant
) as g on {fix_key("g")} = {fix_key("f")}
left join fix_verdict v on v.undone_at is null and {fix_key("v")} = {fix_key("f")}
{_WORN} and f.live
order by f.time, f.sensor, f.variant
"""
"""SQL: what flags and people say is joined, as to ask for it fix by fix takes five times as long;
a join of which no column is wanted is left out by the planner."""

_READINGS = f"""
select {{columns}} from reading f
join decoding x on x.id = f.decoding_id and x.replaced_at is null
{_WORN} order by f.time, f.sensor, f.variant
"""

_NAMES = """
select i.id as individual_id, i.local_identifier as individual,
  coalesce(i.taxon, s.taxon) as taxon, i.species_key
from study s cross join lateral (
  select id, local_identifier, taxon, species_key from individual where study_id = s.id
  union all select null, null, null, null
) as i
where s.id = :study and s.id = any(:exact)
"""
"""SQL: the birds of a study, and what is said of a fix that none of them wore."""
_NAMES_READ = {
    "individual_id": pl.Int32, "individual": pl.String, "taxon": pl.String,
    "species_key": pl.String,
}  # fmt: skip


async def individuals(
    conn: AsyncConnection, audience: Audience, study_id: int, filters: Filters
) -> list[Row]:
    """Return the birds of a study by name, with their taxon; none of another's study."""
    return await execute(
        conn,
        "select i.id, i.local_identifier as individual, coalesce(i.taxon, s.taxon) as taxon"
        " from individual i join study s on s.id = i.study_id where i.study_id = :study"
        " and i.study_id = any(:exact)"
        " and (cast(:individual as uuid) is null or i.ref = :individual)"
        " order by i.local_identifier",
        {
            "study": study_id,
            "exact": audience.sql["exact"],
            "individual": filters.individual,
        },
    )


async def fixes(
    conn: AsyncConnection,
    audience: Audience,
    study_id: int,
    filters: Filters,
    *,
    columns: Collection[str],
    take: Take,
) -> int:
    """
    Hand the fixes of a study over by tag and time, hidden ones too; return how many they are.

    A study the audience does not read in full has none. `take` gets many at a time: those of
    `COLUMNS` that are wanted, and their names. It works in a thread while the next are fetched.
    """
    wanted = {*columns, "individual_id"}
    said = {name: _SAID.get(name, f"f.{name}") for name in COLUMNS if name in wanted}
    sql = _FIXES.format(columns=", ".join(said.values()))
    return await _of_each_tag(conn, (audience, study_id, filters), sql, list(said), take)


async def readings(
    conn: AsyncConnection, audience: Audience, study_id: int, filters: Filters, *, take: Take
) -> int:
    """Hand the records without position over as `fixes` does; what they never have is null."""
    said = [_SAID.get(name, f"f.{name}") if name in _READ else "null" for name in COLUMNS]
    sql = _READINGS.format(columns=", ".join(said))
    return await _of_each_tag(conn, (audience, study_id, filters), sql, list(COLUMNS), take)


async def _of_each_tag(
    conn: AsyncConnection,
    whose: tuple[Audience, int, Filters],
    sql: str,
    columns: list[str],
    take: Take,
) -> int:
    audience, study_id, filters = whose
    own = {"study": study_id, "exact": audience.sql["exact"]}
    # Tag by tag the order is that of the primary key: the server never sorts a whole study.
    tags = await execute(
        conn,
        "select id, local_identifier from tag where study_id = :study and study_id = any(:exact)"
        " order by local_identifier",
        own,
    )
    names = pl.DataFrame(await execute(conn, _NAMES, own), _NAMES_READ)
    schema = {name: COLUMNS[name] for name in columns}
    values = own | {
        "individual": filters.individual,
        "time_from": filters.time_from or FIRST,
        "time_to": filters.time_to or LAST,
    }
    n = 0

    def read(tag: str, rows: bytes) -> None:
        nonlocal n
        found = pl.read_csv(rows, has_header=False, schema=schema).with_columns(
            (pl.col("time") * 1e6).round().cast(pl.Int64).cast(pl.Datetime("us", "UTC")),
            pl.lit(tag).alias("tag"),
        )
        n += len(found)
        take(found.join(names, "individual_id", "left", nulls_equal=True, maintain_order="left"))

    async with beside(read) as start:
        for tag in tags:
            give = partial(start, tag["local_identifier"])
            await copy_csv(conn, sql, values | {"tag": tag["id"]}, give)
    return n


_DEPLOYMENTS = """
select t.local_identifier as tag, i.local_identifier as individual,
  case when i.taxon_declared then i.taxon end as taxon,
  lower(d.during) as deploy_on, upper(d.during) as deploy_off, d.local_identifier as deployment_id,
  array(select alias from tag_alias where tag_id = t.id order by alias) as aliases,
  d.declared, t.terms || i.terms || d.terms as terms
from deployment d join tag t on t.id = d.tag_id join individual i on i.id = d.individual_id
where d.replaced_at is null and d.study_id = :study and d.study_id = any(:exact)
  and (cast(:individual as uuid) is null or i.ref = :individual)
order by t.local_identifier, d.during
"""


async def deployments(
    conn: AsyncConnection, audience: Audience, study_id: int, filters: Filters
) -> list[Row]:
    """
    Return who wore which tag when, with every term of tag, bird and deployment.

    Of one name that of the deployment is told: it is the nearest to what happened then.

    Of those that event rows imply `declared` is false: whoever reads the file has to know that the
    same rows imply them again, and that nobody stated them.
    """
    return await execute(
        conn,
        _DEPLOYMENTS,
        {
            "study": study_id,
            "exact": audience.sql["exact"],
            "individual": filters.individual,
        },
    )
