"""Compressed pushes: one gzip or zip member, inflated within bounds; no path is ever used."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from io import SEEK_END, BytesIO
from typing import Any, BinaryIO

from ingest.refusal import UnreadablePush

RATIO_MAX = 200
"""Largest growth accepted: telemetry text shrinks 5- to 50-fold, bombs about 1,000-fold."""

RATIO_FLOOR_BYTES = 1_048_576
"""Growth is not judged below this size [bytes]: a MiB does no harm."""

PIECE_BYTES = 1 << 20
"""Content that is inflated at a time [bytes]."""

GZIP_MAGIC = b"\x1f\x8b"
ZIP_MAGIC = b"PK\x03\x04"

_END = struct.Struct("<4s4H2LH")  # end of central directory
_ENTRY = struct.Struct("<4s6H3L5H2L")  # central directory entry
_LOCAL = struct.Struct("<4s5H3L2H")  # local file header
_END_SEARCH_BYTES = 65_535 + _END.size  # the longest comment a zip may end with
_STORED, _DEFLATED = 0, 8
_ENCRYPTED = 0x1
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
        ``archive-nested``, ``archive-method``.

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
    magic = _read(sent, 0, len(ZIP_MAGIC))
    if magic.startswith(GZIP_MAGIC):
        yield from _flat(_inflated(_pieces(sent, 0, size), _GZIP_BITS, size, limit_bytes))
    elif magic == ZIP_MAGIC and not _is_workbook(sent):
        yield from _flat(_unzipped(sent, limit_bytes))
    else:
        _check_size(size, limit_bytes)
        yield from _pieces(sent, 0, size)


def _read(sent: BinaryIO, start: int, size: int) -> bytes:
    sent.seek(start)
    return sent.read(size)


def _pieces(sent: BinaryIO, start: int, size: int) -> Iterator[bytes]:
    """Yield a stretch of a file."""
    end = start + size
    while start < end:
        piece = _read(sent, start, min(PIECE_BYTES, end - start))
        if not piece:
            return
        start += len(piece)
        yield piece


def _flat(content: Iterator[bytes]) -> Iterator[bytes]:
    """Pass content on; refuse it at its end if it was an archive once more."""
    first = b""
    for piece in content:
        if len(first) < len(ZIP_MAGIC):
            first += piece[: len(ZIP_MAGIC)]
        yield piece
    if first.startswith((GZIP_MAGIC, ZIP_MAGIC)):
        raise UnreadablePush(
            "archive-nested",
            "The archive holds another archive.",
            "Compress the file once.",
        )


def _is_workbook(sent: BinaryIO) -> bool:
    """Whether a zip is a document of its own (xlsx) and no archive of one."""
    marks = [b"[Content_Types].xml", b"xl/workbook"]
    kept = b""
    for piece in _pieces(sent, 0, sent.seek(0, SEEK_END)):
        kept = kept[-_MARK_BYTES:] + piece
        marks = [mark for mark in marks if mark not in kept]
    return not marks


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
    """Inflate one member, up to the bound."""
    allowed = max(RATIO_FLOOR_BYTES, RATIO_MAX * packed_size)
    inflater = zlib.decompressobj(window_bits)
    size = 0
    for data in packed:
        if inflater.eof:
            _check_padding(data)
            continue
        full = False  # zlib may hold more output than it was let give
        while data or full:
            try:
                piece = inflater.decompress(data, PIECE_BYTES)
            except zlib.error as error:
                raise _damaged() from error
            size, full = size + len(piece), len(piece) == PIECE_BYTES
            _check_size(size, limit_bytes)
            if size > allowed:
                raise UnreadablePush(
                    "archive-ratio",
                    f"The archive grows more than {RATIO_MAX}-fold.",
                    "Send the file uncompressed.",
                )
            yield piece
            data = inflater.unconsumed_tail  # noqa: PLW2901 - what is left of it
        _check_padding(inflater.unused_data)
    if not inflater.eof:
        raise _damaged()


def _check_padding(rest: bytes) -> None:
    if rest.strip(b"\0"):
        raise _members()


def _unzipped(sent: BinaryIO, limit_bytes: int) -> Iterator[bytes]:
    """Content of the one file in a zip; no name in it is ever a path."""
    try:
        method, start, packed, size, checksum = _only_entry(sent)
    except struct.error as error:
        raise _damaged() from error
    if start + packed > sent.seek(0, SEEK_END):
        raise _damaged()
    _check_size(size, limit_bytes)
    content = _pieces(sent, start, packed)
    if method != _STORED:
        content = _inflated(content, _RAW_BITS, packed, limit_bytes)
    found, crc = 0, 0
    for piece in content:
        found, crc = found + len(piece), zlib.crc32(piece, crc)
        yield piece
    if found != size or crc != checksum:
        raise _damaged()


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
    if _read(sent, 0, len(ZIP_MAGIC)) != ZIP_MAGIC:
        return None
    try:
        entry, directory = _listed(sent)
    except (struct.error, UnreadablePush):
        return None
    return _read(sent, directory + _ENTRY.size, entry[10]).decode("utf-8", errors="replace")


def _listed(sent: BinaryIO) -> tuple[tuple[Any, ...], int]:
    """Read what the directory of a zip says of its one entry, and where it says it."""
    whole = sent.seek(0, SEEK_END)
    from_byte = max(0, whole - _END_SEARCH_BYTES)
    tail = _read(sent, from_byte, _END_SEARCH_BYTES)
    at = tail.rfind(b"PK\x05\x06")
    if at < 0:
        raise _damaged()
    end = _END.unpack_from(tail, at)
    entries, directory = end[4], end[6]
    if entries != 1:
        raise _members()
    entry = _ENTRY.unpack(_read(sent, directory, _ENTRY.size))
    if entry[0] != b"PK\x01\x02":
        raise _damaged()
    return entry, directory


def _only_entry(sent: BinaryIO) -> tuple[int, int, int, int, int]:
    """Find method, start of data, packed size, size and CRC of the one entry of a zip."""
    entry, _ = _listed(sent)
    flags, method, checksum, packed, size = entry[3], entry[4], *entry[7:10]
    if flags & _ENCRYPTED or method not in (_STORED, _DEFLATED):
        raise UnreadablePush(
            "archive-method",
            "The archive is encrypted or packed by a method other than deflate.",
            "Make a plain zip or gzip.",
        )
    offset = entry[16]
    local = _LOCAL.unpack(_read(sent, offset, _LOCAL.size))
    if local[0] != ZIP_MAGIC:
        raise _damaged()
    return method, offset + _LOCAL.size + local[9] + local[10], packed, size, checksum


def _damaged() -> UnreadablePush:
    return UnreadablePush(
        "archive-damaged",
        "The archive is damaged or ends too early.",
        "Make the archive again and send the whole of it.",
    )


def _members() -> UnreadablePush:
    return UnreadablePush(
        "archive-members",
        "The archive holds more than one file, or none.",
        "Send one file in each archive.",
    )
