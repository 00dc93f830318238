"""The rule on seeded histories, and what it must never hang on."""

from __future__ import annotations

import numpy as np
import pytest

from app.movement.lifeless import find_lifeless
from app.movement.track import DAY_US, HOUR_US, Senses, Track
from app.seeds import profiles
from tests.movement.histories import NO_SENSES, alarms, history, part, suspected
from tests.movement.worlds import LIFELESS_SEEDS

CRANE = profiles()["white_naped_crane"]


@pytest.mark.parametrize("kind", ["death", "dropped"])
def test_the_dead_and_the_dropped_are_found_within_48_hours_of_evidence(kind: str) -> None:
    found = [suspected(kind, seed) for seed in LIFELESS_SEEDS]
    assert sum(hit for hit, _ in found) >= 0.95 * len(found)
    assert not any(early for _, early in found)


@pytest.mark.parametrize("kind", ["roost", "gap"])
def test_the_living_are_never_suspected_at_any_time_of_theirs(kind: str) -> None:
    assert not [seed for seed in LIFELESS_SEEDS if alarms(kind, seed)]


@pytest.mark.parametrize("seed", range(6))
def test_a_part_of_the_data_says_the_same_or_that_it_is_too_short(seed: int) -> None:
    told = history(("death", "dropped", "roost", "gap")[seed % 4], seed)
    profile = profiles()[told.species_key]
    whole, _ = find_lifeless(told.track, told.senses, profile)
    last = int(told.track.time_us[-1])
    sure = 0
    for days in (1, 5, 8, 10, 15, 25, 40):
        found, head = find_lifeless(*part(told, last - days * DAY_US, last), profile)
        if not head:
            sure += 1
            assert repr(found) == repr(whole)
    assert sure


def still(hours: list[float], *, days: int = 10) -> Track:
    time = np.array([d * 24 + h for d in range(days) for h in hours])
    lon, n = 120.0, time.shape[0]
    solar = (time * HOUR_US).astype(np.int64) - int(lon / 15 * HOUR_US)
    rng = np.random.default_rng(1)
    place = rng.normal(0, 1e-4, (2, n))
    return Track(solar, lon + place[0], 40 + place[1], np.full(n, 10.0))


@pytest.mark.parametrize(
    ("hours", "found"),
    [([0, 6, 12, 18], True), ([1, 13], True), ([20, 22, 0.5, 2, 4], False), ([12], False),
     ([9, 11, 13, 15], False), ([6, 18], False)],
)  # fmt: skip
def test_it_must_be_seen_lying_there_by_day_and_by_night(hours, found) -> None:
    assert (find_lifeless(still(sorted(hours)), NO_SENSES, CRANE)[0] is not None) == found


def senses(track: Track, **values) -> Senses:
    blank = np.full(len(track), np.nan)
    return Senses(track.time_us, **{
        name: np.asarray(values.get(name, blank), dtype=np.float64)
        for name in ("activity", "temperature_c", "battery_v")
    })  # fmt: skip


def test_readings_tell_of_life_and_of_death() -> None:
    track = still([0, 4, 8, 12, 16, 20])
    rng = np.random.default_rng(2)
    n = len(track)
    stirring = senses(track, activity=rng.uniform(0, 200, n))
    assert find_lifeless(track, stirring, CRANE)[0] is None
    warm = senses(track, temperature_c=rng.uniform(35, 39, n))
    assert find_lifeless(track, warm, CRANE)[0] is None
    cold = senses(track, activity=np.full(n, 7.0), temperature_c=rng.uniform(-5, 10, n))
    found, _ = find_lifeless(track, cold, CRANE)
    assert found is not None
    assert found.stirring_share == 0.0
    assert found.temperature_c < 10


def test_without_a_precise_fix_a_frozen_activity_tells_and_travel_contradicts() -> None:
    track = still([0, 4, 8, 12, 16, 20])
    coarse = Track(track.time_us, track.lon, track.lat, np.full(len(track), 1500.0))
    assert find_lifeless(coarse, NO_SENSES, CRANE)[0] is None
    frozen = senses(coarse, activity=np.full(len(track), 31_000.0))
    found, _ = find_lifeless(coarse, frozen, CRANE)
    assert found is not None
    assert found.basis == "activity"
    going = Track(track.time_us, track.lon, np.linspace(30, 50, len(track)), coarse.error_m)
    assert find_lifeless(going, frozen, CRANE)[0] is None


def test_one_fix_elsewhere_is_an_error_and_two_are_life() -> None:
    track = still([0, 4, 8, 12, 16, 20])
    for away, found in ((1, True), (2, False)):
        lat = track.lat.copy()
        lat[-away:] += 0.1
        moved = Track(track.time_us, track.lon, lat, track.error_m)
        assert (find_lifeless(moved, NO_SENSES, CRANE)[0] is not None) == found


def test_no_fix_is_no_suspicion() -> None:
    empty = Track(*(np.empty(0, kind) for kind in (np.int64, float, float, float)))
    assert find_lifeless(empty, NO_SENSES, CRANE) == (None, False)
