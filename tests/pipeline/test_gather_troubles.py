"""Small pushes while the database fails, is slow, or is asked for the same by several at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from app.errors import Conflict, Overrun, Unavailable
from app.pipeline.gather import Gatherer
from app.store import inbox, letters
from app.store.engine import Store, execute
from tests.pipeline.test_gather import dsn, gatherer, handed, kept, store

__all__ = ["dsn", "gatherer", "store"]


async def test_without_a_connection_all_are_told_after_one_wait(dsn) -> None:
    narrow = Store(dsn, pool_size=1, pool_wait_s=0.2)
    crowded = Gatherer(narrow)
    async with narrow.look():
        began_s = time.monotonic()
        found = await asyncio.gather(
            *(crowded.keep(handed(b"crowded %d" % n)) for n in range(100)), return_exceptions=True
        )
    assert {type(each) for each in found} == {Unavailable}
    assert time.monotonic() - began_s < 2 * 0.2
    assert (await crowded.keep(handed(b"room again"))).kept is not None
    await crowded.close()
    await narrow.close()


async def test_of_a_database_that_is_too_slow_all_are_told_after_one_wait(store, dsn) -> None:
    hasty = Store(dsn, statement_timeout_s=0.3)
    held_up = Gatherer(hasty)
    await held_up.keep(handed(b"in time"))
    async with store.write() as conn:
        await execute(conn, "lock table push in access exclusive mode")
        began_s = time.monotonic()
        found = await asyncio.gather(
            *(held_up.keep(handed(b"late %d" % n)) for n in range(20)), return_exceptions=True
        )
        took_s = time.monotonic() - began_s
    assert {type(each) for each in found} == {Overrun}
    assert took_s < 2 * 0.3
    assert (await held_up.keep(handed(b"in time again"))).kept is not None
    await held_up.close()
    await hasty.close()


async def test_who_goes_alone_after_the_database_went_away_is_told_with_the_rest(
    gatherer, monkeypatch
) -> None:
    tried: list[int] = []

    async def failing(_conn, sent):
        tried.append(len(sent))
        raise ValueError if len(tried) == 1 else Unavailable

    monkeypatch.setattr(letters, "keep_all", failing)
    found = await asyncio.gather(
        *(gatherer.keep(handed(b"then away %d" % n)) for n in range(5)), return_exceptions=True
    )
    assert {type(each) for each in found} == {Unavailable}
    assert tried == [5, 1]


async def test_equal_keys_in_two_processes_never_wait_crosswise(store) -> None:
    """Each process has a statement of its own; both name the same keys, in opposite order."""
    one, two = Gatherer(store), Gatherer(store)
    for turn in range(10):
        keys = [f"turn {turn} key {n}" for n in range(20)]
        found = await asyncio.gather(
            *(one.keep(handed(f"one {turn} {key}".encode(), key=key)) for key in keys),
            *(two.keep(handed(f"two {turn} {key}".encode(), key=key)) for key in keys[::-1]),
        )
        assert sum(each.kept is not None for each in found) == len(keys)
    await one.close()
    await two.close()


async def test_a_push_kept_alone_and_the_same_beside_others_never_wait_crosswise(
    gatherer, store, monkeypatch
) -> None:
    """As when a sender repeats in one piece what it still sends in chunks."""
    alone_waits, go_on = asyncio.Event(), asyncio.Event()
    real = inbox.queue

    async def queue(conn, digest, study_id) -> None:
        alone_waits.set()
        await go_on.wait()
        await real(conn, digest, study_id)

    async def chunks() -> AsyncIterator[bytes]:
        yield b"on both ways"

    async def alone():
        delivery = inbox.Delivery(1, source_id=1, idempotency_key="both ways")
        async with store.write() as conn:
            return await inbox.keep(conn, delivery, inbox.Reading(None, "UTC"), chunks())

    monkeypatch.setattr(inbox, "queue", queue)
    first = asyncio.create_task(alone())
    await alone_waits.wait()
    beside = [gatherer.keep(handed(b"on both ways", key="both ways"))]
    beside += [gatherer.keep(handed(b"bystander %d" % n)) for n in range(3)]
    rest = asyncio.gather(*beside)
    await asyncio.sleep(0.3)
    go_on.set()
    assert all(each.kept is not None for each in await rest)
    with pytest.raises(Conflict):  # it is asked to send again, which is answered as a replay
        await first
    assert await kept(store, b"on both ways") == 1
