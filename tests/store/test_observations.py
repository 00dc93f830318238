"""Corrections of observers: about what, in force until when, and what is derived again for them."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from app.errors import BadInput, NotFound
from app.store import observations
from app.store.audience import Audience
from app.store.engine import execute
from app.store.observations import Correction
from tests.store.flock import DAY, START, Flock, ref_of

OWNER = Audience("institute", 1, 1, frozenset({"manage"}), exact=(1,))
OTHER = Audience("institute", 2, 2, frozenset({"manage"}), exact=(2,), open=(1,))


@pytest.fixture(scope="module")
def flock(new_database) -> Flock:
    """Give bird A with a season of ten days."""
    flock = Flock(new_database())
    study = flock.study(flock.institute("Amur")[0], "Cranes", "open")
    bird = flock.bird(study, "A")
    flock.insert(
        "season", individual_id=bird, study_id=study, season="2020-spring", species_key="default",
        start_time=START, end_time=START + 10 * DAY, basis="track", confidence=0.9,
        release_at=START + 20 * DAY,
    )  # fmt: skip
    return flock


SPRING = {"individual": ref_of("bird", 1, "A"), "season": "2020-spring"}


async def correct(conn, audience=OWNER, **said):
    return await observations.correct(
        conn, audience, "season", SPRING, Correction(said, "Sokolova", "seen from the hide")
    )


async def dirty(conn):
    rows = await execute(conn, "select from_time, to_time from dirty")
    return [(row["from_time"], row["to_time"]) for row in rows]


async def test_a_correction_is_in_force_until_it_is_taken_back(trial) -> None:
    made = await correct(trial, start_time=START - DAY)
    assert made["said"] == {"start_time": (START - DAY).isoformat()}
    assert (made["about_start"], made["about_end"]) == (START, START + 10 * DAY)
    assert (made["reviewer"], made["note"], made["state"]) == (
        "Sokolova", "seen from the hide", "waiting",
    )  # fmt: skip
    assert [row["id"] for row in await observations.in_force(trial, 1)] == [made["id"]]
    assert await dirty(trial) == [(START - DAY, START + 10 * DAY)]
    gone = await observations.take_back(trial, OWNER, made["ref"])
    assert gone["state"] == "taken back"
    assert await observations.in_force(trial, 1) == []
    with pytest.raises(NotFound):
        await observations.take_back(trial, OWNER, made["ref"])


async def test_a_second_correction_goes_on_from_the_first(trial) -> None:
    first = await correct(trial, start_time=START - DAY)
    await execute(
        trial, "update season set start_time = :t, observation_id = :id",
        {"t": START - DAY, "id": first["id"]},
    )  # fmt: skip
    assert (await observations.one(trial, OWNER, first["ref"]))["state"] == "followed"
    second = await correct(trial, end_time=START + 12 * DAY)
    assert set(second["said"]) == {"start_time", "end_time"}
    assert second["about_start"] == START  # what the track told, not the observer
    assert [row["id"] for row in await observations.in_force(trial, 1)] == [second["id"]]
    third = await correct(trial, kind=None)
    assert third["state"] == "waiting"


async def test_one_that_nothing_follows_is_an_orphan(trial) -> None:
    made = await correct(trial, start_time=START - DAY)
    await execute(trial, "delete from dirty")
    assert (await observations.one(trial, OWNER, made["ref"]))["state"] == "orphan"
    (listed,) = await observations.page(trial, OWNER, limit=9, state="orphan")
    assert listed["ref"] == made["ref"]
    assert await observations.page(trial, OWNER, limit=9, state="waiting") == []
    assert await observations.page(trial, OTHER, limit=9) == []


async def test_nothing_ends_before_it_begins(trial) -> None:
    with pytest.raises(BadInput, match="before it begins"):
        await correct(trial, start_time=START + 10 * DAY + timedelta(seconds=1))
    assert await observations.in_force(trial, 1) == []


async def test_only_owners_correct_and_read(trial) -> None:
    with pytest.raises(NotFound):
        await correct(trial, OTHER, start_time=START)
    made = await correct(trial, start_time=START - DAY)
    for audience, ref in ((OTHER, made["ref"]), (OWNER, uuid4())):
        with pytest.raises(NotFound):
            await observations.one(trial, audience, ref)
        with pytest.raises(NotFound):
            await observations.take_back(trial, audience, ref)
