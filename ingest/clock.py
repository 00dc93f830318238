"""Times as senders write them, to microseconds UTC: pure arithmetic, no system clock."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import cache
from typing import Literal
from zoneinfo import ZoneInfo

import polars as pl

from ingest.doubts import noted
from ingest.refusal import UnreadablePush
from ingest.yearlast import year_first

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


def parse_times(text: pl.Series, tz: str | None, *, date_alone: bool = False) -> pl.Series:
    """
    Read times as text: ``2018-07-05 10:48:10.000``, ``2018/1/1 0:00``, RFC 3339.

    Where the year stands last, `yearlast` says whether the day or the month is first; nothing is
    guessed here. A time that carries ``Z`` or an offset keeps it; `tz` rules the others. Where
    local clocks went back and a time happened twice, the first is meant; where they went forward
    and it never happened, it is read with the offset in force before the jump (both as ``fold=0``
    of PEP 495); `doubts` has them noted. Which of two is meant, the order of rows could tell only
    of a tag that misses none, so it is not asked. A leap second counts as the first of the next
    minute. Digits beyond the microsecond are cut.

    Parameters
    ----------
    text : polars.Series of String, shape (n,)
        Times without surrounding blanks.
    tz : str or None
        Zone of the times that carry none, see `zone`; None where the maker states that all are in
        UTC: then none of them relies on what is declared, and no doubt of that is noted.
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
    declared = zone(tz or "UTC")
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
    clock_us, stated_us = table["clock_us"], table["stated_us"]
    stated, relying = None, clock_us
    if stated_us.null_count() < stated_us.len():
        stated = clock_us - stated_us
        relying = clock_us.zip_with(stated_us.is_null(), pl.Series([None], dtype=pl.Int64))
    if tz is not None:
        noted().note(tz=tz, relying=relying.count(), stated=0 if stated is None else stated.count())
    read = _to_utc(relying, declared, text)
    return (read if stated is None else read.zip_with(stated_us.is_null(), stated)).alias("time_us")


COUNT = "%s"
"""What a mapping states as the form of times that are counts, as `strftime` writes them."""

_COUNTED = r"^([0-9]{9,14})(?:\.0*)?$"
_DAY, _MONTH = "(?:0[1-9]|[12][0-9]|3[01])", "(?:0[1-9]|1[0-2])"
_YEARS = "[0-3][0-9]"  # of two digits: to 2039
_OF_DAY = "(?:[01][0-9]|2[0-3])[0-5][0-9]"
_COMPACT = (
    f"^(?:(?:{_YEARS}{_MONTH}{_DAY}|{_DAY}{_MONTH}{_YEARS}){_OF_DAY}(?:[0-5][0-9])?"
    f"|(?:19[789]|20[0-3])[0-9]{_MONTH}{_DAY}{_OF_DAY}(?:[0-5][0-9])?"
    f"|{_MONTH}{_DAY}{_YEARS}{_OF_DAY}[0-5][0-9])$"
)


def parse_instants(text: pl.Series, tz: str | None, *, documented: bool = True) -> pl.Series:
    """
    Read times that may also be counts since 1970: of seconds, or with 12 digits or more, of ms.

    Parameters
    ----------
    text : polars.Series of String, shape (n,)
        Times without surrounding blanks.
    tz : str or None
        Zone of the clock times that carry none, see `parse_times`.
    documented : bool
        Whether counts are what the maker documents, or the mapping states. Else one that may as
        well be a date written without separators (yymmddHHMM, ddmmyyHHMM or yyyymmddHHMM, with
        and without seconds; 260301080000 is 2026-03-01 08:00, as milliseconds 1978-04-01) is no
        time: years from 2000 to 2039, and a leading zero that a spreadsheet dropped, are thought
        of. Each value is judged by itself, so that it means the same in any part of a push. Of
        seconds that are counts about one in a hundred reads so, of milliseconds since 2001 none.

    Returns
    -------
    polars.Series of Int64, shape (n,)
        Time [us since 1970-01-01 UTC], null where the text is no time.

    Examples
    --------
    >>> parse_instants(pl.Series(["1514764800", "1514764800000"]), "UTC").to_list()
    [1514764800000000, 1514764800000000]
    >>> parse_instants(pl.Series(["260301080000"]), "UTC", documented=False).to_list()
    [None]
    """
    digits = text.str.extract(_COUNTED)
    if not documented:
        even = digits.str.len_bytes() % 2 == 0
        padded = digits.zip_with(even.fill_null(value=True), "0" + digits)
        digits = digits.set(padded.str.contains(_COMPACT).fill_null(value=False), None)
    counted = digits.cast(pl.Int64)
    scale = pl.when(counted < 10**11).then(SECOND_US).otherwise(1_000)
    return pl.select(pl.coalesce(counted * scale, parse_times(text, tz)).alias("us"))["us"]


_CAUSES = tuple(
    (code, re.compile(form))
    for code, form in (
        ("year-of-two-digits", r"[0-9]{1,2}([/.-])[0-9]{1,2}\1[0-9]{2}(?:[T ].*)?"),
        (
            "time-of-spreadsheet",
            r"[0-9]{1,3}:[0-9]{2}(?::[0-9]{2})?[.,][0-9]+"
            r"|(?=.*[0-9]).*(?:\b[AaPp]\.?[Mm]\b|오전|오후|上午|下午|午前|午後|年|년).*"
            r"|[0-9]{4}\. ?[0-9]{1,2}\. ?[0-9]{1,2}\..*",
        ),
        # Days since 1899-12-30: 20000 is a day of 1954, 79999 one of 2119.
        ("time-is-day-number", r"[2-7][0-9]{4}(?:[.,][0-9]+)?"),
        ("time-is-count", r"[0-9]{9,10}(?:\.[0-9]+)?|[0-9]{12,13}|[0-9]{16}"),
    )
)


def why_unread(text: str | None) -> str:
    """
    Tell the cause for which a text is no time here, as the code of a refusal.

    Examples
    --------
    >>> why_unread("43101.5")
    'time-is-day-number'
    """
    sent = (text or "").strip()
    if found := re.match(_COUNTED, sent):
        digits = found[1]
        if re.match(_COMPACT, digits if len(digits) % 2 == 0 else f"0{digits}"):
            return "time-is-compact"
    return next((code for code, form in _CAUSES if form.fullmatch(sent)), "time-unreadable")


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


def _to_utc(clock_us: pl.Series, declared: Zone, text: pl.Series) -> pl.Series:
    """Clock times of the declared zone to UTC; notes those that happened twice, or never."""
    if declared.name is None:
        return clock_us - declared.offset_us
    aware = clock_us.cast(pl.Datetime("us"))
    utc = _of_zone(aware, declared.name, ambiguous="null")
    if utc.null_count() == clock_us.null_count():
        return utc
    odd = utc.is_null() & clock_us.is_not_null()
    first = _of_zone(aware.filter(odd), declared.name, ambiguous="earliest")
    never = first.is_null()
    sent = text.filter(odd)
    noted().note_jumps(declared.name, twice=sent.filter(~never), skipped=sent.filter(never))
    rules = ZoneInfo(declared.name)
    mended = {us: _skipped_to_utc(us, rules) for us in clock_us.filter(odd).filter(never).unique()}
    found = first.fill_null(
        clock_us.filter(odd).replace_strict(mended, default=None, return_dtype=pl.Int64)
    )
    return utc.scatter(odd.arg_true(), found)


def _of_zone(clock: pl.Series, name: str, *, ambiguous: Literal["earliest", "null"]) -> pl.Series:
    """Clock times of a zone to UTC [us]; null where one never happened."""
    aware = clock.dt.replace_time_zone(name, ambiguous=ambiguous, non_existent="null")
    return aware.dt.convert_time_zone("UTC").cast(pl.Int64)


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
