"""A service without HTTP: bytes in, stages run here and now, content out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from app.movement.itinerary import Place
from app.movement.sensing import Sending
from app.movement.simulate import Flock, simulate_flock
from app.pipeline import run as flow
from app.pipeline.receive import reading, receive
from app.seeds import profiles, rows
from app.store import content, inbox, receipts
from app.store.audience import Audience
from app.store.engine import Store, execute

START_US = int(datetime(2024, 7, 1, tzinfo=UTC).timestamp()) * 1_000_000


async def pieces(body: bytes, size: int = 65_536) -> AsyncIterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]


@dataclass
class Service:
    """One database with one study, and the ways into it."""

    store: Store
    study_id: int

    @property
    def audience(self) -> Audience:
        return Audience("operator", exact=(self.study_id,))

    async def push(
        self,
        body: bytes,
        *,
        format: str | None = None,  # noqa: A002 - the contract's word
        tz: str | None = None,
        key: str | None = None,
        **more: str | None,
    ):
        delivery = inbox.Delivery(self.study_id, idempotency_key=key)
        return await receive(self.store, delivery, reading(format, tz, **more), pieces(body))

    async def drain(self, *, areas: bool = False) -> None:
        assert await flow.drain(self.store, areas=areas) == []

    async def receipt(self, ref) -> dict:
        async with self.store.read() as conn:
            found = await receipts.receipt(conn, self.audience, ref)
        assert found is not None
        return found

    async def rows(self, sql: str, **values) -> list[dict]:
        async with self.store.read() as conn:
            return await execute(conn, sql, values)

    async def count(self, table: str) -> int:
        return (await self.rows(f"select count(*) as n from {table}"))[0]["n"]

    async def content(self) -> dict[str, dict[str, str]]:
        """Everything derived, by bird and catalogue, without identities."""
        async with self.store.read() as conn:
            birds = await content.individuals(conn)
            found = {name: await content.of_bird(conn, bird) for bird, name in birds}
            found["operator"] = await content.of_catalogue(conn, "operator", simulated=False)
        return found


async def open_service(url: str) -> Service:
    """Open a service with one study on a database; its store is the caller's to close."""
    store = Store(url, pool_size=4, statement_timeout_s=60)
    async with store.write() as conn:
        institute = await execute(conn, "insert into institute (name) values ('Amur') returning id")
        study = await execute(
            conn,
            "insert into study (institute_id, name) values (:i, 'Cranes') returning id",
            {"i": institute[0]["id"]},
        )
    return Service(store, study[0]["id"])


def filled(dsn: str, bodies: Iterable[bytes]) -> str:
    """Push to a study on a database and derive what comes of it; then nobody is connected."""

    async def run() -> None:
        service = await open_service(dsn)
        try:
            for body in bodies:
                await service.push(body)
            await service.drain()
        finally:
            await service.store.close()

    asyncio.run(run())
    return dsn


@pytest.fixture
async def new_copy(copy_of: Callable[[str], str]):
    """Make services, each on a copy of a filled database, with its study."""
    made: list[Store] = []

    async def make(dsn: str) -> Service:
        store = Store(copy_of(dsn), pool_size=4, statement_timeout_s=60)
        made.append(store)
        async with store.read() as conn:
            (study,) = await execute(conn, "select id from study")
        return Service(store, study["id"])

    yield make
    for store in made:
        await store.close()


@pytest.fixture
async def new_service(new_database: Callable[[], str]):
    """Make services, each on a database of its own."""
    made: list[Store] = []

    async def make() -> Service:
        service = await open_service(new_database())
        made.append(service.store)
        return service

    yield make
    for store in made:
        await store.close()


@pytest.fixture
async def service(new_service) -> Service:
    return await new_service()


def flock(*, seed: int = 5, birds: int = 2, days: float = 120, **sending) -> Flock:
    places = [Place(row["name"], float(row["lon"]), float(row["lat"])) for row in rows("sites")]
    species = [profiles()["white_naped_crane"], profiles()["black_faced_spoonbill"]]
    return simulate_flock(
        species, places, n_individuals=birds, start_us=START_US, days=days, seed=seed,
        sending=Sending(**{"interval_s": 7200.0, **sending}),
    )  # fmt: skip
