"""A kept push read again: in another way, or with units corrected; tried out first or for good."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from io import BytesIO
from typing import Any
from uuid import UUID

import ingest
from app.errors import BadInput, TooLarge
from app.pipeline.decode import decode_in
from app.pipeline.effect import Effect, effect_of
from app.pipeline.read import UNPACKED_MAX_BYTES
from app.pipeline.receive import mapped, reading
from app.store import corrections, decodings, inbox, receipts
from app.store.audience import Audience
from app.store.engine import Connection, Store

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Wanted:
    """How a push is to be read; what is left out stays as it was. A text of None is taken back."""

    format: str | None = None
    tz: str | None = None
    encoding: str | None = None
    datum: str | None = None
    date_order: str | None = None
    mapping: UUID | None = None
    units: Mapping[int, str | None] = field(default_factory=dict)
    tag: str | None = None


@dataclass(frozen=True, slots=True)
class Replay:
    """
    The receipts of a push before and after, and in a trial what would change.

    `problem` says why the reading that was tried failed: then nothing would change.
    """

    before: Row
    after: Row
    effect: Effect | None
    problem: dict[str, str] | None = None


async def replay(
    store: Store,
    audience: Audience,
    push: UUID,
    wanted: Wanted,
    *,
    apply: bool = False,
    limit_bytes: int | None = None,
) -> Replay:
    """
    Read a kept push again.

    Without `apply` it is decoded and stored in a transaction that is taken back, so `after` is
    the receipt it would get. With `apply` it waits for the worker, as a new push does: what was
    read before stays until one transaction puts the new reading in its place.
    """
    reading(
        wanted.format, wanted.tz, wanted.encoding, wanted.datum, wanted.date_order, tag=wanted.tag
    )
    async with store.write() as conn:
        before = await receipts.receipt(conn, audience, push)
        if before is None:
            raise decodings.unknown()
        _check_size(before, wanted, limit_bytes, apply=apply)
        if apply:
            await _ask(conn, audience, push, before, wanted)
            after = await receipts.receipt(conn, audience, push)
            assert after is not None
            return Replay(before, after, None)
        return await _try(conn, audience, push, before, wanted)


def _check_size(before: Row, wanted: Wanted, limit_bytes: int | None, *, apply: bool) -> None:
    decodes = not apply or wanted.units
    if limit_bytes is not None and decodes and before["size_bytes"] > limit_bytes:
        raise TooLarge(
            f"A trial within a request takes pushes up to {limit_bytes} bytes.",
            remedy="Try it with `flyways replay` at the database, or send dry_run false.",
            code="push-too-large",
        )


async def _try(
    conn: Connection, audience: Audience, push: UUID, before: Row, wanted: Wanted
) -> Replay:
    """Do it, look, take it back, and look at the same place again."""
    savepoint = await conn.begin_nested()
    kept = await _ask(conn, audience, push, before, wanted)
    await decode_in(conn, kept.decoding_id)
    problem = await decodings.problem(conn, kept.decoding_id)
    after = await receipts.receipt(conn, audience, push)
    assert after is not None
    then = await corrections.live(conn, [before, after])
    refused = await corrections.refused(conn, after["id"])
    await savepoint.rollback()
    now = await corrections.live(conn, [before, after])
    effect = effect_of(now, then, await corrections.refused(conn, before["id"]), refused)
    return Replay(before, after, await _named(conn, effect), problem)


async def _named(conn: Connection, effect: Effect) -> Effect:
    tags, birds = await corrections.named(conn, effect.tag_ids, effect.individual_ids)
    return replace(effect, tags=tags, individuals=birds)


async def _ask(
    conn: Connection, audience: Audience, push: UUID, before: Row, wanted: Wanted
) -> inbox.Kept:
    """Queue the push to be read as wanted; the same as before changes nothing."""
    how = inbox.read_so(before)
    if wanted.format not in (None, how.format):
        how = replace(how, format=wanted.format, mapping_id=None, mapping_version=0)
    if wanted.mapping is not None:
        asked = inbox.Reading(wanted.format, wanted.tz)
        found = await mapped(conn, audience, before["study_id"], asked, wanted.mapping)
        how = replace(
            how, format=found.format, tz=found.tz or how.tz,
            mapping_id=found.mapping_id, mapping_version=found.mapping_version,
        )  # fmt: skip
    how = replace(
        how, tz=wanted.tz or how.tz, encoding=wanted.encoding or how.encoding,
        datum=wanted.datum or how.datum, date_order=wanted.date_order or how.date_order,
        tag=wanted.tag or how.tag,
    )  # fmt: skip
    if wanted.units:
        how = await _correct(conn, audience, before, how, wanted.units)
    return await decodings.decode_again(conn, audience, push, how)


async def _correct(
    conn: Connection,
    audience: Audience,
    before: Row,
    how: inbox.Reading,
    units: Mapping[int, str | None],
) -> inbox.Reading:
    """Keep what is new among corrections, once it is sure that each makes one unit of one."""
    await inbox.queue(conn, before["digest"], before["study_id"])
    held = await corrections.held(conn, before["push_id"], how.correction_id)
    new = {
        unit: text
        for unit, text in units.items()
        if (held[unit]["text"] if unit in held else None) != text
    }
    if not new:
        return how
    body = (await inbox.bodies(conn, [before["push_id"]]))[before["push_id"]]
    document = await decodings.document(conn, how.mapping_id, how.mapping_version)
    try:
        made = await asyncio.to_thread(_originals, body, how, document, before, (held, new))
    except (ingest.CorrectionRefused, ingest.UnreadablePush) as refused:
        raise BadInput(refused.detail, remedy=refused.remedy, code=refused.code) from refused
    last = await corrections.add(conn, audience, before, made)
    return replace(how, correction_id=last)


def _originals(
    body: bytes,
    how: inbox.Reading,
    document: Row | None,
    before: Row,
    texts: tuple[Mapping[int, Row], Mapping[int, str | None]],
) -> dict[int, tuple[str, str | None]]:
    """Return original and text of each new correction; raises where one does not fit."""
    held, new = texts
    plain = ingest.unpack(body, limit_bytes=UNPACKED_MAX_BYTES)
    if (how.format or ingest.sniff(plain, encoding=how.encoding)) == "movebank-reference-csv":
        raise ingest.CorrectionRefused(
            "correction-impossible", "Rows of reference data are not corrected one by one.",
            "Send the corrected reference data as a push of its own.",
        )  # fmt: skip
    mapping = None if document is None else ingest.read_mapping(document)
    now_us = int(before["push_received_at"].timestamp() * 1e6)
    told: dict[str, Any] = {
        "format": how.format, "tz": how.tz or inbox.DEFAULT_TZ, "encoding": how.encoding,
        "datum": how.datum or inbox.DEFAULT_DATUM, "date_order": how.date_order,
        "mapping": mapping, "tag": how.tag or ingest.tag_within(BytesIO(body)), "now_us": now_us,
    }  # fmt: skip
    found = ingest.refused_texts(plain, [unit for unit in new if unit not in held], **told)
    all_texts = {unit: row["text"] for unit, row in held.items()} | dict(new)
    places = {unit: row["original"] for unit, row in held.items()} | found
    overlay = [ingest.Correction(u, places[u], t) for u, t in all_texts.items() if t is not None]
    again = ingest.decode(plain, corrections=overlay, **told)
    for warning in again.warnings:
        if warning.code == "correction-not-applied":
            raise ingest.CorrectionRefused(
                "correction-refused", warning.detail,
                "Give each unit as one unit: a whole row, block or JSON object, and no more.",
            )  # fmt: skip
    return {unit: (places[unit], text) for unit, text in new.items()}
