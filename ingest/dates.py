"""Times that could be read as others: what the push proves of its dates, and what is in doubt."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from typing import TypeVar

from ingest.doubts import Doubts
from ingest.patterns import SWAPPED_DATES_MIN
from ingest.reasons import printable
from ingest.record import Warning_
from ingest.refusal import UnreadablePush
from ingest.series import RISING_DATES_MIN, Series, Ways
from ingest.yearlast import CENTURY_FROM, OrderInForce, reading_dates

Read = TypeVar("Read")

DATE_ORDERS = ("dmy", "mdy")
"""What a sender may declare: 03/04/2024 is 3 April (day, month, year), or 4 March."""

MONTHS_MIN = 3
"""Different months, and different days, in which dates without a day above the 12th are many."""

_DATE, _SHORT_DATE = (
    re.compile(
        rb"(?<![0-9:/.-])([0-9]{1,2})(\\?/|[.-])([0-9]{1,2})\2(" + year + rb")(?![0-9/.-])"
        rb"(?=([ T]+[0-9]{1,2}:)?)"
    )
    for year in (rb"[0-9]{4}", rb"[0-9]{4}|[0-9]{2}(?=[ T]+[0-9]{1,2}:[0-9]{2})")
)
_YEAR_FIRST = re.compile(
    rb"(?<![0-9:/.-])[0-9]{4}(?:\\?/|[.-])([0-9]{1,2})(?:\\?/|[.-])([0-9]{1,2})(?![0-9/.-])"
)
_WORDS = {"dmy": "day/month/year", "mdy": "month/day/year"}
_OTHER = {"dmy": "mdy", "mdy": "dmy"}


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
    doubtful : bool
        Whether nothing is proven, as 17/06/03 may have its year first, and it has not the month.
    year_first : bool
        Whether it seems so: its last number takes more values than its first.
    half_swapped : bool
        Whether all dates with the year last have a day above 12, and none with it first has.
    """

    only: dict[str, int]
    proven: str | None
    low: int
    doubtful: bool = False
    year_first: bool = False
    half_swapped: bool = False


class Dates:
    r"""
    The dates of a push that have their year last, added up text by text.

    A number above 12 is a day; where there is none, the order in which dates rise from row to row
    of each tag is the one they are in. A year of two digits could as well stand first. It does not
    where one of the dates would be none, where others have four digits last, or where the first
    number takes more values than the last: days vary more than years. Where a time of day follows
    some dates, no others count: those of ringing or hatching may be written in another order.

    Parameters
    ----------
    short : bool
        Whether years may have two digits; then a time of day follows.
    tags : collection of str
        Names of columns of tags, see `Series`.

    Examples
    --------
    >>> dates = Dates()
    >>> dates.add(b"7,03/04/2024 5:06\n")
    >>> dates.add(b"7,25/04/2024 5:06\n")
    >>> dates.evidence().proven
    'dmy'
    """

    def __init__(self, *, short: bool = False, tags: Collection[str] = ()) -> None:
        self._series = Series(tags)
        self._form = _SHORT_DATE if short else _DATE
        self._timed, self._alone = _Tally(), _Tally()
        self._year_first: set[tuple[bytes, bytes]] = set()

    def add(self, text: bytes) -> None:
        """Look through whole lines of UTF-8 that follow those before."""
        for tag, part in self._series.parts(text):
            for (one, _, two, last, clock), same in groupby(self._form.findall(part), _same_date):
                tally = self._timed if clock else self._alone
                tally.add(int(one), int(two), last, len(list(same)), tag)
        self._year_first.update(_YEAR_FIRST.findall(text))

    def evidence(self) -> Evidence:
        """Return what they say together."""
        tally = self._timed if self._timed.seen else self._alone
        days = [int(day) for _, day in self._year_first]
        low = len(days) >= RISING_DATES_MIN and max(days) <= 12
        high = all(max(one, two) > 12 for one, two, _ in tally.seen)
        return replace(tally.evidence(), half_swapped=low and high and bool(tally.seen))


def _same_date(found: tuple[bytes, ...]) -> tuple[bytes, bytes, bytes, bytes, bool]:
    one, mark, two, last, clock = found
    return one, mark, two, last, bool(clock)


class _Tally:
    """Dates of one kind, added up one by one."""

    def __init__(self) -> None:
        self._only = dict.fromkeys(DATE_ORDERS, 0)
        self.seen: set[tuple[int, int, int]] = set()
        self._short: set[tuple[int, int, int]] = set()
        self._long = False
        self._ways = {order: Ways() for order in DATE_ORDERS}

    def add(self, first: int, second: int, last: bytes, count: int, tag: bytes) -> None:
        """Add a date that stands so many times in a row of a tag."""
        year = int(last)
        if len(last) == 2:
            self._short.add((first, second, year))
            year += 1900 if year >= CENTURY_FROM else 2000
        else:
            self._long = True
        if 31 >= first > 12 >= second:
            self._only["dmy"] += count
        elif 31 >= second > 12 >= first:
            self._only["mdy"] += count
        self.seen.add((first, second, year))
        self._ways["dmy"].go(tag, (year, second, first))
        self._ways["mdy"].go(tag, (year, first, second))

    def evidence(self) -> Evidence:
        """Return what they say together."""
        spread = min(len({date[part] for date in self.seen}) for part in (0, 1)) >= MONTHS_MIN
        low = len(self.seen) if spread and not any(self._only.values()) else 0
        if self._year_may_be_first():
            firsts, lasts = self._numbers()
            varied = len(self._short) >= RISING_DATES_MIN and len(lasts) > len(firsts)
            return Evidence(self._only, None, low, varied or max(firsts) > 12, varied)
        able = [order for order in DATE_ORDERS if self._only[order]]
        if not able:
            able = [order for order in DATE_ORDERS if self._ways[order].prove(by_tag=True)]
        if len(able) != 1 and not any(self._only.values()):
            able = [order for order in DATE_ORDERS if self._ways[order].prove(by_tag=False)]
        return Evidence(self._only, able[0] if len(able) == 1 else None, low)

    def _year_may_be_first(self) -> bool:
        """Whether all dates have years of two digits, which may as well be the first number."""
        if not self._short or self._long:
            return False
        firsts, lasts = self._numbers()
        if len(self._short) >= RISING_DATES_MIN and len(firsts) > len(lasts):
            return False
        return all(
            _exists(a, b, c) or not (_exists(c, b, a) or _exists(c, a, b))
            for a, b, c in self._short
        )

    def _numbers(self) -> tuple[set[int], set[int]]:
        """Give the first and the last numbers of dates with years of two digits."""
        return {each[0] for each in self._short}, {each[2] for each in self._short}


def _exists(year: int, month: int, day: int) -> bool:
    return 1 <= month <= 12 and 1 <= day <= monthrange(2000 + year, month)[1]


class Order:
    """
    The order of the dates of a push: as it was declared, or as the push itself proves.

    What proves it is looked for when something that is read needs it.

    Parameters
    ----------
    declared : str or None
        One of `DATE_ORDERS`.
    texts : callable
        Gives the text of the whole push, piece by piece.
    tags : collection of str
        Names of columns of tags, see `Series`.

    Raises
    ------
    UnreadablePush
        Code ``date-order-unknown``.
    """

    def __init__(
        self,
        declared: str | None,
        texts: Callable[[], Iterable[bytes]],
        tags: Collection[str] = (),
    ) -> None:
        if declared is not None and declared not in DATE_ORDERS:
            raise UnreadablePush(
                "date-order-unknown",
                f"There is no order of dates {declared[:60]!r}.",
                f"Declare one of {', '.join(DATE_ORDERS)}, or none.",
            )
        self._declared = declared
        self._texts, self._tags = texts, tags
        self._found: Evidence | None = None
        self._makers: str | None = None
        self._documented = False
        self._assumed = False

    def read(self, read: Callable[[], Read]) -> Read:
        """Read the push, or a piece of it, with dates in this order."""
        with reading_dates(self._declared, self._settle) as held:
            decoded = read()
        self._assumed |= held.assumed
        return decoded

    def _settle(self, held: OrderInForce) -> None:
        """Look for the order, once, when the first date is met that needs one."""
        if self._found is None:
            # By a maker's format all pieces are read, and no other has years of two digits.
            dates = Dates(short=held.makers is not None, tags=self._tags)
            for text in self._texts():
                dates.add(text)
            self._found = dates.evidence()
            self._makers, self._documented = held.makers, held.documented
        if self._declared is None:
            held.order, held.strict = self._found.proven, self._found.doubtful

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
        return [*self._told(self._found), *(_HALF_SWAPPED if self._found.half_swapped else ())]

    def _told(self, found: Evidence) -> list[Warning_]:
        if self._declared is not None:
            return _suspect(found, self._declared)
        makers = self._makers
        if makers is None or found.doubtful or not (self._assumed or found.proven):
            return _assumed(found)
        if found.proven == _OTHER[makers]:
            return _assumed(found, f" The maker's own order is {_WORDS[makers]}.")
        suspect = _suspect(found, makers)
        if suspect or self._documented:
            return suspect
        return _assumed(found) if found.proven else _makers_own(makers)


def dated(
    read: Callable[[bytes], Read], text: bytes, declared: str | None, tags: Collection[str] = ()
) -> tuple[Read, list[Warning_]]:
    """
    Read a text at once, with its dates in order; also what there is to tell of them.

    Parameters
    ----------
    read : callable
        The decoder, with all else it needs.
    text : bytes
        What it reads.
    declared, tags : see `Order`
    """
    order = Order(declared, lambda: [text], tags)
    return order.read(partial(read, text)), order.told()


def _suspect(found: Evidence, stated: str) -> list[Warning_]:
    """Say where dates speak against the order that was declared, or that the maker has."""
    other = _OTHER[stated]
    if found.only[other]:
        detail = f"{found.only[other]} date(s) are none as {_WORDS[stated]}, but are as"
        return [Warning_("day-month-suspect", f"{detail} {_WORDS[other]}.")]
    if found.year_first:
        detail = "In dates such as 17/06/03 the last number changes more often than the first"
        return [Warning_("day-month-suspect", f"{detail}: is the year first?")]
    if found.low >= SWAPPED_DATES_MIN and found.proven != stated:
        detail = f"None of {found.low} dates lies after the 12th of its month"
        return [Warning_("day-month-suspect", f"{detail}: is it {_WORDS[other]}?")]
    return []


_HALF_SWAPPED = (
    Warning_(
        "day-month-suspect",
        "All dates with the year last have a day above the 12th, and none with the year first has: "
        "did a spreadsheet take the days up to the 12th for months? Then day and month of the "
        "latter stand the wrong way round.",
    ),
)


def _makers_own(order: str) -> list[Warning_]:
    """Say that nothing but the maker's habit tells the order."""
    detail = f"Dates such as 03/04/2024 were read as {_WORDS[order]}, as tables of this maker are"
    remedy = "nothing in the push tells which. Declare date_order, dmy or mdy, to be sure."
    return [Warning_("date-order-assumed", f"{detail} most often written: {remedy}")]


def _assumed(found: Evidence, more: str = "") -> list[Warning_]:
    """Say which order was found out, or that none was."""
    if found.doubtful:
        detail = "Dates such as 17/06/03 may have the day or the year first: nothing in the push"
        remedy = "Write years with four digits, or declare date_order, dmy or mdy."
        return [Warning_("date-order-ambiguous", f"{detail} tells which. {remedy}")]
    if found.proven is None:
        why = "both orders occur" if all(found.only.values()) else "nothing in the push tells which"
        detail = f"Dates such as 03/04/2024 may have the day or the month first: {why}."
        return [Warning_("date-order-ambiguous", f"{detail} Declare date_order, dmy or mdy.")]
    count = found.only[found.proven]
    why = f"{count} of them hold a day above the 12th" if count else "so they follow each other"
    detail = f"Dates were read as {_WORDS[found.proven]}: {why}."
    return [Warning_("date-order-assumed", detail + more)]


def doubts_told(doubts: Doubts | None) -> list[Warning_]:
    """
    Tell what the times of a push leave in doubt.

    Returns
    -------
    list of Warning_
        ``time-twice``, ``time-skipped``, ``zone-mixed``, ``last-line-open``.
    """
    if doubts is None:
        return []
    found: list[Warning_] = []
    if doubts.twice:
        detail = (
            f"{doubts.twice} time(s) happened twice, as clocks were set back in {doubts.tz}; the "
            f"first in the push is {doubts.twice_first!r}. The earlier instant was taken."
        )
        found.append(Warning_("time-twice", f"{detail} {_TO_BE_SURE}"))
    if doubts.skipped:
        detail = (
            f"{doubts.skipped} time(s) never happened, as clocks were set forward in {doubts.tz}; "
            f"the first in the push is {doubts.skipped_first!r}. They were read as if clocks had "
            "not been set."
        )
        found.append(Warning_("time-skipped", f"{detail} {_TO_BE_SURE}"))
    if doubts.stated and doubts.relying:
        detail = (
            f"{doubts.stated} time(s) carry Z or an offset and keep it; {doubts.relying} carry none"
            f" and were read as {doubts.tz}. Is that their zone?"
        )
        found.append(Warning_("zone-mixed", detail))
    # Many programs end no last line: only a cell shorter than all above it looks cut.
    if doubts.open_line and doubts.open_chars < (doubts.shortest_chars or 0):
        detail = (
            f"The last line, {printable(doubts.open_line[-80:])!r}, has no line end, and its last "
            "cell is shorter than all others of its column: was the file cut there? It was stored "
            "as it is; send the whole file."
        )
        found.append(Warning_("last-line-open", detail))
    return found


_TO_BE_SURE = "Is the tag's clock set with the seasons? Send times in UTC to be sure."
