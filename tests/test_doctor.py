"""The doctor: each check sees what is there, and what fails says how it is mended."""

from __future__ import annotations

import os
import platform
import shutil
from collections import namedtuple
from pathlib import Path

import psycopg
import pytest

from app import doctor, operate
from app.config import Settings
from app.errors import Overrun, SetupError
from app.store import health

Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def settings(tmp_path) -> Settings:
    return Settings(data_dir=tmp_path / "not/yet/there", database_url="postgresql://none/none")


def of(findings, check):
    return [each for each in findings if each.check == check]


@pytest.mark.parametrize(("free", "ok"), [(doctor.DISK_FREE_MIN_BYTES, False), (3 << 30, True)])
def test_the_disk_is_that_of_the_data_even_before_they_are_there(
    settings, tmp_path, monkeypatch, free, ok
) -> None:
    asked: list[Path] = []

    def usage(place: Path) -> Usage:
        asked.append(place)
        return Usage(10 << 30, 0, free)

    monkeypatch.setattr(shutil, "disk_usage", usage)
    found = doctor._disk(settings)
    assert asked == [tmp_path]
    assert (found.ok, found.seen) == (ok, f"{free >> 30} GiB free")
    assert "FLYWAYS_DATA_DIR" in found.remedy


@pytest.mark.parametrize(("version", "ok"), [("3.11.9", True), ("3.12.0", False), ("3.1.1", False)])
def test_the_python_is_the_one_that_is_locked(monkeypatch, version, ok) -> None:
    monkeypatch.setattr(platform, "python_version", lambda: version)
    assert (doctor._python().ok, doctor._python().seen) == (ok, version)


def test_what_looks_like_a_setting_and_is_none_is_named(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("FLYWAYS_")]:
        monkeypatch.delenv(name)
    assert doctor._settings().ok
    monkeypatch.setenv("FLYWAYS_PG_BIN", "/usr/bin")
    monkeypatch.setenv("FLYWAYS_TEST_DATA", "/data")
    (tmp_path / ".env").write_text("FLYWAYS_PORT=8001\n# FLYWAYS_OLD=1\nOTHER=2\n")
    assert doctor._settings().ok
    monkeypatch.setenv("FLYWAYS_DATA_DR", "/srv")
    (tmp_path / ".env").write_text("export FLYWAYS_BIRDS=1\n")
    found = doctor._settings()
    assert (found.ok, found.seen) == (
        False, "FLYWAYS_BIRDS is none, FLYWAYS_DATA_DR is none; FLYWAYS_DATA_DIR?",
    )  # fmt: skip
    assert found.remedy


@pytest.mark.parametrize(
    ("error", "seen", "remedy"),
    [
        (SetupError("No PostGIS. Install it."), "No PostGIS. Install it.", ""),
        (Overrun(), "The database did not finish in time.", "Ask for less"),
    ],
)
def test_a_database_that_fails_is_a_finding_and_no_crash(
    settings, monkeypatch, error, seen, remedy
) -> None:
    def fail(_settings):
        raise error

    monkeypatch.setattr(operate, "database", fail)
    found = doctor.examine(settings)
    assert [each.check for each in found] == ["python", "settings", "disk", "viewer", "database"]
    assert (found[-1].ok, found[-1].seen) == (False, seen)
    assert found[-1].remedy.startswith(remedy)
    assert "Retry-After" not in found[-1].remedy


def test_a_healthy_database_passes_every_check(database, settings) -> None:
    found = doctor.examine(settings.model_copy(update={"database_url": database}))
    inside = found[4:]
    assert [each.check for each in inside] == [
        "database", "schema", "queue", "dead letters", "decodings", "connectors", "sources"
    ]  # fmt: skip
    assert all(each.ok for each in inside)
    assert inside[2].seen == "decoding 0, individual 0, catalogue 0, utilisation 0, key_sites 0"


def test_each_ill_is_named_with_its_remedy(database, settings) -> None:
    with psycopg.connect(database) as conn:
        conn.execute("insert into institute (name) values ('Amur')")
        conn.execute("insert into study (institute_id, name) values (1, 'Cranes')")
        conn.execute(
            "insert into individual (study_id, local_identifier) values (1, 'A'), (1, 'B')"
        )
        conn.execute(
            "insert into dirty (individual_id, study_id, from_time, to_time, since_at, dead_at,"
            " last_error) values (1, 1, now(), now(), now() - interval '61 s', null, null),"
            " (2, 1, now(), now(), now(), now(), 'ValueError: odd')"
        )
        conn.execute("insert into push (study_id, digest, size_bytes) values (1, '\\x00', 1)")
        conn.execute(
            "insert into decoding (study_id, push_id, number, tz, state, problem) values (1, 1, 1,"
            ' \'UTC\', \'failed\', \'{"code": "decoding-failed", "detail": "It broke."}\')'
        )
        (ref,) = conn.execute("select ref from push").fetchone()
    found = doctor.examine(settings.model_copy(update={"database_url": database}))
    (queue,), (dead,), (given_up,) = (
        of(found, name) for name in ("queue", "dead letters", "decodings")
    )
    assert not (queue.ok or dead.ok or given_up.ok)
    assert (queue.seen, queue.remedy) == (
        "decoding 0, individual 1, catalogue 0, utilisation 0, key_sites 0",
        "Start a worker: flyways worker",
    )  # fmt: skip
    assert "B" in dead.seen and dead.seen.endswith("ValueError: odd")
    assert "recompute" in dead.remedy
    assert given_up.seen == f"push {ref}: It broke."


@pytest.mark.parametrize(
    ("version", "remedy"), [("0033", "flyways migrate"), ("9999", health.NEWER)]
)
def test_another_schema_is_told_alone(database, settings, version, remedy) -> None:
    """Nothing else can be read of a schema that this version is not written for."""
    with psycopg.connect(database) as conn:
        conn.execute("update alembic_version set version_num = %s", [version])
        conn.execute("drop table push_wait")
    found = doctor.examine(settings.model_copy(update={"database_url": database}))
    assert [each.check for each in found[4:]] == ["database", "schema"]
    assert (found[-1].ok, found[-1].seen, found[-1].remedy) == (
        False, f"at {version}", remedy,
    )  # fmt: skip


def test_failing_connectors_and_alarmed_sources_are_named(database, settings) -> None:
    with psycopg.connect(database) as conn:
        conn.execute("insert into institute (name) values ('Amur')")
        conn.execute("insert into study (institute_id, name) values (1, 'Cranes')")
        conn.execute(
            "insert into connector (study_id, name, provider, settings, interval_s, overlap_s,"
            " settle_s, password, problem, paused_at) select 1, name, 'cls', '{}', 60, 0, 0,"
            " 'sesame', problem::jsonb, paused from (values ('well', null, null),"
            ' (\'ill\', \'{"detail": "It broke.", "remedy": "Mend it."}\', null),'
            ' (\'off\', \'{"detail": "Old.", "remedy": ""}\', now())) as v(name, problem, paused)'
        )
        conn.execute(
            "insert into source (study_id, name, scheme, secrets, refused_lately, refused_last_at,"
            " refused_last_code, disabled_at) select 1, name, 'token', '{x}', n, at,"
            " 'token-mismatch', off from (values ('slip', 2, now(), null),"
            " ('gate', 3, now(), null), ('flood', 900, now(), null),"
            " ('calm', 900, now() - interval '25 h', null), ('shut', 900, now(), now()))"
            " as v(name, n, at, off)"
        )
        refs = dict(conn.execute("select name, ref::text from source").fetchall())
    found = doctor.examine(settings.model_copy(update={"database_url": database}))
    assert [(each.ok, each.seen, each.remedy) for each in of(found, "connectors")] == [
        (False, "Cranes / ill: It broke.", "Mend it.")
    ]
    told = of(found, "sources")
    assert [(each.ok, each.seen.split(" pushes")[0]) for each in told] == [
        (False, f"flood ({refs['flood']}) refused 900"),
        (False, f"gate ({refs['gate']}) refused 3"),
    ]  # fmt: skip
    assert all(each.seen.endswith("UTC: token-mismatch") for each in told)
    assert all("/api/v1/sources" in each.remedy for each in told)
    assert "sesame" not in repr(found)


def test_only_so_many_sources_are_named(database, settings, monkeypatch) -> None:
    monkeypatch.setattr(doctor, "SOURCES_MAX", 2)
    with psycopg.connect(database) as conn:
        conn.execute("insert into institute (name) values ('Amur')")
        conn.execute("insert into study (institute_id, name) values (1, 'Cranes')")
        conn.execute(
            "insert into source (study_id, name, scheme, secrets, refused_lately, refused_last_at,"
            " refused_last_code) select 1, n::text, 'token', '{x}', n, now(), 'token-mismatch'"
            " from generate_series(3, 7) n"
        )
    found = doctor.examine(settings.model_copy(update={"database_url": database}))
    assert [each.seen.split(" ")[0] for each in of(found, "sources")] == ["7", "6"]
