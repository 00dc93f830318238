from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.movement.bridges import Path, fixed_motion
from app.movement.geodesy import distance_m
from app.movement.legs import measure_leg
from app.movement.plane import Plane
from app.movement.profile import GAP_MAX_S
from app.movement.stopovers import find_stays, merge_stays
from app.movement.track import DAY_US, HOUR_US, SECOND_US, Track
from app.movement.ways import KEPT, VARIANCE_M2_S, lay_way
from app.seeds import profile_of

PROFILE = profile_of("Grus virgo")


def track(lon, lat, step_us=HOUR_US, error_m=10.0) -> Track:
    lon, lat = (np.asarray(each, dtype=np.float64) for each in (lon, lat))
    return Track(np.arange(lon.size) * step_us, lon, lat, np.full(lon.shape, error_m))


def flight(n=60, seed=0, step_us=HOUR_US) -> Track:
    rng = np.random.default_rng(seed)
    return track(118 + rng.normal(0, 0.04, n).cumsum(), np.linspace(49.0, 38.0, n), step_us=step_us)


def observed_m(of: Track) -> float:
    step = distance_m(of.lon[:-1], of.lat[:-1], of.lon[1:], of.lat[1:])
    return float(step[np.diff(of.time_us) <= GAP_MAX_S * SECOND_US].sum())


@settings(max_examples=8)
@given(st.lists(st.tuples(st.floats(-3, 3), st.floats(-3, 3), st.integers(1, 12)), max_size=12))
def test_the_cells_hold_the_length_that_was_seen(steps):
    east, north, wait = (
        (np.cumsum([0.0, *each]) for each in zip(*steps, strict=True))
        if steps
        else (np.zeros(1) for _ in range(3))
    )
    lon, lat, days = 179.0 + east, 50.0 + north, wait.astype(np.int64)
    lon = (lon + 180.0) % 360.0 - 180.0
    of = Track(days * DAY_US, lon, np.clip(lat, -80, 80), np.full(lon.shape, 10.0))
    way = lay_way(of)
    assert way.cells[:, 2].sum() == pytest.approx(observed_m(of), rel=1e-4, abs=0.1)
    assert np.array_equal(way.silent, np.diff(of.time_us) > GAP_MAX_S * SECOND_US)
    assert np.all(np.abs(way.cells[:, 0]) <= 180) and np.all(way.cells[:, 2] > 0)


def test_most_of_a_way_is_where_the_bird_flew() -> None:
    of = flight()
    way = lay_way(of)
    lon, lat, mass = way.cells.astype(np.float64).T
    nearest = np.array(
        [
            distance_m(np.full(len(of), x), np.full(len(of), y), of.lon, of.lat).min()
            for x, y in zip(lon, lat, strict=True)
        ]
    )
    assert mass[nearest < 30_000].sum() > 0.95 * mass.sum()


def test_a_bird_seen_less_often_may_have_been_further_off() -> None:
    often, seldom = lay_way(flight()), lay_way(flight().take(np.arange(0, 60, 6)))
    assert seldom.cells.shape[0] > 1.2 * often.cells.shape[0]


def test_a_silence_is_no_way_and_what_was_seen_around_it_stands() -> None:
    of = flight()
    shifted = of.time_us + np.where(np.arange(60) >= 30, 8 * DAY_US, 0)
    way = lay_way(Track(shifted, of.lon, of.lat, of.error_m))
    assert way.silent.sum() == 1 and way.silent[29]
    between = (of.lat[29] + of.lat[30]) / 2
    whole = lay_way(of).cells
    gone = whole[:, 2].sum() - way.cells[:, 2].sum()
    assert gone == pytest.approx(
        float(distance_m(of.lon[29:30], of.lat[29:30], of.lon[30:31], of.lat[30:31])[0]), rel=1e-3
    )
    assert np.abs(way.cells[:, 1] - between).min() < 0.2


def test_one_position_an_hour_counts_and_both_ends_stand() -> None:
    of = flight(n=241, step_us=HOUR_US // 4)
    way = lay_way(of)
    assert way.time_us[[0, -1]].tolist() == of.time_us[[0, -1]].tolist()
    assert way.time_us.size == 61
    assert np.all(np.diff(way.time_us) > 0)


@pytest.mark.parametrize("n", [0, 1])
def test_of_too_few_fixes_there_is_no_way(n) -> None:
    way = lay_way(flight().take(slice(0, n)))
    assert way.time_us.size == n
    assert way.cells.shape == (0, 3)


def test_a_resting_bird_has_no_way() -> None:
    assert lay_way(track([120.0, 120.0], [40.0, 40.0])).cells.shape == (0, 3)


def test_the_cells_left_out_are_the_thinnest() -> None:
    assert 0.99 < KEPT < 1.0
    two = lay_way(track([120.0, 121.0], [40.0, 41.0]))  # by VARIANCE_M2_S alone
    assert two.cells[:, 2].min() > 0
    assert two.cells[:, 2].sum() == pytest.approx(observed_m(track([120, 121], [40, 41])), rel=1e-4)


def test_the_variance_of_short_legs_is_that_of_real_ones(neasia_cranes) -> None:
    found = []
    for name in sorted(neasia_cranes)[::3]:
        bird = neasia_cranes[name]
        bird = bird.take(np.diff(bird.time_us, prepend=bird.time_us[:1] - 1) > 0)
        stays = merge_stays(find_stays(bird, PROFILE), PROFILE)
        for a, b in zip(stays.departure_earliest_us, stays.arrival_latest_us[1:], strict=False):
            leg = bird.take((bird.time_us >= a) & (bird.time_us <= b))
            if len(leg) < 12 or measure_leg(leg, 0, len(leg) - 1).displacement_m < 200_000:
                continue
            x, y = Plane.around(leg.lon, leg.lat).forward(leg.lon, leg.lat).T
            path = Path((leg.time_us - leg.time_us[0]) / SECOND_US, x, y, np.full(len(leg), 30.0))
            found.append(float(np.nanmedian(fixed_motion(path, GAP_MAX_S).variance_m2_s)))
    assert len(found) > 20
    assert np.median(found) == pytest.approx(VARIANCE_M2_S, rel=0.3)
