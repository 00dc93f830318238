"""A study as it goes out: its fixes as a stream, its deployments as a list."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.store.audience import Audience
from app.store.engine import execute
from app.store.fixes import FIRST, LAST
from app.store.fragments import decimal
from app.store.sight import Filters

Row = dict[str, Any]

FETCH = 5_000
"""Rows the server's cursor hands over at a time: about 5 MB in memory, whatever the study."""


_REAL = (
    "height_m", "ground_speed_m_s", "heading_deg", "dop", "stated_error_m", "semi_major_m",
    "semi_minor_m", "orientation_deg", "battery_v", "temperature_c",
)  # fmt: skip

_NAMES = """
coalesce(i.taxon, s.taxon) as taxon, i.species_key, i.local_identifier as individual,
t.local_identifier as tag
"""

_JOINED = """
join tag t on t.id = f.tag_id join study s on s.id = f.study_id
left join deployment d on d.tag_id = f.tag_id and d.replaced_at is null and d.during @> f.time
left join individual i on i.id = d.individual_id
where f.tag_id = :tag and f.study_id = any(:exact) and f.time between :time_from and :time_to
  and (cast(:individual as uuid) is null or i.ref = :individual)
"""

_FIXES = f"""
select f.time, f.sensor, f.lon, f.lat, f.visible, f.marked_outlier, f.satellites, f.argos_class,
  f.lon2, f.lat2, f.solution, f.solution_by_hand, f.provider_id, f.provider_revision, f.activity,
  {decimal("f.error_m")},
  {", ".join(decimal(f"f.{name}") for name in _REAL)},
  (select string_agg(g.code, ' ' order by g.code) from fix_flag g
   where (g.tag_id, g.time, g.sensor, g.variant) = (f.tag_id, f.time, f.sensor, f.variant))
    as flags,
  (select v.verdict from fix_verdict v where v.undone_at is null
   and (v.tag_id, v.time, v.sensor, v.variant) = (f.tag_id, f.time, f.sensor, f.variant))
    as verdict,
  {_NAMES}
from fix f {_JOINED} and f.live
order by f.time, f.sensor, f.variant
"""

_READINGS = f"""
select f.time, f.sensor, f.argos_class, f.activity, {decimal("f.battery_v")},
  {decimal("f.temperature_c")}, {_NAMES}
from reading f join decoding x on x.id = f.decoding_id and x.replaced_at is null {_JOINED}
order by f.time, f.sensor, f.variant
"""


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


def fixes(
    conn: AsyncConnection, audience: Audience, study_id: int, filters: Filters
) -> AsyncGenerator[list[Row], None]:
    """
    Give the fixes of a study in chunks, hidden ones too, by tag and time.

    A study the audience does not read in full has none. Whoever may stop before the end closes
    it, so that the connection is free.
    """
    return _of_each_tag(conn, audience, study_id, filters, sql=_FIXES)


def readings(
    conn: AsyncConnection, audience: Audience, study_id: int, filters: Filters
) -> AsyncGenerator[list[Row], None]:
    """Give the records without position in chunks, as `fixes` does."""
    return _of_each_tag(conn, audience, study_id, filters, sql=_READINGS)


async def _of_each_tag(
    conn: AsyncConnection, audience: Audience, study_id: int, filters: Filters, *, sql: str
) -> AsyncGenerator[list[Row], None]:
    # Tag by tag the order is that of the primary key: the server never sorts a whole study.
    tags = await execute(
        conn,
        "select id from tag where study_id = :study and study_id = any(:exact)"
        " order by local_identifier",
        {"study": study_id, "exact": audience.sql["exact"]},
    )
    for tag in tags:
        values = {
            "tag": tag["id"],
            "exact": audience.sql["exact"],
            "individual": filters.individual,
            "time_from": filters.time_from or FIRST,
            "time_to": filters.time_to or LAST,
        }
        found = await conn.stream(text(sql), values)
        try:
            while chunk := await found.mappings().fetchmany(FETCH):
                yield [dict(row) for row in chunk]
        finally:
            await found.close()


_DEPLOYMENTS = """
select t.local_identifier as tag, i.local_identifier as individual,
  case when i.taxon_declared then i.taxon end as taxon,
  lower(d.during) as deploy_on, upper(d.during) as deploy_off, d.local_identifier as deployment_id,
  d.terms || i.terms || t.terms as terms
from deployment d join tag t on t.id = d.tag_id join individual i on i.id = d.individual_id
where d.replaced_at is null and d.study_id = :study and d.study_id = any(:exact)
  and (d.declared or t.terms <> '{}' or (i.taxon_declared or i.terms <> '{}') and not exists
    (select from deployment o
     where o.individual_id = i.id and o.declared and o.replaced_at is null))
  and (cast(:individual as uuid) is null or i.ref = :individual)
order by t.local_identifier, d.during
"""


async def deployments(
    conn: AsyncConnection, audience: Audience, study_id: int, filters: Filters
) -> list[Row]:
    """
    Return who wore which tag when, with every term of bird, tag and deployment.

    Deployments that event rows imply are left out, since the same rows imply them again; one
    whose bird or tag carries terms is kept, as nothing else would carry these.
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
