"""
Hostile workbooks as data: a recipe of bytes, and the codes they must get.

The code of a whole push stands after ``!``; codes without are of refused units; nothing means
that all is read, for what looks hostile and is not.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping

from tests.ingest.hostile_archives import bomb, zipped

_TYPES = (
    b'<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    b'<Default Extension="xml" ContentType="application/xml"/><Default Extension="rels"'
    b' ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    b'<Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-'
    b'officedocument.spreadsheetml.sheet.main+xml"/><Override PartName="/xl/worksheets/sheet1.xml"'
    b' ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/>'
    b"</Types>"
)
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELS = (
    '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    f'<Relationship Id="rId1" Type="{_OFFICE}/{{}}" Target="{{}}"/></Relationships>'
)
_BOOK = (
    f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>'
    '<sheet name="a" sheetId="1" r:id="rId1"/></sheets></workbook>'
).encode()
HEADER = ("timestamp", "location-long", "location-lat", "tag-id")
GOOD: dict[str, str] = {
    "time": "2018-07-05 10:48:10",
    "lon": "116.25",
    "lat": "29.5",
    "tag": "40001",
}


def cell(value: str, kind: str = "inlineStr") -> str:
    if kind == "inlineStr":
        return f'<c t="inlineStr"><is><t>{value}</t></is></c>'
    return f'<c t="{kind}"><v>{value}</v></c>'


def row(*cells: str) -> str:
    return f"<row>{''.join(cells)}</row>"


def sheet(*rows: str) -> bytes:
    held = f"<sheetData>{''.join(rows)}</sheetData>"
    return f'<worksheet xmlns="{_MAIN}">{held}</worksheet>'.encode()


def three(**bad: str) -> bytes:
    """A header, a good row, one with other cells, a good row."""
    good = {name: cell(value) for name, value in GOOD.items()}
    made = [row(*good.values()), row(*(good | bad).values()), row(*good.values())]
    return sheet(row(*map(cell, HEADER)), *made)


def book(held: bytes, **parts: bytes | None) -> bytes:
    """A workbook of one sheet; parts by their last name, None to leave one out."""
    made: dict[str, bytes | None] = {
        "[Content_Types].xml": _TYPES,
        "_rels/.rels": _RELS.format("officeDocument", "xl/workbook.xml").encode(),
        "xl/workbook.xml": _BOOK,
        "xl/_rels/workbook.xml.rels": _RELS.format("worksheet", "worksheets/sheet1.xml").encode(),
        "xl/worksheets/sheet1.xml": held,
    }
    names = {
        "types": "[Content_Types].xml",
        "rels": "_rels/.rels",
        "workbook": "xl/workbook.xml",
        "links": "xl/_rels/workbook.xml.rels",
        "sheet": "xl/worksheets/sheet1.xml",
    }
    made |= {names.get(name, name): body for name, body in parts.items()}
    return zipped(*((name, body) for name, body in made.items() if body is not None))


_CELLS: tuple[tuple[str, str, str], ...] = (
    ("lat", cell("95"), "latitude-out-of-range"),
    ("lat", cell("-90.5", "n"), "latitude-out-of-range"),
    ("lat", cell("1E9", "n"), "latitude-out-of-range"),
    ("lon", cell("360.5", "n"), "longitude-out-of-range"),
    ("lon", cell("-181", "n"), "longitude-out-of-range"),
    ("lat", cell("north"), "coordinate-not-a-number"),
    ("lat", cell("29,5"), "coordinate-not-a-number"),
    ("lat", cell("29.5 N"), "coordinate-not-a-number"),
    ("lat", cell("#REF!", "e"), "coordinate-not-a-number"),
    ("lat", cell("#N/A", "e"), "coordinate-not-a-number"),
    ("lat", cell("#DIV/0!", "e"), "coordinate-not-a-number"),
    ("lon", cell("1", "b"), "coordinate-not-a-number"),
    ("lon", cell("=1+1"), "coordinate-not-a-number"),
    ("lon", cell("inf"), "coordinate-not-a-number"),
    ("lon", cell("NaN"), "coordinate-not-a-number"),
    ("lat", cell(""), "position-incomplete"),
    ("lat", "<c/>", "position-incomplete"),
    ("lon", cell("NA"), "position-incomplete"),
    ("lon", '<c t="str"><f>A1</f></c>', "position-incomplete"),
    ("time", cell("43286.45", "n"), "time-is-day-number"),
    ("time", cell("yesterday"), "time-unreadable"),
    ("time", cell("2018-02-30 1:00"), "time-unreadable"),
    ("time", cell("2018-07-05"), "time-unreadable"),
    ("time", cell("10:48:10"), "time-unreadable"),
    ("time", cell("03/04/2018 1:00"), "time-unreadable"),
    ("time", cell(""), "time-unreadable"),
    ("time", cell("TRUE"), "time-unreadable"),
    ("time", cell("1899-12-31 1:00"), "time-out-of-window"),
    ("time", cell("2080-07-05 1:00"), "time-out-of-window"),
    ("time", cell("1970-01-01 0:00"), "time-out-of-window"),
    ("tag", cell(""), "no-animal-or-tag"),
    ("tag", cell("NULL"), "no-animal-or-tag"),
    ("tag", cell("x" * 201), "name-too-long"),
    ("tag", cell("a&#127;b"), "control-character"),
    ("tag", cell("x" * 70_000), "line-too-long"),
)

_BILLION = '<!DOCTYPE a [<!ENTITY b "cc"><!ENTITY d "&b;&b;">]>'
_OUTSIDE = '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]>'
_PLAIN = three()

WORKBOOKS: Mapping[str, tuple[bytes, str]] = {
    **{
        f"{place} {value[:40]}": (book(three(**{place: value})), code)
        for place, value, code in _CELLS
    },
    "no sheet part": (book(_PLAIN, sheet=None), "!empty"),
    "no workbook part": (book(_PLAIN, workbook=None), "!workbook-unreadable"),
    "no types": (book(_PLAIN, types=None), "!workbook-unreadable"),
    "no links": (book(_PLAIN, links=None), "!workbook-unreadable"),
    "no sheets": (
        book(_PLAIN, workbook=_BOOK.replace(b'<sheet name="a" sheetId="1" r:id="rId1"/>', b"")),
        "!empty",
    ),
    "sheet is no XML": (book(b"timestamp,lon,lat\n"), "!workbook-unreadable"),
    "sheet breaks off": (book(_PLAIN[:-200]), "!workbook-unreadable"),
    "sheet is empty": (book(b""), "!workbook-unreadable"),
    "workbook is no XML": (book(_PLAIN, workbook=b"PK"), "!workbook-unreadable"),
    "types are no XML": (book(_PLAIN, types=b"{}"), "!workbook-unreadable"),
    "entities in the sheet": (book(_BILLION.encode() + _PLAIN), "!workbook-unreadable"),
    "a file in an entity": (book(_OUTSIDE.encode() + _PLAIN), "!workbook-unreadable"),
    "entities in the workbook": (
        book(_PLAIN, workbook=_BILLION.encode() + _BOOK),
        "!workbook-unreadable",
    ),
    "entities in the types": (
        book(_PLAIN, types=_BILLION.encode() + _TYPES),
        "!workbook-unreadable",
    ),
    "a shared string that is none": (book(three(tag=cell("7", "s"))), "!workbook-unreadable"),
    "a number that is none": (book(three(lat=cell("x", "n"))), "!workbook-unreadable"),
    "a row without end": (book(_PLAIN.replace(b"<row>", b'<row r="1048577">', 1)), ""),
    "a row before the first": (book(_PLAIN.replace(b"<row>", b'<row r="0">', 1)), ""),
    "rows of one number": (
        book(_PLAIN.replace(b"<row>", b'<row r="2">')),
        "",
    ),
    "rows that fall": (
        book(
            sheet(
                *(
                    row(*map(cell, cells)).replace("<row", f'<row r="{n}"')
                    for n, cells in ((9, HEADER), (4, GOOD.values()), (2, ("x", "1", "2", "7")))
                )
            )
        ),
        "time-unreadable",
    ),
    "cells that fall": (
        book(
            sheet(
                row(*map(cell, HEADER)),
                row(
                    *(
                        cell(value).replace("<c", f'<c r="{name}2"')
                        for name, value in zip(
                            "DCBA", ("7", "95", "116", GOOD["time"]), strict=True
                        )
                    )
                ),
            )
        ),
        "latitude-out-of-range",
    ),
    "a row that is no number": (
        book(_PLAIN.replace(b"<row>", b'<row r="x">', 1)),
        "!workbook-unreadable",
    ),
    "a cell that is nowhere": (
        book(_PLAIN.replace(b"<c ", b'<c r="!!" ', 1)),
        "!workbook-unreadable",
    ),
    "a cell far to the right": (
        book(three(tag=cell("40001").replace("<c", '<c r="XFD3"'))),
        "no-animal-or-tag",
    ),
    "a header of other words": (book(sheet(row(cell("a"), cell("b")))), "!columns-missing"),
    "no header": (book(sheet()), "!columns-missing"),
    "a header alone in time": (book(sheet(row(cell("timestamp")))), "!columns-missing"),
    "a bomb of cells": (book(sheet(row(cell("0" * (3 << 20))))), "!archive-ratio"),
    "a bomb in another part": (book(_PLAIN, **{"xl/media/a": bomb(5 << 20)}), "!archive-ratio"),
    "too many parts": (book(_PLAIN, **{f"a/{n}": b"" for n in range(2_001)}), "!too-large"),
    "a link outside": (
        book(_PLAIN, links=_RELS.format("worksheet", "../../../etc/passwd").encode()),
        "!empty",
    ),
    "a link to itself": (
        book(_PLAIN, links=_RELS.format("worksheet", "workbook.xml").encode()),
        "!columns-missing",
    ),
    "a protected workbook": (b"PK\x03\x04EncryptedPackage xl/workbook", "!workbook-unreadable"),
    "cut in its data": (book(_PLAIN)[:-400], "!workbook-unreadable"),
    "cut in its end": (book(_PLAIN)[:-5], "!workbook-unreadable"),
    "a changed checksum": (
        book(_PLAIN).replace(struct.pack("<L", zlib.crc32(_PLAIN)), b"\1\2\3\4"),
        "!workbook-unreadable",
    ),
}
