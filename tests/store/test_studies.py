"""Studies: an edit and the pipeline at work on the same birds wait and never cross."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from app.store import names, studies, work
from app.store.audience import Audience
from app.store.engine import Store, execute

OPERATOR = Audience("operator", exact=(1, 2))
SPRING = datetime(2024, 3, 1, tzinfo=UTC)
CHANGES: list[dict[str, Any]] = [
    {"name": "Other cranes"},
    {"licence": "CC-BY-4.0"},
    {"public_grid_deg": 0.5},
    {"taxon": "Grus vipio", "name": "Other cranes"},
    {"visibility": "open"},
    {"visibility": "private", "release_delay_s": 0},
]


@pytest.fixture
async def store(database):
    made = Store(database, pool_size=3)
    async with made.write() as conn:
        await execute(conn, "insert into institute (name) values ('Amur'), ('Naktong')")
        await execute(
            conn,
            "insert into study (institute_id, name, visibility)"
            " values (1, 'Ducks', 'open'), (2, 'Cranes', 'private')",
        )
        # Their order on disk is not that of their names.
        await execute(
            conn, "insert into individual (study_id, local_identifier) values (2, 'B'), (2, 'A')"
        )
    yield made
    await made.close()


async def edit(store: Store, changes: dict[str, Any]) -> None:
    async with store.write() as conn:
        ref = (await execute(conn, "select ref from study where id = 2"))[0]["ref"]
        await studies.edit(conn, OPERATOR, ref, changes)


async def waits(store: Store, task: asyncio.Task[None]) -> None:
    """Give way until the task waits for somebody's lock, or is done."""
    while not task.done():
        async with store.look() as conn:
            found = await execute(
                conn,
                "select pid from pg_stat_activity where datname = current_database()"
                " and wait_event_type = 'Lock'",
            )
        if found:
            return
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("changes", CHANGES, ids="-".join)
async def test_an_edit_while_a_bird_is_derived(store: Store, changes: dict[str, Any]) -> None:
    if changes.get("visibility") == "private":
        await edit(store, {"visibility": "open"})
    async with store.write() as conn:
        await work.mark_dirty(conn, 1, 2, SPRING, SPRING)
    async with store.write() as conn:
        assert await work.take_span(conn, 1) is not None
        other = asyncio.create_task(edit(store, changes))
        await waits(store, other)
        # As `publish` and `run` end: the study counts a change, then its catalogues wait.
        await work.bump_version(conn, 2)
        await work.mark_catalogues_dirty(conn, 2)
    await other


@pytest.mark.parametrize("changes", CHANGES, ids="-".join)
async def test_an_edit_while_a_push_names_its_birds(store: Store, changes: dict[str, Any]) -> None:
    async with store.write() as conn:
        await names.name_individuals(conn, 2, [("A", None, "default")])
        other = asyncio.create_task(edit(store, changes))
        await waits(store, other)
        await names.name_individuals(conn, 2, [("B", None, "default")])
        await work.mark_dirty(conn, 1, 2, SPRING, SPRING)
    await other


async def test_opening_a_study_while_the_catalogues_of_an_open_one_are_marked(store: Store) -> None:
    async with store.write() as conn:
        await execute(
            conn, "insert into product_dirty (scope, simulated) values ('institute:1', false)"
        )
        other = asyncio.create_task(edit(store, {"visibility": "open"}))
        await waits(store, other)
        await work.mark_catalogues_dirty(conn, 1)
    await other
