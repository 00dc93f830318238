"""Whose rows the lines of a table are: dates follow each other tag by tag, not row by row."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import groupby

from ingest.vocabulary import term

RISING_DATES_MIN = 5
"""
Dates in a row that prove an order where they rise (or fall) in it and not in the other: of five
in no order at all, one in sixty does.
"""

_HEADER_WITHIN_LINES = 200
"""Lines in which the header line is looked for: notes may stand above it."""

_DELIMITERS = (b",", b";", b"\t")


class Series:
    r"""
    Cuts the text of a table where the tag changes.

    Cells are parted roughly: a delimiter within quotes shifts them. What is made of it is a guess
    at whose a row is, by which rows are put together, and nothing that is stored.

    Parameters
    ----------
    names : collection of str
        Names of columns of tags, as `vocabulary.term` spells them, best first; of text in which no
        line has one of them all rows are one series.

    Examples
    --------
    >>> series = Series(["tag-id"])
    >>> list(series.parts(b"tag_id,time\n7,1\n7,2\n8,1"))
    [(b'tag_id', b'tag_id,time'), (b'7', b'7,1\n7,2'), (b'8', b'8,1')]
    """

    def __init__(self, names: Collection[str]) -> None:
        self._names = names
        self._column: tuple[bytes, int] | None = None
        self._looked = not names

    def parts(self, text: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Give tag and lines of each part of whole lines that follow those before."""
        lines = text.split(b"\n")
        if not self._looked:
            self._looked = True
            self._column = self._find(lines[:_HEADER_WITHIN_LINES])
        if self._column is None:
            yield b"", text
            return
        delimiter, index = self._column

        def tag(line: bytes) -> bytes:
            cells = line.split(delimiter, index + 1)
            return cells[index].strip(b' "') if len(cells) > index else b""

        for name, same in groupby(lines, tag):
            yield name, b"\n".join(same)

    def _find(self, lines: list[bytes]) -> tuple[bytes, int] | None:
        """Delimiter, and number of the column of the best name, of the first line that has one."""
        for line in lines:
            delimiter = max(_DELIMITERS, key=line.count)
            terms = [term(cell.decode(errors="replace")) for cell in line.split(delimiter)]
            found = next((name for name in self._names if name in terms), None)
            if found is not None and len(terms) > 1:
                return delimiter, terms.index(found)
        return None


@dataclass(slots=True)
class _Way:
    """Which way dates go from row to row, in one order of day and month."""

    before: tuple[int, int, int] | None = None
    falls: int = 0
    rises: int = 0

    def go(self, date: tuple[int, int, int]) -> None:
        before = self.before or date
        self.falls += date < before
        self.rises += date > before
        self.before = date

    @property
    def is_one(self) -> bool:
        """Whether they never fall, or never rise."""
        return not (self.falls and self.rises)

    @property
    def is_long(self) -> bool:
        return self.falls + self.rises >= RISING_DATES_MIN - 1


class Ways:
    """The ways of the dates of each tag, and of all rows as they stand."""

    def __init__(self) -> None:
        self._of: dict[bytes, _Way] = {}
        self._all = _Way()

    def go(self, tag: bytes, date: tuple[int, int, int]) -> None:
        """Add the date of a row of a tag, as year, month and day."""
        self._of.setdefault(tag, _Way()).go(date)
        self._all.go(date)

    def prove(self, *, by_tag: bool) -> bool:
        """Whether dates go one way for each tag, and long enough for one; or over all rows."""
        ways = [*self._of.values()] if by_tag else [self._all]
        return all(way.is_one for way in ways) and any(way.is_long for way in ways)
