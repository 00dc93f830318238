"""push -> push, push_chunk, decoding: the bytes as sent, kept before anything is answered."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator

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
    if format_name is not None and format_name not in ingest.FORMATS:
        raise BadInput(
            f"There is no format {format_name[:60]!r}.",
            remedy=f"Name one of {', '.join(ingest.FORMATS)}, or leave format out.",
            code="format-unknown",
        )
    try:
        zone(tz or inbox.DEFAULT_TZ)
    except ingest.UnreadablePush as unknown:
        raise BadInput(unknown.detail, remedy=unknown.remedy, code=unknown.code) from unknown
    if encoding is not None and encoding not in ingest.ENCODINGS:
        raise BadInput(
            f"There is no encoding {encoding[:60]!r}.",
            remedy=f"Name one of {', '.join(ingest.ENCODINGS)}, or leave encoding out.",
            code="encoding-unknown",
        )
    if datum is not None and datum not in ingest.DATUMS:
        raise BadInput(
            f"There is no datum {datum[:60]!r}.",
            remedy=f"Name one of {', '.join(ingest.DATUMS)}, or leave datum out.",
            code="datum-unknown",
        )
    return inbox.Reading(format_name, tz, encoding, datum)


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
