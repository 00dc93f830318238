"""Habitat use: exact sums, and the same answer as counting interval by interval."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from app.movement.gaps import GAP_MAX_US, observed_us
from app.movement.habitat import bird_days, day_pieces
from app.movement.track import DAY_US, HOUR_US

steps = st.one_of(
    st.integers(0, 10),
    st.integers(0, 3 * HOUR_US),
    st.integers(0, 2 * GAP_MAX_US),
    st.sampled_from([GAP_MAX_US, GAP_MAX_US + 1, DAY_US, DAY_US - 1]),
)


@st.composite
def tracks(draw):
    start = draw(st.integers(-3 * DAY_US, 3 * DAY_US))
    time_us = np.cumsum([start, *draw(st.lists(steps, max_size=25))], dtype=np.int64)
    labels = st.lists(st.integers(-1, 3), min_size=len(time_us), max_size=len(time_us))
    return time_us, np.array(draw(labels)), np.array(draw(labels))


def counted(time_us, kind, class_id) -> Counter:
    """The slow way: walk along every interval, half for each end, from midnight to midnight."""
    found: Counter = Counter()
    times = [int(t) for t in time_us]
    for i in range(len(times) - 1):
        a, b = times[i], times[i + 1]
        if b - a > GAP_MAX_US:
            continue
        middle = a + (b - a) // 2
        for fix, begin, end in ((i, a, middle), (i + 1, middle, b)):
            start = begin
            while start < end:
                day = start // DAY_US
                until = min(end, (day + 1) * DAY_US)
                found[day, int(kind[fix]), int(class_id[fix])] += until - start
                start = until
    return found


def as_counter(days) -> Counter:
    keys = zip(days.day.tolist(), days.kind.tolist(), days.class_id.tolist(), strict=True)
    return Counter(dict(zip(keys, days.time_us.tolist(), strict=True)))


@given(tracks())
def test_equals_the_count_interval_by_interval(case):
    time_us, kind, class_id = case
    found = bird_days(day_pieces(time_us), kind, class_id)
    assert as_counter(found) == counted(time_us, kind, class_id)


def weights_of(time_us):
    """Sum the pieces of each fix: the time that it stands for."""
    pieces = day_pieces(time_us)
    out = np.zeros(len(time_us), dtype=np.int64)
    np.add.at(out, pieces.fix, pieces.time_us)
    return out


def halves(time_us):
    """Give each fix half of every interval it bounds, the odd microsecond to the later one."""
    out = [0] * len(time_us)
    for k, (a, b) in enumerate(itertools.pairwise(time_us.tolist())):
        if b - a <= GAP_MAX_US:
            out[k] += (b - a) // 2
            out[k + 1] += b - a - (b - a) // 2
    return out


@given(tracks())
def test_every_observed_microsecond_counts_once(case):
    time_us, kind, class_id = case
    pieces = day_pieces(time_us)
    weights = weights_of(time_us)
    assert weights.sum() == observed_us(time_us)
    assert np.array_equal(weights, halves(time_us))
    assert (pieces.time_us > 0).all()
    assert (pieces.time_us <= DAY_US).all()
    days = bird_days(pieces, kind, class_id)
    assert days.time_us.sum() == weights.sum()


@given(tracks(), st.integers(0, 25), st.integers(0, 25))
def test_days_computed_from_a_part_of_the_track_equal_the_whole(case, first, more):
    """The days between two fixes need those fixes and one neighbour on either side."""
    time_us, kind, class_id = case
    first = min(first, len(time_us) - 1)
    last = min(first + more, len(time_us) - 1)
    low, high = time_us[first] // DAY_US, time_us[last] // DAY_US
    inside = np.flatnonzero((time_us // DAY_US >= low) & (time_us // DAY_US <= high))
    part = slice(max(inside[0] - 1, 0), inside[-1] + 2)
    whole = bird_days(day_pieces(time_us), kind, class_id)
    some = bird_days(day_pieces(time_us[part]), kind[part], class_id[part])

    def within(days):
        return {k: v for k, v in as_counter(days).items() if low <= k[0] <= high}

    assert within(some) == within(whole)


def test_a_gap_counts_for_nobody():
    time_us = np.array([0, HOUR_US, HOUR_US + GAP_MAX_US + 1, 3 * HOUR_US + GAP_MAX_US + 1])
    assert weights_of(time_us).tolist() == [
        HOUR_US // 2, HOUR_US // 2, HOUR_US, HOUR_US
    ]  # fmt: skip


def test_an_interval_over_midnight_is_split_there():
    time_us = np.array([DAY_US - HOUR_US, DAY_US + 3 * HOUR_US])
    found = bird_days(day_pieces(time_us), np.array([0, 1]), np.array([5, 6]))
    assert as_counter(found) == {
        (0, 0, 5): HOUR_US, (1, 0, 5): HOUR_US, (1, 1, 6): 2 * HOUR_US
    }  # fmt: skip


def test_less_than_two_fixes_take_no_time():
    for time_us in (np.array([], dtype=np.int64), np.array([7], dtype=np.int64)):
        labels = np.zeros(len(time_us), dtype=np.int64)
        assert weights_of(time_us).tolist() == [0] * len(time_us)
        found = bird_days(day_pieces(time_us), labels, labels)
        assert found.day.shape == found.time_us.shape == (0,)
