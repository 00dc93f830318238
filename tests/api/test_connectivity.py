from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import httpx2
import pytest
import pytest_asyncio

from tests.api.served import as_key, served
from tests.store.flock import DAY, SPECIES, START, Flock

KEY = as_key("flw_Amur")
IZUMI, CHEORWON, DAURIA = (130.27, 32.1), (127.2, 38.2), (115.1, 49.7)
FLYWAY = f"/api/v1/flyways/{SPECIES}:spring/connectivity"


def migrate(flock: Flock, study: int, name: str, sites: dict[str, dict[str, int]], **more) -> int:
    """Let a bird winter, stage and breed; its stays are at these sites of these scopes."""
    bird = flock.bird(study, name)
    ways = (("wintering", IZUMI, "JP"), ("staging", CHEORWON, "KR"), ("breeding", DAURIA, "MN"))
    for number, (kind, (lon, lat), area) in enumerate(ways):
        day = 10 * number
        stay = flock.stopover(study, bird, day, kind=kind, lon=lon, lat=lat, area=area, **more)
        for scope in sites.values():
            flock.insert("site_visit", site_id=scope[kind], stopover_id=stay)
        if number:
            flock.leg(
                study, bird, day - 7, from_lon=ways[number - 1][1][0],
                from_lat=ways[number - 1][1][1], to_lon=lon, to_lat=lat,
                arrival_time=START + day * DAY,
            )  # fmt: skip
    return bird


def catalogue(flock: Flock, scope: str, n: int) -> dict[str, int]:
    places = {"wintering": ("Izumi", IZUMI), "staging": ("Cheorwon", CHEORWON),
              "breeding": ("Dauria", DAURIA)}  # fmt: skip
    return {
        kind: flock.site(scope, name, *place, n_individuals=n)
        for kind, (name, place) in places.items()
    }


@pytest.fixture(scope="module")
def flock(new_database: Callable[[], str]) -> Flock:
    """Own: two birds. Opened by another: two, of which breeding places are withheld, and one."""
    flock = Flock(new_database())
    own, _ = flock.institute("Amur")
    other, _ = flock.institute("Baikal")
    studies = [flock.study(own, "Own"), flock.study(other, "Theirs", "open")]
    scopes = {scope: catalogue(flock, scope, 4) for scope in (f"institute:{own}", "public")}
    for name in ("A", "B"):
        migrate(flock, studies[0], name, {"mine": scopes[f"institute:{own}"]})
    for name in ("T0", "T1"):
        migrate(flock, studies[1], name, scopes)
    return flock


@pytest_asyncio.fixture
async def client(flock: Flock) -> AsyncIterator[httpx2.AsyncClient]:
    async with served(flock.dsn) as client:
        yield client


async def _told(client, **query) -> dict[tuple[str, str], tuple[int, float]]:
    answer = await client.get(FLYWAY, params=query, headers=KEY)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert found["n_passages"] == sum(row["n_passages"] for row in found["items"])
    return {
        (row["origin"]["name"], row["target"]["name"]): (row["n_passages"], row["share"])
        for row in found["items"]
    }


async def test_passages_are_counted_between_sites_and_between_areas(client) -> None:
    assert await _told(client) == {
        ("Izumi", "Cheorwon"): (2, 1.0),
        ("Cheorwon", "Dauria"): (2, 1.0),
    }
    assert await _told(client, by="area") == {("JP", "KR"): (2, 1.0), ("KR", "MN"): (2, 1.0)}


async def test_the_strength_stands_for_birds_seen_at_both_ends(client) -> None:
    found = (await client.get(FLYWAY, headers=KEY)).json()
    assert (found["n_birds"], found["strength"]["n_birds"]) == (2, 2)
    assert found["strength"]["mantel"] is None  # both birds share both ends
    assert all(row["share_low"] is None for row in found["items"])


async def test_two_birds_of_others_make_no_cell_and_three_do(client, flock) -> None:
    assert (await client.get(FLYWAY)).status_code == 404
    study = flock.run("select id from study where name = 'Theirs'")[0][0]
    scopes = {"public": dict(zip(
        ("wintering", "staging", "breeding"),
        (flock.run("select id from site where scope = 'public' and name = %s", name)[0][0]
         for name in ("Izumi", "Cheorwon", "Dauria")), strict=True,
    ))}  # fmt: skip
    bird = migrate(flock, study, "T2", scopes)
    flock.run("update study set version = version + 1")
    found = (await client.get(FLYWAY)).json()
    assert {row["n_birds"] for row in found["items"]} == {3}
    flock.run("update stopover set public_lon = null, public_lat = null where kind = 'breeding'")
    hidden = (await client.get(FLYWAY)).json()
    assert {row["target"]["kind"] for row in hidden["items"]} == {"staging", "unseen"}
    assert hidden["strength"] is None
    for table in ("leg", "stopover"):
        flock.run(f"delete from {table} where individual_id = %s", bird)
    flock.run("update stopover set public_lon = round(lon::numeric, 1),"
              " public_lat = round(lat::numeric, 1)")  # fmt: skip


async def test_a_flyway_of_nobody_is_not_found(client) -> None:
    for way in ("hooded_crane:spring", f"{SPECIES}:autumn", f"{SPECIES}:spring:simulated"):
        answer = await client.get(f"/api/v1/flyways/{way}/connectivity", headers=KEY)
        assert (answer.status_code, answer.json()["code"]) == (404, "not-found")
