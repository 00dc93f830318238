"""What the times of a push leave in doubt though all of them are read: counted while it is read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import polars as pl

_EXAMPLE_MAX_CHARS = 40


@dataclass(slots=True)
class Doubts:
    """
    Doubts about the times of a push, or of a piece of it.

    Attributes
    ----------
    tz : str
        The zone that was in force for times that carry none.
    stated, relying : int
        Times that carry a zone of their own, and such that carry none.
    twice, skipped : int
        Times that happened twice, or never, in that zone.
    twice_first, skipped_first : str
        The first of them, as sent.
    shortest_chars : int or None
        Length of the shortest cell in the last column of a table, in lines that have an end.
    open_chars : int
        Length of the last cell of a last line that has no end.
    open_line : str
        That line; empty where there is none, or its last column is not read.
    header : str
        The header line in force at the end of a table, where it is another than the first.
    """

    tz: str = ""
    stated: int = 0
    relying: int = 0
    twice: int = 0
    twice_first: str = ""
    skipped: int = 0
    skipped_first: str = ""
    shortest_chars: int | None = None
    open_chars: int = 0
    open_line: str = ""
    header: str = ""

    def note(self, *, tz: str, relying: int, stated: int = 0) -> None:
        """Count times without and with a zone of their own."""
        self.tz = self.tz or tz
        self.relying += relying
        self.stated += stated

    def note_last_cells(self, cells: pl.Series, open_line: str) -> None:
        """
        Take note of the last column of a table.

        Parameters
        ----------
        cells : polars.Series of String
            Its cells, null where blank.
        open_line : str
            The last line, if it has no end and its row is the last of `cells`; else empty.
        """
        chars = cells.str.len_chars().fill_null(0)
        ended = chars.head(-1) if open_line else chars
        shortest = int(ended.to_numpy().min()) if ended.len() else None
        self.add(Doubts(shortest_chars=shortest))
        if open_line:
            self.open_line, self.open_chars = open_line, int(chars[-1])

    def note_jumps(self, tz: str, *, twice: pl.Series, skipped: pl.Series) -> None:
        """
        Count times at which the clocks of a zone were changed.

        Parameters
        ----------
        tz : str
            The zone.
        twice, skipped : polars.Series of String
            Times that happened twice, and never, as sent.
        """
        self.add(
            Doubts(
                tz,
                twice=twice.len(),
                twice_first=_first(twice),
                skipped=skipped.len(),
                skipped_first=_first(skipped),
            )
        )

    def add(self, other: Doubts) -> None:
        """Add those of what follows."""
        self.note(tz=other.tz, relying=other.relying, stated=other.stated)
        self.twice += other.twice
        self.twice_first = self.twice_first or other.twice_first
        self.skipped += other.skipped
        self.skipped_first = self.skipped_first or other.skipped_first
        both = (self.shortest_chars, other.shortest_chars)
        self.shortest_chars = min((chars for chars in both if chars is not None), default=None)
        if other.open_line:
            self.open_line, self.open_chars = other.open_line, other.open_chars


def _first(texts: pl.Series) -> str:
    """Give the start of the first text: blanks between date and time may be many."""
    return str(texts[0])[:_EXAMPLE_MAX_CHARS] if texts.len() else ""


_noting: ContextVar[Doubts] = ContextVar("doubts_about_times")


@contextmanager
def noting() -> Iterator[Doubts]:
    """Have doubts noted that come up while something is read."""
    doubts = Doubts()
    before = _noting.set(doubts)
    try:
        yield doubts
    finally:
        _noting.reset(before)


def noted() -> Doubts:
    """Give the place to note doubts: one that nobody reads where nobody asked for them."""
    return _noting.get(None) or Doubts()
