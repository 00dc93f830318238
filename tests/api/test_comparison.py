from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Callable
from datetime import timedelta

import httpx2
import numpy as np
import pytest
import pytest_asyncio

from app.movement.track import Track
from app.movement.ways import lay_way
from app.pipeline.route import route
from app.store.engine import Store
from app.store.ways import packed
from app.store.windows import micros
from tests.api.served import as_key, served
from tests.store.flock import DAY, SPECIES, START, Flock

KEY, OTHER = as_key("flw_Amur"), as_key("flw_Baikal")
FLYWAY = f"/api/v1/flyways/{SPECIES}"
IZUMI, DAURIA = (130.27, 32.1), (115.1, 49.7)
EAST_DEG, LATER_D = 1.0, 3
HOURS = 36


def migrate(flock: Flock, study: int, bird: int, season: str, *, east: float, day: float) -> None:
    """Let a bird fly from one home to the other within a day and a half, `east` degrees off."""
    year, part = season.split("-")
    places = [(IZUMI, "wintering"), (DAURIA, "breeding")]
    if part == "autumn":
        places.reverse()
    start = START.replace(year=int(year), month=3 if part == "spring" else 10) + day * DAY
    end = start + HOURS * timedelta(hours=1)
    for (place, kind), times in zip(
        places, ((start - 3 * DAY, start), (end, end + 3 * DAY)), strict=True
    ):
        flock.stopover(
            study, bird, lon=place[0], lat=place[1], kind=kind, season=f"{year}-{kind}",
            ref=uuid.uuid4(), arrival_time_earliest=times[0], arrival_time_latest=times[0],
            departure_time_earliest=times[1], departure_time_latest=times[1],
        )  # fmt: skip
    flock.leg(
        study, bird, ref=uuid.uuid4(), season=season, departure_time=start, arrival_time=end,
        from_lon=places[0][0][0], from_lat=places[0][0][1], to_lon=places[1][0][0],
        to_lat=places[1][0][1],
    )  # fmt: skip
    share = np.linspace(0.0, 1.0, HOURS + 1)
    lon, lat = (a + (b - a) * share for a, b in zip(places[0][0], places[1][0], strict=True))
    hours = micros(start) + np.arange(HOURS + 1) * 3_600_000_000
    way = lay_way(Track(hours, lon + east * np.sin(np.pi * share), lat, np.full(HOURS + 1, 10.0)))
    for public in (False, True):
        flock.insert(
            "way", individual_id=bird, study_id=study, departure_time=start, arrival_time=end,
            public=public, positions=packed(way), cells=way.cells.tobytes(),
        )  # fmt: skip


@pytest.fixture(scope="module")
def flock(new_database: Callable[[], str]) -> Flock:
    """Own: eleven birds of two springs and an autumn. Opened by another: two that are too few."""
    flock = Flock(new_database())
    own, other = (flock.institute(name)[0] for name in ("Amur", "Baikal"))
    mine, theirs = flock.study(own, "Own"), flock.study(other, "Theirs", "open")
    rng = np.random.default_rng(1)
    for number in range(11):
        bird = flock.bird(mine, f"A{number}")
        for season, east, day in (
            ("2019-spring", 0.0, 0.0), ("2020-spring", EAST_DEG, LATER_D), ("2020-autumn", 0.0, 0.0)
        ):  # fmt: skip
            migrate(flock, mine, bird, season, east=east + rng.normal(0, 0.3), day=day + number % 3)
    for number in range(2):
        bird = flock.bird(theirs, f"T{number}")
        migrate(flock, theirs, bird, "2019-spring", east=9.0, day=0.0)
    return flock


@pytest_asyncio.fixture
async def client(flock: Flock) -> AsyncIterator[httpx2.AsyncClient]:
    async with served(flock.dsn) as client:
        yield client


async def compared(client, by: str) -> dict:
    answer = await client.get(f"{FLYWAY}:spring/comparison", params={"by": by}, headers=KEY)
    assert answer.status_code == 200, answer.text
    [item] = answer.json()["items"]
    return item


async def test_years_differ_by_the_shift_that_was_made(client) -> None:
    item = await compared(client, "year")
    assert (item["a"]["season"], item["b"]["season"]) == ("2019-spring", "2020-spring")
    assert [item[side]["n_birds"] for side in "ab"] == [11, 11]  # others' two birds do not count
    assert [item[side]["n_journeys"] for side in "ab"] == [11, 11]
    middle = item["passages"][5]
    east_m = EAST_DEG * 111_195 * np.cos(np.radians(41))
    assert middle["lateral_low_m"] < middle["lateral_m"] < middle["lateral_high_m"]
    assert middle["lateral_m"] == pytest.approx(east_m, rel=0.35)  # flown at an angle to the east
    assert middle["lateral_m"] > 0  # north-bound, east is to the right
    assert middle["shift_days"] == pytest.approx(LATER_D, abs=0.1)
    assert middle["shift_low_days"] <= middle["shift_days"] <= middle["shift_high_days"]
    assert 0 < item["overlap"]["affinity_low"] <= item["overlap"]["affinity"] < 0.95
    assert item["passages"][0]["distance_m"] < 1_000  # both set out from Izumi


async def test_autumn_is_turned_round_beside_spring(client) -> None:
    item = await compared(client, "season")
    assert (item["a"]["season"], item["b"]["season"]) == ("spring", "autumn")
    assert item["a"]["n_journeys"] == 22
    first = item["passages"][0]
    assert first["b"] == pytest.approx({"lon": IZUMI[0], "lat": IZUMI[1]}, abs=0.01)
    assert first["shift_days"] is None
    assert item["overlap"]["affinity"] > 0.5


async def test_a_corridor_without_company_is_nobodys_to_compare(client) -> None:
    """Two birds of another's opened study are not told."""
    assert (await client.get(f"{FLYWAY}:spring/comparison")).json()["items"] == []
    own = await client.get(f"{FLYWAY}:spring/comparison", headers=OTHER)
    assert own.json()["items"] == []  # a single year
    assert (await client.get("/api/v1/flyways/hooded_crane:spring/comparison")).status_code == 404
    assert (await client.get(f"{FLYWAY}:other/comparison")).status_code == 422


async def test_a_flyway_holds_its_mean_route_with_its_width(client, flock: Flock) -> None:
    store = Store(flock.dsn, pool_size=1)
    async with store.write() as conn:
        await route(conn, "institute:1", simulated=False)
    await store.close()
    found = (await client.get(f"{FLYWAY}:spring", headers=KEY)).json()["features"]
    lines = {f["properties"]["part"]: f for f in found}
    line = lines["route"]
    assert line["properties"]["n_birds"] == 11
    assert line["properties"]["n_passages"] == 22
    assert len(line["properties"]["width_95_m"]) == 41
    assert line["geometry"]["coordinates"][0][0] == pytest.approx(IZUMI, abs=0.01)
    corridor = [f["properties"]["area_km2"] for f in found if f["properties"]["part"] == "corridor"]
    assert len(corridor) == 2 and corridor[0] < corridor[1]
    assert "unobserved" not in lines
