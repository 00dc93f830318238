"""Delimited text to columns of strings: a fast reader for regular files, an exact one for all."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ingest.admission import LINE_MAX_BYTES, UNITS_MAX
from ingest.doubts import noted
from ingest.encoding import UTF8_BOM, to_utf8
from ingest.formats.headers import Headers
from ingest.formats.quotes import DITTO, split, split_over_lines
from ingest.formats.trimmed import NO_ANCHORS, Anchors, Trimmed
from ingest.reasons import refuse
from ingest.record import Warning_
from ingest.refusal import Refusal, UnreadablePush

DELIMITERS = ",;\t"

PREAMBLE_MAX_BYTES = 65_536
"""Lines above a header line [bytes]; Telonics writes about twenty."""

_MARKS = re.compile(rb"^(?:" + UTF8_BOM + rb")+", re.MULTILINE)
_SEPARATOR = re.compile(rb'"?sep=(?:[,;|]|\t)"?[,;\t ]*\n', re.IGNORECASE)
"""The line that tells Excel what parts the cells, above the header line."""

BLANKS = ("", "NA", "null", "NULL")
"""Cells that hold no value; R writes NA."""


@dataclass(frozen=True)
class Sheet:
    """
    A delimited file, opened: header read, rows not yet.

    Attributes
    ----------
    header : list of str
        Column names as sent.
    delimiter : str
        One of `DELIMITERS`.
    body : bytes
        All rows, UTF-8, lines ended by LF.
    payload : bytes
        The file as it was handed in.
    above : int
        Lines of the payload before the first of the body.
    """

    header: list[str]
    delimiter: str
    body: bytes
    payload: bytes
    above: int

    @cached_property
    def lines(self) -> list[str]:
        """The lines of the body."""
        return self.body.decode("utf-8").split("\n")

    @cached_property
    def _starts(self) -> NDArray[np.int64]:
        """Offset in the payload of each of its lines [bytes]."""
        text = np.frombuffer(self.payload, dtype=np.uint8)
        breaks = np.flatnonzero(text == ord("\n"))
        if not breaks.size:
            breaks = np.flatnonzero(text == ord("\r"))
        return np.concatenate([[0], breaks + 1]).astype(np.int64)

    def origin(self, line: int) -> tuple[str, int]:
        """Text of a line of the body, and where it begins in the payload [bytes]."""
        return self.lines[line], int(self._starts[self.above + line])


@dataclass(frozen=True, slots=True)
class Rows:
    """
    The rows of a sheet.

    Attributes
    ----------
    cells : polars.DataFrame, shape (n, 2 + columns)
        ``unit``, ``line`` (index in `Sheet.lines`) and the chosen columns ``c<index>``, trimmed
        strings, null where blank.
    refused : list of Refusal
        Rows that have no cells to read.
    warnings : list of Warning_
        ``cells-left-away``.
    """

    cells: pl.DataFrame
    refused: list[Refusal]
    warnings: list[Warning_]


def open_sheet(payload: bytes) -> Sheet:
    r"""
    Read the header line of a delimited file.

    Parameters
    ----------
    payload : bytes
        The file, UTF-8 (see `to_utf8`); lines ended by LF, CRLF or CR.

    Returns
    -------
    Sheet

    Raises
    ------
    UnreadablePush
        Code ``empty`` or ``line-too-long``.

    Examples
    --------
    >>> open_sheet(b"a;b\n1;2\n").header
    ['a', 'b']
    """
    payload, _ = to_utf8(payload)  # `ingest.decode` has done it, and told what it guessed
    text = payload
    if b"\r\n" in text:
        text = text.replace(b"\r\n", b"\n")
    elif b"\r" in text and b"\n" not in text:
        text = text.replace(b"\r", b"\n")
    if UTF8_BOM in text:
        # Files put one after another bring their marks with them.
        text = _MARKS.sub(b"", text)
    bare = from_header(text)
    above = text[: len(text) - len(bare)].count(b"\n") + 1
    head, _, body = bare.partition(b"\n")
    if not head.strip():
        raise UnreadablePush("empty", "The push holds no text.", "Send a file with a header line.")
    if len(head) > LINE_MAX_BYTES:
        raise UnreadablePush(
            "line-too-long",
            "The header line is longer than 64 KiB.",
            "Send a delimited text file with one header line.",
        )
    line = head.decode("utf-8")
    unquoted = re.sub(r'"[^"]*"', "", line)
    delimiter = max(DELIMITERS, key=unquoted.count)
    cells = split(line, delimiter) or line.split(delimiter)
    return Sheet(cells, delimiter, body.rstrip(b"\n"), payload, above)


def from_header(text: bytes) -> bytes:
    r"""
    Leave out blank lines above a header line, and the one that tells Excel what parts the cells.

    Examples
    --------
    >>> from_header(b"sep=;\n\na;b\n")
    b'a;b\n'
    """
    bare = text.lstrip(b"\n \t")
    declared = _SEPARATOR.match(bare)
    return bare[declared.end() :].lstrip(b"\n \t") if declared else bare


def below(payload: bytes, header: bytes) -> bytes:
    r"""
    Blank the lines above a header line that stands below others, so that lines keep their number.

    Parameters
    ----------
    payload : bytes
        Text.
    header : bytes
        Pattern of the beginning of the header line.

    Returns
    -------
    bytes
        The payload itself where no line fits, or the first one does.

    Examples
    --------
    >>> below(b"a note\nx,y\n1,2\n", b"x,")
    b'\nx,y\n1,2\n'
    """
    found = re.search(rb"(?<![^\r\n])(?:" + header + b")", payload[:PREAMBLE_MAX_BYTES])
    if not found or not found.start():
        return payload
    end = b"\n" if b"\n" in payload else b"\r"
    above = payload[: found.start()].count(end)
    return end * above + payload[found.start() :]


def read_rows(
    sheet: Sheet, columns: Sequence[int], marker: int, anchors: Anchors = NO_ANCHORS
) -> Rows:
    """
    Read the rows of a sheet.

    Parameters
    ----------
    sheet : Sheet
        An opened file.
    columns : sequence of int
        Indices of the columns wanted.
    marker : int
        Index of a column whose name never stands as a value: where it does, the header line is
        repeated, and no unit; or it is another one, and the rows from there on are refused.
    anchors : Anchors
        Columns that a row without its last cells needs.

    Returns
    -------
    Rows
        Every data row is in `cells` or in `refused`, once.

    Raises
    ------
    UnreadablePush
        Code ``too-many-units``.
    """
    if sheet.body.count(b"\n") > 2 * UNITS_MAX:
        raise UnreadablePush(
            "too-many-units",
            f"The push holds more than {UNITS_MAX:,} lines.",
            "Send the file in parts.",
        )
    wanted = sorted({*columns, marker})
    short = Trimmed(sheet.header, anchors)
    found = _fast(sheet, wanted, marker)
    cells, refused = found or _exact(sheet, wanted, marker, short)
    names = [f"c{index}" for index in wanted]
    trimmed = cells.with_columns(pl.col(names).str.strip_chars())
    read = trimmed.with_columns(
        pl.when(~pl.col(name).is_in(BLANKS)).then(pl.col(name)) for name in names
    )
    last = len(sheet.header) - 1
    if last in columns and read.height:
        is_open = sheet.payload[-1:] not in (b"\n", b"\r")
        ends = is_open and int(read["line"][-1]) == sheet.body.count(b"\n")
        line = sheet.body[sheet.body.rfind(b"\n") + 1 :] if ends else b""
        noted().note_last_cells(read[f"c{last}"], line.decode())
    return Rows(read, refused, short.told())


def is_regular(sheet: Sheet) -> bool:
    """Whether every line is one row with as many fields as the header, quoted by the rules."""
    body = sheet.body
    if not body or b"\0" in body or b"\r" in body or len(sheet.header) == 1:
        return False
    text = np.frombuffer(body, dtype=np.uint8)
    starts, ends = _line_bounds(text)
    if int((ends - starts).max()) > LINE_MAX_BYTES or int((ends - starts).min()) == 0:
        return False
    at = np.flatnonzero(text == ord(sheet.delimiter))
    quotes = np.flatnonzero(text == ord('"'))
    if quotes.size:
        if not _quotes_are_regular(text, quotes, ends, ord(sheet.delimiter)):
            return False
        at = at[np.searchsorted(quotes, at) % 2 == 0]
    per_line = len(sheet.header) - 1
    if at.size != starts.size * per_line:
        return False
    grid = at.reshape(starts.size, per_line)
    return per_line == 0 or bool(np.all(grid[:, 0] >= starts) and np.all(grid[:, -1] < ends))


def _line_bounds(text: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Start and end offset of each line."""
    breaks = np.flatnonzero(text == ord("\n"))
    starts = np.concatenate([[0], breaks + 1]).astype(np.int64)
    ends = np.concatenate([breaks, [text.size]]).astype(np.int64)
    return starts, ends


def _quotes_are_regular(
    text: NDArray[np.uint8], quotes: NDArray[np.int64], ends: NDArray[np.int64], delimiter: int
) -> bool:
    """Whether quotes stand only at the ends of fields (or doubled) and close on their line."""
    if quotes.size % 2 or np.any(np.searchsorted(quotes, ends) % 2):
        return False
    edge = np.array([delimiter, ord("\n"), ord('"')], dtype=np.uint8)
    padded = np.concatenate([edge[1:2], text, edge[1:2]])
    return bool(
        np.all(np.isin(padded[quotes[::2]], edge))
        and np.all(np.isin(padded[quotes[1::2] + 2], edge))
    )


def _fast(
    sheet: Sheet, columns: Sequence[int], marker: int
) -> tuple[pl.DataFrame, list[Refusal]] | None:
    """Rows of a regular sheet; None where it is not one, or another header line stands in it."""
    if not is_regular(sheet):
        return None
    cells = pl.read_csv(
        sheet.body,
        has_header=False,
        separator=sheet.delimiter,
        columns=list(columns),
        infer_schema=False,
        quote_char='"',
    )
    cells.columns = [f"c{index}" for index in columns]
    cells = cells.with_row_index("line").with_columns(pl.col("line").cast(pl.Int64))
    headers = Headers(sheet.header, marker)
    # Most values of the column begin with a digit, and no name does: few lines are split here.
    maybe = cells.filter(~pl.col(f"c{marker}").str.contains(r"^\s*[0-9]").fill_null(value=False))
    skipped: list[int] = []
    for at in maybe["line"]:
        kind = headers.kind(split(sheet.lines[at], sheet.delimiter) or [])
        if kind == "other":
            return None
        if kind == "same":
            skipped.append(at)
    cells = cells.filter(~pl.col("line").is_in(skipped)) if skipped else cells
    return cells.with_columns(pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias("unit")), []


def _exact(
    sheet: Sheet, columns: Sequence[int], marker: int, short: Trimmed
) -> tuple[pl.DataFrame, list[Refusal]]:
    """Rows of any sheet, line by line; those below another header line are refused."""
    kept: list[tuple[int, int, *tuple[str, ...]]] = []
    refused: list[Refusal] = []
    unit = 0
    headers = Headers(sheet.header, marker)
    width = len(sheet.header)
    other = ""
    for at, taken, fields, code in _logical_rows(sheet):
        if not code and len(fields) > width and not any(f.strip() for f in fields[width:]):
            fields = fields[:width]  # noqa: PLW2901 - blank fields past the header carry nothing
        kind = "" if code else headers.kind(fields)
        if kind == "same":
            other = ""
            continue
        if kind == "other":
            other = "\n".join(sheet.lines[at : at + taken])
        unit += 1
        if code == DITTO:
            code = "bad-quotes" if any(fields[i].strip() == '"' for i in columns) else ""  # noqa: PLW2901 - what is read decides
        if not (other or code) and len(fields) < width:
            # A last line without an end may have been cut anywhere.
            is_open = at + taken == len(sheet.lines) and sheet.payload[-1:] not in (b"\n", b"\r")
            if not is_open and short.is_whole(fields):
                fields = short.padded(fields)  # noqa: PLW2901 - as it was before it was saved
        if other or code or len(fields) != width:
            text, offset = sheet.origin(at)
            why = "header-differs" if other else code or "ragged-row"
            refused.append(refuse(unit, text, why, offset))
        else:
            kept.append((unit, at, *(fields[index] for index in columns)))
    noted().header = other
    schema = {"unit": pl.Int64, "line": pl.Int64} | {f"c{i}": pl.String for i in columns}
    return pl.DataFrame(kept, schema=schema, orient="row"), refused


def logical_rows(sheet: Sheet) -> Iterator[tuple[int, int]]:
    """Yield first and last line of each row, as indices in `Sheet.lines`."""
    for at, taken, _, _ in _logical_rows(sheet):
        yield at, at + taken - 1


def _logical_rows(sheet: Sheet) -> Iterator[tuple[int, int, list[str], str]]:
    """Yield first line, lines, fields and refusal code of each row; blank lines are no rows."""
    lines, at = sheet.lines, 0
    while at < len(lines):
        line = lines[at].rstrip("\r")
        taken = 1
        if not line.strip() and sheet.delimiter not in line:
            at += 1
            continue
        code = ""
        fields: list[str] | None = []
        if len(line) > LINE_MAX_BYTES:
            code = "line-too-long"
        elif "\0" in line:
            code = "control-character"
        elif '"' not in line:
            fields = line.split(sheet.delimiter)
        elif line.count('"') % 2 == 0:
            fields = split(line, sheet.delimiter)
        else:
            fields, taken, code = split_over_lines(lines, at, sheet.delimiter, len(sheet.header))
        yield at, taken, fields or [], code or ("" if fields is not None else "bad-quotes")
        at += taken
