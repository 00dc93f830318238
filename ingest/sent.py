"""A push as it lies there, looked through once: its size, its lines, what it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from ingest.archive import left_out, unpacked
from ingest.encoding import Utf8, Utf8State
from ingest.known import sniff, tag_within
from ingest.mapping import ColumnMapping
from ingest.record import Warning_
from ingest.seams import undivided
from ingest.vocabulary import tag_of_name_not_used

PIECE_LINES = 50_000
"""Lines of one piece; what decoding them takes is some 40 MB."""

PIECE_BYTES = 8 << 20
"""Bytes of one piece, of lines that are long."""

WHOLE_MAX_BYTES = 64 << 20
"""Most bytes of what is read as a whole: a document, or text whose lines can't be parted."""

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
    left_out : list of Warning_
        What of an archive, its names included, is not read.
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
    utf8: Utf8State
    left_out: list[Warning_]

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
    first, size, lines = b"", 0, 0
    utf8 = Utf8()
    for piece in unpacked(sent, limit_bytes=limit_bytes):
        if len(first) < _FIRST_BYTES:
            first += piece[: _FIRST_BYTES - len(first)]
        size += len(piece)
        lines += piece.count(b"\n")
        utf8.add(piece)
    named = tag_within(sent)
    told = encoding or (mapping.encoding if mapping else None)
    # Of a workbook only the whole shows what it is.
    known = format or mapping is not None or first.startswith(b"PK")
    name = format if known else sniff(first, encoding=encoding)
    return Push(
        sent=sent, limit_bytes=limit_bytes, size_bytes=size, format=name, encoding=told,
        mapping=mapping, tag=tag or named, first=first, lines=lines, utf8=utf8.end(),
        left_out=[*left_out(sent), *tag_of_name_not_used(named, tag)],
    )  # fmt: skip
