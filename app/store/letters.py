"""Many small pushes at once: the rows that `inbox` makes of one, made for a batch in one go."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from app.store import receipts
from app.store.engine import Connection, driver
from app.store.fragments import newest_mapping
from app.store.inbox import READING_COLUMNS, Reading
from app.store.sources import SENDER

Row = dict[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class Way:
    """How pushes of a source are read: its row as `senders` gave it, and what that comes to."""

    sender: Row
    reading: Reading


@dataclass(frozen=True, slots=True)
class Letter:
    """One push of a source, its bytes and their digest."""

    way: Way
    body: bytes
    digest: bytes
    content_type: str | None = None
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """A letter that is stored: what its receipt tells of it alone."""

    ref: UUID
    digest: bytes
    received_at: datetime


_VERSION = "s.xmin::text || ' ' || coalesce(v.number, 0)"
"""SQL: what changes with whatever `senders` tells of a source, by a change of its row or mapping.

The server writes another transaction into a row with each change: nobody has to count them."""


async def senders(conn: Connection, refs: Sequence[UUID]) -> dict[UUID, Row]:
    """Return what checking pushes of these sources needs, secrets included; as `sources.sender`."""
    rows = await (await driver(conn)).fetch(
        f"with sender as (select s.ref, {_VERSION} as version, {SENDER}"
        " where s.ref = any($1::uuid[]) and s.disabled_at is null)"
        " select sender.*, study.ref as study, mapping.ref as mapping from sender"
        " join study on study.id = sender.study_id"
        " left join mapping on mapping.id = sender.mapping_id",
        list(refs),
    )
    return {row["ref"]: dict(row) for row in rows}


def _keep(order: str, forbidden: str) -> str:
    return f"""
with way as materialized (
  select t.*, s.study_id from unnest($1::int[], $2::text[], $3::text[], $4::text[], $5::text[],
    $6::text[], $7::text[], $8::int[], $9::int[], $10::bigint[], $11::text[]) with ordinality
    as t(source_id, version, {READING_COLUMNS}, way)
  join source s on s.id = t.source_id {newest_mapping("s")}
  where s.disabled_at is null and t.version = {_VERSION}),
sent as materialized (
  select w.*, t.n, t.first, t.digest, t.key, t.body, t.content_type from unnest($12::int[],
    $13::bool[], $14::bytea[], $15::text[], $16::bytea[], $17::text[]) with ordinality
    as t(way, first, digest, key, body, content_type, n)
  left join way w on w.way = t.way where coalesce(w.way, 0) > 0),
locked as materialized (
  select pg_advisory_xact_lock(hashtextextended(digest, study_id)) from (
    select encode(digest, 'hex') as digest, study_id from sent order by 2, 1) as ordered),
kept as (
  insert into push (study_id, source_id, digest, size_bytes, content_type, idempotency_key)
  select study_id, source_id, digest, octet_length(body), content_type, key from sent
  where first and (select count(*) from locked) > 0 {order}
  on conflict {forbidden} do nothing returning id, ref, study_id, digest, received_at),
chunks as (
  insert into push_chunk (push_id, number, body)
  select k.id, 0, s.body from kept k join sent s using (study_id, digest) where s.first),
made as (
  insert into decoding (study_id, push_id, number, received_at, {READING_COLUMNS})
  select k.study_id, k.id, 1, k.received_at, {READING_COLUMNS}
  from kept k join sent s using (study_id, digest) where s.first)
select s.n::int - 1 as n, k.ref, k.received_at from sent s
left join kept k on s.first and k.study_id = s.study_id and k.digest = s.digest
"""


_KEEP_KEYED = _keep("order by study_id, source_id, key", "")
_KEEP = _keep("", "(study_id, digest, coalesce(tag, '')) where replay_of_id is null")
"""One statement, since each more is a turn in which the web process waits or lets others wait.

As in `inbox.queue` equal bytes queue up, so that exactly one of them becomes the first; equal keys
wait for each other at the index, in one order, so that no two statements wait crosswise. Bytes
and keys that came before are known by the indexes that forbid them a second time; those see what
others committed while this statement waited, which a look at the table would not. Without keys one
index is asked instead of five. No join loses a row for the planner, who would take few rows for
one and compare each with each."""


async def keep_all(
    conn: Connection, letters: Sequence[Letter]
) -> list[Kept | Literal["known", "stale"]]:
    """
    Keep the letters whose bytes and keys are new; return what became of each.

    "known" is one that came before, or twice in the batch: `inbox.keep` answers it. "stale" is one
    whose sender is no more as its way has it: nothing is kept of it.
    """
    if not letters:
        return []
    ways = {way: n for n, way in enumerate(dict.fromkeys(x.way for x in letters), 1)}
    firsts = _firsts(letters)
    keyed = any(x.idempotency_key is not None for x in letters)
    rows = await (await driver(conn)).fetch(
        _KEEP_KEYED if keyed else _KEEP,
        *_columns(
            (way.sender["id"], way.sender["version"], *way.reading.stored.values()) for way in ways
        ),
        *_columns(
            (ways[x.way], first, x.digest, x.idempotency_key, x.body, x.content_type)
            for x, first in zip(letters, firsts, strict=True)
        ),
    )
    found: list[Kept | Literal["known", "stale"]] = ["stale"] * len(letters)
    for n, ref, received_at in rows:
        kept = ref is not None
        found[n] = Kept(ref, letters[n].digest, received_at) if kept else "known"
    return found


def _columns(rows: Iterable[tuple[Any, ...]]) -> Iterable[tuple[Any, ...]]:
    return zip(*rows, strict=True)


def _firsts(letters: Sequence[Letter]) -> list[bool]:
    """Tell of each letter whether its bytes and its key are new in the batch."""
    seen: set[tuple[object, ...]] = set()
    out = []
    for x in letters:
        sender = x.way.sender
        names: list[tuple[object, ...]] = [(sender["study_id"], x.digest)]
        if x.idempotency_key is not None:
            names.append((sender["study_id"], sender["id"], x.idempotency_key))
        out.append(seen.isdisjoint(names))
        seen.update(names)
    return out


def receipt(way: Way, kept: Kept) -> Row:
    """Return the row that `receipts.receipt` gives of a letter that nobody has decoded yet."""
    sender = way.sender
    return {
        **receipts.UNREAD, **way.reading.stored, "ref": kept.ref, "digest": kept.digest,
        "study": sender["study"], "mapping": sender["mapping"], "received_at": kept.received_at,
    }  # fmt: skip
