from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from subprocess import run

import httpx2
import numpy as np
import orjson
import pytest
import pytest_asyncio
import rasterio
from rasterio.transform import Affine

from tests.api.served import as_key, served
from tests.store.flock import SPECIES, UNRELEASED, Flock, ref_of

KEY = as_key("flw_Amur")


@pytest.fixture(scope="module")
def flock(new_database: Callable[[], str]) -> Flock:
    """Own birds measured but for one day, and opened birds of others: three and one by class."""
    flock = Flock(new_database())
    own, _ = flock.institute("Amur")
    other, _ = flock.institute("Baikal")
    studies = [flock.study(own, "Own"), flock.study(other, "Theirs", "open")]
    layer = flock.insert(
        "layer",
        name="Land",
        kind="boundary",
        source="set of 2024",
        classes='{"0": "MN", "1": "KR", "2": "MN (coast)"}',
        ref=ref_of("layer"),
    )
    mine = flock.bird(studies[0], "M")
    _use(flock, studies[0], mine, layer, {0: 0.5, 2: 0.25, -1: 0.25})
    _use(flock, studies[0], mine, layer, {}, day=2, presence=0.8)
    for number in range(4):
        bird = flock.bird(studies[1], f"T{number}")
        _use(flock, studies[1], bird, layer, {0: 0.5} | ({1: 0.5} if number == 0 else {}))
        _use(flock, studies[1], bird, layer, {1: 1.0}, day=3, release_at=UNRELEASED)
    return flock


def _use(flock, study, bird, layer, shares, day=1, presence=None, **more) -> None:
    common = {
        "individual_id": bird, "day": f"2020-03-{day:02}", "kind": "stopover", "study_id": study,
        "species_key": SPECIES, "season": "2020-spring", "release_at": "2021-01-01T00:00:00Z",
    } | more  # fmt: skip
    flock.insert("presence_day", bird_days=presence or sum(shares.values()), **common)
    for number, bird_days in shares.items():
        flock.insert("use_day", layer_id=layer, class_id=number, bird_days=bird_days, **common)


@pytest_asyncio.fixture
async def client(flock: Flock) -> AsyncIterator[httpx2.AsyncClient]:
    async with served(flock.dsn) as client:
        yield client


async def _use_of(client, key=None, **query) -> dict:
    answer = await client.get("/api/v1/habitat/use", params=query, headers=key or {})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_rows_and_pending_make_up_the_presence_of_own_birds(client, flock) -> None:
    (presence,) = flock.run("select sum(bird_days) from presence_day where study_id = 1")[0]
    mine = {"study": str(ref_of("study", "Own"))}
    for by in ("class", "area", "individual", "season"):
        use = await _use_of(client, KEY, by=by, layer=str(ref_of("layer")), **mine)
        assert use["pending_bird_days"] == pytest.approx(0.8)
        assert use["total_bird_days"] == pytest.approx(presence)
        rows = sum(row["bird_days"] for row in use["items"])
        assert rows + use["pending_bird_days"] == pytest.approx(presence)


async def test_land_and_coast_are_one_area_and_two_classes(client) -> None:
    mine = {"study": str(ref_of("study", "Own"))}
    areas = await _use_of(client, KEY, by="area", **mine)
    assert [(r["key"], r["bird_days"], r["n_individuals"]) for r in areas["items"]] == [
        ("MN", 0.75, 1),
        ("open sea", 0.25, 1),
    ]
    classes = await _use_of(client, KEY, by="class", layer=str(ref_of("layer")), **mine)
    assert {r["key"] for r in classes["items"]} == {"MN", "MN (coast)", "open sea"}


async def test_the_public_sees_no_row_of_fewer_than_three_birds(client) -> None:
    use = await _use_of(client, by="area")
    assert [(r["key"], r["bird_days"], r["n_individuals"], r["share"]) for r in use["items"]] == [
        ("MN", 2.0, 4, 1.0)
    ]
    assert use["total_bird_days"] == 2.0  # a hidden row can't be told from the total
    assert (await _use_of(client, by="individual"))["items"] == []
    one = await _use_of(client, by="area", individual=str(ref_of("bird", 2, "T0")))
    assert one["items"] == []


async def test_own_and_open_birds_add_up(client) -> None:
    use = await _use_of(client, KEY, by="area", season="2020-spring")
    assert use["items"][0]["bird_days"] == pytest.approx(2.75)
    assert use["items"][0]["n_individuals"] == 5


async def test_days_outside_the_interval_do_not_count(client) -> None:
    use = await _use_of(client, KEY, by="season", datetime="2020-03-02/2020-03-02")
    assert [row["bird_days"] for row in use["items"]] == [0.8]


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


async def test_a_layer_of_another_institute_can_not_be_replaced(client) -> None:
    query = {"study": str(ref_of("study", "Theirs")), "name": "x", "source": "y"}
    body = b'{"type": "FeatureCollection", "features": []}'
    answer = await client.post("/api/v1/habitat/layers", params=query, content=body, headers=KEY)
    assert answer.status_code in {404, 422}
    assert (await client.post("/api/v1/habitat/layers", params=query)).status_code == 401


def test_the_web_process_loads_no_compiler_and_no_pandas() -> None:
    code = "import sys, app.main; print([m for m in ('numba', 'pandas') if m in sys.modules])"
    done = run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


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
