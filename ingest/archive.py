"""
Compressed pushes: a gzip, or the one file of a zip, inflated within bounds; no path is ever used.

A gzip may have members one after another, as `cat` and `bgzip` make it (RFC 1952, section 2.2):
they are one text. Of a zip, folders and what macOS adds to it are no files.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from io import SEEK_END, BytesIO
from typing import BinaryIO

from ingest.directory import (
    STORED,
    ZIP_MAGIC,
    content_start,
    damaged,
    entries,
    only_entry,
    read_at,
    trailing,
)
from ingest.record import Warning_
from ingest.refusal import UnreadablePush

RATIO_MAX = 200
"""Largest growth accepted: telemetry text shrinks 5- to 50-fold, bombs about 1,000-fold."""

RATIO_FLOOR_BYTES = 1_048_576
"""Growth is not judged below this size [bytes]: a MiB does no harm."""

PIECE_BYTES = 1 << 20
"""Content that is inflated at a time [bytes]."""

MEMBERS_MAX = 10_000
"""Members of a gzip: blocks of 64 KiB of the largest push."""

GZIP_MAGIC = b"\x1f\x8b"

_OF_WORKBOOK = (b"[Content_Types].xml", b"xl/workbook")
_MARK_BYTES = 18  # of the longest mark of a workbook, one less than its length
_GZIP_BITS, _RAW_BITS = 31, -15  # zlib window bits: gzip wrapper, no wrapper


def unpack(payload: bytes, *, limit_bytes: int) -> bytes:
    """
    Give the content of a gzip or zip push; any other payload, and a workbook, as it is.

    Parameters
    ----------
    payload : bytes
        As sent.
    limit_bytes : int
        Most bytes the content may have.

    Returns
    -------
    bytes

    Raises
    ------
    UnreadablePush
        Codes ``too-large``, ``archive-ratio``, ``archive-damaged``, ``archive-members``,
        ``archive-nested``, ``archive-method``, ``archive-trailing``.

    Notes
    -----
    Inflation stops at the bound, so a bomb costs no more memory than the largest push does.

    Examples
    --------
    >>> import gzip
    >>> unpack(gzip.compress(b"a,b"), limit_bytes=100)
    b'a,b'
    """
    if not payload.startswith((GZIP_MAGIC, ZIP_MAGIC)):
        _check_size(len(payload), limit_bytes)
        return payload
    return b"".join(unpacked(BytesIO(payload), limit_bytes=limit_bytes))


def unpacked(sent: BinaryIO, *, limit_bytes: int) -> Iterator[bytes]:
    """
    Yield the content of a push piece by piece, as `unpack` gives it at once.

    Parameters
    ----------
    sent : binary file
        The push, as sent; it is read from its beginning.
    limit_bytes : int
        Most bytes the content may have.

    Yields
    ------
    bytes
        About `PIECE_BYTES` at most.

    Raises
    ------
    UnreadablePush
        See `unpack`. What is wrong with an archive may show at its end only.
    """
    size = sent.seek(0, SEEK_END)
    magic = read_at(sent, 0, len(ZIP_MAGIC))
    if magic.startswith(GZIP_MAGIC):
        yield from _flat(_inflated(_pieces(sent, 0, size), _GZIP_BITS, size, limit_bytes))
    elif magic == ZIP_MAGIC and not _is_workbook(sent):
        yield from _flat(_unzipped(sent, limit_bytes))
    else:
        _check_size(size, limit_bytes)
        yield from _pieces(sent, 0, size)


def left_out(sent: BinaryIO) -> list[Warning_]:
    """
    Tell which entries of a zip are no file of the sender's, and are not read.

    Parameters
    ----------
    sent : binary file
        The push, as sent.

    Returns
    -------
    list of Warning_
        One, ``archive-members-left-out``, or none.
    """
    if read_at(sent, 0, len(ZIP_MAGIC)) != ZIP_MAGIC or _is_workbook(sent):
        return []
    try:
        names = [entry.name for entry in entries(sent) if entry.is_of_macos]
    except (struct.error, UnreadablePush):
        return []  # reading it tells why
    if not names:
        return []
    named = ", ".join(repr(name.decode("utf-8", errors="replace")[:60]) for name in names[:3])
    detail = f"Of the zip {len(names)} file(s) that macOS added were not read: {named}."
    return [Warning_("archive-members-left-out", detail)]


def _pieces(sent: BinaryIO, start: int, size: int) -> Iterator[bytes]:
    """Yield a stretch of a file."""
    end = start + size
    while start < end:
        piece = read_at(sent, start, min(PIECE_BYTES, end - start))
        if not piece:
            return
        start += len(piece)
        yield piece


def _flat(content: Iterator[bytes]) -> Iterator[bytes]:
    """Pass content on; refuse it at its end if it was an archive once more, and no workbook."""
    first = b""
    marks = _Marks()
    for piece in content:
        if len(first) < len(ZIP_MAGIC):
            first += piece[: len(ZIP_MAGIC)]
        marks.look(piece)
        yield piece
    if first.startswith((GZIP_MAGIC, ZIP_MAGIC)) and not marks.found:
        raise UnreadablePush(
            "archive-nested",
            "The archive holds another archive.",
            "Compress the file once.",
        )


class _Marks:
    """Names that a zip holds if it is a workbook (xlsx), looked for in its bytes."""

    def __init__(self) -> None:
        self._missing = list(_OF_WORKBOOK)
        self._kept = b""

    def look(self, piece: bytes) -> None:
        """Look at bytes that follow those before."""
        self._kept = self._kept[-_MARK_BYTES:] + piece
        self._missing = [mark for mark in self._missing if mark not in self._kept]

    @property
    def found(self) -> bool:
        """Whether all were seen."""
        return not self._missing


def _is_workbook(sent: BinaryIO) -> bool:
    """Whether a zip is a document of its own (xlsx) and no archive of one, which may be stored."""
    try:
        names = [entry.name for entry in entries(sent)]
    except (struct.error, UnreadablePush):
        marks = _Marks()  # of a damaged one the bytes tell
        for piece in _pieces(sent, 0, sent.seek(0, SEEK_END)):
            marks.look(piece)
        return marks.found
    return all(any(name.startswith(mark) for name in names) for mark in _OF_WORKBOOK)


def _check_size(size: int, limit_bytes: int) -> None:
    if size > limit_bytes:
        raise UnreadablePush(
            "too-large",
            f"The push holds more than {limit_bytes:,} bytes.",
            "Send the file in parts.",
        )


def _inflated(
    packed: Iterator[bytes], window_bits: int, packed_size: int, limit_bytes: int
) -> Iterator[bytes]:
    """Inflate the members of a gzip, or the one of a zip, up to the bound."""
    allowed = max(RATIO_FLOOR_BYTES, RATIO_MAX * packed_size)
    member = _Member(window_bits)
    size = 0
    for data in packed:
        rest, full = data, False  # zlib may hold more output than it was let give
        while rest or full:
            if member.inflater.eof:
                rest = rest.lstrip(b"\0")
                if not rest:
                    break
                member = member.following()
            piece, rest = member.inflate(rest)
            size, full = size + len(piece), len(piece) == PIECE_BYTES
            _check_size(size, limit_bytes)
            if size > allowed:
                raise UnreadablePush(
                    "archive-ratio",
                    f"The archive grows more than {RATIO_MAX}-fold.",
                    "Send the file uncompressed.",
                )
            yield piece
    if not member.inflater.eof:
        raise member.fault()


class _Member:
    """One compressed stream; `number` counts those before it."""

    def __init__(self, window_bits: int, number: int = 0) -> None:
        self.inflater = zlib.decompressobj(window_bits)
        self._window_bits, self._number = window_bits, number
        self._head = b""

    def following(self) -> _Member:
        """Begin the next one."""
        if self._window_bits != _GZIP_BITS:
            raise damaged()  # a zip states how long each is
        if self._number + 1 == MEMBERS_MAX:
            raise UnreadablePush(
                "archive-members",
                f"The gzip has more than {MEMBERS_MAX:,} members.",
                "Compress the file as one.",
            )
        return _Member(self._window_bits, self._number + 1)

    def inflate(self, data: bytes) -> tuple[bytes, bytes]:
        """Give some output, and what is left of the input."""
        self._head = (self._head + data[: len(GZIP_MAGIC)])[: len(GZIP_MAGIC)]
        try:
            piece = self.inflater.decompress(data, PIECE_BYTES)
        except zlib.error as error:
            raise self.fault() from error
        return piece, self.inflater.unconsumed_tail or self.inflater.unused_data

    def fault(self) -> UnreadablePush:
        """Tell a member that is damaged from bytes behind the last that are none."""
        if not self._number or GZIP_MAGIC.startswith(self._head):
            return damaged()
        return trailing(
            f"After {self._number} whole member(s) of the gzip stand bytes that are none of it."
        )


def _unzipped(sent: BinaryIO, limit_bytes: int) -> Iterator[bytes]:
    """Content of the one file in a zip; no name in it is ever a path."""
    try:
        entry = only_entry(sent)
        start = content_start(sent, entry)
    except struct.error as error:
        raise damaged() from error
    if start + entry.packed > sent.seek(0, SEEK_END):
        raise damaged()
    _check_size(entry.size, limit_bytes)
    content = _pieces(sent, start, entry.packed)
    if entry.method != STORED:
        content = _inflated(content, _RAW_BITS, entry.packed, limit_bytes)
    found, crc = 0, 0
    for piece in content:
        found, crc = found + len(piece), zlib.crc32(piece, crc)
        yield piece
    if found != entry.size or crc != entry.checksum:
        raise damaged()


def member_name(sent: BinaryIO) -> str | None:
    """
    Name of the one file in a zip: something to read, never a path to use.

    Parameters
    ----------
    sent : binary file
        The push, as sent.

    Returns
    -------
    str or None
        As it is written there, bytes that are no UTF-8 replaced; None of anything but a sound zip
        of one file.
    """
    if read_at(sent, 0, len(ZIP_MAGIC)) != ZIP_MAGIC:
        return None
    try:
        return only_entry(sent).name.decode("utf-8", errors="replace")
    except (struct.error, UnreadablePush):
        return None
