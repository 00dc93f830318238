"""Notices from the database: a hint that something was committed, never the work itself."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

RECONNECT_S = 1.0
"""Pause before a lost connection is opened again [s]; meanwhile the caller's own beat goes on."""


@asynccontextmanager
async def notices(dsn: str, channel: str) -> AsyncIterator[asyncio.Event]:
    """Give an event that is set whenever a notice comes in on `channel`."""
    woken = asyncio.Event()
    listener = asyncio.create_task(_listen(dsn, channel, woken))
    try:
        yield woken
    finally:
        listener.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await listener


async def _listen(dsn: str, channel: str, woken: asyncio.Event) -> None:
    while True:
        try:
            conn = await asyncpg.connect(dsn, timeout=5)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            await asyncio.sleep(RECONNECT_S)
            continue
        lost = asyncio.Event()
        conn.add_termination_listener(lambda *_, lost=lost: lost.set())
        try:
            await conn.add_listener(channel, lambda *_: woken.set())
            await lost.wait()
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            await asyncio.sleep(RECONNECT_S)  # it was lost before it listened
        finally:
            conn.terminate()
