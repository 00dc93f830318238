"""Connections: two kinds of transaction, their timeouts, and what a lost database becomes."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from functools import lru_cache
from typing import Any

import asyncpg
from sqlalchemy import event, text
from sqlalchemy.dialects.postgresql.asyncpg import AsyncAdapt_asyncpg_dbapi, PGDialect_asyncpg
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, DisconnectionError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.util import greenlet_spawn

from app.errors import Overrun, Problem, SetupError, Unavailable
from app.store.driving import Driving

Connection = AsyncConnection
"""A transaction as the stages and the api hold it: they pass it on and never speak SQL to it."""

Clash = asyncpg.IntegrityConstraintViolationError
"""A row that a constraint refuses; its text names the constraint."""

STATEMENTS_KEPT = 400
"""Prepared statements a connection keeps; all that the service sends are a few hundred."""

POOL_WAIT_S = 2.0
"""Longest wait for a free connection [s]: overload answers 503 within a second or two."""

_LOST = (
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
    asyncpg.exceptions.OperatorInterventionError,
    asyncpg.exceptions.InsufficientResourcesError,
    asyncpg.exceptions.TransactionRollbackError,  # deadlock, serialisation: nobody's fault
    asyncpg.exceptions.LockNotAvailableError,
    asyncpg.exceptions.IdleInTransactionSessionTimeoutError,
)
"""What the driver raises when the same transaction may well succeed a moment later."""


Refused = AsyncAdapt_asyncpg_dbapi.Error
"""What SQLAlchemy makes of an error of the driver; as a connection is opened, it is bare."""

_SHUT = (
    asyncpg.InvalidCatalogNameError,
    asyncpg.InvalidAuthorizationSpecificationError,  # a wrong password as well
    asyncpg.InsufficientPrivilegeError,
    asyncpg.exceptions.ClientConfigurationError,
)
"""What the driver raises where a server answers and lets nobody in: no wait mends that."""

_OPTIONS = frozenset(inspect.signature(asyncpg.connect).parameters)


def _url(dsn: str) -> URL:
    try:
        url = make_url(dsn)
    except (ArgumentError, ValueError) as error:
        raise SetupError(
            "FLYWAYS_DATABASE_URL is no address of a database. "
            "Give one such as postgresql://user:password@host/database."
        ) from error
    if unknown := url.query.keys() - _OPTIONS:
        raise SetupError(
            f"FLYWAYS_DATABASE_URL has options that are not known here: "
            f"{', '.join(sorted(unknown))}. Leave them out; PostgreSQL's own variables, "
            "such as PGSSLMODE, are heeded."
        )
    return url


def async_url(dsn: str) -> URL:
    """Return the SQLAlchemy URL that reaches `dsn` through asyncpg."""
    return _url(dsn).set(drivername="postgresql+asyncpg")


def sync_dsn(dsn: str) -> str:
    """Return the plain libpq URL of `dsn`, for the job queue, which uses psycopg."""
    told = _url(dsn).set(drivername="postgresql").render_as_string(hide_password=False)
    # SQLAlchemy leaves blanks as they are and writes + for them in options: libpq takes neither.
    place, mark, options = told.partition("?")
    return place.replace(" ", "%20") + mark + options.replace("+", "%20")


class Store:
    """The database as one process sees it: a pool, and the two ways into it."""

    def __init__(
        self,
        dsn: str,
        *,
        pool_size: int = 8,
        pool_wait_s: float = POOL_WAIT_S,
        statement_timeout_s: float = 10.0,
        name: str = "web",
    ) -> None:
        settings = {
            "application_name": f"flyways-{name}",
            "statement_timeout": str(int(statement_timeout_s * 1000)),
            "idle_in_transaction_session_timeout": str(int(statement_timeout_s * 1000) + 20_000),
            "jit": "off",
            "timezone": "UTC",
            "extra_float_digits": "1",  # a number that goes out as text comes back as it was
        }
        self.dsn = dsn
        self.engine: AsyncEngine = create_async_engine(
            async_url(dsn),
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=pool_wait_s,
            hide_parameters=True,  # the text of an error is logged; its values are places of birds
            connect_args={
                "server_settings": settings,
                "timeout": 5,
                "statement_cache_size": STATEMENTS_KEPT,
                "connection_class": Driving,
            },
        )
        event.listen(self.engine.sync_engine, "checkout", _replace_dead)
        # The kind of a transaction goes with its BEGIN, which saves a statement a request.
        self._reading: AsyncEngine = self.engine.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )

    async def close(self) -> None:
        """Give every connection back."""
        await self.engine.dispose()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """Open a read-only transaction on one snapshot: a reader sees no part of a push."""
        async with self._connected(self._reading) as conn, conn.begin():
            yield conn

    @asynccontextmanager
    async def look(self) -> AsyncIterator[asyncpg.Connection]:
        """
        Open a connection for single statements, each a transaction of its own.

        It is the driver's, since most requests ask no more than two statements and SQLAlchemy
        takes three times as long over one as PostgreSQL does; `execute` takes either kind.
        """
        async with _told_apart():
            with _connecting():
                lent = await self.engine.raw_connection()
            try:
                yield lent.driver_connection
            finally:
                await asyncio.shield(greenlet_spawn(lent.close))

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction that is committed when the block ends without an error."""
        async with self._connected(self.engine) as conn, conn.begin():
            yield conn

    @asynccontextmanager
    async def _connected(self, engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
        async with _told_apart(), AsyncExitStack() as stack:
            with _connecting():
                conn = await stack.enter_async_context(engine.connect())
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


class Pinned(Store):
    """One open transaction in a store's place: all that is read through it is of one moment."""

    def __init__(self, store: Store, conn: AsyncConnection) -> None:
        self.dsn, self.engine = store.dsn, store.engine
        self._store, self._conn = store, conn

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """Give the transaction."""
        yield self._conn

    @asynccontextmanager
    async def look(self) -> AsyncIterator[asyncpg.Connection]:
        """Give the transaction."""
        yield await driver(self._conn)

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction beside it, as the store does."""
        async with self._store.write() as conn:
            yield conn


def _replace_dead(connection: Any, _record: Any, _proxy: Any) -> None:
    """Have a connection that died while it lay idle replaced unseen.

    The driver knows when the other end has hung up, so that nobody has to ask the server.
    """
    if connection.driver_connection.is_closed():
        raise DisconnectionError


@contextmanager
def _connecting() -> Iterator[None]:
    """Tell a server that does not answer, or not yet, from one that lets nobody in so."""
    try:
        yield
    except (OSError, PoolTimeoutError) as lost:
        raise Unavailable from lost
    except (asyncpg.PostgresError, asyncpg.InterfaceError, Refused, DBAPIError) as error:
        orig = error.orig if isinstance(error, DBAPIError) else error
        cause = (orig.__cause__ if orig else None) or error
        if isinstance(cause, _SHUT):
            raise SetupError(
                f"The database lets nobody in: {str(cause).partition(chr(10))[0]}. Correct "
                "FLYWAYS_DATABASE_URL, or make what it names: a role that may log in, a database."
            ) from error
        told = _temporary(cause)
        if told is None:
            raise
        raise told from error


@asynccontextmanager
async def _told_apart() -> AsyncIterator[None]:
    """Turn a database that went away into `Unavailable`; let errors of ours through."""
    try:
        yield
    except ConnectionError as lost:
        raise Unavailable from lost
    except (*_LOST, asyncpg.PostgresError, DBAPIError) as error:
        told = _temporary(_without_values(error))
        if told is None:
            raise
        raise told from error


def _without_values(error: BaseException) -> BaseException:
    """Take the row that PostgreSQL quotes out of an error's text; return the driver's own error."""
    orig = error.orig if isinstance(error, DBAPIError) else None
    cause = (orig.__cause__ if orig else None) or error
    for each in filter(None, (error, orig, cause)):
        each.args = (str(each.args[0] if each.args else "").partition("\n")[0],)
    if isinstance(cause, asyncpg.PostgresError):
        cause.detail = None
    return cause


def _temporary(cause: BaseException) -> Problem | None:
    """Return what a caller is told of a driver's error that will pass; None for one that stays."""
    if isinstance(cause, asyncpg.exceptions.QueryCanceledError):
        return Overrun()
    # The driver's InterfaceError is a ValueError when it can't encode a value: that stays.
    stays = not isinstance(cause, _LOST) or isinstance(cause, ValueError)
    return None if stays else Unavailable()


async def driver(conn: AsyncConnection | asyncpg.Connection) -> asyncpg.Connection:
    """Return the asyncpg connection under `conn`, inside the same transaction."""
    if not isinstance(conn, AsyncConnection):
        return conn
    known = conn.sync_connection
    assert known is not None, "the connection is given back"
    adapted: Any = known.connection.dbapi_connection
    if adapted._transaction is None and not adapted.autocommit:
        # SQLAlchemy begins at its own first statement, and ours are not its own: it has no public
        # way to begin earlier. That a transaction is there to be ended it must know as well.
        if not known.in_transaction():
            known.begin()
        try:
            await adapted._start_transaction()
        except adapted.dbapi.Error as error:
            raise error.__cause__ or error from error
        except BaseException:
            # Cut off within BEGIN: nobody knows any more whether it is in a transaction.
            await conn.invalidate()
            raise
    raw: asyncpg.Connection = adapted.driver_connection
    return raw


_DIALECT = PGDialect_asyncpg()  # type: ignore[no-untyped-call]  # SQLAlchemy has not typed it


@lru_cache(maxsize=1_000)
def _numbered(sql: str) -> tuple[str, tuple[str, ...]]:
    """Return a statement as the server takes it, $1 for :name, and the names in that order."""
    compiled = text(sql).compile(dialect=_DIALECT)
    return str(compiled), tuple(compiled.positiontup or ())


def bound(sql: str, values: Mapping[str, Any] | None) -> tuple[str, list[Any]]:
    """Return a statement as the server takes it, and its values in that order."""
    numbered, names = _numbered(sql)
    return numbered, [values[name] for name in names] if values else []


async def fetch_rows(
    conn: AsyncConnection | asyncpg.Connection, sql: str, values: Mapping[str, Any] | None = None
) -> list[asyncpg.Record]:
    """
    Run one statement with bound values; return its rows, if any.

    The driver takes it directly: SQLAlchemy's own way costs as much again as the statement.
    """
    numbered, arguments = bound(sql, values)
    rows: list[asyncpg.Record] = await (await driver(conn)).fetch(numbered, *arguments)
    return rows


async def execute(
    conn: AsyncConnection | asyncpg.Connection, sql: str, values: Mapping[str, Any] | None = None
) -> list[dict[str, Any]]:
    """Run one statement with bound values; return its rows, if any, as dictionaries."""
    return [dict(row) for row in await fetch_rows(conn, sql, values)]


async def execute_many(conn: AsyncConnection, sql: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Run one statement for each row, all in one round trip."""
    if rows:
        numbered, names = _numbered(sql)
        arguments = [[row[name] for name in names] for row in rows]
        await (await driver(conn)).executemany(numbered, arguments)
