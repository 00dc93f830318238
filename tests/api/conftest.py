"""The application over a database of the module's own, with two institutes and an operator."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from app.config import Settings
from app.main import create_app
from app.observe import configure_logging
from app.store import partners
from app.store.engine import Store
from tests.api.inloop import Client, spoken_to
from tests.api.served import as_key


@dataclass(frozen=True)
class Network:
    """A running service and who may call it."""

    dsn: str
    client: Client
    operator: dict[str, str]
    amur: dict[str, str]
    naktong: dict[str, str]
    institutes: dict[str, str]

    def study(self, key: dict[str, str], name: str, **more: Any) -> str:
        """Make a study and return its id."""
        made = self.client.post("/api/v1/studies", json={"name": name, **more}, headers=key)
        assert made.status_code == 201, made.text
        return str(made.json()["id"])

    def make(self, path: str, key: dict[str, str], **body: Any) -> dict[str, Any]:
        """Post one noun and return it."""
        made = self.client.post(f"/api/v1/{path}", json=body, headers=key)
        assert made.status_code == 201, made.text
        return dict(made.json())

    def in_store(self, work: Callable[[Any], Awaitable[Any]]) -> Any:
        """Run one piece of work in a transaction of its own."""
        return in_store(self.dsn, work)


def in_store(dsn: str, work: Callable[[Any], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        store = Store(dsn, pool_size=1)
        try:
            async with store.write() as conn:
                return await work(conn)
        finally:
            await store.close()

    return asyncio.run(run())


@contextmanager
def serving(dsn: str, *, caller: str = "127.0.0.1", **settings: Any) -> Iterator[Client]:
    """Serve a database as the real application does."""
    values = {"database_url": dsn, "rate_limit": "off", "pool_size": 3, **settings}
    app = create_app(Settings(_env_file=None, **values), demand_durable=False)
    with spoken_to(app, caller=caller) as client:
        yield client


@pytest.fixture(scope="module")
def network(new_database: Callable[[], str]) -> Iterator[Network]:
    dsn = new_database()
    scopes = ("read", "push", "manage")

    async def seed(conn: Any) -> dict[str, Any]:
        made: dict[str, Any] = {"operator": await partners.create_key(conn, None, scopes)}
        for name, country in (("Amur", "RU"), ("Naktong", "KR")):
            institute = await partners.create_institute(conn, name, country)
            made[name] = await partners.create_key(conn, institute["id"], scopes)
            made[f"{name} ref"] = str(institute["ref"])
        return made

    made = in_store(dsn, seed)
    with serving(dsn) as client:
        yield Network(
            dsn,
            client,
            as_key(made["operator"]["key"]),
            as_key(made["Amur"]["key"]),
            as_key(made["Naktong"]["key"]),
            {"Amur": made["Amur ref"], "Naktong": made["Naktong ref"]},
        )


@pytest.fixture(scope="session", autouse=True)
def plain_logs() -> None:
    """Log as the service does: no values of variables, one line each."""
    configure_logging("info", "json")
