"""What observers correct of stopovers and seasons: kept whole, in force until it is taken back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection

from app.errors import BadInput, NotFound
from app.store import work
from app.store.audience import Audience
from app.store.engine import execute
from app.store.fragments import CALLER

Row = dict[str, Any]


async def in_force(conn: AsyncConnection, individual_id: int) -> list[Row]:
    """Return the corrections of a bird that are in force, in the order in which they were made."""
    return await execute(
        conn,
        "select id, noun, about_start, about_end, said from observation"
        " where individual_id = :individual and undone_at is null order by id",
        {"individual": individual_id},
    )


@dataclass(frozen=True, slots=True)
class Correction:
    """What an observer says; of `said` a None takes a value back to the track's."""

    said: Mapping[str, Any]
    reviewer: str
    note: str = ""


_THINGS = {
    "stopover": (
        "select x.individual_id, x.study_id, x.arrival_time_latest as about_start,"
        " x.departure_time_earliest as about_end, x.observation_id from stopover x"
        " where x.study_id = any(:exact) and x.ref = :stopover for update"
    ),
    "season": (
        "select x.individual_id, x.study_id, x.start_time as about_start,"
        " x.end_time as about_end, x.observation_id from season x"
        " join individual i on i.id = x.individual_id"
        " where x.study_id = any(:exact) and i.ref = :individual and x.season = :season"
        " for update of x"
    ),
}
_TIMES = {"stopover": ("arrival_time", "departure_time"), "season": ("start_time", "end_time")}


async def correct(
    conn: AsyncConnection,
    audience: Audience,
    noun: str,
    key: Mapping[str, Any],
    correction: Correction,
) -> Row:
    """
    Correct a stopover (`key` names `stopover`) or a season (`individual` and `season`).

    A correction of what is corrected already goes on from there: what it leaves out stays.
    """
    things = await execute(conn, _THINGS[noun], {"exact": audience.sql["exact"], **key})
    if not things:
        raise NotFound(
            f"There is no such {noun} for this caller.",
            remedy=f"Take it from GET /api/v1/{noun}s; only those of own studies are corrected.",
        )
    thing = things[0]
    await work.lock(conn, work.LOCK_INDIVIDUAL, thing["individual_id"])
    before = await _taken_up(conn, audience, thing)
    said = {k: _plain(v) for k, v in {**before, **correction.said}.items() if v is not None}
    first, last = (said.get(name) for name in _TIMES[noun])
    low = datetime.fromisoformat(first) if first else thing["about_start"]
    high = datetime.fromisoformat(last) if last else thing["about_end"]
    if low >= high:
        raise BadInput(
            f"The {noun} would end before it begins.",
            code="correction-empty",
            remedy="Give both ends, the first before the second.",
        )
    rows = await execute(
        conn,
        "insert into observation (individual_id, study_id, noun, about_start, about_end, said,"
        " reviewer, note, decided_by) values (:individual_id, :study_id, :noun, :about_start,"
        f" :about_end, cast(:said as jsonb), :reviewer, :note, {CALLER}) returning ref",
        {**thing, "noun": noun, "said": orjson.dumps(said).decode(),
         "reviewer": correction.reviewer, "note": correction.note,
         "scope": audience.institute_id},
    )  # fmt: skip
    await _derive_again(conn, thing, low, high)
    return await one(conn, audience, rows[0]["ref"])


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


async def _taken_up(conn: AsyncConnection, audience: Audience, thing: Row) -> Row:
    """Take back the correction that a thing follows; return what it says, and take its times."""
    if thing["observation_id"] is None:
        return {}
    rows = await execute(
        conn,
        f"update observation set undone_at = clock_timestamp(), undone_by = {CALLER}"
        " where id = :id and undone_at is null returning about_start, about_end, said",
        {"id": thing["observation_id"], "scope": audience.institute_id},
    )
    for row in rows:
        thing |= {"about_start": row["about_start"], "about_end": row["about_end"]}
    return dict(rows[0]["said"]) if rows else {}


async def take_back(conn: AsyncConnection, audience: Audience, ref: UUID) -> Row:
    """Take a correction back: the track tells again."""
    rows = await execute(
        conn,
        f"update observation set undone_at = clock_timestamp(), undone_by = {CALLER}"
        " where ref = :ref and undone_at is null and study_id = any(:exact)"
        " returning individual_id, study_id, about_start, about_end, said, noun",
        {"ref": ref, "exact": audience.sql["exact"], "scope": audience.institute_id},
    )
    if not rows:
        raise NotFound(
            "There is no such correction in force for this caller.",
            remedy="Take the id from GET /api/v1/observations.",
        )
    row = rows[0]
    times = [
        datetime.fromisoformat(row["said"][k]) for k in _TIMES[row["noun"]] if k in row["said"]
    ]
    await _derive_again(
        conn, row, min([row["about_start"], *times]), max([row["about_end"], *times])
    )
    return await one(conn, audience, ref)


async def _derive_again(conn: AsyncConnection, thing: Row, low: datetime, high: datetime) -> None:
    await work.mark_dirty(
        conn, thing["individual_id"], thing["study_id"],
        min(low, thing["about_start"]), max(high, thing["about_end"]),
    )  # fmt: skip
    await work.bump_version(conn, thing["study_id"])


_SHOWN = """
select o.id, o.ref, i.ref as individual_id, i.local_identifier as individual, s.ref as study,
  o.noun, o.about_start, o.about_end, o.said, o.reviewer, o.note, o.decided_by, o.decided_at,
  o.undone_at, o.undone_by,
  case when o.undone_at is not null then 'taken back'
    when exists (select from stopover x where x.observation_id = o.id)
      or exists (select from season x where x.observation_id = o.id) then 'followed'
    when exists (select from dirty w where w.individual_id = o.individual_id) then 'waiting'
    else 'orphan' end as state
from observation o join individual i on i.id = o.individual_id join study s on s.id = o.study_id
where o.study_id = any(:exact)
"""


async def one(conn: AsyncConnection, audience: Audience, ref: UUID) -> Row:
    """Return one correction of the caller's own studies."""
    rows = await execute(
        conn, _SHOWN + " and o.ref = :ref", {"exact": audience.sql["exact"], "ref": ref}
    )
    if not rows:
        raise NotFound(
            "There is no such correction for this caller.",
            remedy="Take the id from GET /api/v1/observations.",
        )
    return rows[0]


async def page(
    conn: AsyncConnection,
    audience: Audience,
    *,
    limit: int,
    before: int | None = None,
    study: UUID | None = None,
    individual: UUID | None = None,
    state: str | None = None,
) -> list[Row]:
    """Return corrections of the caller's own studies, the newest first, and what became of each."""
    return await execute(
        conn,
        f"select * from ({_SHOWN}) as o where (cast(:study as uuid) is null or study = :study)"
        " and (cast(:individual as uuid) is null or individual_id = :individual)"
        " and (cast(:state as text) is null or state = :state)"
        " and (cast(:before as bigint) is null or id < :before) order by id desc limit :limit",
        {"exact": audience.sql["exact"], "study": study, "individual": individual, "state": state,
         "before": before, "limit": limit},
    )  # fmt: skip
