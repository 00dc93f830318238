from __future__ import annotations

import pytest

from ingest import UnreadablePush
from ingest.formats.layout import Layout, decode_elements, decode_sheet

NOW_US = 1_795_000_000_000_000
LAYOUT = Layout(
    name="test",
    marks=frozenset({"unit-no"}),
    fields={
        "tag": ("Unit No", "id"),
        "date": ("day",),
        "clock": ("hour",),
        "lon": ("place.0", "x"),
        "lat": ("place.1", "y"),
        "ground_speed_m_s": ("kmh",),
        "marked_outlier": ("bad",),
    },
    per={"ground_speed_m_s": 3.6},
)
HEADER = "Unit No;day;hour;x;y;kmh;bad\n"


def test_date_and_clock_in_two_columns_decimal_comma_and_units() -> None:
    text = HEADER + "7;2018-07-05;10:48;116,25;29,5;36,0;no\n8;2018-07-05;;116,25;29,5;fast;YES\n"
    decoded = decode_sheet(LAYOUT, text.encode(), tz="UTC+8", now_us=NOW_US)
    assert decoded.records.select("tag", "time_us", "lon", "ground_speed_m_s").rows() == [
        ("7", 1_530_758_880_000_000, 116.25, 10.0)
    ]
    assert [(r.unit, r.code) for r in decoded.refusals] == [(2, "time-unreadable")]
    assert [w.detail for w in decoded.warnings] == ["Text in numeric columns left out: kmh 1."]


def test_a_table_without_a_needed_column_is_told() -> None:
    with pytest.raises(UnreadablePush) as caught:
        decode_sheet(LAYOUT, b"Unit No;day;x;y\n", tz="UTC", now_us=NOW_US)
    assert caught.value.code == "columns-missing"
    assert "hour" in caught.value.detail
    assert LAYOUT.fits(["UNIT_NO", "x"])
    assert not LAYOUT.fits(["x"])


def test_paths_reach_into_objects_and_arrays() -> None:
    text = b'[{"id": 7, "day": "2018-07-05", "hour": "10:48", "place": [1, 2], "bad": true}]'
    decoded = decode_elements(LAYOUT, text, tz="UTC", now_us=NOW_US)
    assert decoded.records.select("tag", "lon", "lat", "marked_outlier").rows() == [
        ("7", 1.0, 2.0, True)
    ]


@pytest.mark.parametrize(
    ("value", "code"), [("{}", "field-type"), ("1" + "0" * 30, "field-out-of-range")]
)
def test_values_that_are_no_scalars(value: str, code: str) -> None:
    text = f'[{{"id": {value}, "day": "2018-07-05", "hour": "10:48"}}]'.encode()
    decoded = decode_elements(LAYOUT, text, tz="UTC", now_us=NOW_US)
    assert [r.code for r in decoded.refusals] == [code]


def test_no_units_are_no_records() -> None:
    assert decode_elements(LAYOUT, b"[]", tz="UTC", now_us=NOW_US).units == 0
    assert decode_sheet(LAYOUT, HEADER.encode(), tz="UTC", now_us=NOW_US).units == 0
