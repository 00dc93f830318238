"""What names imply, against the plain reading of all names of a tag."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.store import implied
from app.store.engine import Connection, Store, execute
from tests.store.flock import START, Flock

BIRDS = ("b", "a", "C")
HOUR = timedelta(hours=1)
Naming = tuple[int, int, int]


@pytest.fixture(scope="module")
def flock(new_database) -> Flock:
    """Give two tags, three birds with names in no order, and a fix of each tag every hour."""
    flock = Flock(new_database())
    flock.study(flock.institute("Amur")[0], "cranes")
    for name in BIRDS:
        flock.bird(1, name)
    for tag in (1, 2):
        flock.tag(1, f"T{tag}")
        for hour in range(8):
            flock.fix(1, tag, hour)
    return flock


def wanted(namings: list[Naming]) -> set[tuple[int, int, int | None, int | None]]:
    """Read every name of every tag: each bird from its first to the first of the next."""
    found = set()
    for tag in (1, 2):
        firsts: dict[int, int] = {}
        for of, bird, hour in namings:
            if of == tag:
                firsts[bird] = min(hour, firsts.get(bird, hour))
        order = sorted(firsts, key=lambda bird: (firsts[bird], BIRDS[bird - 1]))
        for place, bird in enumerate(order):
            start = None if place == 0 else firsts[bird]
            end = firsts[order[place + 1]] if place + 1 < len(order) else None
            if end != firsts[bird]:
                found.add((tag, bird, start, end))
    return found


def wearers(ranges: set[tuple[int, int, int | None, int | None]]) -> dict[tuple[int, int], int]:
    """Give the bird of each fix: by tag and hour."""
    return {
        (tag, hour): bird
        for tag, bird, start, end in ranges
        for hour in range(8)
        if (start is None or hour >= start) and (end is None or hour < end)
    }


async def _current(conn: Connection) -> set[tuple[int, int, int | None, int | None]]:
    rows = await execute(
        conn,
        "select tag_id, individual_id, lower(during) as a, upper(during) as b from deployment"
        " where replaced_at is null and not declared",
    )
    hours = (
        (None if t is None else (t - START) // HOUR) for row in rows for t in (row["a"], row["b"])
    )
    return {(row["tag_id"], row["individual_id"], next(hours), next(hours)) for row in rows}


async def _name(conn: Connection, decoding: int, naming: Naming) -> None:
    await execute(
        conn,
        "with p as (insert into push (study_id, digest, size_bytes)"
        "  values (1, int4send(:n), 1) returning id),"
        " d as (insert into decoding (study_id, push_id, number, tz) select 1, id, 1, 'UTC'"
        "  from p returning id)"
        " insert into naming select id, :tag, :bird, 1, :time, :time from d",
        {"n": decoding, "tag": naming[0], "bird": naming[1], "time": START + naming[2] * HOUR},
    )


names = st.tuples(st.integers(1, 2), st.integers(1, 3), st.integers(0, 7))


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.one_of(names, st.integers(0, 20)), min_size=1, max_size=14))
async def test_any_history_of_names_ends_as_reading_all_of_them(flock, steps) -> None:
    """A number takes the naming at its place back, as a push that is read in another way does."""
    async with flock.trial() as conn:
        live: dict[int, Naming] = {}
        before = wearers(set())
        for number, step in enumerate(steps):
            if isinstance(step, tuple):
                await _name(conn, number, step)
                live[number] = step
                tags = [step[0]]
            elif step not in live:
                continue
            else:
                tags = [live.pop(step)[0]]
                await execute(
                    conn,
                    "delete from naming n using decoding d, push p where d.id = n.decoding_id"
                    " and p.id = d.push_id and p.digest = int4send(:n)",
                    {"n": step},
                )
            await implied.imply(conn, tags)
            now = wanted(list(live.values()))
            assert await _current(conn) == now
            after = wearers(now)
            moved = {key for key in before | after if before.get(key) != after.get(key)}
            birds = {each.get(key) for key in moved for each in (before, after)} - {None}
            rows = await execute(conn, "delete from dirty returning individual_id")
            assert {row["individual_id"] for row in rows} == birds
            before = after


async def test_the_names_of_a_long_history_are_not_read(flock: Flock) -> None:
    """A tag named by 5,000 pushes costs a few rows of the index: one step a bird."""
    store = Store(flock.dsn, pool_size=1)
    async with store.engine.connect() as conn:
        await execute(
            conn,
            "with p as (insert into push (study_id, digest, size_bytes)"
            "  select 1, int4send(n), 1 from generate_series(1, 5000) n returning id),"
            " d as (insert into decoding (study_id, push_id, number, tz) select 1, id, 1, 'UTC'"
            "  from p returning id)"
            " insert into naming select id, 1, 1 + id % 2, 1,"
            "  '2020-03-01Z'::timestamptz + id * interval '1 h',"
            "  '2020-03-01Z'::timestamptz + id * interval '1 h' from d",
        )
        await execute(conn, "analyze naming")
        told = await conn.exec_driver_sql(
            "explain (analyze, costs off, timing off) " + implied.DIFFERS.replace(":tags", "'{1}'")
        )
        plan = "\n".join(told.scalars())
        assert "Seq Scan on naming" not in plan
        read = [int(n) for n in re.findall(r"on naming.*?rows=(\d+)", plan)]
        assert read
        assert max(read) <= 1
    await store.close()
