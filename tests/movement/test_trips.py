from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.movement.geodesy import distance_m
from app.movement.track import Track
from app.movement.trips import Colony, split_trips
from tests.movement import boobies

COLONY = Colony(126.0, 37.0, 3_000.0, 10_000.0, 3_600.0)


def test_the_trips_are_those_of_track2kba(shared_data):
    theirs = boobies.table("boobies_trips").sort("ID", "DateTime")
    found = boobies.birds()
    name = [f"{b.name}_{n:02d}" for b in found for n in b.trip.tolist()]
    assert name == theirs["tripID"].to_list()
    assert [r for b in found for r in b.returns.tolist()] == [
        r == "Yes" for r in theirs["Returns"].to_list()
    ]
    away = np.concatenate([
        distance_m(b.track.lon, b.track.lat, np.full(len(b.track), boobies.COLONY.lon),
                   np.full(len(b.track), boobies.COLONY.lat))
        for b in found
    ])  # fmt: skip
    np.testing.assert_allclose(away, theirs["ColDist"].to_numpy(), rtol=1e-5)


def plain(away, time_us, colony):
    """Walk along the track fix by fix."""
    n, number, ended, i = len(away), [0] * len(away), [], 0
    while i < n:
        if away[i] < colony.inner_m or i == n - 1:
            i += 1
            continue
        k = i
        while k < n - 1 and away[k] >= colony.inner_m:
            k += 1
        if time_us[k] - time_us[i] >= colony.duration_min_s * 1e6:
            ended.append(bool(away[k] < colony.inner_m or away[k] < colony.return_m))
            for j in range(i, k + 1):
                number[j] = len(ended)
        i = k + 1 if away[k] < colony.inner_m else n
    return number, ended


@settings(max_examples=30)
@given(st.lists(st.tuples(st.integers(1, 5_000), st.sampled_from([0, 2_000, 4_000, 20_000])),
                max_size=30))  # fmt: skip
def test_trips_are_those_of_a_walk_along_the_track(steps):
    time_us = np.cumsum([s for s, _ in steps], dtype=np.int64) * 1_000_000
    lat = 37.0 + np.array([m for _, m in steps], dtype=np.float64) / 111_000.0
    track = Track(time_us, np.full(len(steps), 126.0), lat, np.full(len(steps), 10.0))
    away = distance_m(track.lon, track.lat, np.full(len(steps), 126.0), np.full(len(steps), 37.0))
    trips = split_trips(track, COLONY)
    number, ended = plain(away, time_us, COLONY)
    assert trips.of_fix.tolist() == number
    assert trips.returns.tolist() == ended


@pytest.mark.parametrize("n", [0, 1])
def test_hardly_any_fix_is_no_trip(n):
    track = Track(np.arange(n), np.full(n, 127.0), np.full(n, 37.0), np.full(n, 10.0))
    assert split_trips(track, COLONY).returns.tolist() == []
