"""Catalogues tell of others' birds only in groups, and keep up with the calendar."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date

import pytest

from app.pipeline.route import route
from app.pipeline.run import drain, mark_releases
from app.store.engine import Store, execute
from tests.store.flock import UNRELEASED, Flock


@pytest.fixture
async def store(database: str) -> AsyncIterator[Store]:
    store = Store(database, pool_size=2)
    yield store
    await store.close()


@pytest.mark.parametrize(("others", "told"), [(1, 2), (2, 2), (3, 5)])
async def test_own_birds_do_not_fill_up_a_group_of_others(
    store: Store, others: int, told: int
) -> None:
    flock = Flock(store.dsn)
    (own, _), (other, _) = flock.institute("own"), flock.institute("other")
    mine, theirs = flock.study(own, "Mine"), flock.study(other, "Theirs", "open")
    for study, n in ((mine, 2), (theirs, others)):
        for number in range(n):
            flock.stopover(study, flock.bird(study, str(number)))
    async with store.write() as conn:
        await route(conn, f"institute:{own}", simulated=False)
        sites = await execute(conn, "select n_individuals, bird_days from site")
    assert [(s["n_individuals"], s["bird_days"]) for s in sites] == [(told, 3.0 * told)]


async def test_a_new_day_brings_what_was_released_into_the_catalogue(store: Store) -> None:
    flock = Flock(store.dsn)
    institute, _ = flock.institute("one")
    study = flock.study(institute, "Open", "open")
    for number in range(3):
        flock.stopover(study, flock.bird(study, str(number)), release_at=UNRELEASED)
    today = await mark_releases(store, None)
    await drain(store, areas=False)
    public = "select count(*) from site where scope = 'public'"
    assert flock.run(public) == [(0,)]
    flock.run("update stopover set release_at = '2021-01-01Z'")  # the delay passes
    assert await mark_releases(store, today) == today
    await drain(store, areas=False)
    assert flock.run(public) == [(0,)]
    assert await mark_releases(store, date(2021, 1, 1)) == today
    await drain(store, areas=False)
    assert flock.run(public) == [(1,)]


async def test_a_new_day_changes_no_catalogue_that_shows_its_own_studies_alone(
    store: Store,
) -> None:
    flock = Flock(store.dsn)
    flock.study(flock.institute("one")[0], "Private")
    await mark_releases(store, None)
    assert flock.run("select scope from product_dirty") == []
