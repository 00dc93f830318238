from __future__ import annotations

from collections.abc import Callable

from ingest import Decoded, decode

Values = Callable[[Decoded], list[dict[str, object]]]
NOW_US = 1_795_000_000_000_000


def test_each_kind_of_unit_of_one_push(sample: Callable[[str], bytes], values: Values) -> None:
    decoded = decode(sample("fixes_ctt.csv"), now_us=NOW_US)
    assert (decoded.format, [w.code for w in decoded.warnings]) == (
        "ctt-csv", ["date-order-assumed"]
    )  # fmt: skip
    assert [(r.unit, r.code) for r in decoded.refusals] == [(4, "longitude-out-of-range")]
    assert values(decoded) == [
        {
            "tag": "89460800120008",
            "sensor": "gps",
            "time_us": 1563477512000000,
            "lon": -76.25,
            "lat": 38.5,
            "height_m": 12.5,
            "heading_deg": 45.0,
            "satellites": 7,
            "dop": 1.1,
        },
        {
            "tag": "89460800120008",
            "sensor": "gps",
            "time_us": 1563481080000000,
            "lon": -76.5,
            "lat": 38.6,
            "height_m": 12.5,
            "heading_deg": 45.0,
            "satellites": 7,
            "dop": 1.1,
        },
        {
            "tag": "89460800120008",
            "sensor": "gps",
            "time_us": 1563484712000000,
            "height_m": 0.0,
            "heading_deg": 0.0,
            "satellites": 0,
            "dop": 0.0,
        },
    ]
