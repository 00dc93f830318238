"""A species profile: the numbers that screening, stopovers and seasons go by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

HOUR_S = 3600.0
DAY_S = 86_400.0
GAP_MAX_S = 7 * DAY_S
"""Longest silence that may be bridged as observed [s]; a longer one is unobserved, our choice."""
STILL_RADIUS_M = 100.0
STILL_MIN_S = 7 * DAY_S
"""Dead birds and dropped tags [m], [s], of every species: MoveApps' mortality check."""


@dataclass(frozen=True, slots=True)
class Window:
    """A part of the year, both ends included, as (month, day)."""

    start: tuple[int, int]
    end: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Profile:
    """One row of species.csv; `key` is ``default`` for a taxon without a row of its own."""

    key: str
    scientific_name: str
    synonyms: tuple[str, ...]
    english_name: str
    speed_max_m_s: float  # outlier speed for steps of 10 min and longer
    speed_hard_m_s: float  # no bird flies this fast over any step
    stop_radius_m: float  # core stop: all fixes within this distance of its centre
    stop_min_s: float  # core stop: shortest stay
    staging_min_s: float  # a stopover this long is staging
    roost_radius_m: float
    spring: Window | None
    autumn: Window | None
    headline_min_s: float  # stays this long enter the headline counts
    merge_within_m: float  # stops nearer than this ...
    merge_gap_max_s: float  # ... with less time between are one stopover
    roosts_at_night: bool
    daylight_check: bool
    still_radius_m: float  # a dead bird's tag keeps within this distance of one place ...
    still_min_s: float  # ... for this long


def parse_profile(row: Mapping[str, str]) -> Profile:
    """Read one row of species.csv; raises ValueError or KeyError when a number is missing."""
    return Profile(
        key=row["key"],
        scientific_name=row["scientific_accepted_default"],
        synonyms=tuple(s.strip() for s in row["synonyms"].split(";") if s.strip()),
        english_name=row["english"],
        speed_max_m_s=float(row["default_vmax_pair_ms"]),
        speed_hard_m_s=float(row["default_hard_reject_ms"]),
        stop_radius_m=float(row["stop_radius_m"]),
        stop_min_s=float(row["stop_min_h"]) * HOUR_S,
        staging_min_s=float(row["staging_min_d"]) * DAY_S,
        roost_radius_m=float(row["roost_radius_m"]),
        spring=_window(row["spring_window_md"]),
        autumn=_window(row["autumn_window_md"]),
        headline_min_s=float(row["headline_min_h"]) * HOUR_S,
        merge_within_m=float(row["merge_within_km"]) * 1000.0,
        merge_gap_max_s=float(row["merge_gap_max_h"]) * HOUR_S,
        roosts_at_night=row["roosts"].startswith("at night"),
        daylight_check=row["daylight_check"] == "yes",
        still_radius_m=STILL_RADIUS_M,
        still_min_s=STILL_MIN_S,
    )


def _window(text: str) -> Window | None:
    if not text:
        return None
    start, end = ((int(md[:2]), int(md[3:])) for md in text.split(".."))
    return Window(start, end)
