"""Parameters of a study: in force until others are, for its own birds of one species alone."""

from __future__ import annotations

import pytest

from app.errors import BadInput, NotFound
from app.seeds import profile_of
from app.store import parameters, work
from app.store.audience import Audience
from tests.store.flock import SPECIES, Flock

OWNER = Audience("institute", 1, 1, frozenset({"manage"}), exact=(1,))
OTHER = Audience("institute", 2, 2, frozenset({"manage"}), exact=(2,))


@pytest.fixture(scope="module")
def flock(new_database) -> Flock:
    """Give two studies with a bird each."""
    flock = Flock(new_database())
    for name in ("Amur", "Other"):
        flock.bird(flock.study(flock.institute(name)[0], name), "A")
    return flock


async def put(conn, value: float):
    said = {"speed_max_m_s": value}
    return await parameters.put(conn, OWNER, 1, SPECIES, said=said, note="slow birds")


async def test_a_study_goes_by_what_was_put_last_until_it_is_taken_back(trial) -> None:
    plain = profile_of(SPECIES)
    assert await parameters.profile_for(trial, 1, SPECIES) == plain
    for value in (21.0, 22.0):
        row = await put(trial, value)
        assert (row["said"], row["undone_at"]) == ({"speed_max_m_s": value}, None)
    assert (await parameters.profile_for(trial, 1, SPECIES)).speed_max_m_s == 22.0
    assert await parameters.profile_for(trial, 2, SPECIES) == plain
    assert await parameters.profile_for(trial, 1, "default") == profile_of("default")
    waiting = await work.waiting(trial, limit=10)
    assert waiting.individuals == [1]  # and not the bird of the other study
    await parameters.take_back(trial, OWNER, 1, SPECIES)
    assert await parameters.profile_for(trial, 1, SPECIES) == plain
    with pytest.raises(NotFound):
        await parameters.take_back(trial, OWNER, 1, SPECIES)


async def test_what_was_in_force_is_listed_for_its_owner_alone(trial) -> None:
    for value in (21.0, 22.0, 23.0):
        await put(trial, value)
    newest = await parameters.page(trial, OWNER, 1, limit=2, before=None)
    assert [row["said"]["speed_max_m_s"] for row in newest] == [23.0, 22.0]
    rest = await parameters.page(trial, OWNER, 1, limit=2, before=newest[-1]["id"])
    assert [row["said"]["speed_max_m_s"] for row in rest] == [21.0]
    assert [row["undone_at"] is None for row in (*newest, *rest)] == [True, False, False]
    assert await parameters.page(trial, OTHER, 1, limit=9, before=None) == []


async def test_nobody_ends_what_another_study_goes_by(trial) -> None:
    await put(trial, 21.0)
    with pytest.raises(NotFound):
        await parameters.take_back(trial, OTHER, 1, SPECIES)
    assert (await parameters.profile_for(trial, 1, SPECIES)).speed_max_m_s == 21.0


async def test_parameters_that_contradict_each_other_are_refused(trial) -> None:
    with pytest.raises(BadInput, match="below"):
        await put(trial, profile_of(SPECIES).speed_hard_m_s + 1.0)
    assert await parameters.page(trial, OWNER, 1, limit=9, before=None) == []
