"""Notices: one wakes the waiter, a lost connection is opened again, and the end leaves nothing."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from app.store import listen, work
from app.store.engine import Store

CHANNEL = work.CHANNEL
# One that is idle has committed its LISTEN: a notice before that would pass it by.
LISTENING = (
    "select pid from pg_stat_activity where query ilike 'listen%' and state = 'idle'"
    " and datname = current_database()"
)


@pytest.fixture(autouse=True)
def _soon(monkeypatch):
    monkeypatch.setattr(listen, "RECONNECT_S", 0.01)


@pytest.fixture
async def admin(flock):
    conn = await asyncpg.connect(flock.dsn)
    yield conn
    await conn.close()


async def listeners(admin, n, *, ended=()):
    """Wait until so many connections listen in this database besides the ended ones."""
    async with asyncio.timeout(20):
        while True:
            pids = {row["pid"] for row in await admin.fetch(LISTENING)} - set(ended)
            if len(pids) == n:
                return pids
            await asyncio.sleep(0.02)


async def hears(woken, admin, channel=CHANNEL):
    """Send one notice and tell that it comes."""
    woken.clear()
    await admin.execute(f"notify {channel}")
    async with asyncio.timeout(20):
        await woken.wait()


async def test_a_committed_notice_wakes_and_another_channels_does_not(flock, admin):
    async with listen.notices(flock.dsn, CHANNEL) as woken:
        await listeners(admin, 1)
        assert not woken.is_set()
        await admin.execute("notify another")
        await hears(woken, admin)


async def test_a_notice_comes_with_its_commit_and_never_with_a_rollback(flock, admin, store: Store):
    async with listen.notices(flock.dsn, CHANNEL) as woken:
        await listeners(admin, 1)
        async with store.engine.connect() as conn:
            await conn.begin()
            await work.notify(conn)
            await conn.rollback()
        async with store.write() as conn:
            await work.notify(conn)
            await admin.execute("select pg_sleep(0.05)")
            assert not woken.is_set()
        async with asyncio.timeout(20):
            await woken.wait()


async def test_a_lost_connection_is_opened_again(flock, admin):
    async with listen.notices(flock.dsn, CHANNEL) as woken:
        ended = set()
        for _ in range(2):
            pids = await listeners(admin, 1, ended=ended)
            await hears(woken, admin)
            # An ended one is seen for a while yet: it must not be taken for its successor.
            ended |= pids
            await admin.execute("select pg_terminate_backend(unnest($1::int[]))", list(pids))
        await listeners(admin, 1, ended=ended)
        await hears(woken, admin)


async def test_a_connection_lost_before_it_listens_is_opened_again(flock, admin, monkeypatch):
    """The server may end it between its opening and LISTEN: the task must outlive that."""
    connect, opened = asyncpg.connect, []

    async def broken_once(*args, **more):
        conn = await connect(*args, **more)
        opened.append(conn)
        if len(opened) == 1:
            conn.terminate()
        return conn

    monkeypatch.setattr(asyncpg, "connect", broken_once)
    async with listen.notices(flock.dsn, CHANNEL) as woken:
        await listeners(admin, 1)
        await hears(woken, admin)
    assert len(opened) == 2


async def test_a_database_that_is_away_is_tried_until_it_is_back(flock, admin, monkeypatch):
    connect, refused = asyncpg.connect, []

    async def away_at_first(*args, **more):
        if len(refused) < 3:
            refused.append(args)
            raise ConnectionRefusedError
        return await connect(*args, **more)

    monkeypatch.setattr(asyncpg, "connect", away_at_first)
    async with listen.notices(flock.dsn, CHANNEL) as woken:
        await listeners(admin, 1)
        await hears(woken, admin)
    assert len(refused) == 3


async def test_the_end_closes_the_connection_even_while_it_is_away(flock, admin):
    async with listen.notices(flock.dsn, CHANNEL):
        await listeners(admin, 1)
    await listeners(admin, 0)
    async with listen.notices("postgresql://nobody@127.0.0.1:1/none", CHANNEL) as woken:
        await asyncio.sleep(0.03)
        assert not woken.is_set()
