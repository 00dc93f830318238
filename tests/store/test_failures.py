"""Work that keeps failing is laid aside, and comes back when its push or new data do."""

from __future__ import annotations

from datetime import UTC, datetime

from app.store import failures, work
from tests.store import test_work

store, wait_for = test_work.store, test_work.wait_for


async def test_work_that_keeps_failing_is_laid_aside_with_its_reason_until_revived(store):
    spring = datetime(2024, 3, 1, tzinfo=UTC)
    await wait_for(store, "individual:1")
    async with store.write() as conn:
        await work.mark_dirty(conn, 1, 1, spring, spring)
        for failure in range(1, work.ATTEMPTS_MAX + 1):
            assert await failures.dead(conn) == []
            assert (await work.waiting(conn, limit=9)).individuals == [1]
            await failures.note(conn, "dirty", {"individual": 1}, f"failure {failure}")
        assert await failures.dead(conn) == [
            failures.Dead("individual:1", "Cranes / A", "failure 5")
        ]
        assert (await work.waiting(conn, limit=9)).individuals == []
        assert await work.take_span(conn, 1) is None
        await failures.revive(conn, 1)
        assert await failures.dead(conn) == []
        assert await work.take_span(conn, 1) == work.Span(1, 1, spring, spring)


async def test_new_data_give_a_dead_bird_another_chance(store):
    spring = datetime(2024, 3, 1, tzinfo=UTC)
    async with store.write() as conn:
        await work.mark_dirty(conn, 1, 1, spring, spring)
        for _ in range(work.ATTEMPTS_MAX):
            await failures.note(conn, "dirty", {"individual": 1}, "no")
        await work.mark_dirty(conn, 1, 1, spring, spring)
        assert (await work.waiting(conn, limit=9)).individuals == [1]
