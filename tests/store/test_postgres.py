"""The server's programs: found beside their PostGIS, run by an account that may run them."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest

from app.errors import SetupError
from app.store import postgres
from app.store.postgres import Account, find_binaries, server_account

ME = Account(os.geteuid(), os.getegid())


def install(folder: Path, major: str, *, postgis: bool = True, whole: bool = True) -> Path:
    """Make what an installation looks like: programs that tell their version, and PostGIS."""
    place = folder / major / "bin"
    place.mkdir(parents=True)
    for name in ("initdb", "postgres", "pg_ctl", *(("psql",) if whole else ())):
        (place / name).write_text(f"#!/bin/sh\necho 'postgres (PostgreSQL) {major}.4 (Debian)'\n")
        (place / name).chmod(0o755)
    if postgis:
        (place.parent / "share/extension").mkdir(parents=True)
        (place.parent / "share/extension/postgis.control").touch()
    return place


@pytest.fixture
def alone(monkeypatch, tmp_path):
    """Give a machine on which only what a test installs is there."""
    monkeypatch.setattr(postgres, "_pg_config_bin", lambda: None)
    monkeypatch.setattr(Path, "glob", lambda self, pattern: iter(()))
    monkeypatch.delenv("FLYWAYS_PG_BIN", raising=False)
    return tmp_path


def test_a_named_folder_is_taken_with_its_postgis_alone(alone, monkeypatch) -> None:
    with pytest.raises(SetupError, match="apt-get install"):
        find_binaries()
    for major, parts in (("96", {"postgis": False}), ("97", {"whole": False})):
        monkeypatch.setenv("FLYWAYS_PG_BIN", str(install(alone, major, **parts)))
        with pytest.raises(SetupError, match="FLYWAYS_PG_BIN"):
            find_binaries()
    good = install(alone, "98")
    monkeypatch.setenv("FLYWAYS_PG_BIN", str(good))
    assert find_binaries() == good


def test_data_of_another_version_ask_for_it(alone, monkeypatch) -> None:
    good = install(alone, "98")
    monkeypatch.setenv("FLYWAYS_PG_BIN", str(good))
    assert find_binaries("98") == good
    with pytest.raises(SetupError, match=r"made by PostgreSQL 99.*postgresql-99-postgis-3"):
        find_binaries("99")


def test_the_version_that_made_the_data_is_found_behind_others(alone, monkeypatch) -> None:
    newer, older = install(alone, "98"), install(alone, "97")
    monkeypatch.setenv("FLYWAYS_PG_BIN", str(newer))
    monkeypatch.setattr(postgres, "_pg_config_bin", lambda: str(older))
    assert find_binaries() == newer
    assert find_binaries("97") == older


@pytest.mark.parametrize(
    ("folder", "major"), [("/usr/lib/postgresql/15/bin", 15), ("/opt/pg/bin", 0), ("/a/9.6/bin", 0)]
)
def test_a_folder_tells_its_major_version(folder, major) -> None:
    assert postgres._major(Path(folder)) == major


def test_a_program_tells_its_major_version(tmp_path) -> None:
    assert postgres._program_major(install(tmp_path, "17")) == 17
    silent = install(tmp_path, "18")
    (silent / "postgres").write_text("#!/bin/sh\n")
    assert postgres._program_major(silent) == 0


def test_pg_config_is_asked_where_it_is(monkeypatch, tmp_path) -> None:
    program = tmp_path / "pg_config"
    program.write_text("#!/bin/sh\n[ $1 = --bindir ] && echo /opt/pg/bin\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert postgres._pg_config_bin() == "/opt/pg/bin"
    program.write_text("#!/bin/sh\nexit 1\n")
    assert postgres._pg_config_bin() is None
    program.unlink()
    assert postgres._pg_config_bin() is None


def test_a_program_runs_with_no_setting_of_the_callers(monkeypatch) -> None:
    monkeypatch.setenv("PGDATABASE", "elsewhere")
    done = ME.run("sh", "-c", "env; pwd; umask; cat", stdin="said")
    lines = done.stdout.splitlines()
    assert not [line for line in lines if line.startswith("PGDATABASE")]
    assert {"LC_ALL=C", "TZ=UTC", "/", "0077", "said"} <= set(lines)
    failed = ME.run("sh", "-c", "echo no >&2; exit 3")
    assert (failed.returncode, failed.stderr) == (3, "no\n")


def test_a_user_runs_the_server_itself_and_root_lets_another(monkeypatch) -> None:
    monkeypatch.setattr(postgres, "_is_root", lambda: False)
    assert server_account() == ME
    monkeypatch.setattr(postgres, "_is_root", lambda: True)
    there = {"nobody": pwd.getpwnam("nobody")}
    monkeypatch.setattr(pwd, "getpwnam", there.__getitem__)
    assert server_account() == Account(there["nobody"].pw_uid, there["nobody"].pw_gid)
    there.clear()
    with pytest.raises(SetupError, match="useradd --system postgres"):
        server_account()


def test_what_is_handed_over_has_its_mode(tmp_path) -> None:
    file = tmp_path / "secret"
    file.touch()
    ME.own(file, 0o600)
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.stat().st_uid == ME.uid
