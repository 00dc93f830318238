from __future__ import annotations

import json

import pytest
import shapely

from ingest import UnreadablePush
from ingest.layers.polygons import PolygonLayer
from ingest.layers.topojson import decode_topology

# Two squares that share an edge, on a grid of half degrees from (100, 30).
TOPOLOGY: dict[str, object] = {
    "type": "Topology",
    "transform": {"scale": [0.5, 0.5], "translate": [100, 30]},
    "arcs": [
        [[2, 0], [0, 2]],
        [[2, 2], [-2, 0], [0, -2], [2, 0]],
        [[2, 2], [2, 0], [0, -2], [-2, 0]],
    ],
    "objects": {
        "lands": {
            "type": "GeometryCollection",
            "geometries": [
                {"type": "Polygon", "arcs": [[0, 1]], "properties": {"name": "West"}},
                {"type": "MultiPolygon", "arcs": [[[0, 2]]], "properties": {"name": "East"}},
            ],
        }
    },
}


def read(**change: object) -> PolygonLayer:
    text = json.dumps(TOPOLOGY | change).encode()
    return decode_topology(text, object_name="lands", class_property="name")


def test_arcs_become_rings() -> None:
    layer = read()
    assert layer.refusals == []
    assert layer.classes == ["West", "East"]
    west, east = (shapely.from_wkb(feature.wkb) for feature in layer.features)
    assert west.bounds == (100, 30, 101, 31)
    assert east.bounds == (101, 30, 102, 31)
    assert west.intersection(east).length == 1


def test_a_shared_arc_may_run_backwards() -> None:
    turned = [{"type": "Polygon", "arcs": [[-1, -3]], "properties": {"name": "East"}}]
    turned[0]["arcs"] = [[~2, ~0]]
    layer = read(objects={"lands": {"type": "GeometryCollection", "geometries": turned}})
    assert shapely.from_wkb(layer.features[0].wkb).area == 1


def test_without_transform_arcs_are_degrees() -> None:
    arcs = [[[0, 0], [1, 0], [1, 1], [0, 0]]]
    one = {"lands": {"type": "Polygon", "arcs": [[0]], "properties": {"name": "a"}}}
    layer = read(arcs=arcs, transform=None, objects=one)
    assert shapely.from_wkb(layer.features[0].wkb).area == 0.5


@pytest.mark.parametrize(
    "bad",
    [
        {"type": "Polygon", "arcs": [[99]], "properties": {"name": "a"}},
        {"type": "Polygon", "arcs": [["0"]], "properties": {"name": "a"}},
        {"type": "Polygon", "arcs": [[0]], "properties": {"name": "open"}},
        {"type": "LineString", "arcs": [0], "properties": {"name": "a"}},
        {"type": None, "properties": {"name": "a"}},
        7,
    ],
)
def test_each_fault_costs_its_own_geometry(bad: object) -> None:
    layer = read(objects={"lands": {"type": "GeometryCollection", "geometries": [bad]}})
    assert (layer.units, len(layer.refusals)) == (1, 1)


@pytest.mark.parametrize(
    "change",
    [
        {"type": "FeatureCollection"},
        {"objects": {}},
        {"objects": {"lands": {"geometries": 5}}},
        {"arcs": "none"},
        {"arcs": [[["a", 0], [0, 1]]]},
        {"transform": {"scale": [1]}},
    ],
)
def test_what_is_no_topology_is_told(change: dict[str, object]) -> None:
    with pytest.raises(UnreadablePush) as caught:
        read(**change)
    assert caught.value.code == "json-unreadable"


def test_few_arcs_can_not_unfold_to_many_vertices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.layers.polygons.VERTICES_MAX", 1_000)
    bomb = [{"type": "Polygon", "arcs": [[0] * 5_000], "properties": {"name": "a"}}]
    with pytest.raises(UnreadablePush) as caught:
        read(objects={"lands": {"type": "GeometryCollection", "geometries": bomb}})
    assert caught.value.code == "too-many-vertices"
