from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.movement.arcs import arcs_m
from app.movement.ranges import gathered, mean_of_birds, stay_range
from app.movement.sensing import Sending
from app.movement.simulate import simulate_flock
from app.movement.track import DAY_US, HOUR_US, Track
from app.seeds import profiles
from ingest.daylight import HORIZON_DEG, sun_elevation
from tests.movement.flocks import key_sites

RADIUS_M = 1_000.0
DEGREE_M = 111_195.0


def days(n=20, east_m=5_000.0, roosts=((120.0, 40.0),), noise_m=0.0):
    """Give an hourly bird that roosts from 19 to 5 h and feeds `east_m` away, roost by roost."""
    rng = np.random.default_rng(0)
    hour = np.arange(24 * n)
    rests = (hour % 24 < 5) | (hour % 24 >= 19)
    night = (hour + 5) // 24 % len(roosts)
    at = np.array(roosts)[night]
    scale = DEGREE_M * np.cos(np.radians(at[:, 1]))
    wander = rng.normal(0, noise_m, hour.size) if noise_m else np.zeros(hour.size)
    lon = at[:, 0] + (np.where(rests, 0.0, east_m) + wander) / scale
    return Track(hour * HOUR_US, lon, at[:, 1], np.full(hour.size, 10.0)), rests


def test_the_commute_and_the_width_of_days_are_those_of_construction() -> None:
    track, rests = days()
    found = stay_range(track, rests, ~rests, RADIUS_M)
    assert found.roosts.nights.tolist() == [21]
    assert (found.roosts.lon[0], found.roosts.lat[0]) == pytest.approx((120.0, 40.0))
    assert found.to_feeding_m == pytest.approx(np.full(20, 5_000.0), rel=1e-3)
    assert found.day_range_m == pytest.approx(np.full(20, 5_000.0), rel=1e-3)


def test_roosts_are_told_apart_and_counted() -> None:
    places = ((120.0, 40.0), (120.05, 40.0), (120.0, 40.0))  # two of three nights at the first
    track, rests = days(30, roosts=places, noise_m=50.0)
    found = stay_range(track, rests, ~rests, RADIUS_M).roosts
    assert found.nights.tolist() == [21, 10]
    away = arcs_m(found.lon, found.lat, np.array([120.0, 120.05]), np.full(2, 40.0))
    assert np.diag(away).max() < 100.0


def test_a_spoonbill_rests_by_day() -> None:
    track, rests = days()
    found = stay_range(track, ~rests, rests, RADIUS_M)
    assert found.roosts.lon[0] == pytest.approx(120.0 + 5_000 / DEGREE_M / np.cos(np.radians(40)))


def test_twilight_and_silence_belong_to_no_night() -> None:
    track, rests = days(4)
    twilight = np.isin(np.arange(len(track)) % 24, (5, 18))
    found = stay_range(track, rests, ~rests & ~twilight, RADIUS_M)
    assert found.to_feeding_m.size == 4
    silent = track.take(~((track.time_us > 30 * HOUR_US) & (track.time_us < 62 * HOUR_US)))
    kept = np.isin(track.time_us, silent.time_us)
    cut = stay_range(silent, rests[kept], (~rests)[kept], RADIUS_M)
    assert cut.roosts.nights.sum() == found.roosts.nights.sum() - 1
    assert cut.to_feeding_m.size == 3  # of the second day too little is left


def test_of_no_fix_and_of_no_night_little_is_told() -> None:
    track, rests = days(2)
    assert stay_range(track.take(slice(0, 0)), rests[:0], rests[:0], RADIUS_M) is None
    by_day = stay_range(track, np.zeros_like(rests), ~rests, RADIUS_M)
    assert by_day.roosts.nights.size == by_day.day_range_m.size == 0
    assert by_day.hull_km2 == pytest.approx(0.0, abs=0.01)


def test_the_antimeridian_is_no_border_of_a_roost() -> None:
    found = gathered(np.array([179.999, -179.999]), np.array([60.0, 60.0]), np.ones(2), RADIUS_M)
    assert found.nights.tolist() == [2]
    assert abs(found.lon[0]) == pytest.approx(180.0)


PLACES = st.lists(st.tuples(st.floats(0, 0.2), st.floats(0, 0.2), st.integers(1, 5)), max_size=12)


@settings(max_examples=25)
@given(PLACES, st.randoms(use_true_random=False))
def test_nights_are_kept_and_their_order_is_immaterial(rows, random) -> None:
    def gather(each):
        lon, lat, nights = np.array(each, dtype=np.float64).reshape(-1, 3).T
        return gathered(lon, lat, nights, RADIUS_M)

    found = gather(rows)
    assert found.nights.sum() == sum(n for _, _, n in rows)
    assert np.all(np.diff(found.nights) <= 0)
    mixed = rows.copy()
    random.shuffle(mixed)
    again = gather(mixed)
    assert np.allclose(again.lon, found.lon) and again.nights.tolist() == found.nights.tolist()


def test_simulated_cranes_roost_where_they_did() -> None:
    """Truth: where the path stands at each solar midnight of a winter's month at one place."""
    profile = profiles()["hooded_crane"]
    start = int(np.datetime64("2021-12-10", "us").astype(np.int64))
    flock = simulate_flock(
        [profile], key_sites(), n_individuals=2, start_us=start, days=25, seed=5,
        sending=Sending(gross_error_share=0.0, gaps_per_year=0.0, late_per_year=0.0),
    )  # fmt: skip
    for bird in flock.birds:
        track = bird.sent.track
        sun = sun_elevation(track.time_us, track.lon, track.lat)
        found = stay_range(track, sun < -6.0, sun > HORIZON_DEG, profile.roost_radius_m)
        local_us = int((24.0 - np.median(track.lon) / 15.0) * HOUR_US)
        lon, lat = bird.path.at(start + local_us + DAY_US * np.arange(24))
        true = gathered(lon, lat, np.ones(lon.size), profile.roost_radius_m)
        away = arcs_m(true.lon[:1], true.lat[:1], found.roosts.lon, found.roosts.lat)
        assert away.min() < 300.0
        assert found.roosts.nights.sum() == pytest.approx(24, abs=2)
        sides = bird.path.at(start + local_us + DAY_US * np.arange(24) + 10 * HOUR_US)
        true_m = np.diag(arcs_m(lon, lat, *sides))  # of a morning; at noon many are back
        assert np.median(found.to_feeding_m) == pytest.approx(np.median(true_m), rel=0.5)
        assert np.all(found.day_range_m >= found.to_feeding_m)


@pytest.mark.parametrize(("n", "told"), [(9, False), (10, True)])
def test_a_mean_of_birds_weighs_each_once_and_has_an_interval_from_ten_on(n, told) -> None:
    bird = np.repeat(np.arange(n), 1 + np.arange(n))
    found = mean_of_birds(bird.astype(np.float64), bird, bird)
    assert found.mean == pytest.approx((n - 1) / 2)
    assert (found.n_birds, found.n) == (n, bird.size)
    assert (found.low < found.mean < found.high) == told
    assert mean_of_birds(np.empty(0), bird[:0], bird[:0]) is None
