"""Revisions: the highest stands whatever the order of arrival, against sorting in Python."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.store import revisions
from app.store.engine import Connection, execute
from tests.store.flock import START, Flock

HOUR = timedelta(hours=1)


class Told(NamedTuple):
    """One fix as a provider told it; at the same key it is the same fix."""

    tag: int
    hour: int
    variant: int
    name: str
    revision: int | None
    decoding: int
    live: bool

    @property
    def key(self) -> tuple[int, int, int]:
        return self.tag, self.hour, self.variant


@pytest.fixture(scope="module")
def flock(new_database) -> Flock:
    """Give two tags, the first on two birds in turn, and three decodings, the last replaced."""
    flock = Flock(new_database())
    flock.study(flock.institute("Amur")[0], "cranes")
    first, second = flock.bird(1, "A"), flock.bird(1, "B")
    turn = START + 3 * HOUR
    flock.deployment(1, flock.tag(1, "T1"), first, f"(,{turn.isoformat()})")
    flock.deployment(1, 1, second, f"[{turn.isoformat()},)")
    flock.tag(1, "T2")
    for number in (1, 2, 3):
        push = flock.insert("push", study_id=1, digest=bytes([number]), size_bytes=1)
        flock.insert("decoding", study_id=1, push_id=push, number=1, tz="UTC", state="processed",
                     replaced_at=START if number == 3 else None)  # fmt: skip
    return flock


ONES = st.builds(
    Told, st.integers(1, 2), st.integers(0, 6), st.integers(1, 3), st.sampled_from("pq"),
    st.none() | st.integers(0, 2), st.integers(1, 3), st.booleans(),
)  # fmt: skip


async def put(conn: Connection, fixes: list[Told]) -> None:
    await execute(
        conn,
        "insert into fix (tag_id, time, sensor, variant, study_id, decoding_id, visible, live,"
        " lon, lat, error_m, provider_id, provider_revision)"
        " select tag, cast(:start as timestamptz) + hour * interval '1 h', 0, variant, 1,"
        " decoding, true, live, 0, 0, 1, name, revision"
        " from unnest(cast(:tags as int[]), cast(:hours as int[]), cast(:variants as int[]),"
        " cast(:names as text[]), cast(:revisions as int[]), cast(:decodings as int[]),"
        " cast(:lives as boolean[])) as t(tag, hour, variant, name, revision, decoding, live)",
        {"start": START, "tags": [f.tag for f in fixes], "hours": [f.hour for f in fixes],
         "variants": [f.variant for f in fixes], "names": [f.name for f in fixes],
         "revisions": [f.revision for f in fixes], "decodings": [f.decoding for f in fixes],
         "lives": [f.live for f in fixes]},
    )  # fmt: skip


async def live(conn: Connection) -> set[tuple[int, int, int]]:
    rows = await execute(conn, "select tag_id, time, variant from fix where live", {})
    return {(row["tag_id"], (row["time"] - START) // HOUR, row["variant"]) for row in rows}


async def marked(conn: Connection) -> dict[int, tuple[int, int]]:
    rows = await execute(conn, "select individual_id, from_time, to_time from dirty", {})
    return {
        row["individual_id"]: (
            (row["from_time"] - START) // HOUR, (row["to_time"] - START) // HOUR,
        )
        for row in rows
    }  # fmt: skip


def standing(fixes: list[Told], named: set[tuple[int, str]]) -> set[tuple[int, int, int]]:
    """Say plainly which fixes stand once the named ones are settled."""
    stand = {f.key for f in fixes if f.live and ((f.tag, f.name) not in named or f.decoding == 3)}
    for each in named:
        rivals = [f for f in fixes if (f.tag, f.name) == each and f.decoding != 3]
        if rivals:
            stand.add(min(rivals, key=lambda f: (-(f.revision or 0), f.variant, f.hour)).key)
    return stand


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    fixes=st.lists(ONES, max_size=9, unique_by=lambda f: f.key),
    named=st.sets(st.tuples(st.integers(1, 2), st.sampled_from("pq"))),
    origins=st.sets(st.integers(1, 2)),
)
async def test_the_highest_stands_and_the_birds_of_what_changed_are_marked(
    flock, fixes, named, origins
) -> None:
    async with flock.trial() as conn:
        await put(conn, fixes)
        lost = await revisions.settle(conn, sorted(named), sorted(origins))
        expected = standing(fixes, named)
        assert await live(conn) == expected
        assert lost == Counter(
            f.decoding for f in fixes if f.live and f.key not in expected and f.decoding in origins
        )
        changed: dict[int, list[int]] = {}
        for f in fixes:
            if f.tag == 1 and f.live != (f.key in expected):
                changed.setdefault(1 if f.hour < 3 else 2, []).append(f.hour)
        assert await marked(conn) == {
            bird: (min(hours), max(hours)) for bird, hours in changed.items()
        }
        assert await revisions.settle(conn, sorted(named), [1, 2]) == Counter()
        assert await live(conn) == expected


@pytest.mark.parametrize("turned", [False, True])
async def test_one_revision_told_at_two_times_stands_alike_in_any_order(trial, turned) -> None:
    """The content is the same: only the moment tells the two apart, and it must decide."""
    two = [Told(2, hour, 1, "p", 5, 1, live=True) for hour in (4, 2)]
    for each in reversed(two) if turned else two:
        await put(trial, [each])
    await revisions.settle(trial, [(2, "p")])
    assert await live(trial) == {(2, 2, 1)}


async def test_a_revision_that_arrives_late_does_not_bring_the_older_back(trial) -> None:
    await put(trial, [Told(1, 1, 1, "p", 2, 1, live=True), Told(1, 4, 2, "p", 1, 2, live=True)])
    assert await revisions.settle(trial, [(1, "p")], [2]) == Counter({2: 1})
    assert await live(trial) == {(1, 1, 1)}
    assert await marked(trial) == {2: (4, 4)}


async def test_what_is_not_named_is_not_looked_at(trial) -> None:
    rivals = [Told(1, 1, 1, "p", 1, 1, live=True), Told(1, 2, 2, "p", 2, 1, live=True)]
    await put(trial, rivals)
    assert await revisions.settle(trial, []) == Counter()
    assert await revisions.settle(trial, [(1, "q"), (2, "p")]) == Counter()
    assert await live(trial) == {f.key for f in rivals}
    assert await marked(trial) == {}
