from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.movement.arcs import arcs_m
from app.movement.roosting import day_out, night_middle

PLACES = st.lists(st.tuples(st.floats(-3.0, 3.0), st.floats(-80.0, 80.0)), min_size=2, max_size=12)


@settings(max_examples=30)
@given(PLACES, st.sampled_from((0.0, 127.0, 180.0)))
def test_the_middle_of_a_night_is_the_median_wherever_the_antimeridian_lies(places, centre):
    off, lat = np.array(places).T.copy()
    lon = (centre + off + 180.0) % 360.0 - 180.0
    middle = night_middle(lon, lat)
    assert (middle[0] - centre + 180.0) % 360.0 - 180.0 == pytest.approx(np.median(off), abs=1e-9)
    assert middle[1] == np.median(lat)


@settings(max_examples=30)
@given(PLACES, st.integers(1, 2))
def test_ways_and_width_of_a_day_are_those_of_all_pairs(places, roosts):
    lon, lat = np.array(places).T.copy()
    n = max(len(lon) - roosts, 1)
    way_m, width_m = day_out(lon, lat, n)
    apart = arcs_m(lon, lat, lon, lat)
    assert way_m == pytest.approx(np.median(apart[n, :n]), abs=1e-3)
    assert width_m == pytest.approx(apart.max(), abs=1e-3)
