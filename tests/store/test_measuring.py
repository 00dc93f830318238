from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio

from app.store import derived, failures, measuring, work
from app.store.engine import Connection, execute
from app.store.measuring import Due, Stretch
from tests.store.flock import DAY, SPECIES, START, Flock


@pytest.fixture(scope="module")
def flock(new_database: Callable[[], str]) -> Flock:
    flock = Flock(new_database())
    institute, _ = flock.institute("Amur")
    study = flock.study(institute, "Cranes", "open")
    bird = flock.bird(study, "A")
    flock.utilisation(study, bird)
    flock.season_use(study, bird, [(127.1, 38.2)], "2020-spring")
    flock.season(study, bird)
    flock.season(study, bird, "2020-autumn", start_time=START + 90 * DAY)
    return flock


@pytest_asyncio.fixture
async def trial(flock: Flock) -> AsyncIterator[Connection]:
    async with flock.trial() as conn:
        yield conn


async def _bird(conn: Connection) -> derived.Bird:
    return await derived.bird(conn, 1)


def row(season: str, **more: Any) -> measuring.Row:
    return {
        "season": season, "method": "kde", "level": 50, "species_key": SPECIES,
        "start_time": START, "end_time": START + DAY, "area_km2": 1.0, "area_low_km2": None,
        "area_high_km2": None, "n_fixes": 10, "n_effective": None, "unobserved_s": 0.0,
        "version": "utilisation 1", "parameters": "{}",
        "geom": bytes.fromhex("0106000000" + "00000000"),
    } | more  # fmt: skip


async def _seasons(conn: Connection) -> list[tuple[str, str]]:
    rows = await execute(conn, "select season, method from utilisation order by 1, 2")
    return [(each["season"], each["method"]) for each in rows]


async def test_marks_of_one_bird_become_one_span_and_a_new_revision(trial) -> None:
    bird = await _bird(trial)
    assert await measuring.due(trial, 1) is None
    await measuring.mark(trial, bird, START, START + DAY)
    one = await measuring.due(trial, 1)
    await measuring.mark(trial, bird, START - DAY, START)
    assert one == Due(1, START, START + DAY)
    assert await measuring.due(trial, 1) == Due(2, START - DAY, START + DAY)


async def test_what_failed_too_often_waits_for_the_next_change(trial) -> None:
    bird = await _bird(trial)
    await measuring.mark(trial, bird, START, START)
    for _ in range(work.ATTEMPTS_MAX):
        await failures.note(trial, "utilisation_due", {"individual": 1}, "no reason")
    assert await measuring.due(trial, 1) is None
    (dead,) = await failures.dead(trial)
    assert (dead.subject, dead.name, dead.reason) == ("utilisation:1", "Cranes / A", "no reason")
    await measuring.mark(trial, bird, START, START)
    assert (await measuring.due(trial, 1)) is not None and await failures.dead(trial) == []


async def test_areas_wait_until_nothing_else_does_but_not_for_ever(trial) -> None:
    bird = await _bird(trial)
    await measuring.mark(trial, bird, START, START)
    assert await measuring.waiting(trial, limit=5) == [1]
    await work.mark_dirty(trial, 1, 1, START, START)
    assert await measuring.waiting(trial, limit=5) == []
    await execute(trial, "update utilisation_due set since_at = since_at - interval '6 minutes'")
    assert await measuring.waiting(trial, limit=5) == [1]


async def test_only_what_this_version_measured_of_this_species_counts(trial) -> None:
    own = [Stretch("2020-spring", START, START + 60 * DAY)]
    assert await measuring.measured(trial, 1, "utilisation 1") == own
    assert await measuring.measured(trial, 1, "utilisation 0") == []
    await execute(trial, "update individual set species_key = 'default'")
    assert await measuring.measured(trial, 1, "utilisation 1") == []


async def test_seasons_come_by_their_start(trial) -> None:
    found = await measuring.seasons(trial, 1)
    assert [each.season for each in found] == ["2020-spring", "2020-autumn"]


async def test_settling_leaves_what_is_kept_and_what_is_new(trial) -> None:
    bird = await _bird(trial)
    await measuring.mark(trial, bird, START, START)
    due = await measuring.due(trial, 1)
    version = (await execute(trial, "select version from study"))[0]["version"]
    assert await measuring.settle(trial, bird, due, ["2020-spring"], [row("2020-autumn")])
    assert await _seasons(trial) == [("2020-autumn", "kde"), ("2020-spring", "akde")]
    assert (await execute(trial, "select version from study"))[0]["version"] == version + 1
    assert await measuring.due(trial, 1) is None
    await measuring.mark(trial, bird, START, START)
    due = await measuring.due(trial, 1)
    assert await measuring.settle(trial, bird, due, [], [])
    assert await _seasons(trial) == []


async def test_what_changed_meanwhile_is_not_written_over(trial) -> None:
    bird = await _bird(trial)
    await measuring.mark(trial, bird, START, START)
    due = await measuring.due(trial, 1)
    await measuring.mark(trial, bird, START, START + timedelta(hours=1))
    assert not await measuring.settle(trial, bird, due, [], [row("2020-autumn")])
    assert await _seasons(trial) == [("2020-spring", "akde")]
    assert await measuring.due(trial, 1) == replace(
        due, revision=2, to_time=START + timedelta(hours=1)
    )
