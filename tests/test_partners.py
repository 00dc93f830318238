"""`partner`, `study` and `key`: made, listed, opened and ended at the database."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest

from app import cli as commands
from tests.test_cli import answer, run, study

__all__ = ["run", "study"]


def test_a_partner_gets_an_institute_and_a_key(run: Any) -> None:
    added = answer(run("partner", "add", "Crane Institute", "--json"))
    assert added.keys() == {"institute", "key"}
    assert added["key"].startswith("flw_")


def test_a_taken_name_is_told_with_a_remedy(
    run: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("partner", "add", "Twice").exit_code == 0
    monkeypatch.setattr(sys, "argv", ["flyways", "partner", "add", "Twice"])
    with pytest.raises(SystemExit) as left:
        commands.main()
    assert left.value.code == commands.NOT_DONE
    assert "Choose another name" in capsys.readouterr().err


def test_keys_are_made_listed_and_revoked(run: Any) -> None:
    made = answer(run("key", "create", "--scope", "read", "--label", "map", "--json"))
    assert made["scopes"] == ["read"]
    listed = answer(run("key", "list", "--json"))
    assert made["key"] not in json.dumps(listed)
    assert made["key"].startswith(listed[0]["prefix"])
    assert answer(run("key", "revoke", made["id"], "--json"))["revoked_at"] is not None


def test_an_unknown_scope_is_wrong_usage(run: Any) -> None:
    result = run("key", "create", "--scope", "everything")
    assert result.exit_code == 2
    assert "read, push, manage" in result.output


def test_a_study_is_opened_and_closed(run: Any, study: str) -> None:
    assert answer(run("study", "open", study, "--json"))["visibility"] == "open"
    assert answer(run("study", "open", study, "--close", "--json"))["visibility"] == "private"


def test_what_is_typed_is_held_to_the_rules_of_the_api(run: Any, study: str) -> None:
    made = answer(run("partner", "add", " Amur ", "--json"))
    again = run("partner", "add", "Amur")
    assert getattr(again.exception, "code", None) == "name-taken"
    for words in (("partner", "add", "A", "--country", "kr"), ("partner", "add", "A\nB"),
                  ("study", "add", "x" * 301, "--institute", made["institute"]),
                  ("key", "create", "--label", "x" * 301)):  # fmt: skip
        refused = run(*words)
        assert refused.exit_code == 2, words
    assert answer(run("key", "create", "--json"))["scopes"] == ["read", "push", "manage"]
