from __future__ import annotations

from collections.abc import Callable

from ingest import Decoded, decode

Values = Callable[[Decoded], list[dict[str, object]]]
NOW_US = 1_795_000_000_000_000


def test_each_kind_of_unit_of_one_push(sample: Callable[[str], bytes], values: Values) -> None:
    decoded = decode(sample("track.gpx"), now_us=NOW_US)
    assert (decoded.format, decoded.warnings) == ("gpx", [])
    assert [(r.unit, r.code) for r in decoded.refusals] == [
        (4, "coordinate-not-a-number"),
        (5, "time-unreadable"),
    ]
    assert values(decoded) == [
        {"tag": "W1", "sensor": "gps", "time_us": 1577836800000000, "lon": 116.125, "lat": 29.25},
        {
            "tag": "Ada",
            "sensor": "gps",
            "time_us": 1577840400000000,
            "lon": 116.25,
            "lat": 29.5,
            "height_m": 12.5,
            "satellites": 7,
            "dop": 1.5,
        },
        {"tag": "Ada", "sensor": "gps", "time_us": 1577844000500000, "lon": 116.5, "lat": 29.5},
    ]
