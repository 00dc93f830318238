"""A database for each module of tests, and transactions that leave nothing behind in it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from app.store.engine import Connection, Store
from tests.store.flock import Flock
from tests.store.herd import herd as make_herd


@pytest.fixture(scope="module")
def flock(new_database: Callable[[], str]) -> Flock:
    """Give an empty database of the module's own; a module that wants rows in it overrides this."""
    return Flock(new_database())


@pytest.fixture(scope="session")
def herd(new_lasting_database: Callable[[], str]) -> Flock:
    """Give rows of every noun, for modules that only read them or take back what they change."""
    return make_herd(new_lasting_database())


@pytest.fixture
async def store(flock: Flock) -> AsyncIterator[Store]:
    made = Store(flock.dsn, pool_size=4)
    yield made
    await made.close()


@pytest.fixture
async def trial(store: Store) -> AsyncIterator[Connection]:
    """Give a transaction that is rolled back, so that the tests of a module share a database."""
    async with store.engine.connect() as conn:
        await conn.begin()
        yield conn


@pytest.fixture
def meets() -> Callable[..., Awaitable[None]]:
    """Give a way to let a second transaction run into the locks of a first, which then goes on."""

    async def meet(first: Callable[[], Awaitable[None]], second: Awaitable[None]) -> None:
        other = asyncio.ensure_future(second)
        await asyncio.wait([other], timeout=0.3)
        await first()
        await other

    return meet
