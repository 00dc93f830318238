"""Mappings: versions are added and never changed, by and for the study's own people."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.errors import Conflict, NotFound
from app.store import mappings
from app.store.audience import Audience
from app.store.engine import execute
from tests.store.flock import Flock, ref_of

OWNER = Audience("institute", 1, 1, frozenset({"manage"}), exact=(1, 3), open=(2,))
OTHER = Audience("institute", 2, 2, frozenset({"manage"}), exact=(2,), open=(1,))
PUBLIC = Audience("public", open=(1, 2))
OPERATOR = Audience("operator", exact=(1, 2, 3))


@pytest.fixture(scope="module")
def flock(new_database) -> Flock:
    """Give a study of each of two institutes, and a second one of the first."""
    flock = Flock(new_database())
    for number in (1, 2):
        flock.study(flock.institute(f"institute {number}")[0], f"{number}", "open")
    flock.study(1, "3")
    return flock


def says(what: object) -> dict[str, object]:
    return {"kind": "table", "terms": {"timestamp": what}}


async def create(conn, name="M", what: object = "t", *, who=OWNER, study=1):
    return await mappings.create(conn, who, study, name=name, document=says(what))


DOCUMENTS = st.lists(st.integers(0, 2), max_size=6)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(DOCUMENTS)
async def test_each_change_is_a_version_and_the_same_again_is_none(flock, said) -> None:
    async with flock.trial() as conn:
        ref = (await create(conn, what=0))["ref"]
        kept = [0]
        for what in said:
            row, new = await mappings.add_version(conn, OWNER, ref, says(what))
            assert new is (what != kept[-1])
            kept += [what] if new else []
            assert (row["version"], row["document"]) == (len(kept), says(what))
        for number, what in enumerate(kept, start=1):
            row = await mappings.one(conn, OWNER, ref, number)
            assert (row["version"], row["document"]) == (number, says(what))
        with pytest.raises(NotFound):
            await mappings.one(conn, OWNER, ref, len(kept) + 1)
        told = await mappings.versions(conn, OWNER, ref, limit=99)
        assert [row["document"] for row in told] == [says(what) for what in reversed(kept)]
        (listed,) = await mappings.page(conn, OWNER, limit=9)
        assert (listed["version"], listed["document"]) == (len(kept), says(kept[-1]))


async def test_a_name_says_one_thing_at_a_time(trial) -> None:
    made = await create(trial)
    assert await create(trial) == made
    with pytest.raises(Conflict) as taken:
        await create(trial, what="u")
    assert taken.value.code == "name-taken"
    await mappings.add_version(trial, OWNER, made["ref"], says("u"))
    assert (await create(trial, what="u"))["version"] == 2
    with pytest.raises(Conflict):
        await create(trial)  # what it said before is not what it says
    assert (await create(trial, study=3))["ref"] != made["ref"]
    assert len(await mappings.versions(trial, OWNER, made["ref"], limit=9)) == 2


async def test_who_made_a_version_is_kept_by_name(trial) -> None:
    ref = (await create(trial))["ref"]
    await mappings.add_version(trial, OPERATOR, ref, says("u"))
    told = await mappings.versions(trial, OWNER, ref, limit=9)
    assert [row["made_by"] for row in told] == ["operator", "institute 1"]


async def test_mappings_are_their_owners_alone(trial) -> None:
    ref = (await create(trial))["ref"]
    for who in (OTHER, PUBLIC):
        assert await mappings.page(trial, who, limit=9) == []
        for ask in (
            mappings.one(trial, who, ref),
            mappings.one(trial, who, ref, 1),
            mappings.versions(trial, who, ref, limit=9),
            mappings.add_version(trial, who, ref, says("stolen")),
            mappings.of_study(trial, who, 1, ref),
        ):
            with pytest.raises(NotFound):
                await ask
    assert (await mappings.one(trial, OWNER, ref))["version"] == 1
    with pytest.raises(NotFound):
        await mappings.one(trial, OWNER, uuid4())


async def test_a_push_is_read_with_a_mapping_of_its_own_study(trial) -> None:
    ref = (await create(trial))["ref"]
    await mappings.add_version(trial, OWNER, ref, says("u"))
    assert (await mappings.of_study(trial, OWNER, 1, ref))["version"] == 2
    assert (await mappings.of_study(trial, OWNER, 1, ref, 1))["document"] == says("t")
    with pytest.raises(NotFound, match="The study has no such mapping"):
        await mappings.of_study(trial, OWNER, 3, ref)


async def test_pages_of_mappings_and_of_versions(trial) -> None:
    refs = [(await create(trial, name))["ref"] for name in "CAB"]
    theirs = await create(trial, "A", study=3)
    for what in range(4):
        await mappings.add_version(trial, OWNER, refs[0], says(what))
    first = await mappings.page(trial, OWNER, limit=2, study=ref_of("study", "1"))
    rest = await mappings.page(
        trial, OWNER, limit=2, after=first[-1]["id"], study=ref_of("study", "1")
    )
    assert [row["ref"] for row in (*first, *rest)] == refs
    assert first[0]["version"] == 5
    found = await mappings.page(trial, OWNER, limit=9, study=ref_of("study", "3"))
    assert [row["ref"] for row in found] == [theirs["ref"]]
    newest = await mappings.versions(trial, OWNER, refs[0], limit=2)
    older = await mappings.versions(trial, OWNER, refs[0], limit=9, before=newest[-1]["version"])
    assert [row["version"] for row in (*newest, *older)] == [5, 4, 3, 2, 1]


async def test_versions_end_where_a_script_has_gone_wild(trial, monkeypatch) -> None:
    monkeypatch.setattr(mappings, "VERSIONS_MAX", 2)
    ref = (await create(trial))["ref"]
    await mappings.add_version(trial, OWNER, ref, says("u"))
    with pytest.raises(Conflict) as many:
        await mappings.add_version(trial, OWNER, ref, says("v"))
    assert many.value.code == "versions-exhausted"
    assert (await mappings.add_version(trial, OWNER, ref, says("u")))[1] is False


async def test_two_versions_at_once_are_two_in_a_row(store) -> None:
    async with store.write() as conn:
        ref = (await create(conn, "shared"))["ref"]

    async def add(what: str) -> int:
        async with store.write() as conn:
            row, new = await mappings.add_version(conn, OWNER, ref, says(what))
            assert new
            return row["version"]

    try:
        assert sorted(await asyncio.gather(*map(add, "uvw"))) == [2, 3, 4]
    finally:
        async with store.write() as conn:
            await execute(conn, "delete from mapping_version", {})
            await execute(conn, "delete from mapping", {})
