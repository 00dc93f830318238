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
from app.store.letters import Kept, Letter, Way
from tests.store.flock import Flock, ref_of


@pytest.fixture(scope="module")
def flock(new_database) -> Flock:
    """Give two studies with a source each, and a second source of the first."""
    flock = Flock(new_database())
    institute, _ = flock.institute("Amur")
    for name in ("one", "two"):
        flock.study(institute, name)
    for study, name in ((1, "a"), (2, "b"), (1, "c")):
        flock.insert("source", study_id=study, name=name, scheme="token", secrets=[b"x"],
                     ref=ref_of("source", name))  # fmt: skip
    return flock


SOURCES = {1: ref_of("source", "a"), 2: ref_of("source", "b"), 3: ref_of("source", "c")}
READING = inbox.Reading("movebank-csv", "UTC+8")


async def post(conn, *sent: tuple[int, str, str | None]) -> list[Letter]:
    """Give letters of sources, by their texts and keys, as senders are at this moment."""
    known = await letters.senders(conn, list(SOURCES.values()))
    ways = {source: Way(known[ref], READING) for source, ref in SOURCES.items()}
    return [
        Letter(ways[source], text.encode(), hashlib.sha256(text.encode()).digest(), "text/csv", key)
        for source, text, key in sent
    ]


SENT = st.lists(
    st.tuples(st.sampled_from([1, 2, 3]), st.sampled_from(["x", "y", ""]),
              st.none() | st.sampled_from(["k1", "k2"])),
    min_size=1, max_size=8,
)  # fmt: skip


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(SENT, max_size=3))
async def test_a_letter_is_kept_when_its_bytes_and_its_key_are_new(flock, batches) -> None:
    async with flock.trial() as conn:
        names: set[tuple] = set()
        kept = 0
        for batch in batches:
            sent = await post(conn, *batch)
            seen = set(names)
            for each, outcome in zip(sent, await letters.keep_all(conn, sent), strict=True):
                sender = each.way.sender
                mine = {("bytes", sender["study_id"], each.digest)}
                if each.idempotency_key is not None:
                    mine.add(("key", sender["id"], each.idempotency_key))
                assert (outcome == "known") == bool(mine & seen)
                if isinstance(outcome, Kept):
                    names |= mine
                    kept += 1
                    assert outcome.digest == each.digest
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
    (sent,) = await post(trial, (1, "rows", None))
    (kept,) = await letters.keep_all(trial, [sent])
    assert isinstance(kept, Kept)
    made = letters.receipt(sent.way, kept)
    told = await receipts.receipt(trial, Audience("operator", exact=(1, 2)), kept.ref)
    assert told is not None
    shared = set(told) & set(made)
    assert {"ref", "state", "study", "records", "flagged", "individuals"} <= shared
    assert {name: made[name] for name in shared} == {name: told[name] for name in shared}


@pytest.mark.parametrize(
    "change",
    [
        "update source set secrets = array['y'::bytea] where name = 'a'",
        "update source set disabled_at = now() where name = 'a'",
        "delete from source where name = 'a'",
    ],
)
async def test_of_a_sender_that_changed_nothing_is_kept_and_of_others_all(trial, change) -> None:
    sent = await post(trial, (1, "changed", None), (2, "as before", None), (3, "changed", None))
    await execute(trial, change)
    found = await letters.keep_all(trial, sent)
    # The third has the bytes of the first: whoever is asked next finds that nobody kept them.
    assert [each if isinstance(each, str) else "kept" for each in found] == [
        "stale", "kept", "known"
    ]  # fmt: skip
    assert await execute(trial, "select source_id from push") == [{"source_id": 2}]


async def test_bytes_that_came_for_a_tag_are_new_without_one(trial) -> None:
    (mine,) = await post(trial, (1, "rows", None))
    how = inbox.Reading("movebank-csv", "UTC+8", tag="7304")
    await inbox.keep(trial, inbox.Delivery(1), how, _pieces(mine.body))
    assert isinstance((await letters.keep_all(trial, [mine]))[0], Kept)
    assert await letters.keep_all(trial, [mine]) == ["known"]
    kept = await inbox.keep(trial, inbox.Delivery(1, 1), READING, _pieces(mine.body))
    assert kept.replayed


async def _pieces(body: bytes) -> AsyncIterator[bytes]:
    yield body


async def test_two_batches_with_one_letter_in_common_keep_it_once(flock, store, meets) -> None:
    first = [(1, "1", None), (1, "both", None), (2, "2", None)]
    second = [(2, "2", None), (1, "both", None), (1, "3", None)]
    found = []

    async def later() -> None:
        async with store.write() as conn:
            found.extend(await letters.keep_all(conn, await post(conn, *second)))

    async with store.engine.connect() as conn:
        await conn.begin()
        kept = await letters.keep_all(conn, await post(conn, *first))
        assert all(isinstance(each, Kept) for each in kept)
        await meets(conn.commit, later())
    assert [isinstance(each, Kept) for each in found] == [False, False, True]
    assert flock.run("select count(*) from push") == [(4,)]
    for table in ("push_chunk", "decoding", "push"):
        flock.run(f"delete from {table}")
