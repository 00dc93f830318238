"""Work that always fails is laid aside with its reason; a lost database counts nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from app.errors import Unavailable
from app.pipeline import decode
from app.pipeline import run as flow
from app.pipeline.receive import reading, receive
from app.store import decodings, inbox, work
from app.store.engine import Connection, Store, execute
from tests.faults.test_web import csv, row


@pytest.fixture
async def store(database: str) -> AsyncIterator[Store]:
    made = Store(database, pool_size=3, pool_wait_s=30, statement_timeout_s=60)
    yield made
    await made.close()


@pytest.fixture
async def study(store: Store) -> int:
    async with store.write() as conn:
        rows = await execute(
            conn,
            "with owner as (insert into institute (name) values ('Amur') returning id)"
            " insert into study (institute_id, name) select id, 'Cranes' from owner returning id",
        )
    return int(rows[0]["id"])


async def push(store: Store, study: int, *rows: str) -> inbox.Kept:
    async def body() -> AsyncIterator[bytes]:
        yield csv(*rows)

    return await receive(store, inbox.Delivery(study), reading(None, None), body())


async def ask(store: Store, sql: str, **values: Any) -> list[dict[str, Any]]:
    async with store.read() as conn:
        return await execute(conn, sql, values)


async def state_of(store: Store, kept: inbox.Kept) -> str:
    rows = await ask(store, "select state from decoding where id = :id", id=kept.decoding_id)
    return str(rows[0]["state"])


async def bird(store: Store, name: str) -> int:
    rows = await ask(store, "select id from individual where local_identifier = :n", n=name)
    return int(rows[0]["id"])


SICK, WELL = row("127,38", tag="sick"), row("127,38", tag="well")


async def test_poison_is_laid_aside_others_go_on_and_sending_it_again_revives_it(
    store: Store, study: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = flow.screen

    async def screens_all_but_one(conn: Connection, span: work.Span) -> Any:
        if span.individual_id == await bird(store, "sick-bird"):
            raise ZeroDivisionError("no step has a duration")
        return await screen(conn, span)

    with monkeypatch.context() as patched:
        patched.setattr(flow, "screen", screens_all_but_one)
        sick, well = await push(store, study, SICK), await push(store, study, WELL)
        (dead,) = await flow.drain(store)
    assert dead.name == "Cranes / sick-bird"
    assert dead.reason == "ZeroDivisionError: no step has a duration"
    assert (await state_of(store, sick), await state_of(store, well)) == ("stored", "processed")
    assert await ask(store, "select attempts from dirty") == [{"attempts": work.ATTEMPTS_MAX}]
    assert (await push(store, study, SICK)).replayed
    assert await flow.drain(store) == []
    assert await state_of(store, sick) == "processed"


async def test_a_lost_database_counts_against_no_bird(
    store: Store, study: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = await push(store, study, WELL)
    await decode.decode_push(store, kept.decoding_id)
    well = await bird(store, "well-bird")

    async def cut(conn: Connection, _: object) -> None:
        await execute(conn, "select pg_terminate_backend(pg_backend_pid())")

    with monkeypatch.context() as patched:
        patched.setattr(flow, "screen", cut)
        for _ in range(work.ATTEMPTS_MAX + 1):
            with pytest.raises(Unavailable):
                await flow.derive_individual(store, well)
    assert await ask(store, "select attempts, dead_at from dirty") == [
        {"attempts": 0, "dead_at": None}
    ]
    assert await flow.drain(store) == []
    assert await state_of(store, kept) == "processed"


async def test_a_lost_database_counts_against_no_push(
    store: Store, study: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = await push(store, study, WELL)

    async def cut(conn: Connection, _: object) -> None:
        await execute(conn, "select pg_terminate_backend(pg_backend_pid())")

    with monkeypatch.context() as patched:
        patched.setattr(decode, "decode_in", cut)
        for _ in range(work.ATTEMPTS_MAX + 1):
            with pytest.raises(Unavailable):
                await decode.decode_push(store, kept.decoding_id)
    assert await flow.drain(store) == []
    assert await state_of(store, kept) == "processed"


async def test_a_push_that_ends_its_worker_each_time_is_given_up(store: Store, study: int) -> None:
    kept = await push(store, study, WELL)
    for _ in range(work.ATTEMPTS_MAX):
        async with store.write() as conn:  # counted, and then the worker was gone
            await decodings.count_attempts(conn, [kept.decoding_id])
    await flow.drain(store)
    rows = await ask(store, "select state, problem ->> 'code' as code from decoding")
    assert rows == [{"state": "failed", "code": inbox.GIVEN_UP}]


async def test_a_catalogue_gets_its_turn_beside_a_bird_that_is_always_dirty(
    store: Store, study: int
) -> None:
    await push(store, study, WELL)
    await flow.drain(store)
    well = await bird(store, "well-bird")

    async def again() -> None:
        async with store.write() as conn:
            await work.mark_all_dirty(conn, individuals=[well])
            await work.mark_catalogues_dirty(conn, study)

    await again()
    async with store.write() as conn:
        await execute(conn, "update product_dirty set since_at = since_at - interval '31 s'")
    await again()
    async with store.read() as conn:
        todo = await work.waiting(conn, limit=10)
    assert todo.individuals == [well]
    assert ("operator", False) in todo.catalogues


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param((row("127,95", tag="none"),), id="all refused"),
        pytest.param(("2024-05-01 10:00:00,127,38,gps,Grus vipio,T9,",), id="no bird named"),
        pytest.param((WELL, WELL), id="nothing new"),
    ],
)
async def test_a_push_that_touches_no_bird_is_processed_all_the_same(
    store: Store, study: int, rows: tuple[str, ...]
) -> None:
    await push(store, study, WELL)
    await flow.drain(store)
    kept = await push(store, study, *rows)
    await decode.decode_push(store, kept.decoding_id)
    assert await ask(store, "select * from dirty") == []
    assert await state_of(store, kept) == "processed"
