"""What names imply, against the plain reading of all rows of a tag."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import timedelta
from itertools import groupby

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.store import implied, names
from app.store.engine import Connection, Store, execute
from tests.store.flock import START, Flock

BIRDS = ("b", "a", "C")
HOURS = 400
HOUR = timedelta(hours=1)
START_US = int(START.timestamp()) * 1_000_000
HOUR_US = 3_600_000_000
Row = tuple[int, int, int]
Ranges = set[tuple[int, int, int | None, int | None]]
"""(tag, bird, first hour, hour after the last)."""


@pytest.fixture(scope="module")
def flock(new_database) -> Flock:
    """Give two tags, three birds with names in no order, and a fix of each tag every hour."""
    flock = Flock(new_database())
    flock.study(flock.institute("Amur")[0], "cranes")
    for name in BIRDS:
        flock.bird(1, name)
    for tag in (1, 2):
        flock.tag(1, f"T{tag}")
        for hour in range(HOURS):
            flock.fix(1, tag, hour)
    return flock


def wanted(rows: list[Row]) -> Ranges:
    """Read every row that names a bird, in order: a bird has the tag until another is named."""
    found: Ranges = set()
    for tag in (1, 2):
        at: dict[int, int] = {}
        for of, bird, hour in rows:
            if of == tag:
                at[hour] = max(bird, at.get(hour, bird), key=lambda bird: BIRDS[bird - 1])
        runs = [next(run) for _, run in groupby(sorted(at), key=lambda hour: at[hour])]
        for place, start in enumerate(runs):
            end = runs[place + 1] if place + 1 < len(runs) else None
            found.add((tag, at[start], start if place else None, end))
    return found


def wearers(ranges: Ranges) -> dict[tuple[int, int], int]:
    """Give the bird of each fix: by tag and hour."""
    return {
        (tag, hour): bird
        for tag, bird, start, end in ranges
        for hour in range(start or 0, HOURS if end is None else end)
    }


async def _current(conn: Connection) -> Ranges:
    rows = await execute(
        conn,
        "select tag_id, individual_id, lower(during) as a, upper(during) as b from deployment"
        " where replaced_at is null and not declared",
    )
    hours = (
        (None if t is None else (t - START) // HOUR) for row in rows for t in (row["a"], row["b"])
    )
    return {(row["tag_id"], row["individual_id"], next(hours), next(hours)) for row in rows}


async def _push(conn: Connection, number: int, rows: Iterable[Row]) -> int:
    """Keep what the rows of a push name, as its decoding does."""
    (push,) = await execute(
        conn,
        "with p as (insert into push (study_id, digest, size_bytes)"
        "  values (1, int4send(:n), 1) returning id)"
        " insert into decoding (study_id, push_id, number, tz) select 1, id, 1, 'UTC' from p"
        " returning id",
        {"n": number},
    )
    times: dict[tuple[int, int], set[int]] = {}
    for tag, bird, hour in rows:
        times.setdefault((tag, bird), set()).add(START_US + hour * HOUR_US)
    spans = [(push["id"], *key, min(each), max(each)) for key, each in times.items()]
    weeks: dict[tuple[int, int, int], list[int]] = {}
    for key, each in times.items():
        for time in sorted(each) if len(each) > 1 else ():
            weeks.setdefault((*key, time // implied.WEEK_US), []).append(time)
    await names.store_namings(conn, 1, spans)
    told = [
        {"decoding_id": push["id"], "tag_id": tag, "individual_id": bird, "week": week,
         "times_us": each}
        for (tag, bird, week), each in weeks.items()
    ]  # fmt: skip
    await names.store_weeks(conn, 1, told)
    return int(push["id"])


# Hours that meet often, in one week and in three.
hours = st.one_of(st.integers(0, 7), st.sampled_from([0, 1, 60, 61, 170, 171, 300, 399]))
pushes = st.lists(st.tuples(st.integers(1, 2), st.integers(1, 3), hours), min_size=1, max_size=9)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.one_of(pushes, st.integers(0, 20)), min_size=1, max_size=10))
async def test_any_history_of_names_ends_as_reading_all_rows(flock, steps) -> None:
    """A number takes back the push at its place, as one that is read in another way is."""
    async with flock.trial() as conn:
        live: dict[int, list[Row]] = {}
        made: dict[int, int] = {}
        before = wearers(set())
        for number, step in enumerate(steps):
            if isinstance(step, list):
                made[number] = await _push(conn, number, step)
                live[number] = step
                tags = {row[0] for row in step}
            elif step not in live:
                continue
            else:
                tags = {row[0] for row in live.pop(step)}
                assert await names.forget_namings(conn, [made[step]]) == tags
            await implied.imply(conn, tags)
            now = wanted([row for rows in live.values() for row in rows])
            assert await _current(conn) == now
            after = wearers(now)
            moved = {key for key in before | after if before.get(key) != after.get(key)}
            birds = {each.get(key) for key in moved for each in (before, after)} - {None}
            rows = await execute(conn, "delete from dirty returning individual_id")
            assert {row["individual_id"] for row in rows} == birds
            before = after


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), rows=pushes)
async def test_in_which_pushes_and_order_rows_come_never_matters(flock, data, rows) -> None:
    places = data.draw(st.lists(st.integers(0, 3), min_size=len(rows), max_size=len(rows)))
    order = data.draw(st.permutations(range(4)))
    async with flock.trial() as conn:
        for number in order:
            await _push(
                conn, number, [r for r, at in zip(rows, places, strict=True) if at == number]
            )
            await implied.imply(conn, [1, 2])
        assert await _current(conn) == wanted(rows)


async def _turn(conn: Connection, turns: int) -> Ranges:
    await _push(conn, turns, [(1, 1 + hour % 2, hour) for hour in range(turns + 1)])
    await implied.imply(conn, [1])
    return await _current(conn)


async def test_a_tag_that_goes_back_and_forth_too_often_is_on_no_bird(flock: Flock) -> None:
    async with flock.trial() as conn:
        assert len(await _turn(conn, implied.TURNS_MAX)) == implied.TURNS_MAX + 1
    async with flock.trial() as conn:
        assert await _turn(conn, implied.TURNS_MAX + 1) == set()


NAMED = """
with p as (insert into push (study_id, digest, size_bytes)
  select 1, int4send(n), 1 from generate_series(1, 6000) n returning id),
d as (insert into decoding (study_id, push_id, number, tz) select 1, id, 1, 'UTC' from p
  returning id),
n as (insert into naming select id, 1, 1 + (id / 2000) % 2, 1, '2020-03-01Z'::timestamptz
    + id * interval '1 h', '2020-03-01Z'::timestamptz + id * interval '1 h 1 s' from d returning *)
insert into naming_week select decoding_id, tag_id, individual_id,
  floor(extract(epoch from time_first) / 604800), 1, time_first, time_last,
  array[time_first, time_last] from n
"""
"""SQL: A, B and A again, each in some thousand pushes of two rows."""


async def test_the_names_of_a_long_history_are_not_read(flock: Flock) -> None:
    """A tag named by 6,000 pushes costs some rows of the index for each bird and each turn."""
    store = Store(flock.dsn, pool_size=1)
    async with store.engine.connect() as conn:
        await execute(conn, NAMED)
        await execute(conn, "analyze naming")
        await execute(conn, "analyze naming_week")
        told = await conn.exec_driver_sql(
            "explain (analyze, costs off, timing off) " + implied.IN_RUNS.replace(":tags", "'{1}'")
        )
        plan = "\n".join(told.scalars())
    assert "Seq Scan on naming" not in plan
    found = re.findall(r"on (naming\w*).*?rows=(\d+) loops=(\d+)", plan)
    assert {table for table, _, _ in found} == {"naming", "naming_week"}
    of_all = max(int(rows) * int(loops) for table, rows, loops in found if table == "naming")
    assert of_all <= 10
    # In the weeks in which the bird changes, and in no others: at most a push an hour.
    of_a_week = max(int(rows) * int(loops) for table, rows, loops in found if table != "naming")
    assert of_a_week <= 10
    await store.close()
