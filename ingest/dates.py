"""Dates whose year stands last: 03/04/2024 is a day of March or of April; what the push proves."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from ingest.clock import order_in_force, reading_dates
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


def evidence(text: bytes) -> Evidence:
    r"""
    Look through a push for dates that have their year last.

    A number above 12 is a day; where there is none, the order in which dates rise from row to row
    is the one they are in.

    Parameters
    ----------
    text : bytes
        UTF-8.

    Returns
    -------
    Evidence

    Examples
    --------
    >>> evidence(b"7,03/04/2024 5:06\n7,25/04/2024 5:06\n").proven
    'dmy'
    """
    runs: list[tuple[int, int, int]] = []
    only = {"dmy": 0, "mdy": 0}
    for found in _DATE.finditer(text):
        date = (int(found[1]), int(found[3]), int(found[4]))
        if date[0] > 12 >= date[1]:
            only["dmy"] += 1
        elif date[1] > 12 >= date[0]:
            only["mdy"] += 1
        if not runs or runs[-1] != date:
            runs.append(date)
    able = [order for order in DATE_ORDERS if only[order]]
    if not able:
        able = [order for order in DATE_ORDERS if _one_way(runs, order)]
        able = able if len(set(runs)) >= RISING_DATES_MIN else []
    spread = min(len({date[part] for date in runs}) for part in (0, 1)) >= MONTHS_MIN
    low = len(set(runs)) if spread and not any(only.values()) else 0
    return Evidence(only, able[0] if len(able) == 1 else None, low)


def _one_way(runs: list[tuple[int, int, int]], order: str) -> bool:
    """Whether dates never fall, or never rise, in an order."""
    day, month = (0, 1) if order == "dmy" else (1, 0)
    times = [(date[2], date[month], date[day]) for date in runs]
    return times == sorted(times) or times == sorted(times, reverse=True)


def dated(
    read: Callable[[bytes], Read], text: bytes, declared: str | None
) -> tuple[Read, list[Warning_]]:
    """
    Read a push whose dates are in the order that was declared, or that the push itself proves.

    Parameters
    ----------
    read : callable
        The decoder, with all else it needs.
    text : bytes
        What it reads; of a workbook the sheet is judged, see `dated_sheet`.
    declared : str or None
        One of `DATE_ORDERS`.

    Returns
    -------
    decoded
        What `read` gave.
    warnings : list of Warning_
        ``date-order-assumed``, ``date-order-ambiguous`` or ``day-month-suspect``, where times have
        the year last.

    Raises
    ------
    UnreadablePush
        Code ``date-order-unknown``.
    """
    if declared is not None and declared not in DATE_ORDERS:
        raise UnreadablePush(
            "date-order-unknown",
            f"There is no order of dates {declared[:60]!r}.",
            f"Declare one of {', '.join(DATE_ORDERS)}, or none.",
        )
    decoded, needed = _read_in(declared, read, text)
    if not needed:
        return decoded, []
    found = evidence(text)
    if declared is not None:
        return decoded, _suspect(found, declared)
    if found.proven is not None:
        decoded, _ = _read_in(found.proven, read, text)
    return decoded, _assumed(found)


def dated_sheet(read: Callable[[bytes], Read], sheet: bytes) -> tuple[Read, list[Warning_]]:
    """Read the sheet of a workbook as `dated` does, in the order declared for the workbook."""
    return dated(read, sheet, order_in_force())


def _read_in(order: str | None, read: Callable[[bytes], Read], text: bytes) -> tuple[Read, bool]:
    """Read in an order; also whether there was any need of it."""
    with reading_dates(order) as held:
        decoded = read(text)
    return decoded, held.needed


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
