"""Receipts: what became of a push, told of its newest reading, to its own study alone."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from app.store import receipts
from app.store.audience import Audience
from app.store.engine import execute
from tests.store.flock import DAY, START, Flock, ref_of

OWNER = Audience("institute", 1, 1, frozenset({"read"}), exact=(1,))
OTHER = Audience("institute", 2, 2, frozenset({"read"}), exact=(2,), open=(1,))
HOUR = timedelta(hours=1)
FIRST, AGAIN, PLAIN, THEIRS = (ref_of("push", n) for n in range(1, 5))
BODY = b"\x00one\r\n", b"", b"two\xff"


@pytest.fixture(scope="module")
def flock(new_database) -> Flock:
    """
    Give a push read twice, the same bytes again, one without fixes, and one of another study.

    Tag 1 is on two birds in turn with an hour between them, tag 2 on none.
    """
    flock = Flock(new_database())
    for number in (1, 2):
        flock.study(flock.institute(f"institute {number}")[0], f"{number}", "open")
    birds = [flock.bird(1, name) for name in "BA"]
    tag = flock.tag(1, "T1")
    for bird, on, off in ((birds[0], 0, 3), (birds[1], 4, 9)):
        during = f"[{(START + on * HOUR).isoformat()},{(START + off * HOUR).isoformat()})"
        flock.deployment(1, tag, bird, during)
    flock.deployment(1, tag, flock.bird(1, "C"), "(,)", replaced_at=START)
    flock.tag(1, "T0")
    source = flock.insert("source", study_id=1, name="gate", scheme="token", secrets=[b"x"],
                          ref=ref_of("source"))  # fmt: skip
    for n, ref in enumerate((FIRST, AGAIN, PLAIN, THEIRS), start=1):
        study = 2 if ref == THEIRS else 1
        push = flock.insert(
            "push", study_id=study, digest=bytes([1 if ref == AGAIN else n]), size_bytes=n, ref=ref,
            received_at=START + n * DAY, content_type="text/csv",
            replay_of_id=1 if ref == AGAIN else None, source_id=source if ref == FIRST else None,
        )  # fmt: skip
        for number in {FIRST: (1, 2), AGAIN: ()}.get(ref, (1,)):
            flock.insert("decoding", study_id=study, push_id=push, number=number, tz="UTC",
                         units=2, refused=2, state="processed")  # fmt: skip
    flock.run(
        "update decoding set tag_ids = '{1,2}', time_first = %s, time_last = %s where id <= 2",
        START, START + 8 * HOUR,
    )  # fmt: skip
    for tag_id, hour, more in ((1, 0, {}), (1, 3, {}), (1, 3.5, {}), (1, 4, {}), (2, 1, {}),
                               (2, 2, {"live": False}), (1, 3.7, {"decoding_id": 1})):  # fmt: skip
        flock.fix(1, tag_id, hour, **({"decoding_id": 2} | more))
        flock.insert("fix_flag", tag_id=tag_id, time=START + hour * HOUR, sensor=0, variant=1,
                     study_id=1,
                     code="speed" if hour else "null-island", origin="record")  # fmt: skip
    for n, piece in enumerate(BODY):
        flock.insert("push_chunk", push_id=1, number=n, body=piece)
    for decoding in (1, 2, 3):
        for unit in (2, 5):
            flock.insert("refusal", decoding_id=decoding, study_id=1, unit=unit,
                         excerpt=f"{decoding}.{unit}", code="ragged-row", remedy="")  # fmt: skip
    return flock


async def test_a_receipt_is_of_the_newest_reading_and_tells_what_stands(trial) -> None:
    row = await receipts.receipt(trial, OWNER, FIRST)
    assert row is not None
    assert (row["number"], row["replay_of"], row["source"]) == (2, None, ref_of("source"))
    assert (row["study"], row["push_received_at"]) == (ref_of("study", "1"), START + DAY)
    assert row["undeployed"] == 3
    assert [(t["local_identifier"], t["n_fixes"], t["time_first"], t["time_last"])
            for t in row["undeployed_tags"]] == [
        ("T0", 1, START + HOUR, START + HOUR), ("T1", 2, START + 3 * HOUR, START + 3.5 * HOUR),
    ]  # fmt: skip
    assert row["flagged"] == {"null-island": 1, "speed": 4}
    assert row["individuals"] == [ref_of("bird", 1, "A"), ref_of("bird", 1, "B")]


async def test_a_newer_reading_that_failed_is_told_beside_the_one_that_stands(trial) -> None:
    before = await receipts.receipt(trial, OWNER, FIRST)
    assert before is not None and before["failed_reading"] is None
    why = {"code": "c", "detail": "d", "remedy": "r"}
    told = "insert into decoding (study_id, push_id, number, format, tz, state, problem)"
    for number in (3, 4):
        await execute(
            trial,
            f"{told} values (1, 1, :number, 'xlsx', 'UTC', 'failed', cast(:why as jsonb))",
            {"number": number, "why": json.dumps(why)},
        )
    failed = {"decoding": 4, "format": "xlsx", "tz": "UTC", "problem": why}
    assert await receipts.receipt(trial, OWNER, FIRST) == before | {"failed_reading": failed}
    rows = await receipts.refusals(trial, OWNER, FIRST, after_unit=0, limit=9)
    assert [row["excerpt"] for row in rows] == ["2.2", "2.5"]
    # One that was replaced does not stand again when its successor fails.
    await execute(trial, "update decoding set replaced_at = now() where push_id = 1 and number < 4")
    row = await receipts.receipt(trial, OWNER, FIRST)
    assert row is not None
    assert (row["number"], row["state"], row["failed_reading"]) == (4, "failed", None)


async def test_the_same_bytes_again_become_what_the_first_became(trial) -> None:
    first, again = [await receipts.receipt(trial, OWNER, ref) for ref in (FIRST, AGAIN)]
    assert first is not None
    assert again is not None
    differ = {name for name in first if first[name] != again[name]}
    assert differ == {"ref", "replay_of", "source", "push_received_at", "size_bytes"}
    assert again["replay_of"] == FIRST


async def test_the_tags_told_are_so_many_and_the_fixes_counted_all(trial, monkeypatch) -> None:
    monkeypatch.setattr(receipts, "TAGS_TOLD", 1)
    row = await receipts.receipt(trial, OWNER, FIRST)
    assert row is not None
    assert (row["undeployed"], len(row["undeployed_tags"])) == (3, 1)


async def test_a_push_without_fixes_became_nothing(trial) -> None:
    row = await receipts.receipt(trial, OWNER, PLAIN)
    assert row is not None
    assert {name: row[name] for name in receipts.NOTHING_STORED} == receipts.NOTHING_STORED


async def test_pushes_of_a_study_newest_first(trial) -> None:
    async def page(who=OWNER, study=1, before=None, limit=9):
        rows = await receipts.list_pushes(trial, who, study_id=study, before_id=before, limit=limit)
        return [row["push_id"] for row in rows]

    assert await page() == [3, 2, 1]
    assert await page(limit=2) == [3, 2]
    assert await page(before=2) == [1]
    assert await page(OTHER, 2) == [4]
    assert await page(study=2) == await page(OTHER, 1) == []


async def test_the_refusals_of_the_newest_reading(trial) -> None:
    async def page(ref, who=OWNER, after=0, limit=9):
        rows = await receipts.refusals(trial, who, ref, after_unit=after, limit=limit)
        return [row["excerpt"] for row in rows]

    assert await page(FIRST) == await page(AGAIN) == ["2.2", "2.5"]
    assert await page(FIRST, limit=1) == ["2.2"]
    assert await page(FIRST, after=2) == ["2.5"]
    assert await page(FIRST, OTHER) == []


async def test_bytes_come_back_as_they_were_sent(trial) -> None:
    for ref in (FIRST, AGAIN):
        assert await receipts.sent_bytes(trial, OWNER, ref) == b"".join(BODY)
        assert await receipts.sent_bytes(trial, OTHER, ref) is None
    assert await receipts.sent_bytes(trial, OWNER, ref_of("none")) is None


async def test_a_push_is_hidden_from_whoever_reads_the_study_through_its_public_view(trial) -> None:
    await execute(trial, "update study set visibility = 'open'", {})
    for who in (OTHER, Audience("public", open=(1, 2))):
        assert await receipts.receipt(trial, who, FIRST) is None
    assert await receipts.receipt(trial, OTHER, THEIRS) is not None
