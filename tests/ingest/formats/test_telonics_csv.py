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
