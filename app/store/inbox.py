"""The inbox: every push as it was sent, and how it is read."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, BinaryIO
from uuid import UUID

import asyncpg
from sqlalchemy.ext.asyncio import AsyncConnection

from app.errors import BadInput, Conflict
from app.store import failures, work
from app.store.audience import Audience
from app.store.engine import Clash, driver, execute
from app.store.fragments import CALLER

DEFAULT_TZ = "UTC"
"""Zone of times that carry none, where nobody names one."""
DEFAULT_DATUM = "wgs84"
"""Datum of coordinates, where nobody names one."""

CHUNK_BYTES = 1 << 20
"""Largest piece of a body in one row [bytes]; small enough to stream, large enough to be few."""

STANDS_FIRST = "replaced_at is not null, state = 'failed', number desc"
"""SQL: decodings of a push, first the one it is told by: the newest that did not fail, if any."""

GIVEN_UP = "decoding-failed"
"""Code of a push that was given up by count, not for its bytes: sending it again revives it."""


@dataclass(frozen=True, slots=True)
class Reading:
    """
    How a push is to be read; together with its bytes this is the identity of a decoding.

    What is None is left open: the bytes name their format, encoding and order of dates, the zone is
    `DEFAULT_TZ` and the datum `DEFAULT_DATUM`, unless the same bytes were read before, when it
    stays as it was. `tag` is whose the rows are that name none.
    """

    format: str | None
    tz: str | None
    encoding: str | None = None
    datum: str | None = None
    date_order: str | None = None
    mapping_id: int | None = None
    mapping_version: int = 0
    correction_id: int = 0
    tag: str | None = None

    @property
    def stored(self) -> dict[str, Any]:
        """Values of the columns of a decoding, with what nobody named at its default."""
        told = {name: getattr(self, name) for name in _READ}
        return told | {"tz": self.tz or DEFAULT_TZ, "datum": self.datum or DEFAULT_DATUM}

    def over(self, before: Mapping[str, Any]) -> Reading:
        """
        Return this reading with what it leaves open as it was in an earlier decoding.

        A mapping goes with its format. Corrections say what the bytes should have been: they hold
        however those come to be read.
        """
        was = read_so(before)
        form = was if self.format is None else self
        return Reading(
            form.format,
            self.tz or was.tz,
            self.encoding or was.encoding,
            self.datum or was.datum,
            self.date_order or was.date_order,
            form.mapping_id,
            form.mapping_version,
            self.correction_id or was.correction_id,
            self.tag or was.tag,
        )

    def is_of(self, decoding: Mapping[str, Any]) -> bool:
        """Whether this is how a decoding was read: nothing that is named differs."""
        return self.over(decoding) == read_so(decoding)


_READ = tuple(field.name for field in fields(Reading))
READING_COLUMNS = ", ".join(_READ)
"""SQL: the columns of a decoding that `Reading` is about."""


def read_so(row: Mapping[str, Any]) -> Reading:
    """Return how a decoding is read."""
    return Reading(**{name: row[name] for name in _READ})


@dataclass(frozen=True, slots=True)
class Delivery:
    """Where a push came from; `named_tag` is the tag in the name of its file."""

    study_id: int
    source_id: int | None = None
    connector_id: int | None = None
    content_type: str | None = None
    idempotency_key: str | None = None
    named_tag: str | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """A stored push: its public reference, and whether the very same one was there before."""

    ref: UUID
    decoding_id: int
    replayed: bool


async def keep(
    conn: AsyncConnection, delivery: Delivery, reading: Reading, body: AsyncIterator[bytes]
) -> Kept:
    """
    Keep the bytes of one push and note that they wait to be decoded.

    The same bytes read the same way are a replay: noted, not stored again. The same bytes with
    another format, zone or mapping become a new decoding of the first push; not so where a person
    had them read again: what a source or connector repeats does not undo that. The same bytes told
    to be of another tag are another push: two birds may do the same, or nothing, for a day.
    """
    try:
        return await _keep(conn, delivery, reading, body)
    except Clash as clash:
        # Two equal pushes at once: the unique index let one through; the other is sent again.
        raise Conflict(
            "The same push is being stored by another request at this moment.",
            remedy="Send it again: it will be answered as a replay.",
            code="push-in-progress",
        ) from clash


async def _keep(
    conn: AsyncConnection, delivery: Delivery, reading: Reading, body: AsyncIterator[bytes]
) -> Kept:
    push_id, ref = await _new_push(conn, delivery, reading.tag)
    savepoint = await conn.begin_nested()
    digest, size = await _store_body(await driver(conn), push_id, body)
    if size == 0:
        raise BadInput(
            "The body is empty.", remedy="Send the file or JSON as the body.", code="body-empty"
        )
    await queue(conn, digest, delivery.study_id)
    earlier = await execute(
        conn,
        "select p.id, p.ref from push p where p.study_id = :study and p.digest = :digest"
        " and p.tag is not distinct from cast(:tag as varchar) and p.replay_of_id is null",
        {"study": delivery.study_id, "digest": digest, "tag": reading.tag},
    )
    if not earlier:
        await savepoint.commit()
        await _finish(conn, delivery, (push_id, digest, size), replay_of=None)
        made = await new_decoding(conn, delivery.study_id, push_id, reading)
        return Kept(ref, made, replayed=False)
    await savepoint.rollback()
    return await _keep_again(conn, delivery, reading, (push_id, ref, digest, size), earlier[0])


async def _keep_again(
    conn: AsyncConnection,
    delivery: Delivery,
    reading: Reading,
    new: tuple[int, UUID, bytes, int],
    first: dict[str, Any],
) -> Kept:
    current, failed = await standing(conn, first["id"])
    push_id, ref, digest, size = new
    await _finish(conn, delivery, (push_id, digest, size), replay_of=first["id"])
    by_itself = delivery.source_id is not None or delivery.connector_id is not None
    if reading.is_of(current) or (by_itself and current["asked_by"] is not None):
        await revive(conn, int(current["id"]))
        return Kept(ref, int(current["id"]), replayed=True)
    how = reading.over(current)
    if failed is not None and how.is_of(failed):
        await try_again(conn, int(failed["id"]))
        return Kept(first["ref"], int(failed["id"]), replayed=False)
    decoding_id = await new_decoding(
        conn, delivery.study_id, first["id"], how, delivered_by=push_id
    )
    return Kept(first["ref"], decoding_id, replayed=False)


async def standing(
    conn: AsyncConnection, push_id: int
) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """Return the decoding a push is told by, and the newest if that came later and failed."""
    rows = await execute(
        conn,
        f"select id, number, asked_by, {READING_COLUMNS} from decoding"
        f" where push_id = :push and replaced_at is null order by {STANDS_FIRST}",
        {"push": push_id},
    )
    newest = max(rows, key=lambda row: int(row["number"]))
    return rows[0], None if newest is rows[0] else newest


async def queue(conn: AsyncConnection, digest: bytes, study_id: int) -> None:
    """Let equal bytes queue up, so that exactly one of them becomes the first."""
    await execute(
        conn,
        "select pg_advisory_xact_lock(hashtextextended(:digest, :study))",
        {"digest": digest.hex(), "study": study_id},
    )


async def _new_push(conn: AsyncConnection, delivery: Delivery, tag: str | None) -> tuple[int, UUID]:
    rows = await execute(
        conn,
        "insert into push (study_id, source_id, connector_id, digest, size_bytes, content_type,"
        " tag, named_tag, replay_of_id) values (:study, :source, :connector,"
        " uuid_send(gen_random_uuid()), 0, :content_type, :tag, :named, null)"
        " returning id, ref",
        {"study": delivery.study_id, "source": delivery.source_id,
         "connector": delivery.connector_id, "content_type": delivery.content_type,
         "tag": tag, "named": delivery.named_tag},
    )  # fmt: skip
    return int(rows[0]["id"]), rows[0]["ref"]


async def _store_body(
    raw: asyncpg.Connection, push_id: int, body: AsyncIterator[bytes]
) -> tuple[bytes, int]:
    digest, size, number, pending = hashlib.sha256(), 0, 0, bytearray()
    insert = "insert into push_chunk (push_id, number, body) values ($1, $2, $3)"
    async for piece in body:
        digest.update(piece)
        size += len(piece)
        pending += piece
        while len(pending) >= CHUNK_BYTES:
            await raw.execute(insert, push_id, number, bytes(pending[:CHUNK_BYTES]))
            del pending[:CHUNK_BYTES]
            number += 1
    if pending:
        await raw.execute(insert, push_id, number, bytes(pending))
    return digest.digest(), size


async def _finish(
    conn: AsyncConnection,
    delivery: Delivery,
    come: tuple[int, bytes, int],
    *,
    replay_of: int | None,
) -> None:
    """
    Give a push whose bytes have all come what it is known by.

    Its key as well, only now: `letters.keep_all` queues for bytes before it takes keys, and who
    does it the other way round waits crosswise with it.
    """
    push_id, digest, size = come
    await execute(
        conn,
        "update push set digest = :digest, size_bytes = :size, replay_of_id = :replay_of,"
        " idempotency_key = :key where id = :id",
        {"id": push_id, "digest": digest, "size": size, "replay_of": replay_of,
         "key": delivery.idempotency_key},
    )  # fmt: skip


async def new_decoding(
    conn: AsyncConnection,
    study_id: int,
    push_id: int,
    reading: Reading,
    asked_by: Audience | None = None,
    *,
    delivered_by: int | None = None,
) -> int:
    """Add a decoding; the one before stays in force until this one is stored."""
    who = "null" if asked_by is None else CALLER
    rows = await execute(
        conn,
        f"insert into decoding (study_id, push_id, number, {READING_COLUMNS}, asked_by,"
        " delivery_id)"
        " select :study, :push, coalesce(max(number), 0) + 1, :format, :tz, :encoding, :datum,"
        f" :date_order, :mapping_id, :mapping_version, :correction_id, :tag, {who}, :delivery"
        " from decoding where push_id = :push returning id",
        {
            "study": study_id,
            "push": push_id,
            "scope": asked_by and asked_by.institute_id,
            "delivery": delivered_by,
        }
        | reading.stored,
    )
    await work.notify(conn)
    return int(rows[0]["id"])


async def by_idempotency_key(
    conn: AsyncConnection, delivery: Delivery, digest: bytes, tag: str | None = None
) -> Kept | None:
    """
    Return the push that answered the same key; another body or tag under it is a Conflict.

    It is what `keep` returned: the first push of the bytes where it had those read in a new way.
    """
    rows = await execute(
        conn,
        "select p.digest, p.tag, max(d.id) as decoding_id,"
        " case when bool_or(d.delivery_id = p.id) then first.ref else p.ref end as ref"
        " from push p join push first on first.id = coalesce(p.replay_of_id, p.id)"
        " join decoding d on d.push_id = first.id"
        " where p.study_id = :study and p.idempotency_key = :key"
        " and coalesce(p.source_id, 0) = coalesce(cast(:source as int), 0)"
        " group by p.id, first.id",
        {"study": delivery.study_id, "key": delivery.idempotency_key,
         "source": delivery.source_id},
    )  # fmt: skip
    if not rows:
        return None
    if (rows[0]["digest"], rows[0]["tag"]) != (digest, tag):
        raise Conflict(
            "The idempotency key was used before with other bytes, or for another tag.",
            remedy="Use a new key for a new body; send the same body to repeat a delivery.",
            code="idempotency-key-reused",
        )
    return Kept(rows[0]["ref"], int(rows[0]["decoding_id"]), replayed=True)


async def bodies(conn: AsyncConnection, push_ids: Sequence[int]) -> dict[int, bytes]:
    """Return the bytes of pushes as they were sent."""
    pieces = await (await driver(conn)).fetch(
        "select push_id, body from push_chunk where push_id = any($1::bigint[])"
        " order by push_id, number",
        list(push_ids),
    )
    found: dict[int, list[bytes]] = {push_id: [] for push_id in push_ids}
    for piece in pieces:
        found[piece["push_id"]].append(piece["body"])
    return {push_id: b"".join(parts) for push_id, parts in found.items()}


async def copy_body(conn: AsyncConnection, push_id: int, into: BinaryIO) -> None:
    """Write the bytes of a push, as they were sent, to a file, one chunk in memory at a time."""
    chunks = (await driver(conn)).cursor(
        "select body from push_chunk where push_id = $1 order by number", push_id, prefetch=1
    )
    async for chunk in chunks:
        into.write(chunk["body"])


async def try_again(conn: AsyncConnection, decoding_id: int) -> None:
    """Have a reading that failed wait anew: it is asked for again, and may be mended by now."""
    await execute(
        conn,
        "update decoding set state = 'received', attempts = 0, problem = null where id = :id",
        {"id": decoding_id},
    )
    await work.notify(conn)


async def revive(conn: AsyncConnection, decoding_id: int) -> None:
    """Try again what was given up only because it failed too often: the sender asks for it."""
    await execute(
        conn,
        "update decoding set state = 'received', attempts = 0, problem = null"
        " where id = :id and state = 'failed' and problem ->> 'code' = :code",
        {"id": decoding_id, "code": GIVEN_UP},
    )
    await failures.revive(conn, decoding_id)
