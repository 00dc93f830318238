import doctest

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from app.movement import gaps, geodesy, legs, screening, steps, stopovers
from app.movement.geodesy import (
    arc_m,
    distance_m,
    from_normal,
    hull,
    inverse,
    mean_position,
    path_length_m,
    tangent_plane,
    to_normal,
    to_xyz,
)

lons = st.floats(-180, 180)
lats = st.floats(-90, 90)


@pytest.mark.parametrize("module", [gaps, geodesy, legs, screening, steps, stopovers])
def test_examples_in_docstrings_run(module):
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0


def test_distance_agrees_with_published_lines():
    # Vincenty's (1975) line Flinders Peak - Buninyong, here on WGS 84
    lat = np.array([-37.95103341666667])
    lon = np.array([144.42486788888888])
    length, azimuth = inverse(
        lon, lat, np.array([143.92649552777777]), np.array([-37.65282113888889])
    )
    assert length[0] == pytest.approx(54972.271, abs=0.02)
    assert azimuth[0] == pytest.approx(306.86816, abs=1e-4)


@settings(deadline=None)
@given(lons, lats, st.floats(0, 360), st.floats(0, 2e6))
def test_arc_stays_within_its_stated_error(lon, lat, azimuth, far):
    lon2, lat2, _ = geodesy.WGS84.fwd(lon, lat, azimuth, far)
    a, b = (to_xyz(np.array([x]), np.array([y]))[0] for x, y in ((lon, lat), (lon2, lat2)))
    assert arc_m(a, b) == pytest.approx(far, rel=5e-4, abs=1e-6)
    assert arc_m.py_func(a, b) == pytest.approx(arc_m(a, b), rel=1e-9, abs=1e-6)


def test_arc_is_good_to_a_metre_at_a_stay_s_size():
    lat = np.linspace(-89, 89, 179)
    for azimuth in (0.0, 45.0, 90.0):
        lon2, lat2, _ = geodesy.WGS84.fwd(0 * lat, lat, 0 * lat + azimuth, 0 * lat + 20_000.0)
        a, b = to_xyz(0 * lat, lat), to_xyz(lon2, lat2)
        got = [arc_m(p, q) for p, q in zip(a, b, strict=True)]
        np.testing.assert_allclose(got, 20_000.0, atol=1.0)


@given(lons, st.floats(-89.9, 89.9))
def test_normals_lead_back(lon, lat):
    back = from_normal(to_normal(np.array([lon]), np.array([lat]))[0] * 7.0)
    assert distance_m(*(np.array([v]) for v in (lon, lat, *back)))[0] < 1e-6


def test_mean_across_the_antimeridian_and_over_the_pole():
    assert mean_position(np.array([179.5, -179.5]), np.array([65.0, 65.0]))[0] == pytest.approx(180)
    assert mean_position(np.array([0.0, 180.0]), np.array([89.0, 89.0]))[1] == pytest.approx(90)
    weighted = mean_position(np.array([0.0, 1.0]), np.zeros(2), np.array([3.0, 1.0]))
    assert weighted[0] == pytest.approx(0.25, abs=1e-4)


def test_path_length_of_nothing_is_zero():
    assert path_length_m(np.array([1.0]), np.array([1.0])) == 0.0


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.sampled_from([0.0, 179.98, -120.0]))
def test_hull_equals_shapely_s(seed, n, lon0):
    rng = np.random.default_rng(seed)
    lon = lon0 + rng.integers(0, 12, n) / 200
    lon, lat = np.where(lon > 180, lon - 360, lon), 50 + rng.integers(0, 12, n) / 200
    corners = hull(lon, lat)
    plane = tangent_plane(lon, lat, mean_position(lon, lat))
    ours = shapely.MultiPoint(plane[corners]).convex_hull
    whole = shapely.MultiPoint(plane).convex_hull
    assert ours.symmetric_difference(whole).area <= 1e-6 * max(whole.area, 1.0)
    if corners.shape[0] > 2:
        ring = shapely.Polygon(plane[corners])
        assert ring.is_valid
        assert ring.exterior.is_ccw
