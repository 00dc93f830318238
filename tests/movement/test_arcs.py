from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Geod

from app.movement.arcs import EARTH_RADIUS_M, arcs_m

SPHERE = Geod(a=EARTH_RADIUS_M, b=EARTH_RADIUS_M)
PLACE = st.tuples(st.floats(-180, 180), st.floats(-90, 90))


@given(st.lists(PLACE, min_size=1, max_size=4), st.lists(PLACE, min_size=1, max_size=4))
def test_distances_are_those_of_the_sphere(here, there) -> None:
    a, b = np.array(here), np.array(there)
    found = arcs_m(a[:, 0], a[:, 1], b[:, 0], b[:, 1])
    for i, (lon, lat) in enumerate(here):
        for j, (other_lon, other_lat) in enumerate(there):
            true = SPHERE.inv(lon, lat, other_lon, other_lat)[2]
            assert abs(found[i, j] - true) <= 1.0 + 1e-6 * true
