from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio

from app.store import failures, keysites, measuring, work
from app.store.derived import bird
from app.store.engine import Connection, execute
from tests.store.flock import START, Flock

SCOPE = {"scope": "operator", "simulated": False}
BIRDS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@pytest.fixture(scope="module")
def flock(new_database: Callable[[], str]) -> Flock:
    flock = Flock(new_database())
    study = flock.study(flock.institute("Amur")[0], "Cranes", "open")
    for name in BIRDS:
        flock.bird(study, name)
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


def found(n_birds: int) -> keysites.Found:
    facts = {"species_key": "white_naped_crane", "season": "wintering", "n_birds": n_birds,
             "representativeness": None, "asymptote": None, "sufficient": False,
             "birds_exceeded": 1.0, "scale_m": 5000.0, "observed_days": 1.0,
             "unobserved_days": None, "version": "1"}  # fmt: skip
    return keysites.Found([facts], [], [])


async def stored(trial: Connection) -> list[int]:
    rows = await execute(trial, "select n_birds from key_sample where scope = 'operator'")
    return [row["n_birds"] for row in rows]


async def test_what_was_found_stands_and_waits_again_only_for_later_changes(trial) -> None:
    await work.mark_key_sites_due(trial, 1)
    await execute(trial, "update key_site_due set since_at = since_at - interval '11 minutes'")
    await work.mark_key_sites_due(trial, 1)
    await keysites.settle(trial, revision=1, made=found(3), **SCOPE)
    assert (await stored(trial), await keysites.due(trial, **SCOPE)) == ([3], 2)
    later = "select since_at > now() - interval '1 minute' as fresh from key_site_due"
    assert (await execute(trial, f"{later} where scope = 'operator'"))[0]["fresh"]
    await keysites.settle(trial, revision=2, made=found(4), **SCOPE)
    assert (await stored(trial), await keysites.due(trial, **SCOPE)) == ([4], None)


async def test_one_who_comes_late_overwrites_nothing_newer(trial) -> None:
    await work.mark_key_sites_due(trial, 1)
    await keysites.settle(trial, revision=1, made=found(4), **SCOPE)
    await keysites.settle(trial, revision=1, made=found(3), **SCOPE)
    assert (await stored(trial), await keysites.due(trial, **SCOPE)) == ([4], None)


async def test_all_else_goes_first_but_not_for_ever(trial) -> None:
    await work.mark_key_sites_due(trial, 1)
    await measuring.mark(trial, await bird(trial, 1), START, START)
    assert await keysites.waiting(trial, limit=9) == []
    await execute(trial, "update key_site_due set since_at = since_at - interval '11 minutes'")
    assert len(await keysites.waiting(trial, limit=9)) == 3


async def test_a_flock_that_is_measured_anew_goes_first_for_longer(trial) -> None:
    await work.mark_key_sites_due(trial, 1)
    await execute(trial, "update key_site_due set since_at = since_at - interval '11 minutes'")
    for number in range(1, len(BIRDS) + 1):
        await measuring.mark(trial, await bird(trial, number), START, START)
    assert await keysites.waiting(trial, limit=9) == []
    await execute(trial, "delete from utilisation_due where individual_id > 20")
    assert len(await keysites.waiting(trial, limit=9)) == 3


async def test_what_failed_too_often_is_told_and_waits_for_the_next_change(trial) -> None:
    await work.mark_key_sites_due(trial, 1)
    for _ in range(work.ATTEMPTS_MAX):
        await failures.note(trial, "key_site_due", SCOPE, "no reason")
    (dead,) = await failures.dead(trial)
    assert (dead.subject, dead.reason) == ("key sites:operator:0", "no reason")
    assert ("operator", False) not in await keysites.waiting(trial, limit=9)
    await work.mark_key_sites_due(trial, 1)
    assert await failures.dead(trial) == []
    assert ("operator", False) in await keysites.waiting(trial, limit=9)
