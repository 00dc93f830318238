"""Stops by the rule of MovingPandas, and where its detector stands for each bird."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.movement.stops import StopState
from app.store.derived import Bird
from app.store.engine import Connection, execute

_CONTENT = {
    "end_time": "timestamptz", "ended": "boolean", "n_fixes": "int", "lon": "float8",
    "lat": "float8",
}  # fmt: skip
"""What is stored of a stop beside its start, with the types."""


@dataclass(frozen=True, slots=True)
class Saved:
    """The detector after the last shown fix, at `through_time`."""

    through_time: datetime
    state: StopState


async def saved(conn: Connection, individual_id: int) -> Saved | None:
    """Return where the detector of a bird stands, None before its first fix."""
    rows = await execute(
        conn,
        "select through_time, state from stop_state where individual_id = :individual",
        {"individual": individual_id},
    )
    if not rows:
        return None
    return Saved(rows[0]["through_time"], StopState.from_bytes(bytes(rows[0]["state"])))


async def save(conn: Connection, bird: Bird, stand: Saved | None) -> None:
    """Keep where the detector stands; None: the bird has no shown fix."""
    if stand is None:
        await execute(
            conn,
            "delete from stop_state where individual_id = :individual",
            {"individual": bird.individual_id},
        )
        return
    await execute(
        conn,
        "insert into stop_state (individual_id, study_id, through_time, state)"
        " values (:individual, :study, :through, :state) on conflict (individual_id) do update"
        " set through_time = excluded.through_time, state = excluded.state,"
        " study_id = excluded.study_id",
        {
            "individual": bird.individual_id,
            "study": bird.study_id,
            "through": stand.through_time,
            "state": stand.state.to_bytes(),
        },
    )


async def beginning(
    conn: Connection, individual_id: int, changed_from: datetime
) -> datetime | None:
    """
    Return the end of a stop after which the detector may begin again; None: at the first fix.

    The fix that ended the stop must lie before the change as well: another stop after it, that
    ended before the change, proves that.
    """
    rows = await execute(
        conn,
        "select end_time from stop where individual_id = :individual and end_time < :changed_from"
        " and ended order by start_time desc offset 1 limit 1",
        {"individual": individual_id, "changed_from": changed_from},
    )
    return rows[0]["end_time"] if rows else None


async def replace(
    conn: Connection, bird: Bird, from_time: datetime, rows: Sequence[dict[str, Any]]
) -> None:
    """Let exactly these stops begin at a time or later; equal rows stay untouched."""
    await execute(
        conn,
        "delete from stop where individual_id = :individual and start_time >= :from_time"
        " and start_time <> all(:kept)",
        {
            "individual": bird.individual_id,
            "from_time": from_time,
            "kept": [row["start_time"] for row in rows],
        },
    )
    if not rows:
        return
    names, kinds = ("start_time", *_CONTENT), ("timestamptz", *_CONTENT.values())
    arrays = ", ".join(f"cast(:{n} as {k}[])" for n, k in zip(names, kinds, strict=True))
    await execute(
        conn,
        f"insert into stop (individual_id, study_id, {', '.join(names)})"
        f" select :individual, :study, new.* from unnest({arrays}) as new order by 3"
        " on conflict (individual_id, start_time) do update set study_id = excluded.study_id,"
        f" {', '.join(f'{c} = excluded.{c}' for c in _CONTENT)}"
        f" where ({', '.join(f'stop.{c}' for c in _CONTENT)})"
        f" is distinct from ({', '.join(f'excluded.{c}' for c in _CONTENT)})",
        {
            "individual": bird.individual_id,
            "study": bird.study_id,
            **{name: [row[name] for row in rows] for name in names},
        },
    )
