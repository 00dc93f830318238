"""What was refused or is suspect in a study, what a person corrected, and what that changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import numpy as np
import polars as pl
from sqlalchemy.ext.asyncio import AsyncConnection

from app.store.audience import Audience
from app.store.copying import PG_EPOCH_US, copy_out, row_type
from app.store.engine import execute
from app.store.fragments import CALLER
from app.store.implied import doubts
from app.store.sight import Filters

Row = dict[str, Any]

_IN_FORCE = """
from decoding d join push p on p.id = d.push_id
where d.study_id = :study and d.study_id = any(cast(:exact as int[])) and d.replaced_at is null
  and d.state in ('stored', 'processed')
  and (cast(:push as uuid) is null
    or p.id = (select coalesce(replay_of_id, id) from push where ref = :push))
  and (cast(:first as timestamptz) is null or p.received_at >= :first)
  and (cast(:last as timestamptz) is null or p.received_at <= :last)
"""


async def refusals(
    conn: AsyncConnection,
    audience: Audience,
    study_id: int,
    asked: Filters,
    *,
    push: UUID | None,
    code: str | None,
    after: tuple[int, int] | None,
    limit: int,
) -> list[Row]:
    """Return the units of a study that are refused now, those of the newest reading first."""
    before, unit = after or (None, 0)
    return await execute(
        conn,
        f"""
        select r.decoding_id, p.ref as push_id, p.received_at, d.number as decoding, d.format,
          r.unit, r.offset_bytes, r.line, r.excerpt, r.code, r.remedy
        from refusal r join decoding d on d.id = r.decoding_id join push p on p.id = d.push_id
        where r.study_id = :study and r.decoding_id in (select d.id {_IN_FORCE})
          and (cast(:code as text) is null or r.code = :code)
          and (cast(:before as bigint) is null or r.decoding_id < :before
            or r.decoding_id = :before and r.unit > :unit)
        order by r.decoding_id desc, r.unit limit :limit
        """,
        {**_binds(audience, study_id, asked, push), "code": code, "before": before, "unit": unit,
         "limit": limit},
    )  # fmt: skip


async def suspects(
    conn: AsyncConnection,
    audience: Audience,
    study_id: int,
    asked: Filters,
    *,
    push: UUID | None,
    code: str | None,
    after: tuple[int, str] | None,
    limit: int,
) -> list[Row]:
    """Return what is suspect about the pushes of a study, and how many fixes bear which flag."""
    before, last_code = after or (None, "")
    return await execute(
        conn,
        f"""
        select s.* from (
          select d.id as decoding_id, p.ref as push_id, p.received_at, d.number as decoding,
            d.tz, d.time_first, d.time_last, found.*
          from (select d.* {_IN_FORCE}) as d join push p on p.id = d.push_id
          cross join lateral (
            select 'push' as concerns, w.code, string_agg(w.detail, ' ') as detail,
              d.stored as fixes
            from (select code, detail from jsonb_to_recordset(d.warnings)
              as told(code text, detail text) union all {doubts("d")}) as w group by w.code
            union all
            select 'fixes', g.code, max(g.detail), count(*) from fix f
            join fix_flag g using (tag_id, time, sensor, variant)
            where f.tag_id = any(d.tag_ids) and f.time between d.time_first and d.time_last
              and f.decoding_id = d.id and f.live group by g.code
          ) as found
          where cast(:before as bigint) is null or d.id <= :before
        ) as s
        where (cast(:code as text) is null or s.code = :code)
          and (cast(:before as bigint) is null or s.decoding_id < :before or s.code > :last_code)
        order by s.decoding_id desc, s.code limit :limit
        """,
        {**_binds(audience, study_id, asked, push), "code": code, "before": before,
         "last_code": last_code, "limit": limit},
    )  # fmt: skip


def _binds(audience: Audience, study_id: int, asked: Filters, push: UUID | None) -> Row:
    first: datetime | None = asked.time_from
    return {
        "study": study_id, "exact": list(audience.exact), "push": push, "first": first,
        "last": asked.time_to,
    }  # fmt: skip


async def held(conn: AsyncConnection, push_id: int, up_to: int) -> dict[int, Row]:
    """Return the newest correction of each unit of a push, taken-back ones included."""
    rows = await execute(
        conn,
        "select distinct on (unit) id, unit, original, text from correction"
        " where push_id = :push and id <= :up_to order by unit, id desc",
        {"push": push_id, "up_to": up_to},
    )
    return {int(row["unit"]): row for row in rows}


async def add(
    conn: AsyncConnection, audience: Audience, receipt: Row, made: Mapping[int, tuple[str, Any]]
) -> int:
    """Keep corrections of a push, unit to original and text; return the id of the last."""
    rows = await execute(
        conn,
        "insert into correction (study_id, push_id, unit, original, text, corrected_by)"
        f" select :study, :push, unit, original, text, {CALLER}"
        " from unnest(cast(:units as bigint[]), cast(:originals as text[]), cast(:texts as text[]))"
        " as c(unit, original, text) order by unit returning id",
        {"study": receipt["study_id"], "push": receipt["push_id"], "units": list(made),
         "originals": [original for original, _ in made.values()],
         "texts": [text for _, text in made.values()], "scope": audience.institute_id},
    )  # fmt: skip
    return max(int(row["id"]) for row in rows)


async def history(
    conn: AsyncConnection, audience: Audience, push: UUID, *, after: int, limit: int
) -> list[Row]:
    """Return what was corrected in a push, by whom and when, in that order."""
    return await execute(
        conn,
        "select c.id, c.unit, c.original, c.text, c.corrected_by, c.corrected_at from correction c"
        " join push p on c.push_id = coalesce(p.replay_of_id, p.id)"
        " where p.ref = :ref and p.study_id = any(cast(:exact as int[])) and c.id > :after"
        " order by c.id limit :limit",
        {"ref": push, "exact": list(audience.exact), "after": after, "limit": limit},
    )


async def readings(
    conn: AsyncConnection, audience: Audience, push: UUID, *, before: int | None, limit: int
) -> list[Row]:
    """Return the decodings of a push, newest first: how each read it, and who asked for it."""
    return await execute(
        conn,
        "select d.number, d.format, d.tz, d.tag, m.ref as mapping, nullif(d.mapping_version, 0)"
        " as mapping_version, d.asked_by, d.state, d.units, d.records, d.refused, d.stored,"
        " d.received_at, d.replaced_at,"
        " (select count(distinct c.unit) from correction c where c.push_id = d.push_id"
        "  and c.id <= d.correction_id) as corrections"
        " from push p join decoding d on d.push_id = coalesce(p.replay_of_id, p.id)"
        " left join mapping m on m.id = d.mapping_id"
        " where p.ref = :ref and p.study_id = any(cast(:exact as int[]))"
        " and (cast(:before as int) is null or d.number < :before)"
        " order by d.number desc limit :limit",
        {"ref": push, "exact": list(audience.exact), "before": before, "limit": limit},
    )


# --- what another reading changes

_LIVE = row_type(
    {"tag_id": ">i4", "time": ">i8", "sensor": ">i2", "variant": ">i8", "individual_id": ">i4",
     "lon": ">f8", "lat": ">f8"}
)  # fmt: skip


async def live(conn: AsyncConnection, receipts: Sequence[Row]) -> pl.DataFrame:
    """Return the fixes that stand now, of the tags and times that any of these receipts tell."""
    spans = [row for row in receipts if row["time_first"] is not None]
    if not spans:
        return pl.DataFrame(
            schema={"tag_id": pl.Int32, "time": pl.Int64, "sensor": pl.Int16, "variant": pl.Int64,
                    "individual_id": pl.Int32, "lon": pl.Float64, "lat": pl.Float64}
        )  # fmt: skip
    tags = sorted({tag for row in spans for tag in row["tag_ids"]})
    first = min(row["time_first"] for row in spans).isoformat()
    last = max(row["time_last"] for row in spans).isoformat()
    found = await copy_out(
        conn,
        "select f.tag_id, f.time, f.sensor, f.variant, coalesce(d.individual_id, 0), f.lon, f.lat"
        " from fix f left join deployment d on d.tag_id = f.tag_id and d.replaced_at is null"
        f" and d.during @> f.time where f.live and f.tag_id = any('{{{','.join(map(str, tags))}}}')"
        f" and f.time between '{first}' and '{last}'",
        _LIVE,
    )
    kinds = {"tag_id": np.int32, "sensor": np.int16, "variant": np.int64, "individual_id": np.int32,
             "lon": np.float64, "lat": np.float64}  # fmt: skip
    return pl.DataFrame(
        {"time": found["time"].astype(np.int64) + PG_EPOCH_US}
        | {name: found[name].astype(kind) for name, kind in kinds.items()}
    )


async def named(
    conn: AsyncConnection, tags: Sequence[int], individuals: Sequence[int]
) -> tuple[dict[int, str], dict[int, UUID]]:
    """Return tags by their local identifiers, and individuals by their ids."""
    rows = await execute(
        conn, "select id, local_identifier from tag where id = any(cast(:ids as int[]))",
        {"ids": list(tags)},
    )  # fmt: skip
    birds = await execute(
        conn, "select id, ref from individual where id = any(cast(:ids as int[]))",
        {"ids": list(individuals)},
    )  # fmt: skip
    return ({row["id"]: row["local_identifier"] for row in rows},
            {row["id"]: row["ref"] for row in birds})  # fmt: skip


async def refused(conn: AsyncConnection, decoding_id: int) -> dict[int, str]:
    """Return the units of a decoding that are refused, with their codes."""
    rows = await execute(
        conn, "select unit, code from refusal where decoding_id = :id", {"id": decoding_id}
    )
    return {int(row["unit"]): row["code"] for row in rows}
