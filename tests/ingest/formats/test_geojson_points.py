from __future__ import annotations

import json
from collections.abc import Callable

from ingest import Decoded, decode

Values = Callable[[Decoded], list[dict[str, object]]]
NOW_US = 1_795_000_000_000_000


def test_each_kind_of_unit_of_one_push(sample: Callable[[str], bytes], values: Values) -> None:
    decoded = decode(sample("points.geojson"), now_us=NOW_US)
    assert (decoded.format, decoded.warnings) == ("geojson-points", [])
    assert [(r.unit, r.code) for r in decoded.refusals] == [
        (3, "not-a-point"),
        (4, "position-incomplete"),
    ]
    assert values(decoded) == [
        {
            "tag": "6118",
            "sensor": "gps",
            "time_us": 1530787690000000,
            "lon": 116.25,
            "lat": 29.5,
            "height_m": 12.5,
            "heading_deg": 90.0,
        },
        {"tag": "6118", "sensor": "gps", "time_us": 1530791290000000},
    ]


def test_a_text_sequence_is_the_collection(sample: Callable[[str], bytes]) -> None:
    whole = sample("points.geojson")
    features = json.loads(whole)["features"]
    sequence = "".join(f"\x1e{json.dumps(feature)}\n" for feature in features).encode()
    there, here = decode(sequence, now_us=NOW_US), decode(whole, now_us=NOW_US)
    assert (there.format, there.units) == ("geojson-points", 4)
    assert there.records.equals(here.records)
    assert [r.code for r in there.refusals] == [r.code for r in here.refusals]
    assert sequence[there.refusals[0].offset or 0 :].startswith(b'{"type": "Feature"')


def test_argos_keeps_its_class_and_its_ellipse() -> None:
    properties = {
        "tag": "7", "timestamp": "2020-01-01T00:00:00Z", "argos:lc": "b", "semi_major_m": 9000,
        "semi_minor_m": 800, "orientation_deg": 90,
    }  # fmt: skip
    point = {"type": "Point", "coordinates": [116.3, 46.1]}
    features = [
        {"type": "Feature", "geometry": point, "properties": properties | more}
        for more in ({}, {"sensor": "argos"}, {"sensor-type": "argos-doppler-shift"})
    ]
    body = json.dumps({"type": "FeatureCollection", "features": features}).encode()
    decoded = decode(body, now_us=NOW_US)
    assert (
        decoded.records.select(
            "sensor", "argos_class", "semi_major_m", "semi_minor_m", "orientation_deg"
        ).rows()
        == [("argos", "B", 9000.0, 800.0, 90.0)] * 3
    )
