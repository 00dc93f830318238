"""What another reading changes, against pairing the fixes one by one."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.pipeline.effect import LISTED_MAX, effect_of

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SCHEMA = {
    "tag_id": pl.Int32, "time": pl.Int64, "sensor": pl.Int16, "variant": pl.Int64,
    "individual_id": pl.Int32, "lon": pl.Float64, "lat": pl.Float64,
}  # fmt: skip
Key = tuple[int, int, int, int]

KEYS = st.sets(
    st.tuples(st.integers(1, 2), st.integers(0, 3), st.integers(0, 1), st.integers(1, 3)),
    max_size=12,
)
CODES = st.dictionaries(st.integers(1, 9), st.sampled_from(["ragged-row", "time-unreadable"]))


def bird_of(tag: int, time: int) -> int:
    """Give the bird of a fix: the first tag changes birds, the second is on none at first."""
    return 10 * tag + time // 2 if (tag, time // 2) != (2, 0) else 0


def frame(keys: set[Key]) -> pl.DataFrame:
    rows = [(*key, bird_of(key[0], key[1]), float(key[3]), -float(key[3])) for key in sorted(keys)]
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def paired(gone: set[Key], come: set[Key], alike) -> list[tuple[Key, Key]]:
    """Give each fix that goes the first one that comes, is alike and is not taken yet."""
    free, pairs = sorted(come), []
    for old in sorted(gone):
        new = next((each for each in free if alike(each) == alike(old)), None)
        if new is not None:
            free.remove(new)
            pairs.append((old, new))
    return pairs


def told(before: set[Key], after: set[Key]) -> tuple[list[tuple[Key, Key]], set[Key], set[Key]]:
    """Say plainly what moved, went and came: by what a fix says first, then by its moment."""
    gone, come = before - after, after - before
    moved: list[tuple[Key, Key]] = []
    for alike in (lambda key: (key[0], key[2], key[3]), lambda key: (key[0], key[2], key[1])):
        pairs = paired(gone, come, alike)
        moved += pairs
        gone, come = gone - {old for old, _ in pairs}, come - {new for _, new in pairs}
    return sorted(moved), gone, come


@settings(max_examples=80)
@given(KEYS, KEYS)
def test_each_fix_is_moved_gone_come_or_the_same(before: set[Key], after: set[Key]) -> None:
    effect = effect_of(frame(before), frame(after), {}, {})
    moved, gone, come = told(before, after)
    assert (effect.moved, effect.removed, effect.added) == (len(moved), len(gone), len(come))
    assert effect.unchanged == len(before & after)
    birds = {
        bird_of(*key[:2]) for key in (*gone, *come, *(each for pair in moved for each in pair))
    }
    assert effect.individual_ids == sorted(birds - {0})
    assert effect.tag_ids == sorted({key[0] for key in (*gone, *come, *(old for old, _ in moved))})
    shown = Counter(
        (each["change"], _spot(each["before"]), _spot(each["after"])) for each in effect.fixes
    )
    assert shown == Counter(
        [("moved", _place(old), _place(new)) for old, new in moved]
        + [("removed", _place(old), None) for old in gone]
        + [("added", None, _place(new)) for new in come]
    )


def _place(key: Key) -> tuple[int, float, float]:
    return (key[1], float(key[3]), -float(key[3]))


def _spot(end) -> tuple[int, float, float] | None:
    if end is None:
        return None
    return ((end["time"] - EPOCH) // timedelta(microseconds=1), end["lon"], end["lat"])


@settings(max_examples=20)
@given(KEYS)
def test_the_same_reading_changes_nothing(keys: set[Key]) -> None:
    effect = effect_of(frame(keys), frame(keys), {1: "ragged-row"}, {1: "ragged-row"})
    assert (effect.moved, effect.removed, effect.added, effect.unchanged) == (0, 0, 0, len(keys))
    assert (effect.fixes, effect.individual_ids, effect.refusals) == ([], [], [])


@settings(max_examples=25)
@given(KEYS, KEYS)
def test_the_way_back_is_the_way_there_turned_round(before: set[Key], after: set[Key]) -> None:
    there = effect_of(frame(before), frame(after), {}, {})
    back = effect_of(frame(after), frame(before), {}, {})
    assert (there.added, there.removed, there.moved) == (back.removed, back.added, back.moved)
    assert there.individual_ids == back.individual_ids


@settings(max_examples=40)
@given(CODES, CODES)
def test_units_that_are_refused_no_more_anew_or_for_another_reason(
    refused: dict[int, str], still: dict[int, str]
) -> None:
    effect = effect_of(frame(set()), frame(set()), refused, still)
    expected = [
        {"unit": unit, "code_before": refused.get(unit), "code_after": still.get(unit)}
        for unit in range(10)
        if refused.get(unit) != still.get(unit)
    ]
    assert effect.refusals == expected
    assert effect.refusals_gone == sum(each["code_after"] is None for each in expected)
    assert effect.refusals_new == sum(each["code_before"] is None for each in expected)


@pytest.mark.parametrize("many", [LISTED_MAX, LISTED_MAX + 7])
def test_only_so_many_are_listed_and_all_are_counted(many: int) -> None:
    """What moved comes first in the list, and the earliest of it."""
    moves = {(1, 1_000_000 + n, 0, n) for n in range(many)}
    later = {(1, 1_000_000 + n + 3_600, 0, n) for n in range(many)}
    lost = {(2, n, 1, 10_000 + n) for n in range(many)}
    codes = dict.fromkeys(range(many), "ragged-row")
    effect = effect_of(frame(moves | lost), frame(later), codes, {})
    assert (effect.moved, effect.removed, effect.added) == (many, many, 0)
    assert [each["change"] for each in effect.fixes] == ["moved"] * LISTED_MAX
    first = effect.fixes[0]
    assert first["before"]["time"] == EPOCH + timedelta(seconds=1)
    assert first["after"]["time"] - first["before"]["time"] == timedelta(microseconds=3_600)
    assert effect.tag_ids == [1]  # only tags that the list names need a name
    assert len(effect.individual_ids) > 1
    assert (effect.refusals_gone, len(effect.refusals)) == (many, LISTED_MAX)
