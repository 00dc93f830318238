"""The migrations report over HTTP: the numbers of papers, as far as each caller may know them."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Callable

import httpx2
import pytest
import pytest_asyncio
from pyproj import Geod

from app.movement.protection import State, class_of
from tests.api.served import as_key, served
from tests.store.flock import DAY, SPECIES, START, UNRELEASED, Flock, ref_of

KEY = as_key("flw_Amur")
PATH = "/api/v1/reports/migrations"
PLACES = [(130.2, 32.1), (127.3, 38.2), (122.0, 47.0), (115.1, 49.7)]
AREAS = ["Japan", "South Korea", "China", "Mongolia"]


@pytest.fixture(scope="module")
def flock(new_database: Callable[[], str]) -> Flock:
    """Own birds with a spring each, one of another year, and opened birds of others."""
    flock = Flock(new_database())
    own, _ = flock.institute("Amur")
    other, _ = flock.institute("Baikal")
    studies = [flock.study(own, "Own"), flock.study(other, "Theirs", "open")]
    layers = [
        flock.insert("layer", name="Land", kind="boundary", source="set of 2024",
                     classes='{"0": "Japan", "1": "Russia"}', ref=ref_of("Land")),
        flock.insert("layer", name="Cover", kind="raster", source="cover of 2019",
                     classes='{"10": "grasslands", "12": "croplands"}', cell_size_m=5600.0,
                     ref=ref_of("Cover")),
        flock.insert("layer", name="Reserves", kind="protection", source="list of 2020",
                     classes='{"0": "Nature Reserve", "1": "Ramsar site"}',
                     study_id=studies[0], ref=ref_of("Reserves")),
    ]  # fmt: skip
    for number in range(3):
        spring(flock, studies[0], flock.bird(studies[0], f"M{number}"), layers)
    late = flock.bird(studies[0], "M3")
    flock.season(studies[0], late, "2021-spring", start_time=START + 365 * DAY,
                 end_time=START + 400 * DAY)  # fmt: skip
    spring(flock, studies[1], flock.bird(studies[1], "T0"), layers[:2])
    hidden = flock.bird(studies[1], "T1")
    flock.season(studies[1], hidden, release_at=UNRELEASED)
    return flock


def spring(flock: Flock, study: int, bird: int, layers: list[int]) -> None:
    """Fly from Japan over two stopovers to Mongolia: 2 d away, 3 d stay, 1 d, 16 d stay, 2 d."""
    flock.season(study, bird, start_time=START, end_time=START + 24 * DAY)
    legs = [(0, 2), (5, 6), (22, 24)]
    for k, (a, b) in enumerate(legs):
        (x0, y0), (x1, y1) = PLACES[k : k + 2]
        flock.leg(
            study, bird, a, arrival_time=START + b * DAY, from_lon=x0, from_lat=y0, to_lon=x1,
            to_lat=y1, length_m=1e6, unobserved_m=2e5 if k == 2 else 0.0,
            observed_s=(b - a) * 86_400.0 - (7200.0 if k == 2 else 0.0),
            unobserved_s=7200.0 if k == 2 else 0.0,
        )  # fmt: skip
    for k, (a, b, kind, season) in enumerate(
        [(-60, 0, "wintering", "2019-wintering"), (2, 5, "stopover", "2020-spring"),
         (6, 22, "staging", "2020-spring"), (24, 90, "breeding", "2020-breeding")]
    ):  # fmt: skip
        lon, lat = PLACES[k]
        hidden = {"public_lon": None, "public_lat": None} if kind == "breeding" else {}
        flock.stopover(
            study, bird, a, arrival_time_latest=START + a * DAY,
            departure_time_earliest=START + b * DAY, duration_min_s=(b - a) * 86_400.0,
            lon=lon, lat=lat, kind=kind, season=season, area=AREAS[k], **hidden,
        )  # fmt: skip
    reserve, listed = (class_of({k: State.IN_FORCE}) for k in (0, 1))
    cells = [(1, 0, 10, reserve), (10, 0, 12, listed), (24, 1, 12, -1)]
    for day, *classes in cells:
        flock.insert(
            "ledger_day", individual_id=bird, study_id=study, kind="travel", observed=True,
            day=(START + day * DAY).date(), season="2020-spring", species_key=SPECIES,
            class_ids=classes[: len(layers)], layer_ids=layers, bird_days=0.5,
            release_at="2021-01-01T00:00:00Z",
        )  # fmt: skip


@pytest_asyncio.fixture
async def client(flock: Flock) -> AsyncIterator[httpx2.AsyncClient]:
    async with served(flock.dsn) as client:
        yield client


async def report(client, key=KEY, **query) -> dict:
    answer = await client.get(PATH, params=query, headers=key or {})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_the_numbers_of_one_migration(client) -> None:
    bird = str(ref_of("bird", 1, "M0"))
    found = await report(client, individual=bird, protection=str(ref_of("Reserves")))
    (row,) = found["items"]
    assert (row["duration_days"], row["stop_days"]) == (24, 19)
    assert row["travel_days"] + row["unobserved_days"] == pytest.approx(5)
    assert row["unobserved_days"] == pytest.approx(1 / 12)
    assert (row["stops"], row["stopovers"], row["staging_sites"]) == (2, 2, 1)
    longest = Geod(ellps="WGS84").inv(*PLACES[1], *PLACES[2])[2] / 1e3  # no leg is below its line
    assert (row["route_km"], row["unobserved_km"]) == (pytest.approx(2000 + longest), 200)
    assert row["straightness"] == pytest.approx(row["displacement_km"] / row["route_km"])
    assert 0 < row["straightness"] <= 1
    assert row["travel_speed_m_s"] == pytest.approx(2.8e6 / (5 * 86_400 - 7200))
    assert row["countries"] == ["Japan", "South Korea", "China", "Russia", "Mongolia"]
    assert row["land_cover"] == {
        "croplands": pytest.approx(2 / 3), "grasslands": pytest.approx(1 / 3),
    }  # fmt: skip
    assert row["share_protected"] == pytest.approx(1 / 3)  # a Ramsar site is no designation
    assert found["layer"]["fitness"] == "demonstration only"
    assert found["boundary"]["source"] == "set of 2024"


async def test_birds_seasons_and_years_are_chosen(client) -> None:
    every = (await report(client))["items"]
    assert len(every) == 5
    assert len((await report(client, year=2021))["items"]) == 1
    assert len((await report(client, season="autumn"))["items"]) == 0
    assert len((await report(client, species="Grus vipio", season="spring"))["items"]) == 5
    assert (await report(client, species="Grus monacha"))["items"] == []
    assert len((await report(client, study=str(ref_of("study", "Own"))))["items"]) == 4


async def test_the_life_stage_is_that_of_the_tag_it_wore_at_departure(client, flock) -> None:
    study = flock.run("select id from study where name = 'Own'")[0][0]
    caught = [("T1", "[2019-06-01,2020-03-05)", '{"animal-life-stage": "juvenile"}'),
              ("T2", "[2020-02-01,)", '{"tag-comments": "second"}'),
              ("T3", "[2020-03-05,)", '{"animal-life-stage": "adult"}')]  # fmt: skip
    for name, during, terms in caught:
        tag = flock.tag(study, name)
        bird = flock.run("select id from individual where local_identifier = 'M0'")[0][0]
        flock.deployment(study, tag, bird, during, terms=terms)
    flock.run("update individual set terms = '{\"animal-life-stage\": \"subadult\"}'"
              " where local_identifier in ('M0', 'M1')")  # fmt: skip
    found = (await report(client, study=str(ref_of("study", "Own"))))["items"]
    assert {row["individual"]["local_identifier"]: row["life_stage"] for row in found} == {
        "M0": "juvenile", "M1": "subadult", "M2": None, "M3": None,
    }  # fmt: skip


async def test_pages_joined_hold_each_migration_once(client) -> None:
    first = await report(client, limit=2)
    seen = list(first["items"])
    following = first["next"]
    while following:
        page = (await client.get(following, headers=KEY)).json()
        seen += page["items"]
        following = page["next"]
    keys = [(row["departure_time"], row["individual"]["id"], row["season"]) for row in seen]
    assert keys == sorted(set(keys))
    assert len(keys) == 5


async def test_strangers_learn_days_and_counts_of_released_birds_alone(client) -> None:
    (row,) = (await report(client, key=None))["items"]
    assert row["individual"]["local_identifier"] == "T0"
    assert (row["exact"], row["departure_time"]) == (False, "2020-03-01T00:00:00Z")
    for name in ("route_km", "unobserved_km", "straightness", "travel_speed_m_s", "travel_days",
                 "stop_days", "unobserved_days", "displacement_km", "land_cover",
                 "share_protected"):  # fmt: skip
        assert row[name] is None, name
    assert row["countries"] == ["Japan", "South Korea", "China"]  # the breeding place is withheld


async def test_the_same_as_csv(client) -> None:
    asked = {"limit": 2, "study": str(ref_of("study", "Own"))}
    found = await report(client, **asked)
    query = asked | {"format": "csv"}
    answer = await client.get(PATH, params=query, headers=KEY)
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [r["individual_id"] for r in rows] == [i["individual"]["id"] for i in found["items"]]
    assert [float(r["route_km"]) for r in rows] == [i["route_km"] for i in found["items"]]
    assert rows[0]["land_cover"] == "croplands 0.6667; grasslands 0.3333"
    assert rows[0]["countries"] == "Japan; South Korea; China; Russia; Mongolia"
    assert rows[0]["cell_size_m"] == "5600.0"
    assert 'rel="next"' in answer.headers["link"]
