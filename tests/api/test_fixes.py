"""What the list of fixes tells of Argos passes: both solutions, revisions and their history."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import httpx2
import pytest
import pytest_asyncio

from tests.api.served import as_key, served
from tests.store.flock import START, Flock, ref_of

KEY = as_key("flw_Amur")


@pytest.fixture(scope="module")
def bird(new_database: Callable[[], str]) -> tuple[str, Any]:
    """A bird with a pass at its second solution, a revised one, and one of a replaced reading."""
    flock = Flock(new_database())
    institute, _ = flock.institute("Amur")
    flock.institute("Naktong")
    study = flock.study(institute, "Cranes", "open")
    bird = flock.bird(study, "WNC-17")
    tag = flock.insert("tag", study_id=study, local_identifier="45020")
    flock.insert("deployment", study_id=study, tag_id=tag, individual_id=bird, during="[,)",
                 declared=True)  # fmt: skip
    read = {}
    for number, more in ((1, {"replaced_at": START}), (2, {})):
        push = flock.insert("push", study_id=study, digest=bytes([number]), size_bytes=1)
        read[number] = flock.insert(
            "decoding", study_id=study, push_id=push, number=1, tz="UTC", state="processed", **more
        )
    rows = (
        {"decoding_id": read[2], "lon2": 40.5, "lat2": 50.5, "solution": 2},
        {"decoding_id": read[2], "provider_id": "11", "provider_revision": 0, "live": False},
        {"decoding_id": read[2], "provider_id": "11", "provider_revision": 2},
        {"decoding_id": read[1], "provider_id": "11", "provider_revision": 3, "live": False},
    )
    for n, row in enumerate(rows):
        flock.insert(
            "fix", tag_id=tag, time=START + timedelta(minutes=n), sensor=1, variant=n,
            study_id=study, visible=True, lon=127.0 + n, lat=38.0, error_m=500, argos_class="2",
            **row,
        )  # fmt: skip
    return flock.dsn, ref_of("bird", study, "WNC-17")


@pytest_asyncio.fixture
async def client(bird) -> AsyncIterator[httpx2.AsyncClient]:
    async with served(bird[0]) as client:
        yield client


async def items(client: httpx2.AsyncClient, bird: Any, more: str = "") -> list[dict[str, Any]]:
    answer = await client.get(f"/api/v1/fixes?individual={bird[1]}{more}", headers=KEY)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["items"])


async def test_a_fix_tells_both_solutions_and_which_one_it_is_at(client, bird) -> None:
    first, other = await items(client, bird)
    assert [first[name] for name in ("lon", "lon2", "lat2", "solution")] == [127.0, 40.5, 50.5, 2]
    assert [other[name] for name in ("lon2", "solution", "provider_revision")] == [None, None, 2]


async def test_the_history_holds_what_was_revised_and_nothing_that_was_read_wrongly(
    client, bird
) -> None:
    found = await items(client, bird, "&superseded=true")
    told = [(row["provider_revision"], row["superseded"]) for row in found]
    assert told == [(None, False), (0, True), (2, False)]
    page = await client.get(
        f"/api/v1/fixes?individual={bird[1]}&superseded=true&limit=2", headers=KEY
    )
    following = await client.get(page.json()["next"], headers=KEY)
    assert page.json()["items"] + following.json()["items"] == found


async def test_strangers_read_no_history(client, bird) -> None:
    address = f"/api/v1/fixes?individual={bird[1]}&superseded=true"
    for headers in ({}, as_key("flw_Naktong")):
        answer = await client.get(address, headers=headers)
        assert answer.status_code == 200
        assert answer.json()["items"] == []
