"""The window of a change: bounded by cuts, the same verdicts as of the whole life, read once."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.pipeline import screen as stage
from app.pipeline.known import Known
from app.pipeline.screen import _clamped, screen, shift, shown
from app.store import content
from app.store.audience import PIPELINE
from app.store.engine import execute
from app.store.windows import FAR_FUTURE, FAR_PAST, load_fixes
from app.store.work import Span
from tests.flow.conftest import START_US

START = datetime.fromtimestamp(START_US // 1_000_000, UTC)
DAY = timedelta(days=1)
ANY = st.datetimes(datetime(1800, 1, 1), datetime(2300, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - made aware
BY = st.timedeltas(timedelta(days=-200_000), timedelta(days=200_000))
WHOLE = Span(1, 1, FAR_PAST, FAR_FUTURE)


@given(ANY, BY)
def test_ashift_never_leaves_the_times_there_are(time, by) -> None:
    found = shift(time, by)
    assert FAR_PAST <= found <= FAR_FUTURE
    ages = (FAR_FUTURE - FAR_PAST).days * DAY
    assert found == _clamped(_clamped(time) + min(max(by, -ages), ages))


@given(ANY)
def test_a_time_beyond_all_is_the_end(time) -> None:
    assert _clamped(time) == (FAR_PAST if time < FAR_PAST else min(time, FAR_FUTURE))


async def test_screening_again_changes_nothing(taken_back) -> None:
    before = await content.of_bird(taken_back, 1)
    window = await screen(taken_back, WHOLE)
    assert (window.visible == window.fixes.visible).all()
    assert 0 < (~window.visible).sum() < len(window.fixes)  # some errors were simulated
    assert await content.of_bird(taken_back, 1) == before


@pytest.mark.parametrize("days", [(10, 11), (50, 52), (0, 100), (99, 120)])
async def test_a_part_gets_the_verdicts_of_the_whole(taken_back, days) -> None:
    """Whatever was shown or flagged in the part before is found again."""
    before = await content.of_bird(taken_back, 1)
    low, high = (START + day * DAY for day in days)
    between = {"low": low, "high": high}
    inside = "tag_id in (select tag_id from deployment where individual_id = 1)"
    inside += " and time >= :low and time < :high"
    await execute(taken_back, f"delete from fix_flag where origin = 'track' and {inside}", between)
    await execute(taken_back, f"update fix set visible = true where {inside}", between)
    window = await screen(taken_back, Span(1, 1, low, high))
    assert (window.from_time <= low and high <= window.to_time) or high > START + 100 * DAY
    assert await content.of_bird(taken_back, 1) == before


async def test_a_small_change_has_a_small_window(taken_back, monkeypatch) -> None:
    monkeypatch.setattr(stage, "MARGIN", timedelta(days=4))
    span = Span(1, 1, START + 50 * DAY, START + 50.1 * DAY)
    window = await screen(taken_back, span)
    whole = await load_fixes(taken_back, PIPELINE, 1)
    assert 0 < len(window.fixes) <= len(whole)
    assert window.from_time <= span.from_time < span.to_time <= window.to_time
    assert window.changed_from <= span.from_time
    inside = (whole.time_us >= window.fixes.time_us[0]) & (
        whole.time_us <= window.fixes.time_us[-1]
    )
    assert inside.sum() == len(window.fixes)  # nothing within is left out


@pytest.mark.parametrize("beyond", [False, True])
@pytest.mark.parametrize("hours", [(0, 24), (30, 31), (2000, 4000), (-100, 2)])
async def test_what_is_shown_is_the_same_from_memory_and_from_the_database(
    taken_back, hours, beyond
) -> None:
    low, high = (START + timedelta(hours=hour) for hour in hours)
    life = await screen(taken_back, WHOLE)
    held = await shown(taken_back, life, low, high, beyond=beyond)
    none = life.fixes.take(slice(0, 0))
    nothing = replace(life, known=Known(1, FAR_PAST, FAR_PAST, none))
    read = await shown(taken_back, nothing, low, high, beyond=beyond)
    for name in ("time_us", "lon", "lat", "error_m"):
        assert np.array_equal(getattr(held, name), getattr(read, name)), name
    plain = await shown(taken_back, life, low, high)
    more = len(held) - len(plain)
    assert more == 0 if not beyond else 0 <= more <= 2


async def test_a_bird_without_fixes_has_an_empty_window_without_end(taken_back) -> None:
    await execute(
        taken_back, "insert into individual (study_id, local_identifier) values (1, 'none')"
    )
    (row,) = await execute(taken_back, "select max(id) as id from individual")
    window = await screen(taken_back, Span(row["id"], 1, START, START))
    assert (len(window.fixes), window.from_time, window.to_time) == (0, FAR_PAST, FAR_FUTURE)
    assert len(await shown(taken_back, window, FAR_PAST, FAR_FUTURE, beyond=True)) == 0
