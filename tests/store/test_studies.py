"""Studies: who sees one, what an edit has derived again, and that edits and workers never clash."""

from __future__ import annotations

from uuid import uuid4

import pytest

from app.errors import Conflict, NotFound
from app.store import studies, work
from app.store.audience import Audience, load_audience
from app.store.engine import Clash, execute
from app.store.tables import metadata
from tests.store.flock import Flock, ref_of

OWNER = Audience("institute", 1, 1, frozenset({"manage"}), exact=(1, 2), open=(3,))
OTHER = Audience("institute", 2, 2, frozenset({"manage"}), exact=(3,))
PUBLIC = Audience("public", open=(3,))
REF = ref_of("study", "Own")


@pytest.fixture(scope="module")
def flock(new_database) -> Flock:
    """Give institute 1 with studies 1 (two birds) and 2, institute 2 with an opened study 3."""
    flock = Flock(new_database())
    first, second = (flock.institute(name)[0] for name in ("First", "Second"))
    own = flock.study(first, "Own")
    flock.study(first, "Spare")
    flock.study(second, "Opened", "open")
    flock.bird(own, "named")
    flock.run(
        "insert into individual (study_id, local_identifier) values (%s, 'of the study')", own
    )
    return flock


async def dirty(conn) -> list[int]:
    return [row["individual_id"] for row in await execute(conn, "select * from dirty order by 1")]


async def scopes(conn) -> list[str]:
    return [row["scope"] for row in await execute(conn, "select scope from product_dirty")]


async def version(conn, study: int = 1) -> int:
    return (await execute(conn, "select version from study where id = :id", {"id": study}))[0][
        "version"
    ]


@pytest.mark.parametrize(
    ("audience", "seen"),
    [(OWNER, [("Own", True), ("Spare", True), ("Opened", False)]),
     (OTHER, [("Opened", True)]), (PUBLIC, [("Opened", False)]), (Audience("public"), [])],
)  # fmt: skip
async def test_each_reader_sees_its_own_and_the_opened(trial, audience, seen) -> None:
    rows = await studies.page(trial, audience, limit=10)
    assert [(row["name"], row["own"]) for row in rows] == seen
    for name in ("Own", "Spare", "Opened"):
        if name in dict(seen):
            assert (await studies.one(trial, audience, ref_of("study", name)))["name"] == name
        else:
            with pytest.raises(NotFound):
                await studies.one(trial, audience, ref_of("study", name))


async def test_pages_stay_in_step_while_studies_are_added(trial) -> None:
    first = await studies.page(trial, OWNER, limit=2)
    made = await studies.create(trial, 1, {"name": "Added"})
    wider = Audience("institute", 1, 1, exact=(1, 2, made["id"]), open=(3,))
    rest = await studies.page(trial, wider, limit=9, after=first[-1]["id"])
    assert [row["name"] for row in (*first, *rest)] == ["Own", "Spare", "Opened", "Added"]


async def test_a_foreign_opened_study_is_read_and_never_changed(trial) -> None:
    opened = ref_of("study", "Opened")
    assert not (await studies.one(trial, OWNER, opened))["own"]
    for who in (OWNER, PUBLIC):
        with pytest.raises(NotFound):
            await studies.edit(trial, who, opened, {"name": "Mine now"})
    with pytest.raises(NotFound):
        await studies.edit(trial, OWNER, uuid4(), {"name": "No such"})


async def test_a_new_study_is_private_and_protected(trial) -> None:
    row = await studies.create(trial, 1, {"name": "New", "licence": None, "citation": "A 2020"})
    assert (row["visibility"], row["opened_at"], row["own"]) == ("private", None, True)
    assert row["release_delay_s"] > 0 and row["public_grid_deg"] > 0
    assert (row["licence"], row["citation"]) == (None, "A 2020")
    assert row["id"] in (await load_audience(trial, institute_id=1, key_id=1)).exact
    assert row["id"] not in (await load_audience(trial)).open


async def test_a_name_is_one_institutes_once(trial) -> None:
    with pytest.raises(Conflict) as taken:
        await studies.create(trial, 1, {"name": "Own"})
    assert taken.value.code == "name-taken"
    assert (await studies.create(trial, 2, {"name": "Own"}))["institute_name"] == "Second"
    with pytest.raises(Conflict):
        await studies.edit(trial, OWNER, REF, {"name": "Spare"})


@pytest.mark.parametrize(
    "values", [{"release_delay_s": -1}, {"public_grid_deg": 0.0}, {"name": None}]
)
async def test_only_a_taken_name_is_called_taken(trial, values) -> None:
    with pytest.raises(Clash):
        await studies.edit(trial, OWNER, REF, values)


@pytest.mark.parametrize(
    ("values", "marked"),
    [({"name": "Renamed"}, []), ({"licence": "CC0"}, []), ({}, []),
     ({"release_delay_s": 5}, [1, 2]), ({"public_grid_deg": 1.0}, [1, 2]),
     ({"taxon": "Grus grus"}, [1, 2]), ({"visibility": "open"}, [1, 2]),
     ({"visibility": "private"}, [])],
)  # fmt: skip
async def test_what_is_published_otherwise_is_derived_again(trial, values, marked) -> None:
    before = await version(trial)
    row = await studies.edit(trial, OWNER, REF, values)
    assert {name: row[name] for name in values} == values
    assert await dirty(trial) == marked
    changed = bool(values) and values != {"visibility": "private"}
    assert (await version(trial) > before) is changed


async def test_the_taxon_of_a_study_is_that_of_birds_without_their_own(trial) -> None:
    await studies.edit(trial, OWNER, REF, {"taxon": "Platalea minor"})
    rows = await execute(
        trial, "select local_identifier as name, species_key from individual order by id"
    )
    assert [row["species_key"] for row in rows] == ["white_naped_crane", "black_faced_spoonbill"]


async def test_opening_and_closing_mark_the_public_catalogue_both_times(trial) -> None:
    await studies.edit(trial, OWNER, REF, {"visibility": "open"})
    assert set(await scopes(trial)) == {"public", "operator", "institute:1", "institute:2"}
    assert 1 in (await load_audience(trial)).open
    await execute(trial, "delete from product_dirty")
    closed = await studies.edit(trial, OWNER, REF, {"visibility": "private", "name": "Shut"})
    assert set(await scopes(trial)) == {"public", "operator", "institute:1", "institute:2"}
    assert (closed["opened_at"], closed["name"]) == (None, "Shut")
    assert 1 not in (await load_audience(trial)).open


@pytest.mark.parametrize(
    "values",
    [{"release_delay_s": 7}, {"visibility": "open", "licence": "CC0"}, {"taxon": "Grus grus"}],
)
async def test_an_edit_and_a_derivation_wait_for_each_other_and_both_end(
    flock, store, meets, values
) -> None:
    """A worker takes the bird, then the study, then the catalogues; so must an edit."""
    async with store.write() as conn:
        await work.mark_all_dirty(conn, study_id=1)

    async def edit() -> None:
        async with store.write() as conn:
            await studies.edit(conn, OWNER, REF, values)

    async with store.write() as worker:
        assert await work.take_span(worker, 1) is not None

        async def derived() -> None:
            await work.bump_version(worker, 1)
            await work.mark_catalogues_dirty(worker, 1)
            await worker.commit()

        await meets(derived, edit())
    (row,) = flock.run("select release_delay_s, visibility, licence, taxon from study where id = 1")
    assert set(values.values()) <= set(row)
    assert flock.run("select individual_id from dirty order by 1") == [(1,), (2,)]
    flock.run("update study set visibility = 'private', licence = null, taxon = null where id = 1")
    flock.run("delete from dirty")
    flock.run("delete from product_dirty")


def test_every_table_with_a_release_is_withheld() -> None:
    released = {name for name, table in metadata.tables.items() if "release_at" in table.columns}
    assert released == set(studies.RELEASED_TABLES)


async def test_what_is_said_once_more_withholds_nothing(trial) -> None:
    study, counted = await studies.one(trial, OWNER, REF), await version(trial)
    await studies.edit(trial, OWNER, REF, {name: study[name] for name in studies.EDITABLE})
    assert await dirty(trial) == []
    assert await version(trial) == counted


@pytest.mark.parametrize(
    "values", [{"public_grid_deg": 2.0}, {"release_delay_s": 9}, {"name": "x"}]
)
async def test_what_an_earlier_protection_released_is_withheld_at_once(trial, values) -> None:
    bird = (await execute(trial, "select id, species_key from individual order by id limit 1"))[0]
    await execute(
        trial,
        "insert into public_fix (individual_id, study_id, species_key, time, lon, lat, release_at)"
        " values (:id, 1, :species_key, '2020-01-01Z', 127.05, 38.05, '2020-02-01Z')",
        bird,
    )
    await studies.edit(trial, OWNER, REF, {**values, "visibility": "open"})
    (seen,) = await execute(trial, "select release_at <= now() as released from public_fix")
    assert seen["released"] is ("name" in values)
