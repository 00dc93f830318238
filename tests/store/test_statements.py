"""A request sends as many statements for twenty birds as for one: nothing asks row by row."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from app.store import (
    fixes,
    implied,
    legs,
    names,
    reference,
    seasons,
    stopovers,
    tracks,
    work,
    worn,
)
from app.store.audience import Audience, load_audience
from app.store.engine import Connection, Store, driver, execute
from app.store.sight import Filters
from tests.store.flock import Flock, statements

Request = Callable[[Connection, Audience, int], Awaitable[Any]]
MANY = 20


@pytest.fixture(scope="module")
def flock(new_database: Callable[[], str]) -> Flock:
    """Give a study of one bird and one of twenty, each bird with a row of everything."""
    flock = Flock(new_database())
    institute, _ = flock.institute("Amur")
    for name, birds in (("one", 1), ("many", MANY)):
        study = flock.study(institute, name)
        for number in range(birds):
            _fill(flock, study, flock.bird(study, f"{name} {number}"))
    return flock


def _fill(flock: Flock, study: int, bird: int) -> None:
    tag = flock.insert("tag", study_id=study, local_identifier=f"tag of {bird}")
    flock.insert(
        "deployment", study_id=study, tag_id=tag, individual_id=bird, during="(,)", declared=True
    )
    flock.stopover(study, bird)
    flock.leg(study, bird)
    flock.season(study, bird)
    flock.latest_fix(study, bird, (127.1, 38.2))
    flock.track_part(study, bird, "MULTILINESTRING((127 38,128 39))")


@pytest.fixture
async def store(flock: Flock):
    store = Store(flock.dsn, pool_size=1)
    yield store
    await store.close()


async def _sent(store: Store, request: Request, study: int) -> tuple[int, Any]:
    """Count the statements of a request of the study's owner; nothing it writes is kept."""
    owner = Audience("institute", 1, 1, frozenset({"read", "manage"}), exact=(study,))
    async with store.engine.connect() as conn, statements(await driver(conn)) as sent:
        answer = await request(conn, owner, study)
    return len(sent), answer


READS: dict[str, Request] = {
    "positions": lambda c, a, _: fixes.positions_feed(c, a, Filters(), fetch=100),
    "tracks": lambda c, a, _: tracks.feed(c, a, Filters(), fetch=100),
    "stopovers on the map": lambda c, a, _: stopovers.feed(c, a, Filters(), fetch=100),
    "stopovers": lambda c, a, _: stopovers.page(c, a, Filters(), fetch=100),
    "legs": lambda c, a, _: legs.page(c, a, Filters(), fetch=100),
    "seasons": lambda c, a, _: seasons.page(c, a, Filters(), fetch=100),
    "individuals": lambda c, a, _: reference.individuals(c, a, limit=100),
    "tags": lambda c, a, _: reference.tags(c, a, limit=100),
    "deployments": lambda c, a, _: worn.page(c, a, limit=100),
}


@pytest.mark.parametrize("name", READS)
async def test_a_page_is_one_statement(store: Store, name: str) -> None:
    one, row = await _sent(store, READS[name], 1)
    many, rows = await _sent(store, READS[name], 2)
    assert (len(row), len(rows)) == (1, MANY)
    assert one == many == 1


def _names(study: int) -> list[str]:
    return [f"new {number}" for number in range(1 if study == 1 else MANY)]


async def _tag_ids(conn: Connection, study: int) -> list[int]:
    rows = await execute(conn, "select id from tag where study_id = :study", {"study": study})
    return [row["id"] for row in rows]


async def _imply(conn: Connection, _: Audience, study: int) -> None:
    await implied.imply(conn, await _tag_ids(conn, study))


STAGES: dict[str, Request] = {
    "name tags": lambda c, _, s: names.name_tags(c, s, _names(s)),
    "name individuals": lambda c, _, s: names.name_individuals(
        c, s, [(name, "Grus grus", "default") for name in _names(s)]
    ),
    "imply deployments": _imply,
    "mark all dirty": lambda c, _, s: work.mark_all_dirty(c, study_id=s),
    "lock every tag": lambda c, _, s: work.lock_all(c, work.LOCK_TAG, range(len(_names(s)))),
    "who asks": lambda c, _, __: load_audience(c),
}


@pytest.mark.parametrize("name", STAGES)
async def test_a_step_does_not_ask_bird_by_bird(store: Store, name: str) -> None:
    one, _ = await _sent(store, STAGES[name], 1)
    many, _ = await _sent(store, STAGES[name], 2)
    assert 0 < one == many
