"""Birds whose every stay is known, of all species: what is found is what was there."""

from __future__ import annotations

import numpy as np
import pytest

from app.movement.itinerary import ROUTES
from app.movement.simulate import Flock, simulate_flock
from app.seeds import profiles
from tests.movement.flocks import START_US, key_sites
from tests.movement.truth import Score, score, step_to_us, stopovers_of, visible

SPECIES = [profiles()[key] for key in ROUTES]
RECALL = PRECISION = COVERAGE = 0.95
LANDINGS = 0.87
"""Share of intervals that hold the very landing: a bird seen once on its last minutes within the
radius is taken as arrived (often it is: it spends the night there, before the last kilometres)."""


@pytest.fixture(scope="module", params=[21, 22])
def flock(request) -> Flock:
    """Sixteen birds of eight species, hourly, with gaps, gross errors and late uploads."""
    return simulate_flock(
        SPECIES, key_sites(), n_individuals=16, start_us=START_US, days=550, seed=request.param
    )


def test_stopovers_are_the_true_stays(flock: Flock) -> None:
    """
    One to one, with at least 0.8 of the time in common.

    True stays are cut at silences of the tag over 7 days, the pieces of less than the least stay
    left out; a stay whose end falls into a shorter silence counts as it truly was.
    """
    total = Score()
    for bird in flock.birds:
        total += score(bird, profiles()[bird.species_key])
    assert total.true > 200
    assert total.recall >= RECALL
    assert total.precision >= PRECISION
    assert total.coverage >= COVERAGE
    assert total.landings >= LANDINGS


def test_every_species_is_found(flock: Flock) -> None:
    for key in ROUTES:
        total = Score()
        for bird in flock.birds:
            if bird.species_key == key:
                total += score(bird, profiles()[key])
        assert min(total.recall, total.precision) >= 0.9, key


def test_intervals_are_the_steps_between_two_fixes(flock: Flock) -> None:
    for bird in flock.birds:
        profile = profiles()[bird.species_key]
        track, found = visible(bird, profile), stopovers_of(bird, profile)
        width = found.arrival_latest_us - found.arrival_earliest_us
        step = step_to_us(track, found.arrival_latest_us, -1)
        assert np.array_equal(width, np.where(found.arrival_open, 0, step))
        width = found.departure_latest_us - found.departure_earliest_us
        step = step_to_us(track, found.departure_earliest_us, 1)
        assert np.array_equal(width, np.where(found.departure_open, 0, step))
