"""The ledger over HTTP: every bird-day in one row, by whatever it is divided."""

from __future__ import annotations

import csv
import io
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Callable

import httpx2
import pytest
import pytest_asyncio

from app.movement.protection import State, class_of
from tests.api.served import as_key, served
from tests.store.flock import SPECIES, UNRELEASED, Flock, ref_of

KEY = as_key("flw_Amur")
PATH = f"/api/v1/flyways/{SPECIES}/ledger"
AREAS = '{"0": "Mongolia", "1": "Korea", "2": "Mongolia (coast)", "3": "Korea (coast)"}'
COVER = '{"10": "grasslands", "12": "croplands"}'
RESERVES = '{"0": "Nature Reserve", "1": "Ramsar site"}'
RESERVE, LISTED, LATER = (
    class_of(states) for states in ({0: State.IN_FORCE}, {1: State.IN_FORCE}, {0: State.LATER})
)
"""A reserve and a Ramsar site on that day, and what became a reserve later."""
DOUBTED, LISTED_ONCE = (
    class_of(states) for states in ({0: State.UNDATED, 1: State.IN_FORCE}, {1: State.UNDATED})
)
"""Nobody said since when: a reserve within a Ramsar site, and a Ramsar site."""

SEASONS = ("2020-spring", "2020-autumn", "2020-wintering", None)
US = 86_400_000_000


class World:
    """A flock of own birds and of others', and the same days kept plainly beside it."""

    def __init__(self, dsn: str) -> None:
        self.flock = flock = Flock(dsn)
        self.days: list[tuple] = []
        own, _ = flock.institute("Amur")
        other, _ = flock.institute("Baikal")
        self.own, self.open = flock.study(own, "Own"), flock.study(other, "Theirs", "open")
        layer = {"source": "made up, 2024"}
        self.layers = [
            flock.insert("layer", name="Land", kind="boundary", classes=AREAS,
                         ref=ref_of("Land"), **layer),
            flock.insert("layer", name="Cover", kind="raster", classes=COVER, cell_size_m=5600.0,
                         ref=ref_of("Cover"), **layer),
            flock.insert("layer", name="Reserves", kind="protection", classes=RESERVES,
                         ref=ref_of("Reserves"), study_id=self.own, **layer),
        ]  # fmt: skip
        chance = random.Random(4)
        for number in range(12):
            siblings = f"nest {number // 2}" if number < 4 else None
            bird = self.bird(self.own, f"M{number}", siblings, "Mongolia")
            for day in range(1, 15):
                places = chance.choice(
                    [
                        (-1, 10, -1),
                        (0, 12, RESERVE),
                        (0, 10, LISTED),
                        (2, -1, LATER),
                        (0, 12, DOUBTED),
                        (0, 10, LISTED_ONCE),
                    ]
                )
                self.day(self.own, bird, day, places, chance.randrange(1, US), chance)
            self.silence(self.own, bird, 20, number)
        for number in range(4):
            bird = self.bird(self.open, f"T{number}", None, "Korea")
            self.day(self.open, bird, 2, (1, 12), US // 2, chance, season="2020-spring")
            if number < 2:
                self.day(self.open, bird, 3, (3, 12), US // 4, chance, season="2020-spring")
            self.day(self.open, bird, 4, (1, 12), US // 4, chance, release_at=UNRELEASED)
        made_up = flock.study(other, "Made up", "open", simulated=True)
        bird = self.bird(made_up, "S1", None, "Korea")
        self.day(made_up, bird, 2, (1, 12), US // 2, chance, season="2020-spring")

    def bird(self, study: int, name: str, siblings: str | None, area: str) -> int:
        bird = self.flock.bird(study, name)
        self.flock.insert("capture", individual_id=bird, study_id=study, area=area)
        if siblings:
            self.flock.run(
                "update individual set terms = jsonb_build_object('animal-siblings', %s::text)"
                " where id = %s", siblings, bird,
            )  # fmt: skip
        return bird

    def day(self, study, bird, day, places, time_us, chance, **more) -> None:
        values = {
            "individual_id": bird, "study_id": study, "day": f"2020-03-{day:02}",
            "kind": "travel", "observed": True, "species_key": SPECIES,
            "class_ids": list(places), "layer_ids": self.layers[: len(places)],
            "season": chance.choice(SEASONS), "bird_days": time_us / US,
            "release_at": "2021-01-01T00:00:00Z",
        } | more  # fmt: skip
        self.flock.insert("ledger_day", **values)
        if study == self.own:
            self.days.append((bird, values["season"], *places, time_us))

    def silence(self, study: int, bird: int, day: int, n: int) -> None:
        self.flock.insert(
            "ledger_day", individual_id=bird, study_id=study, day=f"2020-03-{day}", kind="travel",
            observed=False, species_key=SPECIES, class_ids=[], layer_ids=[], season="2020-spring",
            bird_days=n / 12, release_at="2021-01-01T00:00:00Z",
        )  # fmt: skip


@pytest.fixture(scope="module")
def world(new_database: Callable[[], str]) -> World:
    return World(new_database())


@pytest_asyncio.fixture
async def client(world: World) -> AsyncIterator[httpx2.AsyncClient]:
    async with served(world.flock.dsn) as client:
        yield client


EVERYTHING = {"layer": str(ref_of("Cover")), "protection": str(ref_of("Reserves"))}


async def ledger(client, key=KEY, path=PATH, **query) -> dict:
    answer = await client.get(path, params=query, headers=key or {})
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize("by", ["area", "season", "protection", "class", None])
async def test_every_division_adds_up_to_the_same_total(client, world, by) -> None:
    """Acceptance: sums by area, class and protection each are the total, to 1e-6."""
    found = await ledger(client, **EVERYTHING, **({"by": by} if by else {}))
    total = sum(day[-1] for day in world.days) / US + 4 * 0.5
    assert found["total_bird_days"] == pytest.approx(total, abs=1e-6)
    assert sum(row["bird_days"] for row in found["items"]) == pytest.approx(total, abs=1e-6)
    assert sum(row["share"] for row in found["items"]) == pytest.approx(1, abs=1e-9)


async def test_rows_are_those_of_a_plain_sum_over_days(client, world) -> None:
    found = await ledger(client, **EVERYTHING)
    names = {
        -1: ("open sea", "sea"), 0: ("Mongolia", "land"), 1: ("Korea", "land"),
        2: ("Mongolia", "coast"),
    }  # fmt: skip
    cover = {-1: "outside", 10: "grasslands", 12: "croplands"}
    kept = {
        -1: ("none", "none"), LATER: ("none", "none"), RESERVE: ("Nature Reserve", "none"),
        LISTED: ("none", "Ramsar site"), DOUBTED: ("date unknown", "Ramsar site"),
        LISTED_ONCE: ("none", "date unknown"),
    }  # fmt: skip
    plain, birds = defaultdict(int), defaultdict(set)
    for bird, season, area, land, reserve, time_us in world.days:
        key = (*names[area], (season or "2020-unknown")[5:], *kept[reserve], cover[land])
        plain[key] += time_us
        birds[key].add(bird)
    plain["Korea", "land", "spring", "not measured", "not measured", "croplands"] = 4 * US // 2
    columns = ("area", "area_kind", "season", "protection", "ramsar", "class")
    rows = {tuple(row[c] for c in columns): row for row in found["items"]}
    assert rows.keys() == plain.keys()
    for key, time_us in plain.items():
        assert rows[key]["bird_days"] == pytest.approx(time_us / US, abs=1e-9)
        assert rows[key]["birds"] == len(birds[key]) or key[0] == "Korea"


async def test_what_was_designated_later_counts_today_alone(client, world) -> None:
    then, today = [
        await ledger(client, **EVERYTHING, by="protection", basis=basis)
        for basis in ("at_time", "today")
    ]
    later = sum(day[-1] for day in world.days if day[4] in {LATER, DOUBTED}) / US
    of = [
        sum(row["bird_days"] for row in each["items"] if row["protection"] == "Nature Reserve")
        for each in (then, today)
    ]
    assert later > 0
    assert of[1] == pytest.approx(of[0] + later, abs=1e-6)
    assert (then["basis"], today["basis"]) == ("at_time", "today")


async def test_intervals_hold_their_shares_and_none_is_told_below_ten_birds(client) -> None:
    rows = (await ledger(client, **EVERYTHING))["items"]
    rows += (await ledger(client, by="area"))["items"]
    assert any(row["share_low"] is not None for row in rows)
    for row in rows:
        assert (row["share_low"] is None) == (row["birds"] < 10)
        if row["share_low"] is not None:
            assert 0 <= row["share_low"] < row["share"] < row["share_high"] <= 1


async def test_each_row_tells_its_sample(client) -> None:
    found = await ledger(client, by="season")
    spring = next(row for row in found["items"] if row["season"] == "spring")
    assert spring["capture_areas"] == ["Korea", "Mongolia"]
    assert spring["families"] <= spring["birds"] <= 16
    assert 0 < spring["unobserved_days"] <= sum(range(12)) / 12 + 1e-9
    assert found["unobserved_days"] == pytest.approx(sum(range(12)) / 12)
    assert found["sample"] == {
        "birds": 16, "families": 14, "birds_tracked": 16, "share_of_tracked": 1.0,
        "birds_left_out": 0,
    }  # fmt: skip


async def test_names_of_the_boundary_set_and_of_what_is_only_a_demonstration(client) -> None:
    found = await ledger(client, **EVERYTHING)
    assert found["boundary"]["source"] == "made up, 2024"
    assert found["layer"]["cell_size_m"] == 5600.0
    assert found["layer"]["fitness"] == "demonstration only"
    assert "families" in found["interval"]


async def test_the_public_sees_three_birds_and_more_of_what_is_released(client) -> None:
    found = await ledger(client, key=None, by="area")
    (row,) = found["items"]
    assert (row["area"], row["bird_days"], row["birds"]) == ("Korea", 2.0, 4)
    assert found["total_bird_days"] == 2.0
    assert (await ledger(client, key=None, by="season"))["total_bird_days"] <= 2.5
    unknown = await client.get(PATH, params={"layer": str(ref_of("Reserves"))})
    assert unknown.status_code == 404


async def test_no_two_intervals_tell_by_their_difference_what_a_day_was(client) -> None:
    """By days, the second of March would be all that the first answer has more than none."""
    month = {"2020-03-01/2020-03-31": 2.0, "2020-02-10/2020-04-10": 2.0}
    parts = dict.fromkeys(("2020-03-01/2020-03-02", "2020-03-02/2020-03-31"), 0.0)
    for interval, days in (month | parts).items():
        assert (await ledger(client, key=None, datetime=interval))["total_bird_days"] == days
    made_up = f"/api/v1/flyways/{SPECIES}:simulated/ledger"  # has no secrets: by the day
    day = await ledger(client, key=None, path=made_up, datetime="2020-03-02/2020-03-02")
    assert day["total_bird_days"] == 0.5


async def test_parts_of_the_year_make_up_the_year(client) -> None:
    parts = [
        (await ledger(client, path=f"/api/v1/flyways/{SPECIES}:{season}/ledger"))
        for season in ("spring", "autumn", "other")
    ]
    year = await ledger(client)
    assert sum(p["total_bird_days"] for p in parts) == pytest.approx(year["total_bird_days"])
    assert {row["season"] for row in parts[0]["items"]} == {"spring"}
    day = await ledger(client, datetime="2020-03-20/2020-03-20")
    assert (day["items"], day["total_bird_days"]) == ([], 0.0)


async def test_the_same_as_csv_by_format_or_accept(client) -> None:
    found = await ledger(client, **EVERYTHING)
    asked = {"params": EVERYTHING, "headers": KEY | {"Accept": "text/csv"}}
    answer = await client.get(PATH, **asked)
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert "Accept" in answer.headers["vary"].split(", ")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [float(row["bird_days"]) for row in rows] == [r["bird_days"] for r in found["items"]]
    assert {row["cell_size_m"] for row in rows} == {"5600.0"}
    assert all("made up, 2024" in row["boundary_set"] for row in rows)
    plain = await client.get(PATH, params=EVERYTHING | {"format": "csv"}, headers=KEY)
    assert plain.text == answer.text


async def test_what_can_not_be_answered_says_why(client) -> None:
    other = await client.get(PATH, params={"protection": str(ref_of("Cover"))}, headers=KEY)
    assert (other.status_code, other.json()["code"]) == (422, "layer-not-protection")
    nobody = await client.get("/api/v1/flyways/hooded_crane/ledger", headers=KEY)
    assert nobody.status_code == 404


async def test_a_single_simulated_bird_is_told_to_everybody(client) -> None:
    """Nobody's secret: a demonstration with one bird of a species is no empty table."""
    got = (await client.get(f"/api/v1/flyways/{SPECIES}:simulated/ledger")).json()
    assert [(row["area"], row["bird_days"], row["birds"]) for row in got["items"]] == [
        ("Korea", 0.5, 1)
    ]
    assert got["sample"]["birds"] == 1
