from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.movement.track import DAY_US, HOUR_US, SECOND_US, Track, TrackError

LARGEST = np.iinfo(np.int64).max


def track(time=(0, 1), lon=(100.0, 101.0), lat=(50.0, 51.0), error=(10.0, 10.0)) -> Track:
    rest = (np.array(v, dtype=np.float64) for v in (lon, lat, error))
    return Track(np.array(time, dtype=np.int64), *rest)


def test_units():
    assert (SECOND_US, HOUR_US, DAY_US) == (10**6, 3600 * 10**6, 86_400 * 10**6)


@pytest.mark.parametrize("n", [0, 1, 2])
def test_none_one_and_two_fixes_are_tracks(n):
    assert len(track(range(n), [1.0] * n, [2.0] * n, [0.0] * n)) == n


def test_the_edges_of_the_earth_and_fixes_of_one_time_are_in():
    assert len(track((5, 5), (-180.0, 180.0), (-90.0, 90.0), (0.0, 20e6))) == 2


@pytest.mark.parametrize("name", ["lon", "lat", "error"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_told(name, value):
    with pytest.raises(TrackError, match="finite"):
        track(**{name: (1.0, value)})


@pytest.mark.parametrize(
    ("name", "edge", "way"),
    [("lon", 180.0, 1), ("lon", -180.0, -1), ("lat", 90.0, 1), ("lat", -90.0, -1),
     ("error", 0.0, -1)],
)  # fmt: skip
def test_the_next_number_past_each_edge_is_out(name, edge, way):
    track(**{name: (edge, edge)})
    with pytest.raises(TrackError, match="out of range"):
        track(**{name: (edge, np.nextafter(edge, way * np.inf))})


@pytest.mark.parametrize("time", [(1, 0), (0, -1), (LARGEST, -LARGEST), (-2, -LARGEST - 1)])
def test_time_that_goes_back_is_told_however_far(time):
    with pytest.raises(TrackError, match="sort"):
        track(time)


def test_the_longest_way_forward_is_no_way_back():
    assert len(track((-LARGEST, LARGEST))) == 2


@pytest.mark.parametrize("short", range(4))
def test_arrays_of_unlike_length_are_told(short):
    columns = [np.arange(3), np.zeros(3), np.zeros(3), np.zeros(3)]
    columns[short] = columns[short][:2]
    with pytest.raises(TrackError, match="equally long"):
        Track(*columns)


def test_a_table_is_no_track():
    with pytest.raises(TrackError, match="one-dimensional"):
        Track(np.zeros((2, 2), dtype=np.int64), *np.zeros((3, 2, 2)))


@given(st.lists(st.integers(-(2**40), 2**40), max_size=20).map(sorted), st.data())
def test_taking_fixes_by_number_by_mask_and_by_slice_is_one(time, data):
    n = len(time)
    whole = track(time, np.linspace(-180, 180, n), np.linspace(90, -90, n), np.arange(n))
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=n, max_size=n)), dtype=bool)
    some = whole.take(mask)
    by_number = whole.take(np.flatnonzero(mask))
    for name in ("time_us", "lon", "lat", "error_m"):
        np.testing.assert_array_equal(getattr(some, name), getattr(whole, name)[mask])
        np.testing.assert_array_equal(getattr(some, name), getattr(by_number, name))
    a, b = sorted(data.draw(st.tuples(st.integers(0, n), st.integers(0, n))))
    assert whole.take(slice(a, b)).time_us.tolist() == time[a:b]
    assert len(whole.take(slice(0, 0))) == 0


def test_taking_fixes_against_time_is_told():
    with pytest.raises(TrackError, match="sort"):
        track().take(np.array([1, 0]))
