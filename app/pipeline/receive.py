"""push -> push, push_chunk, decoding: the bytes as sent, kept before anything is answered."""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import IO, Any
from uuid import UUID, uuid4

import ingest
from app.errors import BadInput, TooLarge
from app.store import inbox, mappings
from app.store.audience import Audience
from app.store.engine import Connection, Store
from ingest.admission import CONTROL, NAME_MAX_CHARS
from ingest.clock import zone
from ingest.formats import columns


def reading(
    format_name: str | None,
    tz: str | None,
    encoding: str | None = None,
    datum: str | None = None,
    date_order: str | None = None,
    *,
    tag: str | None = None,
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
    if date_order is not None and date_order not in ingest.DATE_ORDERS:
        raise BadInput(
            f"There is no order of dates {date_order[:60]!r}.",
            remedy="Name dmy (03/04/2024 is 3 April) or mdy (4 March), or leave date_order out.",
            code="date-order-unknown",
        )
    tag = None if tag is None else tag.strip()
    if tag is not None and not (0 < len(tag) <= NAME_MAX_CHARS and not re.search(CONTROL, tag)):
        raise BadInput(
            f"The tag is blank, over {NAME_MAX_CHARS} characters, or holds control characters.",
            remedy="Give the name of the tag as its other pushes do, or leave tag out.",
            code="tag-unusable",
        )
    return inbox.Reading(format_name, tz, encoding, datum, date_order, tag=tag)


def whose(how: inbox.Reading, file_name: str | None) -> inbox.Reading:
    """Return how a push is to be read: of the tag in the name of its file where none is told."""
    if how.tag is not None or file_name is None:
        return how
    return replace(how, tag=ingest.tag_of_file(file_name))


def reading_of(sender: dict[str, Any], format_name: str | None = None) -> inbox.Reading:
    """
    Return how a push of a source is to be read, of one format where the source names none.

    The zone of its mapping goes before its own.
    """
    told = {name: sender[name] for name in ("encoding", "datum", "date_order")}
    if sender["mapping_id"] is None:
        return inbox.Reading(sender["format"] or format_name, sender["tz"], **told)
    return inbox.Reading(
        columns.FORM, sender["mapping_tz"] or sender["tz"], **told,
        mapping_id=sender["mapping_id"], mapping_version=sender["mapping_version"],
    )  # fmt: skip


async def mapped(
    conn: Connection, audience: Audience, study_id: int, how: inbox.Reading, mapping: UUID | None
) -> inbox.Reading:
    """Return how a push is to be read, with a mapping of its study if one is named."""
    if mapping is None:
        return how
    if how.format is not None:
        raise both()
    return _with(how, await mappings.of_study(conn, audience, study_id, mapping))


def both() -> BadInput:
    """Return the problem of a format and a mapping at once."""
    return BadInput(
        "A push is read in a format or with a mapping, not both.",
        remedy="Leave format or mapping out.",
        code="format-and-mapping",
    )


async def mapped_anew(
    conn: Connection,
    audience: Audience,
    study_id: int,
    how: inbox.Reading,
    document: dict[str, Any],
) -> inbox.Reading:
    """Return how a push is to be read with a mapping that is made for it alone."""
    made = await mappings.create(
        conn, audience, study_id, name=f"trial {uuid4()}", document=document
    )
    return _with(how, made)


def _with(how: inbox.Reading, row: dict[str, Any]) -> inbox.Reading:
    tz = how.tz or row["document"].get("tz")
    return replace(
        how, format=columns.FORM, tz=tz, mapping_id=row["id"], mapping_version=row["version"]
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
    if delivery.idempotency_key is None:
        async with store.write() as conn:
            return await inbox.keep(conn, delivery, how, body)
    digest = hashlib.sha256()
    with tempfile.SpooledTemporaryFile(inbox.CHUNK_BYTES) as held:
        async for piece in body:
            digest.update(piece)
            held.write(piece)
        async with store.read() as conn:
            known = await inbox.by_idempotency_key(conn, delivery, digest.digest(), how.tag)
        if known is not None:
            return known
        held.seek(0)
        async with store.write() as conn:
            return await inbox.keep(conn, delivery, how, _pieces(held))


async def _pieces(held: IO[bytes]) -> AsyncIterator[bytes]:
    while piece := held.read(inbox.CHUNK_BYTES):
        yield piece
