"""Which errors of the database pass by themselves, and what none of them tells."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import date

import asyncpg
import pytest
from psycopg.conninfo import conninfo_to_dict

from app.errors import Overrun, SetupError, Unavailable
from app.store import work
from app.store.engine import Store, driver, execute, sync_dsn


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


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [("//flyways@", "//nobody:x@", 'role "nobody"'), ("/test_", "/not_", 'database "not_')],
)
async def test_a_server_that_lets_nobody_in_so_is_no_matter_of_waiting(
    store: Store, before: str, after: str, said: str
) -> None:
    shut = Store(store.dsn.replace(before, after), pool_size=1)
    for way in (shut.read, shut.look, shut.write):
        with pytest.raises(SetupError, match=said):
            async with way():
                pass
    await shut.close()


@pytest.mark.parametrize(
    ("dsn", "said"),
    [
        ("nonsense", "no address"), ("postgresql://me:sesame@db:port/x", "no address"),
        ("postgresql://me:sesame@db/x?sslmode=require&host=a", "known here: sslmode"),
    ],
)  # fmt: skip
def test_an_address_that_cannot_be_used_is_told_without_its_password(dsn: str, said: str) -> None:
    for made in (Store, sync_dsn):
        with pytest.raises(SetupError, match=said) as told:
            made(dsn)
        assert "sesame" not in str(told.value)


@pytest.mark.parametrize(
    ("dsn", "found"),
    [
        ("//flyways@/flyways?host=/srv/our%20b%2Brds&port=5432",
         {"user": "flyways", "dbname": "flyways", "host": "/srv/our b+rds", "port": "5432"}),
        ("//a%20b:c%20d%2B%2F%3F%25+e@db/f%20g",
         {"user": "a b", "password": "c d+/?%+e", "host": "db", "dbname": "f g"}),
    ],
)  # fmt: skip
def test_the_job_queue_finds_the_same_database(dsn: str, found: dict[str, str]) -> None:
    """A blank in a folder's name or a password kept every worker from its start."""
    assert conninfo_to_dict(sync_dsn(f"postgresql:{dsn}")) == found


async def test_no_server_is_unavailable() -> None:
    nowhere = Store("postgresql://nobody@/nothing?host=/nowhere")
    with pytest.raises(Unavailable):
        async with nowhere.read():
            pass
    await nowhere.close()


@pytest.mark.parametrize("state", ["57P03", "53300"])  # it still starts; it has no room
async def test_a_server_that_lets_nobody_in_yet_is_unavailable(state: str) -> None:
    fields = f"SFATAL\0VFATAL\0C{state}\0Mnot yet\0\0".encode()

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        writer.write(b"E" + (4 + len(fields)).to_bytes(4) + fields)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        starting = Store(f"postgresql://me@127.0.0.1:{port}/x?ssl=disable")
        for way in (starting.read, starting.look, starting.write):
            with pytest.raises(Unavailable):
                async with way():
                    pass
        await starting.close()


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
        assert not conn.is_in_transaction()


async def test_who_is_cut_off_at_any_moment_leaves_no_transaction_behind(database: str) -> None:
    store = Store(database, pool_size=1)
    for turn in range(12):
        reading = asyncio.create_task(_read(store))
        for _ in range(turn):
            await asyncio.sleep(0)
        reading.cancel()
        with suppress(asyncio.CancelledError):
            await reading
        async with store.write() as conn:
            assert await execute(conn, "select 1 as one") == [{"one": 1}]
    await store.close()


async def _read(store: Store) -> None:
    async with store.read() as conn:
        await execute(conn, "select 1")


ARRAYS = (
    "select array[1, null] as int4, array['2024-05-01'::date] as date,"
    " array[0.5::float8] as float8, array[array['a'::varchar], array['b']] as text,"
    " array[true] as bool"
)
ASKED = r"select name from pg_prepared_statements where statement ~ '^\s*WITH RECURSIVE typeinfo'"


async def test_arrays_are_asked_about_once_a_process(store: Store) -> None:
    """The driver itself asks on each connection, for 12 ms a kind of array."""
    one, other = Store(store.dsn, pool_size=1), Store(store.dsn, pool_size=1)
    found = []
    for each in (one, other):
        async with each.read() as conn:
            found.append(await execute(conn, ARRAYS))
            asked = await execute(conn, ASKED)
        await each.close()
    assert asked == []
    told = {"int4": [1, None], "date": [date(2024, 5, 1)], "float8": [0.5],
            "text": [["a"], ["b"]], "bool": [True]}  # fmt: skip
    assert found == [[told], [told]]


async def test_types_of_a_database_are_its_own(store: Store) -> None:
    """The same number may be another type in the next database."""
    for made in ("enum ('calm', 'wild')", "(days int[], name text)"):
        fresh = Store(store.dsn, pool_size=1)
        async with fresh.write() as conn:
            await execute(conn, f"create type mood as {made}")
            enum = made.startswith("enum")
            value = "'{calm,wild}'" if enum else "array[row('{1,2}', 'calm')]"
            (row,) = await execute(conn, f"select {value}::mood[] as moods")
            assert await execute(conn, ASKED) != []
            await execute(conn, "drop type mood")
        await fresh.close()
        assert row["moods"] == (["calm", "wild"] if enum else [([1, 2], "calm")])


async def test_a_look_answers_as_a_transaction_does(store: Store) -> None:
    """A name may stand twice, casts are no names, and JSON and identifiers arrive as such."""
    sql = (
        "select cast(:n as int) + cast(:n as int) as twice, cast(:many as int[]) as many,"
        " cast('{\"a\": [1]}' as json) as told, '2020-03-01T00:00:00Z'::timestamptz as time,"
        " cast('5f0c1c1e-8a0e-4d9e-9a35-0c8f9d0a7b11' as uuid) as ref, null as nothing"
    )
    values = {"n": 2, "many": [1, 2], "not asked for": 1}
    async with store.look() as conn:
        looked = await execute(conn, sql, values)
        assert await execute(conn, "select 1 where false") == []
    async with store.read() as conn:
        assert await execute(conn, sql, values) == looked
    assert (looked[0]["twice"], looked[0]["told"]) == (4, {"a": [1]})


async def test_a_look_tells_errors_as_a_transaction_does(store: Store) -> None:
    with pytest.raises(Unavailable):
        async with store.look() as conn:
            await execute(conn, raising("40P01"))
    with pytest.raises(asyncpg.PostgresError, match="told") as met:
        async with store.look() as conn:
            await execute(conn, raising("23514"))
    assert "127.1" not in str(met.value) + repr(met.value) + str(met.value.detail)


async def test_a_look_that_is_called_off_gives_its_connection_back(store: Store) -> None:
    only = Store(store.dsn, pool_size=1, pool_wait_s=5)

    async def long() -> None:
        async with only.look() as conn:
            await execute(conn, "select pg_sleep(60)")

    task = asyncio.create_task(long())
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with only.look() as conn:
        assert await execute(conn, "select 1 as n") == [{"n": 1}]
    await only.close()


async def test_looks_beyond_the_pool_are_unavailable(store: Store) -> None:
    async with store.look(), store.look():
        with pytest.raises(Unavailable):
            async with store.look():
                raise AssertionError("there is no third connection")
