"""How tags and sources send, against the plain arithmetic of Python."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from app.errors import NotFound
from app.store import sending
from app.store.audience import Audience
from tests.store.flock import Flock, ref_of

NOW = datetime.now(UTC)
OWNER = Audience("institute", 1, 1, frozenset({"read"}), exact=(1,))
STRANGER = Audience("institute", 2, 2, frozenset({"read"}), exact=(2,), open=(1,))
RNG = np.random.default_rng(4)
AGES_H = np.cumsum(RNG.uniform(1, 4, 60))[::-1] + 3.0
LAGS_S = RNG.uniform(10, 3_000, 60)


@pytest.fixture(scope="module")
def flock(new_database) -> Flock:
    """Give a tag whose 60 fixes came by a source, one a push; and one that sent twice."""
    flock = Flock(new_database())
    for number, name in enumerate(("Own", "Theirs"), start=1):
        flock.study(flock.institute(name)[0], name, "open")
        flock.insert("source", study_id=number, name="gate", scheme="token", secrets=[b"x"],
                     ref=ref_of("source", number))  # fmt: skip
    flock.tag(1, "steady", flock.bird(1, "A"))
    flock.tag(1, "shy")
    for n, (age, lag) in enumerate(zip(AGES_H, LAGS_S, strict=True)):
        time = NOW - timedelta(hours=age)
        _sent(flock, n, time, time + timedelta(seconds=lag))
    for n in (98, 99):
        _sent(flock, n, NOW - timedelta(hours=n), NOW, tag=2, source=None)
    return flock


def _sent(flock: Flock, n: int, time: datetime, received: datetime, *, tag=1, source=1) -> None:
    push = flock.insert("push", study_id=1, source_id=source, digest=bytes([n]), size_bytes=1,
                        received_at=received)  # fmt: skip
    made = flock.insert(
        "decoding", study_id=1, push_id=push, number=1, tz="UTC", state="processed",
        tag_ids=[tag], time_first=time, time_last=time,
    )  # fmt: skip
    flock.fix(1, tag, 0, time=time, decoding_id=made)


async def test_the_habit_of_a_tag(trial) -> None:
    found = await sending.of_tag(trial, OWNER, ref_of("tag", "steady"))
    steps = -np.diff(AGES_H) * 3600
    assert found["interval_usual_s"] == pytest.approx(np.percentile(steps, 50), abs=0.01)
    assert found["silence_usual_s"] == pytest.approx(np.percentile(steps, 99), abs=0.01)
    assert found["lag_median_s"] == pytest.approx(np.percentile(LAGS_S, 50), abs=0.01)
    assert found["lag_p95_s"] == pytest.approx(np.percentile(LAGS_S, 95), abs=0.01)
    since_s = (datetime.now(UTC) - NOW).total_seconds()  # the module was read long before, maybe
    assert found["silence_s"] == pytest.approx(AGES_H[-1] * 3600 + since_s, abs=60)
    assert (found["n_fixes"], found["worn"]) == (60, True)
    assert found["silent"] is (found["silence_s"] > found["silence_usual_s"] + found["lag_p95_s"])


@pytest.mark.parametrize(("hours", "silent"), [(1, False), (100, True)])
async def test_a_tag_is_silent_by_its_own_habit(flock, trial, hours, silent) -> None:
    shift = timedelta(hours=hours - AGES_H[-1])
    await trial.exec_driver_sql(
        "update fix set time = time - $1::interval where tag_id = 1", (shift,)
    )
    assert (await sending.of_tag(trial, OWNER, ref_of("tag", "steady")))["silent"] is silent


async def test_two_fixes_make_no_habit(trial) -> None:
    found = await sending.of_tag(trial, OWNER, ref_of("tag", "shy"))
    assert (found["interval_usual_s"], found["silent"], found["worn"]) == (None, None, False)
    assert found["n_fixes"] == 2


async def test_the_habit_of_a_source(trial) -> None:
    found = await sending.of_source(trial, OWNER, ref_of("source", 1))
    received = np.sort(AGES_H * 3600 - LAGS_S)
    assert found["interval_usual_s"] == pytest.approx(np.percentile(np.diff(received), 50), abs=1)
    assert found["lag_median_s"] == pytest.approx(np.percentile(LAGS_S, 50), abs=0.01)
    assert (found["n_pushes"], found["n_fixes"]) == (60, 60)


async def test_a_source_that_never_sent(trial) -> None:
    stranger = await sending.of_source(trial, STRANGER, ref_of("source", 2))
    assert (stranger["n_pushes"], stranger["silent"], stranger["lag_p95_s"]) == (0, None, None)


async def test_nobody_else_learns_how_a_tag_sends(trial) -> None:
    with pytest.raises(NotFound):
        await sending.of_tag(trial, STRANGER, ref_of("tag", "steady"))
    with pytest.raises(NotFound):
        await sending.of_source(trial, STRANGER, ref_of("source", 1))
