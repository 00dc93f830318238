"""The measure: stopovers found against the true stays of simulated birds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.movement.gaps import parts
from app.movement.screening import OK, screen
from app.movement.simulate import SimulatedBird
from app.movement.stopovers import Stopovers, find_stays, merge_stays
from app.movement.track import SECOND_US, IntArray, Track

IOU_MIN = 0.8


@dataclass(frozen=True)
class TrueStay:
    """A true stay as far as the tag was on: `cut_*` says that a long silence took the end away."""

    arrival_us: int
    departure_us: int
    cut_before: bool
    cut_after: bool


@dataclass
class Score:
    true: int = 0
    found: int = 0
    hit: int = 0
    ends: int = 0
    held: int = 0

    @property
    def recall(self) -> float:
        return self.hit / self.true

    @property
    def precision(self) -> float:
        return self.hit / self.found

    @property
    def coverage(self) -> float:
        """Share of arrivals and departures that lie within their interval."""
        return self.held / self.ends

    def __iadd__(self, other: Score) -> Score:
        for name in ("true", "found", "hit", "ends", "held"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        return self


def true_stays(bird: SimulatedBird, stop_min_s: float) -> list[TrueStay]:
    """
    Cut the true stays at silences over 7 days, which no method may bridge as observed.

    A piece counts when its own fixes span the least stay; nothing else is taken out: a stay
    whose arrival falls into a silence of 6 days counts, and counts against us when missed.
    """
    time_us = bird.sent.track.time_us
    found = []
    for a, b in parts(time_us):
        for stay in bird.stays:
            low, high = max(stay.arrival_us, time_us[a]), min(stay.departure_us, time_us[b])
            inside = time_us[(time_us >= low) & (time_us <= high)]
            if inside.size and inside[-1] - inside[0] >= stop_min_s * SECOND_US:
                cut = low != stay.arrival_us, high != stay.departure_us
                found.append(TrueStay(int(low), int(high), *cut))
    return found


def visible(bird: SimulatedBird, profile) -> Track:
    track = bird.sent.track
    return track.take(screen(track, profile).code == OK)


def stopovers_of(bird: SimulatedBird, profile) -> Stopovers:
    return merge_stays(find_stays(visible(bird, profile), profile), profile)


def score(bird: SimulatedBird, profile, found: Stopovers | None = None) -> Score:
    """Pair stopovers and true stays one to one by their overlap in time and count the hits."""
    found = stopovers_of(bird, profile) if found is None else found
    truth = true_stays(bird, profile.stop_min_s)
    out = Score(true=len(truth), found=len(found))
    pairs = sorted(
        ((iou(found, k, stay), k, q) for k in range(len(found)) for q, stay in enumerate(truth)),
        reverse=True,
    )
    taken_k, taken_q = set(), set()
    for share, k, q in pairs:
        if share < IOU_MIN:
            break
        if k in taken_k or q in taken_q:
            continue
        taken_k.add(k)
        taken_q.add(q)
        out.hit += 1
        out += ends_held(found, k, truth[q])
    return out


def iou(found: Stopovers, k: int, stay: TrueStay) -> float:
    a, b = int(found.arrival_latest_us[k]), int(found.departure_earliest_us[k])
    both = min(b, stay.departure_us) - max(a, stay.arrival_us)
    any_ = max(b, stay.departure_us) - min(a, stay.arrival_us)
    return max(both, 0) / any_


def ends_held(found: Stopovers, k: int, stay: TrueStay) -> Score:
    """Count which of the ends that the bird's fixes enclose lie within their interval."""
    out = Score()
    if not stay.cut_before:
        out.ends += 1
        out.held += bool(
            found.arrival_earliest_us[k] <= stay.arrival_us <= found.arrival_latest_us[k]
        )
    if not stay.cut_after:
        out.ends += 1
        out.held += bool(
            found.departure_earliest_us[k] <= stay.departure_us <= found.departure_latest_us[k]
        )
    return out


def widths_us(track: Track, found: Stopovers) -> tuple[IntArray, IntArray]:
    """Return the widths of the intervals of arrival, and of the steps to the arrivals."""
    at = np.searchsorted(track.time_us, found.arrival_latest_us)
    step = track.time_us[at] - track.time_us[np.maximum(at - 1, 0)]
    return found.arrival_latest_us - found.arrival_earliest_us, step
