"""What a push of no known format shows, and how its sender may have it read all the same."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from ingest.formats.delimited import open_sheet
from ingest.formats.layout import Layout
from ingest.formats.xml import looks_like_xml
from ingest.reasons import printable
from ingest.refusal import UnreadablePush
from ingest.vocabulary import EVENT_TERMS, columns_of, term

NAMES_MAX = 12
"""Columns of a header line that are told."""

NEAREST_MAX = 3
"""Formats that are told, with what they lack."""

_NAME_MAX_CHARS = 40
_HEAD_BYTES = 4_096
_FIRST_BYTES = 16
_OLE2 = bytes.fromhex("d0cf11e0a1b11ae1")  # the container of .xls, and of an .xlsx with a password
_DECLARE = (
    'or declare which column is which by a column mapping, {"kind": "table", "terms": '
    '{"timestamp": "…", "location-long": "…", "location-lat": "…", "tag-local-identifier": "…"}}.'
)
_EVENTS = Layout(
    name="movebank-csv",
    marks=frozenset(),
    fields={name: EVENT_TERMS[name] for name in ("tag", "time", "lon", "lat")}
    | {"tag": EVENT_TERMS["tag"] + EVENT_TERMS["individual"]},
)
"""What Movebank's table can't do without."""


def unknown(
    payload: bytes, text: bytes, layouts: Sequence[Layout], formats: Sequence[str]
) -> UnreadablePush:
    """
    Refuse a push that looks like no known format.

    Parameters
    ----------
    payload : bytes
        As sent; its first bytes will do.
    text : bytes
        The same as UTF-8.
    layouts : sequence of Layout
        Of the tables that are known by their header line.
    formats : sequence of str
        Names of all formats.

    Returns
    -------
    UnreadablePush
        Code ``format-unknown``; what was seen, which formats are nearest and what they lack.
    """
    remedy = f"Name its format, one of {', '.join(formats)}"
    root = re.search(rb"<([A-Za-z_][\w.:-]{0,80})", text[:_HEAD_BYTES])
    if kind := _kind_of_sheet(payload, text):
        seen = f"It is {kind}."
        more = "; save it in the spreadsheet, without a password, as .xlsx or as CSV UTF-8."
    elif looks_like_xml(payload) and root:
        seen, more = f"Its first element is <{root[1].decode()}>.", "."
    elif _is_binary(payload):
        seen, more = f"Its first bytes are {payload[:_FIRST_BYTES].hex(' ')}.", "."
        if payload[1:_HEAD_BYTES:2].strip(b"\0") == b"" and len(payload) > _FIRST_BYTES:
            seen += " It seems to be UTF-16 without a byte order mark."
            more = "; declare its encoding, utf-16, or send UTF-8."
    else:
        seen, more = table(text, layouts), f"; {_DECLARE}"
    return UnreadablePush(
        "format-unknown", f"The push looks like no known format. {seen}", remedy + more
    )


def table(text: bytes, layouts: Sequence[Layout]) -> str:
    """Tell the columns of a table, and what those of the nearest formats are that it lacks."""
    try:
        header = open_sheet(text).header
    except UnreadablePush as unreadable:
        return unreadable.detail
    named = ", ".join(repr(printable(n.strip()[:_NAME_MAX_CHARS])) for n in header[:NAMES_MAX])
    named += f" and {len(header) - NAMES_MAX} more" if len(header) > NAMES_MAX else ""
    lacks = {each.name: list(_lacking(each, header)) for each in (_EVENTS, *layouts)}
    near = "; ".join(f"{name} ({', '.join(lacks[name])} is missing)" for name in _nearest(lacks))
    return f"Its first line names: {named}. It is none of the nearest formats: {near}."


def _lacking(layout: Layout, header: list[str]) -> Iterator[str]:
    """Name the columns that a format can't do without, or is known by, and a header has not."""
    found = columns_of(header, layout.fields)
    names = {term(name) for name in header}
    missing = {
        term(layout.fields[field][0]): layout.fields[field][0]
        for field in ("tag", "time", "date", "clock", "lon", "lat")
        if field in layout.fields and field not in found
    }
    yield from missing.values()
    yield from sorted(layout.marks - names - missing.keys())


def _nearest(lacks: Mapping[str, list[str]]) -> list[str]:
    return sorted(lacks, key=lambda name: len(lacks[name]))[:NEAREST_MAX]


def _kind_of_sheet(payload: bytes, text: bytes) -> str:
    """Name what spreadsheets call .xls; empty for anything else."""
    if payload.startswith(_OLE2):
        return "an old workbook (.xls), or one with a password"
    head = text[:_HEAD_BYTES].lower()
    is_page = re.match(rb"\s*(?:<!doctype html[^>]*>\s*)?<(?:html|table)", head)
    return "a table in HTML" if is_page and b"<table" in head else ""


def _is_binary(payload: bytes) -> bool:
    head = payload[:_HEAD_BYTES]
    return b"\0" in head or sum(byte < 0x20 and byte not in b"\t\n\r\x1e" for byte in head) > 8
