"""Planned flocks of three species, from bytes to answers: what is told of them is what they did."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import fmean
from typing import Any

import numpy as np
import pytest

from app.movement.itinerary import Place, Stay, Visit
from app.movement.sensing import Sending
from app.movement.simulate import Flock, SimulatedBird, flock_csv
from app.movement.track import DAY_US
from app.pipeline.builtin import BUILT_IN
from app.seeds import profiles
from app.store import partners
from app.store.windows import instant
from tests.api.conftest import serving
from tests.api.inloop import Client
from tests.api.served import as_key
from tests.flow.conftest import open_service
from tests.movement.flocks import Life, flock_of, key_site
from tests.movement.test_simulate import GEOD
from tests.movement.truth import true_stays

START = datetime(2024, 2, 1, tzinfo=UTC)
START_US = int(START.timestamp()) * 1_000_000
DAYS = 150
NEAR_M = 20_000.0

GEUM = Place("", 126.70, 36.02)
SONGNEN = Place("", 125.40, 46.30)
"""Of no list: the estuary of the Geum in western Korea, and fields of the Songnen Plain."""

COUNTRIES = BUILT_IN[0]
MURAVIOVKA = "Zeya-Bureya Plains (Muraviovka)"
PASS = "Cheorwon Basin"
SPRING_DAYS = {"adult": 44.3, "subadult": 15.3}
"""Hooded Cranes, four adults and five subadults (Mi et al. 2018, doi:10.1186/s40657-018-0114-9)."""

FLIGHT_DAYS = 6.0
DIED_US = START_US + 62 * DAY_US


def day(number: float) -> int:
    return START_US + int(number * DAY_US)


def hooded(rng: np.random.Generator) -> list[Life]:
    """Four adults and five subadults, and one more whose tag lies in the Songnen Plain at last."""
    lives = []
    for k in range(10):
        stage = "adult" if k < 4 else "subadult"
        rests = rng.dirichlet(np.full(3, 20.0)) * (SPRING_DAYS[stage] - FLIGHT_DAYS) * DAY_US
        plan = (
            Visit(key_site("Izumi Wintering Habitat of Cranes"), day(rng.uniform(28, 40)), 0,
                  "wintering"),
            Visit(key_site("Cheonsu Bay") if k % 2 else GEUM, 0, int(rests[0])),
            Visit(key_site("Zhalong") if k % 3 else SONGNEN, 0, int(rests[1])),
            Visit(key_site(MURAVIOVKA), 0, int(rests[2])),
            Visit(Place("", 131.0 + 0.7 * k, 51.5), kind="breeding"),
        )  # fmt: skip
        lives.append(Life(f"Hooded {k}", "hooded_crane", plan, stage))
    last = lives[-1]
    stay = Visit(key_site("Zhalong"), day(140))
    lives[-1] = Life(last.name, last.species, (*last.plan[:2], stay, last.plan[-1]), "subadult",
                     DIED_US)  # fmt: skip
    return lives


def white_naped(rng: np.random.Generator) -> list[Life]:
    """Ten that winter, stage and breed at two places each and all pass Cheorwon between."""
    lives = []
    for k in range(10):
        winter = ("Izumi Wintering Habitat of Cranes", "Suncheon Bay")[k % 2]
        staging = ("Shuangtai Estuary (Panjin)", "Rason Migratory Bird Reserve")[k // 2 % 2]
        summer = ("Xianghai", "Lake Khanka")[k // 2 % 2]
        plan = (
            Visit(key_site(winter), day(rng.uniform(26, 36)), 0, "wintering"),
            Visit(key_site(PASS), 0, int(rng.uniform(8, 14) * DAY_US)),
            Visit(key_site(staging), 0, int(rng.uniform(8, 14) * DAY_US)),
            Visit(key_site(summer), kind="breeding"),
        )
        lives.append(Life(f"White-naped {k}", "white_naped_crane", plan))
    return lives


def spoonbills(rng: np.random.Generator) -> list[Life]:
    """Four of the tidal flats, where many a map of countries shows none."""
    lives = []
    for k in range(4):
        winter = "Arao-higata" if k % 2 else "Chigu / Tsengwen estuary"
        passing = () if k % 2 else (
            Visit(key_site("Chongming Dongtan"), 0, int(rng.uniform(6, 12) * DAY_US)),
        )  # fmt: skip
        plan = (
            Visit(key_site(winter), day(rng.uniform(35, 50)), 0, "wintering"), *passing,
            Visit(key_site("Southern Ganghwa tidal flats"), kind="breeding"),
        )  # fmt: skip
        lives.append(Life(f"Spoonbill {k}", "black_faced_spoonbill", plan))
    return lives


def reference(lives: list[Life]) -> bytes:
    header = "tag-id,animal-id,animal-taxon,deploy-on-date,animal-life-stage"
    on = f"{START:%Y-%m-%d} 00:00:00.000"
    lines = [f"T-{life.name},{life.name},,{on},{life.life_stage}" for life in lives]
    return "\n".join([header, *lines]).encode() + b"\n"


@dataclass
class World:
    """The flocks as they lived, and the service that was told of it."""

    flock: Flock
    lives: list[Life]
    client: Client
    key: dict[str, str]

    def get(self, address: str, **asked: Any) -> dict:
        answer = self.client.get(address, params=asked, headers=self.key)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def items(self, address: str, **asked: Any) -> list[dict]:
        found = self.get(address, limit=1000, **asked)
        assert found["next"] is None
        return list(found["items"])

    def birds(self, species: str) -> list[SimulatedBird]:
        return [bird for bird in self.flock.birds if bird.species_key == species]


@pytest.fixture(scope="module")
def world(new_database: Callable[[], str]) -> Iterator[World]:
    rng = np.random.default_rng(11)
    lives = [*hooded(rng), *white_naped(rng), *spoonbills(rng)]
    sending = Sending(interval_s=14_400.0, gap_max_days=2.0)
    flock = flock_of(lives, start_us=START_US, days=DAYS, seed=11, sending=sending)
    dsn = new_database()

    async def run() -> str:
        service = await open_service(dsn)
        try:
            async with service.store.write() as conn:
                await COUNTRIES.add(conn, COUNTRIES.find().read_bytes(), COUNTRIES.source)
            for body in (reference(lives), flock_csv(flock)):
                await service.push(body)
            await service.drain()
            (institute,) = await service.rows("select id from institute where name = 'Amur'")
            async with service.store.write() as conn:
                return str((await partners.create_key(conn, institute["id"], ("read",)))["key"])
        finally:
            await service.store.close()

    key = asyncio.run(run())
    with serving(dsn) as client:
        yield World(flock, lives, client, as_key(key))


def time_of(text: str) -> datetime:
    return datetime.fromisoformat(text)


def spring(bird: SimulatedBird) -> tuple[datetime, datetime]:
    """When a bird left its wintering place and reached the one where it breeds."""
    return instant(bird.stays[0].departure_us), instant(bird.stays[-1].arrival_us)


def true_places(birds: list[SimulatedBird]) -> list[Place]:
    """Places where a bird of those stayed; of no list, where two did."""
    users: dict[Place, set[str]] = defaultdict(set)
    for bird in birds:
        for stay in bird.stays:
            users[stay.place].add(bird.local_identifier)
    return [place for place, names in users.items() if place.name or len(names) > 1]


def apart_m(a: Place | Stay, lon: float, lat: float) -> float:
    return float(GEOD.inv(a.lon, a.lat, lon, lat)[2])


def test_spring_days_by_age_are_the_true_ones(world: World) -> None:
    """
    Acceptance: the ends within their intervals, and so the means of adults and of subadults.

    A bird that took off is at the place until it crosses the stop radius, as in `movement.truth`.
    """
    rows = {
        row["individual"]["local_identifier"]: row
        for row in world.items("/api/v1/reports/migrations", species="Grus monacha")
    }
    stays = defaultdict(list)
    for stay in world.items("/api/v1/stopovers", species="Grus monacha"):
        stays[stay["individual"]["local_identifier"]].append(stay)
    true, told, held = defaultdict(list), defaultdict(list), []
    for bird in world.birds("hooded_crane")[:9]:
        name = bird.local_identifier
        row, (leaving, coming) = rows[name], spring(bird)
        told_stays = sorted(stays[name], key=start_of)
        first = [stay for stay in told_stays if stay["kind"] == "wintering"][-1]
        last = next(stay for stay in told_stays if stay["kind"] == "breeding")
        winter, *stops, summer = true_stays(bird, profiles()[bird.species_key])
        held += [
            time_of(first["departure_time_earliest"]) <= instant(winter.exit_us)
            and instant(winter.departure_us) <= time_of(first["departure_time_latest"]),
            time_of(last["arrival_time_earliest"]) <= instant(summer.arrival_us)
            and instant(summer.entry_us) <= time_of(last["arrival_time_latest"]),
        ]
        assert row["season"] == "2024-spring"
        true[row["life_stage"]].append((coming - leaving).total_seconds() / 86_400)
        told[row["life_stage"]].append(row["duration_days"])
        assert 0 < row["straightness"] <= 1
        assert row["staging_sites"] <= row["stops"] == len(stops)
    assert sum(held) >= 16  # of 18: intervals of 90 %
    assert {stage: len(days) for stage, days in told.items()} == {"adult": 4, "subadult": 5}
    for stage, published in SPRING_DAYS.items():
        # From the last fix of one residence to the first of the other: one bird was silent for
        # 36 h about its arrival.
        assert fmean(told[stage]) == pytest.approx(fmean(true[stage]), abs=0.5)
        assert fmean(told[stage]) == pytest.approx(published, abs=3)
    assert rows.keys() == {bird.local_identifier for bird in world.birds("hooded_crane")[:9]}


def start_of(stay: dict) -> datetime:
    return time_of(stay["arrival_time_latest"])


SPECIES = ("hooded_crane", "white_naped_crane", "black_faced_spoonbill")


@pytest.mark.parametrize("species", SPECIES)
def test_the_sites_of_a_flock_are_where_it_stayed(world: World, species: str) -> None:
    """Acceptance: every true place is found within 20 km, and nothing else is."""
    sites = world.items("/api/v1/sites", species=species)
    places = true_places(world.birds(species))
    for place in places:
        near = [s for s in sites if apart_m(place, **s["centre"]) <= NEAR_M]
        assert len(near) == 1, place
        assert not place.name or near[0]["name"] == place.name
        assert near[0]["named"] == bool(place.name)
    assert len(sites) == len(places)
    names = {place.name for place in places}
    if species == "hooded_crane":
        assert {"Cheonsu Bay", "Zhalong", MURAVIOVKA} < names
        assert {GEUM, SONGNEN} < {*places}


def test_a_dead_tag_is_in_no_product_from_its_death_on(world: World) -> None:
    name = world.lives[9].name
    (found,) = world.items("/api/v1/lifeless")
    assert found["individual"]["local_identifier"] == name
    died = instant(DIED_US)
    assert abs(time_of(found["start_time"]) - died).total_seconds() < 86_400
    last = max(
        (
            stay
            for stay in world.items("/api/v1/stopovers", species="Grus monacha")
            if stay["individual"]["local_identifier"] == name
        ),
        key=start_of,
    )
    assert time_of(last["departure_time_earliest"]) <= died
    days = world.get("/api/v1/habitat/use", by="individual", species="Grus monacha")["items"]
    (of_bird,) = [row["bird_days"] for row in days if row["name"] == name]
    assert of_bird <= (DIED_US - START_US) / DAY_US
    (zhalong,) = [s for s in world.items("/api/v1/sites") if s["name"] == "Zhalong"]
    visitors = world.get(f"/api/v1/sites/{zhalong['id']}")["birds"]
    (dead,) = [bird for bird in visitors if bird["local_identifier"] == name]
    assert time_of(dead["time_last"]) <= died


@pytest.mark.parametrize("species", SPECIES)
def test_every_bird_day_of_the_ledger_is_in_an_area(world: World, species: str) -> None:
    """Acceptance: no null area anywhere, on tidal flats neither; sums agree with the fixes'."""
    found = world.get(f"/api/v1/flyways/{species}/ledger")
    assert {row["area_kind"] for row in found["items"]} <= {"land", "coast", "sea"}
    assert all(row["area"] not in {"", None, "not measured"} for row in found["items"])
    assert sum(row["bird_days"] for row in found["items"]) == pytest.approx(
        found["total_bird_days"], abs=1e-6
    )
    for by in ("area", "season"):
        parts = world.get(f"/api/v1/flyways/{species}/ledger", by=by)["items"]
        assert sum(row["bird_days"] for row in parts) == pytest.approx(
            found["total_bird_days"], abs=1e-6
        )
    for stay in world.items("/api/v1/stopovers", species=species):
        assert stay["country"], stay
    for site in world.items("/api/v1/sites", species=species):
        assert site["country"], site
    if species == "black_faced_spoonbill":
        areas = {row["area"] for row in found["items"]}
        assert {"China", "Japan", "South Korea", "Taiwan"} <= areas
        names = {site["name"] for site in world.items("/api/v1/sites", species=species)}
        assert {"Chongming Dongtan", "Arao-higata", "Southern Ganghwa tidal flats"} <= names


def test_the_site_that_all_must_pass_ranks_first_when_lost(world: World) -> None:
    """Acceptance: the true bottleneck first, from fixes to the answer of the service."""
    ranks, broken = {}, {}
    sites = world.items("/api/v1/sites", species="Grus vipio")
    for site in sites:
        loss = world.get(f"/api/v1/sites/{site['id']}/loss")
        (item,) = [each for each in loss["items"] if each["species"] == "white_naped_crane"]
        ranks[site["name"]] = item["rank"]
        broken[site["name"]] = item["broken_share"]
        if site["name"] == PASS:
            assert (item["n_journeys"], item["n_affected"], item["n_birds"]) == (10, 10, 10)
            assert item["alternatives"] == []
    assert sorted(ranks.values()) == list(range(1, len(sites) + 1))
    assert ranks[PASS] == 1
    assert broken.pop(PASS) == 1.0 > max(broken.values())
