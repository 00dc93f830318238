from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio

from app.store import failures, keysites, measuring, work
from app.store.derived import bird
from app.store.engine import Connection, execute
from tests.store.flock import START, Flock

SCOPE = {"scope": "operator", "simulated": False}


@pytest.fixture(scope="module")
def flock(new_database: Callable[[], str]) -> Flock:
    flock = Flock(new_database())
    study = flock.study(flock.institute("Amur")[0], "Cranes", "open")
    flock.bird(study, "A")
    return flock


@pytest_asyncio.fixture
async def trial(flock: Flock) -> AsyncIterator[Connection]:
    async with flock.trial() as conn:
        yield conn


async def test_every_catalogue_that_shows_the_study_waits_once(trial) -> None:
    await work.mark_key_sites_due(trial, 1)
    await work.mark_key_sites_due(trial, 1)
    assert sorted(await keysites.waiting(trial, limit=9)) == [
        ("institute:1", False), ("operator", False), ("public", False),
    ]  # fmt: skip
    assert await keysites.due(trial, **SCOPE) == 2
    assert await keysites.take(trial, **SCOPE)
    assert not await keysites.take(trial, **SCOPE)
    assert await keysites.due(trial, **SCOPE) is None


async def test_all_else_goes_first_but_not_for_ever(trial) -> None:
    await work.mark_key_sites_due(trial, 1)
    await measuring.mark(trial, await bird(trial, 1), START, START)
    assert await keysites.waiting(trial, limit=9) == []
    await execute(trial, "update key_site_due set since_at = since_at - interval '11 minutes'")
    assert len(await keysites.waiting(trial, limit=9)) == 3


async def test_what_failed_too_often_is_told_and_waits_for_the_next_change(trial) -> None:
    await work.mark_key_sites_due(trial, 1)
    for _ in range(work.ATTEMPTS_MAX):
        await failures.note(trial, "key_site_due", SCOPE, "no reason")
    (dead,) = await failures.dead(trial)
    assert (dead.subject, dead.reason) == ("key sites:operator:0", "no reason")
    assert not await keysites.take(trial, **SCOPE)
    await work.mark_key_sites_due(trial, 1)
    assert await failures.dead(trial) == []
    assert await keysites.take(trial, **SCOPE)
