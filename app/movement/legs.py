"""Legs: the journeys between stopovers, and how the whole span divides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from app.movement.gaps import gap_before, longest_gap_us, observed_us, parts
from app.movement.geodesy import distance_m, path_length_m
from app.movement.steps import steps
from app.movement.stopovers import Stays
from app.movement.track import SECOND_US, Track

MIN_SPEED_STEP_S = 600.0
"""Steps shorter than this tell a bird's top speed too roughly [s] (position error / duration)."""


@dataclass(frozen=True, slots=True)
class LinePart:
    """A part of a leg's line: fixes first..last, both included, observed or a silent jump."""

    kind: Literal["observed", "unobserved"]
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Leg:
    """
    A journey from fix `first` to fix `last` of the visible track, both included.

    Attributes
    ----------
    start_us, end_us : int
        Time of its first and last fix [us since 1970 UTC].
    length_m : float
        Geodesic length of the line through all fixes; over a gap this is the least [m].
    displacement_m : float
        Geodesic distance from first to last fix, never above `length_m` [m].
    straightness : float
        displacement / length, 0..1; 1 for a leg without length.
    speed_max_m_s : float
        Fastest observed step of `MIN_SPEED_STEP_S` and longer; nan without one [m/s].
    observed_s, unobserved_s, max_gap_s : float
        Time within parts, time in gaps over `GAP_MAX_S`, longest time without a fix [s].
    unobserved_m : float
        Share of `length_m` that crosses gaps over `GAP_MAX_S` [m].
    parts : tuple of LinePart
        The line, cut at gaps; consecutive parts share their end fixes.
    """

    first: int
    last: int
    start_us: int
    end_us: int
    n_fixes: int
    length_m: float
    displacement_m: float
    straightness: float
    speed_max_m_s: float
    observed_s: float
    unobserved_s: float
    unobserved_m: float
    max_gap_s: float
    parts: tuple[LinePart, ...]


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time: one stay, travel, or a silence over `GAP_MAX_S`; fixes at its ends."""

    kind: Literal["stay", "travel", "unobserved"]
    first: int
    last: int
    start_us: int
    end_us: int


def measure_leg(track: Track, first: int, last: int) -> Leg:
    """
    Measure the journey between two fixes of the visible track.

    Examples
    --------
    >>> hour = 3_600_000_000
    >>> zero = np.zeros(3)
    >>> leg = measure_leg(Track(np.arange(3) * hour, zero, np.array([0.0, 1.0, 0.5]), zero), 0, 2)
    >>> round(leg.straightness, 3), leg.observed_s
    (0.333, 7200.0)
    """
    way = track.take(slice(first, last + 1))
    length = path_length_m(way.lon, way.lat)
    net = float(distance_m(way.lon[:1], way.lat[:1], way.lon[-1:], way.lat[-1:])[0])
    net = min(net, length)  # equal up to rounding when the way is straight
    step, silent = steps(way), gap_before(way.time_us)[1:]
    clear = ~silent & (step.duration_s >= MIN_SPEED_STEP_S)
    total_us = int(way.time_us[-1] - way.time_us[0])
    seen_us = observed_us(way.time_us)
    return Leg(
        first,
        last,
        start_us=int(way.time_us[0]),
        end_us=int(way.time_us[-1]),
        n_fixes=len(way),
        length_m=length,
        displacement_m=net,
        straightness=net / length if length > 0.0 else 1.0,
        speed_max_m_s=float(step.speed_m_s[clear].max()) if np.any(clear) else float("nan"),
        observed_s=seen_us / SECOND_US,
        unobserved_s=(total_us - seen_us) / SECOND_US,
        unobserved_m=float(step.distance_m[silent].sum()),
        max_gap_s=longest_gap_us(way.time_us) / SECOND_US,
        parts=tuple(_line(way, first)),
    )


def _line(way: Track, offset: int) -> list[LinePart]:
    """Return the parts of a line whose first fix is number `offset` of the track."""
    out: list[LinePart] = []
    for a, b in parts(way.time_us):
        if a > 0:
            out.append(LinePart("unobserved", offset + a - 1, offset + a))
        out.append(LinePart("observed", offset + a, offset + b))
    return out


def spans(track: Track, stays: Stays) -> list[Span]:
    """
    Divide the time from the first to the last visible fix into stays, travel and silence.

    The spans follow each other without a gap or overlap, so their times in microseconds add up
    to the whole exactly. Travel before the first stay and after the last is included.

    Examples
    --------
    >>> from app.movement.stopovers import find_stays
    >>> from app.seeds import profile_of
    >>> time = np.array([0, 1, 2, 20]) * 86_400_000_000
    >>> track = Track(time, np.zeros(4), np.zeros(4), np.zeros(4))
    >>> [s.kind for s in spans(track, find_stays(track, profile_of("Grus grus")))]
    ['stay', 'unobserved']
    """
    if len(track) == 0:
        return []
    out: list[Span] = []
    at = 0
    for a, b in zip(stays.first.tolist(), stays.last.tolist(), strict=True):
        out += _way(track, at, a)
        out.append(_span(track, "stay", a, b))
        at = b
    return out + _way(track, at, len(track) - 1)


def _way(track: Track, first: int, last: int) -> list[Span]:
    """Divide the way between two fixes into travel and silence."""
    line = _line(track.take(slice(first, last + 1)), first)
    return [
        _span(track, "travel" if part.kind == "observed" else "unobserved", part.first, part.last)
        for part in line
        if part.last > part.first
    ]


def _span(
    track: Track, kind: Literal["stay", "travel", "unobserved"], first: int, last: int
) -> Span:
    return Span(kind, first, last, int(track.time_us[first]), int(track.time_us[last]))
