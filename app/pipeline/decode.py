"""push_chunk -> records (in memory), refusal: calls the decoders; resolve stores what they give."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import polars as pl

import ingest
from app.pipeline.resolve import resolve, resolve_reference
from app.seeds import profile_of
from app.store import arrivals, inbox, verdicts, work
from app.store.engine import Connection, Store
from ingest.clock import reread
from ingest.daylight import zone_suspect

UNPACKED_MAX_BYTES = 512 << 20
"""Largest push after unpacking [bytes]: about four million Movebank rows."""

DEAD = {
    "code": "decoding-failed",
    "detail": "Decoding this push failed again and again; the service's log says why.",
    "remedy": "The bytes are kept. Tell the operator the push_id; it can be decoded again.",
}


async def decode_push(store: Store, decoding_id: int) -> None:
    """Run one waiting decoding to its end: stored, or failed with the reason."""
    async with store.write() as conn:
        if await inbox.count_attempt(conn, decoding_id) > work.ATTEMPTS_MAX:
            await inbox.fail(conn, decoding_id, DEAD)
            return
    async with store.write() as conn:
        await decode_in(conn, decoding_id)


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
    if todo["number"] > 1:
        await arrivals.replace_earlier(conn, todo["push_id"], todo["number"])
    await arrivals.store_refusals(
        conn,
        todo["study_id"],
        decoding_id,
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
