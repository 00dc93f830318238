"""Fixes of one bird as arrays: what the stages read, by binary COPY."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sqlalchemy.ext.asyncio import AsyncConnection

from app.movement.argos import outdone
from app.movement.track import Track
from app.store.audience import Audience
from app.store.copying import PG_EPOCH_US, copy_out, row_type
from app.store.engine import execute
from app.store.fragments import worn_at
from ingest.record import SENSORS

FAR_PAST = datetime(1900, 1, 1, tzinfo=UTC)
FAR_FUTURE = datetime(2200, 1, 1, tzinfo=UTC)
"""Stand for an open end; the fix table holds 1978 to 2100 only."""

_ROW = row_type(
    {"tag_id": ">i4", "time": ">i8", "sensor": ">i2", "variant": ">i8", "lon": ">f8",
     "lat": ">f8", "error_m": ">f4", "visible": "?"}
)  # fmt: skip

_REMARK = row_type(
    {"tag_id": ">i4", "time": ">i8", "sensor": ">i2", "variant": ">i8", "verdict": ">i2",
     "marked": "?"}
)  # fmt: skip

_PASS = row_type(
    {"tag_id": ">i4", "time": ">i8", "sensor": ">i2", "variant": ">i8", "lon2": ">f8",
     "lat2": ">f8", "second": "?", "carries": ">i2", "semi_major_m": ">f4",
     "semi_minor_m": ">f4", "orientation_deg": ">f4"}
)  # fmt: skip

_ELLIPSE = ("semi_major_m", "semi_minor_m", "orientation_deg")
_NO_PASSES = np.empty(0, dtype=_PASS)

ARGOS = SENSORS.index("argos")


@dataclass(frozen=True, slots=True)
class Fixes:
    """
    All live fixes of one bird within a span, in time order.

    Attributes
    ----------
    tag_id, time_us, sensor, variant : ndarray of int64, shape (n,)
        The key of each fix.
    track : Track
        Their positions, n fixes; times may repeat.
    visible : ndarray of bool, shape (n,)
        As stored.
    marked : ndarray of bool, shape (n,)
        A check of the record alone flagged the fix.
    verdict : ndarray of int64, shape (n,)
        1 shown by hand, -1 hidden by hand, 0 undecided.
    outdone : ndarray of bool, shape (n,)
        Another record of the same satellite pass carries more.
    lifeless : ndarray of bool, shape (n,)
        Its tag is suspected to lie still since then, off the bird or on a dead one.
    second : ndarray of bool, shape (n,)
        The track is at the second solution of an Argos pass, as stored.
    lon2, lat2 : ndarray of float64, shape (n,)
        The solution at which the track is not [degrees]; nan where there is none.
    ellipse : ndarray of float64, shape (n, 3)
        Semi-major and semi-minor axis [m] and direction [degrees] of the error, as sent by
        Argos; nan where there is none.
    withdrawn : bool
        The owner took the bird out of every product: nothing of it is shown.
    """

    tag_id: NDArray[np.int64]
    sensor: NDArray[np.int64]
    variant: NDArray[np.int64]
    track: Track
    visible: NDArray[np.bool_]
    marked: NDArray[np.bool_]
    verdict: NDArray[np.int64]
    outdone: NDArray[np.bool_]
    lifeless: NDArray[np.bool_]
    second: NDArray[np.bool_]
    lon2: NDArray[np.float64]
    lat2: NDArray[np.float64]
    ellipse: NDArray[np.float64]
    withdrawn: bool = False

    def __len__(self) -> int:
        return len(self.track)

    @property
    def time_us(self) -> NDArray[np.int64]:
        """Times [us since 1970 UTC], shape (n,)."""
        return self.track.time_us

    @property
    def hidden(self) -> NDArray[np.bool_]:
        """Hidden whatever the track says: by hand, a flag, its like, its tag; shape (n,)."""
        hidden: NDArray[np.bool_] = _put_away(self.marked, self.verdict)
        return hidden | self.outdone | self.lifeless | self.withdrawn

    def turned(self, turn: NDArray[np.bool_]) -> Fixes:
        """Return the fixes, the solutions of some of them (shape (n,)) in each other's place."""
        track = self.track
        return replace(
            self,
            track=Track(
                track.time_us,
                np.where(turn, self.lon2, track.lon),
                np.where(turn, self.lat2, track.lat),
                track.error_m,
            ),
            second=self.second ^ turn,
            lon2=np.where(turn, track.lon, self.lon2),
            lat2=np.where(turn, track.lat, self.lat2),
        )

    def take(self, index: NDArray[np.bool_] | slice) -> Fixes:
        """Return some of the fixes."""
        return Fixes(
            self.tag_id[index], self.sensor[index], self.variant[index], self.track.take(index),
            self.visible[index], self.marked[index], self.verdict[index], self.outdone[index],
            self.lifeless[index], self.second[index], self.lon2[index], self.lat2[index],
            self.ellipse[index], self.withdrawn,
        )  # fmt: skip

    def joined(self, later: Fixes) -> Fixes:
        """Return these fixes and those that follow them."""
        if not len(self) or not len(later):
            return self if len(self) else later
        both: dict[str, Any] = {
            each.name: np.concatenate([getattr(self, each.name), getattr(later, each.name)])
            for each in fields(self) if each.name not in {"track", "withdrawn"}
        }  # fmt: skip
        track = (
            np.concatenate([getattr(self.track, name), getattr(later.track, name)])
            for name in ("time_us", "lon", "lat", "error_m")
        )
        withdrawn = self.withdrawn or later.withdrawn
        return Fixes(track=Track(*track), **both, withdrawn=withdrawn)


def _put_away(marked: NDArray[np.bool_], verdict: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Say what is hidden by hand, or by a flag of the record nobody overruled; shape (n,)."""
    hidden: NDArray[np.bool_] = (marked & (verdict == 0)) | (verdict < 0)
    return hidden


_WORN = f"""
deployment d join fix f on f.tag_id = d.tag_id and f.live and {worn_at("f.time")}
"""
_WITHIN = """
d.individual_id = {individual} and d.replaced_at is null and {readable}
  and f.time >= {from_time} and f.time < {to_time}
"""

_READ = f"""
select f.tag_id, f.time, f.sensor, f.variant, f.lon, f.lat, f.error_m, f.visible
from {_WORN} join tag t on t.id = f.tag_id where {_WITHIN}
order by f.time, t.local_identifier collate "C", f.sensor, f.variant
"""
"""SQL: by names, as the first of equals is shown, and which tag came first must not tell which."""

_REMARKS = f"""
select tag_id, time, sensor, variant, sum(verdict)::int2, bool_or(marked)
from (
  select f.tag_id, f.time, f.sensor, f.variant,
    case f.verdict when 'show' then 1 else -1 end as verdict, false as marked
  from deployment d join fix_verdict f on f.tag_id = d.tag_id and f.undone_at is null
    and {worn_at("f.time")} where {_WITHIN}
  union all
  select f.tag_id, f.time, f.sensor, f.variant, 0, true
  from deployment d join fix_flag f on f.tag_id = d.tag_id and f.origin = 'record'
    and {worn_at("f.time")} where {_WITHIN}
) as remark group by tag_id, time, sensor, variant
"""
"""
What people and checks of the record alone said of fixes: of few of them. Asked of each fix in turn
it took longer than to read them.
"""

_PASSES = f"""
select f.tag_id, f.time, f.sensor, f.variant,
  coalesce(case when f.solution_by_hand is null then f.lon2 end, 'nan'),
  coalesce(case when f.solution_by_hand is null then f.lat2 end, 'nan'), f.solution = 2,
  (case when f.solution_by_hand is null then 0 else 8 end
    + case when f.semi_major_m is null then 0 else 4 end
    + case when f.lon2 is null then 0 else 2 end
    + case when f.argos_class is null then 0 else 1 end)::int2,
  coalesce(f.semi_major_m, 'nan'), coalesce(f.semi_minor_m, 'nan'),
  coalesce(f.orientation_deg, 'nan')
from {_WORN} where f.sensor = {ARGOS} and {_WITHIN}
"""
"""
A person's choice tells most, an ellipse more than a mirror solution, and that more than a class.
What a person chose between has no second solution any more.
"""


async def load_fixes(
    conn: AsyncConnection,
    audience: Audience,
    individual_id: int,
    from_time: datetime = FAR_PAST,
    to_time: datetime = FAR_FUTURE,
) -> Fixes:
    """Return the fixes of a bird in [from_time, to_time), through its deployments."""
    asked = {
        "individual": int(individual_id),
        "readable": await _readable(conn, audience, individual_id),
        "from_time": f"'{from_time.isoformat()}'::timestamptz",
        "to_time": f"'{to_time.isoformat()}'::timestamptz",
    }
    rows = await copy_out(conn, _READ.format(**asked), _ROW)
    remarks = await copy_out(conn, _REMARKS.format(**asked), _REMARK)
    # A bird without Argos fixes, as most are, is not asked twice.
    heard = bool((rows["sensor"] == ARGOS).any())
    passes = await copy_out(conn, _PASSES.format(**asked), _PASS) if heard else _NO_PASSES
    still = await execute(
        conn,
        "select tag_id, start_time, end_time from lifeless"
        " where individual_id = :individual and not dismissed union all"
        " select null, decided_at, null from withdrawal"
        " where individual_id = :individual and undone_at is null",
        {"individual": individual_id},
    )
    lying = [row for row in still if row["tag_id"] is not None]
    found = _fixes(rows, _remarked(rows, remarks), _heard(rows, passes), lying)
    return replace(found, withdrawn=len(lying) < len(still))


async def _readable(conn: AsyncConnection, audience: Audience, individual_id: int) -> str:
    """Return SQL that tells whether fixes of a bird may be read in full; the stages read all."""
    if audience.kind == "operator":
        return "true"
    rows = await execute(
        conn, "select study_id from individual where id = :id", {"id": individual_id}
    )
    return "true" if any(row["study_id"] in audience.exact for row in rows) else "false"


_Passes = dict[str, NDArray[Any]]  # a column each, of shape (n,)
_KEYS = ("tag_id", "time", "sensor", "variant")


def _aligned(
    rows: NDArray[np.void], found: NDArray[np.void], kinds: dict[str, type]
) -> pl.DataFrame:
    """
    Return what was found of each row; of those of which nothing was, null.

    Rows that came between the two questions are of a push that marks the bird again.
    """
    table = pl.DataFrame({name: rows[name].astype(np.int64) for name in _KEYS})
    known = pl.DataFrame(
        {name: found[name].astype(np.int64) for name in _KEYS}
        | {name: found[name].astype(kind) for name, kind in kinds.items()}
    )
    return table.join(known, on=_KEYS, how="left", maintain_order="left")


def _remarked(
    rows: NDArray[np.void], remarks: NDArray[np.void]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return the verdict on each row, and whether a check of the record marks it."""
    n = rows.shape[0]
    if not remarks.shape[0]:
        return np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.bool_)
    found = _aligned(rows, remarks, {"verdict": np.int64, "marked": np.bool_})
    verdict, marked = found["verdict"].fill_null(0), found["marked"].fill_null(value=False)
    return verdict.to_numpy(), marked.to_numpy()


def _heard(rows: NDArray[np.void], passes: NDArray[np.void]) -> _Passes:
    """Return what is known of the pass of each row; of other sensors, nothing."""
    if not passes.shape[0]:
        return _unheard(rows.shape[0])
    kinds = {"lon2": np.float64, "lat2": np.float64, "second": np.bool_, "carries": np.int64}
    kinds |= dict.fromkeys(_ELLIPSE, np.float64)
    found = _aligned(rows, passes, kinds).with_columns(
        pl.col("lon2", "lat2", *_ELLIPSE).fill_null(np.nan),
        pl.col("second").fill_null(value=False),
        pl.col("carries").fill_null(-1),
    )
    return {name: found[name].to_numpy() for name in kinds}


def _unheard(n: int) -> _Passes:
    """Return what is known of n fixes that no satellite heard."""
    nowhere = dict.fromkeys(("lon2", "lat2", *_ELLIPSE), np.full(n, np.nan))
    return {**nowhere, "second": np.zeros(n, dtype=np.bool_), "carries": np.full(n, -1)}


def _fixes(
    rows: NDArray[np.void],
    remarks: tuple[NDArray[np.int64], NDArray[np.bool_]],
    passes: _Passes,
    still: list[dict[str, Any]],
) -> Fixes:
    track = Track(
        rows["time"].astype(np.int64) + PG_EPOCH_US,
        rows["lon"].astype(np.float64),
        rows["lat"].astype(np.float64),
        rows["error_m"].astype(np.float64),
    )
    tag_id, (verdict, marked) = rows["tag_id"].astype(np.int64), remarks
    lifeless = np.zeros(len(track), dtype=np.bool_)
    for tag in still:
        since = track.time_us >= micros(tag["start_time"])
        lifeless |= since & (track.time_us <= micros(tag["end_time"])) & (tag_id == tag["tag_id"])
    return Fixes(
        tag_id,
        rows["sensor"].astype(np.int64),
        rows["variant"].astype(np.int64),
        track,
        rows["visible"].astype(np.bool_),
        marked,
        verdict,
        outdone(track.time_us, tag_id, passes["carries"], _put_away(marked, verdict), verdict > 0),
        lifeless & (verdict <= 0),
        passes["second"],
        passes["lon2"],
        passes["lat2"],
        np.column_stack([passes[name] for name in _ELLIPSE]).reshape(-1, 3),
    )


async def life(conn: AsyncConnection, individual_id: int) -> tuple[datetime, datetime] | None:
    """Return the times of the first and the last live fix of a bird; None: it has none."""
    nearest = (
        "select f.time as t from fix f where f.tag_id = d.tag_id and f.live and"
        f" {worn_at('f.time')} order by f.time {{way}} limit 1"
    )
    rows = await execute(
        conn,
        "select min(head.t) as first, max(tail.t) as last from deployment d,"
        f" lateral ({nearest.format(way='')}) as head,"
        f" lateral ({nearest.format(way='desc')}) as tail"
        " where d.individual_id = :individual and d.replaced_at is null",
        {"individual": individual_id},
    )
    return None if rows[0]["first"] is None else (rows[0]["first"], rows[0]["last"])


async def visible_near(
    conn: AsyncConnection, individual_id: int, time: datetime, *, before: bool
) -> datetime | None:
    """Return the time of the last visible fix before (or first one from) a time."""
    low, high = (FAR_PAST, time) if before else (time, FAR_FUTURE)
    rows = await execute(
        conn,
        f"select {'max' if before else 'min'}(t) as t from deployment d, lateral ("
        " select f.time as t from fix f where f.tag_id = d.tag_id and f.live and f.visible"
        f"  and {worn_at('f.time')} and f.time >= :low and f.time < :high"
        f"  order by f.time {'desc' if before else 'asc'} limit 1) as nearest"
        " where d.individual_id = :individual and d.replaced_at is null",
        {"individual": individual_id, "low": low, "high": high},
    )
    found: datetime | None = rows[0]["t"]
    return found


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def instant(time_us: int) -> datetime:
    """Return microseconds since 1970 as a UTC time."""
    return _EPOCH + timedelta(microseconds=int(time_us))


def micros(time: datetime) -> int:
    """Return a UTC time as microseconds since 1970."""
    return (time - _EPOCH) // timedelta(microseconds=1)
