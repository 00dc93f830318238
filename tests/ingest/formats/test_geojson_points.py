from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from ingest import Decoded, UnreadablePush, decode

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


WEB_MERCATOR = (12_245_143.99, 4_865_942.28)  # 110 E, 40 N


def collection(crs: object, *positions: object, last: bool = False) -> bytes:
    features = [
        {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": position},
            "properties": {"tag": "T1", "time": f"2024-04-01T10:00:0{n}Z", "crs": "EPSG:9"},
        }
        for n, position in enumerate(positions)
    ]
    held = {"type": "FeatureCollection", "crs": crs, "features": features}
    if last:
        held["crs"] = held.pop("crs")
    return json.dumps(held).encode()


def name(of: str) -> dict[str, object]:
    return {"type": "name", "properties": {"name": of}}


def places(payload: bytes) -> list[tuple[float, float]]:
    decoded = decode(payload, format="geojson-points", now_us=NOW_US)
    return [tuple(round(x, 6) for x in row) for row in decoded.records[["lon", "lat"]].rows()]


@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize(
    "spelling",
    ["EPSG:3857", "urn:ogc:def:crs:EPSG::3857", "http://www.opengis.net/def/crs/EPSG/0/3857"],
)
def test_positions_of_another_declared_system_are_brought_to_wgs_84(spelling, last) -> None:
    payload = collection(name(spelling), [*WEB_MERCATOR, 12.5], last=last)
    decoded = decode(payload, now_us=NOW_US)
    assert places(payload) == [(110.0, 40.0)]
    assert decoded.records["height_m"].to_list() == [12.5]
    assert (decoded.refusals, decoded.warnings) == ([], [])


@pytest.mark.parametrize(
    "crs",
    [
        None,
        name("urn:ogc:def:crs:OGC:1.3:CRS84"),
        name("EPSG:4326"),
        name("http://www.opengis.net/def/crs/OGC/1.3/CRS84"),
        name("EPSG:4490"),  # of China, the same to a decimetre
    ],
)
def test_longitude_and_latitude_stay_what_they_are(crs) -> None:
    assert places(collection(crs, [116.25, 29.5])) == [(116.25, 29.5)]


@pytest.mark.parametrize(
    "crs",
    [
        name("EPSG:999999"),
        name("urn:ogc:def:crs:OGC::AUTO42001"),
        name("GCJ-02"),
        {"type": "link", "properties": {"href": "http://example.com/crs"}},
        {"type": "name"},
        7,
    ],
)
def test_a_declared_system_that_leads_nowhere_is_refused_as_a_whole(crs) -> None:
    with pytest.raises(UnreadablePush, match="declares") as refused:
        decode(collection(crs, [116.25, 29.5]), now_us=NOW_US)
    assert refused.value.code == "crs-unsupported"
    assert "EPSG:4326" in refused.value.remedy


def test_a_system_is_that_of_its_feature_or_of_all_and_survives_a_cut() -> None:
    whole = collection(name("EPSG:3857"), WEB_MERCATOR, WEB_MERCATOR)
    assert places(whole[:-20]) == [(110.0, 40.0)]
    features = json.loads(whole)["features"]
    features[0]["crs"] = name("EPSG:3857")
    features[1]["geometry"] = {"type": "Point", "coordinates": [116.25, 29.5]}
    sequence = "".join(json.dumps(feature) + "\n" for feature in features).encode()
    assert places(sequence) == [(110.0, 40.0), (116.25, 29.5)]


def test_what_is_no_position_is_refused_by_itself() -> None:
    payload = collection(
        name("EPSG:3857"), ["a", 1.0], [True, 1.0], [1e300, 1e300], [1.0], WEB_MERCATOR
    )
    decoded = decode(payload, now_us=NOW_US)
    assert places(payload) == [(110.0, 40.0)]
    assert [each.unit for each in decoded.refusals] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("crs", "position"),
    [
        ("EPSG:3857", [1e30, 4e6]),
        ("EPSG:3857", [1e8, 4e6]),  # two turns and a half
        ("EPSG:3857", [4.1e7, 4e6]),
        ("EPSG:3857", [-2.1e7, 4e6]),
        ("EPSG:3857", [1e6, 1e30]),
        ("EPSG:6933", [2e8, 4e6]),
        ("EPSG:32650", [1e8, 4e6]),
    ],
)
def test_what_lies_outside_of_the_map_is_no_position(crs, position) -> None:
    decoded = decode(collection(name(crs), position, WEB_MERCATOR), now_us=NOW_US)
    assert decoded.refusals[0].unit == 1
    assert decoded.refusals[0].code == "latitude-out-of-range"


def test_a_track_may_go_on_past_the_antimeridian_as_longitudes_to_360_do() -> None:
    turn_m = 2 * 20_037_508.342789244
    whole = collection(name("EPSG:3857"), [turn_m / 2 + 1e6, 0.0], [turn_m, 0.0], ["1e6", "-1e6"])
    assert places(whole) == [(-171.016847, 0.0), (0.0, 0.0), (8.983153, -8.946574)]


def test_what_gis_makes_of_movebank_tables_keeps_its_marks_and_measurements() -> None:
    more: list[dict[str, object]] = [
        {"visible": "false", "height-above-msl": 12, "gps:satellite-count": 7, "gps:hdop": "1.2"},
        {"manually_marked_outlier": True, "tag_voltage": 3800, "external-temperature": -3.5},
        {"visible": True, "location-error-numerical": 10, "location-error-percentile": 95},
        {"marked_outlier": True, "battery_v": 3.8, "height_m": 12.5},
        {"visible": False, "flags": "speed"},  # our own export: the flags say why
        {"visible": False, "flags": None, "flyways:flags": ""},
        {"visible": "false", "flyways:flags": "speed"},
        {"visible": True, "flags": [{"code": "speed"}], "manually-marked-valid": "true"},
    ]
    features = [
        {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [116.25, 29.5]},
            "properties": {"tag-local-identifier": "7", "timestamp": f"2018-07-05T10:48:0{n}Z"} | p,
        }
        for n, p in enumerate(more)
    ]
    decoded = decode(json.dumps(features).encode(), format="geojson-points", now_us=NOW_US)
    records = decoded.records
    assert decoded.warnings == decoded.refusals == []
    assert records["marked_outlier"].to_list() == [
        True,
        True,
        False,
        True,
        False,
        True,
        False,
        False,
    ]
    assert records["marked_valid"].to_list() == [False] * 7 + [True]
    assert records["height_m"].to_list() == [12.0, None, None, 12.5] + [None] * 4
    assert records.select("satellites", "dop").row(0) == (7, 1.2)
    assert records.select("battery_v", "temperature_c").row(1) == (3.8, -3.5)
    assert records["battery_v"][3] == 3.8
    assert round(records["error_m"][2], 2) == 4.09
