from __future__ import annotations

from collections.abc import Callable

from ingest import Decoded, decode

Values = Callable[[Decoded], list[dict[str, object]]]
NOW_US = 1_795_000_000_000_000


def test_each_kind_of_unit_of_one_push(sample: Callable[[str], bytes], values: Values) -> None:
    decoded = decode(sample("observations_earthranger.json"), now_us=NOW_US)
    assert (decoded.format, decoded.warnings) == ("earthranger-json", [])
    assert [(r.unit, r.code) for r in decoded.refusals] == [(3, "no-animal-or-tag")]
    assert values(decoded) == [
        {
            "tag": "018910980",
            "individual": "Ada",
            "sensor": "gps",
            "time_us": 1691485472000000,
            "lon": 35.5,
            "lat": -1.25,
            "dop": 1.5,
        },
        {
            "tag": "018910980",
            "sensor": "gps",
            "time_us": 1691499872000000,
            "lon": 35.5,
            "lat": -1.25,
        },
    ]
