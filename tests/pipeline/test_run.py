"""Work that fails is counted, tried again and laid aside; the rest goes on."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta

import pytest

from app.errors import Unavailable
from app.pipeline import route as catalogues
from app.pipeline import run as flow
from app.store import work
from app.store.engine import Store, execute
from tests.store.flock import START, Flock


@pytest.fixture(scope="module")
def dsn(new_database) -> str:
    flock = Flock(new_database())
    study = flock.study(flock.institute("Amur")[0], "1")
    for name in "AB":
        flock.bird(study, name)
    return flock.dsn


@pytest.fixture
async def store(dsn):
    made = Store(dsn, pool_size=3)
    async with made.write() as conn:
        await execute(conn, "delete from dirty")
        await execute(conn, "delete from product_dirty")
        await execute(conn, "update study set visibility = 'private', opened_at = null")
        for bird in (1, 2):
            await work.mark_dirty(conn, bird, 1, START, START)
    yield made
    await made.close()


async def rows(store, sql):
    async with store.read() as conn:
        return [tuple(row.values()) for row in await execute(conn, sql)]


def failing(monkeypatch, name, error, *, bird=None, of=flow):
    """Let a stage fail, for one bird or for all; `of` is the module that knows it."""
    real, tried = getattr(of, name), []

    async def fail(conn, subject, **more):
        tried.append(subject)
        if bird in {None, getattr(subject, "individual_id", None)}:
            raise error
        return await real(conn, subject, **more)

    monkeypatch.setattr(of, name, fail)
    return tried


DIRTY = "select individual_id, attempts, last_error, dead_at is not null from dirty order by 1"


async def test_a_failure_is_counted_with_its_reason_in_a_line(store, monkeypatch) -> None:
    failing(monkeypatch, "screen", ValueError("no such bird\nand a long tale"))
    with pytest.raises(ValueError, match="no such bird"):
        await flow.derive_individual(store, 1)
    assert await rows(store, DIRTY) == [
        (1, 1, "ValueError: no such bird", False), (2, 0, None, False)
    ]  # fmt: skip


async def test_a_lost_database_is_no_failure_of_the_bird(store, monkeypatch) -> None:
    failing(monkeypatch, "screen", Unavailable())
    with pytest.raises(Unavailable):
        await flow.derive_individual(store, 1)
    assert await rows(store, DIRTY) == [(1, 0, None, False), (2, 0, None, False)]
    with pytest.raises(Unavailable):
        await flow.drain(store, areas=False)


async def test_what_keeps_failing_is_laid_aside_and_the_rest_is_done(store, monkeypatch) -> None:
    tried = failing(monkeypatch, "screen", ZeroDivisionError("by zero"), bird=1)
    laid_aside = await flow.drain(store, areas=False)
    assert [(each.subject, each.reason) for each in laid_aside] == [
        ("individual:1", "ZeroDivisionError: by zero")
    ]
    assert [span.individual_id for span in tried].count(1) == work.ATTEMPTS_MAX
    assert await rows(store, DIRTY) == [(1, 5, "ZeroDivisionError: by zero", True)]
    assert await rows(store, "select scope from product_dirty") == []
    monkeypatch.undo()
    assert len(await flow.drain(store, areas=False)) == 1  # dead until somebody marks it again
    async with store.write() as conn:
        await work.mark_dirty(conn, 1, 1, START, START)
    assert await flow.drain(store, areas=False) == []


async def test_a_failing_catalogue_is_laid_aside_alone(store, monkeypatch) -> None:
    real = catalogues.route

    async def fail(conn, scope, *, simulated):
        if scope == "operator":
            raise RuntimeError("no way")
        await real(conn, scope, simulated=simulated)

    monkeypatch.setattr(catalogues, "route", fail)
    laid_aside = await flow.drain(store, areas=False)
    assert [(each.subject, each.reason) for each in laid_aside] == [
        ("product:operator:0", "RuntimeError: no way")
    ]


async def test_a_bird_that_is_clean_is_left_alone(store, monkeypatch) -> None:
    tried = failing(monkeypatch, "screen", AssertionError())
    async with store.write() as conn:
        await work.take_span(conn, 1)
    await flow.derive_individual(store, 1)
    assert tried == []
    assert await rows(store, "select scope from product_dirty") == []


async def test_a_bird_marked_again_after_its_stopovers_waits_on(store) -> None:
    version = "select version from study"
    (before,) = await rows(store, version)
    begun = await flow.begin_individual(store, 1)
    assert begun is not None
    assert await rows(store, version) == [(before[0] + 1,)]
    async with store.write() as conn:
        await work.mark_dirty(conn, 1, 1, START, START)
    await flow.finish_individual(store, *begun)
    assert [row[0] for row in await rows(store, DIRTY)] == [1, 2]
    assert await rows(store, "select scope from product_dirty") == []
    await flow.derive_individual(store, 1)
    assert [row[0] for row in await rows(store, DIRTY)] == [2]
    assert await rows(store, version) == [(before[0] + 3,)]
    assert ("operator",) in await rows(store, "select scope from product_dirty")


async def test_a_failure_after_the_stopovers_is_counted(store, monkeypatch) -> None:
    failing(monkeypatch, "habitat", ValueError("no land"))
    with pytest.raises(ValueError, match="no land"):
        await flow.derive_individual(store, 1)
    assert (await rows(store, DIRTY))[0] == (1, 1, "ValueError: no land", False)


async def test_areas_settled_while_their_bird_is_derived_anew_lock_nothing_crosswise(store) -> None:
    await flow.drain(store, areas=False)  # leaves the mark of the areas
    async with store.write() as conn:
        await work.mark_dirty(conn, 1, 1, START, START)
    async with store.write() as conn:
        taken = "delete from utilisation_due where individual_id = 1 returning 1"
        assert await execute(conn, taken)  # as `measuring.settle` begins
        deriving = asyncio.create_task(flow.derive_individual(store, 1))
        waits = (
            "select count(*) from pg_stat_activity"
            " where wait_event_type = 'Lock' and datname = current_database()"
        )
        while await rows(store, waits) == [(0,)]:
            assert not deriving.done()
            await asyncio.sleep(0.01)
        await work.bump_version(conn, 1)  # as it ends
    await deriving
    assert await rows(store, DIRTY) == []


async def test_a_catalogue_that_another_has_made_is_left_alone(store, monkeypatch) -> None:
    tried = failing(monkeypatch, "route", AssertionError(), of=catalogues)
    await flow.refresh_catalogue(store, "operator", simulated=False)
    assert tried == []


async def test_a_new_day_marks_the_catalogues_that_show_opened_studies(store) -> None:
    marked = "select scope from product_dirty order by 1"
    today = await flow.mark_releases(store, None)
    assert abs((today - datetime.now(UTC).date()).days) <= 1
    assert await rows(store, marked) == []  # nothing is open
    async with store.write() as conn:
        await execute(conn, "update study set visibility = 'open', opened_at = now()")
    assert await flow.mark_releases(store, today) == today
    assert await rows(store, marked) == []
    for known in (None, today - timedelta(days=1), date(2000, 1, 1)):
        async with store.write() as conn:
            await execute(conn, "delete from product_dirty")
        assert await flow.mark_releases(store, known) == today
        assert await rows(store, marked) == [("institute:1",), ("operator",), ("public",)]
