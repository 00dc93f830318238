"""Argos DIAG text (``.DIA``): one block of six or more lines for each satellite pass."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import polars as pl

from ingest.admission import UNITS_MAX, admit
from ingest.clock import parse_times
from ingest.formats.lines import LINE_MAX_CHARS, text_lines
from ingest.reasons import refuse
from ingest.record import RECORD_SCHEMA, Decoded, Warning_, counted
from ingest.refusal import Refusal, UnreadablePush

NAME = "argos-diag"

FIRST_YEAR = 78
"""Two-digit years from here on are 19xx, smaller ones 20xx: Argos began in 1978."""

BLOCK_LINES_MAX = 200
"""Lines one block may hold; 256 bits a message and four sensors a line need far fewer."""

_HEADER = re.compile(
    r"\s*([0-9]{1,8})\s+Date\s*:\s*([0-9]{2})\.([0-9]{2})\.([0-9]{2})\s+"
    r"([0-9]{2}:[0-9]{2}:[0-9]{2})\s+LC\s*:\s*([3210ABZG])\b"
)
BEGINS = re.compile(r"\bDate\s*:")
_CUT_HEADER = re.compile(rb"^([ 0-9]*)\r(?=[0-9]+[ \t]+Date\b)", re.MULTILINE)
"""A header whose number a carriage return parts; where lines end otherwise it is one wrong byte."""
_PLACE = re.compile(r"\bLat1\s*:")
_PROGRAM = re.compile(r"\s*Prog\s+[0-9]+\s*")
_COORDINATE = re.compile(r"(Lat1|Lon1|Lat2|Lon2)\s*:\s*(\?+|-?[0-9]*\.?[0-9]+)\s*([NSEW]?)")
_LAST_LINE = re.compile(r"Calcul freq\s*:.*Altitude\s*:\s*(\?+|-?[0-9]+)\s*k?m")


@dataclass(slots=True)
class Block:
    """The lines of one pass, and where they begin in the push [bytes]."""

    offset: int
    lines: list[str] = field(default_factory=list)
    placed: bool = False


def accepts(payload: bytes) -> bool:
    """Whether one of the first lines is the header of a block."""
    head = payload[:4_096].removeprefix(b"\xef\xbb\xbf").decode("latin-1")
    return any(_HEADER.match(line) for line in head.splitlines())


def decode(payload: bytes, *, tz: str = "UTC", now_us: int) -> Decoded:
    """
    Decode Argos DIAG text.

    A unit is a block. All spellings of forty years are read: with or without ``IQ`` (or ``LI``),
    ``Dist track`` for ``NOPC``, five or six digits of the PTT, ``Prog`` lines between blocks,
    CRLF and trailing blanks. ``???????`` makes a record without position. The PTT is the tag,
    without leading zeros: one transmitter is written ``02170`` and ``002170`` over the years.
    Sensor values are left to the raw bytes.

    The text is Latin-1. ``tz`` is not used: Argos times are UTC.

    Raises
    ------
    UnreadablePush
        Codes ``no-blocks`` and ``too-many-units``.

    References
    ----------
    CLS, Argos User's Manual, section 4 (location classes, DIAG format).
    """
    del tz
    # Else the rest of the number would be another bird's.
    whole = _CUT_HEADER.sub(rb"\1?", payload) if b"\n" in payload else payload
    blocks, outside = _blocks(text_lines(whole))
    if not blocks:
        raise UnreadablePush(
            "no-blocks",
            "No line reads 'PTT Date : dd.mm.yy HH:MM:SS  LC : class'.",
            "Send the DIAG text as CLS delivers it, or name another format.",
        )
    rows: list[dict[str, object]] = []
    refused: list[Refusal] = []
    for unit, block in enumerate(blocks, start=1):
        row = _read(block)
        if isinstance(row, str):
            refused.append(refuse(unit, "\n".join(block.lines[:2]), row, block.offset))
        else:
            rows.append({"unit": unit, **row})
    schema = {name: RECORD_SCHEMA[name] for name in _FIELDS} | _EXTRA
    candidates = pl.DataFrame(rows, schema=schema)
    candidates = candidates.with_columns(
        parse_times(candidates["time"], None).alias("time_us"), pl.lit("argos").alias("sensor")
    )
    return admit(
        candidates,
        format=NAME,
        now_us=now_us,
        origin=lambda bad: [
            (blocks[unit - 1].lines[0], blocks[unit - 1].offset) for unit in bad["unit"]
        ],
        refused=refused,
        warnings=_warnings(outside, rows),
    )


_FIELDS = ("unit", "tag", "argos_class", "lon", "lat", "lon2", "lat2")
_EXTRA: dict[str, pl.DataType] = {
    "time": pl.String(),
    "code": pl.String(),
    "mirror_cut": pl.Boolean(),
}


def block_end(payload: bytes, start: int) -> int:
    """Return where the block that begins at `start` ends: at the header line of the next."""
    lines = text_lines(payload).filter(pl.col("offset") > start)
    for line, offset in lines.iter_rows():
        if BEGINS.search(line) or _PROGRAM.fullmatch(line):
            return int(offset)
    return len(payload)


def _blocks(text: pl.DataFrame) -> tuple[list[Block], int]:
    """
    Cut text into blocks; also count the lines that belong to none.

    A header line too damaged to read still begins a block, and so does a second ``Lat1`` line:
    otherwise a lost header would let its pass vanish in the one before.
    """
    blocks: list[Block] = []
    outside = 0
    for line, offset in text.iter_rows():
        if _PROGRAM.fullmatch(line):
            continue
        placed = _PLACE.search(line) is not None
        headed = BEGINS.search(line) is not None
        current = blocks[-1] if blocks else None
        if headed or (placed and (current is None or current.placed)):
            if len(blocks) == UNITS_MAX:
                raise UnreadablePush(
                    "too-many-units",
                    f"The push holds more than {UNITS_MAX:,} blocks.",
                    "Send the file in parts.",
                )
            current = Block(offset)
            blocks.append(current)
        if current is None or len(current.lines) == BLOCK_LINES_MAX:
            outside += 1
            continue
        current.lines.append(line)
        current.placed |= placed
    return blocks, outside


def _read(block: Block) -> dict[str, object] | str:
    """Values of one block, or the code of its refusal."""
    if any(len(line) >= LINE_MAX_CHARS for line in block.lines):
        return "line-too-long"
    header = _HEADER.match(block.lines[0])
    if not header:
        return "block-header-unreadable"
    if not block.placed or not any(_LAST_LINE.search(line) for line in block.lines):
        return "block-truncated"
    ptt, day, month, year, clock, argos_class = header.groups()
    century = 19 if int(year) >= FIRST_YEAR else 20
    found = {
        name: (value, letter)
        for line in block.lines[:BLOCK_LINES_MAX]
        if _PLACE.search(line)
        for name, value, letter in _COORDINATE.findall(line)
    }
    if not {"Lat1", "Lon1"} <= found.keys():
        return "block-truncated" if len(found) < 2 else "coordinate-not-a-number"
    lat, lon = _degrees(found["Lat1"], "NS"), _degrees(found["Lon1"], "EW")
    if "unlettered" in (lat, lon):
        return "hemisphere-missing"
    if "signed" in (lat, lon):
        return "coordinate-signed"
    lat2 = _degrees(found.get("Lat2", ("?", "")), "NS")
    lon2 = _degrees(found.get("Lon2", ("?", "")), "EW")
    mirrored = any("Lat2" in line or "Lon2" in line for line in block.lines)
    cut = mirrored and not {"Lat2", "Lon2"} <= found.keys()
    cut |= bool({"unlettered", "signed"} & {lat2, lon2})
    return {
        "tag": ptt.lstrip("0") or "0",
        "time": f"{century}{year}-{month}-{day} {clock}",
        "argos_class": argos_class,
        "lat": lat,
        "lon": lon,
        "lat2": None if cut else lat2,
        "lon2": None if cut else lon2,
        "mirror_cut": cut,
    }


def _degrees(found: tuple[str, str], letters: str) -> float | str | None:
    """Signed degrees; None for ``???``; a word where the hemisphere can't be known."""
    value, letter = found
    if value.startswith("?"):
        return None
    if letter not in tuple(letters):
        return "unlettered"
    if value.startswith("-"):  # the letter is the sign: which of the two holds?
        return "signed"
    return float(value) if letter == letters[0] else -float(value)


def _warnings(outside: int, rows: list[dict[str, object]]) -> list[Warning_]:
    """Tell what was left out without a refusal."""
    cut = sum(bool(row["mirror_cut"]) for row in rows)
    return [
        *counted(
            "lines-outside-blocks",
            "{total} line(s) belong to no block and were not read.",
            {"lines": outside},
        ),
        *counted(
            "mirror-unreadable",
            "{total} mirror solution(s) without hemisphere letter, or cut, were left out.",
            {"solutions": cut},
        ),
    ]
