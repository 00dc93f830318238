"""Hours by cell: each hour counts once at every level, however often a tag sends."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from app.movement.density import LEVELS, PUBLIC_LEVELS, ZOOM_MAX, count_hours, level_at
from app.movement.mercator import cells_of
from app.movement.track import HOUR_US

START_US = int(datetime(2020, 1, 30, tzinfo=UTC).timestamp()) * 1_000_000


@st.composite
def tracks(draw: st.DrawFn):
    n = draw(st.integers(0, 60))
    steps = draw(arrays.arrays(np.int64, n, elements=st.integers(0, 40 * HOUR_US)))
    lon = draw(arrays.arrays(np.float64, n, elements=st.floats(-180, 180)))
    lat = draw(arrays.arrays(np.float64, n, elements=st.floats(-90, 90)))
    return START_US + np.cumsum(steps), lon, lat


@given(tracks())
def test_every_hour_is_counted_once_at_every_level(track) -> None:
    cells = count_hours(*track)
    hours = len(np.unique(track[0] // HOUR_US))
    for level in LEVELS:
        assert cells.hours[cells.level == level].sum() == hours
    assert np.all(cells.hours > 0)


@given(tracks())
def test_it_is_what_counting_one_by_one_gives(track) -> None:
    expected: Counter = Counter()
    seen = set()
    for time, lon, lat in zip(*(each.tolist() for each in track), strict=True):
        if (hour := time // HOUR_US) in seen:
            continue
        seen.add(hour)
        when = datetime.fromtimestamp(time / 1e6, UTC)
        for level in LEVELS:
            x, y = cells_of(np.array([lon]), np.array([lat]), level)
            expected[when.year, when.month, level, int(x[0]), int(y[0])] += 1
    cells = count_hours(*track)
    found = {
        (month.year, month.month, level, x, y): hours
        for month, level, x, y, hours in zip(
            cells.month.tolist(), cells.level.tolist(), cells.x.tolist(), cells.y.tolist(),
            cells.hours.tolist(), strict=True,
        )
    }  # fmt: skip
    assert found == dict(expected)
    keys = list(
        zip(cells.month.tolist(), cells.level.tolist(), cells.x.tolist(), cells.y.tolist(),
            strict=True)
    )  # fmt: skip
    assert keys == sorted(keys)


@settings(max_examples=25)
@given(tracks(), st.integers(0, 60))
def test_months_counted_apart_are_the_months_counted_together(track, cut: int) -> None:
    """A month may be counted again by itself: no other month's rows depend on it."""
    month = track[0].astype("datetime64[us]").astype("datetime64[M]")
    whole = count_hours(*track)
    for each in np.unique(month):
        part = count_hours(*(column[month == each] for column in track))
        same = whole.month == each
        for name in ("level", "x", "y", "hours"):
            assert np.array_equal(getattr(part, name), getattr(whole, name)[same])


def test_the_more_frequent_tag_weighs_no_more() -> None:
    place = np.full(120, 115.1), np.full(120, 49.7)
    minutes = START_US + np.arange(120) * 60_000_000
    often = count_hours(minutes, *place)
    seldom = count_hours(minutes[::60], *(each[::60] for each in place))
    assert often.hours.tolist() == seldom.hours.tolist() == [2] * len(LEVELS)


def test_a_tile_has_cells_smaller_than_itself() -> None:
    for zoom in range(ZOOM_MAX + 1):
        assert level_at(zoom) - zoom in (5, 6)
        assert zoom < level_at(zoom, PUBLIC_LEVELS) <= level_at(zoom)
