"""`flyways connector`: set up, run, paused and deleted, with the password from nowhere visible."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.faults.test_web import csv, row
from tests.test_cli import answer, run, study

__all__ = ["run", "study"]


def add(run: Any, *words: str) -> dict[str, Any]:
    return dict(answer(run("connector", "add", *words, "--json")))


def test_a_watched_folder_is_added_run_paused_and_deleted(
    run: Any, study: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLYWAYS_INBOX_DIR", str(tmp_path))
    file = tmp_path / study / "a.csv"
    file.parent.mkdir()
    file.write_bytes(csv(row("127,38")))
    os.utime(file, (1, 1))
    made = add(run, "folder", "Ornitela", "--study", study, "--settings", '{"pattern": "*.csv"}')
    assert answer(run("connector", "run", made["ref"], "--json"))["pushes"] == 1
    again = answer(run("connector", "run", made["ref"], "--json"))
    assert (again["pushes"], again["problem"]) == (0, None)
    paused = answer(run("connector", "pause", made["ref"], "--json"))
    assert paused["paused_at"] is not None
    assert answer(run("connector", "pause", made["ref"], "--resume", "--json"))["paused_at"] is None
    listed = answer(run("connector", "list", "--json"))
    assert [each["name"] for each in listed] == ["Ornitela"]
    answer(run("connector", "delete", made["ref"], "--json"))
    assert answer(run("connector", "list", "--json")) == []


def test_a_pull_that_fails_says_why_and_the_doctor_knows_of_it(run: Any, study: str) -> None:
    made = add(run, "folder", "Nowhere", "--study", study)
    failed = run("connector", "run", made["ref"], "--json")
    assert failed.exit_code == 1
    assert json.loads(failed.stdout)["problem"]["code"] == "folder-unset"
    found = json.loads(run("doctor", "--json").stdout)
    told = next(each for each in found if each["check"] == "connectors")
    assert not told["ok"]
    assert "FLYWAYS_INBOX_DIR" in told["remedy"]


def test_the_password_comes_from_the_environment_and_is_never_printed(
    run: Any, study: str, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLYWAYS_CONNECTOR_PASSWORD", "sesame-77")
    words = ("--study", study, "--username", "me", "--settings", '{"study_id": 7}')
    done = run("connector", "add", "movebank", "Cranes", *words)
    assert done.exit_code == 0
    assert "sesame-77" not in done.output + run("connector", "list", "--json").output
    with psycopg.connect(database) as conn:
        assert conn.execute("select password from connector").fetchall() == [("sesame-77",)]


@pytest.mark.parametrize(
    "words", [("ftp", "x"), ("folder", "x", "--settings", "[1"), ("folder", "x", "--settings", "1")]
)
def test_what_makes_no_connector_is_wrong_usage(run: Any, study: str, words: tuple[str]) -> None:
    assert run("connector", "add", *words, "--study", study).exit_code == 2


def test_how_files_are_read_is_said_when_it_is_added(
    run: Any, study: str, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLYWAYS_CONNECTOR_PASSWORD", "sesame-78")
    settings = {"host": "sftp.maker.example", "host_keys": ["SHA256:" + "a" * 43]}
    words = ("sftp", "Drop", "--study", study, "--username", "me", "--settings")
    made = add(run, *words, json.dumps(settings), "--encoding", "gb18030", "--datum", "gcj02",
               "--tz", "UTC+8", "--format", "ornitela-csv")  # fmt: skip
    with psycopg.connect(database) as conn:
        kept = conn.execute(
            "select format, tz, encoding, datum, settings ->> 'port' from connector where ref = %s",
            [made["ref"]],
        ).fetchone()
    assert kept == ("ornitela-csv", "UTC+8", "gb18030", "gcj02", "22")
    unnamed = run("connector", "add", *words, '{"host": "sftp.maker.example"}')
    assert unnamed.exit_code != 0
    assert "host_keys" in str(unnamed.exception or unnamed.output)
