"""What is read of a tag to tell whether it lies still, and how suspicions are kept."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app.store import derived, stillness
from app.store.engine import execute
from app.store.lifeless import CONTENT
from tests.store.flock import START, Flock

HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def flock(new_database) -> Flock:
    """Give tag 1 on bird A for two stretches that touch, with fixes at 1, 2, 3, 5, 6 and 30 h."""
    flock = Flock(new_database())
    study = flock.study(flock.institute("Amur")[0], "Cranes")
    bird = flock.bird(study, "A")
    at = (START + 10 * HOUR).isoformat()
    tag = flock.tag(study, "T1", bird, f"[,{at})")
    flock.deployment(study, tag, bird, f"[{at},{(START + 20 * HOUR).isoformat()})")
    for hours in (1, 2, 3, 5, 30):
        flock.fix(study, tag, hours)
    flock.fix(study, tag, 4, live=False)
    flock.fix(study, tag, 6)
    flock.insert(
        "fix_flag", tag_id=tag, time=START + 6 * HOUR, sensor=0, variant=1, code="null-island",
        study_id=study, origin="record",
    )  # fmt: skip
    return flock


async def test_deployments_that_touch_are_one(trial) -> None:
    (worn,) = await stillness.worn(trial, 1)
    assert (worn.tag_id, worn.ends) == (1, START + 20 * HOUR)
    assert await stillness.worn(trial, 99) == []


async def test_only_what_no_hand_and_no_check_hides_tells_of_life(trial) -> None:
    (worn,) = await stillness.worn(trial, 1)
    assert await stillness.ends(trial, worn) == (START + HOUR, START + 5 * HOUR)
    track, senses = await stillness.load(trial, worn, START)
    assert [(t - int(track.time_us[0])) // 3_600_000_000 for t in track.time_us.tolist()] == [
        0, 1, 2, 4,
    ]  # fmt: skip
    assert len(senses.time_us) == 0
    later, _ = await stillness.load(trial, worn, START + 3 * HOUR)
    assert len(later) == 2
    unworn = stillness.Worn(1, START + 40 * HOUR, START + 50 * HOUR)
    assert await stillness.ends(trial, unworn) is None


def suspicion(first: float, last: float, *, dismissed: bool = False) -> stillness.Row:
    return dict.fromkeys(CONTENT, None) | {
        "tag_id": 1, "start_time": START + first * HOUR, "end_time": START + last * HOUR,
        "dismissed": dismissed, "basis": "position", "lon": 120.0, "lat": 40.0, "n_still": 9,
        "n_away": 0, "observed_s": 1.0, "days_midday": 1, "days_dark": 1, "method": "test",
        "still_radius_m": 50.0, "still_min_s": 1.0,
    }  # fmt: skip


async def test_a_suspicion_keeps_its_identity_while_it_overlaps_what_it_was(trial) -> None:
    bird = await derived.bird(trial, 1)
    ids = []
    for new, changed in (
        ([suspicion(1, 3)], [(START + HOUR, START + 3 * HOUR)]),
        ([suspicion(1, 3)], []),
        ([suspicion(1, 5)], [(START + 3 * HOUR, START + 5 * HOUR)]),
        ([suspicion(1, 5, dismissed=True)], [(START + HOUR, START + 5 * HOUR)]),
        ([suspicion(1, 6, dismissed=True)], []),
    ):
        assert await stillness.replace(trial, bird, new) == changed
        ids += [row["id"] for row in await execute(trial, "select id from lifeless")]
    assert len(ids) == 5
    assert len(set(ids)) == 1
    assert await stillness.replace(trial, bird, [suspicion(8, 9)]) == [
        (START + 8 * HOUR, START + 9 * HOUR)
    ]
    (row,) = await execute(trial, "select id from lifeless")
    assert row["id"] not in ids
    assert await stillness.replace(trial, bird, []) == [(START + 8 * HOUR, START + 9 * HOUR)]


def test_a_verdict_is_about_what_it_overlaps() -> None:
    verdict = suspicion(2, 4)
    assert stillness.about(verdict, suspicion(4, 8))
    assert not stillness.about(verdict, suspicion(5, 8))
    assert not stillness.about(verdict | {"tag_id": 2}, suspicion(2, 4))
