"""Times as senders write them, to microseconds UTC: pure arithmetic, no system clock."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import cache
from zoneinfo import ZoneInfo

import polars as pl

from ingest.refusal import UnreadablePush

SECOND_US = 1_000_000
HOUR_US = 3_600 * SECOND_US
DAY_US = 24 * HOUR_US

EARLIEST_US = 252_460_800 * SECOND_US
"""1978-01-01 UTC [us]: the year of the first Argos satellite; no bird was tracked before."""

FUTURE_US = DAY_US
"""How far past the present a time may lie [us]: a day covers any wrongly declared zone."""

AS_TOLD = pl.QueryOptFlags.none()
"""Steps over columns as they are written: to look for better ones takes longer than a few rows."""

_TIME = (
    r"^([0-9]{4})[-/.]([0-9]{1,2})[-/.]([0-9]{1,2})"
    r"(?:(?:T|t| +)([0-9]{1,2}):([0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]{1,9}))?)?"
    r" ?(Z|z|UTC|GMT|[+-](?:0[0-9]|1[0-4])(?::?[0-5][0-9])?)?)?$"  # no offset is 15 h or more
)
_PARTS = ("year", "month", "day", "hour", "minute", "second", "fraction", "offset")
_FIXED_OFFSET = re.compile(r"(?:UTC|GMT)?([+-])([0-9]{1,2})(?::?([0-9]{2}))?")
_MONTHS = {
    name: f"m{number:02}"
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1
    )
}
_OFFSET_MAX_MIN = 14 * 60  # UTC+14 (Line Islands) is the largest offset in use [minutes]


@dataclass(frozen=True, slots=True)
class Zone:
    """
    The zone of times that carry none: a fixed offset, or an IANA name with its rules.

    Attributes
    ----------
    offset_us : int
        Offset east of UTC [us]; 0 when `name` rules.
    name : str or None
        IANA name (``Asia/Seoul``); None for a fixed offset.
    """

    offset_us: int
    name: str | None = None


@cache
def zone(tz: str) -> Zone:
    """
    Read a zone: ``UTC``, ``UTC+8``, ``+08:00`` or an IANA name such as ``Asia/Shanghai``.

    ``UTC+8`` means eight hours *east* of Greenwich, as people write it; only the IANA names
    ``Etc/GMT+8`` count the other way, and they keep their own meaning.

    Parameters
    ----------
    tz : str
        The zone as declared.

    Returns
    -------
    Zone

    Raises
    ------
    UnreadablePush
        Code ``zone-unknown``.

    Examples
    --------
    >>> zone("UTC+8").offset_us // HOUR_US
    8
    """
    if tz in {"UTC", "GMT", "Z"}:
        return Zone(0)
    fixed = _FIXED_OFFSET.fullmatch(tz)
    if fixed:
        minutes = int(fixed[2]) * 60 + int(fixed[3] or 0)
        if minutes <= _OFFSET_MAX_MIN and int(fixed[3] or 0) < 60:
            return Zone((-1 if fixed[1] == "-" else 1) * minutes * 60 * SECOND_US)
    elif re.fullmatch(r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*", tz):
        try:
            ZoneInfo(tz)
            pl.Series([0]).cast(pl.Datetime("us")).dt.replace_time_zone(tz)
        except (LookupError, ValueError, OSError, pl.exceptions.ComputeError):
            pass
        else:
            return Zone(0, tz)
    raise UnreadablePush(
        "zone-unknown",
        f"The time zone {tz[:60]!r} is not known.",
        "Declare UTC, an offset such as UTC+8 or +08:00, or an IANA name such as Asia/Seoul.",
    )


def parse_times(text: pl.Series, tz: str, *, date_alone: bool = False) -> pl.Series:
    """
    Read times as text: ``2018-07-05 10:48:10.000``, ``2018/1/1 0:00``, RFC 3339.

    Where the year stands last, `reading_dates` says whether the day or the month is first; nothing
    is guessed here. A time that carries ``Z`` or an offset keeps it; `tz` rules the others. Where
    local clocks went back and a time happened twice, the first is meant; where they went forward
    and it never happened, it is read with the offset in force before the jump (both as ``fold=0``
    of PEP 495). A leap second counts as the first of the next minute. Digits beyond the
    microsecond are cut.

    Parameters
    ----------
    text : polars.Series of String, shape (n,)
        Times without surrounding blanks.
    tz : str
        Zone of the times that carry none, see `zone`.
    date_alone : bool
        Whether a date without a time of day is read as midnight.

    Returns
    -------
    polars.Series of Int64, shape (n,)
        Time [us since 1970-01-01 UTC], null where the text is no time.

    Raises
    ------
    UnreadablePush
        Code ``zone-unknown``.

    Examples
    --------
    >>> parse_times(pl.Series(["2018/1/1 8:00", "2018-01-01T00:00:00Z"]), "UTC+8").to_list()
    [1514764800000000, 1514764800000000]
    """
    declared = zone(tz)
    year = pl.col("year")
    table = (
        year_first(text)
        .alias("time")
        .to_frame()
        .lazy()
        .select(pl.col("time").str.extract_groups(_TIME).struct.rename_fields(list(_PARTS)))
        .unnest("time")
        .with_columns(
            pl.col(_PARTS[:6]).cast(pl.Int64),
            pl.col("fraction").str.pad_end(6, "0").str.slice(0, 6).cast(pl.Int64).fill_null(0),
        )
        .with_columns(
            year if date_alone else pl.when(pl.col("hour").is_not_null()).then(year),
            pl.col("hour", "minute", "second").fill_null(0),
        )
        .select(_clock_us().alias("clock_us"), _stated_us().alias("stated_us"))
        .collect(optimizations=AS_TOLD)
    )
    local = _to_utc(table["clock_us"], declared)
    return table.select(
        pl.when(pl.col("stated_us").is_null())
        .then(local)
        .otherwise(pl.col("clock_us") - pl.col("stated_us"))
        .alias("time_us")
    )["time_us"]


def parse_instants(text: pl.Series, tz: str) -> pl.Series:
    """
    Read times that may also be counts since 1970: of seconds, or with 12 digits or more, of ms.

    Parameters
    ----------
    text : polars.Series of String, shape (n,)
        Times without surrounding blanks.
    tz : str
        Zone of the clock times that carry none, see `zone`.

    Returns
    -------
    polars.Series of Int64, shape (n,)
        Time [us since 1970-01-01 UTC], null where the text is no time.

    Examples
    --------
    >>> parse_instants(pl.Series(["1514764800", "1514764800000"]), "UTC").to_list()
    [1514764800000000, 1514764800000000]
    """
    counted = text.str.extract(r"^([0-9]{9,14})(?:\.0*)?$").cast(pl.Int64)
    scale = pl.when(counted < 10**11).then(SECOND_US).otherwise(1_000)
    return pl.select(pl.coalesce(counted * scale, parse_times(text, tz)).alias("us"))["us"]


def reordered(text: pl.Series) -> pl.Series:
    """
    Put the year first in ``08:20:19 06-Mar-2017``, ``06-Mar-2017 08:20``, ``3/6/2017 8:20``.

    Where all parts are numbers and no order is in force (see `reading_dates`), the month stands
    first, as spreadsheets of the United States write it.

    Examples
    --------
    >>> reordered(pl.Series(["08:20:19 06-Mar-2017", "3/6/17 8:20"])).to_list()
    ['2017-03-06 08:20:19', '2017-3-6 8:20']
    """
    named = text.str.to_lowercase().str.replace_many(list(_MONTHS), [*_MONTHS.values()])
    moved = named.str.replace(
        r"^([0-9:.]+) ([0-9]{1,2})-m([0-9]{2})-([0-9]{4})$", "${4}-${3}-${2} ${1}"
    )
    moved = moved.str.replace(r"^([0-9]{1,2})-m([0-9]{2})-([0-9]{4})\b", "${3}-${2}-${1}")
    held = _in_force.get(None) or OrderInForce()
    held.makers = True
    form = _YEAR_FIRST[held.order or "mdy"]
    moved = year_first(moved).str.replace(r"^([0-9]{1,2})/([0-9]{1,2})/([0-9]{4})\b", form)
    return moved.str.replace(r"^([0-9]{1,2})/([0-9]{1,2})/([0-9]{2})\b", f"20{form}")


@dataclass(slots=True)
class OrderInForce:
    """
    How dates with the year last are read at present.

    Attributes
    ----------
    order : str or None
        ``dmy``, ``mdy``, or None: such a date is no time, but of equal day and month.
    needed : bool
        Whether any such date was met.
    makers : bool
        Whether the maker of the tags has an order of its own, in force where there is none here.
    """

    order: str | None = None
    needed: bool = False
    makers: bool = False


_YEAR_LAST = r"^([0-9]{1,2})[/.-]([0-9]{1,2})[/.-]([0-9]{4})\b"
_YEAR_FIRST = {"dmy": "${3}-${2}-${1}", "mdy": "${3}-${1}-${2}"}
_in_force: ContextVar[OrderInForce] = ContextVar("order_of_dates")


@contextmanager
def reading_dates(order: str | None) -> Iterator[OrderInForce]:
    """
    Let dates with the year last be read in an order, as `decimal.localcontext` sets a precision.

    Parameters
    ----------
    order : str or None
        ``dmy`` or ``mdy``.

    Examples
    --------
    >>> with reading_dates("dmy") as held:
    ...     parse_times(pl.Series(["01/02/2018 0:00"]), "UTC").to_list()
    [1517443200000000]
    >>> held.needed
    True
    """
    held = OrderInForce(order)
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
    if not text.str.contains(_YEAR_LAST).any():
        return text
    held = _in_force.get(None) or OrderInForce()
    held.needed = True
    if held.order is not None:
        return text.str.replace(_YEAR_LAST, _YEAR_FIRST[held.order])
    parts = text.str.extract_groups(_YEAR_LAST).struct.unnest()
    same = parts["1"].str.zfill(2) == parts["2"].str.zfill(2)
    return text.zip_with(
        ~same.fill_null(value=False), text.str.replace(_YEAR_LAST, _YEAR_FIRST["dmy"])
    )


@cache
def _clock_us() -> pl.Expr:
    """Microseconds on the clock face since 1970-01-01, null where no such date exists."""
    year, month, day = pl.col("year"), pl.col("month"), pl.col("day")
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    length = (
        pl.when(month == 2).then(28 + leap.cast(pl.Int64)).otherwise(30 + (month + month // 8) % 2)
    )
    exists = (
        month.is_between(1, 12)
        & day.is_between(1, length)
        & (pl.col("hour") < 24)
        & (pl.col("minute") < 60)
        & (pl.col("second") <= 60)
    )
    # Days of the civil calendar: years counted from March put the leap day last.
    y = year - (month <= 2).cast(pl.Int64)
    of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    days = 365 * y + y // 4 - y // 100 + y // 400 + of_year - 719_468
    seconds = ((days * 24 + pl.col("hour")) * 60 + pl.col("minute")) * 60 + pl.col("second")
    return pl.when(exists).then(seconds * SECOND_US + pl.col("fraction"))


@cache
def _stated_us() -> pl.Expr:
    """Offset the time itself carries [us], null when it carries none."""
    offset = pl.col("offset")
    hours = offset.str.slice(1, 2).cast(pl.Int64, strict=False)
    minutes = offset.str.slice(-2, 2).cast(pl.Int64, strict=False)
    minutes = pl.when(offset.str.len_bytes() > 3).then(minutes).otherwise(0)
    sign = pl.when(offset.str.starts_with("-")).then(-1).otherwise(1)
    numeric = sign * (hours * 60 + minutes) * 60 * SECOND_US
    named = offset.is_in(["Z", "z", "UTC", "GMT"])
    return pl.when(named).then(0).when(offset.is_not_null()).then(numeric)


def _to_utc(clock_us: pl.Series, declared: Zone) -> pl.Series:
    """Clock times of the declared zone to UTC."""
    if declared.name is None:
        return clock_us - declared.offset_us
    aware = clock_us.cast(pl.Datetime("us")).dt.replace_time_zone(
        declared.name, ambiguous="earliest", non_existent="null"
    )
    utc = aware.dt.convert_time_zone("UTC").cast(pl.Int64)
    skipped = clock_us.filter(utc.is_null() & clock_us.is_not_null()).unique()
    if skipped.is_empty():
        return utc
    rules = ZoneInfo(declared.name)
    mended = {us: _skipped_to_utc(us, rules) for us in skipped.to_list()}
    return utc.fill_null(clock_us.replace_strict(mended, default=None, return_dtype=pl.Int64))


def _skipped_to_utc(clock_us: int, rules: ZoneInfo) -> int:
    """Read a clock time that never happened with the offset in force before the jump."""
    clock = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=clock_us)
    offset = clock.replace(tzinfo=rules, fold=0).utcoffset() or timedelta(0)
    return clock_us - offset // timedelta(microseconds=1)


def reread(time: datetime, declared: str, to: str) -> datetime:
    """
    Return what a UTC time that was read with one zone becomes when it is read with another.

    Parameters
    ----------
    time : datetime
        UTC time, from a clock face in the zone `declared`.
    declared, to : str
        Zones as `zone` takes them.

    Returns
    -------
    datetime
        The same clock face, read in the zone `to`, in UTC.

    Examples
    --------
    >>> reread(datetime(2018, 1, 1, 8, tzinfo=UTC), "UTC", to="UTC+8").isoformat()
    '2018-01-01T00:00:00+00:00'
    """
    face = time.astimezone(_rules(zone(declared))).replace(tzinfo=None)
    return face.replace(tzinfo=_rules(zone(to))).astimezone(UTC)


def _rules(declared: Zone) -> tzinfo:
    if declared.name is None:
        return timezone(timedelta(microseconds=declared.offset_us))
    return ZoneInfo(declared.name)
