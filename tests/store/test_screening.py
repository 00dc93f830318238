"""Screening as the owner of a bird reads it, and trials of other parameters."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from app.errors import NotFound
from app.store import screening, work
from app.store.audience import Audience
from app.store.engine import execute
from tests.store.flock import START, Flock, ref_of

OWNER = Audience("institute", 1, 1, exact=(1,))
OPEN = Audience("institute", 2, 2, exact=(2,), open=(1,))
BIRD = ref_of("bird", 1, "A")
HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def flock(new_database) -> Flock:
    """Give tag 1 on bird A for ten hours: fixes at 1 to 4 and 20, of which 3 and 20 are flagged."""
    flock = Flock(new_database())
    study = flock.study(flock.institute("Amur")[0], "Cranes", "open")
    flock.study(flock.institute("Other")[0], "Others")
    during = f"[,{(START + 10 * HOUR).isoformat()})"
    tag = flock.tag(study, "T1", flock.bird(study, "A"), during)
    for hours in (1, 2):
        flock.fix(study, tag, hours)
    for hours in (3, 20):
        flock.fix(study, tag, hours, visible=False)
        flock.insert(
            "fix_flag", tag_id=tag, time=START + hours * HOUR, sensor=0, variant=1, code="spike",
            study_id=study, origin="track",
        )  # fmt: skip
    flock.fix(study, tag, 4, live=False)
    return flock


async def test_fixes_and_flags_are_counted_while_the_bird_wore_the_tag(trial) -> None:
    bird = await screening.own(trial, OWNER, BIRD)
    found = await screening.counts(trial, OWNER, bird)
    assert found == {"fixes": 3, "shown": 2, "flagged": {"spike": 1}}


async def test_an_opened_study_is_not_ones_own(trial) -> None:
    with pytest.raises(NotFound):
        await screening.own(trial, OPEN, BIRD)
    with pytest.raises(NotFound):
        await screening.ask(trial, OPEN, BIRD, {"speed_max_m_s": 20.0})


async def test_a_trial_waits_until_it_is_answered(trial) -> None:
    asked = await screening.ask(trial, OWNER, BIRD, {"speed_max_m_s": 20.0})
    assert (asked["individual"], asked["said"], asked["found"]) == (
        "A", {"speed_max_m_s": 20.0}, None,
    )  # fmt: skip
    (number,) = (await work.waiting(trial, limit=9)).trials
    taken = await screening.take(trial, number)
    assert taken == {"individual_id": 1, "study_id": 1, "said": {"speed_max_m_s": 20.0}}
    await screening.answer(trial, number, {"fixes": 3})
    assert (await screening.trial(trial, OWNER, asked["ref"]))["found"] == {"fixes": 3}
    assert await screening.take(trial, number) is None
    assert (await work.waiting(trial, limit=9)).trials == []
    for audience, ref in ((OPEN, asked["ref"]), (OWNER, uuid4())):
        with pytest.raises(NotFound):
            await screening.trial(trial, audience, ref)


async def test_old_trials_go_when_a_new_one_is_asked_for(trial) -> None:
    old = await screening.ask(trial, OWNER, BIRD, {})
    await execute(trial, "update screening_trial set asked_at = now() - interval '25 hours'")
    await screening.ask(trial, OWNER, BIRD, {})
    with pytest.raises(NotFound):
        await screening.trial(trial, OWNER, old["ref"])
