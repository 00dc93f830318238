"""Builders: the key sites of the seeds as places of a simulation, and flocks of planned lives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from app.movement.itinerary import Place, Visit, follow
from app.movement.sensing import Sending, sense
from app.movement.simulate import Flock, SimulatedBird
from app.movement.track import DAY_US
from app.seeds import profiles, rows

START_US = 1_672_531_200_000_000  # 2023-01-01 UTC


@cache
def key_sites() -> tuple[Place, ...]:
    return tuple(Place(r["name"], float(r["lon"]), float(r["lat"])) for r in rows("sites"))


def key_site(name: str) -> Place:
    return next(place for place in key_sites() if place.name == name)


@dataclass(frozen=True)
class Life:
    """A bird to simulate; from `died_us` on its tag lies where it was then."""

    name: str
    species: str
    plan: tuple[Visit, ...]
    life_stage: str = "adult"
    died_us: int | None = None


def flock_of(
    lives: Sequence[Life], *, start_us: int, days: float, seed: int, sending: Sending
) -> Flock:
    """Simulate birds that live by their plans."""
    end_us = start_us + int(days * DAY_US)
    rngs = np.random.default_rng(seed).spawn(len(lives))
    birds = []
    for life, rng in zip(lives, rngs, strict=True):
        profile = profiles()[life.species]
        stays, path = follow(profile, life.plan, start_us=start_us, end_us=end_us, rng=rng)
        sent = sense(path, (start_us, end_us), sending, rng)
        if life.died_us is not None:
            track = sent.track
            dead = track.time_us >= life.died_us
            lon, lat = track.lon.copy(), track.lat.copy()
            place = path.at(np.array([life.died_us]))
            for axis, at in ((lon, place[0]), (lat, place[1])):
                axis[dead] = at + rng.normal(0, 1e-4, int(dead.sum()))
            sent = replace(sent, track=replace(track, lon=lon, lat=lat))
        birds.append(
            SimulatedBird(
                life.name, f"T-{life.name}", life.species, profile.scientific_name,
                sending.sensor, sent, stays, path,
            )
        )  # fmt: skip
    return Flock(seed, start_us, end_us, tuple(birds))
