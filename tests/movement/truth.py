"""The measure: stopovers found against the true stays of simulated birds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.movement.gaps import parts
from app.movement.geodesy import distance_m
from app.movement.itinerary import Place, Stay
from app.movement.profile import Profile
from app.movement.screening import OK, screen
from app.movement.simulate import SimulatedBird
from app.movement.stopovers import Stopovers, find_stays, merge_stays
from app.movement.track import SECOND_US, FloatArray, IntArray, Track

IOU_MIN = 0.8
MINUTE_US = 60 * SECOND_US
WALK_M_S = 1.5
HALT_MINUTES = 30
"""A bird that walks or rests so long is on the ground, not passing over."""
LOOK_MINUTES = 180
"""Looked at together: most birds are out of the radius within three hours."""


@dataclass(frozen=True)
class TrueStay:
    """
    A true stay as far as the tag was on: `cut_*` says that a long silence took the end away.

    `entry_us` and `exit_us` are when the bird crossed the stop radius around the place, on its
    way to the first landing within (`arrival_us`) and after the last take-off (`departure_us`):
    a night on the ground a few kilometres short of the place is a night of the stay.
    """

    entry_us: int
    arrival_us: int
    departure_us: int
    exit_us: int
    cut_before: bool
    cut_after: bool


@dataclass(frozen=True)
class Ends:
    """The ends of stopovers, each of shape (k,) [us since 1970 UTC], as in `Stopovers`."""

    arrival_earliest_us: IntArray
    arrival_latest_us: IntArray
    departure_earliest_us: IntArray
    departure_latest_us: IntArray

    def __len__(self) -> int:
        return int(self.arrival_latest_us.shape[0])


@dataclass
class Score:
    true: int = 0
    found: int = 0
    hit: int = 0
    ends: int = 0
    held: int = 0
    landed: int = 0

    @property
    def recall(self) -> float:
        return self.hit / self.true

    @property
    def precision(self) -> float:
        return self.hit / self.found

    @property
    def coverage(self) -> float:
        """Share of intervals that hold a moment between crossing the radius and the landing."""
        return self.held / self.ends

    @property
    def landings(self) -> float:
        """Share of intervals that hold the very landing or take-off."""
        return self.landed / self.ends

    def __iadd__(self, other: Score) -> Score:
        for name in ("true", "found", "hit", "ends", "held", "landed"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        return self


def true_stays(bird: SimulatedBird, profile: Profile) -> list[TrueStay]:
    """
    Cut the true stays at silences over 7 days, which no method may bridge as observed.

    A piece counts when its own fixes span the least stay; nothing else is taken out: a stay
    whose arrival falls into a silence of 6 days counts, and counts against us when missed.
    """
    time_us = bird.sent.track.time_us
    found = []
    edges = [
        (*_edge_us(bird, stay, profile.stop_radius_m, -1),
         *_edge_us(bird, stay, profile.stop_radius_m, 1))
        for stay in bird.stays
    ]  # fmt: skip
    for a, b in parts(time_us):
        for entry, landing, exit_, takeoff in edges:
            low, high = max(landing, int(time_us[a])), min(takeoff, int(time_us[b]))
            inside = time_us[(time_us >= low) & (time_us <= high)]
            if inside.size and inside[-1] - inside[0] >= profile.stop_min_s * SECOND_US:
                found.append(TrueStay(entry, low, high, exit_, low != landing, high != takeoff))
    return found


def _edge_us(bird: SimulatedBird, stay: Stay, radius_m: float, way: int) -> tuple[int, int]:
    """
    Follow the true path from a stay out of the radius, minute by minute, two days at most.

    Returns when it crossed the radius, and the end of its stay on the ground within: the farthest
    half hour in which it moved less than a walk, else the very end of the stay.
    """
    end_us = stay.arrival_us if way < 0 else stay.departure_us
    time_us = end_us + way * MINUTE_US * np.arange(2 * 24 * 60)
    lon, lat = bird.path.at(time_us)
    crossed = _crossed(stay.place, radius_m, lon, lat)
    if crossed < HALT_MINUTES:
        return int(time_us[crossed]), end_us
    lon, lat = lon[: crossed + 1], lat[: crossed + 1]
    still = distance_m(lon[:-1], lat[:-1], lon[1:], lat[1:]) < WALK_M_S * 60.0
    halts = np.convolve(still, np.ones(HALT_MINUTES), "valid") >= HALT_MINUTES
    ground = np.flatnonzero(halts)
    ground_us = time_us[ground[-1] + HALT_MINUTES] if ground.size else end_us
    return int(time_us[crossed]), int(ground_us)


def _crossed(place: Place, radius_m: float, lon: FloatArray, lat: FloatArray) -> int:
    """Return the first of some minutes spent out of the radius, else the last of all."""
    for first in range(0, lon.size, LOOK_MINUTES):
        there = lon[first : first + LOOK_MINUTES], lat[first : first + LOOK_MINUTES]
        here = np.full(there[0].size, place.lon), np.full(there[0].size, place.lat)
        far = distance_m(*here, *there) > radius_m
        if far.any():
            return first + int(np.argmax(far))
    return lon.size - 1


def visible(bird: SimulatedBird, profile: Profile) -> Track:
    track = bird.sent.track
    return track.take(screen(track, profile).code == OK)


def stopovers_of(bird: SimulatedBird, profile: Profile) -> Stopovers:
    return merge_stays(find_stays(visible(bird, profile), profile), profile)


def score(bird: SimulatedBird, profile: Profile, found: Stopovers | Ends | None = None) -> Score:
    """Pair stopovers and true stays one to one by their overlap in time and count the hits."""
    found = stopovers_of(bird, profile) if found is None else found
    truth = true_stays(bird, profile)
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


def iou(found: Stopovers | Ends, k: int, stay: TrueStay) -> float:
    a, b = int(found.arrival_latest_us[k]), int(found.departure_earliest_us[k])
    both = min(b, stay.departure_us) - max(a, stay.arrival_us)
    any_ = max(b, stay.departure_us) - min(a, stay.arrival_us)
    return max(both, 0) / any_


def ends_held(found: Stopovers | Ends, k: int, stay: TrueStay) -> Score:
    """Count which of the ends that the bird's fixes enclose lie within their interval."""
    out = Score()
    early, late = found.arrival_earliest_us[k], found.arrival_latest_us[k]
    if not stay.cut_before:
        out.ends += 1
        out.held += bool(early <= stay.arrival_us and stay.entry_us <= late)
        out.landed += bool(early <= stay.arrival_us <= late)
    early, late = found.departure_earliest_us[k], found.departure_latest_us[k]
    if not stay.cut_after:
        out.ends += 1
        out.held += bool(early <= stay.exit_us and stay.departure_us <= late)
        out.landed += bool(early <= stay.departure_us <= late)
    return out


def step_to_us(track: Track, time_us: IntArray, way: int) -> IntArray:
    """Return the time from fixes at `time_us` to the next fix (way 1) or the one before (-1)."""
    at = np.searchsorted(track.time_us, time_us)
    other = np.clip(at + way, 0, len(track) - 1)
    return np.abs(track.time_us[other] - track.time_us[at])
