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
    the bird come and go.
    """
    ends: dict[tuple[str, Event], dict[tuple[int, str], date]] = defaultdict(dict)
    for row in stays:
        if not row["season"]:
            continue
        kind, key = row["season"].partition("-")[2], (row["individual_id"], row["season"])
        came = row["arrival_time_latest"].astimezone(zone).date()
        went = row["departure_time_earliest"].astimezone(zone).date()
        if not row["arrival_open"]:
            first = ends[kind, "arrival"]
            first[key] = min(came, first.get(key, came))
        if not row["departure_open"]:
            last = ends[kind, "departure"]
            last[key] = max(went, last.get(key, went))
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
