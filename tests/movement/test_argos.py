from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from app.movement.argos import (
    CLASS_ERROR_M,
    GPS_ERROR_M,
    UNKNOWN_ERROR_M,
    class_error_m,
    ellipse_covariance_m2,
    ellipse_error_m,
    outdone,
    position_error_m,
)

AXIS = st.floats(1.0, 1e6)


def test_each_class_has_its_published_error_and_none_is_taken_as_the_poorest():
    got = class_error_m(np.array(["3", "2", "1", "0", "A", "B", "Z", "", "?"]))
    assert got[:6].tolist() == [490.0, 1010.0, 1200.0, 4180.0, 6190.0, 10280.0]
    assert got[6] > got[5]
    assert got[7] == got[8] == CLASS_ERROR_M["B"]


def test_no_fixes_no_errors():
    assert class_error_m(np.empty(0, dtype="<U1")).shape == (0,)


@given(AXIS, AXIS, st.floats(0.0, 180.0))
def test_covariance_has_the_axes_as_eigenvalues_and_the_error_as_mean_variance(a, b, turn):
    major, minor = max(a, b), min(a, b)
    one = np.ones(1)
    cov = ellipse_covariance_m2(major * one, minor * one, turn * one)[0]
    low, high = np.linalg.eigvalsh(cov)
    assert high == pytest.approx(major**2 / 2)
    assert low == pytest.approx(minor**2 / 2, abs=1e-9 * high)
    assert ellipse_error_m(major * one, minor * one)[0] ** 2 == pytest.approx(np.trace(cov) / 2)


def test_the_major_axis_points_where_the_orientation_says_clockwise_from_north():
    cov = ellipse_covariance_m2(np.array([900.0]), np.array([100.0]), np.array([45.0]))[0]
    assert cov[0, 1] > 0  # north-east: errors east and north go together
    north = ellipse_covariance_m2(np.array([900.0]), np.array([100.0]), np.array([0.0]))[0]
    assert north[1, 1] == pytest.approx(900.0**2 / 2)


@pytest.mark.parametrize("absent", [(0.0, 0.0), (np.nan, 5.0), (300.0, 0.0), (-1.0, 4.0)])
def test_an_ellipse_without_extent_is_absent(absent):
    major, minor = (np.array([v]) for v in absent)
    assert np.isnan(ellipse_error_m(major, minor)[0])
    assert np.all(np.isnan(ellipse_covariance_m2(major, minor, np.zeros(1))))


def test_the_best_source_of_each_fix_wins():
    got = position_error_m(
        np.array(["gps", "gps", "argos", "argos", "argos", "gps"]),
        np.array(["", "", "B", "B", "", ""]),
        semi_major_m=np.array([np.nan, np.nan, 2000.0, 0.0, np.nan, np.nan]),
        semi_minor_m=np.array([np.nan, np.nan, 2000.0, 0.0, np.nan, np.nan]),
        stated_error_m=np.array([np.nan, 5.3, 1.0, 1.0, np.nan, 0.0]),
    )
    expected = [GPS_ERROR_M, 5.3, 2000.0 / np.sqrt(2), 10280.0, 10280.0, GPS_ERROR_M]
    assert got.tolist() == pytest.approx(expected)


@pytest.mark.parametrize("sensor", ["other", "", "radio-transmitter"])
def test_what_is_no_gps_is_not_taken_as_good_as_gps(sensor):
    nan = np.full(4, np.nan)
    stated = np.array([np.nan, 0.0, -1.0, 250.0])
    got = position_error_m(
        np.full(4, sensor), np.full(4, ""), semi_major_m=nan, semi_minor_m=nan,
        stated_error_m=stated,
    )  # fmt: skip
    assert got.tolist() == [UNKNOWN_ERROR_M, UNKNOWN_ERROR_M, UNKNOWN_ERROR_M, 250.0]
    assert UNKNOWN_ERROR_M >= CLASS_ERROR_M["A"] > 100 * GPS_ERROR_M


@given(arrays(np.float64, (6, 3), elements=st.floats(allow_infinity=True, allow_nan=True)))
def test_every_fix_gets_a_finite_positive_error(values):
    values = np.clip(values, -1e9, 1e9)
    got = position_error_m(
        np.array(["gps", "argos", "", "argos", "gps", "argos"]),
        np.array(["", "3", "", "Z", "G", "nonsense"]),
        semi_major_m=values[:, 0],
        semi_minor_m=values[:, 1],
        stated_error_m=values[:, 2],
    )
    assert np.all(np.isfinite(got))
    assert np.all(got > 0)


RECORDS = st.lists(
    st.tuples(
        st.integers(0, 3),  # time
        st.integers(1, 2),  # tag
        st.integers(-1, 3),  # carries
        st.booleans(),  # hidden
        st.booleans(),  # pinned
    ),
    max_size=12,
)


@given(RECORDS)
def test_of_each_pass_the_records_that_carry_most_stand(records):
    time_us, tag, carries, hidden, pinned = (
        np.array([r[k] for r in records], dtype=kind)
        for k, kind in enumerate((np.int64, np.int64, np.int64, np.bool_, np.bool_))
    )
    pinned &= ~hidden
    got = outdone(time_us, tag, carries, hidden, pinned)

    def expected(i: int) -> bool:
        if hidden[i] or carries[i] < 0:
            return False
        like = [
            j for j in range(len(records))
            if (time_us[j], tag[j]) == (time_us[i], tag[i]) and carries[j] >= 0 and not hidden[j]
        ]  # fmt: skip
        if any(pinned[j] for j in like):
            return not pinned[i]
        return carries[i] < max(carries[j] for j in like)

    assert got.tolist() == [expected(i) for i in range(len(records))]
