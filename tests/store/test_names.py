"""Names in pushes: the same name is the same thing, in any order and by many at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from itertools import permutations

import pytest

from app.errors import Conflict
from app.store import names, reference, work
from app.store.audience import Audience
from app.store.engine import Store, execute
from tests.store.flock import Flock


@pytest.fixture(scope="module")
def flock(new_database) -> Flock:
    flock = Flock(new_database())
    institute, _ = flock.institute("Amur")
    flock.study(institute, "one")
    flock.study(institute, "two")
    return flock


async def birds(conn) -> list[tuple]:
    rows = await execute(
        conn, "select local_identifier, taxon, species_key from individual order by 1"
    )
    return [tuple(row.values()) for row in rows]


async def test_a_tag_is_made_once_for_each_study(trial) -> None:
    first = await names.name_tags(trial, 1, ["b", "a", "b", "鹤"])
    assert sorted(first) == ["a", "b", "鹤"]
    again = await names.name_tags(trial, 1, ["a", "c"])
    assert (again["a"], again["c"] in first.values()) == (first["a"], False)
    elsewhere = await names.name_tags(trial, 2, list(first))
    assert set(first.values()) & set(elsewhere.values()) == set()
    assert await names.name_tags(trial, 1, []) == {}


async def test_an_alias_is_its_tag_and_never_becomes_one(trial) -> None:
    known = await names.name_tags(trial, 1, ["PTT 7"])
    await execute(
        trial,
        "insert into tag_alias (study_id, tag_id, alias, made_by)"
        " values (1, :tag, 'SN-7', 'operator')",
        {"tag": known["PTT 7"]},
    )
    found = await names.name_tags(trial, 1, ["SN-7", "PTT 7", "new"])
    assert found["SN-7"] == found["PTT 7"] == known["PTT 7"] != found["new"]
    elsewhere = await names.name_tags(trial, 2, ["SN-7"])
    assert elsewhere["SN-7"] not in found.values()
    rows = await execute(
        trial,
        "select local_identifier from tag where study_id = 1"
        " and local_identifier in ('SN-7', 'PTT 7', 'new') order by 1",
    )
    assert [row["local_identifier"] for row in rows] == ["PTT 7", "new"]


@pytest.fixture
async def apart(database: str) -> AsyncIterator[Store]:
    """Give a database of a test's own: it commits, and what it leaves hangs together."""
    flock = Flock(database)
    flock.study(flock.institute("Amur")[0], "one")
    made = Store(database, pool_size=4)
    yield made
    await made.close()


async def test_a_name_becomes_a_tag_or_an_alias_whoever_is_first(apart: Store) -> None:
    """A push and a person at the same moment: never both."""
    owner = Audience("institute", 1, 1, frozenset({"manage"}), exact=(1,))
    async with apart.write() as conn:
        ref = (await reference.add_tag(conn, owner, 1, local_identifier="base", terms={}))["ref"]

    async def push(name: str) -> None:
        async with apart.write() as conn:
            tag = (await names.name_tags(conn, 1, [name]))[name]
            await asyncio.sleep(0.01)
            await execute(
                conn,
                "insert into reading (tag_id, study_id, time, sensor, variant, decoding_id)"
                " values (:tag, 1, now(), 0, 1, 1)",
                {"tag": tag},
            )

    async def person(name: str) -> None:
        with suppress(Conflict):
            async with apart.write() as conn:
                held = (await reference.tag(conn, owner, ref))["aliases"]
                await reference.edit_tag(conn, owner, ref, aliases=[*held, name])

    for n in range(6):
        acts = [push(f"race {n}"), person(f"race {n}")]
        await asyncio.gather(*acts[:: (-1) ** n])
    async with apart.read() as conn:
        both = await execute(
            conn,
            "select alias from tag_alias a join tag t"
            " on t.study_id = a.study_id and t.local_identifier = a.alias",
        )
        lost = await execute(
            conn, "select from reading r where not exists (select from tag where id = r.tag_id)"
        )
    assert both == lost == []


TAXA = [("Grus grus", "common_crane"), ("Anser sp.", "default"), (None, "default"),
        ("Antigone vipio", "white_naped_crane")]  # fmt: skip


@pytest.mark.parametrize("order", list(permutations(TAXA)))
async def test_the_order_of_pushes_does_not_decide_the_taxon(trial, order) -> None:
    for taxon, species in order:
        await names.name_individuals(trial, 1, [("A", taxon, species)])
    assert await birds(trial) == [("A", "Antigone vipio", "white_naped_crane")]


async def test_a_stated_taxon_is_not_changed_by_rows(trial) -> None:
    await execute(
        trial,
        "insert into individual (study_id, local_identifier, taxon, species_key, taxon_declared)"
        " values (1, 'A', 'Platalea minor', 'black_faced_spoonbill', true)",
    )
    await names.name_individuals(trial, 1, [("A", "Antigone vipio", "white_naped_crane")])
    assert await birds(trial) == [("A", "Platalea minor", "black_faced_spoonbill")]


async def test_another_species_derives_the_life_again_and_the_same_does_not(trial) -> None:
    ids = await names.name_individuals(trial, 1, [("A", None, "default"), ("B", "x", "default")])
    for _ in range(2):
        await names.name_individuals(trial, 1, [("A", None, "default"), ("B", "x", "default")])
    assert await work.take_span(trial, ids["A"]) is None
    again = await names.name_individuals(trial, 1, [("A", "Grus grus", "common_crane")])
    assert again == {"A": ids["A"]}
    assert await work.take_span(trial, ids["A"]) is not None
    assert await work.take_span(trial, ids["B"]) is None


async def test_a_naming_read_again_is_replaced(trial) -> None:
    tag = (await names.name_tags(trial, 1, ["t"]))["t"]
    bird = (await names.name_individuals(trial, 1, [("A", None, "default")]))["A"]
    (push,) = await execute(
        trial,
        "insert into push (study_id, digest, size_bytes) values (1, '\\x00', 1) returning id",
    )
    (decoding,) = await execute(
        trial,
        "insert into decoding (study_id, push_id, number, tz) values (1, :p, 1, 'UTC')"
        " returning id",
        {"p": push["id"]},
    )
    for span in ((0, 5), (-7_000_001, 9)):
        await names.store_namings(trial, 1, [(decoding["id"], tag, bird, *span)])
    (row,) = await execute(
        trial,
        "select extract(epoch from time_first)::float8 as a, extract(epoch from time_last)::float8"
        " as b from naming",
    )
    assert (row["a"], row["b"]) == (-7.000001, 0.000009)
    await names.store_namings(trial, 1, [])


async def test_many_at_once_make_each_thing_once(apart) -> None:
    """Four pushes with the same names in other orders: no deadlock, one row for each name."""
    wanted = [f"n{n}" for n in range(30)]

    async def push(turn: int) -> dict[str, int]:
        mine = wanted[turn * 7 :] + wanted[: turn * 7]
        async with apart.write() as conn:
            found = await names.name_tags(conn, 1, mine)
            taxa = sorted((n, "Grus grus", "common_crane") for n in mine)
            return found | {
                f"bird {name}": number
                for name, number in (await names.name_individuals(conn, 1, taxa)).items()
            }

    found = await asyncio.gather(*(push(turn) for turn in range(4)))
    assert all(each == found[0] for each in found)
    async with apart.read() as conn:
        for table in ("tag", "individual"):
            assert await execute(conn, f"select count(*) as n from {table}") == [{"n": 30}]
