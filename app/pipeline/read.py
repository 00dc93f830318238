"""Bytes of pushes -> records and refusals, or why a push can't be read: calls the decoders."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from typing import Any, BinaryIO

import polars as pl

import ingest
from app.pipeline.resolve import Reading
from app.seeds import profile_of
from ingest.daylight import STEPS_MIN, Flights, zone_suspect

UNPACKED_MAX_BYTES = 512 << 20
"""Largest push after unpacking [bytes]: about four million Movebank rows."""

REFERENCE = "movebank-reference-csv"
"""The one format whose rows are no records."""

DECLARED = ("tz", "encoding", "datum", "date_order")
"""What a sender says of a push besides its format or mapping."""

Todo = dict[str, Any]
Outcome = Reading | ingest.DecodedReference | ingest.UnreadablePush
"""What comes of reading a push."""


def read(todos: list[Todo], sent: dict[int, bytes]) -> list[Outcome]:
    """
    Unpack and decode pushes; those that are read in one way go together.

    The clock is the time a push was received, so that a rebuild decides as the push did.
    """
    found: dict[int, Outcome] = {}
    left_out: dict[int, list[ingest.Warning_]] = {}
    alike: dict[tuple[Any, ...], list[tuple[Todo, bytes]]] = {}
    for todo in todos:
        try:
            body = sent.pop(todo["push_id"])
            plain = ingest.unpack(body, limit_bytes=UNPACKED_MAX_BYTES)
            named = ingest.tag_within(BytesIO(body)) or todo["named_tag"]
            other = ingest.tag_of_name_not_used(named, todo["tag"])
            left_out[todo["id"]] = [*ingest.left_out(BytesIO(body)), *other]
            name = todo["format"] or ingest.sniff(plain, encoding=todo["encoding"])
            if name == REFERENCE:
                found[todo["id"]] = read_reference(plain, todo, left_out[todo["id"]])
            else:
                held = (
                    todo["mapping_id"],
                    todo["mapping_version"],
                    todo["corrections"] and id(todo),
                )
                tag = todo["tag"] or named
                how = (name, *(todo[each] for each in DECLARED), tag, held)
                alike.setdefault(how, []).append((todo, plain))
        except ingest.UnreadablePush as unreadable:
            found[todo["id"]] = unreadable
    for (name, *declared, tag, _), group in alike.items():
        decoded = ingest.decode_many(
            [plain for _, plain in group],
            format=name,
            **dict(zip(DECLARED, declared, strict=True)),
            mapping=_mapping(group[0][0]),
            tag=tag,
            corrections=_corrections(group[0][0]),
            now_us=[todo["received_us"] for todo, _ in group],
        )
        for (todo, _), one in zip(group, decoded, strict=True):
            found[todo["id"]] = (
                one
                if isinstance(one, ingest.UnreadablePush)
                else Reading(todo, one, [*left_out[todo["id"]], *_suspects(one, todo)])
            )
    return [found[todo["id"]] for todo in todos]


def read_reference(
    plain: bytes, todo: Todo, left_out: list[ingest.Warning_]
) -> ingest.DecodedReference:
    """Decode reference data."""
    told = {name: todo[name] for name in ("tz", "encoding", "date_order")}
    decoded = ingest.decode_reference(plain, **told, now_us=todo["received_us"])
    return replace(decoded, warnings=[*left_out, *decoded.warnings])


def open_push(sent: BinaryIO, todo: Todo) -> ingest.Push:
    """Look through a push that is not small."""
    push = ingest.open_push(
        sent,
        limit_bytes=UNPACKED_MAX_BYTES,
        format=None if todo["mapping"] else todo["format"],
        encoding=todo["encoding"],
        mapping=_mapping(todo),
        tag=todo["tag"],
    )
    push.left_out.extend(ingest.tag_of_name_not_used(todo["named_tag"], todo["tag"]))
    return push


def read_pieces(push: ingest.Push, todo: Todo) -> Iterator[ingest.Decoded]:
    """Decode a push piece by piece; the last has all there is to tell of it."""
    flights = Flights(tempfile.TemporaryFile)
    pieces = ingest.decode_pieces(
        push, tz=todo["tz"], datum=todo["datum"], date_order=todo["date_order"],
        corrections=_corrections(todo), now_us=todo["received_us"],
    )  # fmt: skip
    warnings: list[ingest.Warning_] = []
    form = ""
    for piece in pieces:
        form, warnings = piece.format, piece.warnings
        flights.add(_by_day(piece.records, todo))
        yield ingest.Decoded(form, piece.records, piece.refusals)
    suspect = flights.suspect()
    nothing = pl.DataFrame(schema=ingest.RECORD_SCHEMA)
    yield ingest.Decoded(form, nothing, [], [*warnings, *([suspect] if suspect else [])])


def _mapping(todo: Todo) -> ingest.ColumnMapping | None:
    return None if todo["mapping"] is None else ingest.read_mapping(todo["mapping"])


def _corrections(todo: Todo) -> list[ingest.Correction]:
    return [ingest.Correction(**each) for each in todo["corrections"] or ()]


def _suspects(decoded: ingest.Decoded, todo: Todo) -> list[ingest.Warning_]:
    """Check the declared zone against the sun."""
    if decoded.records.height <= STEPS_MIN:
        return []
    suspect = zone_suspect(_by_day(decoded.records, todo))
    return [suspect] if suspect else []


def _by_day(records: pl.DataFrame, todo: Todo) -> pl.DataFrame:
    """Choose the records of birds whose species flies by day."""
    taxa = records["taxon"].unique().to_list()
    by_day = [t for t in taxa if profile_of(t or todo["taxon"]).daylight_check]
    known = pl.col("taxon").is_in([t for t in by_day if t is not None])
    if None in by_day:
        known = known.fill_null(value=True)
    return records.filter(known)
