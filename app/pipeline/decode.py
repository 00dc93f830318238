"""push_chunk -> records (in memory), refusal: calls the decoders; resolve stores what they give."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from functools import partial
from typing import Any

import polars as pl
import structlog

import ingest
from app.errors import Conflict, Unavailable
from app.pipeline.resolve import Reading, resolve, resolve_reference
from app.seeds import profile_of
from app.store import arrivals, decodings, implied, inbox, verdicts, work
from app.store.engine import Connection, Store
from ingest.clock import reread
from ingest.daylight import STEPS_MIN, zone_suspect

log = structlog.get_logger()

DECLARED = ("tz", "encoding", "datum", "date_order")
"""What a sender says of a push besides its format or mapping."""

UNPACKED_MAX_BYTES = 512 << 20
"""Largest push after unpacking [bytes]: about four million Movebank rows."""

Outcome = Reading | ingest.DecodedReference | ingest.UnreadablePush
"""What comes of reading a push."""


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
            await decode_in(conn, decoding_id)
    except Exception as error:
        await _account(store, decoding_id, attempts, error)
        raise


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
                await decode_in(conn, *found)
        except Unavailable:
            await _forgive(store, found)
            raise
        except Exception:
            log.exception("decode_together_failed", study_id=study_id, decodings=len(found))
            await _forgive(store, found)
            await _one_by_one(store, found)


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


async def decode_in(conn: Connection, *decoding_ids: int) -> None:
    """
    Decode and store within the caller's transaction (which a dry run rolls back).

    Several decodings must be of one study.
    """
    todos = await decodings.take(conn, decoding_ids)
    sent = await inbox.bodies(conn, [todo["push_id"] for todo in todos])
    found = await asyncio.to_thread(_read, todos, sent)
    for todo, outcome in zip(todos, found, strict=True):
        if isinstance(outcome, ingest.UnreadablePush):
            await _fail(conn, todo, outcome)
        elif isinstance(outcome, ingest.DecodedReference):
            await _store_reference(conn, todo, outcome)
    readings = [outcome for outcome in found if isinstance(outcome, Reading)]
    if readings:
        await _store(conn, readings)


async def _fail(
    conn: Connection, todo: dict[str, Any], why: ingest.UnreadablePush | Conflict
) -> None:
    told = {"code": why.code, "detail": why.detail, "remedy": why.remedy}
    await decodings.fail(conn, todo["id"], told)


async def _store_reference(
    conn: Connection, todo: dict[str, Any], decoded: ingest.DecodedReference
) -> None:
    """Store reference data, all of it or, where it contradicts what is known, none."""
    try:
        async with conn.begin_nested():
            named, _ = await _make_room(conn, [(todo, decoded)])
            await resolve_reference(conn, todo, decoded)
            await work.lock_all(conn, work.LOCK_TAG, named)
            await implied.imply(conn, named)
    except Conflict as clash:
        await _fail(conn, todo, clash)


async def _store(conn: Connection, readings: list[Reading]) -> None:
    """Store records in place of what earlier decodings of the same pushes brought."""
    named, given_back = await _make_room(conn, [(each.todo, each.decoded) for each in readings])
    await resolve(conn, readings, named)
    for each in readings:
        if each.todo["number"] > 1:
            again = partial(reread, to=each.todo["tz"])
            await verdicts.follow(conn, each.todo["push_id"], again)
    # In the same transaction where that is quick, so that no fix is missing in between.
    ready = await decodings.at_hand(conn, given_back)
    if ready:
        await decode_in(conn, *ready)


async def _make_room(
    conn: Connection,
    read: Sequence[tuple[dict[str, Any], ingest.Decoded | ingest.DecodedReference]],
) -> tuple[set[int], list[int]]:
    """
    Take what earlier decodings brought out of force; list the units that are refused now.

    Returns the tags for which the earlier ones named birds, and the decodings of other pushes that
    have to be read again.
    """
    named: set[int] = set()
    waiting: list[int] = []
    for todo, _ in read:
        if todo["number"] > 1:
            tags, others = await decodings.replace_earlier(conn, todo["push_id"], todo["number"])
            named |= tags
            waiting += others
    refused = {
        todo["id"]: [(r.unit, r.excerpt, r.code, r.remedy, r.offset) for r in decoded.refusals]
        for todo, decoded in read
    }
    await arrivals.store_refusals(conn, read[0][0]["study_id"], refused)
    return named, waiting


def _read(todos: list[dict[str, Any]], sent: dict[int, bytes]) -> list[Outcome]:
    """
    Unpack and decode pushes; those that are read in one way go together.

    The clock is the time a push was received, so that a rebuild decides as the push did.
    """
    found: dict[int, Outcome] = {}
    alike: dict[tuple[Any, ...], list[tuple[dict[str, Any], bytes]]] = {}
    for todo in todos:
        try:
            plain = ingest.unpack(sent.pop(todo["push_id"]), limit_bytes=UNPACKED_MAX_BYTES)
            name = todo["format"] or ingest.sniff(plain, encoding=todo["encoding"])
            if name == "movebank-reference-csv":
                found[todo["id"]] = ingest.decode_reference(
                    plain,
                    tz=todo["tz"],
                    encoding=todo["encoding"],
                    date_order=todo["date_order"],
                    now_us=todo["received_us"],
                )
            else:
                held = (
                    todo["mapping_id"],
                    todo["mapping_version"],
                    todo["corrections"] and id(todo),
                )
                how = (name, *(todo[each] for each in DECLARED), held)
                alike.setdefault(how, []).append((todo, plain))
        except ingest.UnreadablePush as unreadable:
            found[todo["id"]] = unreadable
    for (name, *declared, _), group in alike.items():
        document = group[0][0]["mapping"]
        decoded = ingest.decode_many(
            [plain for _, plain in group],
            format=name,
            **dict(zip(DECLARED, declared, strict=True)),
            mapping=None if document is None else ingest.read_mapping(document),
            corrections=[ingest.Correction(**each) for each in group[0][0]["corrections"] or ()],
            now_us=[todo["received_us"] for todo, _ in group],
        )
        for (todo, _), one in zip(group, decoded, strict=True):
            found[todo["id"]] = (
                one
                if isinstance(one, ingest.UnreadablePush)
                else Reading(todo, one, _suspects(one, todo))
            )
    return [found[todo["id"]] for todo in todos]


def _suspects(decoded: ingest.Decoded, todo: dict[str, Any]) -> list[ingest.Warning_]:
    """Check the declared zone against the sun, for birds whose species flies by day."""
    if decoded.records.height <= STEPS_MIN:
        return []
    taxa = decoded.records["taxon"].unique().to_list()
    by_day = [t for t in taxa if profile_of(t or todo["taxon"]).daylight_check]
    known = pl.col("taxon").is_in([t for t in by_day if t is not None])
    if None in by_day:
        known = known.fill_null(value=True)
    suspect = zone_suspect(decoded.records.filter(known))
    return [suspect] if suspect else []
