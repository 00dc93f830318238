from __future__ import annotations

import json
from collections.abc import Callable

import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from ingest import UnreadablePush
from ingest.layers.geojson_polygons import decode_polygons
from ingest.layers.polygons import PolygonLayer

SQUARE = [[[0, 0], [2, 0], [2, 2], [0, 2], [0, 0]]]
BOW_TIE = [[[0, 0], [2, 2], [2, 0], [0, 2], [0, 0]]]


def feature(coordinates: object, kind: str = "Polygon", **properties: object) -> dict[str, object]:
    return {
        "type": "Feature",
        "properties": properties,
        "geometry": {"type": kind, "coordinates": coordinates},
    }


def layer(*features: object, class_property: str | None = None, **members: object) -> PolygonLayer:
    document = {"type": "FeatureCollection", "features": features} | members
    return decode_polygons(json.dumps(document).encode(), class_property=class_property)


def test_classes_names_and_areas() -> None:
    read = layer(
        feature(SQUARE, cover="marsh", name="Bay"),
        feature([SQUARE], "MultiPolygon", cover="paddy"),
        feature(SQUARE, cover="marsh"),
        feature(SQUARE, cover=12),
        class_property="cover",
    )
    assert read.classes == ["marsh", "paddy", "12"]
    assert [(f.class_index, f.name) for f in read.features] == [
        (0, "Bay"), (1, None), (0, None), (2, None)
    ]  # fmt: skip
    assert [shapely.from_wkb(f.wkb).area for f in read.features] == [4.0] * 4
    assert {shapely.from_wkb(f.wkb).geom_type for f in read.features} == {"MultiPolygon"}


def test_holes_stay_holes() -> None:
    hole = [[0.5, 0.5], [0.5, 1.5], [1.5, 1.5], [1.5, 0.5], [0.5, 0.5]]
    assert shapely.from_wkb(layer(feature([*SQUARE, hole])).features[0].wkb).area == 3.0


def test_rings_that_cross_themselves_are_repaired_and_counted() -> None:
    read = layer(feature(BOW_TIE), feature(SQUARE))
    assert [w.code for w in read.warnings] == ["geometry-repaired"]
    mended = shapely.from_wkb(read.features[0].wkb)
    assert mended.is_valid
    assert mended.area == 2.0


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (feature([0, 0], "Point"), "geometry-type"),
        ({"type": "Feature", "geometry": None}, "geometry-type"),
        ("no feature", "geometry-type"),
        (feature([]), "geometry-malformed"),
        (feature([], "MultiPolygon"), "geometry-malformed"),
        (feature([[[0, 0], [1, 1], [0, 0]]]), "geometry-malformed"),
        (feature([[[0, 0], [1, 0], [1, 1], [0, 1]]]), "geometry-malformed"),
        (feature([[[0, 0], ["1", 0], [1, 1], [0, 0]]]), "geometry-malformed"),
        (feature([[[0, 0], [True, 0], [1, 1], [0, 0]]]), "geometry-malformed"),
        (feature([[[0], [1], [1], [0]]]), "geometry-malformed"),
        (feature([[[0, 0], [190, 0], [1, 1], [0, 0]]]), "longitude-out-of-range"),
        (feature([[[0, 0], [1, 95], [1, 1], [0, 0]]]), "latitude-out-of-range"),
        (feature([[[0, 0], [1, 1], [2, 2], [0, 0]]]), "geometry-empty"),
    ],
)
def test_each_fault_costs_its_own_feature(bad: object, code: str) -> None:
    read = layer(feature(SQUARE), bad, feature(SQUARE))
    assert [(r.unit, r.code) for r in read.refusals] == [(2, code)]
    assert (read.units, len(read.features)) == (3, 2)


def test_a_feature_without_class_is_refused() -> None:
    read = layer(
        feature(SQUARE), feature(SQUARE, cover=None), feature(SQUARE, cover=True),
        class_property="cover",
    )  # fmt: skip
    assert [r.code for r in read.refusals] == ["class-missing"] * 3


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (b"", "json-unreadable"),
        (b"[]", "json-unreadable"),
        (b'{"type": "Feature"}', "json-unreadable"),
        (b'{"type": "FeatureCollection", "features": {}}', "json-unreadable"),
        (b'{"type": "FeatureCollection", "features": [NaN]}', "json-unreadable"),
        (b"[" * 100_000, "json-unreadable"),
    ],
)
def test_what_is_no_layer_is_told(text: bytes, code: str) -> None:
    with pytest.raises(UnreadablePush) as caught:
        decode_polygons(text)
    assert caught.value.code == code


def named(name: object) -> dict[str, object]:
    return {"type": "name", "properties": {"name": name}}


@pytest.mark.parametrize(
    "crs",
    [None, named("urn:ogc:def:crs:OGC:1.3:CRS84"), named("EPSG:4326"), "EPSG:4326",
     named("urn:ogc:def:crs:EPSG::4326"), named("urn:ogc:def:crs:EPSG:6.9:4326")],
)  # fmt: skip
def test_wgs84_is_accepted_by_each_of_its_names(crs: object) -> None:
    assert layer(feature(SQUARE), crs=crs).units == 1


@pytest.mark.parametrize(
    "crs",
    [named("EPSG:3857"), named("EPSG:43260"), named("EPSG:14326"), named("urn:EPSG::4326:3857"),
     {"type": "name", "properties": {"name": "EPSG:3857", "was": "EPSG:4326"}}, named(4326), {},
     [], 4326, named(None), {"type": "link", "properties": {"href": "EPSG:4326"}}],
)  # fmt: skip
def test_any_other_coordinates_are_refused(crs: object) -> None:
    with pytest.raises(UnreadablePush) as caught:
        layer(feature(SQUARE), crs=crs)
    assert caught.value.code == "crs-unsupported"


@pytest.mark.parametrize(
    ("limit", "code"),
    [("FEATURES_MAX", "too-many-features"), ("VERTICES_MAX", "too-many-vertices")],
)
def test_limits(monkeypatch: pytest.MonkeyPatch, limit: str, code: str) -> None:
    monkeypatch.setattr(f"ingest.layers.polygons.{limit}", 1)
    with pytest.raises(UnreadablePush) as caught:
        layer(feature(SQUARE), feature(SQUARE))
    assert caught.value.code == code


POSITION = st.lists(st.floats(-200, 200), min_size=1, max_size=3)


@given(st.lists(st.lists(st.lists(POSITION, max_size=6), max_size=3), max_size=3))
def test_any_rings_are_counted_and_what_is_kept_is_valid(shapes: list[object]) -> None:
    read = layer(*(feature(shape) for shape in shapes))
    assert read.units == len(shapes)
    assert all(shapely.from_wkb(f.wkb).is_valid for f in read.features)


def test_real_lakes(real: Callable[[str], bytes]) -> None:
    payload = real("habitat/naturalearth/ne_10m_lakes_neasia.geojson")
    read = decode_polygons(payload, class_property="featurecla")
    assert (read.units, read.refusals) == (261, [])
    assert "Reservoir" in read.classes
