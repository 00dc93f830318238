"""Which errors of the database pass by themselves, and what none of them tells."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from app.errors import Overrun, Unavailable
from app.store import work
from app.store.engine import Store, driver, execute


@pytest.fixture
async def store(database: str) -> AsyncIterator[Store]:
    made = Store(database, pool_size=2, pool_wait_s=0.05, statement_timeout_s=10)
    yield made
    await made.close()


def raising(state: str) -> str:
    return (
        "do $$ begin raise exception 'told' using errcode = '" + state + "',"
        " detail = 'Failing row contains (127' || '.123456)'; end $$"
    )


@pytest.mark.parametrize("state", ["40P01", "40001", "57P01", "53100", "55P03", "08006"])
async def test_what_passes_by_itself_is_unavailable(store: Store, state: str) -> None:
    with pytest.raises(Unavailable):
        async with store.write() as conn:
            await execute(conn, raising(state))


@pytest.mark.parametrize("state", ["XX000", "23514", "22003", "P0001"])
async def test_what_stays_is_an_error_without_the_row(store: Store, state: str) -> None:
    with pytest.raises(asyncpg.PostgresError, match="told") as met:
        async with store.write() as conn:
            await execute(conn, raising(state))
    assert met.value.sqlstate == state
    assert "127.1" not in f"{met.value} {met.value!r} {met.value.as_dict()}"


async def test_a_value_that_cannot_be_sent_is_an_error_that_stays(store: Store) -> None:
    with pytest.raises(asyncpg.DataError):
        async with store.write() as conn:
            await execute(conn, "select cast(:n as int)", {"n": 1 << 40})


async def test_a_statement_over_its_time_is_an_overrun(store: Store) -> None:
    hasty = Store(store.dsn, pool_size=1, statement_timeout_s=0.02)
    with pytest.raises(Overrun):
        async with hasty.write() as conn:
            await execute(conn, "select pg_sleep(5)")
    await hasty.close()


async def test_an_error_of_a_file_is_not_the_databases(store: Store) -> None:
    with pytest.raises(FileNotFoundError):
        async with store.write():
            raise FileNotFoundError("layer.tif")


async def test_a_pool_without_a_free_connection_is_unavailable(store: Store) -> None:
    async with store.read(), store.read():
        with pytest.raises(Unavailable):
            async with store.read():
                pass


async def test_no_server_is_unavailable() -> None:
    nowhere = Store("postgresql://nobody@/nothing?host=/nowhere")
    with pytest.raises(Unavailable):
        async with nowhere.read():
            pass
    await nowhere.close()


async def test_one_of_two_that_deadlock_is_told_to_come_again(store: Store) -> None:
    met = asyncio.Barrier(2)

    async def take(first: int, second: int) -> str:
        try:
            async with store.write() as conn:
                await work.lock(conn, work.LOCK_TAG, first)
                await met.wait()
                await work.lock(conn, work.LOCK_TAG, second)
        except Unavailable:
            return "again"
        return "done"

    assert sorted(await asyncio.gather(take(1, 2), take(2, 1))) == ["again", "done"]


async def test_the_driver_works_inside_the_transaction(store: Store) -> None:
    """SQLAlchemy begins at its own first statement: one of the driver's could come before it."""
    async with store.engine.connect() as conn:
        await conn.begin()
        await (await driver(conn)).execute("insert into institute (name) values ('taken back')")
        await conn.rollback()
    async with store.write() as conn:
        raw = await driver(conn)
        assert await raw.fetch("select 1 from institute") == []
        await raw.fetch("select pg_advisory_xact_lock(1)")
        held = (
            "select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()"
        )
        assert await raw.fetchval(held) == 1
    async with store.read() as conn:
        assert await (await driver(conn)).fetchval("show transaction_read_only") == "on"
    async with store.look() as conn:
        assert not (await driver(conn)).is_in_transaction()
