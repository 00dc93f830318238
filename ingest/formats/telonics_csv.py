"""Telonics: report CSV, whose table stands below the settings of the tag."""

from __future__ import annotations

import re
from dataclasses import replace

import polars as pl

from ingest.encoding import relocate
from ingest.formats.delimited import below, open_sheet
from ingest.formats.layout import Layout, decode_sheet, utc_times
from ingest.record import Decoded
from ingest.vocabulary import tag_not_used, term

NAME = "telonics-csv"

_HEADER = rb'(?:"?CTN"?,)?"?Acquisition Time"?,'
_TAG = re.compile(rb'(?<![^\r\n])"?(?:CTN|Serial Number)"?,"?([^",\r\n]{1,40})')

_COLUMN = "CTN"
"""The tag, in reports of several tags."""

_ACQUIRED = ("Acquisition Time", "GPS Fix Time")


def _rule(table: pl.DataFrame) -> pl.DataFrame:
    """
    Take the time of a fix from the fix alone, and tell outliers.

    What has no position may be dated by the start of its attempt, or by the receipt of the message
    it came with. A quick fix that was not resolved for certain is the maker's word for an outlier.
    """
    placed = pl.col("lon").is_not_null() | pl.col("lat").is_not_null()
    return table.with_columns(
        time_us=pl.when(~placed | pl.col("acquired").is_not_null()).then("time_us"),
        marked_outlier=pl.col("attempt").str.contains("Uncertain").fill_null(value=False),
    )


LAYOUT = Layout(
    name=NAME,
    marks=frozenset({"acquisition-time", "gps-fix-attempt"}),
    fields={
        "time": (*_ACQUIRED, "Acquisition Start Time", "Receive Time"),
        "acquired": _ACQUIRED,
        "attempt": ("GPS Fix Attempt",),
        "lon": ("GPS Longitude",),
        "lat": ("GPS Latitude",),
        "height_m": ("GPS Altitude",),
        "error_m": ("GPS Horizontal Error",),
        "dop": ("GPS Horizontal Dilution",),
        "satellites": ("GPS Satellite Count",),
        "temperature_c": ("Temperature",),
        "activity": ("Activity Count",),
    },
    times=utc_times,
    rule=_rule,
)

fits = LAYOUT.fits


def bare(payload: bytes) -> bytes:
    """Blank the settings of the tag."""
    return below(payload, _HEADER)


def accepts(payload: bytes) -> bool:
    """Whether the header line of the table stands below other lines."""
    return b"GPS Fix Attempt" in payload and bare(payload) is not payload


def decode(payload: bytes, *, tz: str = "UTC", now_us: int, tag: str | None = None) -> Decoded:
    """
    Decode a Telonics report.

    A unit is a row; the tag is the ``CTN`` that a column or the lines above the table name, and
    ``tag`` where neither does. Failed attempts, and messages that bring no fix, are records without
    position: where Iridium itself heard the tag, within kilometres, is not read.

    ``tz`` is not used: reports are in UTC.

    Raises
    ------
    UnreadablePush
        Codes ``columns-missing``, ``empty``, ``line-too-long``, ``too-many-units``.
    """
    table = bare(payload)
    named = _TAG.search(payload[: len(payload) - len(table.lstrip(b"\r\n"))])
    own = named[1].decode("utf-8", errors="replace").strip() if named else None
    layout = LAYOUT
    if term(_COLUMN) in map(term, open_sheet(table).header):
        layout = replace(LAYOUT, fields={"tag": (_COLUMN,), **LAYOUT.fields})
    decoded = decode_sheet(layout, table, tz=tz, now_us=now_us, tag=own or tag)
    refusals = relocate(decoded.refusals, payload, table)
    unused = [tag_not_used(tag)] if own and tag and tag != own else []
    return Decoded(NAME, decoded.records, refusals, [*decoded.warnings, *unused])


decode_told = decode
