"""What waits: spans merge, and a push counts as processed when its last wait ends."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from app.store import work
from app.store.engine import Store, execute


@pytest.fixture
async def store(database):
    made = Store(database, pool_size=3)
    async with made.write() as conn:
        await execute(conn, "insert into institute (name) values ('Amur')")
        await execute(conn, "insert into study (institute_id, name) values (1, 'Cranes')")
        await execute(
            conn, "insert into individual (study_id, local_identifier) values (1, 'A'), (1, 'B')"
        )
        await execute(
            conn, "insert into push (study_id, digest, size_bytes) values (1, '\\x00', 1)"
        )
        await execute(
            conn,
            "insert into decoding (study_id, push_id, number, tz, state)"
            " values (1, 1, 1, 'UTC', 'stored')",
        )
    yield made
    await made.close()


async def state(store: Store) -> str:
    async with store.read() as conn:
        return (await execute(conn, "select state from decoding"))[0]["state"]


async def wait_for(store: Store, *subjects: str) -> None:
    async with store.write() as conn:
        for subject in subjects:
            await execute(
                conn, "insert into push_wait (decoding_id, subject) values (1, :s)", {"s": subject}
            )


async def test_two_last_waits_that_end_at_once_leave_the_push_processed(store):
    await wait_for(store, "product:a:0", "product:b:0")
    first_done, second_began = asyncio.Event(), asyncio.Event()

    async def second() -> None:
        async with store.write() as conn:
            second_began.set()
            await work.hand_on(conn, "product:b:0", [])
            assert first_done.is_set()  # it had to wait for the first

    async with store.write() as conn:
        await work.hand_on(conn, "product:a:0", [])
        other = asyncio.create_task(second())
        await second_began.wait()
        await asyncio.wait([other], timeout=0.3)
        first_done.set()
    await other
    assert await state(store) == "processed"


async def test_a_wait_is_handed_on_to_what_comes_next(store):
    await wait_for(store, "individual:1")
    async with store.write() as conn:
        await work.hand_on(conn, "individual:1", ["product:operator:0"])
    assert await state(store) == "stored"
    async with store.write() as conn:
        await work.hand_on(conn, "product:operator:0", [])
    assert await state(store) == "processed"


async def test_spans_merge_and_are_taken_once(store):
    early, mid, late = (datetime(2024, month, 1, tzinfo=UTC) for month in (1, 2, 3))
    async with store.write() as conn:
        await work.mark_dirty(conn, 1, 1, mid, late)
        await work.mark_dirty(conn, 1, 1, early, mid)
    async with store.write() as conn:
        assert await work.take_span(conn, 1) == work.Span(1, 1, early, late)
        assert await work.take_span(conn, 1) is None


async def marked(store: Store, time: datetime) -> int:
    """Mark a bird in a transaction of its own; return the revision."""
    async with store.write() as conn:
        await work.mark_dirty(conn, 1, 1, time, time)
    async with store.write() as conn:
        _, revision = await work.open_span(conn, 1)
    return revision


async def test_an_open_span_stays_widens_and_is_taken_unless_it_was_marked_again(store):
    early, mid, late = (datetime(2024, month, 1, tzinfo=UTC) for month in (1, 2, 3))
    async with store.write() as conn:
        assert await work.open_span(conn, 1) is None
    revision = await marked(store, mid)
    async with store.write() as conn:
        assert await work.open_span(conn, 1) == (work.Span(1, 1, mid, mid), revision)
        await work.widen_span(conn, 1, early, mid)
        await work.widen_span(conn, 1, mid, late)
        assert await work.open_span(conn, 1) == (work.Span(1, 1, early, late), revision)
    again = await marked(store, mid)
    async with store.write() as conn:
        assert await work.take_span(conn, 1, revision) is None
        assert await work.take_span(conn, 1, again) == work.Span(1, 1, early, late)
        assert await work.open_span(conn, 1) is None


async def test_a_mark_made_after_another_took_the_span_is_not_taken_for_the_first(store):
    spring = datetime(2024, 3, 1, tzinfo=UTC)
    first = await marked(store, spring)
    async with store.write() as conn:  # a worker that was thought dead is still at it
        assert await work.take_span(conn, 1, first) is not None
    await marked(store, spring)
    async with store.write() as conn:
        assert await work.take_span(conn, 1, first) is None
        assert await work.take_span(conn, 1) is not None


async def test_who_marks_a_bird_whose_span_is_open_waits_and_is_heard(store):
    spring = datetime(2024, 3, 1, tzinfo=UTC)
    async with store.write() as conn:
        await work.mark_dirty(conn, 1, 1, spring, spring)

    async def mark() -> None:
        async with store.write() as conn:
            await work.mark_dirty(conn, 1, 1, spring, spring)

    async with store.write() as conn:
        _, revision = await work.open_span(conn, 1)
        other = asyncio.create_task(mark())
        await asyncio.wait([other], timeout=0.1)
        assert not other.done()
    await other
    async with store.write() as conn:
        assert await work.take_span(conn, 1, revision) is None
        assert await work.take_span(conn, 1) is not None


async def test_a_rebuild_marks_every_bird_without_end(store):
    async with store.write() as conn:
        assert await work.mark_all_dirty(conn, study_id=1) == 2
        span = await work.take_span(conn, 2)
    assert span is not None and span.from_time.year == 1900 and span.to_time.year == 2200


async def test_new_work_does_not_push_a_catalogue_back(store):
    async with store.write() as conn:
        await work.mark_catalogues_dirty(conn, 1)
        before = await execute(conn, "select scope, since_at from product_dirty order by 1")
        await work.mark_catalogues_dirty(conn, 1)
        after = await execute(conn, "select scope, since_at from product_dirty order by 1")
    assert [row["scope"] for row in after] == ["institute:1", "operator"]
    assert before == after


async def test_a_catalogue_waits_a_second_for_each_of_many_dirty_birds(store):
    """A rebuild of all makes it a few times; half a minute is enough beside a few birds."""
    async with store.write() as conn:
        await work.mark_all_dirty(conn, study_id=1)
        await work.mark_catalogues_dirty(conn, 1)
        await execute(conn, "update product_dirty set since_at = now() - interval '40 s'")
        assert (await work.waiting(conn, limit=9)).catalogues
        await execute(
            conn,
            "insert into individual (study_id, local_identifier)"
            " select 1, n::text from generate_series(1, 98) as n",
        )
        assert await work.mark_all_dirty(conn, study_id=1) == 100
        assert not (await work.waiting(conn, limit=9)).catalogues
        await execute(conn, "update product_dirty set since_at = now() - interval '101 s'")
        assert (await work.waiting(conn, limit=9)).catalogues
        await execute(conn, "delete from dirty")
        await execute(conn, "update product_dirty set since_at = clock_timestamp()")
        assert (await work.waiting(conn, limit=9)).catalogues


async def test_a_span_is_taken_by_one_worker_and_given_back_when_it_fails(store):
    spring = datetime(2024, 3, 1, tzinfo=UTC)
    async with store.write() as conn:
        await work.mark_dirty(conn, 1, 1, spring, spring)
    async with store.engine.connect() as worker:
        assert await work.take_span(worker, 1) is not None
        await worker.rollback()  # the worker died
    async with store.write() as conn:
        assert await work.take_span(conn, 1) is not None


async def test_a_catalogue_waits_until_its_birds_are_done(store):
    spring = datetime(2024, 3, 1, tzinfo=UTC)
    async with store.write() as conn:
        await work.mark_catalogues_dirty(conn, 1)
        await work.mark_dirty(conn, 1, 1, spring, spring)
        assert (await work.waiting(conn, limit=9)).catalogues == []
        await work.take_span(conn, 1)
        ready = (await work.waiting(conn, limit=9)).catalogues
        assert sorted(ready) == [("institute:1", False), ("operator", False)]
        assert await work.take_catalogue(conn, "operator", simulated=False)
        assert not await work.take_catalogue(conn, "operator", simulated=False)
