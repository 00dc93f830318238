"""A push of any size, decoded piece by piece: memory depends on the piece, never on the push."""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import BinaryIO

import numpy as np
import polars as pl

from ingest.admission import UNITS_MAX, too_many_units
from ingest.archive import unpacked
from ingest.correction import NOT_APPLIED, Correction, not_applied
from ingest.dates import Order, doubts_told
from ingest.doubts import Doubts
from ingest.encoding import UTF8_BOM, Converter, converter, goes_on, is_utf16, relocate
from ingest.formats import columns
from ingest.formats.delimited import QUOTED_LINES_MAX
from ingest.known import SEAMS, sniff, tag_within
from ingest.mapping import ColumnMapping
from ingest.patterns import Swaps
from ingest.record import RECORD_SCHEMA, Decoded, Warning_, added_up
from ingest.rollover import Rollovers
from ingest.seams import Lines, Rows, Seams, line_starts, undivided
from ingest.whole import How, decode, decoder_of

PIECE_LINES = 50_000
"""Lines of one piece; what decoding them takes is some 40 MB."""

PIECE_BYTES = 8 << 20
"""Bytes of one piece, of lines that are long."""

WHOLE_MAX_BYTES = 64 << 20
"""Most bytes of what is read as a whole: a document, or text whose lines can't be parted."""

PIECES_UNITS_MAX = 5 * UNITS_MAX
"""Most units of a push that is read in pieces: what they refuse is listed one by one."""

_FIRST_BYTES = 262_144  # the first lines: what sniffing looks at, and any header line


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """
    A push that was looked through once.

    Attributes
    ----------
    sent : binary file
        As it was sent.
    limit_bytes : int
        Most bytes it may have, unpacked.
    size_bytes : int
        What it has.
    format : str or None
        As it was named, or found out; None where it is neither, or a mapping reads it.
    encoding : str or None
        As the source, or the mapping, declares it.
    mapping : ColumnMapping or None
        How to read it in place of a format.
    tag : str or None
        As it was told, or stands in the name of the one file in a zip.
    """

    sent: BinaryIO
    limit_bytes: int
    size_bytes: int
    format: str | None
    encoding: str | None
    mapping: ColumnMapping | None
    tag: str | None
    first: bytes
    lines: int
    utf8: bool

    @property
    def is_long(self) -> bool:
        """Whether it is more than a piece."""
        return self.lines > PIECE_LINES or self.size_bytes > PIECE_BYTES

    def content(self) -> Iterator[bytes]:
        """Yield the unpacked bytes."""
        return unpacked(self.sent, limit_bytes=self.limit_bytes)

    def payload(self) -> bytes:
        """Give all of them at once; raises UnreadablePush, code ``document-too-large``."""
        if self.size_bytes > WHOLE_MAX_BYTES:
            raise undivided(WHOLE_MAX_BYTES)
        return b"".join(self.content())


def open_push(
    sent: BinaryIO,
    *,
    limit_bytes: int,
    format: str | None = None,  # noqa: A002 - the field's word
    encoding: str | None = None,
    mapping: ColumnMapping | None = None,
    tag: str | None = None,
) -> Push:
    """
    Look through a push: whether it is whole, and what a piece of it can't tell.

    Parameters
    ----------
    sent : binary file
        As sent, packed or not.
    limit_bytes : int
        Most bytes it may have, unpacked.
    format, encoding, mapping, tag : see `decode`

    Returns
    -------
    Push

    Raises
    ------
    UnreadablePush
        Codes of `unpack`, and ``encoding-unknown``.
    """
    first, size, lines, utf8 = b"", 0, 0, True
    decoder = codecs.getincrementaldecoder("utf-8")()
    for piece in unpacked(sent, limit_bytes=limit_bytes):
        if len(first) < _FIRST_BYTES:
            first += piece[: _FIRST_BYTES - len(first)]
        size += len(piece)
        lines += piece.count(b"\n")
        utf8 = utf8 and goes_on(decoder, piece)
    utf8 = utf8 and goes_on(decoder, b"", final=True)
    told = encoding or (mapping.encoding if mapping else None)
    # Of a workbook only the whole shows what it is.
    known = format or mapping is not None or first.startswith(b"PK")
    name = format if known else sniff(first, encoding=encoding)
    return Push(
        sent=sent, limit_bytes=limit_bytes, size_bytes=size, format=name, encoding=told,
        mapping=mapping, tag=tag or tag_within(sent), first=first, lines=lines, utf8=utf8,
    )  # fmt: skip


def decode_pieces(
    push: Push,
    *,
    tz: str = "UTC",
    datum: str = "wgs84",
    date_order: str | None = None,
    corrections: Sequence[Correction] = (),
    now_us: int,
    lines: int = PIECE_LINES,
) -> Iterator[Decoded]:
    """
    Decode one push piece by piece.

    Parameters
    ----------
    push : Push
        From `open_push`.
    tz, datum, date_order, corrections, now_us : see `decode`
    lines : int
        Lines of a piece.

    Yields
    ------
    Decoded
        Records and refusals of all pieces, one after another, are what `decode` gives, numbers
        of units and offsets included; the last piece bears the warnings of the whole. What has
        no seam is one piece.

    Raises
    ------
    UnreadablePush
        As `decode`, at any piece; and ``document-too-large`` for more than `WHOLE_MAX_BYTES`
        without a seam, ``too-many-units`` for more than `PIECES_UNITS_MAX` units.
    """
    seam = _seam(push) if push.is_long or push.lines > lines else None
    if seam is None:
        yield decode(
            push.payload(), format=push.format, tz=tz, encoding=push.encoding, datum=datum,
            date_order=date_order, mapping=push.mapping, tag=push.tag, corrections=corrections,
            now_us=now_us,
        )  # fmt: skip
        return
    decoder = decoder_of(push.first, push.format, push.encoding, push.mapping, tag=push.tag)
    reader = _Reader(
        seam,
        How(decoder=decoder, tz=tz, datum=datum, now_us=now_us),
        push,
        corrections,
        Order(date_order, partial(_texts, push, seam, lines)),
    )
    for piece in _cut(push, seam, lines):
        yield reader.read(piece)
    yield reader.last()


@dataclass(frozen=True, slots=True)
class _Seam:
    """
    How a push is cut: by which seams, and how its lines become UTF-8.

    `payload` stands above each piece, `text` is the same as it is read, `units` what it makes by
    itself; the pieces begin after `skip` bytes of the push.
    """

    seams: Seams
    convert: Converter
    payload: bytes
    text: bytes
    units: int
    skip: int
    warnings: list[Warning_]


def _seam(push: Push) -> _Seam | None:
    """Find how a push is cut; None where it can only be read as a whole."""
    seams = _seams_of(push)
    lines = push.first[: push.first.rfind(b"\n") + 1]
    if seams is None or not lines or lines.startswith(b"PK") or is_utf16(lines, push.encoding):
        return None
    raw_json = isinstance(seams, Lines) and push.encoding is None  # as `as_text` leaves it
    bare = lines if raw_json else lines.removeprefix(UTF8_BOM)
    convert = _as_it_is if raw_json else converter(bare, push.encoding, utf8=push.utf8)
    head = seams.head(convert(bare)[0])
    if head is None:
        return None
    if not head.lines:
        return _Seam(seams, convert, head.text, head.text, head.units, 0, [])
    payload = bare[: int(line_starts(bare)[head.lines])]
    text, warnings = convert(payload)
    skip = len(lines) - len(bare) + len(payload)
    return _Seam(seams, convert, payload, text, 0, skip, warnings)


def _seams_of(push: Push) -> Seams | None:
    mapping = push.mapping
    if mapping is None:
        return SEAMS.get(push.format or "")
    if mapping.kind == "json":
        return Lines(columns.lists_of(mapping))
    return Rows(partial(columns.bare, lines=mapping.skip_lines))


def _as_it_is(lines: bytes) -> tuple[bytes, list[Warning_]]:
    return lines, []


@dataclass(frozen=True, slots=True)
class _Piece:
    """Some lines of a push below its head, as sent and as text; `shift` leads to the push."""

    payload: bytes
    text: bytes
    shift: int
    warnings: list[Warning_]


def _cut(push: Push, seam: _Seam, most_lines: int) -> Iterator[_Piece]:
    """Cut a push; raises UnreadablePush where no seam comes for too long."""
    content, ended = _after(push.content(), seam.skip), False
    held, offset = b"", seam.skip
    wanted, most_bytes = most_lines + QUOTED_LINES_MAX, PIECE_BYTES
    while held or not ended:
        there = held.count(b"\n")
        more: list[bytes] = []
        size = len(held)
        while not ended and size < most_bytes and there < wanted:
            got = next(content, None)
            if got is None:
                ended = True
            else:
                more.append(got)
                size, there = size + len(got), there + got.count(b"\n")
        held = b"".join((held, *more))
        last = ended and there <= wanted and size <= most_bytes
        end = len(held) if last else _end(held, seam, wanted, most_bytes)
        if not end and not ended and len(held) <= WHOLE_MAX_BYTES:
            wanted, most_bytes = 2 * wanted, 2 * most_bytes
            continue
        end = end or len(held)
        if end > WHOLE_MAX_BYTES:
            raise undivided(WHOLE_MAX_BYTES)
        yield _piece(held[:end], seam, offset)
        held, offset = held[end:], offset + end
        wanted, most_bytes = most_lines + QUOTED_LINES_MAX, PIECE_BYTES


def _texts(push: Push, seam: _Seam, most_lines: int) -> Iterator[bytes]:
    """Go through a push once more, for what proves the order of its dates: any row may."""
    yield seam.text
    for piece in _cut(push, seam, most_lines):
        yield piece.text[len(seam.text) :]


def _after(content: Iterator[bytes], skip: int) -> Iterator[bytes]:
    """Leave out the first bytes."""
    for piece in content:
        rest, skip = piece[skip:], max(0, skip - len(piece))
        if rest:
            yield rest


def _end(held: bytes, seam: _Seam, wanted: int, most_bytes: int) -> int:
    """Return how many of the bytes make a piece, while more follow; 0 asks for more of them."""
    starts = line_starts(held)
    within = int(np.searchsorted(starts, most_bytes, side="right")) - 1
    lines = min(starts.size - 1, wanted, within)
    if not lines:
        return 0
    text, _ = seam.convert(held[: starts[lines]])
    return int(starts[seam.seams.fit(seam.text, text, lines)])


def _piece(lines: bytes, seam: _Seam, offset: int) -> _Piece:
    # Of what begins without a head the mark is left out, as of a text that is read at once.
    marked = not offset and seam.convert is not _as_it_is
    text, warnings = seam.convert(lines.removeprefix(UTF8_BOM) if marked else lines)
    return _Piece(seam.payload + lines, seam.text + text, offset - len(seam.payload), warnings)


class _Reader:
    """Reads pieces in their order, and adds up what they tell."""

    def __init__(
        self,
        seam: _Seam,
        how: How,
        push: Push,
        corrections: Sequence[Correction],
        order: Order,
    ):
        self._how, self._above = how, seam.units
        self._order = order
        self._corrections = corrections
        self._units = 0
        self._format = ""
        self._warnings = list(seam.warnings)
        self._lost: list[int] = []
        self._doubts = Doubts()
        self._rollovers = Rollovers(how.now_us)
        stated = push.mapping.time_format if push.mapping else None
        self._swaps = Swaps(stated) if stated else None

    def read(self, piece: _Piece) -> Decoded:
        """Decode a piece; its units and offsets are those of the push."""
        shift = self._units - self._above
        decoded = self._read(piece, ())
        mine = [
            replace(each, unit=each.unit - shift)
            for each in self._corrections
            if self._above < each.unit - shift <= decoded.units
        ]
        if mine:
            decoded = self._read(piece, mine)
        self._units += decoded.units - self._above
        if self._units > PIECES_UNITS_MAX:
            raise too_many_units(PIECES_UNITS_MAX)
        self._format = decoded.format
        self._tell([*piece.warnings, *decoded.warnings], shift)
        self._doubts.add(decoded.doubts or Doubts())
        if self._swaps and decoded.times is not None:
            self._swaps.add(decoded.times)
        records = decoded.records.filter(pl.col("unit") > self._above)
        self._rollovers.add(records)
        refusals = [
            replace(
                each,
                unit=each.unit + shift,
                offset=None if each.offset is None else each.offset + piece.shift,
            )
            for each in decoded.refusals
            if each.unit > self._above
        ]
        records = records.with_columns(pl.col("unit") + shift)
        return Decoded(decoded.format, records, refusals)

    def _read(self, piece: _Piece, corrections: Sequence[Correction]) -> Decoded:
        decoded = self._order.read(partial(self._how.read, piece.text, corrections))
        return replace(decoded, refusals=relocate(decoded.refusals, piece.payload, piece.text))

    def _tell(self, warnings: list[Warning_], shift: int) -> None:
        for each in warnings:
            if each.code == NOT_APPLIED:
                self._lost += [int(unit) + shift for unit in each.counts]
        kept = [each for each in warnings if each.code != NOT_APPLIED]
        self._warnings = added_up([*self._warnings, *kept])

    def last(self) -> Decoded:
        """Give a piece without records that bears the warnings."""
        lost = self._lost + [c.unit for c in self._corrections if c.unit > self._units]
        warnings = [*self._warnings, *not_applied(lost)]
        if self._swaps and (swapped := self._swaps.suspect()):
            warnings.append(Warning_("day-month-suspect", swapped))
        warnings += [*self._order.told(), *doubts_told(self._doubts)]
        if suspect := self._rollovers.suspect():
            warnings.append(suspect)
        return Decoded(self._format, pl.DataFrame(schema=RECORD_SCHEMA), [], warnings)
