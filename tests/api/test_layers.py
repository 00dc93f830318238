from __future__ import annotations

import gzip
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx2
import numpy as np
import orjson
import pytest
import pytest_asyncio
import rasterio
import shapely
from rasterio.transform import Affine

from tests.api.served import as_key, served
from tests.ingest.layers.vectors import OTHER, SQUARE, blob, geopackage, shapefile_parts, zipped
from tests.store.flock import Flock, ref_of

KEY = as_key("flw_Amur")


@pytest.fixture(scope="module")
def flock(new_database: Callable[[], str]) -> Flock:
    """Two institutes with a study each, one bird, and a layer of the service."""
    flock = Flock(new_database())
    own, _ = flock.institute("Amur")
    other, _ = flock.institute("Baikal")
    flock.bird(flock.study(own, "Own"), "M")
    flock.study(other, "Theirs", "open")
    flock.insert(
        "layer", name="Land", kind="boundary", source="set of 2024", classes='{"0": "MN"}',
        ref=ref_of("layer"),
    )  # fmt: skip
    return flock


@pytest_asyncio.fixture
async def client(flock: Flock) -> AsyncIterator[httpx2.AsyncClient]:
    async with served(flock.dsn) as client:
        yield client


async def test_polygons_are_stored_and_mark_the_birds_of_the_study(client, flock) -> None:
    square = [[[0, 0], [1, 0], [1, 1], [0, 0]]]
    features = [
        {"type": "Feature", "properties": {"kind": "marsh"},
         "geometry": {"type": "Polygon", "coordinates": square}},
        {"type": "Feature", "properties": {}, "geometry": None},
    ]  # fmt: skip
    body = orjson.dumps({"type": "FeatureCollection", "features": features})
    query = {"study": str(ref_of("study", "Own")), "name": "Marshes", "source": "own survey",
             "class_property": "kind"}  # fmt: skip
    flock.run("delete from dirty")
    answer = await client.post("/api/v1/habitat/layers", params=query, content=body, headers=KEY)
    assert answer.status_code == 201, answer.text
    assert answer.json()["classes"] == {"0": "marsh"}
    assert [refusal["unit"] for refusal in answer.json()["refusals"]] == [2]
    assert flock.run("select count(*) from dirty") == [(1,)]
    listed = (await client.get("/api/v1/habitat/layers", headers=KEY)).json()["items"]
    assert {"Land", "Marshes"} <= {layer["name"] for layer in listed}
    public = (await client.get("/api/v1/habitat/layers")).json()["items"]
    assert [layer["name"] for layer in public] == ["Land"]
    use = await client.get(f"/api/v1/habitat/use?by=class&layer={answer.json()['id']}")
    assert use.status_code == 404


async def test_a_raster_is_stored(client, flock, tmp_path: Path) -> None:
    path = tmp_path / "cover.tif"
    cells = np.array([[11, 40], [40, 255]], dtype="uint8")
    with rasterio.open(
        path, "w", driver="GTiff", width=2, height=2, count=1, dtype="uint8", nodata=255,
        crs="EPSG:4326", transform=Affine(0.01, 0, 120, 0, -0.01, 40),
    ) as raster:  # fmt: skip
        raster.write(cells, 1)
    query = {"study": str(ref_of("study", "Own")), "name": "Cover", "source": "own"}
    answer = await client.post(
        "/api/v1/habitat/layers", params=query, content=path.read_bytes(), headers=KEY
    )
    assert answer.status_code == 201, answer.text
    assert set(answer.json()["classes"]) == {"11", "40"}
    assert answer.json()["cell_size_m"] > 0


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"nonsense", "json-unreadable"),
        (b'{"type": "FeatureCollection", "features": []}', "layer-empty"),
        (b"II*\0nonsense", "raster-unreadable"),
    ],
)
async def test_a_layer_that_can_not_be_read_is_refused_with_a_remedy(client, body, code) -> None:
    query = {"study": str(ref_of("study", "Own")), "name": "Bad", "source": "own"}
    answer = await client.post("/api/v1/habitat/layers", params=query, content=body, headers=KEY)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert answer.json()["remedy"]


async def test_a_layer_that_comes_packed_or_in_a_form_is_another_kind_of_body(client) -> None:
    query = {"study": str(ref_of("study", "Own")), "name": "Packed", "source": "own"}
    for more, code in (
        ({"content": gzip.compress(b"{}"), "headers": KEY | {"Content-Encoding": "gzip"}},
         "content-encoding-unsupported"),
        ({"files": {"file": ("a.geojson", b"{}")}, "headers": KEY}, "unsupported-media-type"),
    ):  # fmt: skip
        told = await client.post("/api/v1/habitat/layers", params=query, **more)
        assert (told.status_code, told.json()["code"]) == (415, code)
        assert told.json()["remedy"].startswith("Send ") and "JSON" not in told.json()["remedy"]


async def test_a_layer_of_another_institute_can_not_be_replaced(client) -> None:
    query = {"study": str(ref_of("study", "Theirs")), "name": "x", "source": "y"}
    body = b'{"type": "FeatureCollection", "features": []}'
    answer = await client.post("/api/v1/habitat/layers", params=query, content=body, headers=KEY)
    assert answer.status_code in {404, 422}
    assert (await client.post("/api/v1/habitat/layers", params=query)).status_code == 401


async def test_a_layer_is_retired_by_its_owner_alone(client, flock) -> None:
    square = {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]}
    feature = {"type": "Feature", "properties": {"kind": "reed"}, "geometry": square}
    query = {"study": str(ref_of("study", "Own")), "name": "Reeds", "source": "own survey",
             "class_property": "kind"}  # fmt: skip
    body = orjson.dumps({"type": "FeatureCollection", "features": [feature]})
    answer = await client.post("/api/v1/habitat/layers", params=query, content=body, headers=KEY)
    path = f"/api/v1/habitat/layers/{answer.json()['id']}"
    assert (await client.delete(path)).status_code == 401
    assert (await client.delete(path, headers=as_key("flw_Baikal"))).status_code == 404
    flock.run("delete from dirty")
    assert (await client.delete(path, headers=KEY)).status_code == 204
    assert flock.run("select count(*) from dirty") == [(1,)]
    listed = (await client.get("/api/v1/habitat/layers", headers=KEY)).json()["items"]
    assert "Reeds" not in {layer["name"] for layer in listed}
    assert (await client.delete(path, headers=KEY)).status_code == 404


async def test_no_institute_retires_a_layer_of_the_service(client) -> None:
    answer = await client.delete(f"/api/v1/habitat/layers/{ref_of('layer')}", headers=KEY)
    assert (answer.status_code, answer.json()["code"]) == (404, "not-found")


async def _sent(client, body: bytes, name: str, **query: str) -> httpx2.Response:
    query = {"study": str(ref_of("study", "Own")), "name": name, "source": "survey"} | query
    return await client.post("/api/v1/habitat/layers", params=query, content=body, headers=KEY)


FORMATS = {
    "geopackage": geopackage([(blob(SQUARE), "marsh", "1999-07-21"), (blob(OTHER), "paddy", 0)]),
    "shapefile": zipped(shapefile_parts([SQUARE, OTHER], ["marsh", "paddy"],
                                        since=["1999-07-21", "0"])),
    "geojson": orjson.dumps({"type": "FeatureCollection", "features": [
        {"type": "Feature", "properties": {"kind": kind, "since": since},
         "geometry": shapely.geometry.mapping(shape)}
        for shape, kind, since in ((SQUARE, "marsh", "1999-07-21"), (OTHER, "paddy", 0))
    ]}),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMATS)
async def test_each_format_is_told_by_its_first_bytes_and_stored_alike(client, flock, form) -> None:
    answer = await _sent(
        client, FORMATS[form], form, kind="protection", class_property="kind",
        date_property="since", licence="CC-BY-4.0", dated_on="2021-05-01",
    )  # fmt: skip
    assert answer.status_code == 201, answer.text
    told = answer.json()
    assert (told["kind"], told["licence"], told["dated_on"], told["version"]) == (
        "protection", "CC-BY-4.0", "2021-05-01", 1,
    )  # fmt: skip
    assert told["classes"] == {"0": "marsh", "1": "paddy"}
    rows = flock.run(
        "select f.designated_on::text, round(st_area(f.geom)::numeric, 6)::float8"
        " from layer_feature f join layer l on l.id = f.layer_id where l.ref = %s"
        " order by f.number", told["id"],
    )  # fmt: skip
    assert rows == [("1999-07-21", 0.25), (None, 0.5)]


async def test_a_name_has_versions_and_what_they_said_is_kept(client, flock) -> None:
    for version in (1, 2, 3):
        answer = await _sent(client, FORMATS["geopackage"], "Reserves", licence=f"L{version}")
        assert answer.json()["version"] == version
    kept = flock.run("select licence, replaced_at is null from layer where name = 'Reserves'"
                     " order by version")  # fmt: skip
    assert kept == [("L1", False), ("L2", False), ("L3", True)]


async def test_what_can_not_be_designated_is_refused(client) -> None:
    for body, code in ((FORMATS["geojson"], "designation-missing"),):
        answer = await _sent(client, body, "Bad", kind="protection")
        assert (answer.status_code, answer.json()["code"]) == (422, code)
    many = geopackage([(blob(SQUARE), f"type {n}", None) for n in range(32)])
    answer = await _sent(client, many, "Many", kind="protection", class_property="kind")
    assert (answer.status_code, answer.json()["code"]) == (422, "designations-too-many")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"SQLite format 3\0 and no more", "geopackage-unreadable"),
        (geopackage(srid=-1), "crs-unsupported"),
        (geopackage(tables=["a", "b"]), "layer-ambiguous"),
        (b"PK\3\4", "archive-damaged"),
        (zipped({"a.shp": b"\0" * 4_000_000}), "shapefile-incomplete"),
        (zipped(shapefile_parts() | {"a.shp": b"\0" * 4_000_000}), "archive-ratio"),
    ],
)
async def test_what_is_hostile_is_refused_in_its_own_process(client, body, code) -> None:
    answer = await _sent(client, body, "Hostile")
    assert (answer.status_code, answer.json()["code"]) == (422, code), answer.text
    assert answer.json()["remedy"]


async def test_a_table_is_chosen_by_its_name(client) -> None:
    answer = await _sent(client, geopackage(tables=["a", "b"]), "Chosen", table="b")
    assert answer.status_code == 201, answer.text
