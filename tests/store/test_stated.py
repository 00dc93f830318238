"""Reference data of a file: taken over whole, counted, and in the order in which events lock."""

from __future__ import annotations

import pytest

from app.errors import Conflict
from app.store import names, stated
from app.store.engine import execute
from tests.store.flock import DAY, START, Flock


@pytest.fixture(scope="module")
def flock(new_database) -> Flock:
    flock = Flock(new_database())
    flock.study(flock.institute("Amur")[0], "cranes")
    for name in "AB":
        flock.bird(1, name)
    tag = flock.tag(1, "T1")
    for day in range(10):
        flock.fix(1, tag, 24 * day)
    return flock


def row(tag: str, bird: str, first: int | None = None, last: int | None = None, **more):
    ends = [None if day is None else START + day * DAY for day in (first, last)]
    values = {"taxon": "Grus vipio", "species_key": "white_naped_crane", "terms": {},
              "deployment_id": None} | more  # fmt: skip
    return stated.Row(tag=tag, individual=bird, deploy_on=ends[0], deploy_off=ends[1], **values)


async def marked(conn) -> dict[str, tuple[int, int]]:
    rows = await execute(
        conn,
        "with gone as (delete from dirty returning *) select local_identifier as name,"
        " from_time, to_time from gone join individual i on i.id = individual_id",
    )
    return {
        each["name"]: tuple((each[end] - START) // DAY for end in ("from_time", "to_time"))
        for each in rows
    }


async def test_a_file_sent_again_tells_nothing_new(trial) -> None:
    rows = [row("T1", "A", 0, 4), row("T1", "B", 4, None), row("T2", "New")]
    assert await stated.take_over(trial, 1, rows) == 3
    assert await marked(trial) == {"A": (0, 3), "B": (4, 9)}
    assert await stated.take_over(trial, 1, rows) == 0
    assert await marked(trial) == {}


async def test_a_boundary_that_moves_marks_what_lies_between(trial) -> None:
    def told(day: int) -> list[stated.Row]:
        return [row("T1", "A", 0, day, deployment_id="d1"),
                row("T1", "B", day, None, deployment_id="d2")]  # fmt: skip

    await stated.take_over(trial, 1, told(4))
    await marked(trial)
    assert await stated.take_over(trial, 1, told(7)) == 2
    assert await marked(trial) == {"A": (4, 6), "B": (4, 6)}


async def test_terms_go_to_the_bird_and_to_the_tag(trial) -> None:
    terms = {"animal-sex": "f", "tag-model": "X"}
    await stated.take_over(trial, 1, [row("T1", "A", terms=terms)])
    kept = await execute(
        trial,
        "select i.terms as bird, t.terms as tag from individual i, tag t"
        " where i.local_identifier = 'A' and t.local_identifier = 'T1'",
    )
    assert kept == [{"bird": {"animal-sex": "f"}, "tag": {"tag-model": "X"}}]


async def test_a_contradiction_names_its_row(trial) -> None:
    with pytest.raises(Conflict, match="'T1' on 'B'"):
        await stated.take_over(trial, 1, [row("T1", "A"), row("T1", "B", 3, 5)])


async def test_rows_in_any_order_lock_as_events_do(store, meets) -> None:
    """Events hold the first bird and want the second; the file names the second first."""

    async def reference() -> None:
        async with store.write() as conn:
            await stated.take_over(conn, 1, [row("T8", "B"), row("T9", "A")])

    async def go_on() -> None:
        await names.name_individuals(conn, 1, [("B", None, "white_naped_crane")])
        await conn.commit()

    async with store.engine.connect() as conn:
        await names.name_individuals(conn, 1, [("A", None, "white_naped_crane")])
        await meets(go_on, reference())
    async with store.read() as conn:
        rows = await execute(conn, "select deadlocks from pg_stat_database"
                             " where datname = current_database()")  # fmt: skip
    assert rows[0]["deadlocks"] == 0
