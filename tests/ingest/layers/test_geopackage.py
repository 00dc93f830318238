from __future__ import annotations

import datetime as dt
import sqlite3
import struct
from pathlib import Path

import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import UnreadablePush
from ingest.layers.geojson_polygons import decode_polygons
from ingest.layers.geopackage import decode_geopackage
from ingest.layers.polygons import PolygonLayer
from ingest.layers.wanted import Wanted
from tests.ingest.layers.vectors import OTHER, SQUARE, blob, by_gdal, geopackage

KIND = Wanted("kind", "since")


def shapes(layer: PolygonLayer) -> list[shapely.Geometry]:
    return [shapely.normalize(shapely.from_wkb(each.wkb)) for each in layer.features]


def test_classes_dates_and_areas() -> None:
    rows = [
        (blob(SQUARE), "marsh", "1999-07-21"),
        (blob(OTHER, flags=3, envelope=b"\0" * 32), "paddy", 2004),
        (blob(shapely.MultiPolygon([SQUARE, OTHER])), "marsh", None),
    ]
    layer = decode_geopackage(geopackage(rows), KIND)
    assert layer.classes == ["marsh", "paddy"]
    assert [each.class_index for each in layer.features] == [0, 1, 0]
    assert [each.designated_on for each in layer.features] == [
        dt.date(1999, 7, 21), dt.date(2004, 12, 31), None,
    ]  # fmt: skip
    assert shapes(layer)[1].equals(OTHER)
    assert decode_geopackage(geopackage(rows), Wanted()).classes == ["inside"]


@pytest.mark.parametrize(
    "name", ["ne_50m_admin_0_countries_neasia", "ne_10m_lakes_neasia", "ne_50m_urban_areas_neasia"]
)
def test_what_gdal_writes_is_read_as_its_geojson_is(name: str, shared_data: Path) -> None:
    source = shared_data / "habitat/naturalearth" / f"{name}.geojson"
    plain = decode_polygons(source.read_bytes(), class_property="name")
    layer = decode_geopackage(by_gdal(source, "GPKG"), Wanted("name"))
    assert (layer.classes, layer.units) == (plain.classes, plain.units)
    assert [each.name for each in layer.features] == [each.name for each in plain.features]
    assert layer.refusals == [] or [r.code for r in layer.refusals] == [
        r.code for r in plain.refusals
    ]
    assert all(a.equals_exact(b, 1e-9) for a, b in zip(shapes(layer), shapes(plain), strict=True))


def test_other_coordinates_are_transformed(shared_data: Path) -> None:
    source = shared_data / "habitat/naturalearth/ne_10m_lakes_neasia.geojson"
    plain = decode_polygons(source.read_bytes())
    layer = decode_geopackage(by_gdal(source, "GPKG", crs=3857), Wanted())
    for a, b in zip(shapes(layer), shapes(plain), strict=True):
        assert shapely.symmetric_difference(a, b).area <= 1e-7 * b.area


@pytest.mark.parametrize(
    ("row", "code"),
    [
        (None, "geometry-type"),
        ("text", "geometry-malformed"),
        (b"", "geometry-malformed"),
        (b"GP\0\1", "geometry-malformed"),
        (b"XX" + blob(SQUARE)[2:], "geometry-malformed"),
        (b"GP\7" + blob(SQUARE)[3:], "geometry-malformed"),
        (blob(SQUARE, flags=0x0B), "geometry-malformed"),  # an envelope of no known size
        (blob(SQUARE, flags=0x03), "geometry-malformed"),  # an envelope that is not there
        (blob(SQUARE, flags=0x21), "geometry-type"),  # of an extension
        (blob(SQUARE, flags=0x11), "geometry-empty"),
        (blob(SQUARE, 3857), "srid-differs"),
        (blob(SQUARE)[:-5], "geometry-malformed"),
        (blob(SQUARE)[:8] + struct.pack("<BII", 1, 3, 0xFFFFFFF0), "geometry-malformed"),
        (blob(SQUARE)[:8] + b"\1" + struct.pack("<II", 6, 1) * 400, "geometry-malformed"),
        (blob(shapely.Point(1, 1)), "geometry-type"),
        (blob(shapely.Polygon()), "geometry-empty"),
        (blob(shapely.box(126, 34, 190, 35)), "longitude-out-of-range"),
        (blob(shapely.box(34, 126, 35, 127)), "latitude-out-of-range"),
        (
            blob(SQUARE).replace(struct.pack("<d", 34.5), struct.pack("<d", float("nan"))),
            "coordinate-not-a-number",
        ),
    ],
)
def test_each_fault_costs_its_own_row(row: object, code: str) -> None:
    good = (blob(SQUARE), "marsh", None)
    layer = decode_geopackage(geopackage([good, (row, "marsh", None), good]), KIND)
    assert [(each.unit, each.code) for each in layer.refusals] == [(2, code)]
    assert layer.units == 3


def test_a_date_that_can_not_be_read_costs_its_row() -> None:
    rows = [(blob(SQUARE), "marsh", "long ago")]
    assert [r.code for r in decode_geopackage(geopackage(rows), KIND).refusals] == [
        "date-unreadable"
    ]


ENDLESS = (
    "drop table areas; create view areas as with recursive n(i) as (select 1 union all"
    " select i + 1 from n) select zeroblob(i) as geom from n;"
)
VIRTUAL = "drop table areas; create virtual table areas using fts5(geom);"


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (b"SQLite format 3\0", "geopackage-unreadable"),
        (b"SQLite format 3\0" + b"\0" * 5_000, "geopackage-unreadable"),
        (geopackage()[:3_000], "geopackage-unreadable"),
        (geopackage(also="drop table gpkg_geometry_columns;"), "geopackage-unreadable"),
        (geopackage(also="drop table gpkg_spatial_ref_sys;"), "geopackage-unreadable"),
        (geopackage(columns="shape, kind, since"), "geopackage-unreadable"),
        (geopackage(also=ENDLESS), "layer-ambiguous"),
        (geopackage(also=VIRTUAL), "layer-ambiguous"),
        (geopackage(also="delete from gpkg_geometry_columns;"), "layer-ambiguous"),
        (geopackage(tables=["areas", "more"]), "layer-ambiguous"),
        (geopackage(tables=[]), "layer-ambiguous"),
        (geopackage(srid=-1), "crs-unsupported"),
        (geopackage(srid=9), "crs-unsupported"),
        (geopackage(systems=[]), "crs-unsupported"),
        (geopackage(systems=[(4326, "EPSG", 999_999, "")]), "crs-unsupported"),
        (geopackage(systems=[(4326, "NONE", 7, "undefined")]), "crs-unsupported"),
        (geopackage(systems=[(4326, None, None, None)]), "crs-unsupported"),
        (geopackage(systems=[(4326, "X", 1, 'LOCAL_CS["x"]')]), "crs-unsupported"),
        (geopackage(systems=[(4326, "X", 1, "(" * 70_000)]), "crs-unsupported"),
    ],
)
def test_every_hostile_file_gets_its_code(payload: bytes, code: str) -> None:
    with pytest.raises(UnreadablePush) as caught:
        decode_geopackage(payload, KIND)
    assert caught.value.code == code
    assert caught.value.remedy


def test_a_generated_column_runs_nothing() -> None:
    also = (
        "create table b (geom, kind as (hex(zeroblob(100000000))));"
        "insert into b values (null); update gpkg_geometry_columns set table_name = 'b';"
    )
    with pytest.raises(UnreadablePush, match="damaged"):
        decode_geopackage(geopackage(also=also), KIND)


def test_a_table_is_named_where_there_are_several() -> None:
    payload = geopackage(tables=['a "b"; drop', "more"])
    assert len(decode_geopackage(payload, Wanted(table='a "b"; drop')).features) == 1
    with pytest.raises(UnreadablePush) as caught:
        decode_geopackage(payload, Wanted(table="other"))
    assert caught.value.code == "layer-ambiguous"


def test_a_write_ahead_log_that_is_not_there_is_not_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "a.gpkg"
    path.write_bytes(geopackage())
    with sqlite3.connect(path) as file:
        assert file.execute("pragma journal_mode = wal").fetchone() == ("wal",)
    file.close()
    payload = path.read_bytes()
    assert payload[18:20] == b"\2\2"
    assert len(decode_geopackage(payload, KIND).features) == 1


WHOLE = geopackage()


@given(st.lists(st.tuples(st.integers(16, len(WHOLE) - 1), st.integers(0, 255)), max_size=8))
@settings(max_examples=60)
def test_whatever_is_damaged_is_read_or_refused(damage: list[tuple[int, int]]) -> None:
    payload = bytearray(WHOLE)
    for at, value in damage:
        payload[at] = value
    try:
        layer = decode_geopackage(bytes(payload), KIND)
    except UnreadablePush:
        pass
    else:
        assert layer.units == len(layer.features) + len(layer.refusals)
