from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.movement.arcs import arcs_m
from app.movement.loss import NO_SITE, Journey, criticality

# Two wintering sites, a pass that all fly through, four staging sites side by side, two to breed.
LON = np.array([120.0, 122.0, 121.0, 119.0, 120.5, 121.5, 123.0, 118.0, 122.0])
LAT = np.array([29.0, 29.0, 36.0, 42.0, 42.0, 42.0, 42.0, 49.0, 49.0])
WINTERS, PASS, STAGING, BREEDING = (0, 1), 2, (3, 4, 5, 6), (7, 8)


def flock(n: int, seed: int) -> list[Journey]:
    rng = np.random.default_rng(seed)
    ways = []
    for bird in range(n):
        site = (rng.choice(WINTERS), PASS, rng.choice(STAGING), rng.choice(BREEDING))
        near = rng.normal(0, 0.05, (2, 4))
        lon, lat = LON[list(site)] + near[0], LAT[list(site)] + near[1]
        ways.append(
            Journey(
                bird, bird // 2, tuple(map(int, site)), tuple(lon.tolist()), tuple(lat.tolist())
            )
        )
    return ways


@pytest.mark.parametrize("seed", range(5))
def test_the_true_bottleneck_ranks_first(seed: int) -> None:
    found = criticality(flock(40, seed), LON, LAT)
    first = found.losses[0]
    assert (first.site, first.rank, first.n_broken, first.affected) == (PASS, 1, 40, 1.0)
    assert first.alternatives == ()
    assert first.affected_low == pytest.approx(0.025 ** (1 / 20))  # twenty families
    assert first.affected_high == 1.0
    for other in found.losses[1:]:
        assert other.broken < 0.5
        assert {each.site for each in other.alternatives} <= set(range(9)) - {other.site}
    staged = [each for each in found.losses if each.site in STAGING]
    assert all(each.alternatives for each in staged)
    assert all(
        0 <= each.affected_low <= each.affected <= each.affected_high <= 1 for each in staged
    )


def test_no_interval_below_ten_birds() -> None:
    assert all(math.isnan(each.affected_low) for each in criticality(flock(9, 1), LON, LAT).losses)


JOURNEYS = st.lists(
    st.lists(st.sampled_from([NO_SITE, *range(9)]), min_size=1, max_size=6), min_size=1, max_size=12
)


@settings(max_examples=25)
@given(JOURNEYS, st.randoms(use_true_random=False))
def test_shares_agree_with_the_plain_count_in_any_order(stops, random) -> None:
    ways = [
        Journey(n, n, tuple(each), *(tuple(float(axis[k]) for k in each) for axis in (LON, LAT)))
        for n, each in enumerate(stops)
    ]
    found = criticality(ways, LON, LAT)
    random.shuffle(ways)
    assert repr(criticality(ways, LON, LAT)) == repr(found)
    assert sorted(each.rank for each in found.losses) == list(range(1, len(found.losses) + 1))
    for each in found.losses:
        here = [way for way in ways if each.site in way.site]
        assert (each.n_affected, each.n_birds) == (len(here), len({way.bird for way in here}))
        assert 0 <= each.broken <= each.affected == len(here) / len(ways)
        for other in each.alternatives:
            legs = arcs_m(*(axis[[other.site]] for axis in (LON, LAT)), LON, LAT)
            assert (np.delete(legs, other.site) <= found.leg_max_m + 1).any()


def test_a_bird_seen_at_one_place_alone_has_no_other() -> None:
    (loss,) = criticality([Journey(1, 1, (4,), (120.5,), (42.0,))], LON, LAT).losses
    assert (loss.n_affected, loss.n_broken) == (1, 1)
    assert criticality([], LON, LAT).losses == ()


def test_stops_at_one_site_in_a_row_are_one() -> None:
    way = Journey(1, 1, (0, 0, 2), (120.0, 120.1, 121.0), (29.0, 29.0, 36.0))
    plain = Journey(1, 1, (0, 2), (120.0, 121.0), (29.0, 36.0))
    assert repr(criticality([way], LON, LAT)) == repr(criticality([plain], LON, LAT))
