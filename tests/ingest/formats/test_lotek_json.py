from __future__ import annotations

from collections.abc import Callable

import pytest

from ingest import Decoded, decode

Values = Callable[[Decoded], list[dict[str, object]]]
NOW_US = 1_795_000_000_000_000


def test_each_kind_of_unit_of_one_push(sample: Callable[[str], bytes], values: Values) -> None:
    decoded = decode(sample("positions_lotek.json"), now_us=NOW_US)
    assert (decoded.format, decoded.warnings) == ("lotek-json", [])
    assert [(r.unit, r.code) for r in decoded.refusals] == [(3, "latitude-out-of-range")]
    assert values(decoded) == [
        {
            "tag": "35019",
            "sensor": "gps",
            "time_us": 1682928000000000,
            "lon": 12.25,
            "lat": 0.0,
            "height_m": 120.5,
            "dop": 2.5,
            "error_m": pytest.approx(8.0 / 1.1774, abs=1e-3),  # its radius holds half of the fixes
            "battery_v": 3.6,
            "temperature_c": 18.0,
        },
        {"tag": "35019", "sensor": "gps", "time_us": 1682931600000000, "temperature_c": 18.5},
    ]
