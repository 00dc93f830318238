"""What an operator does at the database itself, without HTTP: the commands' one way in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any
from uuid import UUID

from app.config import Settings
from app.store import connectors, health, partners, simulated, studies
from app.store.audience import SCOPES, Audience, Scope, load_audience
from app.store.cluster import Cluster
from app.store.engine import Store

if TYPE_CHECKING:
    from app.pull.run import Surroundings

SIGN_IN_LABEL = "sign-in address of flyways up"
OWN_INSTITUTE, OWN_STUDY = "This computer", "My birds"

Row = dict[str, Any]


@contextmanager
def database(settings: Settings) -> Iterator[str]:
    """Give the URL of the database: the operator's own, or the embedded one while it is used."""
    if settings.database_url is not None:
        yield settings.database_url
        return
    with Cluster(settings.data_dir).use() as dsn:
        yield dsn


@asynccontextmanager
async def opened(dsn: str) -> AsyncIterator[Store]:
    """Give the store for one command, unless its schema is not that of this version."""
    async with _connected(dsn) as store:
        async with store.look() as conn:
            await health.assert_schema(conn)
        yield store


@asynccontextmanager
async def _connected(dsn: str) -> AsyncIterator[Store]:
    store = Store(dsn, pool_size=3, pool_wait_s=60, statement_timeout_s=900, name="cli")
    try:
        yield store
    finally:
        await store.close()


async def assert_fit(dsn: str) -> None:
    """Refuse to serve from a database that can't be reached, or may lose what it took."""
    async with _connected(dsn) as store:
        await store.assert_durable()


async def migrate(dsn: str) -> list[str]:
    """Bring a database to this version, its built-in layers included; name the layers loaded."""
    async with _connected(dsn) as store, store.look() as conn:
        await health.assert_schema(conn, or_older=True)
        is_current = await health.revision(conn) == health.newest_revision()
    if not is_current:
        from app.store.migrate import upgrade  # noqa: PLC0415 - loads alembic

        await asyncio.to_thread(upgrade, dsn)
    from app.pipeline.builtin import ensure_builtin_layers  # noqa: PLC0415 - loads numpy

    async with opened(dsn) as store:
        return await ensure_builtin_layers(store)


async def operator(store: Store) -> Audience:
    """Give the operator's view: who reaches the database reads everything."""
    async with store.read() as conn:
        return await load_audience(conn, key_id=0, scopes=frozenset(SCOPES))


async def is_empty(store: Store) -> bool:
    """Tell whether nothing was brought in yet: the first start."""
    async with store.read() as conn:
        return await simulated.is_empty(conn)


async def add_partner(store: Store, name: str, country: str | None) -> Row:
    """Add an institute with its first key, which is shown this once."""
    async with store.write() as conn:
        institute = await partners.create_institute(conn, name, country)
        key = await partners.create_key(conn, institute["id"], SCOPES, label="first key")
    return {"institute": str(institute["ref"]), "key": key["key"]}


async def add_study(store: Store, name: str, institute: UUID) -> Row:
    """Add a private study to an institute."""
    audience = await operator(store)
    async with store.write() as conn:
        owner = await partners.institute(conn, audience, institute)
        return await studies.create(conn, owner["id"], {"name": name})


async def open_study(store: Store, study: UUID, *, public: bool) -> Row:
    """Open a study to the public view, or close it again."""
    audience = await operator(store)
    async with store.write() as conn:
        visibility = "open" if public else "private"
        return await studies.edit(conn, audience, study, {"visibility": visibility})


async def create_key(
    store: Store, institute: UUID | None, scopes: Sequence[Scope], label: str
) -> Row:
    """Make a key of an institute, or without one an operator's."""
    audience = await operator(store)
    async with store.write() as conn:
        owner = await partners.institute(conn, audience, institute) if institute else None
        return await partners.create_key(conn, owner["id"] if owner else None, scopes, label=label)


async def list_keys(store: Store) -> list[Row]:
    """Give every key, newest first, without its secret."""
    audience = await operator(store)
    async with store.read() as conn:
        return await partners.keys(conn, audience, limit=1000)


async def revoke_key(store: Store, key: UUID) -> Row:
    """End a key at once."""
    audience = await operator(store)
    async with store.write() as conn:
        return await partners.revoke_key(conn, audience, key)


async def sign_in_ticket(store: Store) -> str:
    """Give a ticket that signs a browser in as the operator, once."""
    audience = await operator(store)
    async with store.write() as conn:
        known = [
            key["id"]
            for key in await partners.keys(conn, audience, limit=1000)
            if key["label"] == SIGN_IN_LABEL and key["revoked_at"] is None
        ]
        if not known:
            made = await partners.create_key(conn, None, SCOPES, label=SIGN_IN_LABEL)
            known = [made["id"]]
        return await partners.create_ticket(conn, known[0])


async def own_study(store: Store) -> UUID:
    """Find or make the private study that files named at the start go into."""
    audience = await operator(store)
    async with store.write() as conn:
        found = [
            row["ref"]
            for row in await studies.page(conn, audience, limit=1000)
            if (row["institute_name"], row["name"]) == (OWN_INSTITUTE, OWN_STUDY)
        ]
        if found:
            return UUID(str(found[0]))
        institute = await partners.create_institute(conn, OWN_INSTITUTE)
        study = await studies.create(conn, institute["id"], {"name": OWN_STUDY})
        return UUID(str(study["ref"]))


async def add_connector(store: Store, study: UUID, values: Row) -> Row:
    """Add a connector to a study."""
    audience = await operator(store)
    async with store.write() as conn:
        owner = await studies.owned(conn, audience, study)
        return await connectors.create(conn, audience, owner["id"], values)


async def list_connectors(store: Store) -> list[Row]:
    """Give every connector, without its password."""
    audience = await operator(store)
    async with store.read() as conn:
        return await connectors.page(conn, audience, limit=1000)


async def run_connector(store: Store, connector: UUID, around: Surroundings) -> Row:
    """Pull now and here, unless a worker does so at this moment; give what came of it."""
    from app.pull.run import pull  # noqa: PLC0415 - loads the decoders

    audience = await operator(store)
    async with store.write() as conn:
        row = await connectors.run_now(conn, audience, connector)
    pushes = await pull(store, row["id"], around)
    async with store.read() as conn:
        after = await connectors.one(conn, audience, connector)
    return {"pushes": pushes, "pulled_elsewhere": pushes is None, "problem": after["problem"]}


async def pause_connector(store: Store, connector: UUID, *, paused: bool) -> Row:
    """Pause a connector or take it up again."""
    audience = await operator(store)
    async with store.write() as conn:
        return await connectors.edit(conn, audience, connector, {}, paused=paused)


async def delete_connector(store: Store, connector: UUID) -> None:
    """Forget a connector and its password."""
    audience = await operator(store)
    async with store.write() as conn:
        await connectors.delete(conn, audience, connector)
