"""Individuals and tags: strangers see birds without their terms, and never a tag."""

from __future__ import annotations

import pytest

from app.errors import Conflict, NotFound
from app.store import reference, work
from app.store.audience import Audience
from app.store.engine import execute
from tests.store.flock import Flock, ref_of

OWNER = Audience("institute", 1, 1, frozenset({"manage"}), exact=(1,), open=(2,))
OTHER = Audience("institute", 2, 2, frozenset({"manage"}), exact=(2,))
PUBLIC = Audience("public", open=(2,))
TERMS = {"animal-ring-id": "K1", "animal-sex": "f"}


@pytest.fixture(scope="module")
def flock(new_database) -> Flock:
    """Give a private study 1 and an opened study 2, each with birds A and B and a tag."""
    flock = Flock(new_database())
    for number, visibility in ((1, "private"), (2, "open")):
        study = flock.study(flock.institute(f"institute {number}")[0], f"{number}", visibility)
        for name in "AB":
            flock.bird(study, name)
        flock.tag(study, f"tag {number}")
    flock.run('update individual set terms = \'{"animal-ring-id": "secret"}\'')
    return flock


def bird(study: int, name: str = "A"):
    return ref_of("bird", study, name)


@pytest.mark.parametrize(
    ("audience", "seen"),
    [(OWNER, [(1, True), (1, True), (2, False), (2, False)]), (OTHER, [(2, True)] * 2),
     (PUBLIC, [(2, False)] * 2), (Audience("public"), [])],
)  # fmt: skip
async def test_terms_are_the_owners_alone(trial, audience, seen) -> None:
    rows = await reference.individuals(trial, audience, limit=10)
    assert [(row["study_id"], bool(row["terms"])) for row in rows] == seen
    for study in (1, 2):
        if (study, True) in seen or (study, False) in seen:
            one = await reference.individual(trial, audience, bird(study))
            assert bool(one["terms"]) is ((study, True) in seen)
        else:
            with pytest.raises(NotFound):
                await reference.individual(trial, audience, bird(study))


@pytest.mark.parametrize(
    ("audience", "names"),
    [(OWNER, ["tag 1"]), (OTHER, ["tag 2"]), (PUBLIC, []), (Audience("operator", exact=(1, 2)),
      ["tag 1", "tag 2"])],
)  # fmt: skip
async def test_nobody_else_learns_of_a_tag(trial, audience, names) -> None:
    rows = await reference.tags(trial, audience, limit=10)
    assert [row["local_identifier"] for row in rows] == names
    for name in {"tag 1", "tag 2"} - set(names):
        with pytest.raises(NotFound):
            await reference.tag(trial, audience, ref_of("tag", name))


async def test_pages_hold_every_bird_once_while_others_are_added(trial) -> None:
    seen, after = [], None
    while page := await reference.individuals(trial, OWNER, limit=1, after=after):
        seen += [(row["study_id"], row["local_identifier"]) for row in page]
        after = page[-1]["id"]
        if len(seen) == 2:
            await reference.add_individual(
                trial, OWNER, 1, local_identifier="C", taxon=None, species_key="default", terms={}
            )
    assert seen == [(1, "A"), (1, "B"), (2, "A"), (2, "B"), (1, "C")]


async def test_filters_narrow_to_a_study_and_a_species(trial) -> None:
    study = ref_of("study", "2")
    rows = await reference.individuals(trial, OWNER, limit=9, study=study)
    assert {row["study_id"] for row in rows} == {2}
    assert await reference.individuals(trial, OTHER, limit=9, study=ref_of("study", "1")) == []
    assert await reference.individuals(trial, OWNER, limit=9, species_key="no such") == []
    assert await reference.tags(trial, OWNER, limit=9, study=study) == []


async def test_an_added_bird_knows_whether_its_taxon_was_stated(trial) -> None:
    for name, taxon in (("stated", "Grus grus"), ("silent", None)):
        row = await reference.add_individual(
            trial, OWNER, 1, local_identifier=name, taxon=taxon, species_key="x", terms=TERMS
        )
        assert (row["taxon"], row["terms"]) == (taxon, TERMS)
        (kept,) = await execute(
            trial, "select taxon_declared as d from individual where ref = :r", {"r": row["ref"]}
        )
        assert kept["d"] is (taxon is not None)


async def test_an_identifier_is_a_studys_once(trial) -> None:
    with pytest.raises(Conflict, match="an individual") as taken:
        await reference.add_individual(
            trial, OWNER, 1, local_identifier="A", taxon=None, species_key="x", terms={}
        )
    assert taken.value.code == "local-identifier-taken"
    with pytest.raises(Conflict, match="a tag"):
        await reference.add_tag(trial, OWNER, 1, local_identifier="tag 1", terms={})
    assert (await reference.add_tag(trial, OWNER, 1, local_identifier="tag 2", terms={}))["ref"]


@pytest.mark.parametrize(("species", "marked"), [("white_naped_crane", False), ("hooded", True)])
async def test_another_species_alone_derives_the_life_again(trial, species, marked) -> None:
    row = await reference.edit_individual(
        trial, OWNER, bird(1), taxon="Grus vipio", species_key=species, terms=TERMS
    )
    assert (row["species_key"], row["terms"]) == (species, TERMS)
    span = await work.take_span(trial, row["id"])
    assert (span is not None) is marked
    assert await execute(trial, "select version > 0 as up from study where id = 1") == [
        {"up": True}
    ]


async def test_a_taxon_stated_once_stays_stated(trial) -> None:
    state = "select taxon_declared as d from individual where id = 1"
    for taxon, declared in (("Grus vipio", False), ("Grus grus", True), (None, True)):
        await reference.edit_individual(
            trial, OWNER, bird(1), taxon=taxon, species_key="white_naped_crane", terms={}
        )
        assert await execute(trial, state) == [{"d": declared}]


async def test_only_the_owner_changes_what_is_there(trial) -> None:
    for who in (OTHER, PUBLIC, OWNER):
        study = 2 if who is OWNER else 1
        with pytest.raises(NotFound):
            await reference.edit_individual(
                trial, who, bird(study), taxon=None, species_key="x", terms={}
            )
        with pytest.raises(NotFound):
            await reference.edit_tag(trial, who, ref_of("tag", f"tag {study}"), terms={})
    edited = await reference.edit_tag(
        trial, OWNER, ref_of("tag", "tag 1"), terms={"tag-model": "M"}
    )
    assert edited["terms"] == {"tag-model": "M"}


async def test_a_tag_is_known_by_aliases_that_are_its_own(trial) -> None:
    made = await reference.add_tag(
        trial, OWNER, 1, local_identifier="PTT 1", terms={"a": "b"}, aliases=["SN-1", "K01"]
    )
    assert (made["aliases"], made["terms"]) == (["K01", "SN-1"], {"a": "b"})
    edited = await reference.edit_tag(trial, OWNER, made["ref"], aliases=["SN-1", "SN-1"])
    assert (edited["aliases"], edited["terms"]) == (["SN-1"], {"a": "b"})
    other = await reference.add_tag(trial, OWNER, 1, local_identifier="PTT 2", terms={})
    await execute(
        trial,
        "insert into reading (tag_id, study_id, time, sensor, variant, decoding_id)"
        " select id, 1, now(), 0, 1, 1 from tag where local_identifier = 'tag 1'",
    )
    # PTT 1 has an alias, PTT 2 is the tag itself, and with tag 1 something is stored.
    for name in ("SN-1", "PTT 1", "PTT 2", "tag 1"):
        code = "alias-taken" if name == "SN-1" else "alias-is-tag"
        with pytest.raises(Conflict) as refused:
            await reference.edit_tag(trial, OWNER, other["ref"], aliases=[name])
        assert refused.value.code == code
    with pytest.raises(Conflict) as taken:
        await reference.add_tag(trial, OWNER, 1, local_identifier="SN-1", terms={})
    assert taken.value.code == "local-identifier-taken"
    for who in (OTHER, PUBLIC):
        with pytest.raises(NotFound):
            await reference.edit_tag(trial, who, made["ref"], aliases=[])


async def test_a_tag_with_which_nothing_is_stored_becomes_an_alias(trial) -> None:
    base = await reference.add_tag(trial, OWNER, 1, local_identifier="base", terms={})
    await reference.add_tag(trial, OWNER, 1, local_identifier="blank", terms={})
    edited = await reference.edit_tag(trial, OWNER, base["ref"], aliases=["blank"])
    assert edited["aliases"] == ["blank"]
    names = [row["local_identifier"] for row in await reference.tags(trial, OWNER, limit=9)]
    assert names == ["tag 1", "base"]
