"""Layers in the store: what goes in comes out, a new one replaces the old, birds are told."""

from __future__ import annotations

import json

import numpy as np
import pytest
import shapely
from structlog.testing import capture_logs

from app.errors import BadInput
from app.pipeline import builtin
from app.pipeline.areas import area_names
from app.store import layers
from app.store.engine import Store, execute
from ingest.layers.geojson_polygons import decode_polygons
from ingest.layers.raster import RasterLayer, RasterMeta

SOURCE = "drawn for a test"


def polygons(**named):
    features = [
        {
            "type": "Feature",
            "properties": {"kind": name},
            "geometry": shapely.geometry.mapping(shapely.box(*bounds)),
        }
        for name, bounds in named.items()
    ]
    text = json.dumps({"type": "FeatureCollection", "features": features})
    return decode_polygons(text.encode(), class_property="kind")


def raster(cells, nodata=None):
    array = np.array(cells)
    classes = [int(v) for v in np.unique(array) if v != nodata]
    meta = RasterMeta(
        array.shape[1], array.shape[0], (1.0, 0.0, 100.0, 0.0, -1.0, 50.0), "EPSG:4326",
        str(array.dtype), nodata, classes, 100_000.0,
    )  # fmt: skip
    return RasterLayer(meta, array)


@pytest.fixture
async def store(database):
    opened = Store(database, pool_size=2, statement_timeout_s=60)
    yield opened
    await opened.close()


@pytest.fixture
async def studies(store):
    """Two studies with one bird each."""
    async with store.write() as conn:
        rows = await execute(
            conn,
            "with i as (insert into institute (name) values ('Amur') returning id),"
            " s as (insert into study (institute_id, name) select i.id, n from i,"
            " unnest(array['Cranes', 'Spoonbills']) as n returning id)"
            " insert into individual (study_id, local_identifier, species_key)"
            " select id, 'bird', 'default' from s returning study_id",
        )
    return sorted(row["study_id"] for row in rows)


async def dirty(conn):
    rows = await execute(conn, "delete from dirty returning study_id")
    return sorted(row["study_id"] for row in rows)


async def names(conn, study):
    return [layer.name for layer in await layers.current_layers(conn, study)]


async def test_a_studys_layer_is_its_own_and_marks_its_birds(store, studies):
    ours, theirs = studies
    async with store.write() as conn:
        await layers.add_polygon_layer(
            conn, ours, "Reserves", SOURCE, polygons(marsh=(0, 0, 1, 1)), note="draft"
        )
        assert await dirty(conn) == [ours]
        found = (await layers.current_layers(conn, ours))[0]
        assert (found.name, found.kind, found.classes) == ("Reserves", "polygons", {0: "marsh"})
        assert (found.source, found.note, found.study_id) == (SOURCE, "draft", ours)
        assert (found.class_name(0), found.class_name(-1)) == ("marsh", "outside")
        assert await names(conn, theirs) == []


async def test_polygons_come_back_as_an_index(store, studies):
    drawn = polygons(marsh=(0, 0, 1, 1), field=(2, 0, 3, 1), province=(-5, -5, 5, 5))
    async with store.write() as conn:
        await layers.add_polygon_layer(conn, studies[0], "Land", SOURCE, drawn)
        layer = (await layers.current_layers(conn, studies[0]))[0]
        index = await layers.index_of(conn, layer)
        found = index.classes_at(np.array([0.5, 2.5, 4.0, 9.0]), np.full(4, 0.5))
        named = [layer.class_name(k) for k in found.tolist()]
        assert named == ["marsh", "field", "province", "outside"]
        assert await layers.index_of(conn, layer) is index


async def test_a_new_layer_of_the_name_replaces_the_old(store, studies):
    async with store.write() as conn:
        for bounds in ((0, 0, 1, 1), (5, 5, 6, 6)):
            await layers.add_polygon_layer(conn, None, "Reserves", SOURCE, polygons(marsh=bounds))
        await layers.add_polygon_layer(
            conn, studies[0], "Reserves", SOURCE, polygons(marsh=(0, 0, 1, 1))
        )
        assert await names(conn, studies[0]) == ["Reserves", "Reserves"]
        layer = (await layers.current_layers(conn, studies[1]))[0]
        index = await layers.index_of(conn, layer)
        assert index.classes_at(np.array([0.5, 5.5]), np.array([0.5, 5.5])).tolist() == [-1, 0]
        assert await dirty(conn) == studies
        await layers.retire(conn, layer.id)
        assert await names(conn, studies[1]) == []
        assert await dirty(conn) == studies


async def test_a_raster_keeps_its_cells_and_loses_its_nodata(store, studies):
    async with store.write() as conn:
        await layers.add_raster_layer(
            conn, studies[0], "Cover", SOURCE, raster([[0, 12], [255, 300]], nodata=255),
            class_names={0: "water"},
        )  # fmt: skip
        layer = (await layers.current_layers(conn, studies[0]))[0]
        index = await layers.index_of(conn, layer)
        lon, lat = np.array([100.5, 101.5, 100.5, 101.5]), np.array([49.5, 49.5, 48.5, 48.5])
        assert index.classes_at(lon, lat).tolist() == [0, 12, -1, 300]
        assert layer.classes == {0: "water", 12: "class 12", 300: "class 300"}
        assert layer.cell_size_m == 100_000.0


@pytest.mark.parametrize("cells", [[[70_000]], [[-3]]])
async def test_a_raster_class_that_cannot_be_kept_is_refused(store, studies, cells):
    async with store.write() as conn:
        with pytest.raises(BadInput) as refused:
            await layers.add_raster_layer(conn, studies[0], "Cover", SOURCE, raster(cells))
        assert refused.value.code == "raster-classes"
        assert "0 to 32767" in refused.value.remedy
        assert await names(conn, studies[0]) == []


async def test_areas_are_land_coast_and_open_sea(store, studies):
    lon, lat = np.array([0.5, 1.2, 9.0]), np.full(3, 0.5)
    async with store.write() as conn:
        assert await area_names(conn, lon, lat) == [None, None, None]
        for name in ("Old", "New"):
            await layers.add_polygon_layer(
                conn, None, name, SOURCE, polygons(Amuria=(0, 0, 1, 1)), kind="boundary"
            )
        assert await names(conn, studies[0]) == ["New"]
        assert await area_names(conn, lon, lat) == ["Amuria", "Amuria", "open sea"]
        layer = await layers.boundary(conn)
        assert layer.classes == {0: "Amuria", 1: "Amuria (coast)"}
        assert (layer.class_name(1), layer.area_name(1)) == ("Amuria (coast)", "Amuria")


async def test_only_so_many_indexes_are_kept(store, studies):
    async with store.write() as conn:
        for k in range(layers.INDEXES_MAX + 1):
            await layers.add_polygon_layer(
                conn, None, f"Layer {k}", SOURCE, polygons(marsh=(k, 0, k + 1, 1))
            )
        found = await layers.current_layers(conn, studies[0])
        first = await layers.index_of(conn, found[0])
        for layer in found[1:]:
            await layers.index_of(conn, layer)
        again = await layers.index_of(conn, found[0])
        assert again is not first
        assert again.classes_at(np.array([0.5]), np.array([0.5])).tolist() == [0]


async def test_built_in_layers_are_loaded_once(store, studies):
    if not builtin.COUNTRIES.is_file():
        pytest.skip("the viewer's files are not installed: make install")
    expected = [builtin.COUNTRIES_NAME, builtin.LAND_COVER_NAME]
    assert await builtin.ensure_builtin_layers(store) == expected
    assert await builtin.ensure_builtin_layers(store) == []
    async with store.write() as conn:
        assert await dirty(conn) == studies
        assert await names(conn, studies[0]) == expected
        places = {"Khurkh, steppe": (110.57, 48.30), "Gangwha, flats": (126.45, 37.58)}
        lon, lat = (np.array(v) for v in zip(*places.values(), strict=True))
        assert await area_names(conn, lon, lat) == ["Mongolia", "South Korea"]
        cover = (await layers.current_layers(conn, studies[0]))[1]
        found = (await layers.index_of(conn, cover)).classes_at(lon, lat)
        assert [cover.class_name(k) for k in found.tolist()] == ["grasslands", "water bodies"]
        assert cover.cell_size_m == pytest.approx(5566, abs=1)
        assert "demonstration only" in cover.note


async def test_a_file_that_is_not_installed_is_warned_of(store, monkeypatch, tmp_path):
    monkeypatch.setattr(builtin, "COUNTRIES", tmp_path / "countries-50m.json")
    monkeypatch.setattr(builtin, "LAND_COVER", ("no_such_package", "x.tif"))
    with capture_logs() as logs:
        assert await builtin.ensure_builtin_layers(store) == []
    assert ["make install" in line["remedy"] for line in logs] == [True, True]
