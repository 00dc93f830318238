from __future__ import annotations

import json

import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from ingest import UnreadablePush
from ingest.layers.polygons import PolygonLayer
from ingest.layers.topojson import cut, decode_topology

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


def box_over(west: float, south: float, east: float, north: float) -> list[list[float]]:
    """A box whose longitudes run on, put within -180..180 as a topology has them."""
    corners = [(west, south), (east, south), (east, north), (west, north), (west, south)]
    return [[(lon + 180.0) % 360.0 - 180.0, lat] for lon, lat in corners]


def area(parts: list[list[list[list[float]]]]) -> shapely.Geometry:
    return shapely.union_all([shapely.Polygon(rings[0], rings[1:]) for rings in parts])


def test_land_over_the_antimeridian_is_no_strip_of_sea_round_the_world() -> None:
    """As Chukotka: a land from 30 to 190 degrees east, whose end is written as -170."""
    ring = [[30.0, 60.0], [100, 60], [179, 65], [-170, 65], [-170, 69], [179, 69], [100, 75],
            [30, 75], [30, 60]]  # fmt: skip
    lands = {"lands": {"type": "Polygon", "arcs": [[0]], "properties": {"name": "Russia"}}}
    (feature,) = read(arcs=[ring], transform=None, objects=lands).features
    found = shapely.from_wkb(feature.wkb)
    assert found.is_valid
    for lon, lat in [(130, 67), (60, 62), (179.5, 67), (-179.5, 67), (-171, 66)]:
        assert found.contains(shapely.Point(lon, lat)), (lon, lat)
    for lon, lat in [(-160, 67), (0, 67), (-90, 67), (-175, 72)]:
        assert not found.intersects(shapely.Point(lon, lat)), (lon, lat)
    assert found.area == pytest.approx(shapely.Polygon([(x % 360, y) for x, y in ring]).area)


@given(
    west=st.floats(-179, 179), wide=st.floats(0.5, 170), south=st.floats(-80, 70),
    high=st.floats(0.5, 10),
)  # fmt: skip
def test_a_cut_area_is_the_same_area_within_the_world(west, wide, south, high) -> None:
    box = box_over(west, south, west + wide, south + high)
    parts = area(cut([box]))
    east = west + wide
    if abs(abs(box[1][0]) - 180) < 1e-9 or abs(abs(box[0][0]) - 180) < 1e-9:
        return  # on the meridian itself either side is right
    pieces = [shapely.box(west, south, min(east, 180.0), south + high)]
    if east > 180:
        pieces.append(shapely.box(-180.0, south, east - 360, south + high))
    assert parts.symmetric_difference(shapely.union_all(pieces)).area < 1e-6
    assert parts.bounds[0] >= -180 and parts.bounds[2] <= 180


@pytest.mark.parametrize("hole", [(175, 185), (172, 174), (186, 188)])
def test_a_hole_stays_a_hole_on_either_side(hole) -> None:
    found = area(cut([box_over(170, 0, 190, 10), box_over(hole[0], 4, hole[1], 6)]))
    assert found.area == pytest.approx(200 - 2 * (hole[1] - hole[0]))
    middle = (hole[0] + 0.7 + 180) % 360 - 180
    assert not found.contains(shapely.Point(middle, 5))


@pytest.mark.parametrize(
    "ring",
    [
        [[0.0, 0.0], [1, 0], [1, 1], [0, 0]],  # nothing steps over
        [[-180.0, -70.0], [-60, -70], [60, -70], [179, -70], [-180, -70]],  # round a pole
        [[179.0, 0.0], [-179, 0], [179, 0]],  # no ring
    ],
)
def test_what_can_not_be_cut_is_left_to_the_checks(ring) -> None:
    assert cut([ring]) == [[ring]]
