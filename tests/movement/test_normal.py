from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtr

from app.movement.normal import distribution


@given(st.floats(-40.0, 40.0))
def test_it_is_the_distribution_function(z):
    assert abs(distribution(z) - ndtr(z)) < 1e-11


@given(st.floats(-6.0, 6.0), st.floats(1e-4, 1.0))
def test_every_stretch_holds_something(z, wide):
    share = distribution(z + wide) - distribution(z)
    np.testing.assert_allclose(share, ndtr(z + wide) - ndtr(z), rtol=1e-3, atol=1e-12)


def test_what_is_beyond_the_table_or_no_number():
    found = [distribution(z) for z in (-np.inf, -7.0, 7.0, np.inf, np.nan)]
    np.testing.assert_allclose(found, [0.0, 0.0, 1.0, 1.0, np.nan], atol=1e-11)
