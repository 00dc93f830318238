from __future__ import annotations

from collections.abc import Callable

from ingest import Decoded, decode

Values = Callable[[Decoded], list[dict[str, object]]]
NOW_US = 1_795_000_000_000_000


def test_each_kind_of_unit_of_one_push(sample: Callable[[str], bytes], values: Values) -> None:
    decoded = decode(sample("report_telonics.csv"), now_us=NOW_US)
    assert (decoded.format, decoded.warnings) == ("telonics-csv", [])
    assert [(r.unit, r.code) for r in decoded.refusals] == [(4, "coordinate-not-a-number")]
    assert values(decoded) == [
        {
            "tag": "700123A",
            "sensor": "gps",
            "time_us": 1525348800000000,
            "lon": 120.25,
            "lat": 47.5,
            "height_m": 650.0,
            "satellites": 8,
            "dop": 1.2,
            "error_m": 4.1,
            "temperature_c": 11.5,
        },
        {
            "tag": "700123A",
            "sensor": "gps",
            "time_us": 1525352400000000,
            "lon": 120.5,
            "lat": 47.6,
            "error_m": 75.0,
            "marked_outlier": True,
            "temperature_c": 11.5,
        },
        {"tag": "700123A", "sensor": "gps", "time_us": 1525356000000000, "temperature_c": 11.0},
    ]


def test_without_a_tag_above_the_table_rows_are_refused(sample: Callable[[str], bytes]) -> None:
    payload = sample("report_telonics.csv").replace(b"CTN", b"Owner")
    assert {r.code for r in decode(payload, now_us=NOW_US).refusals} == {"no-animal-or-tag"}


MESSAGES = b"""Telonics Data Report
Report Format,Condensed,1
Headers Row,7
CTN,659121A
Measurement Units,,,degrees,degrees,,,degrees,degrees,meters,,,Hit,degrees C,,
,,,,,,,,,,,,,,,
Acquisition Time,Acquisition Start Time,Iridium CEP Radius,Iridium Latitude,Iridium Longitude,\
GPS Fix Time,GPS Fix Attempt,GPS Latitude,GPS Longitude,GPS Altitude,GPS Horizontal Error,\
GPS Satellite Count,Activity Count,Temperature,Satellite Uplink,Receive Time
2013.04.11 18:00:30,2013.04.11 17:59:00,,,,2013.04.11 18:00:30,Succeeded (3D),78.5,16.2,12,5,7,42,\
-3.5,Yes,2013.04.11 20:00:00
,2013.04.11 19:59:00,,,,,Failed,,,,,,40,-3,Yes,2013.04.11 20:00:00
,,4,78.4,16.1,,,,,,,,,,,2013.04.11 20:00:00
,2013.04.11 21:59:00,,,,2013.04.11 22:00:10,Succeeded (2D),78.5,16.3,,,4,,,,
,2013.04.11 23:59:00,,,,,Succeeded (2D),78.5,16.4,,,4,,,,
"""


def test_what_brings_no_fix_is_dated_by_its_attempt_or_message() -> None:
    """Rows of a real report without an acquisition time; a position needs that of its fix."""
    decoded = decode(MESSAGES, now_us=NOW_US)
    read = decoded.records.select("time_us", "lon", "activity", "temperature_c")
    assert decoded.warnings == []
    assert read.rows() == [
        (1365703230000000, 16.2, 42.0, -3.5),
        (1365710340000000, None, 40.0, -3.0),
        (1365710400000000, None, None, None),
        (1365717610000000, 16.3, None, None),
    ]
    assert [(r.unit, r.code) for r in decoded.refusals] == [(5, "time-unreadable")]


def test_reports_of_several_tags_name_them_in_a_column() -> None:
    many = MESSAGES.replace(b"CTN,659121A", b"CTN,").replace(b"Acquisition T", b"CTN,Acquisition T")
    rows = many.replace(b"\n2013", b"\n659121A,2013").replace(b"\n,2013", b"\n659122A,,2013")
    decoded = decode(rows.replace(b"\n,,4", b"\n659123A,,,4"), now_us=NOW_US)
    assert decoded.format == "telonics-csv"
    assert decoded.records["tag"].to_list() == ["659121A", "659122A", "659123A", "659122A"]
