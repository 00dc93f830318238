"""Connections: two kinds of transaction, their timeouts, and what a lost database becomes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from sqlalchemy import text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from app.errors import SetupError, Unavailable

Connection = AsyncConnection
"""A transaction as the stages and the api hold it: they pass it on and never speak SQL to it."""

POOL_WAIT_S = 2.0
"""Longest wait for a free connection [s]: overload answers 503 within a second or two."""

_LOST = (InterfaceError, InternalError, OperationalError, PoolTimeoutError, OSError, TimeoutError)
_DRIVER_LOST = (
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
    asyncpg.exceptions.OperatorInterventionError,
    asyncpg.exceptions.InsufficientResourcesError,
    asyncpg.exceptions.QueryCanceledError,
)


def async_url(dsn: str) -> URL:
    """Return the SQLAlchemy URL that reaches `dsn` through asyncpg."""
    return make_url(dsn).set(drivername="postgresql+asyncpg")


def sync_dsn(dsn: str) -> str:
    """Return the plain libpq URL of `dsn` (migrations and the job queue use psycopg)."""
    return make_url(dsn).set(drivername="postgresql").render_as_string(hide_password=False)


class Store:
    """The database as one process sees it: a pool, and the two ways into it."""

    def __init__(
        self, dsn: str, *, pool_size: int = 8, statement_timeout_s: float = 10.0, name: str = "web"
    ) -> None:
        settings = {
            "application_name": f"flyways-{name}",
            "statement_timeout": str(int(statement_timeout_s * 1000)),
            "idle_in_transaction_session_timeout": str(int(statement_timeout_s * 1000) + 20_000),
            "jit": "off",
            "timezone": "UTC",
        }
        self.dsn = dsn
        self.engine: AsyncEngine = create_async_engine(
            async_url(dsn),
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=POOL_WAIT_S,
            pool_pre_ping=False,
            connect_args={"server_settings": settings, "timeout": 5},
        )

    async def close(self) -> None:
        """Give every connection back."""
        await self.engine.dispose()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """Open a read-only transaction on one snapshot: a reader sees no part of a push."""
        async with _told_apart(), self.engine.connect() as conn:
            await conn.execute(text("set transaction isolation level repeatable read, read only"))
            yield conn

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction that is committed when the block ends without an error."""
        async with _told_apart(), self.engine.begin() as conn:
            yield conn

    async def assert_durable(self) -> None:
        """Refuse to serve when an answered push could be lost by a power cut."""
        async with self.read() as conn:
            for setting in ("fsync", "synchronous_commit"):
                value = (await conn.execute(text(f"show {setting}"))).scalar_one()
                if value == "off":
                    raise SetupError(
                        f"PostgreSQL runs with {setting} = off, so an acknowledged push could be "
                        f"lost. Set {setting} = on and start again."
                    )


@asynccontextmanager
async def _told_apart() -> AsyncIterator[None]:
    """Turn a database that went away into `Unavailable`; let errors of ours through."""
    try:
        yield
    except _LOST as lost:
        raise Unavailable from lost
    except _DRIVER_LOST as lost:
        raise Unavailable from lost
    except DBAPIError as error:
        if isinstance(error.orig.__cause__ if error.orig else None, _DRIVER_LOST):
            raise Unavailable from error
        raise


async def driver(conn: AsyncConnection) -> asyncpg.Connection:
    """Return the asyncpg connection under `conn`, inside the same transaction (for COPY)."""
    raw = await conn.get_raw_connection()
    return raw.driver_connection


async def execute(
    conn: AsyncConnection, sql: str, values: Mapping[str, Any] | None = None
) -> list[dict[str, Any]]:
    """Run one statement with bound values; return its rows, if any, as dictionaries."""
    result = await conn.execute(text(sql), dict(values or {}))
    return [dict(row) for row in result.mappings()] if result.returns_rows else []
