"""A push is kept whole or not at all, and how it is to be read is checked before its bytes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ingest
from app.errors import BadInput, Conflict, TooLarge
from app.pipeline.receive import bounded, reading, receive
from app.store import inbox
from app.store.engine import Store, execute
from tests.store.flock import Flock

HOW = reading(None, None)


@pytest.fixture(scope="module")
def dsn(new_database) -> str:
    flock = Flock(new_database())
    flock.study(flock.institute("Amur")[0], "1")
    return flock.dsn


@pytest.fixture
async def store(dsn):
    made = Store(dsn, pool_size=4)
    yield made
    await made.close()


async def body(*pieces: bytes | Exception) -> AsyncIterator[bytes]:
    for piece in pieces:
        if isinstance(piece, Exception):
            raise piece
        yield piece


async def count(store) -> tuple[int, ...]:
    async with store.read() as conn:
        rows = await execute(
            conn,
            "select (select count(*) from push) as a, (select count(*) from push_chunk) as b,"
            " (select count(*) from decoding) as c",
        )
    return tuple(rows[0].values())


@pytest.mark.parametrize("name", [*ingest.FORMATS, None])
def test_every_format_may_be_named(name) -> None:
    assert reading(name, "UTC+8") == inbox.Reading(name, "UTC+8")


@pytest.mark.parametrize(
    ("name", "tz", "code", "remedy"),
    [
        ("dbf", None, "format-unknown", "Name one of movebank-csv"),
        ("", None, "format-unknown", "or leave format out"),
        ("x" * 5000, None, "format-unknown", "Name one of"),
        (None, "Mars/Olympus", "zone-unknown", ""),
        ("gpx", "UTC+99", "zone-unknown", ""),
    ],
)
def test_what_cannot_be_meant_is_refused_with_a_remedy(name, tz, code, remedy) -> None:
    with pytest.raises(BadInput) as refused:
        reading(name, tz)
    assert refused.value.code == code
    assert remedy in refused.value.remedy and refused.value.remedy
    assert len(refused.value.detail) < 200


@given(st.lists(st.binary(max_size=9), max_size=9), st.integers(0, 40))
def test_a_body_passes_whole_or_stops_at_its_limit(pieces, limit) -> None:
    passed: list[bytes] = []

    async def drink() -> None:
        async for piece in bounded(body(*pieces), limit):
            passed.append(piece)  # noqa: PERF401 - what came before the error counts

    if sum(map(len, pieces)) <= limit:
        asyncio.run(drink())
        assert passed == pieces
    else:
        with pytest.raises(TooLarge, match=f"larger than {limit} bytes"):
            asyncio.run(drink())
        assert sum(map(len, passed)) <= limit


async def test_a_body_that_breaks_off_leaves_nothing(store) -> None:
    before = await count(store)
    for error in (ValueError(), TooLarge("x", remedy="y")):
        with pytest.raises(type(error)) as broken:
            await receive(store, inbox.Delivery(1), HOW, body(b"x" * (2 << 20), error))
        assert broken.value is error
    with pytest.raises(BadInput) as empty:
        await receive(store, inbox.Delivery(1), HOW, body(b"", b""))
    assert empty.value.code == "body-empty"
    assert await count(store) == before


async def test_the_bytes_are_kept_as_sent_whatever_their_pieces(store) -> None:
    sent = bytes(range(256)) * 9_000  # more than two rows hold
    kept = await receive(
        store, inbox.Delivery(1), HOW, body(sent[:10], sent[10:1_500_000], sent[1_500_000:])
    )
    async with store.read() as conn:
        (row,) = await execute(
            conn, "select id, size_bytes from push where ref = :ref", {"ref": kept.ref}
        )
        assert (await inbox.bodies(conn, [row["id"]]))[row["id"]] == sent
    assert row["size_bytes"] == len(sent)


async def test_a_key_repeats_its_push_and_takes_no_other_bytes(store) -> None:
    delivery = inbox.Delivery(1, idempotency_key="k1")
    first = await receive(store, delivery, HOW, body(b"one ", b"body"))
    before = await count(store)
    again = await receive(store, delivery, HOW, body(b"one body"))
    assert (again.ref, again.replayed) == (first.ref, True)
    with pytest.raises(Conflict) as clash:
        await receive(store, delivery, HOW, body(b"another body"))
    assert clash.value.code == "idempotency-key-reused"
    assert await count(store) == before
    other = inbox.Delivery(1, idempotency_key="k2")
    replay = await receive(store, other, HOW, body(b"one body"))
    assert replay.replayed and replay.ref != first.ref


async def test_a_key_under_which_known_bytes_were_read_anew_repeats_its_answer(store) -> None:
    """The first push of the bytes grew by a decoding: no replay, and so it is told again."""
    first = await receive(store, inbox.Delivery(1), reading("gpx", None), body(b"<gpx>key</gpx>"))
    keyed = inbox.Delivery(1, idempotency_key="anew")
    anew = reading("gpx", "UTC+8")
    other = await receive(store, keyed, anew, body(b"<gpx>key</gpx>"))
    assert (other.ref, other.replayed) == (first.ref, False)
    before = await count(store)
    for _ in range(2):
        again = await receive(store, keyed, anew, body(b"<gpx>key</gpx>"))
        assert (again.ref, again.decoding_id) == (other.ref, other.decoding_id)
    assert await count(store) == before
    replay = await receive(
        store, inbox.Delivery(1, idempotency_key="same"), anew, body(b"<gpx>key</gpx>")
    )
    assert replay.replayed and replay.ref != first.ref
    same = await receive(
        store, inbox.Delivery(1, idempotency_key="same"), anew, body(b"<gpx>key</gpx>")
    )
    assert same.ref == replay.ref


async def test_equal_pushes_at_once_become_one_and_its_replays(store) -> None:
    kept = await asyncio.gather(
        *(receive(store, inbox.Delivery(1), HOW, body(b"the same ", b"bytes")) for _ in range(4))
    )
    assert sorted(each.replayed for each in kept) == [False, True, True, True]
    assert len({each.decoding_id for each in kept}) == 1
    assert len({each.ref for each in kept}) == 4


async def test_another_reading_of_the_same_bytes_is_a_decoding_of_the_first(store) -> None:
    first = await receive(store, inbox.Delivery(1), reading("gpx", None), body(b"<gpx/>"))
    other = await receive(store, inbox.Delivery(1), reading("gpx", "UTC+8"), body(b"<gpx/>"))
    assert (other.ref, other.replayed) == (first.ref, False)
    assert other.decoding_id > first.decoding_id
    open_ = await receive(store, inbox.Delivery(1), HOW, body(b"<gpx/>"))
    assert (open_.decoding_id, open_.replayed) == (other.decoding_id, True)
