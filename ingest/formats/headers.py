"""Header lines told from rows: the first one repeated, and another one in the middle of a file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from ingest.vocabulary import term


class Headers:
    """Tells header lines among the rows."""

    def __init__(self, header: Sequence[str], marker: int) -> None:
        self._terms = _terms(header)
        self._names = set(self._terms) - {""}
        self._marker = marker
        self._marks = term(header[marker])

    def kind(self, fields: Sequence[str]) -> Literal["same", "other", ""]:
        """
        Say ``same`` of a row that repeats the header line, ``other`` of another header line.

        Another one has the name of the marker in its place or two names of the header anywhere,
        and beside such names nothing that begins as a number or a time.
        """
        terms = _terms(fields)
        if terms == self._terms:
            return "same"
        marked = len(terms) > self._marker and terms[self._marker] == self._marks != ""
        if not marked and sum(each in self._names for each in terms) < 2:
            return ""
        values = (each for each in terms if each not in self._names)
        return "" if any(each[0].isdigit() for each in values if each) else "other"


def _terms(fields: Sequence[str]) -> list[str]:
    """Names as all dialects share them, without a byte order mark and blank ones at the end."""
    terms = [term(field.lstrip("\ufeff")) for field in fields]
    while terms and not terms[-1]:
        terms.pop()
    return terms
