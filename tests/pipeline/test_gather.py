"""Small pushes share a commit: each gets its own answer, and none suffers for another's."""

from __future__ import annotations

import asyncio
import hashlib
from uuid import uuid4

import pytest

from app.api.receipts import shape
from app.errors import NotFound, Unavailable
from app.pipeline import gather
from app.pipeline.gather import Gatherer, Handed, unknown_source
from app.store import letters, receipts, work
from app.store.audience import Audience
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


def noted(monkeypatch, name, note) -> list:
    """Give what `note` makes of each call of the store; the calls go on."""
    seen: list = []
    real = getattr(letters, name)

    async def watched(conn, many):
        seen.append(note(many))
        return await real(conn, many)

    monkeypatch.setattr(letters, name, watched)
    return seen


@pytest.fixture
def batches(monkeypatch) -> list[int]:
    """Give the sizes of the transactions that are tried."""
    return noted(monkeypatch, "keep_all", len)


@pytest.fixture
def asked(monkeypatch) -> list[set]:
    """Give the sources that are asked for, question by question."""
    return noted(monkeypatch, "senders", set)


def proven(_sender) -> None:
    """Trust whoever sends."""


def forged(_sender) -> None:
    raise SignatureRefused("signature-mismatch", "Sign with the secret.")


def handed(body: bytes, source=SOURCE, prove=proven, key=None) -> Handed:
    return Handed((source, None), body, prove, "text/csv", key)


async def kept(store, body: bytes) -> int:
    async with store.read() as conn:
        rows = await execute(
            conn, "select count(*) as n from push where digest = :digest",
            {"digest": hashlib.sha256(body).digest()},
        )  # fmt: skip
    return rows[0]["n"]


@pytest.mark.parametrize(("waiting", "shared"), [(16, [16]), (17, [16, 1]), (40, [20, 20])])
async def test_those_that_wait_share_a_transaction_or_two(
    gatherer, store, batches, monkeypatch, waiting, shared
) -> None:
    monkeypatch.setattr(gather, "LEASE_S", 60.0)  # a busy machine may take longer over one
    bodies = [f"shared {n} of {waiting}".encode() for n in range(waiting)]
    posted = await asyncio.gather(*(gatherer.keep(handed(body)) for body in bodies))
    assert batches == shared
    for body, each in zip(bodies, posted, strict=True):
        assert each.kept.digest == hashlib.sha256(body).digest()
        assert each.way.sender["id"] == 1
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
    assert found[4].way.sender["ref"] == OTHER


async def test_the_same_twice_is_left_to_receive(gatherer, store) -> None:
    found = await asyncio.gather(*(gatherer.keep(handed(b"twice")) for _ in range(3)))
    assert [each.kept is not None for each in found] == [True, False, False]
    assert await kept(store, b"twice") == 1
    assert (await gatherer.keep(handed(b"twice"))).kept is None


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
    assert (await gatherer.keep(handed(b"back again"))).kept is not None


async def test_a_client_that_leaves_takes_nobody_along(gatherer, store) -> None:
    leaving = asyncio.create_task(gatherer.keep(handed(b"leaves")))
    staying = asyncio.create_task(gatherer.keep(handed(b"stays")))
    await asyncio.sleep(0)
    leaving.cancel()
    assert (await staying).kept is not None
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
    assert all(each.kept is not None for each in found)


async def test_closing_keeps_what_still_waits(store) -> None:
    closing = Gatherer(store)
    await closing.close()  # nothing came yet
    waits = asyncio.create_task(closing.keep(handed(b"the last one")))
    await asyncio.sleep(0)
    await closing.close()
    assert waits.done() or (await waits).kept is not None
    assert await kept(store, b"the last one") == 1


def test_a_source_that_is_not_there_says_where_to_look() -> None:
    assert "address" in unknown_source().remedy


async def change(store, sql: str) -> None:
    async with store.write() as conn:
        await execute(conn, sql)


def with_secret(known: bytes):
    def prove(sender) -> None:
        if sender["secrets"] != [known]:
            raise SignatureRefused("token-mismatch", "Send the token of this source.")

    return prove


async def test_a_sender_is_asked_for_once_while_it_stays_as_it_is(gatherer, asked) -> None:
    for n in range(3):
        assert (await gatherer.keep(handed(b"one by one %d" % n))).kept is not None
    assert asked == [{SOURCE}]
    await gatherer.keep(handed(b"of another", source=OTHER))
    assert asked == [{SOURCE}, {OTHER}]


async def test_a_new_secret_holds_from_its_first_push_and_the_old_one_no_longer(
    gatherer, store, asked
) -> None:
    await gatherer.keep(handed(b"before", prove=with_secret(b"x")))
    await change(store, "update source set secrets = array['new'::bytea] where name = 'a'")
    found = await asyncio.gather(
        gatherer.keep(handed(b"with the old secret", prove=with_secret(b"x"))),
        gatherer.keep(handed(b"with the old secret", prove=with_secret(b"x"))),
        gatherer.keep(handed(b"with the new one", prove=with_secret(b"new"))),
        return_exceptions=True,
    )
    assert [type(each).__name__ for each in found] == [
        "SignatureRefused", "SignatureRefused", "Posted"
    ]  # fmt: skip
    assert len(asked) == 2
    assert [await kept(store, b) for b in (b"with the old secret", b"with the new one")] == [0, 1]
    await change(store, "update source set secrets = array['x'::bytea] where name = 'a'")


async def test_a_source_that_is_closed_takes_no_more(gatherer, store) -> None:
    await gatherer.keep(handed(b"still open", source=OTHER))
    await change(store, "update source set disabled_at = now() where name = 'b'")
    with pytest.raises(NotFound):
        await gatherer.keep(handed(b"closed", source=OTHER))
    assert await kept(store, b"closed") == 0
    await change(store, "update source set disabled_at = null where name = 'b'")
    assert (await gatherer.keep(handed(b"open again", source=OTHER))).kept is not None


async def test_a_new_version_of_a_mapping_reads_the_next_push(gatherer, store) -> None:
    await change(
        store,
        "with made as (insert into mapping (study_id, name) values (1, 'columns') returning id)"
        " insert into mapping_version (mapping_id, number, document, made_by)"
        " select id, 1, '{}', 'a person' from made",
    )
    await change(store, "update source set mapping_id = (select max(id) from mapping)")
    first = await gatherer.keep(handed(b"by the first version"))
    await change(
        store,
        "insert into mapping_version (mapping_id, number, document, made_by)"
        " select max(id), 2, '{}', 'a person' from mapping",
    )
    second = await gatherer.keep(handed(b"by the second version"))
    assert [each.way.reading.mapping_version for each in (first, second)] == [1, 2]
    await change(store, "update source set mapping_id = null")
    assert (await gatherer.keep(handed(b"by none"))).way.reading.mapping_id is None


async def test_many_senders_are_not_remembered_for_ever(gatherer, asked, monkeypatch) -> None:
    monkeypatch.setattr(gather, "WAYS_MAX", 0)
    for name, source in ((b"1", SOURCE), (b"2", OTHER), (b"3", SOURCE)):
        await gatherer.keep(handed(b"forgotten " + name, source=source))
    assert asked == [{SOURCE}, {OTHER}, {SOURCE}]


async def test_the_receipt_of_a_letter_is_the_one_that_is_asked_for_later(gatherer, store) -> None:
    posted = await gatherer.keep(handed(b"told twice", key="a key"))
    own = Audience("institute", exact=(1,))
    async with store.read() as conn:
        later = await receipts.receipt(conn, own, posted.kept.ref)
    now = shape(letters.receipt(posted.way, posted.kept))
    assert now == shape(later)
    assert now.state == "received"


@pytest.mark.parametrize(("lease_s", "times"), [(60.0, 1), (0.0, 9)])
async def test_workers_are_told_when_none_waits_or_the_lease_is_over(
    gatherer, monkeypatch, lease_s, times
) -> None:
    told = 0
    real = work.notify

    async def notify(conn):
        nonlocal told
        told += 1
        await real(conn)

    monkeypatch.setattr(work, "notify", notify)
    monkeypatch.setattr(gather, "BATCH_MAX", 1)
    monkeypatch.setattr(gather, "LEASE_S", lease_s)
    bodies = [b"told of %d %d" % (times, n) for n in range(9)]
    await asyncio.gather(*(gatherer.keep(handed(body)) for body in bodies))
    await gatherer.close()
    assert told == times


async def test_a_flood_leaves_the_only_connection_to_others(dsn) -> None:
    narrow = Store(dsn, pool_size=1)
    flooded, over = Gatherer(narrow), asyncio.Event()

    async def flood(lane: int) -> None:
        n = 0
        while not over.is_set():
            await flooded.keep(handed(b"flood %d %d" % (lane, n)))
            n += 1

    lanes = [asyncio.create_task(flood(lane)) for lane in range(4)]
    await asyncio.sleep(0.1)
    for _ in range(5):
        async with narrow.read() as conn:  # raises Unavailable after two seconds
            await execute(conn, "select 1")
    over.set()
    await asyncio.gather(*lanes)
    await flooded.close()
    await narrow.close()


async def test_workers_that_cannot_be_told_cost_no_push(gatherer, store, monkeypatch) -> None:
    async def away(_conn) -> None:
        raise Unavailable

    monkeypatch.setattr(work, "notify", away)
    assert (await gatherer.keep(handed(b"kept anyhow"))).kept is not None
    await gatherer.close()
    assert await kept(store, b"kept anyhow") == 1


async def test_none_waits_for_ever_however_they_come(gatherer, store) -> None:
    """A push that is handed in just as the last one is answered begins a batch of its own."""
    for turn in range(20):
        burst = [gatherer.keep(handed(b"burst %d %d" % (turn, n))) for n in range(turn % 4 + 1)]
        found = await asyncio.wait_for(asyncio.gather(*burst), 10)
        assert all(each.kept is not None for each in found)
        for _ in range(turn % 7):
            await asyncio.sleep(0)
