from __future__ import annotations

from collections.abc import Callable

from ingest import Decoded, decode

Values = Callable[[Decoded], list[dict[str, object]]]
NOW_US = 1_795_000_000_000_000


def test_each_kind_of_unit_of_one_push(sample: Callable[[str], bytes], values: Values) -> None:
    decoded = decode(sample("individuals_movebank.json"), now_us=NOW_US)
    assert (decoded.format, decoded.warnings) == ("movebank-json", [])
    assert [(r.unit, r.code) for r in decoded.refusals] == [(3, "latitude-out-of-range")]
    assert values(decoded) == [
        {
            "individual": "Ada",
            "taxon": "Grus vipio",
            "sensor": "gps",
            "time_us": 1212240595000000,
            "lon": 116.25,
            "lat": 29.5,
        },
        {
            "individual": "Ada",
            "taxon": "Grus vipio",
            "sensor": "gps",
            "time_us": 1212244195000000,
            "lon": 116.5,
            "lat": 29.25,
        },
    ]


def test_posts_of_a_live_feed_write_coordinates_as_text(
    sample: Callable[[str], bytes], values: Values
) -> None:
    decoded = decode(sample("posts_movebank.json"), now_us=NOW_US)
    assert decoded.format == "movebank-json"
    tag, time_us = "awt.1320894.cc53", 1_691_496_272_000_000
    assert values(decoded) == [
        {"tag": tag, "sensor": "gps", "time_us": time_us, "lon": 28.223, "lat": -25.659},
        {"tag": tag, "sensor": "other", "time_us": time_us},
    ]
