"""
STAT (seaturtle.org): tab-separated Argos passes below a list of the columns.

STAT itself writes ``M/D/YYYY H:MM``, in every file: of that nothing is told. Only rows that speak
against it are: then a spreadsheet of another country wrote the file anew.
"""

from __future__ import annotations

import polars as pl

from ingest.clock import parse_times
from ingest.encoding import relocate
from ingest.formats.delimited import below
from ingest.formats.layout import Layout, decode_sheet
from ingest.record import Decoded
from ingest.yearlast import reordered

NAME = "stat-tab"

_HEADER = rb"uid[\t,;]tag_id[\t,;]utc\b"

LAYOUT = Layout(
    name=NAME,
    marks=frozenset({"uid", "tag-id", "utc", "lc"}),
    fields={
        "tag": ("tag_id",),
        "time": ("utc",),
        "argos_class": ("lc",),
        "lon": ("lon1",),
        "lat": ("lat1",),
        "lon2": ("lon2",),
        "lat2": ("lat2",),
    },
    times=lambda text, _: parse_times(reordered(text, documented=True), None),
    sensor="argos",
    rule=lambda table: table.with_columns(
        pl.col("tag").str.replace("^0+([0-9])", "${1}"), pl.col("argos_class").str.to_uppercase()
    ),
)

fits = LAYOUT.fits


def bare(payload: bytes) -> bytes:
    """Blank the list of the columns."""
    return below(payload, _HEADER)


def accepts(payload: bytes) -> bool:
    """Whether the header line stands below the list of columns."""
    return payload.lstrip().startswith(b"#") and bare(payload) is not payload


def decode(payload: bytes, *, tz: str = "UTC", now_us: int) -> Decoded:
    """
    Decode a STAT table.

    A unit is a row. Times are UTC, written ``M/D/YYYY H:MM``.

    ``tz`` is not used: the times are UTC.

    Raises
    ------
    UnreadablePush
        Codes ``columns-missing``, ``empty``, ``line-too-long``, ``too-many-units``.
    """
    table = bare(payload)
    decoded = decode_sheet(LAYOUT, table, tz=tz, now_us=now_us)
    refusals = relocate(decoded.refusals, payload, table)
    return Decoded(NAME, decoded.records, refusals, decoded.warnings)
