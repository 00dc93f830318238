"""Deployments as the owner edits them: ranges, halves, and nobody else's business."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from app.errors import BadInput, Conflict, NotFound
from app.store import worn
from app.store.audience import Audience
from app.store.engine import execute
from tests.store.flock import Flock, ref_of

MARCH, APRIL, MAY = (datetime(2024, month, 1, tzinfo=UTC) for month in (3, 4, 5))
OWNER = Audience("institute", 1, 1, frozenset({"manage"}), exact=(1, 2), open=(3,))
OTHER = Audience("institute", 2, 2, frozenset({"manage"}), exact=(3,), open=(1,))
TAG, A, B = ref_of("tag", "T1"), ref_of("bird", 1, "A"), ref_of("bird", 1, "B")


@pytest.fixture(scope="module")
def flock(new_database) -> Flock:
    """Give study 1 with birds A, B and a tag; study 2 of the same institute, 3 of another."""
    flock = Flock(new_database())
    first, second = (flock.institute(name)[0] for name in ("First", "Second"))
    flock.study(first, "Own", "open")
    flock.study(first, "Spare")
    flock.study(second, "Theirs", "open")
    for name in "AB":
        flock.bird(1, name)
    flock.bird(2, "Spare")
    flock.bird(3, "Their")
    flock.tag(1, "T1")
    flock.tag(3, "T3")
    for day in range(0, 90, 10):
        flock.fix(1, 1, 24 * day, time=MARCH + timedelta(days=day))
    return flock


async def add(conn, bird=A, on=MARCH, off=MAY, *, who=OWNER, tag=TAG, **more):
    values = {"local_identifier": None, "terms": {}, **more}
    return await worn.add(
        conn, who, tag=tag, individual=bird, deploy_on=on, deploy_off=off, **values
    )


async def ranges(conn) -> list[tuple]:
    rows = await worn.page(conn, OWNER, limit=9)
    found = [(row["individual_name"], row["deploy_on"], row["deploy_off"]) for row in rows]
    return sorted(found, key=lambda row: row[1] or MARCH)


async def test_what_is_stated_is_read_by_its_owner_alone(trial) -> None:
    made = await add(trial, terms={"deploy-on-person": "Kim"}, local_identifier="d1")
    assert (made["declared"], made["terms"], made["tag_name"]) == (
        True, {"deploy-on-person": "Kim"}, "T1"
    )  # fmt: skip
    assert await worn.one(trial, OWNER, made["ref"]) == made
    for who in (OTHER, Audience("public", open=(1,))):
        assert await worn.page(trial, who, limit=9) == []
        with pytest.raises(NotFound):
            await worn.one(trial, who, made["ref"])
        with pytest.raises(NotFound):
            await worn.withdraw(trial, who, made["ref"])
    assert await ranges(trial) == [("A", MARCH, MAY)]


@pytest.mark.parametrize(
    ("error", "code", "asked"),
    [
        (BadInput, "studies-differ", {"bird": ref_of("bird", 2, "Spare")}),
        (BadInput, "deployment-empty", {"on": MAY, "off": MARCH}),
        (BadInput, "deployment-empty", {"on": MAY, "off": MAY}),
        (NotFound, "not-found", {"bird": ref_of("bird", 3, "Their")}),
        (NotFound, "not-found", {"tag": ref_of("tag", "T3")}),
        (NotFound, "not-found", {"who": OTHER}),
    ],
)
async def test_what_cannot_be_is_refused(trial, error, code, asked) -> None:
    with pytest.raises(error) as refused:
        await add(trial, **asked)
    assert refused.value.code == code
    assert await ranges(trial) == []


async def test_filters_and_pages(trial) -> None:
    first, second = await add(trial, off=APRIL), await add(trial, B, APRIL)
    for named in ({"tag": TAG}, {"study": ref_of("study", "Own")}, {}):
        assert await worn.page(trial, OWNER, limit=9, **named) == [first, second]
    assert await worn.page(trial, OWNER, limit=9, individual=B) == [second]
    assert await worn.page(trial, OWNER, limit=9, after=first["id"]) == [second]
    assert await worn.page(trial, OWNER, limit=1) == [first]
    assert await worn.page(trial, OWNER, limit=9, study=ref_of("study", "Theirs")) == []


async def test_an_edit_leaves_out_what_stays_and_null_opens_an_end(trial) -> None:
    made = await add(trial, terms={"a": "1"})
    edited = await worn.edit(trial, OWNER, made["ref"], {"deploy_off": APRIL})
    assert (edited["deploy_on"], edited["deploy_off"], edited["terms"]) == (
        MARCH, APRIL, {"a": "1"}
    )  # fmt: skip
    opened = await worn.edit(trial, OWNER, made["ref"], {"deploy_off": None, "terms": {}})
    assert (opened["deploy_off"], opened["terms"], opened["ref"]) == (None, {}, made["ref"])
    with pytest.raises(BadInput):
        await worn.edit(trial, OWNER, made["ref"], {"deploy_off": MARCH})
    await worn.withdraw(trial, OWNER, made["ref"])
    assert await ranges(trial) == []
    with pytest.raises(NotFound):
        await worn.edit(trial, OWNER, made["ref"], {})


async def test_an_edit_into_a_neighbour_is_a_conflict(trial) -> None:
    made = await add(trial, off=APRIL)
    await add(trial, B, APRIL, None)
    await trial.commit()
    try:
        with pytest.raises(Conflict) as clash:
            await worn.edit(trial, OWNER, made["ref"], {"deploy_off": APRIL + timedelta(seconds=1)})
        assert clash.value.code == "deployment-overlaps"
        await trial.rollback()
        assert await ranges(trial) == [("A", MARCH, APRIL), ("B", APRIL, None)]
    finally:
        await execute(trial, "delete from deployment")
        await execute(trial, "delete from dirty")
        await trial.commit()


@pytest.mark.parametrize("ends", [(MARCH, MAY), (None, MAY), (MARCH, None), (None, None)])
async def test_a_split_leaves_no_gap_and_no_overlap(trial, ends) -> None:
    made = await add(trial, A, *ends)
    rest = await worn.split(trial, OWNER, made["ref"], at=APRIL, individual=B)
    assert (rest["individual"], rest["deploy_on"], rest["deploy_off"]) == (B, APRIL, ends[1])
    assert await ranges(trial) == [("A", ends[0], APRIL), ("B", APRIL, ends[1])]
    rows = await execute(trial, "select individual_id, to_time from dirty order by 1")
    assert [row["individual_id"] for row in rows] == [1, 2]


@pytest.mark.parametrize("at", [MARCH, MAY, MARCH - timedelta(1), MAY + timedelta(1)])
async def test_a_split_lies_within(trial, at) -> None:
    made = await add(trial)
    with pytest.raises(BadInput) as outside:
        await worn.split(trial, OWNER, made["ref"], at=at, individual=B)
    assert outside.value.code == "split-outside"
    with pytest.raises(NotFound):
        await worn.split(trial, OWNER, made["ref"], at=APRIL, individual=ref_of("bird", 2, "Spare"))


@pytest.mark.parametrize("late", ["edit", "withdraw"])
async def test_of_two_changes_at_once_the_later_is_told(flock, store, meets, late) -> None:
    """The ranges don't overlap: no constraint would notice two of one name."""
    async with store.write() as conn:
        made = await add(conn)

    async def second() -> None:
        async with store.write() as conn:
            later = {"deploy_on": MAY, "deploy_off": None}
            change = (
                worn.edit(conn, OWNER, made["ref"], later)
                if late == "edit"
                else worn.withdraw(conn, OWNER, made["ref"])
            )
            with pytest.raises(Conflict, match="somebody else"):
                await change

    async with store.engine.connect() as conn:
        await worn.edit(conn, OWNER, made["ref"], {"deploy_off": APRIL})
        await meets(conn.commit, second())
    async with store.read() as conn:
        assert await ranges(conn) == [("A", MARCH, APRIL)]
    flock.run("delete from deployment")
    flock.run("delete from dirty")
