"""A small flock that went through every stage, for tests that read it or take back what they do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import pytest

from app.movement.simulate import flock_csv, reference_csv
from app.store.engine import Connection, Store
from tests.flow.conftest import Service, flock, open_service


@dataclass(frozen=True)
class Lived:
    """Where the flock is stored, and its study."""

    dsn: str
    study_id: int


@pytest.fixture(scope="session")
def lived(new_lasting_database: Callable[[], str]) -> Lived:
    birds = flock(seed=12, birds=2, days=100, gross_error_share=0.02)
    dsn = new_lasting_database()

    async def run() -> Lived:
        service = await open_service(dsn)
        try:
            await service.push(reference_csv(birds))
            await service.push(flock_csv(birds))
            await service.drain(areas=True)
        finally:
            await service.store.close()
        return Lived(dsn, service.study_id)

    return asyncio.run(run())


@pytest.fixture
async def life(lived: Lived) -> AsyncIterator[Service]:
    """Give the service of the flock; what is committed must be put right again."""
    store = Store(lived.dsn, pool_size=3, statement_timeout_s=60)
    yield Service(store, lived.study_id)
    await store.close()


@pytest.fixture
async def taken_back(life: Service) -> AsyncIterator[Connection]:
    """Give a transaction in the flock's database that is rolled back."""
    async with life.store.engine.connect() as conn:
        await conn.begin()
        yield conn
