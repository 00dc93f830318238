"""Dates with the year last are read in the order declared, or proven, or not at all."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import (
    Decoded,
    UnreadablePush,
    decode,
    decode_many,
    decode_pieces,
    decode_reference,
    open_push,
    read_mapping,
)
from ingest.dates import Dates
from ingest.patterns import Swaps
from ingest.series import RISING_DATES_MIN
from tests.ingest.formats.test_xlsx import workbook

NOW_US = 1_795_000_000_000_000
HEADER = "timestamp,location-long,location-lat,tag-id\n"


def read(*dates: str, **declared: str) -> Decoded:
    rows = "".join(f"{date} 5:06,116,29,T1\n" for date in dates)
    return decode((HEADER + rows).encode(), now_us=NOW_US, **declared)


def days(decoded: Decoded) -> list[str]:
    return [
        datetime.fromtimestamp(us / 1e6, UTC).date().isoformat()
        for us in decoded.records["time_us"]
    ]


def codes(decoded: Decoded) -> tuple[list[str], list[str]]:
    return [r.code for r in decoded.refusals], [w.code for w in decoded.warnings]


@pytest.mark.parametrize(("order", "day"), [("dmy", "2024-04-03"), ("mdy", "2024-03-04")])
@pytest.mark.parametrize("mark", "/.-")
def test_the_order_declared_is_the_order_read(order: str, day: str, mark: str) -> None:
    decoded = read(f"03{mark}04{mark}2024", date_order=order)
    assert days(decoded) == [day]
    assert codes(decoded) == ([], [])


@pytest.mark.parametrize(
    ("dates", "read_as", "why"),
    [
        (["03/04/2024", "25/04/2024"], ["2024-04-03", "2024-04-25"], "1 of them hold a day"),
        (["03/04/2024", "04/25/2024"], ["2024-03-04", "2024-04-25"], "1 of them hold a day"),
        (
            ["11/02/2024", "12/02/2024", "01/03/2024", "02/03/2024", "03/03/2024"],
            ["2024-02-11", "2024-02-12", "2024-03-01", "2024-03-02", "2024-03-03"],
            "follow each other",
        ),
        (
            ["02/12/2024", "02/11/2024", "02/03/2024", "01/05/2024", "01/04/2024"],
            ["2024-02-12", "2024-02-11", "2024-02-03", "2024-01-05", "2024-01-04"],
            "follow each other",
        ),
    ],
)
def test_an_order_that_the_push_proves_is_read_and_told(
    dates: list[str], read_as: list[str], why: str
) -> None:
    decoded = read(*dates)
    assert days(decoded) == read_as
    assert codes(decoded) == ([], ["date-order-assumed"])
    assert why in decoded.warnings[0].detail


@pytest.mark.parametrize(
    ("dates", "why"),
    [
        (["03/04/2024"], "nothing in the push tells"),
        (["01/02/2024", "03/02/2024", "01/03/2024"], "nothing in the push tells"),
        (["25/04/2024", "04/26/2024", "03/04/2024"], "both orders occur"),
    ],
)
def test_an_order_that_nothing_proves_is_refused_with_the_remedy(
    dates: list[str], why: str
) -> None:
    decoded = read(*dates, "2024-04-03", "05/05/2024")
    assert days(decoded) == ["2024-04-03", "2024-05-05"]  # no order is needed for these
    refused, warned = codes(decoded)
    assert refused == ["time-unreadable"] * len(dates)
    assert warned == ["date-order-ambiguous"]
    assert why in decoded.warnings[0].detail
    assert "date_order" in decoded.refusals[0].remedy


def test_dates_against_the_order_declared_are_told() -> None:
    against = read("03/04/2024", "25/04/2024", date_order="mdy")
    assert codes(against) == (["time-unreadable"], ["day-month-suspect"])
    low = [f"{day:02}/{month:02}/2024" for month in (5, 3, 4) for day in (12, 1, 7, 3, 9, 2, 5)]
    assert codes(read(*low, date_order="dmy")) == ([], ["day-month-suspect"])
    assert codes(read(*low[:6], date_order="dmy")) == ([], [])


@pytest.mark.parametrize("mark", ["\0", "%%d", "%%m "])
def test_what_stands_for_itself_in_a_stated_format_is_no_day(mark: str) -> None:
    swaps = Swaps(f"{mark}%d/%m/%Y %H:%M")
    swaps.add(pl.Series([f"{mark.replace('%%', '%')}07/25/2018 08:00"]))
    told = swaps.suspect()
    assert told is not None and f"but are as {mark}%m/%d/%Y %H:%M" in told


def test_a_mapping_that_states_the_format_needs_no_order() -> None:
    terms = {"timestamp": "t", "location-long": "x", "location-lat": "y", "tag-id": "n"}
    mapping = read_mapping({"kind": "table", "terms": terms, "time_format": "%d/%m/%Y %H:%M"})
    text = b"t,x,y,n\n03/04/2024 5:06,116,29,T1\n"
    stated = decode(text, mapping=mapping, date_order="mdy", now_us=NOW_US)
    assert (days(stated), codes(stated)) == (["2024-04-03"], ([], []))
    plain = read_mapping({"kind": "table", "terms": terms})
    assert days(decode(text, mapping=plain, date_order="mdy", now_us=NOW_US)) == ["2024-03-04"]


@pytest.mark.parametrize("declared", [None, "dmy"])
def test_text_in_workbooks_is_judged_by_its_sheet(declared: str | None) -> None:
    rows = [["timestamp", "location-long", "location-lat", "tag-id"],
            ["03/04/2024 5:06", 116, 29, "T1"], ["25/04/2024 5:06", 116, 29, "T1"]]  # fmt: skip
    decoded = decode(workbook(rows), date_order=declared, now_us=NOW_US)
    assert days(decoded) == ["2024-04-03", "2024-04-25"]
    assert codes(decoded)[1] == ([] if declared else ["date-order-assumed"])


MAKERS = {
    "ctt-csv": ("serial,GPS_YYYY-MM-DD_HH:MM:SS,lat,lon\n", "7,{} 10:48,29,116\n"),
    "wildlife-csv": (
        "DeployID,Ptt,Date,Type,Quality,Latitude,Longitude\n", "7,7,{} 10:48,Argos,3,29,116\n",
    ),
    "stat-tab": ("uid\ttag_id\tutc\tlc\tlat1\tlon1\n", "1\t7\t{} 10:48\t3\t29\t116\n"),
}  # fmt: skip


def of_maker(form: str, *dates: str, order: str | None = None) -> Decoded:
    head, row = MAKERS[form]
    text = head + "".join(map(row.format, dates))
    decoded = decode(text.encode(), date_order=order, now_us=NOW_US)
    assert decoded.format == form
    return decoded


LOW = [f"{month}/{day}/2018" for month in (5, 3, 4) for day in (12, 1, 7, 3, 9, 2, 5)]


@pytest.mark.parametrize("form", MAKERS)
@pytest.mark.parametrize(
    ("dates", "read_as", "warned", "why"),
    [
        # Nothing proves an order: the maker's is assumed.
        (["3/4/2018"], ["2018-03-04"], "date-order-assumed", "most often written"),
        (["3/4/18"], ["2018-03-04"], "date-order-assumed", "most often written"),
        # The push proves the maker's order.
        (["3/4/2018", "4/25/2018"], ["2018-03-04", "2018-04-25"], "date-order-assumed", "1 of"),
        (["3/4/18", "4/25/18"], ["2018-03-04", "2018-04-25"], "date-order-assumed", "1 of"),
    ],
)
def test_the_order_of_a_maker_is_told_unless_it_is_documented(
    form: str, dates: list[str], read_as: list[str], warned: str, why: str
) -> None:
    decoded = of_maker(form, *dates)
    assert days(decoded) == read_as
    assert codes(decoded) == ([], [] if form == "stat-tab" else [warned])
    assert form == "stat-tab" or why in decoded.warnings[0].detail
    assert codes(of_maker(form, *dates, order="mdy")) == ([], [])


@pytest.mark.parametrize("form", MAKERS)
@pytest.mark.parametrize(
    ("dates", "read_as", "refused", "warned", "why"),
    [
        # The push proves the other order.
        (["3/4/2018", "25/4/2018"], ["2018-04-03", "2018-04-25"], 0, "date-order-assumed",
         "own order is month/day/year"),
        (["25/4/18", "26/4/18", "27/4/18", "28/4/18", "1/5/18"],
         ["2018-04-25", "2018-04-26", "2018-04-27", "2018-04-28", "2018-05-01"], 0,
         "date-order-assumed", "own order is month/day/year"),
        (["11/02/18", "12/02/18", "01/03/18", "02/03/18", "03/03/18"],
         ["2018-02-11", "2018-02-12", "2018-03-01", "2018-03-02", "2018-03-03"], 0,
         "date-order-assumed", "follow each other"),
        # One writing follows the other.
        (["3/4/18", "25/4/2018"], ["2018-04-03", "2018-04-25"], 0, "date-order-assumed", "own"),
        (["3/4/18", "3/4/2018", "25/4/18"], ["2018-04-03"] * 2 + ["2018-04-25"], 0,
         "date-order-assumed", "own"),
        # Against the maker's order, and 25/4/18 may be of 2025.
        (["3/4/18", "25/4/18"], [], 2, "date-order-ambiguous", "17/06/03"),
        (["18/6/1", "18/6/2", "18/6/3", "18/6/4", "18/6/5"], [], 5, None, ""),
        (["3/4/18", "25/4/18", "45/13/18"], [], 3, "date-order-ambiguous", "17/06/03"),
        (["09/06/17", "09/06/18", "09/06/19", "09/06/20", "09/06/21"], [], 5,
         "date-order-ambiguous", "17/06/03"),
        # Both occur: of the maker's order all that fit are read.
        (["3/4/2018", "25/4/2018", "4/25/2018"], ["2018-03-04", "2018-04-25"], 1,
         "day-month-suspect", "1 date(s) are none as month/day/year"),
        (LOW, [f"2018-{m:02}-{d:02}" for m in (5, 3, 4) for d in (12, 1, 7, 3, 9, 2, 5)], 0,
         "day-month-suspect", "is it day/month/year?"),
        # Spreadsheets that write points put the day first; nothing tells.
        (["3.4.2018"], [], 1, "date-order-ambiguous", "nothing in the push tells which"),
    ],
)  # fmt: skip
def test_evidence_against_a_maker_is_told(
    form: str, dates: list[str], read_as: list[str], refused: int, warned: str | None, why: str
) -> None:
    decoded = of_maker(form, *dates)
    assert days(decoded) == read_as
    assert len(decoded.refusals) == refused
    assert [w.code for w in decoded.warnings] == ([warned] if warned else [])
    assert why in "".join(w.detail for w in decoded.warnings)


def test_an_order_declared_rules_over_the_makers() -> None:
    for text in ("3/4/2018", "3/4/18", "3.4.18", "3-4-2018"):
        decoded = of_maker("stat-tab", text, order="dmy")
        assert (days(decoded), codes(decoded)) == (["2018-04-03"], ([], []))
    years = of_maker("ctt-csv", *[f"17/06/{day:02}" for day in range(3, 9)], order="dmy")
    assert days(years)[0] == "2003-06-17"
    assert codes(years) == ([], ["day-month-suspect"])
    assert "is the year first?" in years.warnings[0].detail


def test_years_of_two_digits_are_no_time_elsewhere_and_the_refusal_says_so() -> None:
    decoded = read("3/6/17", "25/6/17", "2017-06-03")
    assert days(decoded) == ["2017-06-03"]
    assert codes(decoded) == (["year-of-two-digits"] * 2, [])
    assert "four digits" in decoded.refusals[0].remedy


@settings(max_examples=30, deadline=None)
@given(
    st.dates(date(2013, 1, 1), date(2025, 1, 1)),
    st.integers(1, 40),
    st.sampled_from(["%d/%m/%y", "%m/%d/%y", "%y/%m/%d", "%d.%m.%y", "%y-%m-%d"]),
    st.sampled_from(["ctt-csv", "stat-tab"]),
)
def test_no_short_date_is_read_as_another_but_by_the_makers_order(
    first: date, count: int, form: str, maker: str
) -> None:
    """Of days in a row: what is read as something else was read as the maker writes it."""
    dates = [first + timedelta(days=n) for n in range(count)]
    decoded = of_maker(maker, *(day.strftime(form) for day in dates))
    true = [day.isoformat() for day in dates]
    if set(days(decoded)) <= set(true):
        return
    assert form in {"%d/%m/%y", "%y/%m/%d"}
    warned = "".join(w.detail for w in decoded.warnings)
    assert maker == "stat-tab" or "most often written" in warned
    assert count < 28  # so long a row always proves its order


def test_reference_data_have_an_order_too() -> None:
    text = b"tag-id,animal-id,deploy-on-date\n7,Ada,03/04/2018\n"
    told = {"tz": "UTC", "now_us": NOW_US}
    unknown = decode_reference(text, **told)
    assert [r.code for r in unknown.refusals] == ["time-unreadable"]
    assert [w.code for w in unknown.warnings] == ["date-order-ambiguous"]
    on = decode_reference(text, date_order="dmy", **told).rows[0].deploy_on_us
    assert on == datetime(2018, 4, 3, tzinfo=UTC).timestamp() * 1e6


def test_pushes_of_json_read_together_are_judged_one_by_one() -> None:
    def push(date: str) -> bytes:
        return f'{{"tag":"7","time":"{date} 5:06","lon":1,"lat":2}}'.encode()

    dates = ["03\\/04\\/2024", "25/04/2024", "2024-04-03"]
    found = decode_many([push(d) for d in dates], format="flyways-json", now_us=[NOW_US] * 3)
    assert [[w.code for w in each.warnings] for each in found if isinstance(each, Decoded)] == [
        ["date-order-ambiguous"], ["date-order-assumed"], []
    ]  # fmt: skip
    told = decode_many([push(d) for d in dates], format="flyways-json", date_order="dmy",
                       now_us=[NOW_US] * 3)  # fmt: skip
    assert [days(each) for each in told if isinstance(each, Decoded)] == [
        ["2024-04-03"], ["2024-04-25"], ["2024-04-03"]
    ]  # fmt: skip


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.dates(date(2015, 1, 1), date(2025, 1, 1)), min_size=1,
             max_size=12),
    st.sampled_from(["%d/%m/%Y", "%m/%d/%Y"]),
)  # fmt: skip
def test_no_date_is_ever_read_as_another(dates: list[date], form: str) -> None:
    """In a row of days, what is read without a declaration is what was written."""
    dates = sorted(set(dates))
    text = [day.strftime(form) for day in dates]
    decoded = read(*text)
    same = [d.isoformat() for d in dates if d.day == d.month]
    found = Dates()
    found.add(",".join(text).encode())
    proven = found.evidence().proven
    assert days(decoded) == ([d.isoformat() for d in dates] if proven else same)
    assert proven or not any(d.day > 12 for d in dates)
    assert RISING_DATES_MIN > 2


def test_an_order_that_is_none_is_told() -> None:
    with pytest.raises(UnreadablePush) as caught:
        read("03/04/2024", date_order="ydm")
    assert caught.value.code == "date-order-unknown"


def test_days_without_a_time_beside_timestamps_prove_no_order() -> None:
    text = "timestamp,location-long,location-lat,tag-id,ringed\n" + "".join(
        f"{stamp} 8:00,116,29,T1,25/04/2023\n" for stamp in ("03/04/2024", "02/05/2024")
    )
    found = decode(text.encode(), now_us=NOW_US)
    assert codes(found) == (["time-unreadable"] * 2, ["date-order-ambiguous"])


@pytest.mark.parametrize(
    ("last", "first", "is_told"),
    [
        ("{high}/04/2024", "2024/{low}/4", True),
        ("04/{high}/2024", "2024/4/{low}", True),
        ("{high}/04/2024", "2024/4/{high}", False),
        ("{low}/04/2024", "2024/{low}/4", False),
    ],
)
def test_dates_of_which_a_half_was_swapped_are_told(
    last: str, first: str, *, is_told: bool
) -> None:
    dates = [form.format(low=n, high=n + 12) for form in (first, last) for n in range(1, 8)]
    dates.append("04/13/2024" if last.startswith("04") else "13/04/2024")
    found = read(*dates)
    assert ("day-month-suspect" in codes(found)[1]) is is_told
    assert found.units == found.records.height == 15


LOW = ["11/02/2024", "12/02/2024", "01/03/2024", "02/03/2024", "03/03/2024"]


@pytest.mark.parametrize("header", ["tag-id,timestamp", "bird,timestamp", '"tag-id","timestamp"'])
@pytest.mark.parametrize("lines", [3, 1_000])
def test_dates_follow_each_other_tag_by_tag(header: str, lines: int) -> None:
    names = {"timestamp": "timestamp", "tag-id": "bird", "location-long": "x", "location-lat": "y"}
    mapping = read_mapping({"kind": "table", "terms": names}) if "bird" in header else None
    places = "x,y" if mapping else "location-long,location-lat"
    rows = [f"{tag},{day} 5:06,116,29" for tag in ("T1", "T2", "T3") for day in LOW]
    text = "\n".join([f"{header},{places}", *rows, ""]).encode()
    push = open_push(io.BytesIO(text), limit_bytes=1 << 20, mapping=mapping)
    pieces = list(decode_pieces(push, now_us=NOW_US, lines=lines))
    found = [day for piece in pieces for day in days(piece)]
    assert found == 3 * [f"2024-{day[3:5]}-{day[:2]}" for day in LOW]
    assert [w.code for w in pieces[-1].warnings] == ["date-order-assumed"]


def test_a_tag_whose_dates_go_back_and_forth_proves_nothing() -> None:
    rows = [f"{day} 5:06,116,29,{tag}\n" for tag in ("T1", "T2") for day in LOW]
    decoded = decode((HEADER + "".join([*rows, rows[5]])).encode(), now_us=NOW_US)
    assert codes(decoded)[1] == ["date-order-ambiguous"]
    assert {refusal.code for refusal in decoded.refusals} == {"time-unreadable"}


def test_few_dates_of_each_of_many_tags_follow_each_other_in_the_file() -> None:
    rows = [f"{day} 5:06,116,29,T{n}\n" for n, day in enumerate(LOW)]
    decoded = decode((HEADER + "".join(rows)).encode(), now_us=NOW_US)
    assert days(decoded)[0] == "2024-02-11"
