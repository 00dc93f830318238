import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Geod

from app.movement.plane import Plane


@settings(max_examples=25, deadline=None)
@given(st.floats(-180, 180), st.floats(-90, 90), st.floats(0, 5e6), st.floats(0, 360))
def test_places_come_back_and_ellipses_keep_their_size(lon, lat, far_m, azimuth):
    x, y, _ = Geod(ellps="WGS84").fwd(lon, lat, azimuth, far_m)
    plane = Plane.around(np.array([lon]), np.array([lat]))
    lon2, lat2 = plane.inverse(plane.forward(np.array([x]), np.array([y])))
    assert Geod(ellps="WGS84").inv(x, y, lon2[0], lat2[0])[2] < 0.01
    covariance = np.array([[[4e6, 1e6], [1e6, 9e6]]])
    on_map = plane.covariance_forward(np.array([x]), np.array([y]), covariance)
    xx, xy, yy = on_map[0]
    assert np.isclose(xx * yy - xy * xy, 35e12, rtol=1e-3)  # equal-area
    back = plane.covariance_inverse(np.array([x]), np.array([y]), on_map)
    assert np.allclose(back, covariance, rtol=1e-6)


def test_the_stretch_is_that_of_the_map():
    plane = Plane.around(np.array([100.0]), np.array([40.0]))
    lon, lat = np.array([130.0, 60.0, 101.0]), np.array([60.0, 10.0, 41.0])
    for k in range(3):
        for azimuth in (0.0, 90.0):
            x, y, _ = Geod(ellps="WGS84").fwd(lon[k], lat[k], azimuth, 100.0)
            moved = plane.forward(np.array([x]), np.array([y])) - plane.forward(
                lon[k : k + 1], lat[k : k + 1]
            )
            way = np.radians(azimuth)
            expected = plane._stretch(lon[k : k + 1], lat[k : k + 1])[0] @ [
                np.sin(way),
                np.cos(way),
            ]
            assert np.allclose(moved[0] / 100.0, expected, atol=1e-4)
