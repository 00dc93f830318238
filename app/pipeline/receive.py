"""push -> push, push_chunk, decoding: the bytes as sent, kept before anything is answered."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Collection

import ingest
from app.errors import BadInput, TooLarge
from app.store import inbox
from app.store.engine import Store
from ingest.clock import zone


def reading(
    format_name: str | None,
    tz: str | None,
    encoding: str | None = None,
    datum: str | None = None,
) -> inbox.Reading:
    """Return how a push is to be read; raises BadInput for a name that is none we know."""
    _one_of(ingest.FORMATS, format_name, "format")
    try:
        zone(tz or inbox.DEFAULT_TZ)
    except ingest.UnreadablePush as unknown:
        raise BadInput(unknown.detail, remedy=unknown.remedy, code=unknown.code) from unknown
    _one_of(ingest.ENCODINGS, encoding, "encoding")
    _one_of(ingest.DATUMS, datum, "datum")
    return inbox.Reading(format_name, tz, encoding, datum)


def _one_of(known: Collection[str], named: str | None, what: str) -> None:
    if named is not None and named not in known:
        raise BadInput(
            f"There is no {what} {named[:60]!r}.",
            remedy=f"Name one of {', '.join(known)}, or leave {what} out.",
            code=f"{what}-unknown",
        )


async def bounded(body: AsyncIterator[bytes], limit_bytes: int) -> AsyncIterator[bytes]:
    """Pass a body on up to a limit; raises TooLarge beyond it."""
    size = 0
    async for piece in body:
        size += len(piece)
        if size > limit_bytes:
            raise TooLarge(
                f"The body is larger than {limit_bytes} bytes.",
                remedy="Send it in several pushes; the order does not matter.",
                code="body-too-large",
            )
        yield piece


async def receive(
    store: Store, delivery: inbox.Delivery, how: inbox.Reading, body: AsyncIterator[bytes]
) -> inbox.Kept:
    """Keep one push; when this returns, the transaction is committed."""
    if delivery.idempotency_key is not None:
        held = b"".join([piece async for piece in body])
        async with store.read() as conn:
            known = await inbox.by_idempotency_key(conn, delivery, hashlib.sha256(held).digest())
        if known is not None:
            return known
        body = _once(held)
    async with store.write() as conn:
        return await inbox.keep(conn, delivery, how, body)


async def _once(held: bytes) -> AsyncIterator[bytes]:
    yield held
