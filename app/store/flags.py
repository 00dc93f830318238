"""What the track tells of a fix: its flags, which solution is true, and whether it is shown."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.ext.asyncio import AsyncConnection

from app.store.engine import execute, fetch_rows
from app.store.fragments import fix_key, time_of
from app.store.windows import Fixes, micros
from app.store.work import Span

_KEYS = """
unnest(cast(:tags as int[]), cast(:times as bigint[]), cast(:sensors as int[]),
  cast(:variants as bigint[])
"""
_TIME = time_of("time_us")

# Another bird may have worn the tag in between: its flags are its own.
_STANDING = """
select g.tag_id, g.time, g.sensor, g.variant, g.code, g.detail
from deployment d join fix_flag g on g.tag_id = d.tag_id and g.origin = 'track'
  and g.time >= greatest(coalesce(lower(d.during), '-infinity'), :low)
  and g.time < least(coalesce(upper(d.during), 'infinity'), :high)
where d.individual_id = :individual and d.replaced_at is null
"""

_FLAGS = f"""
(select tag_id, {_TIME} as time, sensor, variant, code, detail from {_KEYS},
  cast(:codes as text[]), cast(:details as text[]))
  as new(tag_id, time_us, sensor, variant, code, detail))
"""


async def replace_track_flags(
    conn: AsyncConnection,
    bird: Span,
    fixes: Fixes,
    flagged: NDArray[np.int64],
    *,
    between: tuple[datetime, datetime],
    codes: Sequence[str],
    details: Sequence[str],
) -> None:
    """
    Let exactly these track flags stand between two times; equal rows stay untouched.

    Fixes that are live no more lose theirs, wherever they lie.
    """
    wanted = set(zip(*_keys(fixes, flagged).values(), codes, details, strict=True))
    whose = {"individual": bird.individual_id, "low": between[0], "high": between[1]}
    rows = await fetch_rows(conn, _STANDING, whose)
    standing = {(tag, micros(time), *rest) for tag, time, *rest in rows}
    if leaving := standing - wanted:
        await execute(
            conn,
            f"delete from fix_flag g using {_FLAGS} w"
            f" where {fix_key('g')} = {fix_key('w')} and g.code = w.code",
            _columns(leaving),
        )
    if coming := wanted - standing:
        await execute(
            conn,
            "insert into fix_flag (tag_id, time, sensor, variant, code, study_id, origin, detail)"
            f" select tag_id, time, sensor, variant, code, :study, 'track', detail from {_FLAGS} w"
            " on conflict do nothing",  # a check of the record may have said the same
            {**_columns(coming), "study": bird.study_id},
        )


def _columns(flags: set[tuple[Any, ...]]) -> dict[str, Any]:
    """Return flags, each a key with its code and detail, as `_FLAGS` takes them."""
    names = ("tags", "times", "sensors", "variants", "codes", "details")
    return dict(zip(names, map(list, zip(*sorted(flags), strict=True)), strict=True))


async def show(conn: AsyncConnection, fixes: Fixes, visible: NDArray[np.bool_]) -> None:
    """Write `visible` where it differs from what is stored."""
    changed = np.flatnonzero(visible != fixes.visible)
    if changed.shape[0] == 0:
        return
    await execute(
        conn,
        f"update fix f set visible = w.visible from (select tag_id, {_TIME} as time, sensor,"
        f" variant, visible from {_KEYS}, cast(:visible as boolean[])) as new(tag_id, time_us,"
        " sensor, variant, visible)) as w"
        f" where {fix_key('f')} = {fix_key('w')}",
        {**_keys(fixes, changed), "visible": visible[changed].tolist()},
    )


async def turn(conn: AsyncConnection, fixes: Fixes, turned: NDArray[np.bool_]) -> None:
    """Put the solutions of some Argos passes in each other's place, as they are in `fixes`."""
    changed = np.flatnonzero(turned)
    if changed.shape[0] == 0:
        return
    await execute(
        conn,
        "update fix f set lon = f.lon2, lat = f.lat2, lon2 = f.lon, lat2 = f.lat,"
        f" solution = w.solution from (select tag_id, {_TIME} as time, sensor, variant, solution"
        f" from {_KEYS}, cast(:solutions as int[])) as new(tag_id, time_us, sensor, variant,"
        " solution)) as w"
        f" where {fix_key('f')} = {fix_key('w')} and f.solution <> w.solution",
        {
            **_keys(fixes, changed),
            "solutions": np.where(fixes.second[changed], 2, 1).tolist(),
        },
    )


def _keys(fixes: Fixes, index: NDArray[np.int64]) -> dict[str, Any]:
    return {
        "tags": fixes.tag_id[index].tolist(),
        "times": fixes.time_us[index].tolist(),
        "sensors": fixes.sensor[index].tolist(),
        "variants": fixes.variant[index].tolist(),
    }
