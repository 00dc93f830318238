from __future__ import annotations

from collections.abc import Callable

from ingest import Decoded, decode

Values = Callable[[Decoded], list[dict[str, object]]]
NOW_US = 1_795_000_000_000_000


def test_each_kind_of_unit_of_one_push(sample: Callable[[str], bytes], values: Values) -> None:
    decoded = decode(sample("observations_gundi.json"), now_us=NOW_US)
    assert (decoded.format, decoded.warnings) == ("gundi-json", [])
    assert [(r.unit, r.code) for r in decoded.refusals] == [(3, "coordinate-not-a-number")]
    assert values(decoded) == [
        {
            "tag": "ABC",
            "individual": "Ada",
            "sensor": "gps",
            "time_us": 1616353262000000,
            "lon": -124.75,
            "lat": -5.5,
            "height_m": 0.5,
            "dop": 2.0,
        },
        {
            "tag": "ABC",
            "sensor": "gps",
            "time_us": 1616356862000000,
            "lon": 35.5,
            "lat": -5.25,
            "height_m": 3.0,
        },
    ]
