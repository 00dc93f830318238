from __future__ import annotations

from collections.abc import Callable

import pytest

from ingest import Decoded, decode

Values = Callable[[Decoded], list[dict[str, object]]]
NOW_US = 1_795_000_000_000_000


def test_each_kind_of_unit_of_one_push(sample: Callable[[str], bytes], values: Values) -> None:
    decoded = decode(sample("messages_cls.json"), now_us=NOW_US)
    assert (decoded.format, decoded.warnings) == ("cls-json", [])
    assert [(r.unit, r.code) for r in decoded.refusals] == [(8, "latitude-out-of-range")]
    assert values(decoded) == [
        {
            "tag": "45020",
            "sensor": "argos",
            "time_us": 1778981333197000,
            "lon": 168.33551,
            "lat": -46.60373,
            "error_m": 269.0,
            "argos_class": "B",
            "provider_id": "11",
            "provider_revision": 0,
        },
        {
            "tag": "45020",
            "sensor": "argos",
            "time_us": 1778981469327000,
            "lon": 168.31857,
            "lat": -46.68636,
            "error_m": 261.0,
            "argos_class": "2",
            "provider_id": "11",
            "provider_revision": 2,
        },
        {
            "tag": "45020",
            "sensor": "argos",
            "time_us": 1778982820000000,
            "lon": 168.34,
            "lat": -46.61,
            "error_m": 363.0,
            "argos_class": "B",
            "provider_id": "12",
            "provider_revision": 1,
        },
        {
            "tag": "45020",
            "sensor": "gps",
            "time_us": 1778982900000000,
            "lon": 168.21,
            "lat": -46.71,
            "ground_speed_m_s": 2.5,
            "heading_deg": 67.5,
        },
        {
            "tag": "45020",
            "sensor": "argos",
            "time_us": 1778982911000000,
            "lon": 168.2,
            "lat": -46.72,
            "error_m": 343.0,
            "argos_class": "2",
            "provider_id": "12",
            "provider_revision": 2,
        },
        {"tag": "45021", "sensor": "other", "time_us": 1778983200000000},
        {"tag": "45021", "sensor": "gps", "time_us": 1778983740000000},
    ]


def test_revisions_of_one_location_bear_its_id(sample: Callable[[str], bytes]) -> None:
    rows = decode(sample("messages_cls.json"), now_us=NOW_US).records.drop_nulls("provider_id")
    best = rows.sort("provider_revision").unique("provider_id", keep="last").sort("provider_id")
    assert best.select("provider_id", "provider_revision", "lat").rows() == [
        ("11", 2, -46.68636), ("12", 2, -46.72)
    ]  # fmt: skip


def test_ids_of_64_bits_lose_no_digit() -> None:
    text = (
        b'{"deviceRef": "7", "msgType": "a", "dopplerLocId": 6897720259090437531, '
        b'"dopplerDatetime": "2026-05-17T01:00:00", "dopplerLocLon": 1, "dopplerLocLat": 2}'
    )
    rows = decode(text, now_us=NOW_US).records
    assert rows["provider_id"].to_list() == ["6897720259090437531"]


@pytest.mark.parametrize("name", ["retrieve-bulk-response", "retrieve-realtime-response"])
def test_real_answers_hold_two_locations_a_message(real: Callable[[str], bytes], name: str) -> None:
    decoded = decode(real(f"telemetry/cls_telemetry_api/{name}.json"), now_us=NOW_US)
    assert (decoded.format, decoded.units, decoded.refusals) == ("cls-json", 2, [])
    assert decoded.records["sensor"].to_list() == ["gps", "argos"]
    assert decoded.records["provider_revision"].to_list() == [None, 2]
