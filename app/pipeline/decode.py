"""push_chunk -> records (a piece in memory), refusal: reads pushes; resolve stores the records."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncGenerator, Awaitable, Iterator, Sequence
from contextlib import aclosing
from functools import partial
from typing import Any, BinaryIO

import polars as pl
import structlog

import ingest
from app.errors import Conflict, Unavailable
from app.pipeline.read import REFERENCE, Todo, open_push, read, read_pieces, read_reference
from app.pipeline.resolve import (
    Landing,
    Reading,
    Told,
    resolve,
    resolve_reference,
    say_again,
    unsay_reference,
)
from app.store import arrivals, decodings, implied, inbox, names, verdicts, work
from app.store.engine import Connection, Store
from ingest.clock import reread

log = structlog.get_logger()


async def decode_push(store: Store, decoding_id: int) -> None:
    """
    Run one waiting decoding to its end: stored, or failed with the reason.

    A try is counted before it begins, so that a push that kills its worker is counted too.
    """
    async with store.write() as conn:
        attempts = (await decodings.count_attempts(conn, [decoding_id])).get(decoding_id, 0)
        if attempts > work.ATTEMPTS_MAX:
            await decodings.fail(conn, decoding_id, _given_up("the worker ended each time"))
            return
    try:
        async with store.write() as conn:
            ended = await decodings.outcomes(conn, await decode_in(conn, decoding_id))
    except Exception as error:
        await _account(store, decoding_id, attempts, error)
        raise
    _tell(ended)


async def decode_small(store: Store, study_id: int) -> None:
    """
    Run all small decodings of a study that wait, many in a transaction.

    What a push of one fix costs is mostly what each push costs; together they share it. Where
    something fails, nobody knows which push it was: each is tried again, alone.
    """
    while True:
        async with store.write() as conn:
            found = await decodings.small(conn, study_id)
            await decodings.count_attempts(conn, found)
        if not found:
            return
        try:
            async with store.write() as conn:
                ended = await decodings.outcomes(conn, await decode_in(conn, *found))
        except Unavailable:
            await _forgive(store, found)
            raise
        except Exception:
            log.exception("decode_together_failed", study_id=study_id, decodings=len(found))
            await _forgive(store, found)
            await _one_by_one(store, found)
        else:
            _tell(ended)


def _tell(ended: list[dict[str, Any]]) -> None:
    """Log each push that was read, once that is committed."""
    for outcome in ended:
        log.info("push_decoded", **outcome)


async def _one_by_one(store: Store, decoding_ids: list[int]) -> None:
    for decoding_id in decoding_ids:
        await attempt(decode_push(store, decoding_id))


async def attempt(piece: Awaitable[None]) -> None:
    """Go on after a failure that was counted; a database that went away ends it all."""
    try:
        await piece
    except Unavailable:
        raise
    except Exception:  # noqa: BLE001 - logged and counted where it was met
        return


async def _forgive(store: Store, decoding_ids: list[int]) -> None:
    async with store.write() as conn:
        await decodings.forgive_attempts(conn, decoding_ids)


async def _account(store: Store, decoding_id: int, attempts: int, error: Exception) -> None:
    """Forgive a try that the database cut short; give a push up after too many of its own."""
    if isinstance(error, Unavailable):
        log.warning("decode_interrupted", decoding_id=decoding_id, cause=repr(error.__cause__))
        # With the database still away the try stays counted: of five, a restart costs one.
        await _forgive(store, [decoding_id])
        return
    log.error("decode_failed", decoding_id=decoding_id, exc_info=error)
    if attempts >= work.ATTEMPTS_MAX:
        async with store.write() as conn:
            await decodings.fail(conn, decoding_id, _given_up(type(error).__name__))


def _given_up(reason: str) -> dict[str, str]:
    return {
        "code": inbox.GIVEN_UP,
        "detail": f"Decoding failed {work.ATTEMPTS_MAX} times ({reason}); the log says more.",
        "remedy": "The bytes are kept. Tell the operator the push_id; once the cause is mended, "
        "send the same push again.",
    }


async def decode_in(conn: Connection, *decoding_ids: int) -> list[int]:
    """
    Decode and store within the caller's transaction (which a dry run rolls back).

    Several decodings must be of one study. Returns those that still waited: where two jobs meet
    at one, the second finds nothing to do.
    """
    todos = await decodings.take(conn, decoding_ids)
    small = [todo for todo in todos if todo["size_bytes"] <= work.SMALL_BYTES]
    if small:
        await _decode_together(conn, small)
    for todo in todos:
        if todo["size_bytes"] > work.SMALL_BYTES:
            with tempfile.TemporaryFile() as sent:
                await inbox.copy_body(conn, todo["push_id"], sent)
                await _decode_alone(conn, todo, sent)
    return [int(todo["id"]) for todo in todos]


async def _decode_together(conn: Connection, todos: list[Todo]) -> None:
    """Decode small pushes in memory."""
    await work.lock_study(conn, todos[0]["study_id"], alone=False)
    sent = await inbox.bodies(conn, [todo["push_id"] for todo in todos])
    found = await asyncio.to_thread(read, todos, sent)
    for todo, outcome in zip(todos, found, strict=True):
        if isinstance(outcome, ingest.UnreadablePush):
            await _fail(conn, todo, outcome)
        elif isinstance(outcome, ingest.DecodedReference):
            await _store_reference(conn, todo, outcome)
    readings = [outcome for outcome in found if isinstance(outcome, Reading)]
    if readings:
        await _store(conn, readings)


async def _decode_alone(conn: Connection, todo: Todo, sent: BinaryIO) -> None:
    """Decode a push of any size piece by piece, and store all of it or nothing."""
    try:
        push = await asyncio.to_thread(open_push, sent, todo)
        await work.lock_study(conn, todo["study_id"], alone=push.is_long)
        if push.format == REFERENCE:
            plain = await asyncio.to_thread(push.payload)
            found = await asyncio.to_thread(read_reference, plain, todo, push.left_out)
            await _store_reference(conn, todo, found)
            return
        async with conn.begin_nested():
            given_back = await _store_pieces(conn, todo, read_pieces(push, todo))
    except ingest.UnreadablePush as unreadable:
        await _fail(conn, todo, unreadable)
        return
    await _settle(conn, [todo], given_back)


async def _store_pieces(
    conn: Connection, todo: Todo, pieces: Iterator[ingest.Decoded]
) -> list[int]:
    """Store one piece after another; return the decodings that have to be read again."""
    await _unsay(conn, todo)
    named, given_back = await _make_room(conn, [todo])
    landing = Landing([todo], named)
    records = refused = 0
    form, warnings = "", []
    async with aclosing(_read_ahead(pieces)) as ahead:
        async for piece in ahead:
            form, warnings = piece.format, piece.warnings
            records, refused = records + piece.records.height, refused + len(piece.refusals)
            await _store_refusals(conn, [(todo, piece)])
            await landing.store(
                conn, piece.records.with_columns(decoding_id=pl.lit(todo["id"], pl.Int64))
            )
    await landing.finish(conn, [Told(todo, form, records, refused, warnings)])
    return given_back


async def _read_ahead(pieces: Iterator[ingest.Decoded]) -> AsyncGenerator[ingest.Decoded]:
    """Give each piece while a thread reads the one after it: the database is not kept waiting."""

    def upcoming() -> asyncio.Task[ingest.Decoded | None]:
        return asyncio.create_task(asyncio.to_thread(next, pieces, None))

    reading = upcoming()
    try:
        while piece := await asyncio.shield(reading):
            reading = upcoming()
            yield piece
    finally:
        # The thread reads a file that the caller is about to close; what it met is told no more.
        await asyncio.gather(reading, return_exceptions=True)


async def _fail(conn: Connection, todo: Todo, why: ingest.UnreadablePush | Conflict) -> None:
    told = {"code": why.code, "detail": why.detail, "remedy": why.remedy}
    await decodings.fail(conn, todo["id"], told)


async def _store_reference(conn: Connection, todo: Todo, decoded: ingest.DecodedReference) -> None:
    """Store reference data, all of it or, where it contradicts what is known, none."""
    before = await _reference_before(conn, todo)
    try:
        async with conn.begin_nested():
            named, _ = await _make_room(conn, [todo])
            await _store_refusals(conn, [(todo, decoded)])
            await resolve_reference(conn, todo, decoded, before)
            await _let_later_ones_stand(conn, todo)
            await work.lock_all(conn, work.LOCK_TAG, named)
            await implied.imply(conn, named)
    except Conflict as clash:
        await _fail(conn, todo, clash)


async def _reference_before(conn: Connection, todo: Todo) -> ingest.DecodedReference | None:
    """Return the reference data that a push was read as before it is read so for the first time."""
    if todo["number"] == 1 or todo["stored_at"] is not None:
        return None
    earlier = await decodings.reference_before(conn, todo["push_id"], todo["number"])
    if not earlier:
        return None
    sent = await inbox.bodies(conn, [todo["push_id"]])
    (found,) = await asyncio.to_thread(read, earlier, sent)
    return found if isinstance(found, ingest.DecodedReference) else None


async def _let_later_ones_stand(conn: Connection, todo: Todo) -> None:
    """
    Give the last word to what was sent last, whichever was read first.

    Small pushes are read before large ones: a corrected file may overtake the one it corrects.
    """
    if todo["stored_at"] is not None:
        return
    later = await decodings.reference_after(conn, todo["study_id"], todo["id"])
    for each in later:
        sent = await inbox.bodies(conn, [each["push_id"]])
        (found,) = await asyncio.to_thread(read, [each], sent)
        if isinstance(found, ingest.DecodedReference):
            await say_again(conn, each, found)


async def _unsay(conn: Connection, todo: Todo) -> None:
    """Take back what a push stated that was read as reference data before and is no more."""
    before = await _reference_before(conn, todo)
    if before is not None:
        await unsay_reference(conn, todo, before)


async def _store(conn: Connection, readings: list[Reading]) -> None:
    """Store records in place of what earlier decodings of the same pushes brought."""
    todos = [each.todo for each in readings]
    for todo in todos:
        await _unsay(conn, todo)
    named, given_back = await _make_room(conn, todos)
    await _store_refusals(conn, [(each.todo, each.decoded) for each in readings])
    await resolve(conn, readings, named)
    await _settle(conn, todos, given_back)


async def _settle(conn: Connection, todos: Sequence[Todo], given_back: list[int]) -> None:
    """Let verdicts follow their fixes, and read again what was given back."""
    for todo in todos:
        if todo["number"] > 1:
            again = partial(reread, to=todo["tz"])
            await verdicts.follow(conn, todo["push_id"], again)
    if not given_back:
        return
    # In the same transaction where that is quick, so that no fix is missing in between.
    alone = await work.alone_in_study(conn, todos[0]["study_id"])
    ready = await decodings.at_hand(conn, given_back, alone=alone)
    if ready:
        await decode_in(conn, *ready)


async def _make_room(conn: Connection, todos: Sequence[Todo]) -> tuple[set[int], list[int]]:
    """
    Take what earlier decodings brought out of force, and what was refused and named before.

    Returns the tags for which birds had been named, and the decodings of other pushes that have
    to be read again.
    """
    again = [todo["id"] for todo in todos if todo["stored_at"] is not None]
    named = await names.forget_namings(conn, again)
    waiting: list[int] = []
    for todo in todos:
        if todo["number"] > 1:
            tags, others = await decodings.replace_earlier(conn, todo["push_id"], todo["number"])
            named |= tags
            waiting += others
    await arrivals.clear_refusals(conn, [todo["id"] for todo in todos])
    return named, waiting


async def _store_refusals(
    conn: Connection, read: Sequence[tuple[Todo, ingest.Decoded | ingest.DecodedReference]]
) -> None:
    """List the units that are refused."""
    refused = {
        todo["id"]: [
            (r.unit, r.excerpt, r.code, r.remedy, r.offset, r.line) for r in decoded.refusals
        ]
        for todo, decoded in read
    }
    await arrivals.store_refusals(conn, read[0][0]["study_id"], refused)
