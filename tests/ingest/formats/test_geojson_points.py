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
