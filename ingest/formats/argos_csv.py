"""Argos CSV of the web service of CLS (``getCsv``), in SOAP or not, and that of its web site."""

from __future__ import annotations

import re
from dataclasses import replace

import polars as pl

from ingest.clock import parse_times
from ingest.encoding import relocate
from ingest.formats.argos_xml import argos_rule
from ingest.formats.delimited import open_sheet
from ingest.formats.layout import Layout, decode_sheet, utc_times
from ingest.formats.movebank_csv import mirrored
from ingest.formats.xml import unwrap
from ingest.record import Decoded
from ingest.yearlast import reordered

NAME = "argos-csv"

LAYOUT = Layout(
    name=NAME,
    marks=frozenset({"platformid", "bestmsgdate", "locationdate"}),
    fields={
        "tag": ("platformId",),
        "time": ("locationDate", "bestMsgDate"),
        "lon": ("longitude",),
        "lat": ("latitude",),
        "height_m": ("altitude",),
        "argos_class": ("locationClass",),
        "ground_speed_m_s": ("gpsSpeed",),
        "heading_deg": ("gpsHeading",),
        "lon2": ("longitude2",),
        "lat2": ("latitude2",),
        "error_m": ("errorRadius",),
        "semi_major_m": ("semiMajor",),
        "semi_minor_m": ("semiMinor",),
        "orientation_deg": ("orientation",),
    },
    times=utc_times,
    sensor="argos",
    rule=argos_rule,
)


def _web_rule(table: pl.DataFrame) -> pl.DataFrame:
    """
    Read what the web site writes.

    The location may be either of the solutions: the other one is the mirror. The deployment's name
    is the animal's where it is not just the PTT again.
    """
    nothing = pl.lit(None, pl.Float64)
    solutions = pl.col("lon1", "lat1").cast(pl.Float64, strict=False)
    table = table.with_columns(solutions, height_m=nothing, ground_speed_m_s=nothing)
    named = pl.col("individual") != pl.col("tag")
    return argos_rule(mirrored(table.with_columns(heading_deg=nothing))).with_columns(
        pl.when(named).then(pl.col("individual"))
    )


WEB_SITE = Layout(
    name=NAME,
    marks=frozenset({"platform-id-no", "loc-quality"}),
    fields={
        "tag": ("Platform ID No.",),
        "individual": ("DeployID",),
        "time": ("Loc. date", "Loc. date=yyyy/MM/dd HH:mm:ss", "Msg Date"),
        "lon": ("Longitude",),
        "lat": ("Latitude",),
        "argos_class": ("Loc. quality",),
        "lon1": ("Long. 1",),
        "lat1": ("Lat. sol. 1",),
        "lon2": ("Long. 2", "Longitude 2"),
        "lat2": ("Lat. sol. 2", "Latitude 2"),
        "error_m": ("Error radius",),
        "semi_major_m": ("Semi-major axis",),
        "semi_minor_m": ("Semi-minor axis",),
        "orientation_deg": ("Ellipse orientation",),
    },
    times=lambda text, _: parse_times(reordered(text), None),
    sensor="argos",
    rule=_web_rule,
)
"""
Columns of the tables that people download from the web site of CLS, with commas or semicolons, and
that the portal of Wildlife Computers gives on as ``-All.csv`` with the name of the deployment. A
row is a message, as in what the web service writes. Dates have the year first, or last behind the
month; where no row proves an order, that one is assumed, with a warning. No document says the unit
of ``Altitude``, which is not read.
"""


def fits(header: list[str]) -> bool:
    """Whether a header line is that of the web service or of the web site."""
    return LAYOUT.fits(header) or WEB_SITE.fits(header)


_BARE_HEADER = (
    b'"programNumber";"platformId";"platformType";"platformModel";"platformName";"satellite";'
    b'"bestMsgDate";"duration";"nbMessage";"message120";"bestLevel";"frequency";"locationDate";'
    b'"latitude";"longitude";"altitude";"locationClass";"gpsSpeed";"gpsHeading"'
)
"""Columns of an answer that was asked for locations alone and without its header line."""

_BARE_ROW = re.compile(rb'\s*"[0-9]+";"[0-9]+";"[^"]*";"[^"]*";"[^"]*";"[A-Z0-9]{1,2}";"[0-9]{4}-')
_RESPONSE = re.compile(rb"<(?:\w+:)?csvResponse\b")


def accepts(payload: bytes) -> bool:
    """Whether the first bytes are such CSV without header line, or in a SOAP answer."""
    head = payload[:4_096]
    return _RESPONSE.search(head) is not None or _BARE_ROW.match(head) is not None


def headed(payload: bytes) -> bytes:
    """Give the file itself where it has a header line, and nothing where it has none."""
    return b"" if accepts(payload) else payload


def decode(payload: bytes, *, tz: str = "UTC", now_us: int) -> Decoded:
    """
    Decode Argos CSV.

    A unit is a row. The service writes one row for each message, and the location of its pass
    in every one of them: rows of one pass are the same record, stored once.

    The payload is the file, that of the web site (see `WEB_SITE`), or the SOAP answer that holds
    one. ``tz`` is not used: Argos times are UTC.

    Raises
    ------
    UnreadablePush
        Codes ``columns-missing``, ``empty``, ``line-too-long``, ``too-many-units``.
    """
    text = unwrap(payload)
    rows = text.lstrip()
    bare = _BARE_ROW.match(rows) is not None
    table = _BARE_HEADER + b"\n" + rows if bare else text
    layout = WEB_SITE if WEB_SITE.fits(open_sheet(table).header) else LAYOUT
    decoded = decode_sheet(layout, table, tz=tz, now_us=now_us)
    shift = len(text) - len(rows) - len(_BARE_HEADER) - 1 if bare else 0
    refusals = [replace(each, offset=(each.offset or 0) + shift) for each in decoded.refusals]
    return Decoded(NAME, decoded.records, relocate(refusals, payload, text), decoded.warnings)
