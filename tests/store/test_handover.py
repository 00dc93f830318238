"""What a change of deployments moves, against asking each fix for its bird before and after."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.errors import Conflict
from app.store import deployments, handover
from app.store.engine import Connection, execute
from tests.store.flock import START, Flock

HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def flock(new_database) -> Flock:
    """Give two tags with a fix at some hours, and three birds."""
    flock = Flock(new_database())
    flock.study(flock.institute("Amur")[0], "cranes")
    for name in "ABC":
        flock.bird(1, name)
    for tag in (1, 2):
        flock.tag(1, f"T{tag}")
        for hour in (0, 1, 2, 5, 6, 11):
            flock.fix(1, tag, hour)
    return flock


async def _wearers(conn: Connection) -> dict[tuple[int, object], int]:
    rows = await execute(
        conn,
        "select f.tag_id, f.time, d.individual_id from fix f join deployment d"
        " on d.tag_id = f.tag_id and d.replaced_at is null and d.during @> f.time",
    )
    return {(row["tag_id"], row["time"]): row["individual_id"] for row in rows}


async def _change(conn: Connection, change: tuple[str, int, int, int | None, int | None]) -> None:
    kind, tag, bird, *ends = change
    on, off = (None if end is None else START + end * HOUR for end in ends)
    rows = await execute(
        conn,
        "select id, lower(during) as low, upper(during) as high from deployment"
        " where tag_id = :tag and replaced_at is null order by during limit 1",
        {"tag": tag},
    )
    if kind == "declare" or not rows:
        await deployments.declare(conn, 1, tag, bird, deploy_on=on, deploy_off=off)
    elif kind == "amend":
        await deployments.amend(conn, rows[0]["id"], deploy_on=on, deploy_off=off)
    elif kind == "withdraw":
        await deployments.withdraw(conn, rows[0]["id"])
    elif (
        on is not None
        and (rows[0]["low"] is None or on > rows[0]["low"])
        and (rows[0]["high"] is None or on < rows[0]["high"])
    ):
        await deployments.split(conn, rows[0]["id"], at=on, individual_id=bird)


firsts = st.one_of(st.none(), st.integers(0, 7))
lasts = st.one_of(st.none(), st.integers(6, 12))
changes = st.tuples(
    st.sampled_from(["declare", "declare", "amend", "split", "withdraw"]),
    st.integers(1, 2), st.integers(1, 3), firsts, lasts,
)  # fmt: skip


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=st.lists(changes, min_size=1, max_size=8))
async def test_the_birds_whose_fixes_move_are_marked_from_the_first_to_the_last(
    flock, history
) -> None:
    async with flock.trial() as conn:
        before = await _wearers(conn)
        for change in history:
            try:
                async with conn.begin_nested():
                    await _change(conn, change)
            except Conflict:
                continue  # an overlap, or a range without time: nothing has changed
            after = await _wearers(conn)
            moved: dict[int, list] = {}
            for key in before | after:
                if before.get(key) != after.get(key):
                    for bird in {before.get(key), after.get(key)} - {None}:
                        moved.setdefault(bird, []).append(key[1])
            rows = await execute(
                conn, "delete from dirty returning individual_id, from_time, to_time"
            )
            assert {row["individual_id"]: (row["from_time"], row["to_time"]) for row in rows} == {
                bird: (min(times), max(times)) for bird, times in moved.items()
            }
            before = after


@pytest.mark.parametrize(
    ("verdict", "origin", "shown"),
    [(None, None, True), (None, "track", True), (None, "record", False),
     ("hide", None, False), ("show", "record", True), ("hide", "track", False)],
)  # fmt: skip
async def test_a_fix_laid_bare_is_shown_unless_hand_or_record_hide_it(
    trial, verdict, origin, shown
) -> None:
    """What its track said of it went with the track; a fix that is worn keeps its flags."""
    worn = await deployments.declare(trial, 1, 1, 1, deploy_on=None, deploy_off=None)
    for hour in (1, 5):
        where = {"at": START + hour * HOUR}
        await execute(
            trial, "update fix set visible = false where tag_id = 1 and time = :at", where
        )
        if origin is not None:
            await execute(
                trial,
                "insert into fix_flag (tag_id, time, sensor, variant, code, study_id, origin)"
                " select tag_id, time, sensor, variant, 'x', 1, :origin from fix"
                " where tag_id = 1 and time = :at",
                where | {"origin": origin},
            )
        if verdict is not None:
            await execute(
                trial,
                "insert into fix_verdict (study_id, tag_id, time, sensor, variant, verdict, reason,"
                " decided_by) select 1, tag_id, time, sensor, variant, :verdict, '', '' from fix"
                " where tag_id = 1 and time = :at",
                where | {"verdict": verdict},
            )
    await deployments.amend(trial, worn, deploy_on=None, deploy_off=START + 3 * HOUR)
    rows = await execute(
        trial, "select time, visible from fix where tag_id = 1 and time = any(:at) order by 1",
        {"at": [START + HOUR, START + 5 * HOUR]},
    )  # fmt: skip
    assert [row["visible"] for row in rows] == [False, shown]
    left = await execute(trial, "select time from fix_flag order by 1")
    expected = {None: [], "track": [START + HOUR], "record": [START + HOUR, START + 5 * HOUR]}
    assert [row["time"] for row in left] == expected[origin]


async def test_a_bird_to_be_derived_anew_is_marked_for_all_time(trial) -> None:
    await handover.hand_over(trial, [], [], anew=[3, 2])
    rows = await execute(
        trial, "select individual_id, from_time = '-infinity' and to_time = 'infinity' as whole"
        " from dirty order by 1",
    )  # fmt: skip
    assert [(row["individual_id"], row["whole"]) for row in rows] == [(2, True), (3, True)]


async def test_no_change_marks_nobody(trial) -> None:
    await handover.hand_over(trial, [], [])
    assert await execute(trial, "select from dirty") == []
