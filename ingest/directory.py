"""The directory of a zip: which files it holds and where; a name in it is never a path."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from io import SEEK_END
from typing import BinaryIO

from ingest.refusal import UnreadablePush

ENTRIES_MAX = 1_000
"""Entries of a zip that are looked at to find the one that is a file."""

ZIP_MAGIC = b"PK\x03\x04"
_END = struct.Struct("<4s4H2LH")  # end of central directory
_ENTRY = struct.Struct("<4s6H3L5H2L")  # central directory entry
_LOCAL = struct.Struct("<4s5H3L2H")  # local file header
_END_SEARCH_BYTES = 65_535 + _END.size  # the longest comment a zip may end with
STORED, _DEFLATED = 0, 8
_BETWEEN = (b"PK\x06\x06", b"PK\x05\x05")  # end record of a large zip (zip64), signature
_OF_MACOS = b"__MACOSX/"  # what the Finder knows of a file, in a file of its own for each
_OF_FINDER = b".DS_Store"  # how a folder is shown
_ENCRYPTED = 0x1


def read_at(sent: BinaryIO, start: int, size: int) -> bytes:
    """Give a stretch of a file."""
    sent.seek(start)
    return sent.read(size)


@dataclass(frozen=True, slots=True)
class Entry:
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


def entries(sent: BinaryIO) -> list[Entry]:
    """
    Read the directory of a zip.

    It stands at the offset told in the end record, and right before that, or before the records
    of a large or signed zip: where it does not, the zip was added to another, of which its end
    record knows nothing.
    """
    whole = sent.seek(0, SEEK_END)
    from_byte = max(0, whole - _END_SEARCH_BYTES)
    tail = read_at(sent, from_byte, _END_SEARCH_BYTES)
    at = tail.rfind(b"PK\x05\x06")
    if at < 0:
        raise damaged()
    end = _END.unpack_from(tail, at)
    count, size, place = end[4:7]
    behind = place + size
    if behind < from_byte + at and read_at(sent, behind, 4) not in _BETWEEN:
        raise trailing("Before the end of the zip stand bytes that are none of it.")
    if not 0 < count <= ENTRIES_MAX:
        raise members()
    found: list[Entry] = []
    for _ in range(count):
        entry = _ENTRY.unpack(read_at(sent, place, _ENTRY.size))
        if entry[0] != b"PK\x01\x02":
            raise damaged()
        named, extra, note = entry[10:13]
        name = read_at(sent, place + _ENTRY.size, named)
        place += _ENTRY.size + named + extra + note
        checksum, packed, size = entry[7:10]
        found.append(Entry(name, entry[3], entry[4], checksum, packed, size, entry[16]))
    return found


def only_entry(sent: BinaryIO) -> Entry:
    """Find the one file of a zip."""
    files = [each for each in entries(sent) if not each.is_of_macos and not each.is_folder]
    if len(files) != 1:
        raise members()
    return files[0]


def content_start(sent: BinaryIO, entry: Entry) -> int:
    """Find where the content of a file begins [bytes]."""
    if entry.flags & _ENCRYPTED or entry.method not in (STORED, _DEFLATED):
        raise UnreadablePush(
            "archive-method",
            "The archive is encrypted or packed by a method other than deflate.",
            "Make a plain zip or gzip.",
        )
    local = _LOCAL.unpack(read_at(sent, entry.offset, _LOCAL.size))
    if local[0] != ZIP_MAGIC:
        raise damaged()
    return int(entry.offset + _LOCAL.size + local[9] + local[10])


def damaged() -> UnreadablePush:
    """Refuse an archive that lacks something."""
    return UnreadablePush(
        "archive-damaged",
        "The archive is damaged or ends too early.",
        "Make the archive again and send the whole of it.",
    )


def trailing(detail: str) -> UnreadablePush:
    """Refuse an archive to which something was added."""
    return UnreadablePush(
        "archive-trailing",
        detail,
        "Compress the file again, and let nothing be added to the archive: of two archives send "
        "each by itself.",
    )


def members() -> UnreadablePush:
    """Refuse a zip of no file, or of several."""
    return UnreadablePush(
        "archive-members",
        "The archive holds more than one file, or none.",
        "Send one file in each archive.",
    )
