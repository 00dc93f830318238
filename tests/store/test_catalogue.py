"""Catalogues: whom they are made for, sites that keep their names, and writers that never clash."""

from __future__ import annotations

import random

import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.store import catalogue, stopovers, work
from app.store.audience import Audience
from app.store.engine import execute
from app.store.sight import Filters
from tests.store.flock import DAY, START, UNRELEASED, Flock

OPERATOR = {"scope": "operator", "simulated": False}


@pytest.fixture(scope="module")
def flock(new_database) -> Flock:
    """Give studies 1 (private), 2 (open), 3 (another's, open), 4 (simulated); ten stays."""
    flock = Flock(new_database())
    first, second = (flock.institute(name)[0] for name in ("First", "Second"))
    flock.study(first, "Private")
    flock.study(first, "Opened", "open")
    flock.study(second, "Theirs", "open")
    flock.study(second, "Simulated", "open", simulated=True)
    for study in (1, 2, 3, 4):
        flock.bird(study, "A")
    for day in range(0, 50, 5):
        flock.stopover(1, 1, day)
    return flock


def stay(number: int) -> dict[str, object]:
    arrival = START + number * DAY
    return {
        "id": number, "individual_id": 1, "arrival_time_latest": arrival,
        "departure_time_earliest": arrival + DAY / 2,
    }  # fmt: skip


def site(key: str, stays=(), *, named: bool = False, **more):
    return {
        "key": key, "name": key, "named": named, "lon": 127.0, "lat": 38.0, "radius_m": 20_000.0,
        "area": "KR", "codes": None, "n_individuals": 1, "n_stopovers": len(stays),
        "bird_days": 1.5, "species_keys": ["white_naped_crane"], "time_first": START,
        "time_last": START + DAY, "stays": [stay(number) for number in stays], **more,
    }  # fmt: skip


async def replace(conn, *new) -> dict[str, int]:
    return await catalogue.replace_sites(conn, "operator", list(new), simulated=False)


async def visits(conn) -> set[tuple[str, int]]:
    rows = await execute(
        conn, "select s.key, v.stopover_id from site_visit v join site s on s.id = v.site_id"
    )
    return {(row["key"], row["stopover_id"]) for row in rows}


@pytest.mark.parametrize(
    ("scope", "simulated", "exact", "opened"),
    [
        ("operator", False, (1, 2, 3), ()),
        ("operator", True, (4,), ()),
        ("institute:1", False, (1, 2), (3,)),
        ("institute:2", False, (3,), (2,)),
        ("institute:1", True, (), (4,)),
        ("public", False, (), (2, 3)),
        ("public", True, (), (4,)),
    ],
)
async def test_a_catalogue_is_made_for_its_readers(trial, scope, simulated, exact, opened) -> None:
    found = await catalogue.audience_of(trial, scope, simulated=simulated)
    assert (found.exact, found.open, found.scope) == (exact, opened, scope)


async def test_a_site_keeps_its_identity_under_its_key(trial) -> None:
    before = await replace(trial, site("a", [1]), site("Cheorwon", [2], named=True))
    after = await replace(trial, site("Cheorwon", [1, 2], named=True), site("a", [3]))
    assert after == before
    assert await visits(trial) == {("Cheorwon", 1), ("Cheorwon", 2), ("a", 3)}


async def test_a_moved_site_is_the_one_it_shares_most_stays_with(trial) -> None:
    before = await replace(trial, site("a", [1, 2, 3]), site("b", [4]))
    after = await replace(trial, site("c", [2, 3, 4]), site("d", [5]))
    assert after["c"] == before["a"]
    assert after["d"] not in before.values()
    assert await execute(trial, "select key from site order by key") == [{"key": "c"}, {"key": "d"}]


async def test_a_site_is_told_by_its_stays_and_not_by_its_key(trial) -> None:
    before = await replace(trial, site("a", [1]), site("b", [2]))
    after = await replace(trial, site("a", [2]), site("b", [1]))
    assert after == {"a": before["b"], "b": before["a"]}
    assert await visits(trial) == {("a", 2), ("b", 1)}


async def test_merges_and_splits_are_recorded(trial) -> None:
    for table in ("site", "site_change"):
        await execute(trial, f"delete from {table}")
    await replace(trial, site("a", [1]), site("b", [2, 3, 4]))
    await replace(trial, site("c", [1, 2, 3, 4]))
    await replace(trial, site("d", [1]), site("e", [2, 3, 4]))
    await replace(trial)
    rows = await execute(
        trial, "select kind, from_name, to_name, round(shared_days) as days from site_change"
        " order by id"
    )  # fmt: skip
    assert [tuple(row.values()) for row in rows] == [
        ("merged", "a", "c", 0), ("split", "c", "d", 0), ("ended", "e", None, 0),
        ("ended", "d", None, 0),
    ]  # fmt: skip


async def test_a_site_keeps_its_identity_though_its_stays_are_made_anew(trial) -> None:
    before = await replace(trial, site("a", [1, 2]))
    again = site("b", [1, 2])
    for row in again["stays"]:
        row["id"] += 5_000  # a recompute gives rows other numbers
    assert await replace(trial, again) == {"b": before["a"]}


async def test_a_named_place_lends_its_identity_to_none(trial) -> None:
    before = await replace(trial, site("Cheorwon", [1, 2], named=True))
    after = await replace(trial, site("127.1,38.2", [1, 2]))
    assert after["127.1,38.2"] != before["Cheorwon"]


async def test_catalogues_are_apart(trial) -> None:
    await replace(trial, site("a", [1]))
    for scope, simulated in (("public", False), ("operator", True)):
        await catalogue.replace_sites(trial, scope, [site("a", [1])], simulated=simulated)
    await replace(trial)
    rows = await execute(trial, "select scope, simulated from site order by 1, 2")
    assert [tuple(row.values()) for row in rows] == [("operator", True), ("public", False)]


KEYS = st.sampled_from("abcdef")
STATES = st.lists(
    st.dictionaries(KEYS, st.sets(st.integers(1, 10), max_size=4), max_size=4), max_size=4
)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STATES)
async def test_only_the_last_state_counts(flock: Flock, states) -> None:
    """Whatever came before: sites and visits are those given last, and no identity is shared."""
    async with flock.trial() as trial:
        for state in states:
            ids = await replace(trial, *(site(key, stays) for key, stays in state.items()))
            assert sorted(ids) == sorted(state)
            assert len(set(ids.values())) == len(ids)
            assert await visits(trial) == {(key, s) for key, stays in state.items() for s in stays}
            n = await execute(trial, "select count(*) as n from site")
            assert n == [{"n": len(state)}]


async def test_routes_are_replaced_with_their_sites(trial) -> None:
    ids = await replace(trial, site("a", [1]), site("b", [2]))
    connection = {
        "species_key": "white_naped_crane", "season": "spring", "from_site_id": ids["a"],
        "to_site_id": ids["b"], "n_birds": 1, "n_passages": 2, "travel_days_median": 1.0,
        "distance_m": None, "observed_share": 1.0,
    }  # fmt: skip
    line = {
        "species_key": "white_naped_crane", "season": "spring", "part": "route", "n_birds": 1,
        "n_passages": 2, "length_m": 1e6, "width_50_m": [4e3], "width_95_m": [9e3],
        "geom": shapely.to_wkb(shapely.MultiLineString([[(127.1, 38.2), (115.1, 49.7)]])),
    }  # fmt: skip
    for _ in range(2):
        await catalogue.replace_routes(
            trial, "operator", simulated=False, connections=[connection], corridors=[],
            lines=[line],
        )  # fmt: skip
    assert await execute(trial, "select n_passages from connection") == [{"n_passages": 2}]
    assert await execute(trial, "select width_50_m from flyway_line") == [{"width_50_m": [4e3]}]
    await replace(trial, site("a", [1]))  # a site that goes takes its connections along
    assert await execute(trial, "select 1 from connection") == []


async def test_legs_of_others_go_by_their_public_way_once_released(trial, flock) -> None:
    flock.leg(3, 3, 3)
    flock.leg(3, 3, 30, release_at=UNRELEASED)
    for day, public in ((3, False), (3, True), (30, False), (30, True)):
        flock.insert(
            "way", individual_id=3, study_id=3, departure_time=START + day * DAY,
            arrival_time=START + (day + 1) * DAY, public=public, cells=b"",
            positions=b"public" if public else b"exact",
        )  # fmt: skip
    try:
        own = await catalogue.legs(trial, Audience("operator", exact=(3,)))
        (seen,) = await catalogue.legs(trial, Audience("public", open=(3,)))
    finally:
        flock.run("delete from leg")
        flock.run("delete from way")
    assert [bytes(leg["positions"]) for leg in own] == [b"exact", b"exact"]
    assert bytes(seen["positions"]) == b"public"
    assert seen["departure_time"] == START + 3 * DAY


async def test_birds_of_legs_are_numbered_by_their_names(trial, flock) -> None:
    late = flock.bird(3, "0")
    for bird in (3, late):
        flock.leg(3, bird, 3 if bird == late else 9)
        flock.leg(3, bird, 6)
    try:
        found = await catalogue.legs(trial, Audience("operator", exact=(3,)))
    finally:
        flock.run("delete from leg")
        flock.run("delete from individual where local_identifier = '0'")
    days = [(leg["individual_id"], (leg["departure_time"] - START) // DAY) for leg in found]
    assert days == [(1, 3), (1, 6), (2, 6), (2, 9)]


async def test_a_catalogue_and_a_bird_that_changes_do_not_wait_for_each_other(
    flock, store, meets
) -> None:
    """The bird's stays go while its catalogue is made: both end, and the catalogue is due again."""
    async with store.write() as conn:
        await work.mark_catalogues_dirty(conn, 1)
        await replace(conn, site("a", [1, 2, 3]))
    ended = []

    async def refresh() -> None:
        async with store.write() as conn:
            assert await work.take_catalogue(conn, "operator", simulated=False)
            await replace(conn, site("a", [1, 2, 3]), site("b", [4]))
        ended.append("catalogue")

    async with store.engine.connect() as worker:
        await execute(worker, "delete from stopover where id in (1, 2)")

        async def derived() -> None:
            await work.mark_catalogues_dirty(worker, 1)
            await worker.commit()
            ended.append("bird")

        await meets(derived, refresh())
    assert sorted(ended) == ["bird", "catalogue"]
    assert ("operator",) in flock.run("select scope from product_dirty")
    async with store.read() as conn:
        rows = await stopovers.page(conn, Audience("operator", exact=(1,)), Filters(), fetch=20)
        assert [row["site"] for row in rows] == ["a", "b", *[None] * 6]
    for day in (0, 5):
        flock.stopover(1, 1, day)
    for table in ("site", "site_change", "product_dirty"):
        flock.run(f"delete from {table}")


async def test_a_stay_that_is_gone_meanwhile_is_no_error(trial) -> None:
    """Which stays there are is read in another statement than the one that writes the visits."""
    shuffled = random.Random(1).sample(range(1, 10_000), 50)
    await replace(trial, site("a", shuffled))
    assert len(await visits(trial)) == 50
