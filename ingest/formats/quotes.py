"""Quotes in delimited text: fields that run over lines, and marks that open none."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence

QUOTED_LINES_MAX = 20
"""Lines one quoted field may run over; more means a quote that was never closed."""

DITTO = "ditto"
"""Of a row in which a cell is one quote: text, unless the column is one that is read."""


def split_over_lines(
    lines: Sequence[str], at: int, delimiter: str, width: int
) -> tuple[list[str] | None, int, str]:
    """
    Split a row in which a quote is open at the end of its line.

    A quoted field may run over several lines, but never over one that is a row by itself: people
    write one quote to say "as above", and two of those would swallow the rows between them.

    Parameters
    ----------
    lines : sequence of str
        All lines.
    at : int
        The first line of the row.
    delimiter : str
        What parts the cells.
    width : int
        Fields of the header line.

    Returns
    -------
    fields : list of str or None
        None where the quotes break the rules.
    taken : int
        Lines of the row.
    code : str
        `DITTO` where the open quote is a whole cell and was taken for text, else empty.
    """
    first = _plainly(lines[at], delimiter)
    text = lines[at]
    for taken, line in enumerate(lines[at + 1 : at + QUOTED_LINES_MAX], start=2):
        if _is_row_like(_plainly(line, delimiter), first, width):
            break
        text = f"{text}\n{line}"
        if line.count('"') % 2:
            fields = split(text, delimiter)
            if fields is not None and len(fields) == width and "\0" not in text:
                return fields, taken, ""
            break
    if len(first) == width and any(cell.strip() == '"' for cell in first):
        return first, 1, DITTO
    return None, 1, ""


def _plainly(line: str, delimiter: str) -> list[str]:
    """Fields of a line in which a quote that does not close is a character like others."""
    field = rf'("(?:[^"]|"")*"(?={delimiter}|$)|[^{delimiter}]*)(?:{delimiter}|$)'
    fields = re.findall(field, line.rstrip("\r"))
    return fields[:-1] if len(fields) > 1 and not line.rstrip("\r").endswith(delimiter) else fields


def _is_row_like(fields: Sequence[str], row: Sequence[str], width: int) -> bool:
    """Whether fields are those of a whole row: numbers and times where another row has them."""
    if len(fields) != width:
        return False
    pairs = [(_kind_of(one), _kind_of(two)) for one, two in zip(fields, row, strict=False)]
    known = [(one, two) for one, two in pairs if one and two]
    return all(one == two for one, two in known) and any(one != "text" for one, _ in known)


def _kind_of(field: str) -> str:
    """Say whether a cell is a number, has digits, or is text; nothing of one blank or open."""
    bare = field.strip()
    bare = bare[1:-1] if len(bare) > 1 and bare[0] == bare[-1] == '"' else bare
    if not bare or '"' in bare:
        return ""
    if re.fullmatch(r"[+-]?[0-9]+(?:[.,][0-9]+)?", bare):
        return "number"
    return "digits" if re.search("[0-9]", bare) else "text"


def split(text: str, delimiter: str) -> list[str] | None:
    """Fields of one row, or None where its quotes break the rules of RFC 4180."""
    try:
        return next(csv.reader([text], delimiter=delimiter, strict=True), [])
    except csv.Error:
        return None
