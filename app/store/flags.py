"""Flags of the track checks, and the sum of all flags: whether a fix is shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.ext.asyncio import AsyncConnection

from app.store.engine import execute
from app.store.fragments import fix_key, time_of, worn_by_bird
from app.store.windows import Fixes
from app.store.work import Span

_KEYS = """
unnest(cast(:tags as int[]), cast(:times as bigint[]), cast(:sensors as int[]),
  cast(:variants as bigint[])
"""
_TIME = time_of("time_us")


async def species_key(conn: AsyncConnection, individual_id: int) -> str:
    """Return the species profile key of a bird."""
    rows = await execute(
        conn, "select species_key from individual where id = :id", {"id": individual_id}
    )
    return str(rows[0]["species_key"])


async def replace_track_flags(
    conn: AsyncConnection,
    bird: Span,
    fixes: Fixes,
    flagged: NDArray[np.int64],
    *,
    codes: Sequence[str],
    details: Sequence[str],
) -> None:
    """Let exactly these track flags stand on the fixes; rows that stay the same are untouched."""
    if len(fixes) == 0:
        return
    binds = {
        **_keys(fixes, flagged), "codes": list(codes), "details": list(details),
        "study": bird.study_id, "individual": bird.individual_id,
        "all_tags": sorted(set(fixes.tag_id.tolist())),
        "low": int(fixes.time_us[0]), "high": int(fixes.time_us[-1]),
    }  # fmt: skip
    wanted = (
        f"select tag_id, {_TIME} as time, sensor, variant, code, detail from {_KEYS},"
        " cast(:codes as text[]), cast(:details as text[]))"
        " as new(tag_id, time_us, sensor, variant, code, detail)"
    )
    low, high = time_of("cast(:low as bigint)"), time_of("cast(:high as bigint)")
    await execute(
        conn,
        f"delete from fix_flag g where g.origin = 'track'"
        f" and g.tag_id = any(cast(:all_tags as int[])) and g.time between {low} and {high}"
        # Another bird may have worn the tag in between: its flags are its own.
        f" and {worn_by_bird('g')}"
        f" and not exists (select from ({wanted}) w where (w.tag_id, w.time, w.sensor, w.variant,"
        " w.code, w.detail) = (g.tag_id, g.time, g.sensor, g.variant, g.code, g.detail))",
        binds,
    )
    await execute(
        conn,
        "insert into fix_flag (tag_id, time, sensor, variant, code, study_id, origin, detail)"
        f" select tag_id, time, sensor, variant, code, :study, 'track', detail from ({wanted}) w"
        " on conflict do nothing",
        binds,
    )


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


def _keys(fixes: Fixes, index: NDArray[np.int64]) -> dict[str, Any]:
    return {
        "tags": fixes.tag_id[index].tolist(),
        "times": fixes.time_us[index].tolist(),
        "sensors": fixes.sensor[index].tolist(),
        "variants": fixes.variant[index].tolist(),
    }
