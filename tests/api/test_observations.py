"""Corrections over HTTP: by the owner's manager alone, listed with what became of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import httpx2
import pytest
import pytest_asyncio

from tests.api.served import as_key, served
from tests.store.flock import DAY, START, Flock, ref_of

KEY, OTHER = as_key("flw_Amur"), as_key("flw_Naktong")


@pytest.fixture(scope="module")
def flock(new_database: Callable[[], str]) -> Flock:
    flock = Flock(new_database())
    study = flock.study(flock.institute("Amur")[0], "Cranes", "open")
    flock.institute("Naktong")
    bird = flock.bird(study, "WNC-17")
    flock.stopover(study, bird)
    flock.season(study, bird)
    return flock


@pytest_asyncio.fixture
async def client(flock: Flock) -> AsyncIterator[httpx2.AsyncClient]:
    async with served(flock.dsn) as client:
        yield client


async def test_a_stopover_is_corrected_by_its_owner_alone(client, flock) -> None:
    (stay,) = (await client.get("/api/v1/stopovers", headers=KEY)).json()["items"]
    assert (stay["basis"], stay["observation"]) == ("track", None)
    address = f"/api/v1/stopovers/{stay['id']}"
    said = {"kind": "staging", "site": "Cheorwon", "reviewer": "Kim", "note": "seen"}
    assert (await client.patch(address, headers=OTHER, json=said)).status_code == 404
    assert (await client.patch(address, headers=KEY, json={"reviewer": "Kim"})).status_code == 422
    late = {"arrival_time": (START + 99 * DAY).isoformat(), "reviewer": "Kim"}
    refused = await client.patch(address, headers=KEY, json=late)
    assert (refused.status_code, refused.json()["code"]) == (422, "correction-empty")
    made = (await client.patch(address, headers=KEY, json=said)).json()
    assert (made["state"], made["said"]) == ("waiting", {"kind": "staging", "site": "Cheorwon"})
    assert flock.run("select count(*) from dirty")[0] == (1,)
    for headers in ({}, OTHER):
        listed = await client.get("/api/v1/observations", headers=headers)
        assert listed.json()["items"] == []
    taken = await client.delete(f"/api/v1/observations/{made['id']}", headers=KEY)
    assert (taken.json()["state"], taken.json()["undone_by"]) == ("taken back", "Amur")
    (row,) = (await client.get("/api/v1/observations?state=taken back", headers=KEY)).json()[
        "items"
    ]
    assert row == taken.json()


async def test_a_season_is_corrected_by_its_name(client, flock) -> None:
    (bird,) = flock.run("select ref from individual")[0]
    address = f"/api/v1/individuals/{bird}/seasons"
    said = {"end_time": (START + 50 * DAY).isoformat(), "kind": "autumn", "reviewer": "Kim"}
    gone = await client.patch(f"{address}/1999-spring", headers=KEY, json=said)
    assert gone.status_code == 404
    assert (await client.patch(f"{address}/2020-spring", headers=OTHER, json=said)).status_code == (
        404
    )
    made = await client.patch(f"{address}/2020-spring", headers=KEY, json=said)
    assert made.status_code == 200
    assert made.json()["noun"] == "season"


async def test_screening_is_read_and_tried_by_its_owner_alone(client) -> None:
    bird = ref_of("bird", 1, "WNC-17")
    address = f"/api/v1/individuals/{bird}/screening"
    told = (await client.get(address, headers=KEY)).json()
    assert (told["fixes"], told["flagged"], told["overridden"]) == (0, {}, [])
    assert told["parameters"]["still_radius_m"] == 100.0
    assert (await client.get(address, headers=OTHER)).status_code == 404
    asked = await client.post(address, headers=KEY, json={"speed_max_m_s": 25})
    assert (asked.status_code, asked.json()["state"]) == (202, "waiting")
    trial = asked.headers["location"]
    assert (await client.get(trial, headers=KEY)).headers["retry-after"] == "1"
    assert (await client.get(trial, headers=OTHER)).status_code == 404
    bad = await client.post(address, headers=KEY, json={"speed_max_m_s": 90})
    assert (bad.status_code, bad.json()["code"]) == (422, "parameters-contradict")
    assert (await client.post(address, headers=KEY, json={})).status_code == 422


async def test_a_study_goes_by_parameters_of_its_own_until_they_are_taken_back(client) -> None:
    study = ref_of("study", "Cranes")
    address = f"/api/v1/studies/{study}/parameters"
    said = {"species": "Grus vipio", "speed_max_m_s": 30, "note": "GPS every 5 min"}
    assert (await client.post(address, headers=OTHER, json=said)).status_code == 404
    made = await client.post(address, headers=KEY, json=said)
    assert (made.status_code, made.json()["said"]) == (201, {"speed_max_m_s": 30.0})
    bird = f"/api/v1/individuals/{ref_of('bird', 1, 'WNC-17')}/screening"
    told = (await client.get(bird, headers=KEY)).json()
    assert told["overridden"] == ["speed_max_m_s"]
    assert (await client.delete(f"{address}/white_naped_crane", headers=KEY)).status_code == 204
    assert (await client.delete(f"{address}/white_naped_crane", headers=KEY)).status_code == 404
    (row,) = (await client.get(address, headers=KEY)).json()["items"]
    assert row["undone_by"] == "Amur"
