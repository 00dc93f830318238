"""The feed of a bird's newest fixes: order, pages, filters, and what each reader is told."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import httpx2
import pytest
import pytest_asyncio

from tests.api.served import as_key, served
from tests.store.flock import START, Flock, ref_of

HOUR = timedelta(hours=1)
FEED = "/feeds/fixes.geojson"


@pytest.fixture(scope="module")
def flock(new_database: Callable[[], str]) -> Flock:
    """One bird on two tags, one after the other: 24 hourly fixes, some hidden or replaced."""
    flock = Flock(new_database())
    institute, _ = flock.institute("Amur")
    flock.institute("Naktong")
    study = flock.study(institute, "Cranes", "open")
    bird = flock.bird(study, "WNC-17")
    push = flock.insert("push", study_id=study, digest=b"1", size_bytes=1)
    decoding = flock.insert(
        "decoding", study_id=study, push_id=push, number=1, tz="UTC", state="processed"
    )
    for number, span in enumerate(("[,2020-03-02)", "[2020-03-02,)")):
        tag = flock.insert("tag", study_id=study, local_identifier=f'T"{number}')
        flock.insert("deployment", study_id=study, tag_id=tag, individual_id=bird, during=span,
                     declared=True)  # fmt: skip
        for hour in range(24):
            flock.insert(
                "fix", tag_id=tag, time=START + hour * HOUR, sensor=0, variant=hour - 5,
                study_id=study, decoding_id=decoding, visible=hour != 3, live=hour != 4,
                lon=179.5 + hour / 10 - (360 if hour > 4 else 0), lat=60 + hour / 7, error_m=10,
                ground_speed_m_s=hour / 3 if hour % 2 else None,
            )  # fmt: skip
    for hour in (0, 1):
        flock.public_fix(study, bird, hour, (127.1, 38.2))
    return flock


@pytest_asyncio.fixture
async def client(flock: Flock) -> AsyncIterator[httpx2.AsyncClient]:
    async with served(flock.dsn) as client:
        yield client


def bird(flock: Flock) -> str:
    return str(flock.run("select ref from individual")[0][0])


async def read(
    client: httpx2.AsyncClient, flock: Flock, key: str | None = "flw_Amur", **query: Any
) -> dict[str, Any]:
    answer = await client.get(
        FEED, params={"individual": bird(flock), **query}, headers=as_key(key) if key else {}
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


def hours(found: dict[str, Any]) -> list[int]:
    return [round((float(f["geometry"]["coordinates"][1]) - 60) * 7) for f in found["features"]]


async def test_the_newest_come_first_and_each_from_the_tag_worn_then(client, flock) -> None:
    found = await read(client, flock)
    assert hours(found) == [hour for hour in range(23, -1, -1) if hour not in {3, 4}]
    told = [feature["properties"] for feature in found["features"]]
    assert {p["tag"] for p in told if p["time"] < "2020-03-02"} == {'T"0'}
    assert {p["tag"] for p in told if p["time"] >= "2020-03-02"} == {'T"1'}
    assert told[0]["ground_speed_m_s"] == pytest.approx(23 / 3, rel=1e-6)
    assert told[1]["ground_speed_m_s"] is None
    assert told[0]["time"] == "2020-03-02T11:34:56Z"
    assert told[0]["variant"] == "18"


@pytest.mark.parametrize("limit", [1, 5, 21, 22, 23])
async def test_joined_pages_are_the_whole(client, flock, limit: int) -> None:
    page, joined = await read(client, flock, limit=limit), []
    while True:
        joined += page["features"]
        if not page["links"]:
            break
        following = await client.get(page["links"][0]["href"], headers=as_key("flw_Amur"))
        page = following.json()
    assert joined == (await read(client, flock))["features"]


async def test_an_interval_and_a_box_narrow_them(client, flock) -> None:
    only = await read(client, flock, datetime="2020-03-01T13:00:00Z/2020-03-01T15:00:00Z")
    assert hours(only) == [2, 1]
    across = await read(client, flock, bbox="179.55,59,-179.9,90")
    assert hours(across) == [6, 5, 2, 1]


async def test_strangers_read_released_positions_and_no_tag(client, flock) -> None:
    for key in (None, "flw_Naktong"):
        found = await read(client, flock, key)
        assert [f["properties"]["time"] for f in found["features"]] == [
            "2020-03-01T13:34:56Z", "2020-03-01T12:34:56Z",
        ]  # fmt: skip
        assert {f["properties"]["tag"] for f in found["features"]} == {None}
        (page,) = (await read(client, flock, key, limit=1))["features"]
        assert page == found["features"][0]


async def test_a_bird_must_be_named_and_known(client, flock) -> None:
    unnamed = await client.get(FEED)
    assert (unnamed.status_code, unnamed.json()["code"]) == (422, "invalid-value")
    unknown = await client.get(FEED, params={"individual": str(ref_of("nobody"))})
    assert (unknown.status_code, unknown.json()["code"]) == (404, "not-found")


async def test_a_current_copy_is_not_sent_again(client, flock) -> None:
    query, key = {"individual": bird(flock)}, as_key("flw_Amur")
    first = await client.get(FEED, params=query, headers=key)
    again = await client.get(
        FEED, params=query, headers={**key, "If-None-Match": first.headers["etag"]}
    )
    assert again.status_code == 304
    flock.run("update fix set visible = false where time = %s", START + 23 * HOUR)
    flock.run("update study set version = version + 1")
    changed = await client.get(
        FEED, params=query, headers={**key, "If-None-Match": first.headers["etag"]}
    )
    assert changed.status_code == 200
    assert changed.json()["numberReturned"] == 21
    flock.run("update fix set visible = true where time = %s", START + 23 * HOUR)
    flock.run("update study set version = version + 1")


async def test_plain_and_compressed_answers_say_the_same(client, flock) -> None:
    query = {"individual": bird(flock)}
    plain, zipped = [
        await client.get(
            FEED, params=query, headers={**as_key("flw_Amur"), "Accept-Encoding": encoding}
        )
        for encoding in ("identity", "gzip")
    ]
    assert "content-encoding" not in plain.headers
    assert zipped.headers["content-encoding"] == "gzip"
    assert plain.content == zipped.content
    assert plain.headers["etag"] == zipped.headers["etag"]
