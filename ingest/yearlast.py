"""Dates that have their year last: read in the order that is in force, day or month first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import polars as pl

CENTURY_FROM = 78
"""Years 78 to 99 of two digits are of the last century: no bird was tracked before 1978."""

_MONTHS = {
    name: f"m{number:02}"
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1
    )
}
_YEAR_LAST = r"^([0-9]{1,2})[/.-]([0-9]{1,2})[/.-]([0-9]{4})\b"
_SLASHED = _YEAR_LAST.replace("[/.-]", "/")
_YEAR_FIRST = {"dmy": "${3}-${2}-${1}", "mdy": "${3}-${1}-${2}"}
_CENTURIES = {"19": "7[89]|[89][0-9]", "20": "[0-6][0-9]|7[0-7]"}
_NAMED = "(?:[0-9:.]+ )?[0-9]{1,2}-m[0-9]{2}-"
_NUMBERS = "[0-9]{1,2}[/.-][0-9]{1,2}[/.-]"


@dataclass(slots=True)
class OrderInForce:
    """
    How dates with the year last are read at present.

    Attributes
    ----------
    order : str or None
        ``dmy``, ``mdy``, or None: such a date is no time, but of equal day and month.
    strict : bool
        Whether the order of a maker is not in force either: the push speaks against it.
    needed : bool
        Whether any such date was met.
    makers : str or None
        The order that the maker of the tags has of its own, in force where there is none here.
    documented : bool
        Whether the maker documents it for the very files that are read.
    assumed : bool
        Whether any date was read in that order.
    settle : callable or None
        Sets `order` and `strict` when the first such date is met.
    """

    order: str | None = None
    strict: bool = False
    needed: bool = False
    makers: str | None = None
    documented: bool = False
    assumed: bool = False
    settle: Callable[[OrderInForce], None] | None = None

    def meet(self) -> None:
        """Take note of such a date."""
        if self.settle is not None and not self.needed:
            self.settle(self)
        self.needed = True


_in_force: ContextVar[OrderInForce] = ContextVar("order_of_dates")


@contextmanager
def reading_dates(
    order: str | None, settle: Callable[[OrderInForce], None] | None = None
) -> Iterator[OrderInForce]:
    """
    Let dates with the year last be read in an order, as `decimal.localcontext` sets a precision.

    Parameters
    ----------
    order : str or None
        ``dmy`` or ``mdy``.
    settle : callable or None
        Looks for an order when one is needed, see `OrderInForce`.

    Examples
    --------
    >>> with reading_dates("dmy") as held:
    ...     year_first(pl.Series(["01/02/2018 0:00"])).to_list()
    ['2018-02-01 0:00']
    >>> held.needed
    True
    """
    held = OrderInForce(order, settle=settle)
    before = _in_force.set(held)
    try:
        yield held
    finally:
        _in_force.reset(before)


def year_first(text: pl.Series) -> pl.Series:
    """
    Put the year first in dates that have it last, in the order that is in force.

    Parameters
    ----------
    text : polars.Series of String, shape (n,)
        Times.

    Returns
    -------
    polars.Series of String, shape (n,)
        Texts of any other form, and those whose order nothing tells, as they are.
    """
    held = _in_force.get(None) or OrderInForce()
    return _ordered(text, held)


def _ordered(text: pl.Series, held: OrderInForce) -> pl.Series:
    if not text.str.contains(_YEAR_LAST).any():
        return text
    held.meet()
    if held.order is not None:
        return text.str.replace(_YEAR_LAST, _YEAR_FIRST[held.order])
    if held.makers is not None and not held.strict:
        # It holds for slashes: spreadsheets that write points put the day first.
        held.assumed |= bool(text.str.contains(_SLASHED).any())
        text = text.str.replace(_SLASHED, _YEAR_FIRST[held.makers])
    parts = text.str.extract_groups(_YEAR_LAST).struct.unnest()
    same = parts["1"].str.zfill(2) == parts["2"].str.zfill(2)
    return text.zip_with(
        ~same.fill_null(value=False), text.str.replace(_YEAR_LAST, _YEAR_FIRST["dmy"])
    )


def reordered(text: pl.Series, *, documented: bool = False) -> pl.Series:
    """
    Put the year first in ``08:20:19 06-Mar-2017``, ``06-Mar-2017 08:20``, ``3/6/2017 8:20``.

    Where all parts are numbers between slashes and no order is in force (see `reading_dates`), the
    month stands first, as spreadsheets of the United States write it. Years may have two digits.

    Parameters
    ----------
    text : polars.Series of String, shape (n,)
        Times.
    documented : bool
        Whether the maker itself writes the month first, and says so.

    Examples
    --------
    >>> reordered(pl.Series(["08:20:19 06-Mar-2017", "3/6/17 8:20"])).to_list()
    ['2017-03-06 08:20:19', '2017-3-6 8:20']
    """
    held = _in_force.get(None) or OrderInForce()
    held.makers, held.documented = "mdy", documented
    named = text.str.to_lowercase().str.replace_many(list(_MONTHS), [*_MONTHS.values()])
    moved = _full_years(named, _NAMED).str.replace(
        r"^([0-9:.]+) ([0-9]{1,2})-m([0-9]{2})-([0-9]{4})$", "${4}-${3}-${2} ${1}"
    )
    moved = moved.str.replace(r"^([0-9]{1,2})-m([0-9]{2})-([0-9]{4})\b", "${3}-${2}-${1}")
    if moved.str.contains(_behind(_NUMBERS)).any():
        held.meet()
        # Against the maker's order, 17/06/03 may have the year first: then nothing is guessed.
        moved = moved if held.strict else _full_years(moved, _NUMBERS)
    return _ordered(moved, held)


def _behind(before: str, years: str = "[0-9]{2}") -> str:
    """Give the pattern of years of two digits that stand behind `before`, as its second group."""
    return rf"^({before})({years})( |$)"


def _full_years(text: pl.Series, before: str) -> pl.Series:
    """Write the years of two digits that stand behind `before` with four."""
    for century, years in _CENTURIES.items():
        text = text.str.replace(_behind(before, years), f"${{1}}{century}${{2}}${{3}}")
    return text
