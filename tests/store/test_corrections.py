"""Refusals, suspects and corrections of a study, against what a plain reader of the rows says."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import ingest
from app.movement import screening
from app.store import corrections, implied, receipts
from app.store.audience import Audience
from app.store.engine import execute
from app.store.sight import Filters
from ingest.checks import FLAGS
from tests.store.flock import DAY, START, Flock, ref_of

OWNER = Audience("institute", 1, 1, frozenset({"manage"}), exact=(1,))
OTHER = Audience("institute", 2, 2, frozenset({"manage"}), exact=(2,), open=(1,))
CODES = ("ragged-row", "time-unreadable")
HOUR = timedelta(hours=1)


def push_ref(number: int):
    return ref_of("push", number)


REFUSED = {
    (push, number, unit): CODES[(push + unit) % 2]
    for push in range(1, 5)
    for number in (1, 2)
    for unit in (2, 3, 11)[: 1 + push % 3]
}
"""Push, number of the decoding and unit, to the code; the first decoding of each is replaced."""


def decoding_of(push: int, number: int) -> int:
    return 2 * (push - 1) + number


@pytest.fixture(scope="module")
def flock(new_database: Callable[[], str]) -> Flock:
    """
    Give four pushes, a day apart, each read twice; the fourth is still being read anew.

    The second reading of the first push has fixes of two tags, one flagged twice.
    """
    flock = Flock(new_database())
    for number in (1, 2):
        flock.study(flock.institute(f"institute {number}")[0], f"{number}")
    flock.tag(1, "T1", flock.bird(1, "A"))
    flock.tag(1, "T2")
    for push in range(1, 5):
        flock.insert("push", study_id=1, digest=bytes([push]), size_bytes=1, ref=push_ref(push),
                     received_at=START + push * DAY)  # fmt: skip
        for number in (1, 2):
            refused = sum(key[:2] == (push, number) for key in REFUSED)
            flock.insert(
                "decoding", study_id=1, push_id=push, number=number, tz="UTC", units=refused,
                refused=refused, state="received" if (push, number) == (4, 2) else "processed",
                replaced_at=START if number == 1 else None, format="movebank",
                asked_by="institute 1" if number == 2 else None,
            )  # fmt: skip
    for (push, number, unit), code in REFUSED.items():
        flock.insert("refusal", decoding_id=decoding_of(push, number), study_id=1, unit=unit,
                     excerpt=f"{push}.{unit}", code=code, remedy="Mend it.")  # fmt: skip
    flock.run(
        "update decoding set tag_ids = '{1,2}', time_first = %s, time_last = %s,"
        " warnings = '[{\"code\": \"clock\", \"detail\": \"Late.\"},"
        " {\"code\": \"clock\", \"detail\": \"Early.\"}, {\"code\": \"zone\", \"detail\": \"?\"}]'"
        " where id = 2",
        START, START + 9 * HOUR,
    )  # fmt: skip
    for tag, hour, more in ((1, 0, {}), (1, 1, {}), (2, 2, {}), (2, 3, {"live": False}),
                            (1, 4, {"decoding_id": 4}), (1, 20, {})):  # fmt: skip
        flock.fix(1, tag, hour, **({"decoding_id": 2, "variant": 10 + hour} | more))
        for code in ("speed", "null-island")[: 2 if hour == 1 else 1]:
            flock.insert("fix_flag", tag_id=tag, time=START + hour * HOUR, sensor=0, study_id=1,
                         variant=10 + hour, code=code, origin="track", detail=code)  # fmt: skip
    return flock


ALL = Filters()
ASKED = {"push": None, "code": None, "after": None, "limit": 99}


async def refused(conn, who=OWNER, asked=ALL, **how) -> list[tuple[int, int, str]]:
    rows = await corrections.refusals(conn, who, 1, asked, **(ASKED | how))
    return [(row["decoding_id"], row["unit"], row["code"]) for row in rows]


async def suspect(conn, who=OWNER, asked=ALL, **how) -> list[tuple[str, str, int]]:
    rows = await corrections.suspects(conn, who, 1, asked, **(ASKED | how))
    return [(row["concerns"], row["code"], row["fixes"]) for row in rows]


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    push=st.none() | st.integers(1, 5), code=st.sampled_from([None, *CODES, "no-such"]),
    first=st.none() | st.integers(0, 5), last=st.none() | st.integers(0, 5),
    size=st.integers(1, 4),
)  # fmt: skip
async def test_what_is_refused_now_page_by_page(flock, push, code, first, last, size) -> None:
    expected = sorted(
        (
            (decoding_of(at, number), unit, said)
            for (at, number, unit), said in REFUSED.items()
            if number == 2 and at != 4 and push in {None, at} and code in {None, said}
            and (first is None or at >= first) and (last is None or at <= last)
        ),
        key=lambda row: (-row[0], row[1]),
    )  # fmt: skip
    asked = Filters(
        time_from=None if first is None else START + first * DAY,
        time_to=None if last is None else START + last * DAY,
    )
    how = {"push": None if push is None else push_ref(push), "code": code}
    async with flock.trial() as conn:
        got: list[tuple[int, int, str]] = []
        while page := await refused(
            conn, asked=asked, after=got[-1][:2] if got else None, limit=size, **how
        ):
            assert len(page) <= size
            got += page
    assert got == expected


SUSPECT = [("push", "clock", 0), ("fixes", "null-island", 1), ("fixes", "speed", 3),
           ("push", "zone", 0)]  # fmt: skip


async def test_what_is_suspect_of_pushes_and_of_live_fixes_of_their_own(trial) -> None:
    assert await suspect(trial) == SUSPECT
    rows = await corrections.suspects(trial, OWNER, 1, Filters(), **ASKED)
    assert [row["detail"] for row in rows] == ["Late. Early.", "null-island", "speed", "?"]
    assert {row["push_id"] for row in rows} == {push_ref(1)}


@pytest.mark.parametrize("size", [1, 2, 3])
async def test_suspects_page_by_page(trial, size) -> None:
    got: list[tuple[str, str, int]] = []
    while page := await suspect(trial, after=(2, got[-1][1]) if got else None, limit=size):
        got += page
    assert got == SUSPECT


async def test_suspects_by_code_push_and_time(trial) -> None:
    assert await suspect(trial, code="speed") == [("fixes", "speed", 3)]
    assert await suspect(trial, push=push_ref(2)) == []
    assert await suspect(trial, asked=Filters(time_from=START + 2 * DAY)) == []
    assert await suspect(trial, asked=Filters(time_to=START + DAY)) == SUSPECT


async def test_nobody_else_reads_what_was_refused_or_corrected(trial) -> None:
    row = await receipts.receipt(trial, OWNER, push_ref(1))
    assert row is not None
    await corrections.add(trial, OWNER, row, {2: ("never", "now")})
    assert await refused(trial, OTHER) == await suspect(trial, OTHER) == []
    assert await corrections.history(trial, OTHER, push_ref(1), after=0, limit=9) == []
    assert await corrections.readings(trial, OTHER, push_ref(1), before=None, limit=9) == []


MADE = st.lists(
    st.dictionaries(st.integers(1, 4), st.none() | st.sampled_from("ab"), min_size=1), max_size=4
)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(MADE, st.data())
async def test_the_newest_correction_of_a_unit_counts_up_to_any_moment(flock, made, data) -> None:
    async with flock.trial() as conn:
        row = await receipts.receipt(conn, OWNER, push_ref(2))
        ends = [0]
        for each in made:
            texts = {unit: (f"was {unit}", text) for unit, text in each.items()}
            ends.append(await corrections.add(conn, OWNER, row, texts))
        assert ends == sorted(set(ends))
        upto = data.draw(st.integers(0, len(made)))
        held = await corrections.held(conn, row["push_id"], ends[upto])
        expected: dict[int, str | None] = {}
        for each in made[:upto]:
            expected |= each
        assert {unit: at["text"] for unit, at in held.items()} == expected
        assert all(at["original"] == f"was {unit}" for unit, at in held.items())
        told = await corrections.history(conn, OWNER, push_ref(2), after=0, limit=99)
        assert [(at["unit"], at["text"]) for at in told] == [
            pair for each in made for pair in sorted(each.items())
        ]
        assert {at["corrected_by"] for at in told} <= {"institute 1"}
        if told:
            rest = await corrections.history(conn, OWNER, push_ref(2), after=told[0]["id"], limit=1)
            assert rest == told[1:2]


async def test_the_readings_of_a_push_and_what_each_was_corrected_by(trial) -> None:
    row = await receipts.receipt(trial, OWNER, push_ref(3))
    assert row is not None
    last = await corrections.add(trial, OWNER, row, {2: ("a", "b"), 3: ("c", None)})
    await corrections.add(trial, OWNER, row, {2: ("a", "d"), 4: ("e", "f")})
    await execute(trial, "update decoding set correction_id = :last where id = 6", {"last": last})
    told = await corrections.readings(trial, OWNER, push_ref(3), before=None, limit=9)
    assert [(at["number"], at["asked_by"], at["corrections"]) for at in told] == [
        (2, "institute 1", 2), (1, None, 0),
    ]  # fmt: skip
    assert [at["replaced_at"] for at in told] == [None, START]
    assert [at["mapping_version"] for at in told] == [None, None]
    assert await corrections.readings(trial, OWNER, push_ref(3), before=2, limit=9) == told[1:]


async def test_a_replayed_push_tells_the_readings_of_the_first(trial) -> None:
    await execute(
        trial,
        "insert into push (study_id, digest, size_bytes, replay_of_id, ref)"
        " values (1, '1', 1, 1, :ref)",
        {"ref": ref_of("again")},
    )
    first = await corrections.readings(trial, OWNER, push_ref(1), before=None, limit=9)
    again = await corrections.readings(trial, OWNER, ref_of("again"), before=None, limit=9)
    assert again == first
    assert len(first) == 2


async def test_the_units_that_a_decoding_refused(trial) -> None:
    assert await corrections.refused(trial, 4) == {
        unit: code for (push, number, unit), code in REFUSED.items() if (push, number) == (2, 2)
    }
    assert await corrections.refused(trial, 99) == {}


async def test_the_fixes_that_stand_of_the_tags_and_times_of_receipts(trial) -> None:
    row = {"time_first": START, "time_last": START + 4 * HOUR, "tag_ids": [1]}
    nothing = {"time_first": None, "time_last": None, "tag_ids": []}
    one = await corrections.live(trial, [row, nothing])
    assert _hours(one) == {(1, 0, 1), (1, 1, 1), (1, 4, 1)}
    two = {"time_first": START + 2 * HOUR, "time_last": START + 20 * HOUR, "tag_ids": [2]}
    assert _hours(await corrections.live(trial, [row, two])) == {
        (1, 0, 1), (1, 1, 1), (2, 2, 0), (1, 4, 1), (1, 20, 1),
    }  # fmt: skip
    empty = await corrections.live(trial, [nothing])
    assert (empty.height, empty.schema) == (0, one.select(empty.columns).schema)
    assert set(one.columns) == set(empty.columns)


def _hours(fixes: pl.DataFrame) -> set[tuple[int, int, int]]:
    start_us = int(START.timestamp()) * 1_000_000
    return {
        (row["tag_id"], (row["time"] - start_us) // 3_600_000_000, row["individual_id"])
        for row in fixes.to_dicts()
    }


async def test_tags_and_birds_by_name(trial) -> None:
    tags, birds = await corrections.named(trial, [2, 1, 77], [1, 0])
    assert tags == {1: "T1", 2: "T2"}
    assert birds == {1: ref_of("bird", 1, "A")}
    assert await corrections.named(trial, [], []) == ({}, {})


def test_no_code_is_of_a_warning_and_of_a_flag() -> None:
    """A page of suspects goes on after a code: one of both kinds would be passed over."""
    sources = [path.read_text() for path in Path(ingest.__file__).parent.rglob("*.py")]
    warnings = {code for text in sources for code in re.findall(r'Warning_\(\s*"([a-z-]+)"', text)}
    assert "time-zone-suspect" in warnings
    warnings |= {implied.ON_SEVERAL, implied.BACK_AND_FORTH}
    assert not warnings & {*map(str, FLAGS), *map(str, screening.CODES)}
