from __future__ import annotations

import json
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


def test_what_may_be_asked_for_with_a_location_is_read_as_in_tables() -> None:
    """What someone at Movebank marked as an outlier came as a fix like any other."""
    place = {"location_long": 116.25, "location_lat": 29.5}
    more = [
        {"visible": False, "argos_lc": "b", "argos_semi_major": 900, "argos_semi_minor": 80,
         "argos_orientation": 100, "argos_lon1": 116.25, "argos_lat1": 29.5, "argos_lon2": 120,
         "argos_lat2": 30, "tag_voltage": 3800, "argos_error_radius": 500},
        {"visible": "true", "manually_marked_outlier": "true", "gps_satellite_count": 7,
         "gnss_hdop": 1.2, "external_temperature": 21, "argos_error_radius": 500,
         "location_error_numerical": 10, "location_error_percentile": 95},
        {"visible": True, "manually_marked_valid": True, "algorithm_marked_outlier": None},
    ]  # fmt: skip
    locations = [place | each | {"timestamp": 1 + n} for n, each in enumerate(more, 1530787690000)]
    text = {"individuals": [{"individual_local_identifier": "A", "locations": locations}]}
    decoded = decode(json.dumps(text).encode(), now_us=NOW_US)
    names = ("sensor", "marked_outlier", "marked_valid", "argos_class", "semi_major_m", "lon2",
             "battery_v", "satellites", "dop", "temperature_c")  # fmt: skip
    assert decoded.warnings == decoded.refusals == []
    assert decoded.records.select(names).rows() == [
        ("argos", True, False, "B", 900.0, 120.0, 3.8, None, None, None),
        ("gps", True, False, None, None, None, None, 7, 1.2, 21.0),
        ("gps", False, True, None, None, None, None, None, None, None),
    ]
    assert decoded.records["error_m"].round(2).to_list() == [500.0, 4.09, None]
