from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import httpx2
import orjson
import pytest
import pytest_asyncio

from app.movement.protection import State, class_of
from tests.api.served import as_key, served
from tests.store.flock import SPECIES, UNRELEASED, Flock, ref_of

KEY = as_key("flw_Amur")


@pytest.fixture(scope="module")
def flock(new_database: Callable[[], str]) -> Flock:
    """Own birds measured but for one day, and opened birds of others: three and one by class."""
    flock = Flock(new_database())
    own, _ = flock.institute("Amur")
    other, _ = flock.institute("Baikal")
    studies = [flock.study(own, "Own"), flock.study(other, "Theirs", "open")]
    layer = flock.insert(
        "layer",
        name="Land",
        kind="boundary",
        source="set of 2024",
        classes='{"0": "MN", "1": "KR", "2": "MN (coast)"}',
        ref=ref_of("layer"),
    )
    mine = flock.bird(studies[0], "M")
    _use(flock, studies[0], mine, layer, {0: 0.5, 2: 0.25, -1: 0.25})
    _use(flock, studies[0], mine, layer, {}, day=2, presence=0.8)
    for number in range(4):
        bird = flock.bird(studies[1], f"T{number}")
        _use(flock, studies[1], bird, layer, {0: 0.5} | ({1: 0.5} if number == 0 else {}))
        _use(flock, studies[1], bird, layer, {1: 1.0}, day=3, release_at=UNRELEASED)
    return flock


def _use(flock, study, bird, layer, shares, day=1, presence=None, **more) -> None:
    common = {
        "individual_id": bird, "day": f"2020-03-{day:02}", "kind": "stopover", "study_id": study,
        "species_key": SPECIES, "season": "2020-spring", "release_at": "2021-01-01T00:00:00Z",
    } | more  # fmt: skip
    flock.insert("presence_day", bird_days=presence or sum(shares.values()), **common)
    for number, bird_days in shares.items():
        flock.insert("use_day", layer_id=layer, class_id=number, bird_days=bird_days, **common)


@pytest_asyncio.fixture
async def client(flock: Flock) -> AsyncIterator[httpx2.AsyncClient]:
    async with served(flock.dsn) as client:
        yield client


async def _use_of(client, key=None, **query) -> dict:
    answer = await client.get("/api/v1/habitat/use", params=query, headers=key or {})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_rows_and_pending_make_up_the_presence_of_own_birds(client, flock) -> None:
    (presence,) = flock.run("select sum(bird_days) from presence_day where study_id = 1")[0]
    mine = {"study": str(ref_of("study", "Own"))}
    for by in ("class", "area", "individual", "season"):
        use = await _use_of(client, KEY, by=by, layer=str(ref_of("layer")), **mine)
        assert use["pending_bird_days"] == pytest.approx(0.8)
        assert use["total_bird_days"] == pytest.approx(presence)
        rows = sum(row["bird_days"] for row in use["items"])
        assert rows + use["pending_bird_days"] == pytest.approx(presence)


async def test_land_and_coast_are_one_area_and_two_classes(client) -> None:
    mine = {"study": str(ref_of("study", "Own"))}
    areas = await _use_of(client, KEY, by="area", **mine)
    assert [(r["key"], r["bird_days"], r["n_individuals"]) for r in areas["items"]] == [
        ("MN", 0.75, 1),
        ("open sea", 0.25, 1),
    ]
    classes = await _use_of(client, KEY, by="class", layer=str(ref_of("layer")), **mine)
    assert {r["key"] for r in classes["items"]} == {"MN", "MN (coast)", "open sea"}


async def test_the_public_sees_no_row_of_fewer_than_three_birds(client) -> None:
    use = await _use_of(client, by="area")
    assert [(r["key"], r["bird_days"], r["n_individuals"], r["share"]) for r in use["items"]] == [
        ("MN", 2.0, 4, 1.0)
    ]
    assert use["total_bird_days"] == 2.0  # a hidden row can't be told from the total
    assert (await _use_of(client, by="individual"))["items"] == []
    one = await _use_of(client, by="area", individual=str(ref_of("bird", 2, "T0")))
    assert one["items"] == []


async def test_own_and_open_birds_add_up(client) -> None:
    use = await _use_of(client, KEY, by="area", season="2020-spring")
    assert use["items"][0]["bird_days"] == pytest.approx(2.75)
    assert use["items"][0]["n_individuals"] == 5


async def test_days_outside_the_interval_do_not_count(client) -> None:
    use = await _use_of(client, KEY, by="season", datetime="2020-03-02/2020-03-02")
    assert [row["bird_days"] for row in use["items"]] == [0.8]


@pytest.fixture(scope="module")
def reserves(flock: Flock) -> str:
    """Own days in a reserve of later, a listed reserve, an undated one and none; and others'."""
    names = {0: "Ramsar site", 1: "Nature reserve", 2: "Old park"}
    states = {
        "later": {1: State.LATER}, "both": {0: State.IN_FORCE, 1: State.IN_FORCE},
        "undated": {2: State.UNDATED}, "none": {},
    }  # fmt: skip
    layer = flock.insert(
        "layer", name="Protected", kind="protection", source="drawn", ref=ref_of("protected"),
        classes=orjson.dumps({str(k): name for k, name in names.items()}).decode(),
    )  # fmt: skip
    study = flock.study(1, "Reserved")
    bird = flock.bird(study, "R")
    days = {class_of(state): 0.2 * n for n, state in enumerate(states.values(), 1)}
    _use(flock, study, bird, layer, days, day=20, season="2020-autumn")
    return str(ref_of("protected"))


def _days(use: dict) -> dict[str, float]:
    return {row["key"]: pytest.approx(row["bird_days"]) for row in use["items"]}


async def test_overlaps_count_once_and_ramsar_stands_apart(client, reserves) -> None:
    query = {"by": "protection", "layer": reserves, "season": "2020-autumn"}
    then = await _use_of(client, KEY, **query)
    assert _days(then) == {
        "unprotected": 1.0, "Nature reserve + Ramsar site": 0.4, "date unknown": 0.6,
    }  # fmt: skip
    told = then["protection"]
    assert told["basis"] == "at_time"
    assert (told["legal_share"], told["ramsar_share"]) == pytest.approx((0.2, 0.2))
    assert (told["undated_share"], told["unprotected_share"]) == pytest.approx((0.3, 0.5))
    today = await _use_of(client, KEY, **query, basis="today")
    assert _days(today) == {
        "unprotected": 0.8, "Nature reserve": 0.2, "Nature reserve + Ramsar site": 0.4,
        "Old park": 0.6,
    }  # fmt: skip
    assert today["protection"]["legal_share"] == pytest.approx(0.6)
    assert today["protection"]["unprotected_share"] == pytest.approx(0.4)
    assert [(d["designation"], d["ramsar"], round(d["bird_days"], 6))
            for d in today["protection"]["designations"]] == [
        ("Nature reserve", False, 0.6), ("Old park", False, 0.6), ("Ramsar site", True, 0.4),
    ]  # fmt: skip
    assert then["total_bird_days"] == pytest.approx(today["total_bird_days"])


@pytest.mark.parametrize(("per", "part"), [("season", "2020-autumn"), ("species", SPECIES)])
async def test_rows_may_be_told_apart_by_season_and_species(client, reserves, per, part) -> None:
    query = {"by": "protection", "layer": reserves, "season": "2020-autumn", "per": per}
    use = await _use_of(client, KEY, **query)
    assert {row["part"] for row in use["items"]} == {part}
    assert sum(row["share"] for row in use["items"]) == pytest.approx(1.0)


async def test_parts_of_others_stand_for_three_birds_as_well(client) -> None:
    assert (await _use_of(client, by="area", per="individual"))["items"] == []
    species = await _use_of(client, by="area", per="species")
    assert [(row["part"], row["n_individuals"]) for row in species["items"]] == [(SPECIES, 4)]


async def test_designations_are_no_classes_and_classes_no_designations(client, reserves) -> None:
    for query, code in (
        ({"by": "class", "layer": reserves}, "layer-is-protection"),
        ({"by": "protection", "layer": str(ref_of("layer"))}, "layer-not-protection"),
        ({"by": "protection"}, "layer-missing"),
    ):
        answer = await client.get("/api/v1/habitat/use", params=query, headers=KEY)
        assert (answer.status_code, answer.json()["code"]) == (422, code)
