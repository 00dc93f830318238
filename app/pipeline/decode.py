"""push_chunk -> records (in memory), refusal: calls the decoders; resolve stores what they give."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import polars as pl
import structlog

import ingest
from app.errors import Conflict, Unavailable
from app.pipeline.resolve import resolve, resolve_reference
from app.seeds import profile_of
from app.store import arrivals, inbox, verdicts, work
from app.store.engine import Connection, Store
from ingest.clock import reread
from ingest.daylight import zone_suspect

log = structlog.get_logger()

UNPACKED_MAX_BYTES = 512 << 20
"""Largest push after unpacking [bytes]: about four million Movebank rows."""


async def decode_push(store: Store, decoding_id: int) -> None:
    """
    Run one waiting decoding to its end: stored, or failed with the reason.

    A try is counted before it begins, so that a push that kills its worker is counted too.
    """
    async with store.write() as conn:
        attempts = await inbox.count_attempt(conn, decoding_id)
        if attempts > work.ATTEMPTS_MAX:
            await inbox.fail(conn, decoding_id, _given_up("the worker ended each time"))
            return
    try:
        async with store.write() as conn:
            await decode_in(conn, decoding_id)
    except Exception as error:
        await _account(store, decoding_id, attempts, error)
        raise


async def _account(store: Store, decoding_id: int, attempts: int, error: Exception) -> None:
    """Forgive a try that the database cut short; give a push up after too many of its own."""
    if isinstance(error, Unavailable):
        log.warning("decode_interrupted", decoding_id=decoding_id, cause=repr(error.__cause__))
        # With the database still away the try stays counted: of five, a restart costs one.
        async with store.write() as conn:
            await inbox.forgive_attempt(conn, decoding_id)
        return
    log.error("decode_failed", decoding_id=decoding_id, exc_info=error)
    if attempts >= work.ATTEMPTS_MAX:
        async with store.write() as conn:
            await inbox.fail(conn, decoding_id, _given_up(type(error).__name__))


def _given_up(reason: str) -> dict[str, str]:
    return {
        "code": inbox.GIVEN_UP,
        "detail": f"Decoding failed {work.ATTEMPTS_MAX} times ({reason}); the log says more.",
        "remedy": "The bytes are kept. Tell the operator the push_id; once the cause is mended, "
        "send the same push again.",
    }


async def decode_in(conn: Connection, decoding_id: int) -> None:
    """Decode and store within the caller's transaction (which a dry run rolls back)."""
    todo = await inbox.decoding_to_do(conn, decoding_id)
    if todo is None:
        return
    payload = await inbox.body_of(conn, todo["push_id"])
    try:
        decoded = await asyncio.to_thread(_decode, payload, todo)
    except ingest.UnreadablePush as unreadable:
        await inbox.fail(
            conn,
            decoding_id,
            {"code": unreadable.code, "detail": unreadable.detail, "remedy": unreadable.remedy},
        )
        return
    try:
        async with conn.begin_nested():
            await _store(conn, todo, decoded)
    except Conflict as clash:
        await inbox.fail(
            conn,
            decoding_id,
            {"code": clash.code, "detail": clash.detail, "remedy": clash.remedy},
        )


async def _store(
    conn: Connection, todo: dict[str, Any], decoded: ingest.Decoded | ingest.DecodedReference
) -> None:
    """Store what was decoded, in place of what an earlier decoding of the push brought."""
    if todo["number"] > 1:
        await arrivals.replace_earlier(conn, todo["push_id"], todo["number"])
    await arrivals.store_refusals(
        conn,
        todo["study_id"],
        todo["id"],
        [(r.unit, r.excerpt, r.code, r.remedy) for r in decoded.refusals],
    )
    if isinstance(decoded, ingest.DecodedReference):
        await resolve_reference(conn, todo, decoded)
    else:
        await resolve(conn, todo, decoded, await asyncio.to_thread(_suspects, decoded, todo))
        if todo["number"] > 1:
            await verdicts.follow(conn, todo["push_id"], partial(reread, to=todo["tz"]))


def _decode(payload: bytes, todo: dict[str, Any]) -> ingest.Decoded | ingest.DecodedReference:
    """Unpack and decode; `received_us` is the clock, so that a rebuild decides as the push did."""
    plain = ingest.unpack(payload, limit_bytes=UNPACKED_MAX_BYTES)
    name = todo["format"] or ingest.sniff(plain)
    if name == "movebank-reference-csv":
        return ingest.decode_reference(plain, tz=todo["tz"], now_us=todo["received_us"])
    return ingest.decode(plain, format=name, tz=todo["tz"], now_us=todo["received_us"])


def _suspects(decoded: ingest.Decoded, todo: dict[str, Any]) -> list[ingest.Warning_]:
    """Check the declared zone against the sun, for birds whose species flies by day."""
    taxa = decoded.records["taxon"].unique().to_list()
    by_day = [t for t in taxa if profile_of(t or todo["taxon"]).daylight_check]
    known = pl.col("taxon").is_in([t for t in by_day if t is not None])
    if None in by_day:
        known = known.fill_null(value=True)
    suspect = zone_suspect(decoded.records.filter(known))
    return [suspect] if suspect else []
