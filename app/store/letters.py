"""Many small pushes at once: the rows that `inbox` makes of one, made for a batch in one go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from app.store import receipts, work
from app.store.engine import Connection, driver
from app.store.inbox import READING_COLUMNS, Reading
from app.store.sources import SENDER

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Letter:
    """One push of a source, its bytes and their digest, and how it is to be read."""

    study_id: int
    source_id: int
    body: bytes
    digest: bytes
    reading: Reading
    content_type: str | None = None
    idempotency_key: str | None = None


async def senders(conn: Connection, refs: Sequence[UUID]) -> dict[UUID, Row]:
    """Return what checking pushes of these sources needs, secrets included; as `sources.sender`."""
    rows = await (await driver(conn)).fetch(
        f"select s.ref, {SENDER} where s.ref = any($1::uuid[]) and s.disabled_at is null",
        list(refs),
    )
    return {row["ref"]: dict(row) for row in rows}


_KEEP = f"""
with locked as materialized (
  select pg_advisory_xact_lock(hashtextextended(digest, study)) from (
    select distinct encode(d, 'hex') as digest, s as study
    from unnest($1::int[], $2::bytea[]) as t(s, d) order by 2, 1) as ordered),
sent as (
  select * from unnest($1::int[], $2::bytea[], $3::text[], $4::int[], $5::bytea[], $6::text[],
    $7::text[], $8::text[], $9::text[], $10::text[], $11::text[], $12::int[], $13::int[],
    $14::bigint[], $15::text[])
    as t(study_id, digest, key, source_id, body, content_type, {READING_COLUMNS})),
kept as (
  insert into push (study_id, source_id, digest, size_bytes, content_type, idempotency_key)
  select study_id, source_id, digest, octet_length(body), content_type, key from sent
  where (select count(*) from locked) > 0
  on conflict do nothing returning id, ref, study_id, digest),
chunks as (
  insert into push_chunk (push_id, number, body)
  select k.id, 0, s.body from kept k join sent s using (study_id, digest)),
made as (
  insert into decoding (study_id, push_id, number, {READING_COLUMNS})
  select k.study_id, k.id, 1, {READING_COLUMNS}
  from kept k join sent s using (study_id, digest) returning *)
select m.*, k.ref, k.digest, study.ref as study, mapping.ref as mapping,
  (select pg_notify('{work.CHANNEL}', '')) as told
from made m join kept k on k.id = m.push_id join study on study.id = m.study_id
left join mapping on mapping.id = m.mapping_id
"""
"""One statement, since each more is a turn in which the web process waits or lets others wait.

As in `inbox.queue` equal bytes queue up, so that exactly one of them becomes the first. Bytes and
keys that came before are known by the indexes that forbid them a second time; those see what
others committed while this statement waited, which a look at the table would not."""


async def keep_all(conn: Connection, letters: Sequence[Letter]) -> list[Row | None]:
    """
    Keep the letters whose bytes and keys are new; return the receipt of each.

    None stands for one that came before, or twice in the batch: `inbox.keep` answers it.
    """
    if not letters:
        return []
    fresh = _first_of_each(letters)
    rows = await (await driver(conn)).fetch(
        _KEEP,
        *zip(
            *(
                (
                    x.study_id, x.digest, x.idempotency_key, x.source_id, x.body, x.content_type,
                    *x.reading.stored.values(),
                )
                for x in fresh
            ),
            strict=True,
        ),
    )  # fmt: skip
    made = {(row["study_id"], row["digest"]): _receipt(dict(row)) for row in rows}
    taken = {id(x) for x in fresh}
    return [made.get((x.study_id, x.digest)) if id(x) in taken else None for x in letters]


def _first_of_each(letters: Sequence[Letter]) -> list[Letter]:
    seen: set[tuple[object, ...]] = set()
    out = []
    for x in letters:
        names: set[tuple[object, ...]] = {("bytes", x.study_id, x.digest)}
        if x.idempotency_key is not None:
            names.add(("key", x.study_id, x.source_id, x.idempotency_key))
        if not names & seen:
            out.append(x)
        seen |= names
    return out


def _receipt(row: Row) -> Row:
    """Return the row as `receipts.receipt` gives it of a push that nobody has decoded yet."""
    return {**row, "replay_of": None, **receipts.NOTHING_STORED}
