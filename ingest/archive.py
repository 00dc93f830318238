"""Compressed pushes: one gzip or zip member, inflated within bounds; no path is ever used."""

from __future__ import annotations

import struct
import zlib

from ingest.refusal import UnreadablePush

RATIO_MAX = 200
"""Largest growth accepted: telemetry text shrinks 5- to 50-fold, bombs about 1,000-fold."""

RATIO_FLOOR_BYTES = 1_048_576
"""Growth is not judged below this size [bytes]: a MiB does no harm."""

GZIP_MAGIC = b"\x1f\x8b"
ZIP_MAGIC = b"PK\x03\x04"

_END = struct.Struct("<4s4H2LH")  # end of central directory
_ENTRY = struct.Struct("<4s6H3L5H2L")  # central directory entry
_LOCAL = struct.Struct("<4s5H3L2H")  # local file header
_END_SEARCH_BYTES = 65_535 + _END.size  # the longest comment a zip may end with
_STORED, _DEFLATED = 0, 8
_ENCRYPTED = 0x1
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
    if payload.startswith(GZIP_MAGIC):
        content = _inflate(payload, _GZIP_BITS, limit_bytes)
    elif payload.startswith(ZIP_MAGIC) and not _is_workbook(payload):
        content = _unzip(payload, limit_bytes)
    else:
        _check_size(len(payload), limit_bytes)
        return payload
    if content.startswith((GZIP_MAGIC, ZIP_MAGIC)):
        raise UnreadablePush(
            "archive-nested",
            "The archive holds another archive.",
            "Compress the file once.",
        )
    return content


def _is_workbook(payload: bytes) -> bool:
    """Whether a zip is a document of its own (xlsx) and no archive of one."""
    return b"[Content_Types].xml" in payload and b"xl/workbook" in payload


def _check_size(size: int, limit_bytes: int) -> None:
    if size > limit_bytes:
        raise UnreadablePush(
            "too-large",
            f"The push holds more than {limit_bytes:,} bytes.",
            "Send the file in parts.",
        )


def _inflate(data: bytes, window_bits: int, limit_bytes: int) -> bytes:
    """Inflate one member, up to the bound."""
    allowed = max(RATIO_FLOOR_BYTES, RATIO_MAX * len(data))
    inflater = zlib.decompressobj(window_bits)
    try:
        content = inflater.decompress(data, min(limit_bytes, allowed) + 1)
    except zlib.error as error:
        raise _damaged() from error
    _check_size(len(content), limit_bytes)
    if len(content) > allowed:
        raise UnreadablePush(
            "archive-ratio",
            f"The archive grows more than {RATIO_MAX}-fold.",
            "Send the file uncompressed.",
        )
    if not inflater.eof:
        raise _damaged()
    if inflater.unused_data.strip(b"\0"):
        raise _members()
    return content


def _unzip(payload: bytes, limit_bytes: int) -> bytes:
    """Content of the one file in a zip; names in it are never looked at."""
    try:
        method, start, packed, size, checksum = _only_entry(payload)
    except struct.error as error:
        raise _damaged() from error
    data = payload[start : start + packed]
    if len(data) != packed:
        raise _damaged()
    _check_size(size, limit_bytes)
    content = data if method == _STORED else _inflate(data, _RAW_BITS, limit_bytes)
    if len(content) != size or zlib.crc32(content) != checksum:
        raise _damaged()
    return content


def _only_entry(payload: bytes) -> tuple[int, int, int, int, int]:
    """Find method, start of data, packed size, size and CRC of the one entry of a zip."""
    at = payload.rfind(b"PK\x05\x06", max(0, len(payload) - _END_SEARCH_BYTES))
    if at < 0:
        raise _damaged()
    end = _END.unpack_from(payload, at)
    entries, directory = end[4], end[6]
    if entries != 1:
        raise _members()
    entry = _ENTRY.unpack_from(payload, directory)
    if entry[0] != b"PK\x01\x02":
        raise _damaged()
    flags, method, checksum, packed, size = entry[3], entry[4], *entry[7:10]
    if flags & _ENCRYPTED or method not in (_STORED, _DEFLATED):
        raise UnreadablePush(
            "archive-method",
            "The archive is encrypted or packed by a method other than deflate.",
            "Make a plain zip or gzip.",
        )
    offset = entry[16]
    local = _LOCAL.unpack_from(payload, offset)
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
