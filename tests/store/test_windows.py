"""Fixes of one bird as arrays: through what it wore when, live, in order, for who may read them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.store import windows
from app.store.audience import PIPELINE, Audience
from app.store.engine import execute
from tests.store.flock import START, Flock

HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def flock(new_database) -> Flock:
    """Give bird 1 with tag 1 until hour 10 and tag 2 from hour 20, and bird 2 with tag 1 after."""
    flock = Flock(new_database())
    study = flock.study(flock.institute("Amur")[0], "Cranes", "open")
    first, second = (flock.bird(study, name) for name in "AB")
    at = {hour: (START + hour * HOUR).isoformat() for hour in (10, 20)}
    flock.tag(study, "T1", first, f"[,{at[10]})")
    flock.deployment(study, 1, second, f"[{at[10]},)")
    flock.tag(study, "T2", first, f"[{at[20]},)")
    flock.deployment(study, 1, first, "[,)", replaced_at=START)
    for tag in (1, 2):
        for hour in (5, 9, 10, 19, 20, 25):
            flock.fix(study, tag, hour, (100.0 + hour, tag))
    flock.fix(study, 1, 6, variant=2, live=False)
    flock.fix(study, 1, 7, variant=-5, sensor=2, visible=False)
    for hour, origin in ((5, "record"), (9, "track")):
        flock.insert("fix_flag", tag_id=1, time=START + hour * HOUR, sensor=0, variant=1,
                     code="c", study_id=study, origin=origin)  # fmt: skip
    for tag, hour, verdict, undone in ((1, 5, "show", None), (1, 9, "hide", None),
                                       (2, 20, "hide", START)):  # fmt: skip
        flock.insert("fix_verdict", study_id=study, tag_id=tag, time=START + hour * HOUR, sensor=0,
                     variant=1, verdict=verdict, reason="r", decided_by="d",
                     undone_at=undone)  # fmt: skip
    return flock


def hours(fixes: windows.Fixes) -> list[tuple[int, int]]:
    times = ((fixes.time_us - windows.micros(START)) // 3_600_000_000).tolist()
    return list(zip(times, fixes.tag_id.tolist(), strict=True))


async def test_a_bird_has_the_fixes_of_what_it_wore(trial) -> None:
    found = await windows.load_fixes(trial, PIPELINE, 1)
    assert hours(found) == [(5, 1), (7, 1), (9, 1), (20, 2), (25, 2)]
    assert found.track.lon.tolist() == [105.0, 127.0, 109.0, 120.0, 125.0]
    assert (found.variant.tolist(), found.sensor.tolist()) == ([1, -5, 1, 1, 1], [0, 2, 0, 0, 0])
    assert hours(await windows.load_fixes(trial, PIPELINE, 2)) == [
        (10, 1), (19, 1), (20, 1), (25, 1)
    ]  # fmt: skip


async def test_hands_and_records_say_what_is_hidden(trial) -> None:
    found = await windows.load_fixes(trial, PIPELINE, 1)
    assert found.marked.tolist() == [True, False, False, False, False]
    assert found.verdict.tolist() == [1, 0, -1, 0, 0]
    assert found.visible.tolist() == [True, False, True, True, True]
    # A flag of the record is overruled by hand; a verdict hides; a flag of the track does neither.
    assert found.hidden.tolist() == [False, False, True, False, False]


@pytest.mark.parametrize(
    ("low", "high", "found"), [(5, 9, [5, 7]), (5, 9.001, [5, 7, 9]), (8, 8, []), (10, 20, [])]
)
async def test_a_span_is_half_open(trial, low, high, found) -> None:
    fixes = await windows.load_fixes(trial, PIPELINE, 1, START + low * HOUR, START + high * HOUR)
    assert [hour for hour, _ in hours(fixes)] == found
    assert len(fixes) == len(found)


@pytest.mark.parametrize(
    ("audience", "n"),
    [(Audience("institute", 1, 1, exact=(1,)), 5), (Audience("public", open=(1,)), 0),
     (Audience("institute", 2, 2, exact=(2,), open=(1,)), 0), (Audience("public"), 0)],
)  # fmt: skip
async def test_only_who_reads_the_study_in_full_reads_fixes(trial, audience, n) -> None:
    assert len(await windows.load_fixes(trial, audience, 1)) == n


async def test_of_one_time_the_order_is_that_of_the_names_of_tags(trial) -> None:
    await execute(trial, "update deployment set individual_id = 2 where tag_id = 2")
    await execute(trial, "update tag set local_identifier = 'SN' where id = 2")
    found = hours(await windows.load_fixes(trial, PIPELINE, 2))
    assert found == [(10, 1), (19, 1), (20, 2), (20, 1), (25, 2), (25, 1)]


async def test_no_bird_has_no_fixes(trial) -> None:
    assert len(await windows.load_fixes(trial, PIPELINE, 999)) == 0


async def test_taking_some_takes_them_of_every_array(trial) -> None:
    found = await windows.load_fixes(trial, PIPELINE, 1)
    some = found.take(found.visible)
    assert hours(some) == [(5, 1), (9, 1), (20, 2), (25, 2)]
    assert some.marked.tolist() == [True, False, False, False]
    assert hours(found.take(slice(1, 3))) == [(7, 1), (9, 1)]


@pytest.mark.parametrize(
    ("hour", "before", "after"),
    [(0, None, 5), (5, None, 5), (5.5, 5, 9), (7, 5, 9), (9.5, 9, 20), (10, 9, 20), (26, 25, None)],
)
async def test_the_nearest_shown_fix_is_the_birds_own(trial, hour, before, after) -> None:
    time = START + hour * HOUR
    for way, wanted in ((True, before), (False, after)):
        found = await windows.visible_near(trial, 1, time, before=way)
        assert found == (None if wanted is None else START + wanted * HOUR)
    for way in (True, False):
        assert await windows.visible_near(trial, 999, time, before=way) is None


@given(st.integers(0, 300 * 366 * 86_400 * 10**6))
def test_times_and_microseconds_are_the_same(passed_us: int) -> None:
    time = datetime(1900, 1, 1, tzinfo=UTC) + timedelta(microseconds=passed_us)
    assert windows.instant(windows.micros(time)) == time
    assert windows.micros(time) == np.datetime64(time.replace(tzinfo=None), "us").astype(np.int64)
