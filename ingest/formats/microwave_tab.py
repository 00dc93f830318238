"""Microwave Telemetry: tables of fixes and of engineering, in files named after the tag."""

from __future__ import annotations

import re
from dataclasses import replace

import polars as pl

from ingest.formats.delimited import open_sheet
from ingest.formats.layout import Layout, decode_sheet
from ingest.formats.movebank_csv import volts
from ingest.record import Decoded
from ingest.refusal import UnreadablePush
from ingest.vocabulary import term

NAME = "microwave-tab"

_WORDS = ("No Fix", "Batt Drain", "Low Voltage", "neg alt", "2D fix")
_COLUMN = "GSM_ID"
"""The tag, in tables of several tags put together."""

_FILE = re.compile(
    r"0*([0-9]{1,20})[ge](?:[ _.-][0-9]{4}-[0-9]{2}-[0-9]{2})?\.txt(?:\.gz)?", re.IGNORECASE
)

_FIXES = Layout(
    name=NAME,
    marks=frozenset({"latitude-n", "longitude-e"}),
    fields={
        "time": ("DateTime", "Date/Time"),
        "lon": ("Longitude_E", "Longitude(E)"),
        "lat": ("Latitude_N", "Latitude(N)"),
        "height_m": ("Altitude_m", "Altitude(m)"),
        "heading_deg": ("Course",),
        "satellites": ("SatelliteCount", "Satellite Count"),
        "dop": ("HDOP",),
    },
    words=_WORDS,
)

_ENGINEERING = Layout(
    name=NAME,
    marks=frozenset({"activitycount", "temperature-c", "batteryvoltage-v"}),
    fields={
        "time": ("DateTime", "Tx Date/Time"),
        "activity": ("ActivityCount", "Activity"),
        "temperature_c": ("Temperature_C", "Temperature (°C)"),
        "battery_v": ("BatteryVoltage_V", "Battery Voltage (V)"),
    },
    sensor="other",
    rule=volts,
    words=_WORDS,
)

LAYOUTS = (
    _FIXES,
    _ENGINEERING,
    # What the maker's program takes out of the Argos messages of a PTT with GPS.
    replace(_FIXES, marks=frozenset({"latitude(n)", "longitude(e)"})),
    replace(_ENGINEERING, marks=frozenset({"tx-date-time", "tx-count", "battery-voltage-(v)"})),
)


def fits(header: list[str]) -> bool:
    """Whether a header line is that of one of the tables."""
    return any(layout.fits(header) for layout in LAYOUTS)


def tag_of_file(name: str) -> str | None:
    r"""
    Read the tag in the name of a file: ``<ptt>g.txt`` of fixes, ``<ptt>e.txt`` of engineering.

    Parameters
    ----------
    name : str
        Of the file, folders before it or not; a date may follow the letter.

    Returns
    -------
    str or None
        Without leading zeros; None for the name of any other file.

    Examples
    --------
    >>> tag_of_file("00007304g-2019-03-01.txt"), tag_of_file("C:\\mti\\22915E.TXT")
    ('7304', '22915')
    >>> tag_of_file("birds.txt")
    """
    found = _FILE.fullmatch(re.split(r"[/\\]", name)[-1])
    return found[1] if found else None


def bare(tag: str) -> str:
    """
    Give a tag without the zeros before its digits: one table has them, another has not.

    Examples
    --------
    >>> bare("00007304"), bare("0"), bare("0A1")
    ('7304', '0', '0A1')
    """
    return tag.lstrip("0") or "0" if re.fullmatch("[0-9]+", tag) else tag


def decode(payload: bytes, *, tz: str, now_us: int, tag: str | None = None) -> Decoded:
    """
    Decode a table of a GSM tag, or of a PTT with GPS, of fixes or of engineering.

    A unit is a row. Where the tag had no fix it writes a word for each number (``No Fix``,
    ``Batt Drain``, ``Low Voltage``): a record without position. ``neg alt`` and ``2D fix`` stand
    for a height. One warning counts the rows of each word; any other text for a coordinate is
    refused.

    Parameters
    ----------
    payload : bytes
        UTF-8.
    tz : str
        Zone of the times: they carry none.
    now_us : int
        The present [us since 1970-01-01 UTC].
    tag : str or None
        Whose table it is: only the name of the file says it, unless a column does. Zeros before
        the digits are left out, as of the name of a file and of a column.

    Raises
    ------
    UnreadablePush
        Codes ``tag-not-named``, ``columns-missing``, ``empty``, ``line-too-long``,
        ``too-many-units``, ``zone-unknown``.

    Notes
    -----
    ``Speed`` is not kept: neither the table nor a document we know of says its unit. What a PTT
    tells of itself is of the time when it was sent (``Tx Date/Time``); the fix that the same row
    repeats is in the table of fixes.

    References
    ----------
    Columns, words and names of files: ecoReleve-Data, which imports these tables,
    https://github.com/NaturalSolutions/ecoReleve-Data
    """
    header = open_sheet(payload).header
    layout = next((each for each in LAYOUTS if each.fits(header)), None)
    if layout is None:
        return decode_sheet(_FIXES, payload, tz=tz, now_us=now_us)  # which says what is missing
    if term(_COLUMN) in map(term, header):
        layout = replace(layout, fields={"tag": (_COLUMN,), **layout.fields}, rule=_bare)
    elif tag is None:
        raise UnreadablePush(
            "tag-not-named",
            "No column names the tag: of such a table only the name of its file does.",
            "Name the file after the tag as its maker does, such as 7304g.txt (fixes) or "
            "7304e.txt (engineering), or name the tag with the push: tag=7304 (of commands, "
            "--tag 7304).",
        )
    known = None if tag is None else bare(tag)
    return decode_sheet(layout, payload, tz=tz, now_us=now_us, tag=known)


def _bare(table: pl.DataFrame) -> pl.DataFrame:
    """Tags without the zeros before them, as the names of files give them."""
    return volts(table).with_columns(pl.col("tag").str.replace("^0+([0-9]+)$", "${1}"))


decode_told = decode
