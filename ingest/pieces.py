"""A push of any size, decoded piece by piece: memory depends on the piece, never on the push."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import polars as pl

from ingest.admission import UNITS_MAX, too_many_units
from ingest.alike import Alike
from ingest.alphabets import Foreign
from ingest.correction import NOT_APPLIED, Correction, not_applied
from ingest.dates import Order, doubts_told
from ingest.doubts import Doubts
from ingest.encoding import UTF8_BOM, Converter, by_lines, converter, is_utf16, overruled, relocate
from ingest.formats import columns
from ingest.formats.quotes import QUOTED_LINES_MAX
from ingest.known import SEAMS, tag_columns
from ingest.patterns import Swaps
from ingest.record import RECORD_SCHEMA, Decoded, Warning_, added_up
from ingest.rollover import Rollovers
from ingest.seams import Lines, Rows, Seams, line_starts, undivided
from ingest.sent import PIECE_BYTES, PIECE_LINES, WHOLE_MAX_BYTES, Push
from ingest.whole import How, decode, decoder_of

PIECES_UNITS_MAX = 5 * UNITS_MAX
"""Most units of a push that is read in pieces: what they refuse is listed one by one."""


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
        decoded = decode(
            push.payload(), format=push.format, tz=tz, encoding=push.encoding, datum=datum,
            date_order=date_order, mapping=push.mapping, tag=push.tag, corrections=corrections,
            now_us=now_us,
        )  # fmt: skip
        yield replace(decoded, warnings=[*push.left_out, *decoded.warnings])
        return
    decoder = decoder_of(push.first, push.format, push.encoding, push.mapping, tag=push.tag)
    reader = _Reader(
        seam,
        How(decoder=decoder, tz=tz, datum=datum, now_us=now_us),
        push,
        corrections,
        Order(date_order, partial(_texts, push, seam, lines), tag_columns(push.mapping)),
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
    convert = _as_it_is if raw_json else converter(lines, push.encoding, utf8=push.utf8)
    not_used = overruled(lines, push.encoding)
    head = seams.head(convert(bare)[0])
    if head is None:
        return None
    if not head.lines:
        return _Seam(seams, convert, head.text, head.text, head.units, 0, not_used)
    payload = bare[: int(line_starts(bare)[head.lines])]
    text, warnings = convert(payload)
    skip = len(lines) - len(bare) + len(payload)
    return _Seam(seams, convert, payload, text, 0, skip, not_used + warnings)


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
        self._foreign = Foreign() if seam.convert is by_lines else None
        self._head_bytes, self._head_text_bytes = len(seam.payload), len(seam.text)
        self._header = ""
        if self._foreign and seam.skip:
            self._foreign.add(seam.payload)
        self._order = order
        self._corrections = corrections
        self._units = 0
        self._format = ""
        self._warnings = [*push.left_out, *seam.warnings]
        self._lost: list[int] = []
        self._doubts = Doubts()
        self._rollovers = Rollovers(how.now_us)
        self._alike = Alike()
        stated = push.mapping.time_format if push.mapping else None
        self._swaps = Swaps(stated) if stated else None

    def read(self, piece: _Piece) -> Decoded:
        """Decode a piece; its units and offsets are those of the push."""
        if self._foreign:
            self._foreign.add(piece.payload[self._head_bytes :])
        above = self._above + bool(self._header)
        shift = self._units - above
        piece = self._below_header(piece)
        decoded = self._read(piece, ())
        self._header = decoded.doubts.header if decoded.doubts else ""
        mine = [
            replace(each, unit=each.unit - shift)
            for each in self._corrections
            if above < each.unit - shift <= decoded.units
        ]
        if mine:
            decoded = self._read(piece, mine)
        self._units += decoded.units - above
        if self._units > PIECES_UNITS_MAX:
            raise too_many_units(PIECES_UNITS_MAX)
        self._format = decoded.format
        self._tell([*piece.warnings, *decoded.warnings], shift)
        self._doubts.add(decoded.doubts or Doubts())
        if self._swaps and decoded.times is not None:
            self._swaps.add(decoded.times)
        records = decoded.records.filter(pl.col("unit") > above)
        self._rollovers.add(records)
        self._alike.add(records)
        refusals = [
            replace(
                each,
                unit=each.unit + shift,
                offset=None if each.offset is None else each.offset + piece.shift,
            )
            for each in decoded.refusals
            if each.unit > above
        ]
        records = records.with_columns(pl.col("unit") + shift)
        return Decoded(decoded.format, records, refusals)

    def _below_header(self, piece: _Piece) -> _Piece:
        """Put a header line that differs from the first above what stands below it in the push."""
        if not self._header:
            return piece
        line, head, above = f"{self._header}\n".encode(), self._head_bytes, self._head_text_bytes
        return _Piece(
            piece.payload[:head] + line + piece.payload[head:],
            piece.text[:above] + line + piece.text[above:],
            piece.shift - len(line),
            piece.warnings,
        )

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
        warnings = [*self._foreign.told()] if self._foreign else []
        warnings += [*self._warnings, *not_applied(lost)]
        if self._swaps and (swapped := self._swaps.suspect()):
            warnings.append(Warning_("day-month-suspect", swapped))
        warnings += [*self._order.told(), *doubts_told(self._doubts)]
        if suspect := self._rollovers.suspect():
            warnings.append(suspect)
        warnings += self._alike.told()
        return Decoded(self._format, pl.DataFrame(schema=RECORD_SCHEMA), [], warnings)
