"""Digests of derived tables: they tell any difference that counts, and no other."""

from __future__ import annotations

import pytest

from app.store import content
from app.store.engine import execute
from tests.store.flock import Flock


@pytest.fixture(scope="module")
def flock(new_database):
    """Give two birds in two studies with a row of most tables each, and a small catalogue."""
    flock = Flock(new_database())
    for number in (1, 2):
        study = flock.study(flock.institute(f"i{number}")[0], f"study {3 - number}")
        bird = flock.bird(study, "A")
        flock.tag(study, f"T{number}", bird)
        for hour in (0, 1):
            flock.fix(study, number, hour, visible=hour == 0)
        flock.run(
            "insert into fix_flag (study_id, tag_id, time, sensor, variant, code, origin)"
            " select study_id, tag_id, time, sensor, variant, 'speed', 'track' from fix"
            " where not visible and tag_id = %s", number,
        )  # fmt: skip
        flock.stopover(study, bird)
        flock.leg(study, bird)
        flock.season(study, bird)
        flock.utilisation(study, bird)
        flock.track_part(study, bird, "MULTILINESTRING((127 38,128 39))")
        flock.public_fix(study, bird, 0, (127.1, 38.2))
        flock.latest_fix(study, bird, (127.1, 38.2))
        flock.density(study, bird, (127.1, 38.2), 3)
    ends = [flock.site("operator", name, lon, 38.0) for name, lon in (("A", 127.0), ("B", 120.0))]
    flock.connection("operator", (ends[0], ends[1]))
    flock.corridor("operator")
    return flock


CHANGES = {
    "stopover": "update stopover set n_fixes = n_fixes + 1 where individual_id = 1",
    "leg": "update leg set length_m = length_m + 1 where individual_id = 1",
    "season": "update season set confidence = 0.5 where individual_id = 1",
    "track_part": "delete from track_part where individual_id = 1",
    "public_fix": "update public_fix set lon = 127.2 where individual_id = 1",
    "latest_fix": "update latest_fix set time = time + interval '1 us' where individual_id = 1",
    "density_cell": "update density_cell set hours = hours + 1 where individual_id = 1",
    "density_total": "update density_total set hours = hours + 1 where individual_id = 1",
    "fix_flag": "update fix_flag set detail = 'fast' where tag_id = 1",
    "fix": "update fix set visible = not visible where tag_id = 1",
}


@pytest.mark.parametrize("table", CHANGES)
async def test_a_change_of_a_table_is_told_by_its_name_and_for_its_bird_alone(trial, table):
    before = [await content.of_bird(trial, bird) for bird in (1, 2)]
    await execute(trial, CHANGES[table])
    after = [await content.of_bird(trial, bird) for bird in (1, 2)]
    assert list(content.differing(before[0], after[0])) == [table]
    assert list(content.differing(before[1], after[1])) == []


async def test_every_derived_table_counts(trial):
    told = await content.of_bird(trial, 1)
    assert set(told) == {*content.BIRD_TABLES, "fix_flag", "fix"}
    assert {*CHANGES} <= set(told)
    assert all(told[table] for table in CHANGES)


async def test_ids_and_the_order_of_rows_do_not_count(trial):
    before = await content.of_bird(trial, 1)
    for bird in (1, 2):  # both birds have the same rows under other ids
        other = await content.of_bird(trial, bird)
        assert other == before
    await execute(trial, "update stopover set ref = gen_random_uuid()")
    await execute(
        trial,
        "with gone as (delete from public_fix where individual_id = 1 returning *)"
        " insert into public_fix select * from gone",
    )
    assert await content.of_bird(trial, 1) == before


async def test_fixes_out_of_force_and_flags_of_the_record_are_not_derived(trial):
    before = await content.of_bird(trial, 1)
    await execute(
        trial,
        "insert into fix (tag_id, time, sensor, variant, study_id, decoding_id, visible, live, lon,"
        " lat, error_m) values (1, '2020-03-09Z', 0, 1, 1, 1, true, false, 1, 1, 1)",
    )
    await execute(trial, "update fix_flag set origin = 'record' where tag_id = 2")
    assert await content.of_bird(trial, 1) == before
    assert list(content.differing(before, await content.of_bird(trial, 2))) == ["fix_flag"]


async def test_cleared_is_as_if_never_derived(trial):
    await content.clear_bird(trial, 1)
    left = await content.of_bird(trial, 1)
    assert {table for table, digest in left.items() if digest} == {"fix"}
    shown = await execute(trial, "select visible from fix where tag_id = 1")
    assert [row["visible"] for row in shown] == [True, True]
    assert list(content.differing(await content.of_bird(trial, 2), left)) != []
    await execute(trial, "update fix_flag set origin = 'record'")
    await content.clear_bird(trial, 2)
    hidden = await execute(trial, "select visible from fix where tag_id = 2 order by time")
    assert [row["visible"] for row in hidden] == [True, False]


async def test_birds_are_named_by_their_study_in_order(trial):
    assert await content.individuals(trial) == [(2, "study 1 / A"), (1, "study 2 / A")]


@pytest.mark.parametrize(
    ("change", "differs"),
    [
        ("update site set bird_days = 1 where name = 'A'", ["site"]),
        ("update connection set n_birds = 9", ["connection"]),
        ("update corridor set area_km2 = 9", ["corridor"]),
        ("update connection set from_site_id = to_site_id, to_site_id = from_site_id",
         ["connection"]),
        ("update connection set to_site_id = null", ["connection"]),
        ("update site set ref = gen_random_uuid()", []),
    ],
)  # fmt: skip
async def test_a_change_of_a_catalogue_is_told(trial, change, differs):
    before = await content.of_catalogue(trial, "operator", simulated=False)
    await execute(trial, change)
    after = await content.of_catalogue(trial, "operator", simulated=False)
    assert list(content.differing(before, after)) == differs


async def test_a_catalogue_is_cleared_alone(trial):
    simulated = await content.of_catalogue(trial, "operator", simulated=True)
    assert set(simulated.values()) == {""}
    await execute(
        trial,
        "insert into corridor (scope, simulated, species_key, season, level, n_birds, area_km2,"
        " geom) select 'public', simulated, species_key, season, level, n_birds, area_km2, geom"
        " from corridor",
    )
    await content.clear_catalogue(trial, "operator", simulated=False)
    left = await content.of_catalogue(trial, "operator", simulated=False)
    assert set(left.values()) == {""}
    assert (await content.of_catalogue(trial, "public", simulated=False))["corridor"]
