"""A refusal: which bytes were not accepted, why, and how to mend them (a value, never raised)."""

from __future__ import annotations

from dataclasses import dataclass

EXCERPT_MAX_CHARS = 200
"""Longest excerpt kept with a refusal [characters]; the whole bytes stay in the push."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """
    One unit of a push that could not become a record.

    Attributes
    ----------
    unit : int
        Number of the unit in the push, from 1: the data row, DIAG block or JSON element.
    excerpt : str
        The start of the unit as it was sent, printable, at most `EXCERPT_MAX_CHARS` characters.
    code : str
        Stable reason code, lower case with hyphens (``latitude-out-of-range``).
    remedy : str
        One sentence that tells the sender how to mend the unit.
    offset : int or None
        Where the unit begins in the push, unpacked [bytes]; None where it has no place of its
        own, as in a spreadsheet.
    line : int or None
        Row of the sheet of a workbook, as it is numbered there.
    """

    unit: int
    excerpt: str
    code: str
    remedy: str
    offset: int | None = None
    line: int | None = None


class UnreadablePush(Exception):  # noqa: N818 - it names the push, as the receipt does
    """The push as a whole can't be read as the stated format."""

    def __init__(self, code: str, detail: str, remedy: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.remedy = remedy
