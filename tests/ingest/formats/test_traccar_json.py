from __future__ import annotations

from collections.abc import Callable

from ingest import Decoded, decode

Values = Callable[[Decoded], list[dict[str, object]]]
NOW_US = 1_795_000_000_000_000


def test_each_kind_of_unit_of_one_push(sample: Callable[[str], bytes], values: Values) -> None:
    decoded = decode(sample("positions_traccar.json"), now_us=NOW_US)
    assert (decoded.format, decoded.warnings) == ("traccar-json", [])
    assert [(r.unit, r.code) for r in decoded.refusals] == [(3, "time-unreadable")]
    assert values(decoded) == [
        {
            "tag": "0038",
            "individual": "Ada",
            "sensor": "gps",
            "time_us": 1691496272000000,
            "lon": 120.25,
            "lat": 47.5,
            "height_m": 650.5,
            "ground_speed_m_s": 5.144444444444445,
            "heading_deg": 90.0,
            "satellites": 9,
            "dop": 1.1,
            "battery_v": 3.9,
        },
        {
            "tag": "0038",
            "individual": "Ada",
            "sensor": "gps",
            "time_us": 1691496872000000,
            "lon": 120.25,
            "lat": 47.5,
            "error_m": 12.5,
            "marked_outlier": True,
        },
    ]
