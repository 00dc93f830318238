"""Pushes turned away: counted at their source, in few writes however many come."""

from __future__ import annotations

import asyncio
from uuid import UUID

import structlog

from app import observe
from app.errors import Problem
from app.store import sources
from app.store.engine import Store
from app.store.sources import Refused

log = structlog.get_logger()

PAUSE_S = 1.0
"""Pause between two writes [s]: whoever floods a source costs one row an update each second."""


class Rebuffs:
    """
    Counts pushes that were not proven to come from their source.

    The first is written at once; those of the next `PAUSE_S` together. What is held here is a
    number for each source that is there, so that no flood of requests fills memory or the log.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._held: dict[UUID, Refused] = {}
        self._task: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()

    def note(self, source: UUID, code: str) -> None:
        """Count one push, soon."""
        observe.PUSHES_REFUSED.labels(code).inc()
        before = self._held.get(source)
        self._held[source] = Refused(before.n + 1 if before else 1, code)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._write_all())

    async def close(self) -> None:
        """Write what is still held."""
        self._closing.set()
        if self._task is not None:
            await self._task

    async def _write_all(self) -> None:
        while self._held:
            held, self._held = self._held, {}
            await self._write(held)
            try:
                await asyncio.wait_for(self._closing.wait(), PAUSE_S)
            except TimeoutError:
                continue

    async def _write(self, held: dict[UUID, Refused]) -> None:
        for source, refused in held.items():
            log.warning("pushes_refused", source=str(source), n=refused.n, code=refused.code)
        try:
            async with self._store.write() as conn:
                await sources.count_refused(conn, held)
        except Problem as problem:
            # The database is away: the log line above has told it, and the next ones will be.
            log.warning("pushes_refused_uncounted", sources=len(held), cause=repr(problem))
