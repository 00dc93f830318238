from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo, available_timezones

import polars as pl
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from ingest.clock import HOUR_US, parse_instants, parse_times, reread, why_unread, zone
from ingest.reasons import REASONS
from ingest.refusal import UnreadablePush

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def us(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)


def parse(text: str, tz: str = "UTC") -> int | None:
    return parse_times(pl.Series([text]), tz)[0]


@pytest.mark.parametrize(
    "text",
    [
        "2018-07-05 10:48:10.000",
        "2018-07-05T10:48:10Z",
        "2018-07-05t10:48:10z",
        "2018/7/5 10:48:10",
        "2018.07.05 10:48:10",
        "2018-07-05 10:48:10 UTC",
        "2018-07-05 19:48:10+09:00",
        "2018-07-05T19:48:10+0900",
        "2018-07-05 03:18:10.0-07:30",
        "2018-07-05T19:48:10+09",
    ],
)
def test_every_documented_spelling_is_the_same_instant(text: str) -> None:
    assert parse(text) == us(datetime(2018, 7, 5, 10, 48, 10, tzinfo=UTC))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2018-07-05",
        "05/07/2018 10:48",
        "2018-02-29 10:00",
        "1900-02-29 10:00",
        "2018-13-01 10:00",
        "2018-00-01 10:00",
        "2018-04-31 10:00",
        "2018-07-05 24:00",
        "2018-07-05 10:60",
        "2018-07-05 10:00:61",
        "2018-07-05 10:00 PM",
        "18-07-05 10:00",
        "1530787690",
        "٢٠١٨-07-05 10:00",
        "2018-07-05 10:00:00Z trailing",
        "2018-07-05 10:00+15:00",
        "2018-07-05 10:00-99",
        "2018-07-05 10:00+09:60",
        "2018-07-05 10:00+0999",
        "2018-07-05 10:00:00+9",
        "2018-07-05 10:00:00.",
        "2018-07-05 10:00:00.1234567890",
        "2018-07-05T10:00:00 Asia/Seoul",
        "2018-07-05 10",
        "\n2018-07-05 10:00",
        "2018-07-05 10:00\n",
    ],
)
def test_what_is_no_time_is_null(text: str) -> None:
    assert parse(text) is None


def test_leap_day_of_2000_exists_and_leap_second_is_the_next_minute() -> None:
    assert parse("2000-02-29 00:00") == us(datetime(2000, 2, 29, tzinfo=UTC))
    new_year = us(datetime(2017, 1, 1, tzinfo=UTC))
    assert parse("2016-12-31 23:59:60") == new_year
    assert parse("2017-01-01 08:59:60.25+09:00") == new_year + 250_000
    assert parse("2017-01-01 08:59:60", "Asia/Seoul") == new_year


def test_date_alone_is_midnight_only_where_asked() -> None:
    dates = pl.Series(["2018-07-05"])
    assert parse_times(dates, "UTC+9", date_alone=True)[0] == us(
        datetime(2018, 7, 4, 15, tzinfo=UTC)
    )


@pytest.mark.parametrize(
    ("tz", "hours"),
    [
        ("UTC", 0),
        ("Z", 0),
        ("UTC+8", 8),
        ("GMT-3", -3),
        ("+08:00", 8),
        ("+0830", 8.5),
        ("-10", -10),
    ],
)
def test_fixed_zones(tz: str, hours: float) -> None:
    assert zone(tz).offset_us == hours * HOUR_US


@pytest.mark.parametrize(
    "tz",
    ["", "Mars/Olympus", "+25:00", "UTC+8:75", "../etc/passwd", "Asia/", "America", "é", "a" * 300],
)
def test_unknown_zones_are_told(tz: str) -> None:
    with pytest.raises(UnreadablePush) as caught:
        zone(tz)
    assert caught.value.code == "zone-unknown"


ZONES = ("Asia/Shanghai", "Asia/Seoul", "Asia/Pyongyang", "Asia/Ulaanbaatar", "Europe/Berlin",
         "Asia/Vladivostok", "Australia/Lord_Howe")  # fmt: skip


@given(
    st.datetimes(datetime(1978, 1, 2), datetime(2026, 1, 1)),  # noqa: DTZ001 - clock faces
    st.sampled_from(ZONES),
)
def test_local_times_agree_with_zoneinfo_fold_zero(clock: datetime, tz: str) -> None:
    expected = us(clock.replace(tzinfo=ZoneInfo(tz), fold=0).astimezone(UTC))
    assert parse(clock.isoformat(sep=" "), tz) == expected


def test_time_that_happened_twice_is_the_first_and_skipped_one_keeps_the_old_offset() -> None:
    assert parse("2018-10-28 02:30", "Europe/Berlin") == us(
        datetime(2018, 10, 28, 0, 30, tzinfo=UTC)
    )
    assert parse("2018-03-25 02:30", "Europe/Berlin") == us(
        datetime(2018, 3, 25, 1, 30, tzinfo=UTC)
    )


@given(st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31)))  # noqa: DTZ001 - clock faces
def test_any_date_of_the_calendar_is_exact(clock: datetime) -> None:
    assert parse(clock.isoformat()) == us(clock.replace(tzinfo=UTC))


@settings(max_examples=25)
@given(
    st.datetimes(datetime(1978, 1, 2), datetime(2030, 1, 1)),  # noqa: DTZ001 - clock faces
    st.integers(-14 * 60, 14 * 60),
    st.sampled_from(["UTC", "UTC+8", "Asia/Seoul", "Europe/Berlin"]),
)
def test_an_offset_in_the_text_rules_whatever_was_declared(
    clock: datetime, minutes: int, tz: str
) -> None:
    aware = clock.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    assert parse(aware.isoformat(), tz) == us(aware)
    sign, (hours, rest) = "-" if minutes < 0 else "+", divmod(abs(minutes), 60)
    for offset in (f"{sign}{hours:02}{rest:02}", f" {sign}{hours:02}:{rest:02}"):
        assert parse(clock.isoformat(sep=" ") + offset, tz) == us(aware)


@pytest.mark.parametrize(
    ("digits", "kept"),
    [("1", 100_000), ("000001", 1), ("0000019", 1), ("999999999", 999_999), ("05", 50_000)],
)
def test_digits_of_a_second_are_cut_never_rounded(digits: str, kept: int) -> None:
    assert parse(f"1980-01-01 00:00:00.{digits}") == us(datetime(1980, 1, 1, tzinfo=UTC)) + kept
    assert parse(f"1980-01-01 00:00:00,{digits}") == us(datetime(1980, 1, 1, tzinfo=UTC)) + kept


def test_every_zone_of_the_tz_database_is_known() -> None:
    names = available_timezones() - {"Factory", "localtime"}
    assert all(zone(name).name == name or zone(name).offset_us == 0 for name in names)


faces = st.datetimes(datetime(1980, 1, 2), datetime(2026, 1, 1))  # noqa: DTZ001 - clock faces


@settings(max_examples=25)
@given(faces, st.sampled_from((*ZONES, "UTC+8")), st.sampled_from((*ZONES, "UTC", "UTC-10")))
@example(datetime(2018, 10, 28, 2, 30), "UTC", "Europe/Berlin")  # noqa: DTZ001 - clock faces
@example(datetime(2018, 4, 1, 1, 45), "Asia/Seoul", "Australia/Lord_Howe")  # noqa: DTZ001 - clock faces
def test_a_time_read_again_is_what_its_text_gives_in_the_other_zone(
    face: datetime, declared: str, to: str
) -> None:
    read = EPOCH + timedelta(microseconds=parse(face.isoformat(), declared) or 0)
    back = read.astimezone(ZoneInfo(declared) if "/" in declared else timezone(timedelta(hours=8)))
    assume(back.replace(tzinfo=None) == face)  # no face that the declared clocks jumped over
    assert us(reread(read, declared, to)) == parse(face.isoformat(), to)
    assert reread(read, declared, declared) == read


@settings(max_examples=25)
@given(st.lists(faces | st.none(), max_size=8), st.sampled_from(ZONES))
def test_a_column_is_read_as_its_texts_one_by_one(column: list[datetime | None], tz: str) -> None:
    texts = [face and face.isoformat(sep=" ") for face in column]
    read = parse_times(pl.Series(texts, dtype=pl.String), tz)
    assert read.dtype == pl.Int64
    assert read.to_list() == [None if text is None else parse(text, tz) for text in texts]


@given(st.text(max_size=40))
def test_any_text_is_a_time_or_null(text: str) -> None:
    assert parse(text) is None or isinstance(parse(text), int)


def test_counts_since_1970_are_times_too() -> None:
    text = pl.Series(["1514764800", "1514764800123", "1514764800.0", "2018-01-01 00:00:00", "12"])
    second = 1_514_764_800_000_000
    assert parse_instants(text, "UTC").to_list() == [second, second + 123_000, second, second, None]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("3/6/17 8:20", "year-of-two-digits"),
        ("17-03-06T08:20:00Z", "year-of-two-digits"),
        ("06.03.17", "year-of-two-digits"),
        ("43101.5", "time-is-day-number"),
        ("43101,347222", "time-is-day-number"),
        ("43101", "time-is-day-number"),
        ("1514764800", "time-is-count"),
        ("260301080000", "time-is-compact"),
        ("48:10.0", "time-of-spreadsheet"),
        ("3/1/2024 3:00 PM", "time-of-spreadsheet"),
        ("2024-03-01 오후 3:00", "time-of-spreadsheet"),
        ("2024年3月1日 8:00", "time-of-spreadsheet"),
        ("2024. 3. 1. 8:00", "time-of-spreadsheet"),
        ("PM", "time-unreadable"),
        ("1503240800.0", "time-is-compact"),
        ("503240800", "time-is-compact"),
        ("1514764800.25", "time-is-count"),
        ("1514764800123", "time-is-count"),
        ("20180705104810", "time-is-compact"),
        ("2018-02-30 10:00", "time-unreadable"),
        ("03/04/2018 10:00", "time-unreadable"),
        ("3/6.17 8:20", "time-unreadable"),
        ("12", "time-unreadable"),
        ("", "time-unreadable"),
        (None, "time-unreadable"),
    ],
)
def test_the_cause_for_which_a_text_is_no_time_is_named(text: str | None, code: str) -> None:
    assert why_unread(text) == code
    assert code in REASONS
    assert parse_times(pl.Series([text], dtype=pl.String), "UTC").to_list() == [None]
