"""stays at a site -> when birds come and go there, and whether they come more or less."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any, Literal

from app.movement.phenology import Dates, Trend, quantile_dates, trend

Row = dict[str, Any]
Event = Literal["arrival", "departure"]


def season_dates(
    stays: list[Row], family: dict[int, int], zone: tzinfo
) -> dict[tuple[str, Event], Dates]:
    """
    Return dates of arrival and departure by kind of season.

    Of each bird and season the first arrival counts and the last departure, where the data saw
    the bird come and go: one that was there already when they began arrived by none of them, even
    where it came back from a trip later.
    """
    ends: dict[tuple[str, Event], dict[tuple[int, str], date]] = defaultdict(dict)
    by_season: dict[tuple[int, str], list[Row]] = defaultdict(list)
    for row in stays:
        if row["season"]:
            by_season[row["individual_id"], row["season"]].append(row)
    for key, own in by_season.items():
        kind = key[1].partition("-")[2]
        first = min(own, key=lambda row: row["arrival_time_latest"])
        last = max(own, key=lambda row: row["departure_time_earliest"])
        if not first["arrival_open"]:
            came = first["arrival_time_latest"]
            ends[kind, "arrival"][key] = came.astimezone(zone).date()
        if not last["departure_open"]:
            went = last["departure_time_earliest"]
            ends[kind, "departure"][key] = went.astimezone(zone).date()
    return {
        which: quantile_dates(
            list(days.values()), [bird for bird, _ in days], [family[bird] for bird, _ in days]
        )
        for which, days in sorted(ends.items())
    }


def yearly_trend(stays: list[Row], tracked: list[Row], family: dict[int, int]) -> Trend:
    """Return bird-days per tracked bird by UTC year, and their change."""
    use: dict[tuple[int, int], float] = defaultdict(float)
    for row in stays:
        for year, days in _by_year(row["arrival_time_latest"], row["departure_time_earliest"]):
            use[row["individual_id"], year] += days
    seen = {(row["individual_id"], row["year"]) for row in tracked}
    return trend(dict(use), seen, family.__getitem__)


def _by_year(first: datetime, last: datetime) -> list[tuple[int, float]]:
    out = []
    for year in range(first.astimezone(UTC).year, last.astimezone(UTC).year + 1):
        low = max(first, datetime(year, 1, 1, tzinfo=UTC))
        high = min(last, datetime(year + 1, 1, 1, tzinfo=UTC))
        out.append((year, (high - low) / timedelta(days=1)))
    return out
