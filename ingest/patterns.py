"""Times written to a pattern that a data manager states: ``%d/%m/%Y %H:%M``, columnar and total."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from types import MappingProxyType

import polars as pl

from ingest.clock import parse_times
from ingest.yearlast import CENTURY_FROM

PATTERN_MAX_CHARS = 100
"""Longest pattern [characters]; the longest date in use has about 40."""

_PARTS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "Y": ("year", "[0-9]{4}"),
        "y": ("short_year", "[0-9]{2}"),
        "m": ("month", "[0-9]{1,2}"),
        "b": ("month_name", "[A-Za-z]{3}"),
        "d": ("day", "[0-9]{1,2}"),
        "H": ("hour", "[0-9]{1,2}"),
        "I": ("half_hour", "[0-9]{1,2}"),
        "p": ("half", "[AaPp][Mm]"),
        "M": ("minute", "[0-9]{1,2}"),
        "S": ("second", "[0-9]{1,2}"),
        "f": ("fraction", "[0-9]{1,9}"),
        "z": ("offset", "Z|[+-](?:0[0-9]|1[0-4])(?::?[0-5][0-9])?"),
    }
)
"""Letter after the percent sign to part of a time and what it may be, as in `strftime`."""

_NEEDED = (("Y", "y"), ("m", "b"), ("d",), ("H", "I"))
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


class PatternRefused(ValueError):  # noqa: N818 - it names the pattern, as UnreadablePush the push
    """The text is no pattern of a time; the message says why and how to mend it."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """
    A pattern, read.

    Attributes
    ----------
    expression : str
        Regular expression with a named group for each part.
    letters : str
        The letters of the pattern, in its order.
    """

    expression: str
    letters: str


@cache
def pattern(text: str) -> Pattern:
    """
    Read a pattern: ``%Y %y %m %b %d %H %I %p %M %S %f %z``, all else stands for itself.

    Raises
    ------
    PatternRefused
        A letter is unknown or stands twice, or the pattern gives no whole time.

    Examples
    --------
    >>> pattern("%d.%m.%Y %H:%M").letters
    'dmYHM'
    """
    if len(text) > PATTERN_MAX_CHARS:
        raise PatternRefused(f"It is longer than {PATTERN_MAX_CHARS} characters. Shorten it.")
    made, letters = [], ""
    for literal, letter in re.findall(r"([^%]+)|%(.?)", text, re.DOTALL):
        if literal or letter == "%":
            # One blank in the pattern stands for any number of them, as in strptime.
            made.append(re.sub(r"(\\?\s)+", " +", re.escape(literal or "%")))
        elif letter not in _PARTS:
            raise PatternRefused(
                f"%{letter} is not known. Use {', '.join(f'%{x}' for x in _PARTS)}."
            )
        elif letter in letters:
            raise PatternRefused(f"%{letter} stands twice. Name each part once.")
        else:
            name, form = _PARTS[letter]
            made.append(f"(?P<{name}>{form})")
            letters += letter
    _check(letters)
    return Pattern("^" + "".join(made) + "$", letters)


def _check(letters: str) -> None:
    for group in _NEEDED:
        named = [letter for letter in group if letter in letters]
        words = " or ".join(f"%{letter}" for letter in group)
        if not named:
            raise PatternRefused(f"It has no {words}. A fix needs its date and its hour.")
        if len(named) > 1:
            raise PatternRefused(f"It has {' and '.join(f'%{x}' for x in named)}. Keep one.")
    if ("I" in letters) != ("p" in letters):
        raise PatternRefused("%I and %p go together: hours to 12, and AM or PM.")


def parse_by(text: pl.Series, tz: str, stated: str) -> pl.Series:
    """
    Read times by a pattern.

    Parameters
    ----------
    text : polars.Series of String, shape (n,)
        Times without surrounding blanks.
    tz : str
        Zone of times that carry none, see `clock.zone`.
    stated : str
        The pattern, see `pattern`.

    Returns
    -------
    polars.Series of Int64, shape (n,)
        Time [us since 1970-01-01 UTC], null where the text is no time of this pattern.

    Examples
    --------
    >>> parse_by(pl.Series(["31/12/2017 16:00"]), "UTC-8", "%d/%m/%Y %H:%M").to_list()
    [1514764800000000]
    """
    form = pattern(stated)
    names = [_PARTS[letter][0] for letter in form.letters]
    parts = text.str.extract_groups(form.expression).struct.rename_fields(names).struct.unnest()
    missing = [name for name, _ in _PARTS.values() if name not in parts.columns]
    parts = parts.with_columns(pl.lit(None, pl.String).alias(name) for name in missing)
    written = parts.select(
        pl.concat_str(
            _year(), pl.lit("-"), _month(), pl.lit("-"), "day", pl.lit(" "), _hour(), pl.lit(":"),
            pl.col("minute").fill_null("00").str.zfill(2), pl.lit(":"),
            pl.col("second").fill_null("00").str.zfill(2), pl.lit("."),
            pl.col("fraction").fill_null("0"), pl.col("offset").fill_null(""),
        ).alias("time")
    )["time"]  # fmt: skip
    return parse_times(written, tz)


def _year() -> pl.Expr:
    short = pl.col("short_year")
    last = short.cast(pl.Int64) >= CENTURY_FROM
    full = pl.when(last).then(pl.lit("19") + short).otherwise(pl.lit("20") + short)
    return pl.coalesce("year", full)


def _month() -> pl.Expr:
    numbers = {name: str(number) for number, name in enumerate(_MONTHS, start=1)}
    named = pl.col("month_name").str.to_lowercase()
    return pl.coalesce("month", named.replace_strict(numbers, default=None, return_dtype=pl.String))


def _hour() -> pl.Expr:
    half = pl.col("half_hour").cast(pl.Int64)
    late = pl.when(pl.col("half").str.to_lowercase() == "pm").then(12).otherwise(0)
    clock = pl.when(half.is_between(1, 12)).then(half % 12 + late)
    return pl.coalesce("hour", clock.cast(pl.String))


SWAPPED_DATES_MIN = 20
"""
Distinct dates without a day above the 12th that make a swap suspect. Of 20 days drawn at random
12 in 30.4 are so low with a chance of 1e-8; of 20 days in a row none are.
"""


_SWAPPED = {"%d": "%m", "%m": "%d"}


class Swaps:
    """
    Judges over the times of a push, all at once or in pieces, how a pattern orders day and month.

    Two signs that they stand the other way round: times that are none as stated, but are with
    day and month swapped; or many dates with no day above the 12th, spread over several months,
    as a month read for a day gives.

    Parameters
    ----------
    stated : str
        The pattern.

    Examples
    --------
    >>> swaps = Swaps("%d/%m/%Y %H:%M")
    >>> swaps.add(pl.Series(["07/05/2018 08:00", "07/25/2018 08:00"]))
    >>> swaps.suspect()
    '1 time(s) are none as %d/%m/%Y %H:%M, but are as %m/%d/%Y %H:%M.'
    """

    def __init__(self, stated: str) -> None:
        self._stated = stated
        self._other = re.sub("%.", lambda part: _SWAPPED.get(part[0], part[0]), stated)
        self._only_other = 0
        self._dates: set[date] = set()

    def add(self, text: pl.Series) -> None:
        """
        Look at some of the times.

        Parameters
        ----------
        text : polars.Series of String, shape (n,)
            Times as sent.
        """
        if not {"d", "m"} <= set(pattern(self._stated).letters):
            return
        mine, theirs = parse_by(text, "UTC", self._stated), parse_by(text, "UTC", self._other)
        self._only_other += int((mine.is_null() & theirs.is_not_null()).sum())
        dates = mine.drop_nulls().cast(pl.Datetime("us")).dt.date()
        self._dates.update(dates.unique().to_list())

    def suspect(self) -> str | None:
        """Tell what is suspect about the order, in one sentence; None for nothing."""
        if self._only_other:
            return (
                f"{self._only_other} time(s) are none as {self._stated}, but are as {self._other}."
            )
        if len(self._dates) < SWAPPED_DATES_MIN or any(each.day > 12 for each in self._dates):
            return None
        if len({each.month for each in self._dates}) < 3:
            return None
        count = len(self._dates)
        return f"None of {count} dates lies after the 12th of its month: is it {self._other}?"
