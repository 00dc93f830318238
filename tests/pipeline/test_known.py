"""What was read of a bird's shown fixes answers as the database would, however it was asked."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from app.pipeline import known
from app.pipeline.known import Known
from app.store.audience import PIPELINE
from app.store.windows import FAR_FUTURE, FAR_PAST, instant, load_fixes, visible_near


@pytest.fixture
async def part(taken_back):
    """Give the fixes of a bird, and what is known of a part of them."""
    whole = await load_fixes(taken_back, PIPELINE, 1)
    begin = instant(whole.time_us[0])
    low, high = begin + timedelta(days=30), begin + timedelta(days=60)
    own = await load_fixes(taken_back, PIPELINE, 1, low, high)
    return begin, Known(1, low, high, own.take(own.visible))


@pytest.mark.parametrize("asked", [[(40, 50)], [(10, 35), (5, 80), (20, 70)], [(0, 9), (70, 90)]])
async def test_it_gives_what_is_stored(taken_back, part, asked) -> None:
    begin, found = part
    for first, last in asked:
        low, high = begin + timedelta(days=first), begin + timedelta(days=last)
        ours = await found.between(taken_back, low, high)
        stored = await load_fixes(taken_back, PIPELINE, 1, low, high)
        stored = stored.take(stored.visible)
        assert len(ours) > 10
        assert np.array_equal(ours.time_us, stored.time_us)
        assert np.array_equal(ours.track.lon, stored.track.lon)
        assert np.array_equal(ours.sensor, stored.sensor)


async def test_the_nearest_fixes_are_those_of_the_database(taken_back, part) -> None:
    begin, found = part
    for day in (-1, 0, 29, 30, 31, 45.3, 60, 61, 400):
        for before in (True, False):
            time = begin + timedelta(days=day)
            theirs = await visible_near(taken_back, 1, time, before=before)
            assert await found.near(taken_back, time, before=before) == theirs, (day, before)


async def test_what_is_known_is_not_read_again(taken_back, part, monkeypatch) -> None:
    begin, found = part
    await found.between(taken_back, FAR_PAST, FAR_FUTURE)
    monkeypatch.delattr(known, "load_fixes")
    monkeypatch.delattr(known, "visible_near")
    assert len(await found.between(taken_back, FAR_PAST, FAR_FUTURE)) > 100
    assert await found.near(taken_back, begin, before=True) is None
    assert await found.near(taken_back, FAR_FUTURE, before=False) is None
