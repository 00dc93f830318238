from __future__ import annotations

from collections.abc import Callable

from ingest import Decoded, decode

Values = Callable[[Decoded], list[dict[str, object]]]
NOW_US = 1_795_000_000_000_000


def test_each_kind_of_unit_of_one_push(sample: Callable[[str], bytes], values: Values) -> None:
    decoded = decode(sample("positions_vectronic.json"), now_us=NOW_US)
    assert (decoded.format, decoded.warnings) == ("vectronic-json", [])
    assert [(r.unit, r.code) for r in decoded.refusals] == [(3, "position-incomplete")]
    assert values(decoded) == [
        {
            "tag": "12345",
            "sensor": "gps",
            "time_us": 1682928000000000,
            "lon": 120.25,
            "lat": 47.5,
            "height_m": 650.5,
            "dop": 1.8,
            "battery_v": 3.6,
            "temperature_c": 12.0,
        },
        {"tag": "12345", "sensor": "gps", "time_us": 1682931600000000, "temperature_c": 11.0},
    ]
