from __future__ import annotations

from collections.abc import Callable

from ingest import Decoded, decode

Values = Callable[[Decoded], list[dict[str, object]]]
NOW_US = 1_795_000_000_000_000


def test_each_kind_of_unit_of_one_push(sample: Callable[[str], bytes], values: Values) -> None:
    decoded = decode(sample("records_druid.json"), now_us=NOW_US)
    assert (decoded.format, decoded.warnings) == ("druid-json", [])
    assert [(r.unit, r.code) for r in decoded.refusals] == [(3, "time-unreadable")]
    assert values(decoded) == [
        {
            "tag": "2f0c",
            "sensor": "gps",
            "time_us": 1614585600000000,
            "lon": 116.3,
            "lat": 29.1,
            "height_m": 15.0,
            "ground_speed_m_s": 2.5,
            "heading_deg": 180.0,
            "satellites": 9,
            "dop": 1.1,
            "battery_v": 3.9,
            "temperature_c": 12.5,
        },
        {
            "tag": "2f0c",
            "sensor": "gps",
            "time_us": 1614589200000000,
            "battery_v": 3.8,
            "temperature_c": 13.5,
        },
    ]
