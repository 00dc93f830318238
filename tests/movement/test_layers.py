"""Layers: the class of each place, against a brute-force search and real boundary sets."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import polars as pl
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Geod

from app.movement.gaps import observed_us
from app.movement.habitat import bird_days, day_pieces
from app.movement.layers import (
    COAST_M,
    NO_DAY,
    AreaIndex,
    PolygonIndex,
    ProtectionIndex,
    RasterClasses,
    equal_area,
)
from app.movement.protection import State, class_of
from app.pipeline.builtin import COUNTRIES
from app.seeds import rows
from ingest.layers.geojson_polygons import decode_polygons
from ingest.layers.topojson import decode_topology

GEOD = Geod(ellps="WGS84")

NAMES = {
    "MN": {"Mongolia"}, "RU": {"Russia"}, "CN": {"China"}, "JP": {"Japan"},
    "KR": {"South Korea"}, "KP": {"North Korea"}, "TW": {"Taiwan"},
    "HK": {"Hong Kong", "Hong Kong S.A.R."}, "VN": {"Vietnam"}, "IN": {"India"},
}  # fmt: skip


def naturalearth(shared_data):
    path = shared_data / "habitat/naturalearth/ne_50m_admin_0_countries_neasia.geojson"
    return decode_polygons(path.read_bytes(), class_property="ADMIN")


def world_atlas():
    if not COUNTRIES.is_file():
        pytest.skip("the viewer's files are not installed: make install")
    return decode_topology(COUNTRIES.read_bytes(), object_name="countries", class_property="name")


def parts_of(layer):
    shapes = [shapely.from_wkb(f.wkb) for f in layer.features]
    return shapes, np.array([f.class_index for f in layer.features])


def searched(shapes, class_ids, lon, lat):
    """The slow way: ask every polygon of every point; the smallest that holds it wins."""
    area = equal_area(np.array(shapes, dtype=object))
    out = []
    for x, y in zip(lon, lat, strict=True):
        holding = [k for k, shape in enumerate(shapes) if shape.intersects(shapely.Point(x, y))]
        out.append(class_ids[min(holding, key=lambda k: (area[k], k))] if holding else -1)
    return out


@st.composite
def polygons(draw):
    corner = st.integers(-6, 6)
    shapes = []
    for _ in range(draw(st.integers(1, 6))):
        points = draw(st.lists(st.tuples(corner, corner), min_size=3, max_size=7, unique=True))
        hull = shapely.MultiPoint(points).convex_hull
        if isinstance(hull, shapely.Polygon):
            shapes.append(hull)
    return shapes


@settings(max_examples=25)
@given(polygons(), st.lists(st.tuples(st.integers(-7, 7), st.integers(-7, 7)), min_size=1))
def test_polygons_equal_the_search(shapes, points):
    """Whole-number places, so that corners and edges are hit too."""
    class_ids = np.arange(len(shapes)) % 3
    lon, lat = np.array(points, dtype=float).T
    found = PolygonIndex(shapes, class_ids).classes_at(lon, lat)
    assert found.tolist() == searched(shapes, class_ids, lon, lat)


DAYS = st.integers(0, 9)


@settings(max_examples=25)
@given(st.data())
def test_designations_equal_the_search(data):
    shapes = data.draw(polygons())
    n = len(shapes)
    kinds = data.draw(st.lists(st.integers(0, 2), min_size=n, max_size=n))
    since = data.draw(st.lists(DAYS | st.just(NO_DAY), min_size=n, max_size=n))
    points = data.draw(st.lists(st.tuples(*[st.integers(-7, 7)] * 2, DAYS), min_size=1))
    lon, lat, day = (np.array(each) for each in zip(*points, strict=True))
    index = ProtectionIndex(shapes, np.array(kinds), np.array(since))
    found = index.states_at(lon.astype(float), lat.astype(float), day)
    for (x, y, today), got in zip(points, found.tolist(), strict=True):
        told = {}
        for shape, kind, first in zip(shapes, kinds, since, strict=True):
            if not shape.intersects(shapely.Point(x, y)):
                continue
            undated = State.UNDATED if first == NO_DAY else State.LATER
            state = State.IN_FORCE if first <= today else undated
            order = (State.LATER, State.UNDATED, State.IN_FORCE)
            told[kind] = max(told.get(kind, State.LATER), state, key=order.index)
        assert got == class_of(told)


def test_of_two_equal_polygons_the_first_counts():
    box = shapely.box(0, 0, 2, 2)
    index = PolygonIndex([box, shapely.box(0, 0, 2, 2)], np.array([4, 3]))
    assert index.classes_at(np.array([1.0]), np.array([1.0])).tolist() == [4]


def test_a_hole_is_outside_and_an_island_in_it_inside():
    ring = shapely.box(0, 0, 9, 9).difference(shapely.box(2, 2, 7, 7))
    index = PolygonIndex([shapely.MultiPolygon([ring, shapely.box(4, 4, 5, 5)])], np.array([0]))
    lon = np.array([1.0, 3.0, 4.5])
    assert index.classes_at(lon, lon).tolist() == [0, -1, 0]


def test_no_polygons_and_no_points():
    none = np.array([], dtype=np.int64)
    one = np.array([1.0])
    assert PolygonIndex([], none).classes_at(one, one).tolist() == [-1]
    assert AreaIndex([], none, 0).classes_at(one, one).tolist() == [-1]
    index = AreaIndex([shapely.box(0, 0, 1, 1)], np.array([0]), 1)
    assert index.classes_at(one[:0], one[:0]).tolist() == []


@given(st.integers(1, 5), st.integers(1, 5), st.floats(-1.4, 8.9), st.floats(-1.4, 8.9))
def test_raster_gives_the_cell_around_a_place(height, width, x, y):
    cells = np.arange(height * width, dtype=np.int16).reshape(height, width)
    index = RasterClasses(cells, (0.5, 0, 100.0, 0, -0.25, 50.0), nodata=0)
    lon, lat = 100.0 + x * 0.5, 50.0 - y * 0.25
    row, column = int(np.floor((50.0 - lat) / 0.25)), int(np.floor((lon - 100.0) / 0.5))
    inside = 0 <= row < height and 0 <= column < width
    expected = int(cells[row, column]) if inside else -1
    found = index.classes_at(np.array([lon]), np.array([lat])).tolist()
    on_edge = min(abs(x - round(x)), abs(y - round(y))) < 1e-6
    assert on_edge or found == [expected if expected != 0 else -1]


def test_the_far_edges_of_a_world_raster_are_part_of_it():
    index = RasterClasses(np.array([[1, 2], [3, 4]]), (180, 0, -180, 0, -90, 90))
    lon, lat = np.array([-180.0, 180.0, 180.0]), np.array([90.0, -90.0, 0.5])
    assert index.classes_at(lon, lat).tolist() == [1, 4, 2]


@settings(max_examples=40)
@given(st.floats(-180, 180), st.floats(-75, 75), st.floats(0, 360), st.floats(0.2, 1.8), st.data())
def test_coast_ends_24_miles_from_land(lon, lat, azimuth, share, data):
    """An island of a kilometre anywhere on earth, and a place at a known distance from it."""
    if abs(abs(share) - 1) < 0.04:
        share += 0.1
    west = min(max(lon - 0.005, -180.0), 179.98)
    island = shapely.box(west, lat, west + 0.01, lat + 0.01)
    middle = island.centroid
    x, y, _ = GEOD.fwd(middle.x, middle.y, azimuth, share * COAST_M)
    index = AreaIndex([island], np.array([0]), 1)
    found = index.classes_at(np.array([x]), np.array([y])).tolist()
    assert found == ([1] if share < 1 else [-1])


def test_the_nearest_coast_counts_as_the_geodesic_says(shared_data):
    shapes, ids = parts_of(naturalearth(shared_data))
    index = AreaIndex(shapes, ids, int(ids.max()) + 1)
    rng = np.random.default_rng(3)
    lon, lat = rng.uniform(121.0, 131.0, 400), rng.uniform(33.0, 41.0, 400)
    found = index.classes_at(lon, lat)
    sea = np.flatnonzero((found == -1) | (found >= index.n_areas))
    lines = shapely.segmentize(shapely.boundary(np.array(shapes, dtype=object)), 0.01)
    xy, line = shapely.get_coordinates(lines, return_index=True)
    near = (xy[:, 0] > 119) & (xy[:, 0] < 133) & (xy[:, 1] > 32) & (xy[:, 1] < 42)
    xy, line = xy[near], line[near]
    checked = 0
    for k in sea[:60]:
        away = GEOD.inv(np.full(len(xy), lon[k]), np.full(len(xy), lat[k]), xy[:, 0], xy[:, 1])[2]
        if abs(away.min() - COAST_M) < 300:
            continue  # the vertices of the search are up to a kilometre apart
        checked += 1
        expected = ids[line[away.argmin()]] + index.n_areas if away.min() < COAST_M else -1
        assert found[k] == expected
    assert checked > 40


@pytest.mark.parametrize("source", ["naturalearth", "world-atlas"])
def test_no_key_site_lies_in_no_country(source, shared_data):
    layer = world_atlas() if source == "world-atlas" else naturalearth(shared_data)
    shapes, ids = parts_of(layer)
    sites = rows("sites")
    if source == "naturalearth":  # the copy is cut at 60 degrees north
        sites = [site for site in sites if float(site["lat"]) < 60]
    lon, lat = (np.array([float(site[name]) for site in sites]) for name in ("lon", "lat"))
    index = AreaIndex(shapes, ids, len(layer.classes))
    found = index.classes_at(lon, lat)
    assert len(sites) > 40
    for site, area in zip(sites, found.tolist(), strict=True):
        assert area != -1, site["name"]
        assert layer.classes[area % index.n_areas] in NAMES[site["country"]], site["name"]


def test_real_tracks_sum_to_the_same_by_class_and_by_area_as_the_search(shared_data):
    folder = shared_data / "telemetry/demoiselle_crane_kazakhstan"
    table = pl.read_csv(folder / "1000 Cranes. Southern Kazakhstan..csv", infer_schema=False)
    shapes, ids = parts_of(world_atlas())
    index = AreaIndex(shapes, ids, int(ids.max()) + 1)
    tree = shapely.STRtree(shapes)
    for _, sent in table.drop_nulls("location-long").group_by("individual-local-identifier"):
        time = sent["timestamp"].str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="us")
        bird = sent.with_columns(time.alias("time")).sort("time")
        time_us = bird["time"].to_physical().to_numpy()
        lon = bird["location-long"].cast(pl.Float64).to_numpy()
        lat = bird["location-lat"].cast(pl.Float64).to_numpy()
        expected = slow_days(time_us, lon, lat, lambda x, y: slow_class(x, y, tree, ids))
        found = bird_days(day_pieces(time_us), np.zeros_like(time_us), index.classes_at(lon, lat))
        by_class = {
            k: found.time_us[found.class_id == k].sum() / 86_400e6
            for k in np.unique(found.class_id).tolist()
        }
        assert by_class.keys() == expected.keys()
        assert all(abs(by_class[k] - expected[k]) < 1e-6 for k in expected)
        assert abs(sum(by_class.values()) - observed_us(time_us) / 86_400e6) < 1e-6


def slow_days(time_us, lon, lat, class_at):
    """Days by class, interval by interval."""
    spent: dict[int, float] = {}
    for i in range(len(time_us) - 1):
        days = (time_us[i + 1] - time_us[i]) / 86_400e6
        if days > 7:
            continue
        for end in (i, i + 1):
            found = class_at(lon[end], lat[end])
            spent[found] = spent.get(found, 0.0) + days / 2
    return spent


def slow_class(x, y, tree, ids):
    """The country around a place; else the one whose nearest edge the geodesic reaches."""
    point = shapely.Point(x, y)
    inside = tree.query(point, predicate="within")
    if len(inside):
        return int(ids[inside[0]])
    nearest = int(tree.nearest(point))
    line = shapely.get_coordinates(shapely.shortest_line(point, tree.geometries[nearest]))
    length = GEOD.inv(*line[0], *line[1])[2]
    return int(ids[nearest] + ids.max() + 1) if length < COAST_M else -1


def test_threads_may_ask_one_index_at_once(shared_data):
    shapes, ids = parts_of(naturalearth(shared_data))
    index = AreaIndex(shapes, ids, int(ids.max()) + 1)
    rng = np.random.default_rng(1)
    lon, lat = rng.uniform(100, 140, 3000), rng.uniform(25, 50, 3000)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: index.classes_at(lon, lat), range(8)))
    assert all(np.array_equal(answer, answers[0]) for answer in answers)
