"""Names in pushes: the same name is the same thing, in any order and by many at once."""

from __future__ import annotations

import asyncio
from itertools import permutations

import pytest

from app.store import names, work
from app.store.engine import execute
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


async def test_many_at_once_make_each_thing_once(flock, store) -> None:
    """Four pushes with the same names in other orders: no deadlock, one row for each name."""
    wanted = [f"n{n}" for n in range(30)]

    async def push(turn: int) -> dict[str, int]:
        mine = wanted[turn * 7 :] + wanted[: turn * 7]
        async with store.write() as conn:
            found = await names.name_tags(conn, 2, mine)
            taxa = sorted((n, "Grus grus", "common_crane") for n in mine)
            return found | {
                f"bird {name}": number
                for name, number in (await names.name_individuals(conn, 2, taxa)).items()
            }

    found = await asyncio.gather(*(push(turn) for turn in range(4)))
    assert all(each == found[0] for each in found)
    for table in ("tag", "individual"):
        assert flock.run(f"select count(*) from {table} where study_id = 2") == [(30,)]
        flock.run(f"delete from {table}")
