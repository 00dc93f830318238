"""What observers corrected of stopovers and seasons, laid over what the track tells."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.store.derived import Row

NOTHING = timedelta(0)


@dataclass(frozen=True, slots=True)
class Ends:
    """Names of the times between which a thing lasts, innermost first, on either side."""

    start: tuple[str, ...]
    end: tuple[str, ...]

    def span(self, row: Row) -> tuple[datetime, datetime]:
        """Return the time that the thing is certain to last."""
        return row[self.start[0]], row[self.end[0]]

    def cut(self, row: Row, low: datetime | None, high: datetime | None) -> Row:
        """Return a row that begins (ends) no earlier (later) than that; None leaves an end."""
        out = dict(row)
        if low is not None:
            out |= {name: max(row[name], low) for name in self.start if row[name]}
        if high is not None:
            out |= {name: min(row[name], high) for name in self.end if row[name]}
        return out


LIKELY = {
    end: tuple(f"{end}_time{point}" for point in ("_p05", "", "_p95"))
    for end in ("arrival", "departure")
}
"""The 5, 50 and 95 % points of both ends of a stopover; None where none are told."""

STOPOVER = Ends(
    ("arrival_time_latest", "arrival_time_earliest", *LIKELY["arrival"]),
    ("departure_time_earliest", "departure_time_latest", *LIKELY["departure"]),
)
SEASON = Ends(("start_time",), ("end_time",))


def observe(
    rows: Sequence[Row], said: Sequence[Row], ends: Ends, change: Callable[[Row, Row], Row]
) -> list[Row]:
    """
    Lay corrections over computed rows; return what is left, in time order.

    Each correction holds for the row that overlaps most with what it was made about; of two about
    one row the newest holds, and the other waits. Where a corrected row meets others, it stands
    and they give way: the newest stands over older ones, all of them over the computed ones. A row
    of which nothing is left goes. It is a function of rows and corrections alone.

    Parameters
    ----------
    rows : sequence of Row
        As the track tells them, in time order, without overlap.
    said : sequence of Row
        Corrections in force, with `id`, `about_start` and `about_end`.
    ends : Ends
        Which columns are the times.
    change : callable
        Returns a computed row as a correction says it.
    """
    made: dict[int, Row] = {}
    order: list[int] = []
    for correction in sorted(said, key=lambda each: -each["id"]):
        place = _meant(rows, correction, ends)
        if place is None or place in made:
            continue
        row = {**change(rows[place], correction), "basis": "observer",
               "observation_id": correction["id"]}  # fmt: skip
        start, end = ends.span(row)
        if start < end:
            made[place] = row
            order.append(place)
    standing: list[Row] = []
    for place in order:
        left = _give_way(made[place], standing, ends)
        standing += [] if left is None else [left]
    others = (_give_way(r, standing, ends) for k, r in enumerate(rows) if k not in made)
    kept = [*standing, *(row for row in others if row is not None)]
    return sorted(kept, key=lambda row: ends.span(row)[0])


def _meant(rows: Sequence[Row], correction: Row, ends: Ends) -> int | None:
    """Return the place of the row that a correction is about: of most overlap, then the first."""
    best, most = None, NOTHING
    for k, row in enumerate(rows):
        start, end = ends.span(row)
        shared = min(end, correction["about_end"]) - max(start, correction["about_start"])
        if shared > most:
            best, most = k, shared
    return best


def _give_way(row: Row, standing: Sequence[Row], ends: Ends) -> Row | None:
    """Return what is left of a row beside those that stand: its longest part, then the first."""
    parts: list[Row] = [row]
    for other in standing:
        low, high = ends.span(other)
        cut = (ends.cut(part, *bounds) for part in parts for bounds in ((None, low), (high, None)))
        parts = [part for part in cut if _lasts_s(part, ends) > 0.0]
    if not parts:
        return None
    return max(parts, key=lambda part: _lasts_s(part, ends))


def _lasts_s(row: Row, ends: Ends) -> float:
    start, end = ends.span(row)
    return (end - start).total_seconds()


def stopover_as(row: Row, correction: Row) -> Row:
    """Return a stopover as an observer says it."""
    said = correction["said"]
    out = dict(row)
    for end, likely in LIKELY.items():
        column = f"{end}_time"
        if column in said:
            times = (f"{column}_earliest", *likely, f"{column}_latest")
            out |= dict.fromkeys(times, datetime.fromisoformat(said[column]))
            out[f"{end}_open"] = False
    # An end that was left to the track lies between no later times than the corrected one.
    out["arrival_time_earliest"] = min(out["arrival_time_earliest"], out["arrival_time_latest"])
    out["departure_time_latest"] = max(out["departure_time_latest"], out["departure_time_earliest"])
    return {**out, "kind": said.get("kind", row["kind"]), "site_named": said.get("site")}


def season_as(row: Row, correction: Row) -> Row:
    """Return a season as an observer says it; it is named by its year and kind."""
    said = correction["said"]
    times = {k: datetime.fromisoformat(said[k]) for k in ("start_time", "end_time") if k in said}
    out = {**row, **times}
    kind = said.get("kind", row["season"].partition("-")[2])
    year = row["season"].partition("-")[0]
    return {**out, "season": f"{year}-{kind}"}


def named_once(seasons: Sequence[Row]) -> list[Row]:
    """Return the seasons, of several with one name the one that an observer, or time, put first."""
    first: dict[str, Row] = {}
    for row in sorted(seasons, key=lambda row: (row["basis"] != "observer", row["start_time"])):
        first.setdefault(row["season"], row)
    return [row for row in seasons if first[row["season"]] is row]


def labelled(stopovers: Sequence[Row], before: Sequence[Row], now: Sequence[Row]) -> list[Row]:
    """
    Return the stopovers with the seasons they belong to now.

    A corrected season takes in what has its middle within; what it leaves out belongs to none.
    """
    corrected = [row for row in now if row["basis"] == "observer"]
    stand = {row["season"] for row in now if row["basis"] != "observer"}
    gone = {row["season"] for row in before} - stand
    return [{**row, "season": _season(row, corrected, gone)} for row in stopovers]


def _season(row: Row, corrected: Sequence[Row], gone: set[str]) -> str | None:
    start, end = STOPOVER.span(row)
    middle = start + (end - start) / 2
    for season in corrected:
        if season["start_time"] <= middle <= season["end_time"]:
            return str(season["season"])
    label: str | None = row["season"]
    return None if label in gone else label


def of(said: Sequence[Mapping[str, object]], noun: str) -> list[Row]:
    """Return the corrections of one noun."""
    return [dict(each) for each in said if each["noun"] == noun]
