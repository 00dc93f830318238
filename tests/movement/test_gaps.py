from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from app.movement.gaps import GAP_MAX_US, gap_before, longest_gap_us, observed_us, parts

times = st.lists(st.integers(0, 2 * GAP_MAX_US), max_size=30).map(
    lambda steps: np.cumsum(np.array(steps, dtype=np.int64))
)


@given(times)
def test_parts_hold_each_fix_once_and_no_long_gap(time_us):
    found = parts(time_us)
    assert [i for a, b in found for i in range(a, b + 1)] == list(range(time_us.shape[0]))
    assert all(np.diff(time_us[a : b + 1]).max(initial=0) <= GAP_MAX_US for a, b in found)
    between = pairwise(found)
    assert all(time_us[b[0]] - time_us[a[1]] > GAP_MAX_US for a, b in between)


@given(times)
def test_observed_time_is_that_of_the_parts(time_us):
    assert observed_us(time_us) == sum(int(time_us[b] - time_us[a]) for a, b in parts(time_us))
    assert gap_before(time_us).sum() == max(len(parts(time_us)) - 1, 0)


def test_a_silence_of_exactly_the_limit_is_bridged():
    assert parts(np.array([0, GAP_MAX_US])) == [(0, 1)]
    assert parts(np.array([0, GAP_MAX_US + 1])) == [(0, 0), (1, 1)]
    assert longest_gap_us(np.array([0, 5, 7])) == 5
    assert longest_gap_us(np.array([3])) == 0
