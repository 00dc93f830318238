"""What a bird is in the morning: told by its habit, and by silences near where it was last seen."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.store import morning
from app.store.audience import Audience
from app.store.engine import Store
from app.store.morning import STATES, habit, state
from tests.store.flock import START, Flock

SECONDS = st.floats(0, 1e7)
MAYBE = st.none() | SECONDS
WEEK_S = 7 * 86_400


@st.composite
def rows(draw: st.DrawFn) -> dict:
    interval = draw(MAYBE)
    return {
        "still_since": None, "silence_s": draw(SECONDS), "silence_before_s": draw(MAYBE),
        "interval_usual_s": interval, "lag_p95_s": draw(MAYBE),
        "silence_usual_s": None if interval is None else interval + draw(SECONDS),
        "doing": draw(st.sampled_from(["moving", "stopover", "roosting"])),
    }  # fmt: skip


def told(row: dict) -> str:
    return state(row | habit(row))


@given(rows(), st.floats(1, 1e6))
def test_who_is_silent_for_longer_is_never_better_off(row: dict, more: float) -> None:
    worse = told(row | {"silence_s": row["silence_s"] + more})
    assert STATES.index(worse) <= STATES.index(told(row))


@given(rows())
def test_a_silence_is_unexpected_beyond_the_habit_alone(row: dict) -> None:
    if told(row) == "silent_unexpectedly":
        assert row["silence_s"] > habit(row)["silence_expected_s"]
        assert habit(row)["days_beyond_habit"] > 0
        assert row["silence_before_s"] is None or row["silence_before_s"] < row["silence_s"]
    if row["interval_usual_s"] is None:
        assert habit(row)["silence_expected_s"] == WEEK_S
        assert (told(row) == row["doing"]) == (row["silence_s"] <= WEEK_S)


@given(rows())
def test_a_tag_that_lies_still_comes_before_all_else(row: dict) -> None:
    assert told(row | {"still_since": START}) == STATES[0]
    assert told(row | {"silence_s": None}) == "not_heard_yet"


@pytest.mark.parametrize(
    ("lon", "days", "expected"),
    [(127.0, 20, "silent_as_expected"), (127.0, 9, "silent_unexpectedly"),
     (128.0, 20, "silent_unexpectedly")],
)  # fmt: skip
async def test_where_a_bird_was_silent_before_and_came_back_silence_is_expected(
    flock: Flock, store: Store, lon: float, days: int, expected: str
) -> None:
    study = flock.study(flock.institute(f"I {lon} {days}")[0], f"Cranes {lon} {days}")
    bird, other = flock.bird(study, "A"), flock.bird(study, "B")
    flock.tag(study, f"T {lon} {days}", bird)
    flock.latest_fix(study, bird, (127.0, 38.0))
    last = START + timedelta(days=40)
    flock.track_part(
        study, other, f"MULTILINESTRING(({lon} 38,120 45))", observed=False,
        time_first=START, time_last=START + timedelta(days=days),
    )  # fmt: skip
    async with store.read() as conn:
        (row,) = await morning.birds(
            conn, Audience("institute", exact=(study,)), now=last + timedelta(days=10)
        )
    assert row["state"] == expected
