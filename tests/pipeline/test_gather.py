"""Small pushes share a commit: each gets its own answer, and none suffers for another's."""

from __future__ import annotations

import asyncio
import hashlib
from uuid import uuid4

import pytest

from app.errors import NotFound, Unavailable
from app.pipeline import gather
from app.pipeline.gather import Gatherer, Handed, known_sender
from app.store import letters
from app.store.engine import Store, execute
from ingest.signatures import SignatureRefused
from tests.store.flock import Flock, ref_of

SOURCE, OTHER, DISABLED = (ref_of("source", name) for name in "abc")


@pytest.fixture(scope="module")
def dsn(new_database) -> str:
    flock = Flock(new_database())
    flock.study(flock.institute("Amur")[0], "1")
    for name, more in (("a", {}), ("b", {}), ("c", {"disabled_at": "2020-01-01Z"})):
        flock.insert("source", study_id=1, name=name, scheme="token", secrets=[b"x"],
                     ref=ref_of("source", name), **more)  # fmt: skip
    return flock.dsn


@pytest.fixture
async def store(dsn):
    made = Store(dsn, pool_size=4)
    yield made
    await made.close()


@pytest.fixture
async def gatherer(store):
    made = Gatherer(store)
    yield made
    await made.close()


@pytest.fixture
def batches(monkeypatch):
    """Give the sizes of the transactions that are tried."""
    seen: list[int] = []
    real = letters.senders

    async def senders(conn, refs):
        seen.append(len(refs))
        return await real(conn, refs)

    monkeypatch.setattr(letters, "senders", senders)
    return seen


def proven(_sender) -> None:
    """Trust whoever sends."""


def forged(_sender) -> None:
    raise SignatureRefused("signature-mismatch", "Sign with the secret.")


def handed(body: bytes, source=SOURCE, prove=proven, key=None) -> Handed:
    return Handed(source, body, prove, "text/csv", key)


async def kept(store, body: bytes) -> int:
    async with store.read() as conn:
        rows = await execute(
            conn, "select count(*) as n from push where digest = :digest",
            {"digest": hashlib.sha256(body).digest()},
        )  # fmt: skip
    return rows[0]["n"]


async def test_all_that_wait_share_a_transaction(gatherer, store, batches) -> None:
    bodies = [f"shared {n}".encode() for n in range(40)]
    posted = await asyncio.gather(*(gatherer.keep(handed(body)) for body in bodies))
    assert len(batches) == 1
    for body, each in zip(bodies, posted, strict=True):
        assert each.receipt["digest"] == hashlib.sha256(body).digest()
        assert each.sender["id"] == 1
        assert await kept(store, body) == 1


async def test_what_comes_while_one_is_committed_gathers_for_the_next(
    gatherer, store, batches, monkeypatch
) -> None:
    going, go_on = asyncio.Event(), asyncio.Event()
    real = letters.keep_all

    async def slowly(conn, sent):
        going.set()
        await go_on.wait()
        return await real(conn, sent)

    monkeypatch.setattr(letters, "keep_all", slowly)
    first = asyncio.create_task(gatherer.keep(handed(b"slow one")))
    await going.wait()
    rest = [asyncio.create_task(gatherer.keep(handed(b"next %d" % n))) for n in range(3)]
    await asyncio.sleep(0)
    assert (
        not first.done() and await kept(store, b"slow one") == 0
    )  # not answered before its commit
    go_on.set()
    await asyncio.gather(first, *rest)
    assert len(batches) == 2


async def test_a_forged_push_is_refused_and_those_beside_it_are_kept(gatherer, store) -> None:
    found = await asyncio.gather(
        gatherer.keep(handed(b"good a")),
        gatherer.keep(handed(b"forged", prove=forged)),
        gatherer.keep(handed(b"nobody's", source=uuid4())),
        gatherer.keep(handed(b"too late", source=DISABLED)),
        gatherer.keep(handed(b"good b", source=OTHER)),
        return_exceptions=True,
    )
    assert [type(each).__name__ for each in found] == [
        "Posted", "SignatureRefused", "NotFound", "NotFound", "Posted"
    ]  # fmt: skip
    assert [await kept(store, b) for b in (b"good a", b"forged", b"nobody's", b"good b")] == [
        1, 0, 0, 1
    ]  # fmt: skip
    assert found[4].sender["ref"] == OTHER


async def test_the_same_twice_is_left_to_receive(gatherer, store) -> None:
    found = await asyncio.gather(*(gatherer.keep(handed(b"twice")) for _ in range(3)))
    assert [each.receipt is not None for each in found] == [True, False, False]
    assert await kept(store, b"twice") == 1
    assert (await gatherer.keep(handed(b"twice"))).receipt is None


async def test_a_push_that_breaks_its_batch_fails_alone(gatherer, store) -> None:
    """No text of PostgreSQL holds a zero byte: such a key fails at the database itself."""
    found = await asyncio.gather(
        gatherer.keep(handed(b"before it")),
        gatherer.keep(handed(b"poison", key="\x00")),
        gatherer.keep(handed(b"after it")),
        return_exceptions=True,
    )
    assert [isinstance(each, Exception) for each in found] == [False, True, False]
    assert [await kept(store, b) for b in (b"before it", b"poison", b"after it")] == [1, 0, 1]


async def test_without_a_database_all_are_told_at_once(gatherer, monkeypatch) -> None:
    tried = 0

    async def away(_conn, _refs):
        nonlocal tried
        tried += 1
        raise Unavailable

    monkeypatch.setattr(letters, "senders", away)
    found = await asyncio.gather(
        *(gatherer.keep(handed(b"%d" % n)) for n in range(5)), return_exceptions=True
    )
    assert {type(each) for each in found} == {Unavailable}
    assert tried == 1
    monkeypatch.undo()
    assert (await gatherer.keep(handed(b"back again"))).receipt is not None


async def test_a_client_that_leaves_takes_nobody_along(gatherer, store) -> None:
    leaving = asyncio.create_task(gatherer.keep(handed(b"leaves")))
    staying = asyncio.create_task(gatherer.keep(handed(b"stays")))
    await asyncio.sleep(0)
    leaving.cancel()
    assert (await staying).receipt is not None
    with pytest.raises(asyncio.CancelledError):
        await leaving
    assert await kept(store, b"stays") == 1


async def test_too_many_that_wait_are_refused_at_once(gatherer, monkeypatch) -> None:
    monkeypatch.setattr(gather, "WAITING_MAX", 2)
    found = await asyncio.gather(
        *(gatherer.keep(handed(b"many %d" % n)) for n in range(4)), return_exceptions=True
    )
    assert [isinstance(each, Unavailable) for each in found] == [False, False, True, True]
    assert "wait to be stored" in found[3].detail


@pytest.mark.parametrize(("limit", "value"), [("BATCH_MAX", 2), ("BATCH_BYTES", 2 * 6)])
async def test_a_batch_has_its_bounds(gatherer, batches, monkeypatch, limit, value) -> None:
    monkeypatch.setattr(gather, limit, value)
    bodies = [f"{limit[-3:]} {n:02}".encode() for n in range(5)]
    found = await asyncio.gather(*(gatherer.keep(handed(body)) for body in bodies))
    assert len(batches) == 3
    assert all(each.receipt is not None for each in found)


async def test_closing_keeps_what_still_waits(store) -> None:
    closing = Gatherer(store)
    await closing.close()  # nothing came yet
    waits = asyncio.create_task(closing.keep(handed(b"the last one")))
    await asyncio.sleep(0)
    await closing.close()
    assert waits.done() or (await waits).receipt is not None
    assert await kept(store, b"the last one") == 1


def test_a_source_that_is_not_there_says_where_to_look() -> None:
    with pytest.raises(NotFound) as missing:
        known_sender(None)
    assert "address" in missing.value.remedy
    assert known_sender({"id": 1}) == {"id": 1}
