"""When stays begin and end: calibrated on birds whose truth is known, and told by the fixes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.movement.boundaries import LOOK_US, _is_day, locate
from app.movement.gaps import GAP_MAX_US
from app.movement.itinerary import ROUTES
from app.movement.sensing import Sending
from app.movement.stopovers import find_stays, merge_stays
from app.movement.track import DAY_US, HOUR_US, SECOND_US, Track
from app.seeds import profile_of, profiles
from ingest.daylight import sun_elevation
from tests.movement.accuracy import Regime, measure
from tests.movement.flocks import START_US
from tests.movement.journeys import fly, turn

CRANE, SPOONBILL = profile_of("Grus vipio"), profile_of("Platalea minor")
ARGOS = Sending("argos", 3400.0, duty_on_h=8, duty_off_h=16, gaps_per_year=0)


@pytest.mark.parametrize(
    ("sending", "least"),
    [
        (Sending(gaps_per_year=0), {0.8: 0.97, 0.9: 0.96}),
        (Sending(interval_s=4 * 3600.0, gaps_per_year=12), {0.8: 0.93, 0.9: 0.90}),
        (ARGOS, {0.8: 0.94, 0.9: 0.88}),
    ],
    ids=["gps 1 h", "gps 4 h with gaps", "argos"],
)
def test_stopovers_and_intervals_of_simulated_birds(sending: Sending, least) -> None:
    """A small part of what `make validate` measures, on seeds of its own."""
    got = measure(Regime("", sending, 300, {}), range(40, 44))
    assert got.true > 100
    for share, f1 in least.items():
        assert got.f1(share) >= f1
    assert np.mean(got.held) >= 0.85  # 0.9, less 2.4 standard deviations of 200 intervals
    assert got.f1(0.9) >= got.f1(0.9, by_fixes=True) - 0.01


def bird_of_noon(every_us: int, error_m: float = 20.0) -> Track:
    """Rest 100 km off until fix 30, at the place from fix 31 on; the step between is by day."""
    n = 80
    time_us = START_US + 2 * HOUR_US + (np.arange(n) - 30) * every_us  # fix 30 at 10 h local time
    lon = np.where(np.arange(n) <= 30, 116.17, 115.0)
    return Track(time_us, lon, np.full(n, 40.0), np.full(n, error_m))


def ends(track: Track, profile=CRANE, first: int = 31):
    one = np.array([first])
    last = np.array([len(track) - 1])
    return locate(track, one, last, np.array([[115.0, 40.0]]), profile)[0]


def test_an_arrival_lies_within_its_step_and_leaves_time_for_the_flight() -> None:
    track = bird_of_noon(6 * HOUR_US)
    came, went = ends(track)
    assert track.time_us[30] + HOUR_US < came[0] < came[1] < came[2] < track.time_us[31]
    assert went.tolist() == [track.time_us[-1]] * 3  # nothing was seen after it


def test_cranes_arrive_by_day_and_spoonbills_at_any_hour() -> None:
    track = bird_of_noon(20 * HOUR_US)
    crane, spoonbill = ends(track)[0], ends(track, SPOONBILL)[0]
    dusk = START_US + 10 * HOUR_US
    assert crane[1] < dusk + HOUR_US
    assert spoonbill[2] - spoonbill[0] > crane[2] - crane[0]


def test_what_lies_across_a_long_silence_tells_nothing() -> None:
    track = bird_of_noon(6 * HOUR_US)
    late = Track(
        track.time_us + np.where(np.arange(80) > 30, GAP_MAX_US, 0),
        track.lon, track.lat, track.error_m,
    )  # fmt: skip
    came, _ = ends(late)
    assert came.tolist() == [late.time_us[31]] * 3


@pytest.mark.parametrize("step_min", [2, 5, 10, 20, 30, 60])
def test_a_night_at_the_edge_is_of_the_stay_however_often_a_tag_sends(step_min: int) -> None:
    """Six hours of flight, a night 8 km from where it then feeds by day and roosts for a week."""
    rng = np.random.default_rng(8)
    hours = np.arange(-12.0, 8 * 24.0, step_min / 60.0)
    far_km = np.where(hours < -6.0, 260.0, np.where(hours < 0.0, 8.0 - 42.0 * hours, 8.0))
    within = hours >= 11.0
    far_km[within] = 1.5 * np.sin(hours[within])  # to and fro at a walk
    lat = 40.0 + far_km / 111.2 + rng.normal(0.0, 1e-4, hours.shape[0])
    landed_us = START_US + 10 * HOUR_US  # at dusk
    time_us = landed_us + np.round(hours * 3600).astype(np.int64) * SECOND_US
    track = Track(time_us, np.full(hours.shape, 115.0), lat, np.full(hours.shape, 20.0))
    stopovers = merge_stays(find_stays(track, CRANE), CRANE)
    off_h = (stopovers.arrival_us[-1, 1] - landed_us) / HOUR_US
    assert abs(off_h) <= 0.5 + step_min / 60.0


def test_a_poor_fix_leaves_more_doubt() -> None:
    sharp = ends(bird_of_noon(2 * HOUR_US))[0]
    dim = bird_of_noon(2 * HOUR_US, error_m=30_000.0)
    doubtful = ends(dim)[0]
    assert doubtful[2] - doubtful[0] > 1.5 * (sharp[2] - sharp[0])


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.floats(-180, 180), st.integers(-1000, 1000))
def test_invariants(seed: int, degrees: float, days: int) -> None:
    """In order, within reach of the stay, in whole seconds; the same elsewhere on the globe."""
    journey = fly(seed, stays=3, every_us=2 * HOUR_US)
    track = turn(journey.track, degrees)
    moved = Track(track.time_us + days * DAY_US, track.lon, track.lat, track.error_m)
    stays = find_stays(moved, SPOONBILL)
    for three in (stays.arrival_us, stays.departure_us):
        assert np.all(np.diff(three, axis=1) >= 0)
        assert np.all(three % SECOND_US == 0)
    assert np.all(stays.arrival_us[:, 1] < stays.departure_us[:, 1])
    assert np.all(stays.arrival_us[:, 0] >= stays.arrival_earliest_us)
    assert np.all(stays.arrival_us[:, 2] <= stays.arrival_latest_us + LOOK_US)
    assert np.all(stays.departure_us[:, 2] <= stays.departure_latest_us)
    here = find_stays(journey.track, SPOONBILL)  # no daylight in it: turning the globe is free
    assert np.all(np.abs(here.arrival_us + days * DAY_US - stays.arrival_us) <= SECOND_US)
    merged = merge_stays(stays, SPOONBILL)
    assert np.array_equal(merged.arrival_us, stays.arrival_us[merged.first_stay])
    assert np.array_equal(merged.departure_us, stays.departure_us[merged.last_stay])


def test_a_tag_that_sends_every_second_is_no_trap() -> None:
    track = bird_of_noon(6 * HOUR_US)
    n = 40_000
    dense = Track(
        track.time_us[31] + np.arange(n) * 4 * SECOND_US,
        np.full(n, 115.0), np.full(n, 40.0), np.full(n, 20.0),
    )  # fmt: skip
    both = Track(
        np.concatenate([track.time_us[:31], dense.time_us]),
        np.concatenate([track.lon[:31], dense.lon]),
        np.full(31 + n, 40.0), np.full(31 + n, 20.0),
    )  # fmt: skip
    came = ends(both)[0]
    assert track.time_us[30] < came[0] < came[2] < track.time_us[31]


def test_daylight_agrees_with_the_sun() -> None:
    rng = np.random.default_rng(1)
    time_us = START_US + rng.integers(0, 365 * DAY_US, 2_000)
    lon, lat = rng.uniform(-180, 180, 2_000), rng.uniform(-60, 70, 2_000)
    height = sun_elevation(time_us, lon, lat)
    ours = np.array([_is_day(*v) for v in zip(time_us.tolist(), lon, lat, strict=True)])
    sure = np.abs(height + 6.0) > 4.5  # the equation of time is up to 16 minutes, four degrees
    assert np.array_equal(ours[sure], height[sure] > -6.0)


def test_species_that_fly_are_all_known() -> None:
    assert {profiles()[key].roosts_at_night for key in ROUTES} == {True, False}
