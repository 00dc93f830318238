"""A store with one study, and connectors that are pulled at a moment of the test's choosing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from app import operate
from app.api.connectors import ConnectorIn, values_of
from app.pipeline import run as flow
from app.pull.run import Surroundings, pull
from app.store import inbox
from app.store.engine import Store, execute

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
PASSWORD = "sesame-8a61"


@dataclass
class Bench:
    """One study and what is pulled into it."""

    store: Store
    study: UUID
    study_id: int
    bases: dict[str, str] = field(default_factory=dict)
    inbox_dir: Path | None = None

    @property
    def around(self) -> Surroundings:
        return Surroundings(self.bases, self.inbox_dir)

    async def connect(self, provider: str, base: str | None = None, **values: Any) -> int:
        if base is not None:
            self.bases[provider] = base
        body = {"study": self.study, "name": uuid4().hex, "provider": provider,
                "username": "me", "password": PASSWORD} | values  # fmt: skip
        row = await operate.add_connector(
            self.store, self.study, values_of(ConnectorIn.model_validate(body))
        )
        return int(row["id"])

    async def pull(self, connector: int, now: datetime = NOW) -> int | None:
        async with self.store.write() as conn:
            await execute(conn, "update connector set next_run_at = now() where id = :id",
                          {"id": connector})  # fmt: skip
        return await pull(self.store, connector, self.around, now=now)

    async def ask(self, sql: str, **values: Any) -> list[dict[str, Any]]:
        async with self.store.read() as conn:
            return await execute(conn, sql, values)

    async def state(self, connector: int) -> dict[str, Any]:
        return (await self.ask("select * from connector where id = :id", id=connector))[0]

    async def code(self, connector: int) -> str | None:
        problem = (await self.state(connector))["problem"]
        return problem and str(problem["code"])

    async def bodies(self) -> list[bytes]:
        """Give the bytes of every push of the study, oldest first."""
        sql = "select id from push where study_id = :study order by id"
        ids = [row["id"] for row in await self.ask(sql, study=self.study_id)]
        async with self.store.read() as conn:
            found = await inbox.bodies(conn, ids)
        return [found[each] for each in ids]

    async def fixes(self) -> list[tuple[str, datetime]]:
        """Decode what waits; give tag and time of every live fix."""
        for row in await self.ask("select id from decoding where state = 'received' order by id"):
            await flow.decode_push(self.store, row["id"])
        refused = await self.ask(
            "select code, excerpt from refusal where study_id = :study", study=self.study_id
        )
        assert not refused, refused
        failed = await self.ask(
            "select problem from decoding where state = 'failed' and study_id = :study",
            study=self.study_id,
        )
        assert not failed, failed
        rows = await self.ask(
            "select t.local_identifier as tag, f.time from fix f join tag t on t.id = f.tag_id"
            " where t.study_id = :study and f.live order by 1, 2", study=self.study_id)  # fmt: skip
        return [(row["tag"], row["time"]) for row in rows]


async def bench_in(store: Store) -> Bench:
    """Give a bench with a study of its own."""
    partner = await operate.add_partner(store, uuid4().hex, None)
    study = await operate.add_study(store, "Cranes", UUID(partner["institute"]))
    return Bench(store, study["ref"], study["id"])


@pytest.fixture(scope="module")
def shared_database(new_database: Callable[[], str]) -> str:
    return new_database()


@pytest.fixture
async def bench(shared_database: str) -> AsyncIterator[Bench]:
    store = Store(shared_database, pool_size=4, pool_wait_s=30, statement_timeout_s=60)
    yield await bench_in(store)
    await store.close()
