"""Migrations go up, down and up again, and end at exactly the tables of the code."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path

import psycopg
import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from tests.store.flock import Flock, ref_of

ROOT = Path(__file__).parents[2]


@pytest.fixture
def alembic(database: str) -> Callable[..., str]:
    """Give a way to run a command of alembic on this test's database; it gives what was said.

    It runs in this process: a start of Python costs more than most migrations do, and the
    database that all tests clone was made by the command itself.
    """

    def run(word: str, *values: str, **more: bool) -> str:
        config = Config(ROOT / "alembic.ini", stdout=io.StringIO(), output_buffer=io.StringIO())
        config.set_main_option("sqlalchemy.url", database.replace("%", "%%"))
        getattr(command, word)(config, *values, **more)
        return config.stdout.getvalue() + config.output_buffer.getvalue()

    return run


def tables(database: str) -> set[tuple[str, str]]:
    with psycopg.connect(database) as conn:
        return set(
            conn.execute(
                "select schemaname, tablename from pg_tables"
                " where schemaname in ('public', 'jobs') and tablename <> 'spatial_ref_sys'"
            ).fetchall()
        )


def test_down_takes_everything_away_and_up_brings_it_back(database, alembic):
    there = tables(database)
    assert {("public", "fix"), ("jobs", "procrastinate_jobs")} <= there
    alembic("downgrade", "base")
    assert tables(database) == {("public", "alembic_version")}
    alembic("upgrade", "head")
    assert tables(database) == there


# SQLAlchemy reads a constraint that is NOT VALID back in a form that it doesn't take itself.
@pytest.mark.filterwarnings("ignore:Can't validate argument 'dialect_options'")
def test_the_migrated_database_has_the_tables_of_the_code(alembic):
    assert "No new upgrade operations detected" in alembic("check")


def test_the_sql_of_an_upgrade_can_be_read_before_it_is_run(alembic):
    text = alembic("upgrade", "0001", sql=True)
    assert "set lock_timeout" in text.lower()
    assert "create table fix" in text.lower()


def test_birds_from_before_the_tiles_are_drawn_and_wait_to_be_derived(database, alembic):
    flock = Flock(database)
    study = flock.study(flock.institute("Amur")[0], "Old")
    bird = flock.bird(study, "A")
    flock.track_part(study, bird, "MULTILINESTRING((127.1 38.2,115.1 49.7))")
    alembic("downgrade", "0002")
    alembic("upgrade", "head")
    assert flock.run("select overview = line from track_part") == [(True,)]
    assert flock.run(
        "select individual_id, from_time = '-infinity', to_time = 'infinity' from dirty"
    ) == [(bird, True, True)]


def test_a_bird_marked_after_an_upgrade_is_not_taken_for_one_marked_before(database, alembic):
    flock = Flock(database)
    study = flock.study(flock.institute("Amur")[0], "Old")
    bird = flock.bird(study, "A")
    mark = (
        "insert into dirty (individual_id, study_id, from_time, to_time)"
        f" values ({bird}, {study}, '-infinity', 'infinity') returning revision"
    )
    alembic("downgrade", "0030")
    flock.run("delete from dirty returning 1")
    assert flock.run(mark) == [(1,)]
    alembic("upgrade", "head")
    flock.run("delete from dirty returning 1")
    ((marked, now),) = flock.run(f"{mark}, txid_current()")
    assert marked == now > 1


@pytest.mark.parametrize("before", ["0032", "0038"])
def test_birds_of_an_older_method_wait_to_be_derived_even_those_laid_aside(
    database, alembic, before
):
    flock = Flock(database)
    study = flock.study(flock.institute("Amur")[0], "Old")
    birds = [flock.bird(study, name) for name in ("A", "B")]
    alembic("downgrade", before)
    flock.run("delete from dirty returning 1")
    flock.run(
        "insert into dirty (individual_id, study_id, from_time, to_time, attempts, dead_at)"
        f" values ({birds[0]}, {study}, now(), now(), 5, now()) returning 1"
    )
    alembic("upgrade", "head")
    assert flock.run(
        "select individual_id, from_time = '-infinity', to_time = 'infinity', attempts, dead_at"
        " from dirty order by individual_id"
    ) == [(bird, True, True, 0, None) for bird in birds]


def test_a_snapshot_that_stood_on_no_bird_stands_on_all_of_its_studies(database, alembic):
    flock = Flock(database)
    institute, _ = flock.institute("Amur")
    own, other = (flock.study(institute, name) for name in ("Own", "Other"))
    birds = [flock.bird(study, name) for study in (own, other) for name in ("A", "B")]
    alembic("downgrade", "0038")
    manifest = json.dumps({"input": {"study_versions": {str(ref_of("study", "Own")): 3}}})
    kept = [
        flock.insert("snapshot", scope=scope, address=address, manifest=manifest, digest=b"",
                     media_type="application/json", body=b"")
        for scope, address in (
            ("public", "/api/v1/key-sites?season=spring"), ("operator", "/x?by=class&season=all"),
            (f"institute:{institute}", "/x?season=autumn"), ("public", "/x?season=spring"),
            ("public", "/api/v1/stopovers"),
        )
    ]  # fmt: skip
    flock.insert("snapshot_bird", snapshot_id=kept[3], individual_id=birds[2], study_id=other,
                 exact=False)  # fmt: skip
    alembic("upgrade", "head")
    stands_on = "select individual_id, exact from snapshot_bird where snapshot_id = %s order by 1"
    assert [flock.run(stands_on, each) for each in kept] == [
        [(birds[0], False), (birds[1], False)], [(birds[0], True), (birds[1], True)],
        [(birds[0], True), (birds[1], True)], [(birds[2], False)], [],
    ]  # fmt: skip


def test_terms_of_deployments_leave_the_birds_of_which_one_is_known(database, alembic):
    flock = Flock(database)
    study = flock.study(flock.institute("Amur")[0], "Old")
    birds = [flock.bird(study, name) for name in ("One", "Two", "Implied", "Had another")]
    for number, bird in enumerate((0, 1, 1, 2, 3, 3)):
        tag = flock.tag(study, f"T{number}")
        flock.deployment(study, tag, birds[bird], "(,)", declared=bird != 2)
    flock.run("update deployment set replaced_at = now() where id = 6 returning 1")
    alembic("downgrade", "0036")
    said = {"animal-sex": "f", "study-site": "Weir", "deployment-end-type": "removal", "note": "x"}
    flock.run("update individual set terms = %s::jsonb returning 1", json.dumps(said))
    by_hand = json.dumps({"deployment-end-type": "dead"})
    flock.run("update deployment set terms = %s::jsonb where id = 1 returning 1", by_hand)
    for number, (form, state, replaced) in enumerate(
        (("movebank-reference-csv", "processed", None), ("movebank-csv", "processed", None),
         ("movebank-reference-csv", "failed", None), ("movebank-reference-csv", "stored", "now"))
    ):  # fmt: skip
        flock.run(
            "with p as (insert into push (study_id, digest, size_bytes)"
            f" values ({study}, int4send({number}), 1) returning id)"
            " insert into decoding (study_id, push_id, number, tz, format, state, attempts,"
            f" replaced_at) select {study}, id, 1, 'UTC', %s, %s, 3, %s from p returning 1",
            form, state, replaced,
        )  # fmt: skip
    alembic("upgrade", "head")
    kept = "select terms from individual order by id"
    bare = {"animal-sex": "f", "note": "x"}
    assert flock.run(kept) == [(bare,), (said,), (said,), (said,)]
    worn = "select terms, terms_by_hand from deployment order by id"
    moved = {"study-site": "Weir", "deployment-end-type": "dead"}
    assert flock.run(worn) == [(moved, ["deployment-end-type"])] + [({}, [])] * 5
    assert flock.run("select format, attempts from decoding where state = 'received'") == [
        ("movebank-reference-csv", 0)
    ]
    alembic("downgrade", "0036")
    back = {"study-site": "Weir"} | bare
    assert flock.run(kept) == [(back,), (said,), (said,), (said,)]
    assert flock.run("select terms from deployment where id = 1") == [(json.loads(by_hand),)]
    alembic("upgrade", "head")
    assert flock.run(worn)[0] == (moved, ["deployment-end-type"])


def test_pushes_that_name_birds_of_one_tag_are_read_again_and_ends_of_others_kept(
    database, alembic
):
    flock = Flock(database)
    study = flock.study(flock.institute("Amur")[0], "Old")
    birds = [flock.bird(study, name) for name in "AB"]
    tags = [flock.tag(study, name) for name in ("one bird", "two birds")]
    alembic("downgrade", "0037")
    first, last = "2024-03-01 00:00+00", "2024-03-20 00:00+00"
    for number, (tag, bird, ends, replaced) in enumerate(
        ((0, 0, (first, last), None), (0, 0, (last, last), None), (1, 0, (first, last), None),
         (1, 1, (last, last), None), (1, 1, (last, last), "now")), start=1,
    ):  # fmt: skip
        flock.run(
            "with p as (insert into push (study_id, digest, size_bytes)"
            f" values ({study}, int4send({number}), 1) returning id)"
            " insert into decoding (study_id, push_id, number, tz, state, attempts, replaced_at)"
            f" select {study}, id, 1, 'UTC', 'processed', 3, %s from p returning 1",
            replaced,
        )
        flock.insert("naming", decoding_id=number, tag_id=tags[tag], individual_id=birds[bird],
                     study_id=study, time_first=ends[0], time_last=ends[1])  # fmt: skip
    alembic("upgrade", "head")
    again = "select id, attempts from decoding where state = 'received' order by id"
    assert flock.run(again) == [(3, 0), (4, 0)]
    weeks = "select decoding_id, week, time_first = time_last, times = array[%s::timestamptz]"
    week = (date(2024, 3, 20) - date(1970, 1, 1)).days // 7
    assert flock.run(f"{weeks} from naming_week order by 1", last) == [
        (1, week, True, True), (3, week, True, True)
    ]  # fmt: skip


# --- what a migration may lock


EVERYWHERE = {
    # Ids of rows are identities of 31 bits where a table can't grow past that, told in its comment.
    "prefer-bigint-over-int",
    "prefer-bigint-over-smallint",
}
ACCEPTED = {
    # New tables: nothing waits for their locks. Two-letter codes and Argos classes have a length.
    "0001": {"prefer-text-field"},
    "0003": set(),
    "0004": set(),
    # The column is filled in the same transaction, and the worker derives the table again anyway.
    "0005": {"adding-not-nullable-field"},
    # Letting go of a foreign key takes its lock for a moment and reads no row.
    "0006": {"ban-drop-constraint"},
    # A check of sources is widened: a study has a handful of them, read through in a moment.
    "0008": {"ban-drop-constraint", "constraint-missing-not-valid"},
    # An index of refused units, which are few beside fixes: it is made in a moment.
    "0010": {"require-concurrent-index-creation"},
    # Its indexes are made outside of the transaction, by the COMMIT that is cut out above.
    "0011": {"ban-concurrent-index-creation-in-transaction"},
    # A check of layers is widened: there is a handful of them, read through in a moment.
    "0022": {"ban-drop-constraint", "constraint-missing-not-valid"},
    # An index of decodings, one for each push: few beside fixes, it is made in a moment.
    "0024": {"require-concurrent-index-creation"},
    # Days by class are written anew: some 100 bytes each, a few seconds for a million of them.
    "0027": {"changing-column-type"},
    # What tells one push from another must hold at every moment, so it is made anew within the
    # transaction: of pushes, which are few beside fixes.
    "0030": {"require-concurrent-index-creation", "require-concurrent-index-deletion"},
}
"""The rules that a migration breaks, each with its reason; a new migration breaks none."""

THE_QUEUES_OWN = {"0002": "the tables of the job queue, made by its library over a connection"}


def revisions() -> dict[str, str]:
    """Give each revision with the one before it."""
    scripts = ScriptDirectory.from_config(Config(ROOT / "alembic.ini"))
    return {each.revision: str(each.down_revision) for each in scripts.walk_revisions()}


def broken_rules(text: str) -> set[str]:
    done = subprocess.run(
        [Path(sys.executable).parent / "squawk", "--pg-version", "15.0", "--reporter", "json",
         "--assume-in-transaction", "--stdin-filepath", "upgrade.sql"],
        input=text, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return {each["rule_name"] for each in json.loads(done.stdout)}


def sql_of(revision: str) -> str:
    """Give the SQL of one migration, which no database is needed for."""
    before = revisions()[revision]
    span = revision if before == "None" else f"{before}:{revision}"
    config = Config(ROOT / "alembic.ini", output_buffer=io.StringIO())
    command.upgrade(config, span, sql=True)
    return config.output_buffer.getvalue()


@pytest.mark.parametrize("revision", sorted(revisions().keys() - THE_QUEUES_OWN))
def test_no_migration_holds_a_lock_longer_than_it_must(revision):
    text = sql_of(revision)
    # The transaction is alembic's own, which squawk is told of.
    statements = re.sub(r"^(BEGIN|COMMIT|INFO .*);?$", "", text, flags=re.MULTILINE)
    assert broken_rules(statements) - EVERYWHERE == ACCEPTED.get(revision, set())


def test_the_linter_of_migrations_sees_a_lock():
    text = "set lock_timeout = 1; set statement_timeout = 1; create index i on fix (tag_id);"
    assert "require-concurrent-index-creation" in broken_rules(text)


def test_the_queues_migration_is_the_only_one_that_needs_a_connection():
    assert ACCEPTED.keys() <= revisions().keys()
    assert THE_QUEUES_OWN.keys() <= revisions().keys()
