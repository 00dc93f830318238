"""Fixes of one bird, and where each bird was last seen."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection

from app.seeds import profiles
from app.store import features
from app.store.audience import RELEASED, Audience
from app.store.engine import execute, fetch_rows
from app.store.features import Feature, when
from app.store.fragments import fix_key
from app.store.sight import POSITION, WITH_BIRD, Filters, where
from ingest.record import SENSORS

_SPECIES_NAME = "cast(:species_names as json) ->> x.species_key"
PROPERTIES = {
    "id": "i.ref",
    "individual": "i.local_identifier",
    "individual_id": "i.ref",
    "species": "x.species_key",
    "species_name": f"coalesce(nullif({_SPECIES_NAME}, ''), i.taxon)",
    "study": "s.name",
    "time": when("x.time"),
    "precision": "case when x.exact then 'exact' else s.public_grid_deg || ' degree grid' end",
    "simulated": "s.simulated",
}


async def positions_feed(
    conn: AsyncConnection,
    audience: Audience,
    filters: Filters,
    *,
    fetch: int,
    after: Sequence[Any] | None = None,
) -> list[Feature]:
    """Return one point feature per bird; the key is the individual."""
    chosen = (
        where(audience)
        .birds(filters)
        .in_season(filters, "x.time", "x.time")
        .times(filters, "x.time", "x.time")
        .box(filters)
        .after({"i.ref": "uuid"}, after)
    )
    return await features.read(
        conn,
        f"select {features.feature('i.ref', 'x.shape', PROPERTIES)} as text, i.ref as key0"
        f" from {POSITION} as x"
        f" {WITH_BIRD}"
        f" where {chosen.sql} order by i.ref limit :fetch",
        {**chosen.values, "fetch": fetch, "species_names": species_names()},
    )


def species_names() -> str:
    """Return scientific names by species key as JSON, for statements that print them."""
    return orjson.dumps({key: row.scientific_name for key, row in profiles().items()}).decode()


_WORN = """
deployment d join tag t on t.id = d.tag_id
cross join lateral (
  select * from fix f
  where f.tag_id = d.tag_id and {shown}
    and f.time >= greatest(coalesce(lower(d.during), '-infinity'), :time_from)
    and f.time < coalesce(upper(d.during), 'infinity') and f.time <= :time_to
    and (f.time, t.local_identifier, f.sensor, f.variant)
      > (:time_from, cast(:tag as text), cast(:sensor as int), cast(:variant as bigint))
  order by f.time, f.sensor, f.variant limit :fetch
) as f
"""

_HISTORY = """
(f.live or f.provider_id is not null and exists
  (select from decoding x where x.id = f.decoding_id and x.replaced_at is null))
"""
"""What stands, and what a later revision took the place of."""

_EXACT = f"""
select f.time, t.local_identifier as tag, f.sensor, f.variant, f.lon, f.lat, f.error_m, f.visible,
  f.height_m, f.ground_speed_m_s, f.heading_deg, f.satellites, f.dop, f.argos_class, f.battery_v,
  f.temperature_c, f.activity, f.lon2, f.lat2,
  case when f.lon2 is not null then f.solution end as solution, f.solution_by_hand,
  f.provider_id, f.provider_revision, not f.live as superseded,
  (select coalesce(json_agg(json_build_object('code', g.code, 'origin', g.origin,
     'detail', g.detail) order by g.code), '[]')
   from fix_flag g where {fix_key("g")} = {fix_key("f")}) as flags,
  (select json_build_object('id', v.id, 'verdict', v.verdict, 'reason', v.reason,
     'decided_by', v.decided_by, 'decided_at', v.decided_at)
   from fix_verdict v where {fix_key("v")} = {fix_key("f")} and v.undone_at is null) as verdict
from {_WORN.format(shown="{which}")}
where d.individual_id = :individual and d.replaced_at is null and d.study_id = any(:exact)
order by f.time, t.local_identifier, f.sensor, f.variant limit :fetch
"""

_PUBLIC = f"""
select time, lon, lat from public_fix
where individual_id = :individual and study_id = any(:open) and {RELEASED}
  and time >= :time_from and time <= :time_to and time > :after
order by time limit :fetch
"""

FIRST, LAST = datetime(1978, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
"""Ends of the time window the table itself allows."""


async def exact(
    conn: AsyncConnection,
    audience: Audience,
    individual_id: int,
    filters: Filters,
    *,
    fetch: int,
    after: Sequence[Any] | None = None,
    history: bool = False,
) -> list[dict[str, Any]]:
    """
    Return a bird's fixes, hidden ones too, with their flags; of the reader's own studies only.

    `history` adds those that a later revision superseded. The key of a row is (time, tag,
    sensor, variant).
    """
    first = filters.time_from or FIRST
    key = after or (first, "", -1, -(2**63))
    return await execute(
        conn,
        _EXACT.format(which=_HISTORY if history else "f.live"),
        {
            "exact": audience.sql["exact"],
            "individual": individual_id,
            "time_from": max(first, key[0]),
            "time_to": filters.time_to or LAST,
            "tag": key[1],
            "sensor": key[2],
            "variant": int(key[3]),
            "fetch": fetch,
        },
    )


async def public(
    conn: AsyncConnection,
    audience: Audience,
    individual_id: int,
    filters: Filters,
    *,
    fetch: int,
    after: Sequence[Any] | None = None,
) -> list[dict[str, Any]]:
    """Return the released positions of a bird of an opened study; the key is (time,)."""
    return await execute(
        conn,
        _PUBLIC,
        {
            "open": audience.sql["open"],
            "individual": individual_id,
            "time_from": filters.time_from or FIRST,
            "time_to": filters.time_to or LAST,
            "after": after[0] if after else FIRST - timedelta(days=1),
            "fetch": fetch,
        },
    )


_DRAWN = f"""
select f.time, f.lon, f.lat from {_WORN.format(shown="f.live and f.visible")}
where d.individual_id = :individual and d.replaced_at is null and d.study_id = any(:exact)
order by f.time, t.local_identifier, f.sensor, f.variant limit :fetch
"""


_SMOOTHED = f"""
select f.time, coalesce(x.lon, f.lon), coalesce(x.lat, f.lat), coalesce(x.sd_major_m, f.error_m),
  coalesce(x.sd_minor_m, f.error_m), coalesce(x.orientation_deg, 0)
from {_WORN.format(shown="f.live and f.visible")}
left join smoothed_fix x on x.individual_id = d.individual_id and x.time = f.time
  and f.sensor = {SENSORS.index("argos")}
where d.individual_id = :individual and d.replaced_at is null and d.study_id = any(:exact)
order by f.time, t.local_identifier, f.sensor, f.variant limit :fetch
"""


async def smoothed(
    conn: AsyncConnection,
    audience: Audience,
    individual_id: int,
    filters: Filters,
    *,
    fetch: int,
) -> list[tuple[datetime, float, float, float, float, float]]:
    """
    Return where a bird was at its visible fixes, with what one sigma of its error is.

    Rows are time, lon, lat [degrees], semi-axes [m] and direction of the major one [degrees]; of
    the reader's own studies alone, as from ellipses the place of a grid's cell could be told.
    """
    rows = await fetch_rows(
        conn,
        _SMOOTHED,
        {
            "individual": individual_id,
            "time_from": filters.time_from or FIRST,
            "time_to": filters.time_to or LAST,
            "fetch": fetch,
            "exact": audience.sql["exact"],
            "tag": "",
            "sensor": -1,
            "variant": -(2**63),
        },
    )
    return [tuple(row) for row in rows]


async def drawn(
    conn: AsyncConnection,
    audience: Audience,
    individual_id: int,
    filters: Filters,
    *,
    fetch: int,
) -> list[tuple[datetime, float, float]]:
    """Return the visible (time, lon, lat) of a bird: its own fixes, or its released positions."""
    first = filters.time_from or FIRST
    both = {
        "individual": individual_id,
        "time_from": first,
        "time_to": filters.time_to or LAST,
        "fetch": fetch,
    }
    own = {"exact": audience.sql["exact"], "tag": "", "sensor": -1, "variant": -(2**63)}
    rows = await fetch_rows(conn, _DRAWN, both | own)
    if not rows:
        opened = {"open": audience.sql["open"], "after": first - timedelta(days=1)}
        rows = await fetch_rows(conn, _PUBLIC, both | opened)
    return [(row[0], row[1], row[2]) for row in rows]
