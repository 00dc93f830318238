from __future__ import annotations

import json

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Geod
from shapely.geometry import shape

from app.movement.areas import COAST_M, AreaIndex, LayerError, PolygonIndex, RasterClasses
from app.movement.habitat import OUTSIDE, bird_days
from tests.movement.flocks import key_sites

GEOD = Geod(ellps="WGS84")


@st.composite
def layers(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    m = draw(st.integers(0, 8))
    low = rng.uniform(0, 8, (m, 2))
    boxes = list(shapely.box(*low.T, *(low + rng.uniform(0.5, 4, (m, 2))).T))
    lon, lat = rng.uniform(0, 10, (2, draw(st.integers(0, 60))))
    return boxes, rng.integers(0, 4, m), lon, lat


@given(layers())
def test_polygons_give_the_first_that_holds_the_point(case):
    boxes, class_id, lon, lat = case
    got = PolygonIndex.build(boxes, class_id).classes(lon, lat)
    for i, (x, y) in enumerate(zip(lon, lat, strict=True)):
        hits = [
            c for b, c in zip(boxes, class_id, strict=True) if b.intersects(shapely.Point(x, y))
        ]
        assert got[i] == (hits[0] if hits else OUTSIDE)


def test_a_point_on_a_shared_edge_counts_once():
    index = PolygonIndex.build([shapely.box(0, 0, 1, 1), shapely.box(1, 0, 2, 1)], np.array([7, 8]))
    assert index.classes(np.array([1.0]), np.array([0.5])).tolist() == [7]


def test_broken_layers_are_refused_by_feature():
    bow = shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)])
    with pytest.raises(LayerError, match=r"feature 1 .*repair"):
        PolygonIndex.build([shapely.box(0, 0, 1, 1), bow], np.array([0, 1]))
    with pytest.raises(LayerError, match="class id"):
        PolygonIndex.build([shapely.box(0, 0, 1, 1)], np.array([0, 1]))
    with pytest.raises(LayerError, match="at least one area"):
        AreaIndex.build([], [])


def test_a_raster_gives_the_cell_of_each_point_and_nothing_beyond():
    raster = RasterClasses(np.arange(6).reshape(2, 3), (1.0, 0, 100.0, 0, -1.0, 50.0), nodata=4)
    lon = np.array([100.0, 102.99, 103.0, 101.5, 99.999, 100.5])
    lat = np.array([50.0, 48.01, 48.5, 48.5, 49.5, 47.999])
    assert raster.classes(lon, lat).tolist() == [0, 5, OUTSIDE, OUTSIDE, OUTSIDE, OUTSIDE]


def test_a_turned_raster_is_read_by_its_transform():
    cells = np.array([[1, 2], [3, 4]])
    turned = RasterClasses(cells, (0.0, 1.0, 10.0, 1.0, 0.0, 20.0))  # columns run north
    assert turned.classes(np.array([10.5, 11.5]), np.array([21.5, 20.5])).tolist() == [2, 3]
    with pytest.raises(LayerError, match="transform"):
        RasterClasses(cells, (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)).classes(np.zeros(1), np.zeros(1))


@pytest.mark.parametrize(
    ("nm", "name"), [(1, "Box (coast)"), (23.8, "Box (coast)"), (24.2, "Open sea")]
)
@pytest.mark.parametrize("lon", [126.0, 179.5])
def test_a_coast_reaches_24_nautical_miles(nm, name, lon):
    areas = AreaIndex.build(["Box"], [shapely.box(lon - 1, 50, lon, 52)])
    x, y, _ = GEOD.fwd(lon, 51.0, 90.0, nm * 1852.0)
    assert areas.label(int(areas.classes(np.array([x]), np.array([y]))[0])) == name


def test_the_nearer_shore_has_the_coast_and_the_first_area_a_tie():
    west, east = shapely.box(120, 30, 121, 31), shapely.box(121.4, 30, 122, 31)
    lon, lat = np.array([121.1, 121.3, 121.2]), np.full(3, 30.5)
    assert AreaIndex.build(["W", "E"], [west, east]).classes(lon, lat)[:2].tolist() == [2, 3]
    for names in (["W", "E"], ["E", "W"]):
        shapes = [west, east] if names[0] == "W" else [east, west]
        areas = AreaIndex.build(names, shapes)
        assert areas.classes(lon, lat)[2] == 2


@pytest.fixture(scope="module")
def countries(shared_data):
    path = shared_data / "habitat/naturalearth/ne_50m_admin_0_countries_neasia.geojson"
    features = json.loads(path.read_text(encoding="utf-8"))["features"]
    names = [f["properties"].get("NAME") or f["properties"]["name"] for f in features]
    return names, [shape(f["geometry"]) for f in features]


def test_no_key_site_lies_in_no_area(countries):
    names, shapes = countries
    sites = key_sites()
    lon, lat = np.array([s.lon for s in sites]), np.array([s.lat for s in sites])
    west, south, east, north = shapely.total_bounds(shapes)
    within = (lon > west) & (lon < east) & (lat > south) & (lat < north)
    areas = AreaIndex.build(names, shapes)
    found = areas.classes(lon, lat)
    assert np.all(found[within] != OUTSIDE)
    assert within.sum() >= 36
    plain = PolygonIndex.build(shapes, np.arange(len(shapes))).classes(lon, lat)
    assert np.sum(plain[within] == OUTSIDE) >= 6  # what containment alone loses
    assert np.array_equal(found[plain >= 0], plain[plain >= 0])


def test_shores_agree_with_geodesics(countries):
    names, shapes = countries
    areas = AreaIndex.build(names, shapes)
    rng = np.random.default_rng(1)
    lon, lat = rng.uniform(118, 132, 300), rng.uniform(31, 41, 300)
    found = areas.classes(lon, lat)
    fine = shapely.get_coordinates(shapely.segmentize(np.array(shapes), 0.005))
    for i in np.flatnonzero((found == OUTSIDE) | (found >= len(names)))[:60]:
        near = fine[np.hypot((fine[:, 0] - lon[i]) * 0.8, fine[:, 1] - lat[i]) < 0.8]
        one = np.ones(len(near))
        away = GEOD.inv(lon[i] * one, lat[i] * one, *near.T)[2].min(initial=np.inf)
        if abs(away - COAST_M) > 200:
            assert (found[i] != OUTSIDE) == (away < COAST_M)


def test_use_by_area_by_class_and_in_all_is_one_total(countries):
    areas = AreaIndex.build(*countries)
    rng = np.random.default_rng(2)
    n = 2_000
    time_us = np.cumsum(rng.integers(1, 9 * 3600, n)) * 1_000_000
    lon = 125 + np.cumsum(rng.normal(0, 0.05, n))
    lat = 38 + np.cumsum(rng.normal(0, 0.05, n))
    cells = RasterClasses(rng.integers(0, 5, (40, 40)), (0.2, 0, 121.0, 0, -0.2, 42.0), nodata=0)
    kind = np.zeros(n, dtype=np.int64)
    totals = [
        bird_days(time_us, kind, ids).bird_days.sum()
        for ids in (kind, areas.classes(lon, lat), cells.classes(lon, lat))
    ]
    assert totals[1:] == pytest.approx(totals[:1] * 2, rel=1e-9)
