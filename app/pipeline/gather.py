"""Small pushes that arrive together share one commit: each is on disk before it is answered."""

from __future__ import annotations

import asyncio
import hashlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog

from app.errors import NotFound, Unavailable
from app.pipeline.receive import reading_of
from app.store import letters
from app.store.engine import Store
from app.store.letters import Letter
from ingest.signatures import SignatureRefused

log = structlog.get_logger()

SMALL_BYTES = 256 * 1024
"""Largest body that is gathered [bytes]; a larger one is worth a commit of its own."""
BATCH_MAX = 256
BATCH_BYTES = 8 << 20
"""Most letters of one transaction, and most bytes: it takes some 50 ms."""
WAITING_MAX = 2_000
"""Letters that may wait; at a thousand a second that is as long as the pool waits."""

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Handed:
    """
    One small push as it came in.

    `prove` looks at the sender's row and raises where the push is not proven to come from it.
    `format_name` is that of the address, for sources that name none.
    """

    source: UUID
    body: bytes
    prove: Callable[[Row], None]
    content_type: str | None = None
    idempotency_key: str | None = None
    format_name: str | None = None


@dataclass(frozen=True, slots=True)
class Posted:
    """A proven push: its sender's row, and its receipt; None: `receive` has to answer it."""

    sender: Row
    receipt: Row | None


class Gatherer:
    """
    Keeps small pushes, all that wait in one transaction.

    There is no pause to fill a batch: while one is being committed the next one gathers.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: deque[tuple[Handed, asyncio.Future[Posted]]] = deque()
        self._task: asyncio.Task[None] | None = None

    async def keep(self, handed: Handed) -> Posted:
        """
        Return when the push is committed.

        Raises what `prove` raises, NotFound for a source that is not there, and Unavailable when
        too many pushes wait.
        """
        if len(self._waiting) >= WAITING_MAX:
            raise Unavailable("Too many pushes wait to be stored.")
        future: asyncio.Future[Posted] = asyncio.get_running_loop().create_future()
        self._waiting.append((handed, future))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._empty())
        return await future

    async def close(self) -> None:
        """Keep what still waits."""
        if self._task is not None:
            await self._task

    async def _empty(self) -> None:
        while self._waiting:
            batch = self._next()
            try:
                found = await self._keep_all([handed for handed, _ in batch])
            except Exception as error:  # noqa: BLE001 - it belongs to those who wait for it
                found = await self._one_by_one([handed for handed, _ in batch], error)
            for (_, future), outcome in zip(batch, found, strict=True):
                if future.done():  # its client has gone
                    continue
                if isinstance(outcome, Posted):
                    future.set_result(outcome)
                else:
                    future.set_exception(outcome)

    def _next(self) -> list[tuple[Handed, asyncio.Future[Posted]]]:
        batch: list[tuple[Handed, asyncio.Future[Posted]]] = []
        size = 0
        while self._waiting and len(batch) < BATCH_MAX and size < BATCH_BYTES:
            handed, future = self._waiting.popleft()
            if not future.done():
                batch.append((handed, future))
                size += len(handed.body)
        return batch

    async def _one_by_one(self, batch: list[Handed], error: Exception) -> list[Posted | Exception]:
        """Let nobody suffer for another's push: each goes alone, and meets its own error."""
        if len(batch) == 1 or isinstance(error, Unavailable):
            return [error] * len(batch)
        log.warning("batch_kept_one_by_one", n=len(batch), cause=repr(error))
        found: list[Posted | Exception] = []
        for handed in batch:
            try:
                found += await self._keep_all([handed])
            except Exception as own:  # noqa: BLE001 - raised to the one who waits for it
                found.append(own)
        return found

    async def _keep_all(self, batch: list[Handed]) -> list[Posted | Exception]:
        found: list[Posted | Exception] = []
        async with self._store.look() as conn:
            senders = await letters.senders(conn, list({handed.source for handed in batch}))
            found += [_proven(handed, senders.get(handed.source)) for handed in batch]
            good = [n for n, outcome in enumerate(found) if isinstance(outcome, Posted)]
            sent = [_letter(batch[n], senders[batch[n].source]) for n in good]
            kept = await letters.keep_all(conn, sent) if sent else []
        for n, receipt in zip(good, kept, strict=True):
            found[n] = Posted(senders[batch[n].source], receipt)
        return found


def _proven(handed: Handed, sender: Row | None) -> Posted | Exception:
    try:
        known = known_sender(sender)
        handed.prove(known)
    except (NotFound, SignatureRefused) as refused:
        return refused
    return Posted(known, None)


def known_sender(sender: Row | None) -> Row:
    """Return the row of a source that is there; raises NotFound."""
    if sender is None:
        raise NotFound(
            "There is no such source.",
            remedy="Take the address from the source's page, or from whoever set it up.",
        )
    return sender


def _letter(handed: Handed, sender: Row) -> Letter:
    return Letter(
        sender["study_id"], sender["id"], handed.body, hashlib.sha256(handed.body).digest(),
        reading_of(sender, handed.format_name), handed.content_type, handed.idempotency_key,
    )  # fmt: skip
