"""
Compressed pushes: a gzip, or the one file of a zip, inflated within bounds; no path is ever used.

A gzip may have members one after another, as `cat` and `bgzip` make it (RFC 1952, section 2.2):
they are one text. Of a zip, folders and what macOS adds to it are no files.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from io import SEEK_END, BytesIO
from typing import BinaryIO

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

ENTRIES_MAX = 1_000
"""Entries of a zip that are looked at to find the one that is a file."""

GZIP_MAGIC = b"\x1f\x8b"
ZIP_MAGIC = b"PK\x03\x04"

_END = struct.Struct("<4s4H2LH")  # end of central directory
_ENTRY = struct.Struct("<4s6H3L5H2L")  # central directory entry
_LOCAL = struct.Struct("<4s5H3L2H")  # local file header
_END_SEARCH_BYTES = 65_535 + _END.size  # the longest comment a zip may end with
_STORED, _DEFLATED = 0, 8
_OF_MACOS = b"__MACOSX/"  # what the Finder knows of a file, in a file of its own for each
_OF_FINDER = b".DS_Store"  # how a folder is shown
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
    magic = _read(sent, 0, len(ZIP_MAGIC))
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
    if _read(sent, 0, len(ZIP_MAGIC)) != ZIP_MAGIC or _is_workbook(sent):
        return []
    try:
        names = [entry.name for entry in _entries(sent) if entry.is_of_macos]
    except (struct.error, UnreadablePush):
        return []  # reading it tells why
    if not names:
        return []
    named = ", ".join(repr(name.decode("utf-8", errors="replace")[:60]) for name in names[:3])
    detail = f"Of the zip {len(names)} file(s) that macOS added were not read: {named}."
    return [Warning_("archive-members-left-out", detail)]


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
            raise _damaged()  # a zip states how long each is
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
            return _damaged()
        return UnreadablePush(
            "archive-trailing",
            f"After {self._number} whole member(s) of the gzip stand bytes that are none of it.",
            "Compress the file again, and let nothing be added to the archive.",
        )


def _unzipped(sent: BinaryIO, limit_bytes: int) -> Iterator[bytes]:
    """Content of the one file in a zip; no name in it is ever a path."""
    try:
        entry = _only_entry(sent)
        start = _start(sent, entry)
    except struct.error as error:
        raise _damaged() from error
    if start + entry.packed > sent.seek(0, SEEK_END):
        raise _damaged()
    _check_size(entry.size, limit_bytes)
    content = _pieces(sent, start, entry.packed)
    if entry.method != _STORED:
        content = _inflated(content, _RAW_BITS, entry.packed, limit_bytes)
    found, crc = 0, 0
    for piece in content:
        found, crc = found + len(piece), zlib.crc32(piece, crc)
        yield piece
    if found != entry.size or crc != entry.checksum:
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
        return _only_entry(sent).name.decode("utf-8", errors="replace")
    except (struct.error, UnreadablePush):
        return None


@dataclass(frozen=True, slots=True)
class _Entry:
    """One line of the directory of a zip; sizes and `offset` in bytes."""

    name: bytes
    flags: int
    method: int
    checksum: int
    packed: int
    size: int
    offset: int

    @property
    def is_of_macos(self) -> bool:
        """Whether macOS added it."""
        return self.name.startswith(_OF_MACOS) or self.name.split(b"/")[-1] == _OF_FINDER

    @property
    def is_folder(self) -> bool:
        """Whether it is the name of a folder and holds nothing."""
        return self.name.endswith(b"/") and not self.size


def _entries(sent: BinaryIO) -> list[_Entry]:
    """Read the directory of a zip."""
    whole = sent.seek(0, SEEK_END)
    from_byte = max(0, whole - _END_SEARCH_BYTES)
    tail = _read(sent, from_byte, _END_SEARCH_BYTES)
    at = tail.rfind(b"PK\x05\x06")
    if at < 0:
        raise _damaged()
    end = _END.unpack_from(tail, at)
    count, place = end[4], end[6]
    if not 0 < count <= ENTRIES_MAX:
        raise _members()
    found: list[_Entry] = []
    for _ in range(count):
        entry = _ENTRY.unpack(_read(sent, place, _ENTRY.size))
        if entry[0] != b"PK\x01\x02":
            raise _damaged()
        named, extra, note = entry[10:13]
        name = _read(sent, place + _ENTRY.size, named)
        place += _ENTRY.size + named + extra + note
        checksum, packed, size = entry[7:10]
        found.append(_Entry(name, entry[3], entry[4], checksum, packed, size, entry[16]))
    return found


def _only_entry(sent: BinaryIO) -> _Entry:
    """Find the one file of a zip."""
    files = [each for each in _entries(sent) if not each.is_of_macos and not each.is_folder]
    if len(files) != 1:
        raise _members()
    return files[0]


def _start(sent: BinaryIO, entry: _Entry) -> int:
    """Find where the content of a file begins [bytes]."""
    if entry.flags & _ENCRYPTED or entry.method not in (_STORED, _DEFLATED):
        raise UnreadablePush(
            "archive-method",
            "The archive is encrypted or packed by a method other than deflate.",
            "Make a plain zip or gzip.",
        )
    local = _LOCAL.unpack(_read(sent, entry.offset, _LOCAL.size))
    if local[0] != ZIP_MAGIC:
        raise _damaged()
    return int(entry.offset + _LOCAL.size + local[9] + local[10])


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
