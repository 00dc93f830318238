"""The application over a test's own database, spoken to in this process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from typing import Any

import httpx2

from app.config import Settings
from app.main import create_app


@asynccontextmanager
async def served(dsn: str) -> AsyncIterator[httpx2.AsyncClient]:
    """Give a client of the whole application; its store is closed at the end."""
    settings = Settings(database_url=dsn, rate_limit="off", pool_size=2, _env_file=None)
    app = create_app(settings, demand_durable=False)
    transport = httpx2.ASGITransport(app=app)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=transport, base_url="http://flyways.test") as client,
    ):
        yield client


@cache
def document() -> dict[str, Any]:
    """Give the OpenAPI document, which takes seconds to be made."""
    return create_app(Settings(_env_file=None, database_url="postgresql:///none")).openapi()


def as_key(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}
