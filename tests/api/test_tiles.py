"""Vector tiles over HTTP: what they hold, how they are kept, and what is no tile."""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator, Callable

import httpx2
import pytest
import pytest_asyncio

from tests.api.served import as_key, served
from tests.clients.mvt import features
from tests.store.flock import UNRELEASED, Flock

LAYERS = ("tracks", "stopovers", "sites", "flyways", "density")


@pytest.fixture(scope="module")
def flock(new_database: Callable[[], str]) -> Flock:
    flock = Flock(new_database())
    institute, _ = flock.institute("Amur")
    study = flock.study(institute, "Cranes")
    bird = flock.bird(study, "A")
    flock.stopover(study, bird)
    flock.stopover(study, bird, 10, lon=115.1, lat=49.7)
    flock.track_part(study, bird, "MULTILINESTRING((127.1 38.2,115.1 49.7))")
    flock.track_part(study, bird, "MULTILINESTRING((10 10,10.00001 10))", day=6)
    scope = f"institute:{institute}"
    sites = (flock.site(scope, "Here", 127.1, 38.2), flock.site(scope, "There", 115.1, 49.7))
    flock.connection(scope, sites)
    flock.corridor(scope)
    for part in ("route", "unobserved"):
        flock.flyway_line(scope, part)
    flock.density(study, bird, (127.1, 38.2), 7)
    flock.density(study, bird, (127.1, 38.2), 5, public=True, release_at=UNRELEASED)
    return flock


@pytest_asyncio.fixture
async def client(flock: Flock) -> AsyncIterator[httpx2.AsyncClient]:
    async with served(flock.dsn) as client:
        yield client


OWN = as_key("flw_Amur")


@pytest.mark.parametrize(
    "spot", ["+1/0/0", "01/0/0", "1/00/0", "1/0/-0", "1_0/0/0", "1/ 0/0", "1/0/0.0", "\u0661/0/0"]
)
async def test_a_tile_has_one_address(client, spot: str) -> None:
    assert (await client.get("/tiles/tracks/1/0/0.pbf")).status_code == 200
    answer = await client.get(f"/tiles/tracks/{spot}.pbf")
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid-value")


@pytest.mark.parametrize("layer", LAYERS)
async def test_a_tile_names_who_contributed(client, layer: str) -> None:
    link = '</api/v1/contributors?species=Grus+vipio>; rel="describedby"'
    tile = f"/tiles/{layer}/0/0/0.pbf?species=Grus vipio"
    answer = await client.get(tile, headers=OWN)
    assert answer.headers["link"] == link
    current = {**OWN, "If-None-Match": answer.headers["etag"]}
    unchanged = await client.get(tile, headers=current)
    assert (unchanged.status_code, unchanged.headers["link"]) == (304, link)
    assert (await client.head(tile, headers=OWN)).headers["link"] == link
    assert "link" not in (await client.get("/tiles/tracks/30/0/0.pbf")).headers


@pytest.mark.parametrize(
    ("path", "known"),
    [
        ("/tiles/tracks/0/0/0.pbf", "species, as_of"), ("/tiles/tracks.json", "species"),
    ],
)  # fmt: skip
async def test_a_parameter_that_tiles_do_not_take_is_told(client, path: str, known: str) -> None:
    answer = await client.get(path, params={"bbox": "1,2,3,4"})
    assert (answer.status_code, answer.json()["code"]) == (422, "parameter-unknown")
    assert answer.json()["remedy"].endswith(f"use one of {known}.")
    assert (await client.get(path, params={"species": "Grus vipio", "_": "1"})).status_code == 200


@pytest.mark.parametrize(
    ("layer", "count"),
    [("tracks", 2), ("stopovers", 2), ("sites", 2), ("flyways", 4), ("density", 1)],
)
async def test_the_world_tile_holds_every_feature(client, layer: str, count: int) -> None:
    answer = await client.get(f"/tiles/{layer}/0/0/0.pbf", headers=OWN)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/vnd.mapbox-vector-tile"
    assert answer.headers["cache-control"] == "private, no-cache"
    assert len(features(answer.content, (0, 0, 0))) == count


async def test_a_mean_route_and_silences_tell_all_that_the_feed_tells(client) -> None:
    tile = await client.get("/tiles/flyways/0/0/0.pbf", headers=OWN)
    told = {each.properties["part"]: each for each in features(tile.content, (0, 0, 0))}
    feed = (await client.get("/feeds/flyways.geojson", headers=OWN)).json()["features"]
    for part in ("route", "unobserved"):
        (said,) = (f["properties"] for f in feed if f["properties"]["part"] == part)
        shown = {name: value for name, value in said.items() if value is not None}
        drawn = told[part].properties
        widths = {name: json.loads(drawn[name]) for name in shown if name.startswith("width")}
        assert {name: drawn[name] for name in shown} | widths == shown
        assert told[part].shape.geom_type.endswith("LineString")
    listed = (await client.get("/tiles/flyways.json")).json()["vector_layers"][0]["fields"]
    assert {*drawn} - {"mvt_id"} <= listed.keys()


@pytest.mark.parametrize("layer", LAYERS)
async def test_a_tile_without_features_is_empty_and_fine(client, layer: str) -> None:
    for headers, path in (({}, "0/0/0"), (OWN, "5/0/31")):
        answer = await client.get(f"/tiles/{layer}/{path}.pbf", headers=headers)
        assert (answer.status_code, answer.content) == (200, b"")
        assert "content-encoding" not in answer.headers


async def test_a_copy_is_asked_for_once_and_travels_compressed(client) -> None:
    path = "/tiles/stopovers/0/0/0.pbf"
    first = await client.get(path, headers=OWN | {"Accept-Encoding": "gzip"})
    assert first.headers["content-encoding"] == "gzip"
    plain = await client.get(path, headers=OWN | {"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert first.content == plain.content
    assert {"Authorization", "Accept-Encoding"} <= {
        each.strip() for each in plain.headers["vary"].split(",")
    }
    again = await client.get(path, headers=OWN | {"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    stranger = await client.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert stranger.status_code == 200


async def test_a_kept_tile_gives_way_to_a_change(client, flock) -> None:
    path = "/tiles/density/3/6/3.pbf"
    before = await client.get(path, headers=OWN)
    flock.run("update density_total set hours = hours + 1")
    assert (await client.get(path, headers=OWN)).content == before.content
    flock.run("update study set version = version + 1")
    after = await client.get(path, headers=OWN)
    hours = [features(each.content, (3, 6, 3))[0].properties["hours"] for each in (before, after)]
    assert hours[1] == hours[0] + 1


@pytest.mark.parametrize(
    "path",
    ["density/10/0/0", "sites/13/0/0", "sites/3/8/0", "sites/3/0/8", "tracks/0/1/0"],
)
async def test_what_is_no_tile_is_told_with_a_remedy(client, path: str) -> None:
    answer = await client.get(f"/tiles/{path}.pbf")
    assert answer.status_code == 404
    assert answer.json()["code"] == "tile-unknown"
    assert "z from 0 to" in answer.json()["remedy"]


@pytest.mark.parametrize(
    "path", ["sites/-1/0/0", "sites/0/-1/0", "sites/1/x/0", "sites/1.5/0/0", "fixes/0/0/0",
             "sites/99/0/0", "sites/3/99999999999999999999/0"],
)  # fmt: skip
async def test_what_is_no_number_or_layer_is_refused(client, path: str) -> None:
    answer = await client.get(f"/tiles/{path}.pbf")
    assert answer.status_code in {404, 422}
    assert answer.json()["remedy"]


@pytest.mark.parametrize("layer", LAYERS)
async def test_tilejson_tells_where_the_tiles_are_and_what_is_in_them(client, layer: str) -> None:
    told = (await client.get(f"/tiles/{layer}.json?species=Grus vipio")).json()
    (address,) = told["tiles"]
    tile = await client.get(address.format(z=0, x=0, y=0), headers=OWN)
    found = features(tile.content, (0, 0, 0))
    assert found
    (described,) = told["vector_layers"]
    told_of = described["fields"].keys()
    zoomed = await client.get(f"/tiles/{layer}/6/54/24.pbf", headers=OWN)
    found += features(zoomed.content, (6, 54, 24))
    assert {name for each in found for name in each.properties} - {"mvt_id"} <= told_of
    most = told["maxzoom"]
    assert (await client.get(f"/tiles/{layer}/{most}/0/0.pbf")).status_code == 200
    assert (await client.get(f"/tiles/{layer}/{most + 1}/0/0.pbf")).status_code == 404


async def test_what_lies_past_the_map_or_at_its_seam_is_in_a_tile(new_database) -> None:
    flock = Flock(new_database())
    institute, _ = flock.institute("Amur")
    study = flock.study(institute, "Edges")
    bird = flock.bird(study, "A")
    places = [(180.0, 60.0), (-180.0, 60.0), (10.0, 89.5), (10.0, -90.0), (0.0, 0.0)]
    for day, (lon, lat) in enumerate(places):
        flock.stopover(study, bird, day, lon=lon, lat=lat)
    flock.track_part(study, bird, "MULTILINESTRING((179 60,180 61),(-180 61,-179 62))")
    flock.track_part(study, bird, "MULTILINESTRING((20 80,20 89))", day=9)
    async with served(flock.dsn) as client:
        for layer, zoom, count in (("stopovers", 6, 5), ("tracks", 2, 3)):
            columns = range(1 << zoom) if zoom < 3 else (0, 32, 33, 63)
            found = []
            for x, y in itertools.product(columns, range(1 << zoom)):
                tile = await client.get(f"/tiles/{layer}/{zoom}/{x}/{y}.pbf", headers=OWN)
                assert tile.status_code == 200
                found += features(tile.content, (zoom, x, y))
            assert len(found) == count, layer
