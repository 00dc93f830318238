from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.movement.phenology import BIRDS_MIN, quantile_dates, trend

BIRDS = range(1, 13)


def days_around(middle, seed, n):
    off = np.random.default_rng(seed).normal(0.0, 6.0, n).round().astype(int)
    return [middle + timedelta(days=int(each)) for each in off]


def test_quantiles_are_those_of_the_days_across_the_new_year():
    days = [date(2020, 12, 28) + timedelta(days=n) for n in range(10)]
    found = quantile_dates(days, [1] * 10, [1] * 10)
    assert [q.date for q in found.quantiles] == ["12-28", "01-01", "01-05"]
    assert (found.n, found.n_birds, found.n_families) == (10, 1, 1)


def test_no_interval_below_ten_birds():
    few, enough = range(BIRDS_MIN - 1), range(BIRDS_MIN)
    for birds, told in ((few, False), (enough, True)):
        found = quantile_dates(days_around(date(2021, 3, 9), 1, len(birds)), birds, birds)
        assert all((q.low is not None) == (q.high is not None) == told for q in found.quantiles)
    alone = quantile_dates(days_around(date(2021, 3, 9), 1, 10), enough, [1] * 10)
    assert all(q.low is None for q in alone.quantiles)  # one family tells of no other


def test_intervals_hold_the_true_median_in_most_flocks():
    held = 0
    for seed in range(60):
        found = quantile_dates(days_around(date(2021, 3, 20), seed, 12), BIRDS, BIRDS)
        middle = found.quantiles[1]
        held += middle.low <= "03-20" <= middle.high
    assert held >= 50


@settings(max_examples=40)
@given(st.lists(st.tuples(st.dates(date(2015, 1, 1), date(2024, 12, 31)), st.integers(1, 14)),
                min_size=1, max_size=40), st.randoms(use_true_random=False))  # fmt: skip
def test_order_and_year_are_immaterial_and_the_shares_ascend(rows, random):
    one = quantile_dates([d for d, _ in rows], [b for _, b in rows], [b // 2 for _, b in rows])
    random.shuffle(rows)
    other = quantile_dates([d for d, _ in rows], [b for _, b in rows], [b // 2 for _, b in rows])
    assert one == other
    assert {q.date for q in one.quantiles} <= {f"{d:%m-%d}" for d, _ in rows}


def tracked(birds, years):
    return {(b, y) for b in birds for y in years}


def test_use_is_told_by_tracked_bird_and_not_by_how_many_tags_there_were():
    """Twice the birds bring twice the bird-days: the site is used as before."""
    seen = tracked(range(10), [2020]) | tracked(range(20), [2021]) | tracked(range(40), [2022])
    use = {(b, y): 5.0 for b, y in seen if b % 2 == 0}
    found = trend(use, seen, lambda bird: bird)
    assert [y.bird_days for y in found.years] == [25.0, 50.0, 100.0]
    assert [y.bird_days_per_tracked for y in found.years] == [2.5] * 3
    assert found.per_year == 0.0 and found.low <= 0.0 <= found.high


def test_a_decline_is_told_with_its_interval_and_years_of_no_birds_say_nothing():
    years = [2018, 2019, 2021, 2022, 2023]
    seen = tracked(range(12), years)
    use = {(b, y): 40.0 - 6.0 * (y - 2018) + b for b, y in seen}
    found = trend(use, seen, lambda bird: bird // 2)
    assert [y.year for y in found.years] == years
    assert found.per_year == pytest.approx(-6.0)
    assert found.low <= -6.0 <= found.high < 0.0


@pytest.mark.parametrize(("birds", "years"), [(12, 2), (9, 4)])
def test_few_years_have_no_trend_and_few_birds_no_interval(birds, years):
    seen = tracked(range(birds), range(2020, 2020 + years))
    found = trend({(0, 2020): 3.0}, seen, lambda bird: bird)
    assert (found.per_year is None) == (years < 3)
    assert found.low is None and found.high is None
