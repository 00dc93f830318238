"""A suspicion over HTTP: read by its owner alone, decided by a manager, taken back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import timedelta

import httpx2
import pytest
import pytest_asyncio

from tests.api.served import as_key, served
from tests.store.flock import START, Flock, ref_of

KEY, OTHER = as_key("flw_Amur"), as_key("flw_Naktong")
DAY = timedelta(days=1)


@pytest.fixture
def flock(new_database: Callable[[], str]) -> Flock:
    flock = Flock(new_database())
    study = flock.study(flock.institute("Amur")[0], "Cranes", "open")
    flock.institute("Naktong")
    bird = flock.bird(study, "WNC-17")
    tag = flock.tag(study, "45020", bird)
    flock.insert(
        "lifeless", study_id=study, individual_id=bird, tag_id=tag, ref=ref_of("suspicion"),
        start_time=START, end_time=START + 9 * DAY, dismissed=False, basis="position", lon=127.0,
        lat=38.0, n_still=70, n_away=1, observed_s=7e5, days_midday=8, days_dark=8,
        method="lifeless 1", still_radius_m=100.0, still_min_s=604_800.0,
    )  # fmt: skip
    return flock


@pytest_asyncio.fixture
async def client(flock: Flock) -> AsyncIterator[httpx2.AsyncClient]:
    async with served(flock.dsn) as client:
        yield client


async def test_a_suspicion_is_confirmed_and_taken_back(client, flock) -> None:
    (found,) = (await client.get("/api/v1/lifeless?state=suspected", headers=KEY)).json()["items"]
    assert (found["tag"], found["n_still"], found["radius_m"]) == ("45020", 70, None)
    for headers in ({}, OTHER):
        assert (await client.get("/api/v1/lifeless", headers=headers)).json()["items"] == []
    address = f"/api/v1/lifeless/{found['id']}"
    assert (await client.get(address, headers=OTHER)).status_code == 404
    said = {"verdict": "dismiss", "reviewer": "Kim", "end_type": "dead"}
    answer = await client.post(f"{address}/verdicts", headers=KEY, json=said)
    assert answer.status_code == 422
    said["verdict"] = "confirm"
    assert (await client.post(f"{address}/verdicts", headers=OTHER, json=said)).status_code == 404
    made = (await client.post(f"{address}/verdicts", headers=KEY, json=said)).json()
    assert (made["end_type"], made["ended_time"]) == ("dead", found["start_time"])
    off = "select upper(during) from deployment where replaced_at is null"
    assert flock.run(off) == [(START,)]
    assert flock.run("select from_time <= %s from dirty", START) == []  # no fix changes hands
    undo = f"/api/v1/lifeless/verdicts/{made['id']}"
    assert (await client.delete(undo, headers=OTHER)).status_code == 404
    assert (await client.delete(undo, headers=KEY)).json()["undone_by"] == "Amur"
    assert flock.run(off) == [(None,)]
    assert (await client.delete(undo, headers=KEY)).status_code == 404
    (listed,) = (await client.get("/api/v1/lifeless/verdicts", headers=KEY)).json()["items"]
    assert listed["undone_at"] is not None
    assert (await client.get("/api/v1/lifeless/verdicts", headers=OTHER)).json()["items"] == []


async def test_an_end_outside_the_deployment_is_refused(client) -> None:
    said = {"verdict": "confirm", "reviewer": "Kim", "ended_time": "1999-01-01T00:00:00Z"}
    address = f"/api/v1/lifeless/{ref_of('suspicion')}/verdicts"
    made = await client.post(address, headers=KEY, json=said)
    assert made.status_code == 201  # the deployment is open to both sides
    again = await client.post(address, headers=KEY, json={**said, "ended_time": None})
    assert (again.status_code, again.json()["code"]) == (409, "conflict")
