"""Dates whose year stands last: 03/04/2024 is a day of March or of April; what the push proves."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from ingest.clock import reading_dates
from ingest.patterns import SWAPPED_DATES_MIN
from ingest.record import Warning_
from ingest.refusal import UnreadablePush

Read = TypeVar("Read")

DATE_ORDERS = ("dmy", "mdy")
"""What a sender may declare: 03/04/2024 is 3 April (day, month, year), or 4 March."""

RISING_DATES_MIN = 5
"""
Dates in a row that prove an order where they rise (or fall) in it and not in the other: of five
in no order at all, one in sixty does.
"""

MONTHS_MIN = 3
"""Different months, and different days, in which dates without a day above the 12th are many."""

_DATE = re.compile(rb"(?<![0-9:/.-])([0-9]{1,2})(\\?/|[.-])([0-9]{1,2})\2([0-9]{4})(?![0-9/.-])")
_WORDS = {"dmy": "day/month/year", "mdy": "month/day/year"}


@dataclass(frozen=True, slots=True)
class Evidence:
    """
    What the dates of a push say about their order.

    Attributes
    ----------
    only : dict of str to int
        Order to how many dates are none in the other.
    proven : str or None
        The one order they can have.
    low : int
        Distinct dates, where none has a number above 12 and they are of several months.
    """

    only: dict[str, int]
    proven: str | None
    low: int


class Dates:
    r"""
    The dates of a push that have their year last, added up text by text.

    A number above 12 is a day; where there is none, the order in which dates rise from row to row
    is the one they are in.

    Examples
    --------
    >>> dates = Dates()
    >>> dates.add(b"7,03/04/2024 5:06\n")
    >>> dates.add(b"7,25/04/2024 5:06\n")
    >>> dates.evidence().proven
    'dmy'
    """

    def __init__(self) -> None:
        self._only = dict.fromkeys(DATE_ORDERS, 0)
        self._seen: set[tuple[int, int, int]] = set()
        self._ways = {order: _Way() for order in DATE_ORDERS}

    def add(self, text: bytes) -> None:
        """Look through whole lines of UTF-8 that follow those before."""
        for found in _DATE.finditer(text):
            first, second, year = int(found[1]), int(found[3]), int(found[4])
            if first > 12 >= second:
                self._only["dmy"] += 1
            elif second > 12 >= first:
                self._only["mdy"] += 1
            self._seen.add((first, second, year))
            self._ways["dmy"].go((year, second, first))
            self._ways["mdy"].go((year, first, second))

    def evidence(self) -> Evidence:
        """Return what they say together."""
        able = [order for order in DATE_ORDERS if self._only[order]]
        if not able and len(self._seen) >= RISING_DATES_MIN:
            able = [order for order in DATE_ORDERS if self._ways[order].is_one]
        spread = min(len({date[part] for date in self._seen}) for part in (0, 1)) >= MONTHS_MIN
        low = len(self._seen) if spread and not any(self._only.values()) else 0
        return Evidence(self._only, able[0] if len(able) == 1 else None, low)


@dataclass(slots=True)
class _Way:
    """Which way dates go from row to row, in one order of day and month."""

    before: tuple[int, int, int] | None = None
    falls: bool = False
    rises: bool = False

    def go(self, date: tuple[int, int, int]) -> None:
        before = self.before or date
        self.falls |= date < before
        self.rises |= date > before
        self.before = date

    @property
    def is_one(self) -> bool:
        """Whether they never fall, or never rise."""
        return not (self.falls and self.rises)


class Order:
    """
    The order of the dates of a push: as it was declared, or as the push itself proves.

    What proves it is looked for when something that is read needs it: what was read before has no
    date that it would change.

    Parameters
    ----------
    declared : str or None
        One of `DATE_ORDERS`.
    look : callable
        Gives what the dates of the whole push say.

    Raises
    ------
    UnreadablePush
        Code ``date-order-unknown``.
    """

    def __init__(self, declared: str | None, look: Callable[[], Evidence]) -> None:
        if declared is not None and declared not in DATE_ORDERS:
            raise UnreadablePush(
                "date-order-unknown",
                f"There is no order of dates {declared[:60]!r}.",
                f"Declare one of {', '.join(DATE_ORDERS)}, or none.",
            )
        self._declared = declared
        self._look = look
        self._found: Evidence | None = None
        self._makers = False

    def read(self, read: Callable[[], Read]) -> Read:
        """Read the push, or a piece of it, with dates in this order."""
        known = self._declared or (self._found.proven if self._found else None)
        with reading_dates(known) as held:
            decoded = read()
        self._makers |= held.makers
        if not held.needed or self._found is not None:
            return decoded
        self._found = self._look()
        if self._declared is None and self._found.proven is not None:
            return self.read(read)
        return decoded

    def told(self) -> list[Warning_]:
        """
        Say which order was found out, or what speaks against the one declared.

        Returns
        -------
        list of Warning_
            ``date-order-assumed``, ``date-order-ambiguous`` or ``day-month-suspect``, where times
            have the year last.
        """
        if self._found is None:
            return []
        if self._declared is not None:
            return _suspect(self._found, self._declared)
        return [] if self._found.proven is None and self._makers else _assumed(self._found)


def dated(
    read: Callable[[bytes], Read], text: bytes, declared: str | None
) -> tuple[Read, list[Warning_]]:
    """
    Read a text at once, with its dates in order; also what there is to tell of them.

    Parameters
    ----------
    read : callable
        The decoder, with all else it needs.
    text : bytes
        What it reads.
    declared : see `Order`
    """

    def look() -> Evidence:
        dates = Dates()
        dates.add(text)
        return dates.evidence()

    order = Order(declared, look)
    return order.read(partial(read, text)), order.told()


def _suspect(found: Evidence, declared: str) -> list[Warning_]:
    """Say where dates speak against the order that was declared."""
    other = "mdy" if declared == "dmy" else "dmy"
    if found.only[other]:
        detail = f"{found.only[other]} date(s) are none as {_WORDS[declared]}, but are as"
        return [Warning_("day-month-suspect", f"{detail} {_WORDS[other]}.")]
    if found.low >= SWAPPED_DATES_MIN and found.proven != declared:
        detail = f"None of {found.low} dates lies after the 12th of its month"
        return [Warning_("day-month-suspect", f"{detail}: is it {_WORDS[other]}?")]
    return []


def _assumed(found: Evidence) -> list[Warning_]:
    """Say which order was found out, or that none was."""
    if found.proven is None:
        why = "both orders occur" if all(found.only.values()) else "nothing in the push tells which"
        detail = f"Dates such as 03/04/2024 may have the day or the month first: {why}."
        return [Warning_("date-order-ambiguous", f"{detail} Declare date_order, dmy or mdy.")]
    count = found.only[found.proven]
    why = f"{count} of them hold a day above the 12th" if count else "so they follow each other"
    return [Warning_("date-order-assumed", f"Dates were read as {_WORDS[found.proven]}: {why}.")]
