"""Gross errors of simulated GPS birds: how many screening finds, and how many it invents."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from app.movement.itinerary import ROUTES
from app.movement.screening import OK, screen
from app.movement.sensing import Sending
from app.movement.simulate import simulate_flock
from app.seeds import profiles
from tests.movement.flocks import START_US, key_sites

HOURLY = Sending(interval_s=3600.0, gross_error_share=0.003)
"""Hourly fixes; half of the errors come in runs of two to six at one wrong place."""


@dataclass(frozen=True)
class Found:
    """Gross errors flagged, fixes flagged that were good, and errors missed."""

    hit: int
    false: int
    missed: int

    @property
    def recall(self) -> float:
        """Return the share of errors that are flagged."""
        return self.hit / (self.hit + self.missed)

    @property
    def precision(self) -> float:
        """Return the share of flagged fixes that are errors."""
        return self.hit / (self.hit + self.false)


def screened(seeds: Iterable[int], sending: Sending = HOURLY, *, days: float = 300.0) -> Found:
    """Screen eight birds of each seed, one of a species."""
    hit = false = missed = 0
    for seed in seeds:
        flock = simulate_flock(
            [profiles()[key] for key in ROUTES], key_sites(), n_individuals=8, start_us=START_US,
            days=days, seed=seed, sending=sending,
        )  # fmt: skip
        for bird in flock.birds:
            flagged = screen(bird.sent.track, profiles()[bird.species_key]).code != OK
            bad = bird.sent.is_gross_error
            hit += int((flagged & bad).sum())
            false += int((flagged & ~bad).sum())
            missed += int((~flagged & bad).sum())
    return Found(hit, false, missed)
