"""Connectors: seen by their owners, run when due, and never by two; a change overtakes a pull."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from app.errors import Conflict, NotFound
from app.store import connectors
from app.store.audience import Audience
from app.store.engine import Connection, Store, execute
from tests.store.flock import Flock, ref_of

OWNER = Audience("institute", 1, 1, frozenset({"manage"}), exact=(1,), open=(2,))
OTHER = Audience("institute", 2, 2, frozenset({"manage"}), exact=(2,), open=(1,))
PUBLIC = Audience("public", open=(1, 2))
PROBLEM = {"code": "provider-busy", "detail": "It is busy.", "remedy": "Wait."}
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def flock(new_database) -> Flock:
    flock = Flock(new_database())
    for number in (1, 2):
        flock.study(flock.institute(f"institute {number}")[0], f"{number}", "open")
    return flock


async def create(conn: Connection, name: str = "C", who=OWNER, study=1, **more: Any):
    values = {"name": name, "provider": "movebank", "settings": {"study_id": 7}, "username": "me",
              "password": "sesame", "format": None, "tz": "UTC", "encoding": None,
              "datum": "wgs84", "date_order": None, "mapping": None, "interval_s": 3600,
              "overlap_s": 60, "settle_s": 0} | more  # fmt: skip
    made = await connectors.create(conn, who, study, values)
    # Now is when a transaction began: within it what it made would be of the future.
    await put(conn, made, next_run_at=LONG_AGO)
    return made


async def edit(conn: Connection, ref, *, paused: bool | None = None, **values: Any):
    return await connectors.edit(conn, OWNER, ref, values, paused=paused)


async def take(conn: Connection, row) -> connectors.Task:
    task = await connectors.take(conn, row["id"])
    assert task is not None
    return task


async def put(conn: Connection, row, **values: Any) -> None:
    sets = ", ".join(f"{name} = :{name}" for name in values)
    await execute(conn, f"update connector set {sets} where id = :id", {**values, "id": row["id"]})


async def test_a_password_is_read_by_the_pull_alone(trial) -> None:
    made = await create(trial)
    listed = await connectors.page(trial, OWNER, limit=9)
    edited = await edit(trial, made["ref"], password="sesame-2")
    for row in (made, *listed, edited, await connectors.run_now(trial, OWNER, made["ref"])):
        assert "password" not in row
        assert "sesame" not in repr(row)
    task = await take(trial, made)
    assert (task.username, task.password) == ("me", "sesame-2")
    assert (task.study, task.study_id) == (ref_of("study", "1"), 1)
    assert (task.settings, task.cursor, task.failures) == ({"study_id": 7}, {}, 0)


async def test_connectors_are_their_owners_alone(trial) -> None:
    ref = (await create(trial))["ref"]
    for who in (OTHER, PUBLIC):
        assert await connectors.page(trial, who, limit=9) == []
        for ask in (
            connectors.one(trial, who, ref),
            connectors.run_now(trial, who, ref),
            connectors.edit(trial, who, ref, {"tz": "UTC+8"}, paused=True),
            connectors.delete(trial, who, ref),
        ):
            with pytest.raises(NotFound):
                await ask
    row = await connectors.one(trial, OWNER, ref)
    assert (row["tz"], row["paused_at"]) == ("UTC", None)
    with pytest.raises(NotFound):
        await connectors.one(trial, OWNER, uuid4())


async def test_names_filters_and_pages(trial) -> None:
    refs = [(await create(trial, name))["ref"] for name in "CAB"]
    with pytest.raises(Conflict) as taken:
        await create(trial, "A")
    assert taken.value.code == "name-taken"
    theirs = await create(trial, "A", OTHER, 2)  # of another study it is free
    first = await connectors.page(trial, OWNER, limit=2)
    rest = await connectors.page(trial, OWNER, limit=2, after=first[-1]["id"])
    assert [row["ref"] for row in (*first, *rest)] == refs
    both = Audience("operator", exact=(1, 2))
    found = await connectors.page(trial, both, limit=9, study=ref_of("study", "2"))
    assert [row["ref"] for row in found] == [theirs["ref"]]
    assert await connectors.page(trial, both, limit=9, study=ref_of("none")) == []


async def test_another_question_forgets_the_cursor_and_the_same_keeps_it(trial) -> None:
    made = await create(trial)
    assert await connectors.advance(trial, await take(trial, made), {"passed": "then"})
    for kept in ({"tz": "UTC+8"}, {"settings": {"study_id": 7}}, {}):
        assert (await edit(trial, made["ref"], **kept))["cursor"] == {"passed": "then"}
    other = await edit(trial, made["ref"], settings={"study_id": 8})
    assert (other["cursor"], other["settings"]) == ({}, {"study_id": 8})


async def test_an_edit_changes_what_it_names_and_forgives(trial) -> None:
    made = await create(trial)
    await connectors.finish(trial, await take(trial, made), PROBLEM, LONG_AGO, failures=4)
    values = {"format": "gpx", "interval_s": 7, "overlap_s": 8, "settle_s": 9, "username": "you"}
    row = await edit(trial, made["ref"], **values)
    assert {name: row[name] for name in values} == values
    assert (row["failures"], row["problem"], row["tz"]) == (0, None, "UTC")
    assert row["next_run_at"] > LONG_AGO
    assert (await edit(trial, made["ref"], format=None))["format"] is None


async def test_a_pause_keeps_its_first_moment_until_it_ends(trial) -> None:
    made = await create(trial)
    assert (await edit(trial, made["ref"], paused=True))["paused_at"] is not None
    await put(trial, made, paused_at=LONG_AGO)
    for still in (True, None):
        assert (await edit(trial, made["ref"], paused=still))["paused_at"] == LONG_AGO
    assert await connectors.due(trial, limit=9) == []
    assert await connectors.take(trial, made["id"]) is None
    with pytest.raises(Conflict) as paused:
        await connectors.run_now(trial, OWNER, made["ref"])
    assert paused.value.code == "connector-paused"
    assert (await edit(trial, made["ref"], paused=False))["paused_at"] is None
    assert await connectors.due(trial, limit=9) == [made["id"]]


async def test_the_longest_waiting_is_due_first_and_the_future_is_not(trial) -> None:
    rows = [await create(trial, name) for name in "ABC"]
    for row, days in zip(rows, (1, 3, -1), strict=True):
        await put(trial, row, next_run_at=datetime.now(UTC) - timedelta(days=days))
    assert await connectors.due(trial, limit=9) == [rows[1]["id"], rows[0]["id"]]
    assert await connectors.due(trial, limit=1) == [rows[1]["id"]]
    assert await connectors.take(trial, rows[2]["id"]) is None
    await connectors.run_now(trial, OWNER, rows[2]["ref"])
    assert (await take(trial, rows[2])).id == rows[2]["id"]


@pytest.mark.parametrize("change", ["edit", "pause", "delete"])
async def test_a_pull_that_was_overtaken_moves_nothing(trial, change) -> None:
    made = await create(trial)
    task = await take(trial, made)
    if change == "delete":
        await connectors.delete(trial, OWNER, made["ref"])
    else:
        await edit(trial, made["ref"], paused=True if change == "pause" else None)
    assert not await connectors.advance(trial, task, {"passed": "too far"})
    await connectors.finish(trial, task, PROBLEM, LONG_AGO, failures=9)
    left = await connectors.page(trial, OWNER, limit=9)
    assert [(row["cursor"], row["problem"], row["failures"]) for row in left] == (
        [] if change == "delete" else [({}, None, 0)]
    )


async def test_how_a_pull_ended_is_noted(trial) -> None:
    made = await create(trial, interval_s=600)
    task = await take(trial, made)
    await connectors.finish(trial, task, None, None, failures=0)
    well = await connectors.one(trial, OWNER, made["ref"])
    assert well["last_success_at"] == well["last_run_at"]
    assert well["next_run_at"] - well["last_run_at"] == timedelta(seconds=600)
    await put(trial, made, last_success_at=LONG_AGO)
    await connectors.finish(trial, task, PROBLEM, LONG_AGO, failures=3)
    ill = await connectors.one(trial, OWNER, made["ref"])
    assert (ill["problem"], ill["failures"]) == (PROBLEM, 3)
    assert (ill["next_run_at"], ill["last_success_at"]) == (LONG_AGO, LONG_AGO)
    assert ill["last_run_at"] > LONG_AGO


async def test_the_failing_are_told_with_their_remedy_unless_paused(trial) -> None:
    ill, _, off = [await create(trial, name) for name in ("ill", "well", "off")]
    for row in (ill, off):
        await connectors.finish(trial, await take(trial, row), PROBLEM, None, failures=1)
    await put(trial, off, paused_at=LONG_AGO)
    assert await connectors.failing(trial) == [
        {"ref": str(ill["ref"]), "name": "1 / ill", "detail": "It is busy.", "remedy": "Wait."}
    ]


async def test_what_a_connector_brought_outlives_it(trial) -> None:
    made = await create(trial)
    await execute(
        trial,
        "insert into push (study_id, digest, size_bytes, connector_id) values (1, 'x', 1, :id)",
        {"id": made["id"]},
    )
    await connectors.delete(trial, OWNER, made["ref"])
    left = await execute(trial, "select connector_id from push", {})
    assert left == [{"connector_id": made["id"]}]
    assert await execute(trial, "select from connector", {}) == []


async def test_a_connector_and_a_provider_are_held_by_one(store: Store) -> None:
    async with connectors.locked(store, 1, provider="cls") as mine:
        assert mine
        for number, provider, ok in ((1, None, False), (2, "cls", False), (2, "druid", True),
                                     (2, None, True), (1, "druid", False)):  # fmt: skip
            async with connectors.locked(store, number, provider=provider) as theirs:
                assert theirs is ok, (number, provider)
        # Who failed at the second lock has given the first one back.
        async with connectors.locked(store, 2, provider=None) as second:
            assert second
    with pytest.raises(ZeroDivisionError):
        async with connectors.locked(store, 1, provider="cls"):
            raise ZeroDivisionError
    async with connectors.locked(store, 1, provider="cls") as again:
        assert again
