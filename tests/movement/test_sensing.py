from __future__ import annotations

import numpy as np
import pytest

from app.movement.argos import ellipse_error_m
from app.movement.geodesy import distance_m
from app.movement.itinerary import Path
from app.movement.sensing import CLASS_SHARES, CLASSES, GROSS_ERROR_M, SEMI_MAJOR_M, Sending, sense
from app.movement.track import DAY_US, HOUR_US, SECOND_US

SPAN = (0, 400 * DAY_US)
STILL = Path(np.array(SPAN), np.array([127.5, 127.5]), np.array([38.0, 38.0]))
ROUND = Path(np.array(SPAN), np.array([170.0, -170.0]), np.array([60.0, 62.0]))
PLAIN = Sending(gaps_per_year=0.0, gross_error_share=0.0, late_per_year=0.0)


def sent(path=STILL, seed=1, span=SPAN, sending=PLAIN, **changes):
    words = {name: getattr(sending, name) for name in sending.__slots__} | changes
    return sense(path, span, Sending(**words), np.random.default_rng(seed))


def off_m(one):
    return distance_m(one.track.lon, one.track.lat, one.true_lon, one.true_lat)


@pytest.mark.parametrize("sensor", ["gps", "argos"])
@pytest.mark.parametrize("interval_s", [10.0, 3600.0, 86_400.0])
def test_fixes_lie_within_the_span_in_whole_seconds_and_in_order(sensor, interval_s):
    span = (0, int(200 * interval_s) * SECOND_US)
    for seed in range(20):
        one = sent(span=span, sensor=sensor, interval_s=interval_s, seed=seed)
        time_us = one.track.time_us
        assert np.all(np.diff(time_us) > 0)
        assert time_us[0] >= span[0] and time_us[-1] < span[1]
        assert np.all(time_us % SECOND_US == 0)
        assert 0.4 * 200 <= len(one.track) <= 200


@pytest.mark.parametrize("sensor", ["gps", "argos"])
def test_every_column_is_as_long_as_the_track(sensor):
    for span in (SPAN, (0, HOUR_US), (5, 5)):
        one = sent(span=span, sensor=sensor, gross_error_share=0.5)
        n = len(one.track)
        assert one.ellipse.shape == (n, 3)
        columns = one.true_lon, one.true_lat, one.is_gross_error, one.upload_us, one.argos_class
        assert all(c.shape == (n,) for c in columns)


def test_gps_says_how_far_off_it_is():
    one = sent(seed=2)
    # Two axes of one-sigma errors: the square of their length is 2 sigma squared on average.
    share = np.mean((off_m(one) / one.track.error_m) ** 2)
    assert share == pytest.approx(2.0, rel=0.05)
    assert np.all(one.argos_class == "") and np.isnan(one.ellipse).all()


def test_argos_errors_lie_in_their_ellipses_as_often_as_student_says():
    one = sent(sensor="argos", seed=3)
    major, minor, way = one.ellipse.T
    np.testing.assert_allclose(one.track.error_m, ellipse_error_m(major, minor))
    assert np.all((minor <= major) & (minor > 0) & (way >= 0) & (way < 180))
    north = (one.track.lat - one.true_lat) * 111_015.0
    east = (one.track.lon - one.true_lon) * 111_320.0 * np.cos(np.radians(38.0))
    along = north * np.cos(np.radians(way)) + east * np.sin(np.radians(way))
    across = -north * np.sin(np.radians(way)) + east * np.cos(np.radians(way))
    inside = (along / major) ** 2 + (across / minor) ** 2 <= 2.0
    # Two axes of one t with three degrees of freedom: P(r2 <= x) = 1 - (1 + x / 3) ** -1.5, where
    # Argos' axes are the error itself times root two (`ellipse_covariance_m2`).
    assert inside.mean() == pytest.approx(1 - (1 + 4.0 / 3.0) ** -1.5, abs=0.03)


def test_argos_classes_come_in_their_shares_with_their_sizes():
    one = sent(sensor="argos", seed=4)
    for name, share, axis in zip(CLASSES, CLASS_SHARES, SEMI_MAJOR_M, strict=True):
        of_class = one.argos_class == name
        assert of_class.mean() == pytest.approx(share, abs=0.02)
        assert np.median(one.ellipse[of_class, 0]) == pytest.approx(axis, rel=0.15)


@pytest.mark.parametrize(("on", "off"), [(8.0, 16.0), (10.0, 48.0), (6.0, 0.0)])
def test_a_duty_cycle_is_on_for_its_share_and_silent_for_the_rest(on, off):
    one = sent(duty_on_h=on, duty_off_h=off, interval_s=600.0, seed=5)
    full = 400 * DAY_US / (600 * SECOND_US)
    assert len(one.track) / full == pytest.approx(on / (on + off), abs=0.03)
    silences = np.diff(one.track.time_us)
    longest = silences.max() / HOUR_US
    assert longest <= off + 0.5 and longest >= off - 0.5


def test_gaps_come_as_often_and_last_as_long_as_asked():
    counted = [
        int((np.diff(sent(gaps_per_year=6.0, gap_max_days=21.0, seed=s).track.time_us)
             > 2.5 * HOUR_US).sum())
        for s in range(30)
    ]  # fmt: skip
    assert np.mean(counted) == pytest.approx(6.0 * 400 / 365.25, rel=0.25)
    every = [np.diff(sent(gaps_per_year=6.0, seed=s).track.time_us).max() for s in range(10)]
    assert max(every) < 60 * DAY_US  # two or three of 21 days may meet


def test_spikes_are_told_and_lie_as_far_off_as_they_should():
    one = sent(gross_error_share=0.02, seed=6)
    assert one.is_gross_error.mean() == pytest.approx(0.02, rel=0.35)
    far = off_m(one)
    assert far[~one.is_gross_error].max() < 1_000
    assert far[one.is_gross_error].min() > GROSS_ERROR_M[0] - 300
    assert far[one.is_gross_error].max() < GROSS_ERROR_M[1] + 300


def test_uploads_follow_fixes_and_a_backlog_comes_at_once():
    prompt = sent(seed=7)
    delay = prompt.upload_us - prompt.track.time_us
    assert delay.min() >= 0 and np.median(delay) == pytest.approx(240 * SECOND_US, rel=0.1)
    late = sent(seed=7, late_per_year=4.0)
    assert late.track.time_us.tolist() == prompt.track.time_us.tolist()
    assert np.all(late.upload_us >= late.track.time_us)
    waits = late.upload_us - late.track.time_us > DAY_US / 2
    assert waits.any()
    at_once = np.unique(late.upload_us[waits], return_counts=True)[1]
    assert at_once.max() > 5


def test_the_truth_is_the_path_and_the_antimeridian_is_no_edge():
    one = sent(ROUND, gross_error_share=0.01, seed=8)
    lon, lat = ROUND.at(one.track.time_us)
    assert one.true_lon.tolist() == lon.tolist() and one.true_lat.tolist() == lat.tolist()
    assert np.abs(one.track.lon).max() <= 180
    assert off_m(one)[~one.is_gross_error].max() < 1_000
    assert np.array_equal(one.track.lon, np.round(one.track.lon, 7))


def test_chance_comes_from_the_generator_alone():
    one, same, other = sent(ROUND, seed=9), sent(ROUND, seed=9), sent(ROUND, seed=10)
    assert one.track.lon.tobytes() == same.track.lon.tobytes()
    assert one.upload_us.tobytes() == same.upload_us.tobytes()
    assert one.track.lon.tobytes() != other.track.lon.tobytes()
