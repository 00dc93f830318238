"""
Hostile archives as data: a recipe of bytes, and the codes they must get.

The code of a whole push stands after ``!``; codes without are of refused units; nothing means
that all is read, for what looks hostile and is not.
"""

from __future__ import annotations

import gzip
import io
import struct
import zipfile
import zlib
from collections.abc import Mapping

ROWS = b"timestamp,location-long,location-lat,tag-id\n2018-07-05 10:48:10,116.25,29.5,40001\n"

LIMIT_BYTES = 4 << 20
"""Bound that the archives are unpacked within."""


def zipped(
    *parts: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED, note: bytes = b""
) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", method) as archive:
        for name, body in parts:
            archive.writestr(zipfile.ZipInfo(name), body, method)
        archive.comment = note
    return held.getvalue()


def patched(payload: bytes, at: int, form: str, value: int) -> bytes:
    """Write a number over a field; from the end where `at` is negative."""
    made = bytearray(payload)
    struct.pack_into(form, made, at if at >= 0 else len(made) + at, value)
    return bytes(made)


def directory(payload: bytes, at: int, form: str, value: int) -> bytes:
    """Write a number over a field of the one entry of the directory."""
    return patched(payload, payload.rindex(b"PK\x01\x02") + at, form, value)


def bomb(size: int) -> bytes:
    return b"0" * size


ONE, GZ = zipped(("a.csv", ROWS)), gzip.compress(ROWS, mtime=0)
STORED = zipped(("a.csv", ROWS), method=zipfile.ZIP_STORED)

ARCHIVES: Mapping[str, tuple[bytes, str]] = {
    # names are never used, whatever they say
    **{
        f"zip named {name[:24]!r}": (zipped((name, ROWS)), "")
        for name in (
            "../../etc/passwd",
            "/etc/cron.d/a",
            "..\\..\\a.csv",
            "C:\\a.csv",
            "a\nb.csv",
            "x" * 5_000,
            "\u202efdp.csv",
            "-rf",
            "a.csv\\u0000.exe",
            "con",
            ".",
            "..",
            "",
        )
    },
    # what is no one file
    "zip of none": (zipped(), ""),
    "zip of two": (zipped(("a.csv", ROWS), ("b.csv", ROWS)), "!archive-members"),
    "zip of a thousand": (zipped(*((f"{n}", b"") for n in range(1_000))), "!archive-members"),
    "zip of a folder and a file": (zipped(("d/", b""), ("d/a.csv", ROWS)), ""),
    "zip of macOS": (zipped(("a.csv", ROWS), ("__MACOSX/._a.csv", b"\0\5\x16\7")), ""),
    "zip of a folder by macOS": (
        zipped(("d/", b""), ("d/.DS_Store", b"\0"), ("__MACOSX/d/", b""), ("d/a.csv", ROWS)),
        "",
    ),
    "zip of macOS alone": (zipped(("__MACOSX/._a.csv", ROWS)), "!archive-members"),
    "zip of two by macOS": (
        zipped(("a.csv", ROWS), ("__MACOSX/._a.csv", b""), ("b.csv", ROWS)),
        "!archive-members",
    ),
    "zip of a folder with bytes": (zipped(("d/", ROWS), ("a.csv", ROWS)), "!archive-members"),
    "zip says none": (patched(ONE, -12, "<H", 0), "!archive-members"),
    "zip says two": (patched(ONE, -12, "<H", 2), "!archive-damaged"),
    "gzip of two members": (GZ + GZ, ""),
    "gzip of members and padding": (GZ + b"\0" * 9 + GZ + b"\0" * 512, ""),
    "gzip with a tail": (GZ + b"tail", "!archive-trailing"),
    "gzip of two with a tail": (GZ + GZ + b"\0t", "!archive-trailing"),
    "gzip with a tail of one byte": (GZ + b"t", "!archive-trailing"),
    "gzip whose second member is cut": (GZ + GZ[:-9], "!archive-damaged"),
    "gzip whose second member is a byte": (GZ + GZ[:1], "!archive-damaged"),
    "gzip whose second member is damaged": (GZ + patched(GZ, -8, "<L", 7), "!archive-damaged"),
    "gzip of too many members": (gzip.compress(b"", mtime=0) * 10_001, "!archive-members"),
    "gzip with padding": (GZ + b"\0" * 512, ""),
    "zip with a comment": (zipped(("a.csv", ROWS), note=b"PK\x05\x06" * 4), "!archive-damaged"),
    "zip after a text": (b"#!/bin/sh\n" + ONE, ""),
    # archives within archives
    "gzip in gzip": (gzip.compress(GZ), "!archive-nested"),
    "zip in gzip": (gzip.compress(ONE), "!archive-nested"),
    "gzip in zip": (zipped(("a.gz", GZ)), "!archive-nested"),
    "zip in zip": (zipped(("a.zip", ONE)), "!archive-nested"),
    "workbook in gzip": (
        gzip.compress(b"PK\x03\x04xl/workbook[Content_Types].xml"),
        "",
    ),
    # bombs
    "gzip bomb": (gzip.compress(bomb(3 << 20)), "!archive-ratio"),
    "zip bomb": (zipped(("a", bomb(3 << 20))), "!archive-ratio"),
    "gzip over the bound": (gzip.compress(bomb(5 << 20)), "!archive-ratio"),
    "zip over the bound": (zipped(("a", bomb(5 << 20))), "!too-large"),
    "zip that says it is small": (
        directory(zipped(("a", bomb(3 << 20))), 24, "<L", 10),
        "!archive-ratio",
    ),
    "zip that says it is huge": (directory(ONE, 24, "<L", 0xFFFF_FFF0), "!too-large"),
    "stored over the bound": (zipped(("a", bomb(5 << 20)), method=0), "!too-large"),
    "plain over the bound": (bomb(5 << 20), "!too-large"),
    "gzip under the floor": (gzip.compress(bomb(1 << 20)), ""),
    # methods and flags
    "zip by bzip2": (zipped(("a", ROWS), method=zipfile.ZIP_BZIP2), "!archive-method"),
    "zip by lzma": (zipped(("a", ROWS), method=zipfile.ZIP_LZMA), "!archive-method"),
    "zip by method 99": (directory(ONE, 10, "<H", 99), "!archive-method"),
    "zip by shrink": (directory(ONE, 10, "<H", 1), "!archive-method"),
    "zip encrypted": (directory(ONE, 8, "<H", 1), "!archive-method"),
    "zip strongly encrypted": (directory(ONE, 8, "<H", 0x41), "!archive-method"),
    # damage
    "zip with another checksum": (directory(ONE, 16, "<L", 7), "!archive-damaged"),
    "zip with another size": (directory(ONE, 24, "<L", 7), "!archive-damaged"),
    "zip with a packed size too large": (directory(ONE, 20, "<L", 10**6), "!archive-damaged"),
    "zip with a packed size of none": (directory(ONE, 20, "<L", 0), "!archive-damaged"),
    "zip that begins elsewhere": (directory(ONE, 42, "<L", 5), "!archive-damaged"),
    "zip that begins past its end": (directory(ONE, 42, "<L", 10**6), "!archive-damaged"),
    "zip whose directory is elsewhere": (patched(ONE, -6, "<L", 3), "!archive-trailing"),
    "zip whose directory is past its end": (patched(ONE, -6, "<L", 10**6), "!archive-damaged"),
    "zip whose entry is the local header": (patched(ONE, -6, "<L", 0), "!archive-trailing"),
    "zip whose name is too long": (patched(ONE, 26, "<H", 65_535), "!archive-damaged"),
    "zip whose extra is too long": (patched(ONE, 28, "<H", 65_535), "!archive-damaged"),
    "zip without an end": (ONE[:-22], "!archive-damaged"),
    "zip cut in its end": (ONE[:-3], "!archive-damaged"),
    "zip cut in its data": (ONE[:60], "!archive-damaged"),
    "zip of four bytes": (ONE[:4], "!archive-damaged"),
    "stored with a changed byte": (STORED.replace(b"116.25", b"116.26"), "!archive-damaged"),
    "gzip of two bytes": (GZ[:2], "!archive-damaged"),
    "gzip cut in its head": (GZ[:9], "!archive-damaged"),
    "gzip cut in its data": (GZ[:30], "!archive-damaged"),
    "gzip without its checksum": (GZ[:-8], "!archive-damaged"),
    "gzip without its size": (GZ[:-4], "!archive-damaged"),
    "gzip with another checksum": (patched(GZ, -8, "<L", 7), "!archive-damaged"),
    "gzip with another size": (patched(GZ, -4, "<L", 7), "!archive-damaged"),
    "gzip by another method": (GZ[:2] + b"\x07" + GZ[3:], "!archive-damaged"),
    "gzip with reserved flags": (GZ[:3] + b"\xe0" + GZ[4:], "!archive-damaged"),
    "gzip of noise": (GZ[:10] + b"\xff" * 40, "!archive-damaged"),
    "zlib without gzip": (zlib.compress(ROWS), ""),
}
