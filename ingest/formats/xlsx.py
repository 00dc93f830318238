"""Workbooks (xlsx): the first sheet whose header line is that of a table we read."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ingest.admission import UNITS_MAX
from ingest.mapping import SKIP_LINES_MAX
from ingest.record import Warning_
from ingest.refusal import Refusal, UnreadablePush

if TYPE_CHECKING:
    from openpyxl.worksheet._read_only import ReadOnlyWorksheet

NAME = "xlsx"

UNPACKED_MAX_BYTES = 512 << 20
"""All parts of a workbook, inflated [bytes]."""

RATIO_MAX = 200
"""Largest growth of a workbook; sheets of numbers grow 10- to 30-fold."""

RATIO_FLOOR_BYTES = 1 << 20
"""Growth is not judged below this size [bytes]."""

COLUMNS_MAX = 500
"""Columns read of a sheet; the widest Movebank table has about 100."""

CELLS_MAX = 50_000_000
"""Cells of a sheet, blank ones before the last of a row included: 50 columns of the longest."""

HEADER_ROW_MAX = SKIP_LINES_MAX + 1
"""Last row that may be a header below others: to there blank rows count, below they don't."""

PARTS_MAX = 2_000
"""Parts of a workbook: sheets, styles, pictures."""


def accepts(payload: bytes) -> bool:
    """Whether the bytes are a zip that names the parts of a workbook."""
    return payload.startswith(b"PK\x03\x04") and b"xl/workbook" in payload


@dataclass(frozen=True, slots=True)
class SheetText:
    """
    One sheet as text.

    Attributes
    ----------
    text : bytes
        CSV in UTF-8.
    rows : array of int
        Number of the row that each line of it was, as the sheet shows it.
    """

    text: bytes
    rows: NDArray[np.int64]

    def in_row(self, refusal: Refusal) -> Refusal:
        """Give a refusal the number of its row in place of an offset in the text."""
        if refusal.offset is None:
            return refusal
        row = int(self.rows[self.text.count(b"\n", 0, refusal.offset)])
        return replace(refusal, offset=None, line=row)


def sheets(payload: bytes, above: int = 0) -> Iterator[tuple[SheetText, list[Warning_]]]:
    """
    Give each sheet as CSV in UTF-8, and a warning that names the others: one alone is read.

    Times become ``2018-07-05 10:48:10``, whole numbers lose their ``.0``, formulas give the
    value they had when the workbook was saved. Lines above the header are the rows of the
    sheet; a row has as many cells as the header at least, the first row below `above` that is not
    blank.

    Parameters
    ----------
    payload : bytes
        The workbook.
    above : int
        Rows that stand above the header.

    Raises
    ------
    UnreadablePush
        Codes ``workbook-unreadable``, ``too-large``, ``archive-ratio``, ``too-many-units``.
    """
    # Slow to load, and few pushes are workbooks.
    from openpyxl import load_workbook  # noqa: PLC0415 - slow to load
    from openpyxl.worksheet._read_only import ReadOnlyWorksheet  # noqa: PLC0415 - slow to load

    _check_size(payload)
    try:
        workbook = load_workbook(
            io.BytesIO(payload), read_only=True, data_only=True, keep_links=False
        )
        for sheet in workbook.worksheets:
            if isinstance(sheet, ReadOnlyWorksheet):
                others = [other.title for other in workbook.worksheets if other is not sheet]
                yield _csv(sheet, above), _unread(sheet.title, others)
    except UnreadablePush:
        raise
    except Exception as error:
        raise _unreadable() from error


def _unread(read: str, others: list[str]) -> list[Warning_]:
    if not others:
        return []
    named = ", ".join(repr(title[:60]) for title in others[:10])
    return [
        Warning_(
            "sheets-unread", f"Of the workbook only sheet {read[:60]!r} was read, not {named}."
        )
    ]


def _csv(sheet: ReadOnlyWorksheet, above: int) -> SheetText:
    """Write one sheet as CSV."""
    held = io.StringIO()
    writer = csv.writer(held, lineterminator="\n")
    width = seen = 0
    rows: list[int] = []
    for count, (number, row) in enumerate(_rows(sheet)):
        seen += max(row, default=0)
        if count > UNITS_MAX or seen > CELLS_MAX:
            raise UnreadablePush(
                "too-many-units",
                f"The sheet has more than {UNITS_MAX:,} rows or {CELLS_MAX:,} cells.",
                "Send the file in parts.",
            )
        last = min(max(row, default=0), COLUMNS_MAX)
        cells = [_text(row.get(column)) for column in range(1, last + 1)]
        while cells and not cells[-1]:
            cells.pop()
        if not cells:
            continue
        blank = max(0, number - len(rows) - 1) if number <= HEADER_ROW_MAX else 0
        held.write("\n" * blank)
        rows += [*range(number - blank, number), number]
        if not width and len(rows) > above:
            width = len(cells)
        writer.writerow(cells + [""] * (width - len(cells)))
    text = held.getvalue().encode("utf-8", errors="replace")
    return SheetText(text, np.array(rows, dtype=np.int64))


def _rows(sheet: ReadOnlyWorksheet) -> Iterator[tuple[int, dict[int, object]]]:
    """
    Yield number, and column to value, of each row, in the order of the file.

    `iter_rows` passes over a row whose number does not rise, and over cells right of the last.
    """
    from openpyxl.worksheet._reader import WorkSheetParser  # noqa: PLC0415 - slow to load

    book = sheet.parent
    with sheet._get_source() as source:
        parser = WorkSheetParser(
            source,
            sheet._shared_strings,
            data_only=True,
            epoch=book.epoch,
            date_formats=book._date_formats,
            timedelta_formats=book._timedelta_formats,
        )
        for number, cells in parser.parse():
            yield number, {cell["column"]: cell["value"] for cell in cells}


def _text(value: object) -> str:
    """Write a cell as text, on one line."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)) and value == value // 1:
        # Of a longer number a spreadsheet has lost the last digits: in this form no name is taken.
        return str(int(value)) if abs(value) < 2**53 else f"{value:.16e}"
    if isinstance(value, datetime):
        return value.isoformat(" ")
    return " ".join(str(value).split())


def _check_size(payload: bytes) -> None:
    """Refuse a workbook that would inflate beyond bounds, by what its directory states."""
    try:
        with zipfile.ZipFile(io.BytesIO(payload)) as archive:
            parts = archive.infolist()
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError) as error:
        raise _unreadable() from error
    size = sum(part.file_size for part in parts)
    if len(parts) > PARTS_MAX or size > UNPACKED_MAX_BYTES:
        raise UnreadablePush(
            "too-large",
            f"The workbook holds more than {UNPACKED_MAX_BYTES:,} bytes.",
            "Send the sheet as CSV, in parts.",
        )
    if size > max(RATIO_FLOOR_BYTES, RATIO_MAX * len(payload)):
        raise UnreadablePush(
            "archive-ratio",
            f"The workbook grows more than {RATIO_MAX}-fold.",
            "Send the sheet as CSV.",
        )


def _unreadable() -> UnreadablePush:
    return UnreadablePush(
        "workbook-unreadable",
        "The workbook is damaged, protected or no xlsx.",
        "Save it again as xlsx without a password, or send the sheet as CSV.",
    )
