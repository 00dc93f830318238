from __future__ import annotations

import numpy as np
import pytest

from app.movement.flyways import occupied
from app.movement.overlap import overlap
from tests.movement.test_flyways import passage

OWN = {bird: bird for bird in range(100)}


def flock(birds, east_m=0.0, spread_m=20_000.0):
    rng = np.random.default_rng(7)
    return occupied([passage(b, 0, 1, bow_m=-east_m + rng.normal(0, spread_m)) for b in birds])


def test_a_corridor_overlaps_itself_wholly_and_a_far_one_not_at_all() -> None:
    same, far = flock(range(6)), flock(range(6, 12), east_m=900_000.0)
    found = overlap(same, same, OWN)
    assert (found.affinity, found.shared_95) == pytest.approx((1.0, 1.0))
    away = overlap(same, far, OWN)
    assert away.affinity < 0.5  # they share both ends
    assert away.shared_95 < 0.4
    assert np.isnan(found.low) and np.isnan(away.high)  # too few birds


def test_which_comes_first_is_immaterial() -> None:
    a, b = flock(range(4)), flock(range(4, 10), east_m=60_000.0)
    one, other = overlap(a, b, OWN), overlap(b, a, OWN)
    assert one.affinity == pytest.approx(other.affinity, rel=1e-12)
    assert (one.shared_95, one.bandwidth_m) == (other.shared_95, other.bandwidth_m)


def test_the_further_apart_the_less_they_overlap_with_an_interval_from_ten_birds() -> None:
    a = flock(range(10))
    near, far = (overlap(a, flock(range(20, 30), east_m=e), OWN) for e in (40_000.0, 200_000.0))
    assert far.affinity < near.affinity
    assert far.low <= far.affinity and near.low < near.affinity
    assert far.high < near.low
