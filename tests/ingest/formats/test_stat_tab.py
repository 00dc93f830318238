from __future__ import annotations

from collections.abc import Callable

from ingest import Decoded, decode

Values = Callable[[Decoded], list[dict[str, object]]]
NOW_US = 1_795_000_000_000_000


def test_each_kind_of_unit_of_one_push(sample: Callable[[str], bytes], values: Values) -> None:
    decoded = decode(sample("passes_stat.txt"), now_us=NOW_US)
    assert (decoded.format, [w.code for w in decoded.warnings]) == (
        "stat-tab", ["day-month-suspect"]
    )  # fmt: skip
    assert [(r.unit, r.code) for r in decoded.refusals] == [(2, "time-unreadable")]
    assert values(decoded) == [
        {
            "tag": "29051",
            "sensor": "argos",
            "time_us": 1057223580000000,
            "lon": -77.958,
            "lat": 33.898,
            "argos_class": "3",
            "lon2": -46.309,
            "lat2": 27.369,
        },
        {"tag": "29051", "sensor": "argos", "time_us": 1072915140000000, "argos_class": "Z"},
    ]


def test_real_turtle_is_read_whole(real: Callable[[str], bytes]) -> None:
    decoded = decode(real("telemetry/argos_stat/Sara.txt"), now_us=NOW_US)
    assert (decoded.format, decoded.units, decoded.refusals) == ("stat-tab", 2_496, [])
    assert decoded.records["lon2"].count() > 2_000
