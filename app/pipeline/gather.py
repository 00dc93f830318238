"""Small pushes that arrive together share one commit: each is on disk before it is answered."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog

from app.errors import NotFound, Overrun, Unavailable
from app.pipeline.receive import reading_of
from app.store import letters, work
from app.store.engine import Connection, Store
from app.store.letters import Kept, Letter, Way
from ingest.signatures import SignatureRefused

log = structlog.get_logger()

SMALL_BYTES = 256 * 1024
"""Largest body that is gathered [bytes]; a larger one is worth a commit of its own."""
BATCH_MAX = 256
BATCH_BYTES = 8 << 20
"""Most letters of one transaction, and most bytes: it takes some 50 ms."""
HALF_MIN = 16
"""Fewest letters that are worth to be two batches: one is answered while the other is written.
All in one, the web process and the database would wait for each other in turns."""
WAITING_MAX = 2_000
"""Letters that may wait; at a thousand a second that is as long as the pool waits."""

WAYS_MAX = 1_000
"""Most senders that are remembered; with more, all are asked for anew."""

LEASE_S = 0.05
"""How long a connection is kept while pushes keep coming [s]. Then others may have it, and the
workers are told: to do either after each batch would take a tenth of all that a push costs."""

Row = dict[str, Any]
Address = tuple[UUID, str | None]
"""A source, and the format of the address, for sources that name none."""


@dataclass(slots=True)
class Handed:
    """
    One small push as it came in.

    `prove` looks at the sender's row and raises where the push is not proven to come from it.
    """

    address: Address
    body: bytes
    prove: Callable[[Row], None]
    content_type: str | None = None
    idempotency_key: str | None = None


@dataclass(slots=True)
class Posted:
    """A proven push: how its sender has it read, and what is kept of it."""

    way: Way
    kept: Kept | None = None
    """None: its bytes or key came before, which `receive` has to answer."""


@dataclass(slots=True)
class Waiting:
    """A push that waits; its letter is there where what is remembered of its sender proves it."""

    handed: Handed
    future: asyncio.Future[Posted]
    letter: Letter | None


Batch = list[Waiting]
Outcome = Posted | Exception

_HELD_UP = (Unavailable, Overrun)
"""What the next push would meet as well, each after as long a wait."""


class Gatherer:
    """
    Keeps small pushes, those that wait in one transaction.

    There is no pause to fill a batch: while one is being committed the next one gathers, so far
    done that the database does not wait for it. What senders are is remembered; the statement that
    keeps a push makes sure that it still holds.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._ways: dict[Address, Way] = {}
        self._waiting: deque[Waiting] = deque()
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
        self._waiting.append(Waiting(handed, future, self._proven(handed)))
        if self._task is None:
            self._task = asyncio.create_task(self._empty())
        return await future

    async def close(self) -> None:
        """Keep what still waits."""
        if self._task is not None:
            await self._task

    def _proven(self, handed: Handed) -> Letter | None:
        way = self._ways.get(handed.address)
        if way is None:
            return None
        try:
            return _letter(handed, way)
        except SignatureRefused:
            return None  # the secret may have been changed since: its sender will be asked for

    async def _empty(self) -> None:
        try:
            while batch := self._next():
                await self._keep_from(batch)
        finally:
            # Before anybody else hands something in: a callback would come too late for that.
            self._task = None

    async def _keep_from(self, batch: Batch) -> None:
        """Keep batch after batch over one connection while any wait, for a while; tell workers."""
        until_s = time.monotonic() + LEASE_S
        conn: Connection | None = None
        try:
            async with self._store.look() as conn:
                while batch:
                    _answer(batch, await self._keep_all(conn, batch))
                    batch = self._next(len(batch)) if time.monotonic() < until_s else []
                await work.notify(conn)
        except Exception as error:  # noqa: BLE001 - it belongs to those who wait for it
            if conn is None or isinstance(error, Overrun):
                # Batch after batch the last of those who wait would be told minutes later.
                _answer([*batch, *self._waiting], [error] * (len(batch) + len(self._waiting)))
                self._waiting.clear()
                return
            if not batch:
                log.warning("workers_not_told", cause=repr(error))
            _answer(batch, await self._one_by_one(batch, error))

    def _next(self, answered: int = 0) -> Batch:
        """Return half of who is there: those who wait, and those just answered, soon back."""
        half = -(-(len(self._waiting) + answered) // 2)
        most = min(max(half, HALF_MIN), BATCH_MAX)
        batch: Batch = []
        size = 0
        while self._waiting and len(batch) < most and size < BATCH_BYTES:
            waiting = self._waiting.popleft()
            if not waiting.future.done():
                batch.append(waiting)
                size += len(waiting.handed.body)
        return batch

    async def _one_by_one(self, batch: Batch, error: Exception) -> list[Outcome]:
        """Let nobody suffer for another's push: each goes alone, and meets its own error."""
        if len(batch) == 1 or isinstance(error, _HELD_UP):
            return [error] * len(batch)
        log.warning("batch_kept_one_by_one", n=len(batch), cause=repr(error))
        found: list[Outcome] = []
        for waiting in batch:
            try:
                async with self._store.look() as conn:
                    found += await self._keep_all(conn, [waiting])
            except _HELD_UP as away:
                return found + [away] * (len(batch) - len(found))
            except Exception as own:  # noqa: BLE001 - raised to the one who waits for it
                found.append(own)
        return found

    async def _keep_all(self, conn: Connection, batch: Batch) -> list[Outcome]:
        found: dict[int, Outcome] = {}
        told: dict[Address, Way | None] = {}
        while len(found) < len(batch):
            rest = {n: each for n, each in enumerate(batch) if n not in found}
            unproven = {each.handed.address for each in rest.values() if each.letter is None}
            if asked := unproven - told.keys():
                told |= await self._ask(conn, asked)
            sent: dict[int, Letter] = {}
            for n, each in rest.items():
                try:
                    sent[n] = each.letter or _letter(each.handed, told[each.handed.address])
                except (NotFound, SignatureRefused) as refused:
                    found[n] = refused
            kept = await letters.keep_all(conn, list(sent.values()))
            for (n, letter), outcome in zip(sent.items(), kept, strict=True):
                if outcome != "stale":
                    found[n] = Posted(letter.way, None if outcome == "known" else outcome)
                    continue
                batch[n].letter = None
                address = batch[n].handed.address
                if told.get(address) is letter.way:
                    del told[address]
        return [found[n] for n in range(len(batch))]

    async def _ask(self, conn: Connection, asked: set[Address]) -> dict[Address, Way | None]:
        senders = await letters.senders(conn, list({source for source, _ in asked}))
        told: dict[Address, Way | None] = {}
        if len(self._ways) > WAYS_MAX:
            self._ways.clear()
        for address in asked:
            sender = senders.get(address[0])
            self._ways.pop(address, None)
            told[address] = None
            if sender is not None:
                told[address] = self._ways[address] = Way(sender, reading_of(sender, address[1]))
        return told


def _answer(batch: Batch, found: list[Outcome]) -> None:
    for waiting, outcome in zip(batch, found, strict=True):
        if waiting.future.done():  # its client has gone
            continue
        if isinstance(outcome, Posted):
            waiting.future.set_result(outcome)
        else:
            waiting.future.set_exception(outcome)


def _letter(handed: Handed, way: Way | None) -> Letter:
    """Return a push as it is kept; raises NotFound, and what `prove` raises."""
    if way is None:
        raise unknown_source()
    handed.prove(way.sender)
    digest = hashlib.sha256(handed.body).digest()
    return Letter(way, handed.body, digest, handed.content_type, handed.idempotency_key)


def unknown_source() -> NotFound:
    """Return the problem of an address that is no source's, or of one that is disabled."""
    return NotFound(
        "There is no such source.",
        remedy="Take the address from the source's page, or from whoever set it up.",
    )
