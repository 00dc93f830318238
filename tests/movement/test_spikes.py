"""Wrong fixes within a bird's reach, and the ways of birds that look like them."""

import numpy as np
import pytest

from app.movement.screening import OK, SPIKE, screen
from app.movement.track import Track
from tests.movement.test_screening import CRANE, moved, resting


@pytest.mark.parametrize("run", [1, 2, 6])
def test_a_run_out_and_back_within_reach_is_a_spike(run):
    there = list(range(40, 40 + run))
    code = screen(moved(resting(), there, 0.3), CRANE).code
    assert np.flatnonzero(code == SPIKE).tolist() == there


def test_a_longer_stay_is_believed_and_so_is_a_place_flown_to_every_day():
    assert not screen(moved(resting(), np.arange(40, 48), 0.3), CRANE).code.any()
    hour = np.arange(120)
    daily = np.flatnonzero((hour % 24 >= 9) & (hour % 24 <= 12))
    assert not screen(moved(resting(120), daily, 0.15), CRANE).code.any()
    once = daily[daily < 24]
    assert not screen(moved(resting(120), once, 0.1), CRANE).code.any()
    assert screen(moved(resting(120), once, 0.15), CRANE).code[once].all()


def test_a_turn_in_flight_that_no_bird_makes_is_a_spike():
    base = resting()
    east = base.lon + 0.5 * np.clip(np.arange(80) - 30, 0, 20)  # 49 km an hour
    flight = Track(base.time_us, east, base.lat, base.error_m)
    assert not screen(flight, CRANE).code.any()
    lat = flight.lat + 0.6 * (np.arange(80) == 40)
    aside = Track(flight.time_us, flight.lon, lat, flight.error_m)
    assert np.flatnonzero(screen(aside, CRANE).code == SPIKE).tolist() == [40]


def test_a_pinned_fix_takes_its_run_with_it():
    pins = np.arange(80) == 41
    code = screen(moved(resting(), [40, 41, 42], 0.3), CRANE, pinned=pins).code
    assert code[41] == OK
