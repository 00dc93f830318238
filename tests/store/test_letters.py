"""Many small pushes in one transaction: kept once each, as `inbox.keep` would keep them."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.store import inbox, letters, receipts
from app.store.audience import Audience
from app.store.engine import execute
from app.store.letters import Letter, Way
from tests.store.flock import Flock


@pytest.fixture(scope="module")
def flock(new_database) -> Flock:
    """Give two studies with a source each, and a second source of the first."""
    flock = Flock(new_database())
    institute, _ = flock.institute("Amur")
    for name in ("one", "two"):
        flock.study(institute, name)
    for study, name in ((1, "a"), (2, "b"), (1, "c")):
        flock.insert("source", study_id=study, name=name, scheme="token", secrets=[b"x"])
    return flock


READING = inbox.Reading("movebank-csv", "UTC+8")


async def ways(conn) -> dict[int, Way]:
    """Give how each source is read, as it stands now."""
    refs = [row["ref"] for row in await execute(conn, "select ref from source")]
    senders = (await letters.senders(conn, refs)).values()
    return {sender["id"]: Way(sender, READING) for sender in senders}


def letter(way: Way, text: str, key: str | None = None) -> Letter:
    body = text.encode()
    return Letter(way, body, hashlib.sha256(body).digest(), "text/csv", key)


SENT = st.lists(
    st.tuples(st.sampled_from([1, 2, 3]), st.sampled_from(["x", "y", ""]),
              st.none() | st.sampled_from(["k1", "k2"])),
    max_size=8,
)  # fmt: skip


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(SENT, max_size=3))
async def test_a_letter_is_kept_when_its_bytes_and_its_key_are_new(flock, batches) -> None:
    async with flock.trial() as conn:
        known = await ways(conn)
        names: set[tuple] = set()
        kept = 0
        for batch in batches:
            sent_all = [letter(known[source], text, key) for source, text, key in batch]
            found = await letters.keep_all(conn, sent_all)
            seen = set(names)
            for sent, outcome in zip(sent_all, found, strict=True):
                sender = sent.way.sender
                mine = {("bytes", sender["study_id"], sent.digest)}
                if sent.idempotency_key is not None:
                    mine.add(("key", sender["id"], sent.idempotency_key))
                assert (outcome == "known") == bool(mine & seen)
                if outcome != "known":
                    names |= mine
                    kept += 1
                    assert outcome.digest == sent.digest
                # A refused twin still names its bytes and its key within the batch.
                seen |= mine
        rows = await execute(
            conn,
            "select p.digest, c.body, d.tz, d.format, d.state from push p"
            " join push_chunk c on c.push_id = p.id join decoding d on d.push_id = p.id",
        )
        assert len(rows) == kept
        for row in rows:
            assert hashlib.sha256(bytes(row["body"])).digest() == bytes(row["digest"])
            assert (row["tz"], row["format"], row["state"]) == (
                "UTC+8", "movebank-csv", "received"
            )  # fmt: skip


async def test_the_receipt_is_that_of_the_inbox(trial) -> None:
    way = (await ways(trial))[1]
    (kept,) = await letters.keep_all(trial, [letter(way, "rows")])
    told = await receipts.receipt(trial, Audience("operator", exact=(1, 2)), kept.ref)
    made = letters.receipt(way, kept)
    assert told is not None
    assert {name: told[name] for name in made} == made


async def test_nothing_is_kept_of_a_sender_that_is_another_now(trial) -> None:
    known = await ways(trial)
    await execute(trial, "update source set refused_lately = 1 where id = 1")
    sent = [letter(known[1], "rows"), letter(known[3], "rows"), letter(known[2], "rows")]
    # The second is the twin of a push that is not kept: it is not known yet.
    assert [str(each)[:5] for each in await letters.keep_all(trial, sent[:2])] == ["stale", "known"]
    assert await execute(trial, "select * from push") == []
    anew = await ways(trial)
    again = [letter(anew[1], "rows"), *sent[1:]]
    kept, twin, other = await letters.keep_all(trial, again)
    assert twin == "known"
    assert {kept.digest, other.digest} == {sent[0].digest}
    await execute(trial, "update source set disabled_at = now() where id = 2")
    assert await letters.keep_all(trial, [letter(known[2], "more")]) == ["stale"]


async def test_bytes_that_came_for_a_tag_are_new_without_one(trial) -> None:
    mine = letter((await ways(trial))[1], "rows")
    how = inbox.Reading("movebank-csv", "UTC+8", tag="7304")
    await inbox.keep(trial, inbox.Delivery(1), how, _pieces(mine.body))
    (kept,) = await letters.keep_all(trial, [mine])
    assert kept.digest == mine.digest
    assert await letters.keep_all(trial, [mine]) == ["known"]
    again = await inbox.keep(trial, inbox.Delivery(1, 1), READING, _pieces(mine.body))
    assert again.replayed


async def _pieces(body: bytes) -> AsyncIterator[bytes]:
    yield body


async def test_two_batches_with_one_letter_in_common_keep_it_once(flock, store, meets) -> None:
    async with store.read() as conn:
        known = await ways(conn)
    a, b = known[1], known[2]
    first = [letter(a, "1"), letter(a, "both"), letter(b, "2")]
    second = [letter(b, "2"), letter(a, "both"), letter(a, "3")]
    found = []

    async def later() -> None:
        async with store.write() as conn:
            found.extend(await letters.keep_all(conn, second))

    async with store.engine.connect() as conn:
        await conn.begin()
        assert "known" not in await letters.keep_all(conn, first)
        await meets(conn.commit, later())
    assert [outcome == "known" for outcome in found] == [True, True, False]
    assert flock.run("select count(*) from push") == [(4,)]
    for table in ("push_chunk", "decoding", "push"):
        flock.run(f"delete from {table}")
