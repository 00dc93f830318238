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
from app.store.letters import Letter
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


SOURCES = {1: 1, 2: 2, 3: 1}
"""Study of each source."""


def letter(source: int, text: str, key: str | None = None) -> Letter:
    body = text.encode()
    reading = inbox.Reading("movebank-csv", "UTC+8")
    return Letter(SOURCES[source], source, body, hashlib.sha256(body).digest(), reading,
                  "text/csv", key)  # fmt: skip


SENT = st.lists(
    st.builds(letter, st.sampled_from([1, 2, 3]), st.sampled_from(["x", "y", ""]),
              st.none() | st.sampled_from(["k1", "k2"])),
    max_size=8,
)  # fmt: skip


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(SENT, max_size=3))
async def test_a_letter_is_kept_when_its_bytes_and_its_key_are_new(flock, batches) -> None:
    async with flock.trial() as conn:
        names: set[tuple] = set()
        kept = 0
        for batch in batches:
            receipts = await letters.keep_all(conn, batch)
            seen = set(names)
            for sent, receipt in zip(batch, receipts, strict=True):
                mine = {("bytes", sent.study_id, sent.digest)}
                if sent.idempotency_key is not None:
                    mine.add(("key", sent.source_id, sent.idempotency_key))
                assert (receipt is not None) is not mine & seen or bool(receipt) != bool(
                    mine & seen
                )
                assert (receipt is None) == bool(mine & seen)
                if receipt is not None:
                    names |= mine
                    kept += 1
                    assert receipt["digest"] == sent.digest
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
    (made,) = await letters.keep_all(trial, [letter(1, "rows")])
    told = await receipts.receipt(trial, Audience("operator", exact=(1, 2)), made["ref"])
    assert told is not None
    shared = set(told) & set(made)
    assert {"ref", "state", "study", "records", "flagged", "individuals"} <= shared
    assert {name: made[name] for name in shared} == {name: told[name] for name in shared}


async def test_bytes_that_came_for_a_tag_are_new_without_one(trial) -> None:
    mine = letter(1, "rows")
    how = inbox.Reading("movebank-csv", "UTC+8", tag="7304")
    await inbox.keep(trial, inbox.Delivery(1), how, _pieces(mine.body))
    assert all(await letters.keep_all(trial, [mine]))
    assert await letters.keep_all(trial, [mine]) == [None]
    kept = await inbox.keep(trial, inbox.Delivery(1, 1), mine.reading, _pieces(mine.body))
    assert kept.replayed


async def _pieces(body: bytes) -> AsyncIterator[bytes]:
    yield body


async def test_two_batches_with_one_letter_in_common_keep_it_once(flock, store, meets) -> None:
    first = [letter(1, "1"), letter(1, "both"), letter(2, "2")]
    second = [letter(2, "2"), letter(1, "both"), letter(1, "3")]
    found = []

    async def later() -> None:
        async with store.write() as conn:
            found.extend(await letters.keep_all(conn, second))

    async with store.engine.connect() as conn:
        await conn.begin()
        assert all(await letters.keep_all(conn, first))
        await meets(conn.commit, later())
    assert [receipt is not None for receipt in found] == [False, False, True]
    assert flock.run("select count(*) from push") == [(4,)]
    for table in ("push_chunk", "decoding", "push"):
        flock.run(f"delete from {table}")
