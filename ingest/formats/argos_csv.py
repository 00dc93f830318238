"""Argos CSV of the CLS web service (``getCsv``), with or without header line and SOAP."""

from __future__ import annotations

import re
from dataclasses import replace

from ingest.encoding import relocate
from ingest.formats.argos_xml import argos_rule
from ingest.formats.layout import Layout, decode_sheet, utc_times
from ingest.formats.xml import unwrap
from ingest.record import Decoded

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

fits = LAYOUT.fits

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

    The payload is the file, or the SOAP answer that holds it. ``tz`` is not
    used: Argos times are UTC.

    Raises
    ------
    UnreadablePush
        Codes ``columns-missing``, ``empty``, ``line-too-long``, ``too-many-units``.
    """
    text = unwrap(payload)
    rows = text.lstrip()
    bare = _BARE_ROW.match(rows) is not None
    decoded = decode_sheet(
        LAYOUT, _BARE_HEADER + b"\n" + rows if bare else text, tz=tz, now_us=now_us
    )
    shift = len(text) - len(rows) - len(_BARE_HEADER) - 1 if bare else 0
    refusals = [replace(each, offset=(each.offset or 0) + shift) for each in decoded.refusals]
    return Decoded(NAME, decoded.records, relocate(refusals, payload, text), decoded.warnings)
