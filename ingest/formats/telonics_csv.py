"""Telonics: report CSV, whose table stands below the settings of the tag."""

from __future__ import annotations

import re

import polars as pl

from ingest.encoding import relocate
from ingest.formats.delimited import below
from ingest.formats.layout import Layout, decode_sheet, utc_times
from ingest.record import Decoded
from ingest.vocabulary import tag_not_used

NAME = "telonics-csv"

_HEADER = rb'"?Acquisition Time"?,'
_TAG = re.compile(rb'^"?(?:CTN|Serial Number)"?,"?([^",\r\n]{1,40})', re.MULTILINE)

LAYOUT = Layout(
    name=NAME,
    marks=frozenset({"acquisition-time", "gps-fix-attempt"}),
    fields={
        "time": ("Acquisition Time",),
        "attempt": ("GPS Fix Attempt",),
        "lon": ("GPS Longitude",),
        "lat": ("GPS Latitude",),
        "height_m": ("GPS Altitude",),
        "error_m": ("GPS Horizontal Error",),
        "dop": ("GPS Horizontal Dilution",),
        "satellites": ("GPS Satellite Count",),
        "temperature_c": ("Temperature",),
    },
    times=utc_times,
    # A quick fix that was not resolved for certain is the maker's word for an outlier.
    rule=lambda table: table.with_columns(
        marked_outlier=pl.col("attempt").str.contains("Uncertain").fill_null(value=False)
    ),
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

    A unit is a row; the tag is the ``CTN`` that the lines above the table name, and ``tag`` where
    they do not. Failed attempts are records without position.

    ``tz`` is not used: reports are in UTC.

    Raises
    ------
    UnreadablePush
        Codes ``columns-missing``, ``empty``, ``line-too-long``, ``too-many-units``.
    """
    table = bare(payload)
    named = _TAG.search(payload[: len(payload) - len(table.lstrip(b"\n"))])
    own = named[1].decode("utf-8", errors="replace").strip() if named else None
    decoded = decode_sheet(LAYOUT, table, tz=tz, now_us=now_us, tag=own or tag)
    refusals = relocate(decoded.refusals, payload, table)
    unused = [tag_not_used(tag)] if own and tag and tag != own else []
    return Decoded(NAME, decoded.records, refusals, [*decoded.warnings, *unused])


decode_told = decode
