"""Readings of a tag: in order, of decodings in force, with whoever wore the tag; the owner's."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app.errors import NotFound
from app.store import readings
from app.store.audience import Audience
from tests.store.flock import START, Flock, ref_of

HOUR = timedelta(hours=1)
OWNER = Audience("institute", 1, 1, frozenset({"read"}), exact=(1,))
TAG = ref_of("tag", "T")


@pytest.fixture(scope="module")
def flock(new_database) -> Flock:
    """Give a tag with ten readings, two of one time, and one of a replaced decoding."""
    flock = Flock(new_database())
    flock.study(flock.institute("Own")[0], "Own", "open")
    bird = flock.bird(1, "A")
    flock.tag(1, "T", bird, f"[{START + 3 * HOUR},)")
    push = flock.insert("push", study_id=1, digest=b"1", size_bytes=1)
    for number, replaced in ((1, START), (2, None)):
        flock.insert("decoding", study_id=1, push_id=push, number=number, tz="UTC",
                     replaced_at=replaced)  # fmt: skip
    for n in range(9):
        _reading(flock, n, 2)
    _reading(flock, 4, 2, variant=-(2**63), battery_v=None)
    _reading(flock, 2, 1, variant=9)
    return flock


def _reading(flock: Flock, hour: int, decoding: int, **more) -> None:
    values = {
        "tag_id": 1, "time": START + hour * HOUR, "sensor": 0, "variant": 5, "study_id": 1,
        "decoding_id": decoding, "battery_v": 3.9,
    }  # fmt: skip
    flock.insert("reading", **(values | more))


async def test_pages_hold_every_reading_once_in_order(trial) -> None:
    found, after = [], None
    while rows := await readings.page(trial, OWNER, TAG, (None, None), fetch=3, after=after):
        found += rows
        after = (rows[-1]["time"], rows[-1]["sensor"], str(rows[-1]["variant"]))
    keys = [(row["time"], row["variant"]) for row in found]
    assert len(found) == 10
    assert keys == sorted(set(keys))
    assert [row["local_identifier"] for row in found] == [None] * 3 + ["A"] * 7
    assert {row["battery_v"] for row in found} == {3.9, None}


async def test_an_interval_holds_both_its_ends(trial) -> None:
    between = (START + 3 * HOUR, START + 5 * HOUR)
    rows = await readings.page(trial, OWNER, TAG, between, fetch=99)
    assert [row["time"] for row in rows] == [START + n * HOUR for n in (3, 4, 4, 5)]


@pytest.mark.parametrize("who", [
    Audience("public", open=(1,)), Audience("institute", 2, 2, exact=(2,), open=(1,)),
])  # fmt: skip
async def test_nobody_else_reads_them(trial, who) -> None:
    with pytest.raises(NotFound):
        await readings.page(trial, who, TAG, (None, None), fetch=9)
