from __future__ import annotations

from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.movement.gaps import observed_us
from app.movement.habitat import bird_days, fix_weights_s
from app.movement.profile import GAP_MAX_S
from app.movement.track import DAY_US


@st.composite
def visits(draw):
    """Times over weeks, midnights, repeats and long silences among them."""
    minute = 60_000_000
    step = st.one_of(
        st.just(0),
        st.integers(1, 3 * DAY_US),
        st.integers(1, 15 * 1440).map(lambda m: m * minute),
        st.sampled_from([DAY_US, int(GAP_MAX_S * 1e6), int(GAP_MAX_S * 1e6) + 1]),
    )
    start = draw(st.sampled_from([0, -5 * DAY_US, 1_700_000_000_000_001, 1_700_006_400_000_000]))
    steps = draw(st.lists(step, max_size=30))
    time_us = start + np.cumsum([0, *steps]).astype(np.int64)
    n = time_us.shape[0]
    codes = st.lists(st.integers(-1, 3), min_size=n, max_size=n)
    return time_us, np.array(draw(codes)), np.array(draw(codes))


def oracle(time_us, kind, class_id):
    """Walk every interval in plain Python, with fractions."""
    use: Counter = Counter()
    for i in range(len(time_us) - 1):
        a, b = int(time_us[i]), int(time_us[i + 1])
        if b - a > GAP_MAX_S * 1e6:
            continue
        middle = Fraction(a + b, 2)
        for begin, end, fix in ((Fraction(a), middle, i), (middle, Fraction(b), i + 1)):
            at = begin
            while at < end:
                day = at // DAY_US
                until = min(end, Fraction((day + 1) * DAY_US))
                use[int(day), int(kind[fix]), int(class_id[fix])] += (until - at) / DAY_US
                at = until
    return use


@given(visits())
def test_bird_days_equal_a_plain_count(case):
    use = bird_days(*case)
    rows = zip(use.day.tolist(), use.kind.tolist(), use.class_id.tolist(), strict=True)
    got = dict(zip(rows, use.bird_days.tolist(), strict=True))
    assert got == pytest.approx({k: float(v) for k, v in oracle(*case).items()}, rel=1e-9)


@given(visits())
def test_weights_sum_to_the_observed_time(case):
    time_us, kind, class_id = case
    weights = fix_weights_s(time_us)
    assert weights.sum() * 1e6 == pytest.approx(observed_us(time_us), rel=1e-12)
    assert np.all(weights >= 0)
    use = bird_days(time_us, kind, class_id)
    assert use.bird_days.sum() * DAY_US == pytest.approx(observed_us(time_us), rel=1e-9)


@given(visits())
def test_classes_kinds_and_the_whole_agree_day_by_day(case):
    time_us, kind, class_id = case
    fine = bird_days(time_us, kind, class_id)
    whole = bird_days(time_us, np.zeros_like(kind), np.zeros_like(class_id))
    per_day = {d: fine.bird_days[fine.day == d].sum() for d in np.unique(fine.day).tolist()}
    assert per_day == pytest.approx(
        dict(zip(whole.day.tolist(), whole.bird_days.tolist(), strict=True)), rel=1e-9
    )
    assert np.all(whole.bird_days <= 1.0)
    assert np.all(fine.bird_days > 0)


@given(visits())
def test_by_class_the_weights_tell_the_same_story(case):
    time_us, kind, class_id = case
    weights, use = fix_weights_s(time_us), bird_days(time_us, kind, class_id)
    for c in np.unique(class_id):
        days = weights[class_id == c].sum() / 86_400
        assert use.bird_days[use.class_id == c].sum() == pytest.approx(days, rel=1e-6, abs=1e-12)


@pytest.mark.parametrize("n", [0, 1])
def test_fewer_than_two_fixes_stand_for_no_time(n):
    time_us, code = np.arange(n, dtype=np.int64), np.zeros(n, dtype=np.int64)
    assert fix_weights_s(time_us).tolist() == [0.0] * n
    assert bird_days(time_us, code, code).bird_days.shape == (0,)


def test_a_silence_just_over_the_limit_counts_for_nothing():
    limit = int(GAP_MAX_S * 1e6)
    assert fix_weights_s(np.array([0, limit])).sum() == GAP_MAX_S
    assert fix_weights_s(np.array([0, limit + 1])).sum() == 0.0
