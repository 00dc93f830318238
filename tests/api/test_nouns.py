from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import timedelta

import httpx2
import pytest
import pytest_asyncio

from tests.api.served import as_key, served
from tests.store.flock import DAY, START, UNRELEASED, Flock, ref_of

KEY = as_key("flw_Amur")
MINUTE = timedelta(minutes=1)


@pytest.fixture(scope="module")
def flock(new_database: Callable[[], str]) -> Flock:
    """Two visits of one bird to a site, fixes of its tag, one of them flagged."""
    flock = Flock(new_database())
    institute, _ = flock.institute("Amur")
    study = flock.study(institute, "Cranes", "open")
    bird = flock.bird(study, "WNC-17")
    stays = [flock.stopover(study, bird, day) for day in (0, 4)]
    flock.leg(study, bird)
    flock.leg(study, bird, 20, release_at=UNRELEASED)
    flock.season(study, bird)
    for scope in ("public", f"institute:{institute}"):
        sites = [flock.site(scope, name, 127.1, 38.2, key="x") for name in ("Here",)]
        sites.append(flock.site(scope, "There", 115.1, 49.7))
        flock.connection(scope, (sites[0], sites[1]))
        flock.corridor(scope)
        flock.corridor(scope, 50)
        for stay in stays:
            flock.insert("site_visit", site_id=sites[0], stopover_id=stay)
    _wear(flock, study, bird)
    flock.public_fix(study, bird, 0, (127.1, 38.2))
    return flock


def _wear(flock: Flock, study: int, bird: int) -> None:
    tag = flock.insert("tag", study_id=study, local_identifier="17", ref=ref_of("tag"))
    flock.run(
        "insert into deployment (study_id, tag_id, individual_id, during, declared)"
        " values (%s, %s, %s, tstzrange(%s, null), true)",
        study, tag, bird, START,
    )  # fmt: skip
    for number in range(-1, 120):
        gap = 30 * DAY if number >= 60 else 0 * DAY
        flock.insert(
            "fix", tag_id=tag, time=START + number * MINUTE + gap, sensor=0,
            variant=-(2**63) + number if number >= 0 else 7, study_id=study, decoding_id=1,
            visible=number != 5, lon=179.9 + 0.002 * number if number < 50 else -179.9,
            lat=50.0, error_m=15.0,
        )  # fmt: skip
    for code in ("spike", "speed"):
        flock.insert(
            "fix_flag", tag_id=tag, time=START + 5 * MINUTE, sensor=0, variant=-(2**63) + 5,
            code=code, study_id=study, origin="track", detail="61 m/s",
        )  # fmt: skip


@pytest_asyncio.fixture
async def client(flock: Flock) -> AsyncIterator[httpx2.AsyncClient]:
    async with served(flock.dsn) as client:
        yield client


@pytest.fixture
def bird(flock: Flock) -> str:
    return str(flock.run("select ref from individual where local_identifier = 'WNC-17'")[0][0])


async def _items(client: httpx2.AsyncClient, path: str, **query: object) -> list[dict]:
    answer = await client.get(f"/api/v1/{path}", params=query, headers=KEY)
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]


async def test_a_stopover_carries_its_polygon_for_the_owner_alone(client, flock) -> None:
    ref = str((await _items(client, "stopovers"))[0]["id"])
    own = (await client.get(f"/api/v1/stopovers/{ref}", headers=KEY)).json()
    public = (await client.get(f"/api/v1/stopovers/{ref}")).json()
    assert own["polygon"]["type"] == "Polygon"
    assert own["site_name"] == public["site_name"] == "Here"
    assert (own["exact"], public["exact"]) == (True, False)
    assert (public["polygon"], public["radius_m"], public["n_fixes"]) == (None, None, None)


async def test_stops_of_movingpandas_are_listed_for_the_owner_alone(client, flock, bird) -> None:
    named = "select id, study_id from individual where local_identifier = 'WNC-17'"
    (individual, study) = flock.run(named)[0]
    flock.insert(
        "stop", individual_id=individual, study_id=study, start_time="2020-03-01T10:00:00Z",
        end_time="2020-03-01T14:00:00Z", ended=True, n_fixes=5, lon=127.5, lat=34.8,
        ref=ref_of("stop"),
    )  # fmt: skip
    (found,) = await _items(client, "stopovers", method="movingpandas", individual=bird)
    assert (found["id"], found["method"]) == (str(ref_of("stop")), "movingpandas")
    assert found["arrival_time_latest"] == "2020-03-01T10:00:00Z"
    assert (found["duration_min_s"], found["duration_max_s"]) == (14_400.0, 14_400.0)
    assert found["centre"] == {"lon": 127.5, "lat": 34.8}
    assert (found["kind"], found["site"], found["parameters"]) == ("unknown", None, "1 km, 3 h")
    path = f"/api/v1/stopovers/{found['id']}"
    assert (await client.get(path, headers=KEY)).json()["polygon"] is None
    assert (await client.get(path)).status_code == 404
    public = await client.get("/api/v1/stopovers", params={"method": "movingpandas"})
    assert public.json()["items"] == []
    unknown = await client.get("/api/v1/stopovers", params={"method": "guess"}, headers=KEY)
    assert unknown.status_code == 422
    flock.run("delete from stop")


async def test_missing_and_foreign_stopovers_answer_alike(client, flock) -> None:
    other = flock.study(flock.run("select id from institute")[0][0], "Hidden")
    flock.stopover(other, flock.bird(other, "H"), 0, ref=ref_of("hidden"))
    answers = [
        await client.get(f"/api/v1/stopovers/{ref_of(word)}") for word in ("hidden", "nothing")
    ]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].content == answers[1].content
    flock.run("delete from stopover where study_id = %s", other)


async def test_legs_of_others_show_days_and_rounded_lengths_only(client, flock) -> None:
    own = await _items(client, "legs")
    assert [leg["length_m"] for leg in own] == [1_623_456.0] * 2
    (public,) = (await client.get("/api/v1/legs")).json()["items"]
    # The far end is no public stopover: two lengths to it would give it away.
    assert (public["length_m"], public["displacement_m"]) == (None, None)
    for name in ("start", "end", "line", "n_fixes", "straightness"):
        assert public[name] is None
    assert public["departure_time"].endswith("T00:00:00Z")
    flock.run("update leg set to_lon = from_lon, to_lat = from_lat")
    (public,) = (await client.get("/api/v1/legs")).json()["items"]
    assert (public["length_m"], public["displacement_m"]) == (1_620_000.0, 1_590_000.0)


async def test_a_box_finds_no_leg_whose_course_is_hidden(client) -> None:
    world = {"bbox": "-180,-90,180,90"}
    assert (await client.get("/api/v1/legs", params=world)).json()["items"] == []
    assert len(await _items(client, "legs", **world)) == 2


async def test_seasons_by_bird_and_of_all(client, bird) -> None:
    assert await _items(client, "seasons") == await _items(client, f"individuals/{bird}/seasons")
    (season,) = (await client.get("/api/v1/seasons")).json()["items"]
    assert season["start_time"] == "2020-03-01T00:00:00Z"
    refused = await client.get("/api/v1/seasons", params={"bbox": "0,0,1,1"})
    assert refused.json()["code"] == "bbox-not-here"


async def test_a_site_tells_its_year_and_its_bird_days_agree(client, flock) -> None:
    here = (await _items(client, "sites", species="Grus vipio"))[0]
    site = (await client.get(f"/api/v1/sites/{here['id']}", headers=KEY)).json()
    (bird,) = site["birds"]
    assert (bird["local_identifier"], bird["n_stopovers"]) == ("WNC-17", 2)
    for periods in (site["by_pentad"], site["by_month"]):
        assert sum(p["bird_days"] for p in periods) == pytest.approx(6.0)
        assert all(p["n_individuals"] == 1 for p in periods)
    assert [p["period"] for p in site["by_month"]] == [3]
    assert [p["period"] for p in site["by_pentad"]] == [13, 14]  # days 61..68 of a leap year
    assert site["names"]["en"] == "Here"


async def test_a_flyway_holds_its_sites_connections_and_corridors(client) -> None:
    (flyway,) = await _items(client, "flyways")
    assert (flyway["n_connections"], flyway["n_passages"]) == (1, 5)
    answer = await client.get(f"/api/v1/flyways/{flyway['id']}", headers=KEY)
    parts = [f["properties"]["part"] for f in answer.json()["features"]]
    assert parts == ["site", "site", "connection", "corridor", "corridor"]
    missing = await client.get("/api/v1/flyways/hooded_crane:autumn")
    assert missing.status_code == 404


async def test_fixes_carry_every_flag_and_page_without_a_gap(client, bird) -> None:
    path, times = f"/api/v1/fixes?individual={bird}&limit=7", []
    while path:
        page = (await client.get(path, headers=KEY)).json()
        times += [fix["time"] for fix in page["items"]]
        path = page["next"]
    assert len(times) == 120  # the fix before deployment is the tag's alone
    assert times == sorted(set(times))
    (_, _, _, _, _, flagged, *_) = await _items(client, "fixes", individual=bird)
    assert flagged["visible"] is False
    assert [flag["code"] for flag in flagged["flags"]] == ["speed", "spike"]
    assert flagged["variant"] == str(-(2**63) + 5)


async def test_others_see_released_cells_instead_of_fixes(client, bird) -> None:
    (fix,) = (await client.get(f"/api/v1/fixes?individual={bird}")).json()["items"]
    assert (fix["lon"], fix["lat"], fix["exact"]) == (127.1, 38.2, False)
    assert (fix["tag"], fix["variant"], fix["error_m"], fix["flags"]) == (None, None, None, [])


async def test_a_verdict_is_written_marks_the_bird_and_can_be_taken_back(
    client, flock, bird
) -> None:
    body = {"individual": bird, "time": (START + 5 * MINUTE).isoformat(), "reason": "seen there"}
    made = await client.post("/api/v1/fixes/verdicts", json=body | {"verdict": "show"}, headers=KEY)
    assert made.status_code == 201, made.text
    assert flock.run("delete from dirty returning from_time") == [(START + 5 * MINUTE,)]
    again = await client.post(
        "/api/v1/fixes/verdicts", json=body | {"verdict": "hide"}, headers=KEY
    )
    fix = (await _items(client, "fixes", individual=bird, datetime=body["time"]))[0]
    assert fix["verdict"]["id"] == again.json()["id"]
    assert (fix["verdict"]["verdict"], fix["verdict"]["decided_by"]) == ("hide", "Amur")
    address = f"/api/v1/fixes/verdicts/{again.json()['id']}"
    assert (await client.delete(address)).status_code == 401
    assert (await client.delete(address, headers=KEY)).status_code == 204
    assert (await client.delete(address, headers=KEY)).status_code == 404
    fix = (await _items(client, "fixes", individual=bird, datetime=body["time"]))[0]
    assert fix["verdict"] is None
    assert flock.run("select count(*) from fix_verdict where undone_at is null") == [(0,)]


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"time": "2020-03-01T00:00:00Z"}, 404),
        ({"time": "9999-12-31T23:59:59-23:00"}, 422),
        ({"time": "0001-01-01T00:00:00+23:00"}, 422),
        ({"time": "2020-03-01T00:00:00"}, 422),
        ({"time": 0}, 422),
        ({"individual": None}, 422),
        ({"variant": "9" * 19}, 422),
        ({"verdict": "delete"}, 422),
        ({"variant": "1"}, 404),
    ],
)
async def test_a_verdict_on_no_fix_is_refused(client, bird, change, status) -> None:
    body = {"individual": bird, "time": START.isoformat(), "verdict": "hide", "reason": "x"}
    answer = await client.post("/api/v1/fixes/verdicts", json=body | change, headers=KEY)
    assert answer.status_code == status, answer.text
    assert answer.json()["remedy"]


async def test_a_track_is_cut_at_silences_and_at_the_antimeridian(client, bird) -> None:
    answer = await client.get(f"/api/v1/individuals/{bird}/track", headers=KEY)
    first, silent, last = answer.json()["features"]
    assert [f["properties"]["observed"] for f in (first, silent, last)] == [True, False, True]
    assert first["properties"]["n_fixes"] == 59  # one of sixty is hidden
    assert first["geometry"]["type"] == "MultiLineString"
    east, west = first["geometry"]["coordinates"]
    assert (east[-1][0], west[0][0]) == (180.0, -180.0)
    assert len(silent["geometry"]["coordinates"]) == 2
    assert last["properties"]["n_fixes"] == 60


async def test_a_track_over_its_limit_names_the_rest(client, bird) -> None:
    path = f"/api/v1/individuals/{bird}/track?limit=100"
    head = (await client.get(path, headers=KEY)).json()
    rest = (await client.get(head["links"][0]["href"], headers=KEY)).json()
    assert rest["links"] == []
    counts = [f["properties"]["n_fixes"] for page in (head, rest) for f in page["features"]]
    assert sum(counts) == 119 + 1  # the last of the head is the first of the rest


async def test_a_track_is_moving_features_on_demand(client, bird) -> None:
    accept = {"Accept": "application/prs.ogc.mf+json", **KEY}
    answer = await client.get(f"/api/v1/individuals/{bird}/track", headers=accept)
    assert answer.headers["content-type"] == "application/prs.ogc.mf+json"
    moving = [f["temporalGeometry"] for f in answer.json()["features"]]
    assert [m["type"] for m in moving] == ["MovingPoint"] * 2
    assert all(len(m["datetimes"]) == len(m["coordinates"]) for m in moving)
