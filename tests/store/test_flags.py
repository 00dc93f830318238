"""Flags of the track: those given stand within the span; no other bird's are touched."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.store import flags
from app.store.audience import PIPELINE
from app.store.engine import execute
from app.store.windows import load_fixes
from app.store.work import Span
from tests.store.flock import START, Flock

HOUR = timedelta(hours=1)
N = 8


@pytest.fixture(scope="module")
def flock(new_database) -> Flock:
    """Give a tag with fixes at hours 0 to 15: bird 1 wore it for eight hours, then bird 2."""
    flock = Flock(new_database())
    study = flock.study(flock.institute("Amur")[0], "Cranes")
    first, second = (flock.bird(study, name) for name in "AB")
    swap = (START + N * HOUR).isoformat()
    flock.tag(study, "T", first, f"[,{swap})")
    flock.deployment(study, 1, second, f"[{swap},)")
    for hour in range(2 * N):
        flock.fix(study, 1, hour)
    flock.insert("fix_flag", tag_id=1, time=START, sensor=0, variant=1, code="null-island",
                 study_id=study, origin="record")  # fmt: skip
    return flock


async def replace(conn, flagged: dict[int, str], *, bird: int = 1, between=(0, 2 * N)) -> None:
    """Let these codes by hour stand for a bird between two hours."""
    fixes = await load_fixes(conn, PIPELINE, bird)
    base = 0 if bird == 1 else N
    index = np.array([hour - base for hour in sorted(flagged)], dtype=np.int64)
    await flags.replace_track_flags(
        conn, Span(bird, 1, START, START), fixes, index,
        between=(START + between[0] * HOUR, START + between[1] * HOUR),
        codes=[flagged[hour] for hour in sorted(flagged)],
        details=[f"at {hour}" for hour in sorted(flagged)],
    )  # fmt: skip


async def standing(conn) -> dict[int, str]:
    rows = await execute(
        conn, "select time, code, detail from fix_flag where origin = 'track' order by time"
    )
    return {(row["time"] - START) // HOUR: row["code"] for row in rows}


FLAGGED = st.dictionaries(st.integers(0, N - 1), st.sampled_from(["speed", "spike"]), max_size=5)
STEPS = st.lists(
    st.tuples(st.tuples(st.integers(0, N), st.integers(0, N)).map(sorted), FLAGGED), max_size=5
)


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS)
async def test_the_last_flags_given_for_a_span_stand(flock, steps) -> None:
    async with flock.trial() as trial:
        await replace(trial, {N: "speed", N + 3: "spike"}, bird=2)
        wanted: dict[int, str] = {}
        for (low, high), flagged in steps:
            given_now = {hour: code for hour, code in flagged.items() if low <= hour < high}
            await replace(trial, given_now, between=(low, high))
            wanted = {h: c for h, c in wanted.items() if not low <= h < high} | given_now
            assert await standing(trial) == wanted | {N: "speed", N + 3: "spike"}
        assert len(await execute(trial, "select 1 from fix_flag where origin = 'record'")) == 1


async def test_equal_flags_are_not_written_again(trial) -> None:
    version = "select ctid::text from fix_flag where origin = 'track'"
    await replace(trial, {2: "speed"})
    before = await execute(trial, version)
    await replace(trial, {2: "speed"})
    assert await execute(trial, version) == before


async def test_a_fix_that_is_live_no_more_loses_its_flag(trial) -> None:
    await replace(trial, {2: "speed", 3: "speed"})
    await execute(trial, "update fix set live = false where time = :t", {"t": START + 2 * HOUR})
    await replace(trial, {})
    assert await standing(trial) == {}


async def test_only_fixes_that_change_are_shown_or_hidden(trial) -> None:
    fixes = await load_fixes(trial, PIPELINE, 1)
    visible = np.array([hour not in {1, 4} for hour in range(N)])
    before = await execute(trial, "select time, ctid::text as v from fix order by time")
    await flags.show(trial, fixes, visible)
    after = await execute(trial, "select time, visible, ctid::text as v from fix order by time")
    assert [row["visible"] for row in after] == [*visible.tolist(), *[True] * N]
    moved = [n for n, (a, b) in enumerate(zip(before, after, strict=True)) if a["v"] != b["v"]]
    assert moved == [1, 4]
    again = await load_fixes(trial, PIPELINE, 1)
    await flags.show(trial, again, np.ones(N, dtype=np.bool_))
    assert len(await execute(trial, "select 1 from fix where not visible")) == 0
