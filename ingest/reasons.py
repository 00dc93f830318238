"""Every reason to refuse one unit, with the sentence that tells the sender how to mend it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from unicodedata import category

from ingest.refusal import EXCERPT_MAX_CHARS, Refusal

REASONS: Mapping[str, str] = MappingProxyType(
    {
        "ragged-row": (
            "Give the row exactly as many fields as the header line. If commas part the columns,"
            " quote each number that has a decimal comma; if the last columns are blank, keep their"
            " delimiters, which spreadsheets may drop."
        ),
        "header-differs": (
            "Another header line than the first stands here or above: send the rows from it on as"
            " a file of its own, or bring all columns into one order."
        ),
        "bad-quotes": 'Close every quoted field and double a quote inside one ("").',
        "line-too-long": (
            "Keep each line or element under 64 KiB (a line of DIAG under 1,024 characters)."
        ),
        "control-character": "Remove control characters (such as NUL) from the unit.",
        "character-damaged": (
            "Send tag, individual and id with all their characters: one is cut, none of the"
            " encoding, or saved as ?? by a program (save as CSV UTF-8). Or declare the right"
            " encoding and have the push decoded again with it."
        ),
        "no-animal-or-tag": "Name the tag, the individual or both in every unit.",
        "name-rounded": (
            "A spreadsheet made a rounded number of the name (8.63844E+14), of which other names"
            " are made too: format the column as text before the names are put in, and send that."
        ),
        "name-too-long": "Keep names and ids to 200 characters, of classes too.",
        "time-unreadable": (
            "Write the time as 2018-07-05 10:48:10.000 or 2018-07-05T10:48:10Z, year first; or"
            " declare date_order (dmy, mdy) for 05/07/2018. A date alone may be a midnight that R"
            ' cut off: there write format(x, "%Y-%m-%d %H:%M:%S").'
        ),
        "year-of-two-digits": (
            "Write the year with four digits, first, as 2018-07-05 10:48:10: of 18 nothing tells"
            " that it is the year; or state the form in a mapping (time_format, %y)."
        ),
        "time-is-day-number": (
            "It looks like a spreadsheet's day number: format the column as date-time"
            " (yyyy-mm-dd hh:mm:ss) there and save the file again."
        ),
        "time-of-spreadsheet": (
            "It is a time as a spreadsheet shows it in its own language, or without its date"
            " (48:10.0): format the column there as yyyy-mm-dd hh:mm:ss and save the file again; or"
            " state its form in a mapping (time_format, as %m/%d/%Y %I:%M %p)."
        ),
        "time-is-compact": (
            "It may be a date without separators as well as a count since 1970: state its form in a"
            " mapping, as time_format %y%m%d%H%M, or %s for seconds or milliseconds since 1970."
        ),
        "time-is-count": (
            "It looks like a count of seconds or milliseconds since 1970: write the time as"
            " 2018-07-05T10:48:10Z, or read the file with a mapping (time_format %s), which takes"
            " whole counts."
        ),
        "time-out-of-window": (
            "Check the year and the tag's clock: times run from 1978 to one day from now."
        ),
        "coordinate-not-a-number": (
            "Write longitude and latitude as decimal degrees, or leave both blank; a column"
            " mapping may declare a decimal comma."
        ),
        "position-incomplete": "Give both longitude and latitude, or leave both blank.",
        "position-elsewhere": (
            "Name the coordinates as the format does (in ours lon and lat, side by side in the"
            " element): they stand under keys that it does not read; or say by a column mapping"
            " which is which."
        ),
        "latitude-out-of-range": (
            "Latitude runs from -90 to 90: check for swapped columns or a no-fix marker."
        ),
        "longitude-out-of-range": (
            "Longitude runs from -180 to 180 (of fixes also to 360): check for a no-fix marker."
        ),
        "hemisphere-missing": "Write the hemisphere letter (N, S, E, W) after the coordinate.",
        "coordinate-signed": "Write the coordinate with a hemisphere letter and without a sign.",
        "block-truncated": "Send the block again with all its lines, through 'Altitude'.",
        "block-header-unreadable": (
            "Begin the block with 'PTT Date : dd.mm.yy HH:MM:SS  LC : class'."
        ),
        "pass-header-unreadable": (
            "Begin the pass with 'program PTT lines sensors satellite' and the location, if any."
        ),
        "pass-truncated": "Send the pass again with all the lines that its header counts.",
        "sensor-count-mismatch": (
            "Give every message of the pass as many sensors as its header states."
        ),
        "xml-malformed": "Send the element again as well-formed XML, closed to the end.",
        "json-malformed": "Send the element as one valid JSON object (RFC 8259).",
        "json-cut": (
            "Send the whole push: from here to its end the JSON does not close. It was cut on the"
            " way (check Content-Length and time-outs), or lacks a bracket or quote here."
        ),
        "json-tail": (
            "Let nothing follow the array of elements: what stands from here on was not read."
            " Send one document in a push, or one object a line."
        ),
        "not-an-object": 'Send each element as a JSON object, {"tag": ..., "time": ...}.',
        "duplicate-key": "Name each key of the element once.",
        "field-missing": (
            "Every element needs time, and tag or individual; of keys with other names a column"
            " mapping says which is which."
        ),
        "field-type": (
            "Send numbers as JSON numbers, names as strings, marked_outlier as true or false."
        ),
        "field-out-of-range": "Keep the value inside the range the format documents.",
        "nesting-too-deep": "Send a flat object: no field of this format holds another object.",
        "deploy-off-before-on": "Let the deployment end after it begins.",
        "deployment-incomplete": "Name both the tag (tag-id) and the animal (animal-id).",
        "geometry-type": "Give each feature a Polygon or MultiPolygon as its geometry.",
        "not-a-point": "Give the feature a Point as its geometry, or null.",
        "geometry-malformed": (
            "Write rings as arrays of four or more [longitude, latitude] pairs, closed (RFC 7946)."
        ),
        "geometry-empty": "Repair the polygon: it crosses itself so that no area is left.",
        "class-missing": "Give each feature the property that names its class.",
        "date-unreadable": "Write since when as 1999-07-21 or 1999, or leave it blank.",
        "srid-differs": "Give every geometry the SRID that the table of its layer states.",
        "across-antimeridian": "Cut the polygon at the antimeridian, in longitude and latitude.",
    }
)
"""Stable refusal code to remedy. A code is never renamed: partners match on it."""


def refuse(unit: int, excerpt: str, code: str, offset: int | None = None) -> Refusal:
    r"""
    Make the refusal of one unit.

    Parameters
    ----------
    unit : int
        Number of the unit in the push, from 1.
    excerpt : str
        The unit as it was sent; cut and made printable here.
    code : str
        A key of `REASONS`.
    offset : int or None
        Where the unit begins [bytes].

    Returns
    -------
    Refusal

    Examples
    --------
    >>> refuse(3, "a,b\n", "bad-quotes").remedy
    'Close every quoted field and double a quote inside one ("").'
    """
    return Refusal(unit, printable(excerpt), code, REASONS[code], offset)


def printable(text: str) -> str:
    """Return the start of `text` with unprintable characters shown as U+FFFD; blanks stay."""
    head = text[:EXCERPT_MAX_CHARS]
    return "".join(
        c if c.isprintable() or c == "\t" or category(c) == "Zs" else "\ufffd" for c in head
    )
