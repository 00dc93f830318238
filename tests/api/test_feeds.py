from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass

import httpx2
import pytest
import pytest_asyncio
from shapely.geometry import shape

from app.api.kept import Answer, Kept
from tests.api.served import as_key, served
from tests.store.flock import DAY, RELEASED, START, UNRELEASED, Flock, ref_of

FEEDS = ("positions", "tracks", "stopovers", "sites", "flyways")


@dataclass
class World:
    flock: Flock
    client: httpx2.AsyncClient
    key: str
    study: int
    bird: int

    async def feed(self, name: str, key: str | None = None, **query: str) -> list[dict]:
        answer = await self.client.get(
            f"/feeds/{name}.geojson", params=query, headers=as_key(key) if key else {}
        )
        assert answer.status_code == 200, answer.text
        return answer.json()["features"]


@pytest.fixture(scope="module")
def filled(new_database: Callable[[], str]) -> Flock:
    return _fill(Flock(new_database()))


@pytest_asyncio.fixture
async def world(filled: Flock) -> AsyncIterator[World]:
    """One institute with an opened study of one bird that crossed the antimeridian."""
    async with served(filled.dsn) as client:
        (study,), (bird,) = (filled.run(f"select id from {t}")[0] for t in ("study", "individual"))
        yield World(filled, client, "flw_Amur", study, bird)


@pytest.fixture
def changed(world: World) -> Iterator[World]:
    """The same world for a test that changes it: what it adds goes again."""
    yield world
    world.flock.run("delete from site_visit")
    world.flock.run("delete from stopover where arrival_time_latest > %s", START + 40 * DAY)
    world.flock.run("update study set version = version + 1")


def _fill(flock: Flock) -> Flock:
    institute, _ = flock.institute("Amur")
    study = flock.study(institute, "Cranes", "open")
    bird = flock.bird(study, "WNC-17")
    flock.stopover(study, bird)
    flock.stopover(study, bird, 20, public_lon=None, public_lat=None, kind="breeding")
    flock.stopover(study, bird, 30, release_at=UNRELEASED)
    flock.latest_fix(study, bird, (127.123456789, 38.2))
    for hour, place in enumerate([(127.1, 38.2), (127.1, 38.2), (127.2, 38.3), (127.4, 38.5)]):
        flock.public_fix(study, bird, hour, place)
    for hour in (400, 401):
        flock.public_fix(study, bird, hour, (128.0 + hour / 1000, 40.0))
    flock.public_fix(study, bird, 500, (130.0, 41.0), UNRELEASED)
    flock.track_part(study, bird, "MULTILINESTRING((178 60.123456789,179 61,-179 62,-178 63))")
    flock.season(study, bird)
    for scope in ("public", f"institute:{institute}"):
        ends = (flock.site(scope, "A", 170.0, 60.0), flock.site(scope, "B", -170.0, 65.0))
        flock.connection(scope, ends)
        flock.corridor(scope)
    return flock


async def test_owner_reads_all_stopovers_exactly(world: World) -> None:
    found = await world.feed("stopovers", world.key)
    assert [f["properties"]["precision"] for f in found] == ["exact"] * 3
    first = found[0]
    assert first["geometry"]["coordinates"] == [127.123456, 38.234567]
    assert first["properties"]["arrival_time_latest"] == "2020-03-01T12:34:56Z"
    assert (first["properties"]["n_fixes"], first["properties"]["radius_m"]) == (77, 1234.5)


async def test_public_reads_days_and_cells_of_released_stopovers(world: World) -> None:
    (only,) = await world.feed("stopovers")
    assert only["geometry"]["coordinates"] == [127.1, 38.2]
    said = only["properties"]
    times = [said[name] for name in said if name.endswith(("_earliest", "_latest"))]
    assert len(times) == 4
    assert all(time.endswith("T00:00:00Z") for time in times)
    assert (said["n_fixes"], said["radius_m"]) == (None, None)
    assert said["duration_min_s"] % 86_400 == 0
    assert said["precision"] == "0.1 degree grid"


async def test_positions_are_exact_for_the_owner_and_released_cells_for_the_public(
    world: World,
) -> None:
    (own,) = await world.feed("positions", world.key)
    (public,) = await world.feed("positions")
    assert own["geometry"]["coordinates"] == [127.1234568, 38.2]
    assert public["geometry"]["coordinates"] == [128.401, 40.0]
    assert own["properties"]["species_name"] == "Grus vipio"
    assert own["id"] == public["id"] == str(ref_of("bird", world.study, "WNC-17"))


async def test_public_tracks_are_drawn_from_released_cells_and_broken_at_silences(
    world: World,
) -> None:
    found = await world.feed("tracks")
    assert [f["properties"]["observed"] for f in found] == [True, False, True]
    assert found[0]["geometry"]["coordinates"] == [
        [127.1, 38.2], [127.1, 38.2], [127.2, 38.3], [127.4, 38.5],
    ]  # fmt: skip
    assert found[1]["geometry"]["coordinates"] == [[127.4, 38.5], [128.4, 40.0]]
    assert found[2]["properties"]["n_fixes"] == 2


async def test_lines_are_cut_at_the_antimeridian(world: World) -> None:
    (track,) = await world.feed("tracks", world.key)
    assert track["geometry"]["type"] == "MultiLineString"
    for line in track["geometry"]["coordinates"]:
        lons = [lon for lon, _ in line]
        assert max(lons) - min(lons) < 180
    flyway = await world.feed("flyways", world.key)
    connection = next(f for f in flyway if f["properties"]["part"] == "connection")
    assert len(connection["geometry"]["coordinates"]) == 2
    assert max(len(line) for line in connection["geometry"]["coordinates"]) > 4


@pytest.mark.parametrize("name", FEEDS)
@pytest.mark.parametrize("owner", [True, False])
async def test_features_are_valid_geojson(world: World, name: str, *, owner: bool) -> None:
    found = await world.feed(name, world.key if owner else None)
    assert found
    assert len({f["id"] for f in found}) == len(found)
    for feature in found:
        assert feature["type"] == "Feature"
        geometry = shape(feature["geometry"])
        assert geometry.is_valid
        if geometry.geom_type == "MultiPolygon":
            assert all(part.exterior.is_ccw for part in geometry.geoms)


async def test_no_coordinate_has_more_than_seven_decimals(world: World) -> None:
    answer = await world.client.get("/feeds/tracks.geojson", headers=as_key(world.key))
    assert "60.1234568" in answer.text
    assert "60.12345678" not in answer.text


@pytest.mark.parametrize("name", FEEDS)
async def test_a_current_copy_is_not_sent_again(world: World, name: str) -> None:
    first = await world.client.get(f"/feeds/{name}.geojson")
    again = await world.client.get(
        f"/feeds/{name}.geojson", headers={"If-None-Match": first.headers["etag"]}
    )
    assert (again.status_code, again.content) == (304, b"")
    assert "Authorization" in first.headers["vary"]
    assert first.headers["content-type"] == "application/geo+json"


async def test_a_new_version_of_the_study_shows_at_once(changed: World) -> None:
    assert len(await changed.feed("stopovers", changed.key)) == 3
    changed.flock.stopover(changed.study, changed.bird, 50)
    changed.flock.run("update study set version = version + 1")
    assert len(await changed.feed("stopovers", changed.key)) == 4


async def test_zipped_and_plain_answers_are_the_same(world: World) -> None:
    plain, zipped = [
        await world.client.get(
            "/feeds/stopovers.geojson", headers={"Accept-Encoding": coding, **as_key(world.key)}
        )
        for coding in ("identity", "gzip")
    ]
    assert zipped.headers["content-encoding"] == "gzip"
    assert plain.content == zipped.content
    assert plain.headers["etag"] == zipped.headers["etag"]


@pytest.mark.parametrize(("name", "total"), [("stopovers", 3), ("sites", 2), ("flyways", 2)])
async def test_pages_join_to_the_whole_feed(world: World, name: str, total: int) -> None:
    whole = await world.feed(name, world.key)
    assert len(whole) == total
    address, pages = f"/feeds/{name}.geojson?limit=1", []
    while address:
        answer = await world.client.get(address, headers=as_key(world.key))
        pages += answer.json()["features"]
        links = answer.json()["links"]
        address = links[0]["href"] if links else None
        assert ("link" in answer.headers) == bool(links)
    assert pages == whole


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({"bbox": "127,38,128,39"}, 1),
        ({"bbox": "127.12,38.23,127.13,38.24"}, 0),  # around the exact place, beside the cell's
        ({"bbox": "170,38,-170,39"}, 0),
        ({"bbox": "120,38,-170,39"}, 1),
        ({"species": "Antigone vipio"}, 1),
        ({"species": "Grus monacha"}, 0),
        ({"season": "2020-spring"}, 1),
        ({"season": "2021-spring"}, 0),
        ({"datetime": "2020-03-02T00:00:00Z/.."}, 1),
        ({"datetime": "2020-03-05"}, 0),
        ({"individual": str(ref_of("nobody"))}, 0),
        ({"study": str(ref_of("study", "Cranes"))}, 1),
    ],
)
async def test_filters_act_on_what_is_shown(world: World, query: dict, count: int) -> None:
    assert len(await world.feed("stopovers", **query)) == count


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"species": "Dodo"}, "species-unknown"),
        ({"bbox": "1,2,3"}, "bbox-invalid"),
        ({"bbox": "nan,2,3,4"}, "bbox-invalid"),
        ({"bbox": "0,10,1,5"}, "bbox-invalid"),
        ({"datetime": "2020-03-01T00:00:00"}, "datetime-invalid"),
        ({"datetime": "2021-01-01/2020-01-01"}, "datetime-invalid"),
        ({"season": "spring"}, "invalid-value"),
        ({"cursor": "abc"}, "cursor-refused"),
    ],
)
async def test_a_bad_filter_says_how_to_mend_it(world: World, query: dict, code: str) -> None:
    answer = await world.client.get("/feeds/stopovers.geojson", params=query)
    assert answer.status_code == 422
    assert answer.json()["code"] == code
    assert answer.json()["remedy"]


async def test_sites_narrow_to_the_birds_that_stayed(changed: World) -> None:
    (site,) = changed.flock.run("select id from site where scope = 'public' and name = 'A'")[0]
    stay = changed.flock.run("select id from stopover order by arrival_time_latest")
    changed.flock.insert("site_visit", site_id=site, stopover_id=stay[0][0])
    bird = str(ref_of("bird", changed.study, "WNC-17"))
    assert [s["properties"]["name"] for s in await changed.feed("sites", individual=bird)] == ["A"]
    assert [s["properties"]["name"] for s in await changed.feed("sites", season="2020-spring")] == [
        "A"
    ]
    assert await changed.feed("sites", season="2020-autumn") == []
    (seen,) = await changed.feed("stopovers")
    assert seen["properties"]["site"] == "A"


def test_kept_answers_are_bounded_and_the_longest_unused_goes_first() -> None:
    kept = Kept(most_bytes=30)
    for name in "abc":
        kept.put(name, Answer(b"0123456789", None, name, None))
    kept.get("a")
    kept.put("d", Answer(b"0123456789", None, "d", None))
    assert [name for name in "abcd" if kept.get(name)] == ["a", "c", "d"]
    assert kept.held_bytes == 30


def test_release_constants_are_on_both_sides_of_now() -> None:
    assert START < RELEASED < UNRELEASED


@pytest.mark.parametrize(
    ("bbox", "n_lines"),
    [
        ("-177,55,177,65", 0), ("-10,55,10,65", 0), ("177,55,180,65", 1), ("-180,55,-177,65", 1),
    ],
)  # fmt: skip
async def test_a_line_over_the_antimeridian_is_in_no_box_between_its_ends(
    world: World, bbox: str, n_lines: int
) -> None:
    """The bounding box of the line goes round the globe; what lies in a box is the line itself."""
    found = await world.client.get(
        "/feeds/tracks.geojson", params={"bbox": bbox}, headers=as_key(world.key)
    )
    assert found.json()["numberReturned"] == n_lines


@pytest.mark.parametrize(("bbox", "found"), [("179.9,0,-179.9,90", True), ("-10,0,10,90", False)])
async def test_a_connection_over_the_antimeridian_is_found_there(
    world: World, bbox: str, *, found: bool
) -> None:
    parts = [each["properties"]["part"] for each in
             await world.feed("flyways", world.key, bbox=bbox)]  # fmt: skip
    assert ("connection" in parts) is found


TAKEN = "limit, cursor, species, individual, study, season, bbox, datetime"


@pytest.mark.parametrize("name", [*FEEDS, "fixes"])
@pytest.mark.parametrize("asked", ["as_of=2026-01-01", "specie=dodo", "Species=dodo", "format="])
async def test_a_parameter_that_feeds_do_not_take_is_told(world: World, name, asked) -> None:
    bird = ref_of("bird", world.study, "WNC-17")
    answer = await world.client.get(f"/feeds/{name}.geojson?individual={bird}&{asked}")
    assert (answer.status_code, answer.json()["code"]) == (422, "parameter-unknown")
    known = TAKEN if name in FEEDS else "individual, bbox, datetime, limit, cursor"
    assert answer.json()["remedy"] == f"Leave it out, or use one of {known}."
    past_caches = await world.client.get(f"/feeds/{name}.geojson?individual={bird}&_=17")
    assert past_caches.status_code == 200


@pytest.mark.parametrize(
    "bbox",
    ["1_0,0,20,10", "\u0661,0,20,10", "0x1,0,20,10", "nan,0,20,10", "1e999,0,20,10", "1.,,2,3"],
)
async def test_a_box_is_of_plain_numbers(world: World, bbox: str) -> None:
    answer = await world.client.get("/feeds/positions.geojson", params={"bbox": bbox})
    assert (answer.status_code, answer.json()["code"]) == (422, "bbox-invalid")


@pytest.mark.parametrize("bbox", ["-1,0.5,20.,10", "1e-7,-.5,2E1, 10", "+1,2,3,4"])
async def test_numbers_as_maps_write_them_are_read(world: World, bbox: str) -> None:
    answer = await world.client.get("/feeds/positions.geojson", params={"bbox": bbox})
    assert answer.status_code == 200


async def test_a_season_is_of_plain_digits(world: World) -> None:
    season = {"season": "\u0662\u0660\u0662\u0660-spring"}
    assert (await world.client.get("/feeds/tracks.geojson", params=season)).status_code == 422
