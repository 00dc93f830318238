"""Migrations go up, down and up again, and end at exactly the tables of the code."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from tests.store.flock import Flock

ROOT = Path(__file__).parents[2]


@pytest.fixture
def alembic(database: str) -> Callable[..., str]:
    def run(*words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "alembic", *words],
            cwd=ROOT, env=os.environ | {"FLYWAYS_DATABASE_URL": database},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

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


def test_the_migrated_database_has_the_tables_of_the_code(alembic):
    assert "No new upgrade operations detected" in alembic("check")


def test_the_sql_of_an_upgrade_can_be_read_before_it_is_run(alembic):
    text = alembic("upgrade", "0001", "--sql")
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
