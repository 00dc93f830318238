"""The rule on seeded histories, and what it must never hang on."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from app.movement.lifeless import find_lifeless
from app.movement.track import DAY_US, HOUR_US, Senses, Track
from app.seeds import profiles
from tests.movement.histories import DAYS, NO_SENSES, START_US, History, history

CRANE = profiles()["white_naped_crane"]
ACCEPTED = range(1000, 1050)
"""Seeds below 1,000 served to find the numbers of the rule; these had no part in it."""


def part(of: History, first_us: int, last_us: int) -> tuple[Track, Senses]:
    """What the tag had sent between two times."""
    track, senses = of.track, of.senses
    heard = (senses.time_us >= first_us) & (senses.time_us <= last_us)
    return (
        track.take((track.time_us >= first_us) & (track.time_us <= last_us)),
        Senses(*(getattr(senses, each.name)[heard] for each in fields(Senses))),
    )


@pytest.mark.parametrize("kind", ["death", "dropped"])
def test_the_dead_and_the_dropped_are_found_within_48_hours_of_evidence(kind: str) -> None:
    found, early = 0, []
    for seed in ACCEPTED:
        told = history(kind, seed)
        profile = profiles()[told.species_key]
        assert told.dead_us is not None
        suspected, _ = find_lifeless(told.track, told.senses, profile)
        found += suspected is not None
        if suspected is not None:
            assert suspected.start_us > told.dead_us - DAY_US  # no more than a night's rest before
        alive = part(told, told.dead_us - 30 * DAY_US, told.dead_us - 1)
        if len(alive[0]) and find_lifeless(*alive, profile)[0] is not None:
            early.append(seed)
    assert found >= 0.95 * len(ACCEPTED)
    assert not early


@pytest.mark.parametrize("kind", ["roost", "gap"])
def test_the_living_are_never_suspected_at_any_time_of_theirs(kind: str) -> None:
    alarms = []
    for seed in ACCEPTED:
        told = history(kind, seed)
        for day in range(8 + seed % 6, DAYS + 1, 6):
            last, profile = START_US + day * DAY_US, profiles()[told.species_key]
            found, head = find_lifeless(*part(told, last - 12 * DAY_US, last), profile)
            if head:
                found, _ = find_lifeless(*part(told, 0, last), profile)
            if found is not None:
                alarms.append((seed, day))
    assert not alarms


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
