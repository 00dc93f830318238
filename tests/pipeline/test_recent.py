"""What is kept of a bird's last days: never longer than its way, and what it was doing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.movement.geodesy import distance_m, path_length_m
from app.movement.track import HOUR_US, Track
from app.pipeline.recent import doing_at_end, path
from app.seeds import profiles

MINUTE_US = 60_000_000
NOON_US = 1_584_158_400_000_000 - 9 * HOUR_US + 5 * HOUR_US  # 2020-03-14, noon in Korea and after
CRANE, SPOONBILL = profiles()["white_naped_crane"], profiles()["black_faced_spoonbill"]


def track_of(steps: list[tuple[int, float, float]], start_us: int = 0) -> Track:
    minutes, lon, lat = (np.array(column) for column in zip(*steps, strict=True))
    time_us = start_us + np.cumsum(minutes).astype(np.int64) * MINUTE_US
    return Track(time_us, lon.astype(float), lat.astype(float), np.full(len(steps), 10.0))


STEPS = st.lists(
    st.tuples(st.integers(0, 200), st.floats(120, 130), st.floats(30, 40)), min_size=1, max_size=40
)


@given(STEPS)
def test_the_way_is_kept_by_the_hour_and_in_whole(steps) -> None:
    track = track_of(steps)
    time_us, way = path(track)
    assert way[-1] == pytest.approx(path_length_m(track.lon, track.lat), abs=1e-6)
    assert time_us[-1] == track.time_us[-1]
    assert (np.diff(time_us) > 0).all()
    assert (np.diff(way) >= 0).all()
    assert time_us[0] == track.time_us[0]
    hours = time_us[1:] // HOUR_US
    assert len(set(hours.tolist())) == len(hours)
    for at, kept in zip(time_us, way, strict=True):
        n = int(np.flatnonzero(track.time_us == at)[-1]) + 1
        if at > time_us[0]:
            assert kept == pytest.approx(path_length_m(track.lon[:n], track.lat[:n]), abs=1e-6)


@pytest.mark.parametrize(
    ("profile", "hours_after_noon", "doing"),
    [(CRANE, 12, "roosting"), (CRANE, 0, "stopover"), (SPOONBILL, 0, "roosting"),
     (SPOONBILL, 12, "stopover")],
)  # fmt: skip
def test_cranes_roost_by_night_and_spoonbills_by_day(profile, hours_after_noon, doing) -> None:
    at = NOON_US + hours_after_noon * HOUR_US
    track = track_of([(0, 127.0, 38.0), (60, 127.0, 38.001)], at)
    assert doing_at_end(track, profile, staying=True) == doing
    assert doing_at_end(track, profile, staying=False) == "moving"


def test_who_moves_at_night_does_not_roost() -> None:
    track = track_of([(0, 127.0, 38.0), (60, 127.0, 38.1)], NOON_US + 12 * HOUR_US)
    assert distance_m(127.0, 38.0, 127.0, 38.1) > 1.5 * 3600
    assert doing_at_end(track, CRANE, staying=True) == "stopover"


def test_of_one_fix_alone_nobody_knows_whether_it_rests() -> None:
    track = track_of([(0, 127.0, 38.0)], NOON_US + 12 * HOUR_US)
    assert doing_at_end(track, CRANE, staying=True) == "stopover"
