"""fixes, smoothed_fix, stopover, layer -> presence_day, use_day, ledger_day: days by place."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from app.movement.habitat import (
    BirdDays,
    DayPieces,
    bird_days,
    combinations,
    day_pieces,
    silent_pieces,
)
from app.movement.layers import ProtectionIndex
from app.movement.track import DAY_US, IntArray, Track
from app.pipeline.areas import area_names
from app.pipeline.aside import aside
from app.pipeline.segment import Segmented, passage
from app.pipeline.smooth import placed
from app.store import derived, layers
from app.store.engine import Connection
from app.store.windows import FAR_FUTURE, FAR_PAST, instant, micros

if TYPE_CHECKING:
    from app.store.layers import Index

DAY = timedelta(days=1)
TRAVEL = "travel"
"""What a bird does outside its stopovers."""


@dataclass(frozen=True, slots=True)
class _Doing:
    """What the bird did at each fix: index into `kinds` and into `seasons`, shape (n,) each."""

    kind: IntArray
    season: IntArray
    kinds: list[str]
    seasons: list[str | None]


async def habitat(conn: Connection, found: Segmented) -> None:
    """Measure every UTC day again that the changed span can reach, against every layer."""
    low, high = await _days(conn, found)
    track = await placed(conn, found.window, low, high, beyond=True)
    pieces = _within(day_pieces(track.time_us), low, high)
    doing = _doing(track.time_us, found.stopovers)
    seasons = _seasons(pieces, doing)
    where = ("day >= :low and day < :high", {"low": low.date(), "high": high.date()})
    everywhere = np.zeros(len(track), dtype=np.int64)
    presence = _rows(found.bird, bird_days(pieces, doing.kind, everywhere), doing, seasons)
    await derived.replace_days(conn, "presence_day", found.bird, where, presence)
    # By piece from here on: what is designated depends on the day as well as on the place.
    each = DayPieces(np.arange(pieces.fix.shape[0]), pieces.day, pieces.time_us)
    kind = doing.kind[pieces.fix]
    use = []
    of_layers: list[IntArray] = []
    measured = await layers.current_layers(conn, found.bird.study_id)
    for layer in measured:
        index = await layers.index_of(conn, layer)
        classes = await aside(len(track), _classes, index, track, pieces)
        of_layers.append(classes)
        spent = bird_days(each, kind, classes)
        of_layer = zip(
            _rows(found.bird, spent, doing, seasons), spent.class_id.tolist(), strict=True
        )
        use += [{"layer_id": layer.id, "class_id": k, **row} for row, k in of_layer]
    await derived.replace_days(conn, "use_day", found.bird, where, use)
    number, combination = combinations(of_layers, pieces.fix.shape[0])
    spent = bird_days(each, kind, number)
    layer_ids = [layer.id for layer in measured]
    ledger = [
        {**row, "observed": True, "class_ids": combination[n], "layer_ids": layer_ids}
        for row, n in zip(
            _rows(found.bird, spent, doing, seasons), spent.class_id.tolist(), strict=True
        )
    ]
    silent = _within(silent_pieces(track.time_us), low, high)
    ledger += _unseen(found.bird, silent, doing)
    await derived.replace_days(conn, "ledger_day", found.bird, where, ledger)
    caught = await _caught(conn, found)
    await derived.replace_days(conn, "capture", found.bird, ("true", {}), caught)


def _unseen(bird: derived.Bird, silent: DayPieces, doing: _Doing) -> list[derived.Row]:
    """Return the silences of a bird by day and kind, without classes: nobody knows where it was."""
    spent = bird_days(silent, doing.kind, np.zeros_like(doing.kind))
    return [
        {**row, "observed": False, "class_ids": [], "layer_ids": []}
        for row in _rows(bird, spent, doing, _seasons(silent, doing))
    ]


async def _caught(conn: Connection, found: Segmented) -> list[derived.Row]:
    """Return where the bird was first seen: tags are put on where birds are caught."""
    time = await found.window.known.near(conn, FAR_PAST, before=False)
    if time is None:
        return []
    first = await placed(conn, found.window, time, time + timedelta(microseconds=1))
    return [{"area": (await area_names(conn, first.lon[:1], first.lat[:1]))[0]}]


def _classes(index: Index, track: Track, pieces: DayPieces) -> IntArray:
    """Return the class of each piece; what is designated holds from the midnight of its day on."""
    fix = pieces.fix
    if isinstance(index, ProtectionIndex):
        return index.states_at(track.lon[fix], track.lat[fix], pieces.day)
    return index.classes_at(track.lon, track.lat)[fix]


async def _days(conn: Connection, found: Segmented) -> tuple[datetime, datetime]:
    """
    Return the midnights around every day that can change.

    A change moves the halves of the intervals to the nearest fixes on both sides, and gives
    another season to the travel that leads to a stopover or away from it.
    """
    low, high = _with_travel(found)
    known = found.window.known
    before = await known.near(conn, low, before=True)
    after = await known.near(conn, high, before=False)
    # A silence of any length is shared out between its ends.
    low, high = before or low, after or high
    return _midnight(low), _midnight(min(high + DAY, FAR_FUTURE))


def _with_travel(found: Segmented) -> tuple[datetime, datetime]:
    """Widen the span by the travel it begins or ends in."""
    low, high = found.from_time, found.to_time
    for a, b in pairwise(found.stopovers):
        start, end = a["departure_time_earliest"], b["arrival_time_latest"]
        if start < found.from_time < end:
            low = start
        if start < found.to_time < end:
            high = end
    return low, high


def _midnight(time: datetime) -> datetime:
    return datetime(time.year, time.month, time.day, tzinfo=UTC)


def _within(pieces: DayPieces, low: datetime, high: datetime) -> DayPieces:
    inside = (pieces.day >= micros(low) // DAY_US) & (pieces.day < micros(high) // DAY_US)
    return DayPieces(pieces.fix[inside], pieces.day[inside], pieces.time_us[inside])


def _doing(time_us: IntArray, stopovers: list[derived.Row]) -> _Doing:
    """Tell stopover from travel at each fix, and the season either belongs to."""
    arrival = np.array([micros(s["arrival_time_latest"]) for s in stopovers], dtype=np.int64)
    departure = np.array([micros(s["departure_time_earliest"]) for s in stopovers], dtype=np.int64)
    last = np.searchsorted(arrival, time_us, side="right") - 1
    staying = last >= 0
    staying[staying] = time_us[staying] <= departure[last[staying]]
    after = [passage(a, b) for a, b in pairwise(stopovers)]
    labels: list[tuple[str, str | None]] = [
        *((s["kind"], s["season"]) for s in stopovers),
        (TRAVEL, None),  # before the first stopover
        *((TRAVEL, season) for season in after),
        (TRAVEL, None),  # after the last
    ]
    label = np.where(staying, last, len(stopovers) + 1 + last)
    kinds = sorted({kind for kind, _ in labels})
    seasons = sorted({season for _, season in labels}, key=lambda s: (s is None, s or ""))
    kind_of = np.array([kinds.index(kind) for kind, _ in labels], dtype=np.int64)
    season_of = np.array([seasons.index(season) for _, season in labels], dtype=np.int64)
    return _Doing(kind_of[label], season_of[label], kinds, seasons)


def _seasons(pieces: DayPieces, doing: _Doing) -> dict[tuple[int, int], str | None]:
    """Return the season of each day and kind: where two meet, the one that has more of the day."""
    spent = bird_days(pieces, doing.kind, doing.season)
    order = np.lexsort((spent.class_id, -spent.time_us, spent.kind, spent.day))
    out: dict[tuple[int, int], str | None] = {}
    for i in order.tolist():
        key = (int(spent.day[i]), int(spent.kind[i]))
        out.setdefault(key, doing.seasons[spent.class_id[i]])
    return out


def _rows(
    bird: derived.Bird,
    spent: BirdDays,
    doing: _Doing,
    seasons: dict[tuple[int, int], str | None],
) -> list[derived.Row]:
    delay = timedelta(seconds=bird.release_delay_s)
    return [
        {
            "day": instant(day * DAY_US).date(),
            "kind": doing.kinds[kind],
            "species_key": bird.species_key,
            "season": seasons[day, kind],
            "bird_days": time_us / DAY_US,
            "release_at": instant((day + 1) * DAY_US) + delay,
        }
        for day, kind, time_us in zip(
            spent.day.tolist(), spent.kind.tolist(), spent.time_us.tolist(), strict=True
        )
    ]
