from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Geod

from app.movement.steps import steps
from app.movement.track import SECOND_US, Track

EARTH = Geod(ellps="WGS84")


def track(rows):
    rows = list(rows)
    time, lon, lat = zip(*rows, strict=True) if rows else ((), (), ())
    place = np.array(lon, dtype=float), np.array(lat, dtype=float)
    return Track(np.array(time, dtype=np.int64), *place, np.zeros(len(rows)))


fix = st.tuples(st.integers(0, 10**12), st.floats(-180, 180), st.floats(-90, 90))
tracks = st.lists(fix, min_size=2, max_size=8).map(sorted)


@settings(max_examples=50)
@given(tracks)
def test_each_step_is_the_geodesic_of_its_two_fixes(rows):
    found = steps(track(rows))
    assert found.distance_m.shape == (len(rows) - 1,)
    for i, (one, other) in enumerate(pairwise(rows)):
        azimuth, _, far = EARTH.inv(one[1], one[2], other[1], other[2])
        assert found.distance_m[i] == pytest.approx(far, abs=1e-6)
        assert found.duration_s[i] == pytest.approx((other[0] - one[0]) / 1e6)
        assert 0 <= found.azimuth_deg[i] <= 360
        if far > 1.0 and abs(one[2]) < 89.9:
            assert abs((found.azimuth_deg[i] - azimuth + 180) % 360 - 180) < 1e-6
        if other[0] > one[0]:
            assert found.speed_m_s[i] == pytest.approx(far / ((other[0] - one[0]) / 1e6))


@settings(max_examples=30)
@given(tracks)
def test_the_way_back_is_as_long_and_as_fast(rows):
    last = rows[-1][0]
    there = steps(track(rows))
    back = steps(track([(last - t, x, y) for t, x, y in rows[::-1]]))
    np.testing.assert_allclose(back.distance_m[::-1], there.distance_m, rtol=1e-9, atol=1e-6)
    np.testing.assert_array_equal(back.duration_s[::-1], there.duration_s)


@settings(max_examples=30)
@given(tracks, st.floats(-360, 360))
def test_turning_the_earth_changes_no_step(rows, degrees):
    turned = [(t, (x + degrees + 180) % 360 - 180, y) for t, x, y in rows]
    one, other = steps(track(rows)), steps(track(turned))
    np.testing.assert_allclose(one.distance_m, other.distance_m, rtol=1e-6, atol=1e-3)


def test_no_and_one_fix_have_no_steps():
    for rows in ([], [(0, 1.0, 2.0)]):
        found = steps(track(rows))
        assert [a.shape for a in (found.distance_m, found.duration_s, found.speed_m_s,
                                  found.azimuth_deg)] == [(0,)] * 4  # fmt: skip


def test_two_fixes_of_one_time_are_infinitely_fast_or_of_no_speed_and_no_warning():
    apart = steps(track([(0, 1.0, 0.0), (0, 2.0, 0.0)]))
    assert apart.duration_s.tolist() == [0.0] and np.isposinf(apart.speed_m_s).all()
    same = steps(track([(0, 1.0, 0.0), (0, 1.0, 0.0)]))
    assert np.isnan(same.speed_m_s).all()


def test_over_the_antimeridian_and_over_the_pole_is_the_short_way():
    hour = 3600 * SECOND_US
    found = steps(track([(0, 179.5, 0.0), (hour, -179.5, 0.0), (2 * hour, 179.5, 0.0)]))
    np.testing.assert_allclose(found.distance_m, 111_319.49, atol=0.01)
    np.testing.assert_allclose(found.azimuth_deg, [90.0, 270.0])
    pole = steps(track([(0, 30.0, 89.0), (hour, -150.0, 89.0)]))
    assert pole.distance_m[0] == pytest.approx(2 * 111_694, abs=20)


def test_against_argosfilter_on_its_seal():
    """argosfilter 0.70 measures on a sphere of 6,371 km: within flattening of the ellipsoid."""
    data = Path(os.environ.get("FLYWAYS_TEST_DATA", Path(__file__).parents[2] / "../shared/data"))
    folder = data.parent / "reference/argosfilter"
    if not folder.is_dir():
        pytest.skip("shared reference absent")
    seal, theirs = (pl.read_csv(folder / name) for name in ("seal_input.csv", "seal_geometry.csv"))
    found = steps(
        track(zip((seal["time"] * 1e6).cast(pl.Int64), seal["lon"], seal["lat"], strict=True))
    )
    np.testing.assert_allclose(found.distance_m, theirs["dist_next_m"][:-1], rtol=0.0056, atol=0.5)
    np.testing.assert_array_equal(found.distance_m > 0, theirs["dist_prev_m"][1:].to_numpy() > 0)
