"""The verbs of the archive offer what the stages do: every format, and changes in a line each."""

from __future__ import annotations

import asyncio
import json
from uuid import uuid4

import pytest
from typer.testing import CliRunner

from app import archive, cli, deliver
from app.archive import Form
from app.pipeline.exports import FORMATS
from app.pipeline.replay import Wanted

FOUND = {
    "push_id": "p", "applied": False, "changes": {"tz": ["UTC", "UTC+8"], "stored": [2, 1]},
    "problem": None,
}  # fmt: skip


@pytest.fixture
def asked(monkeypatch):
    """Give what the verbs ask of the store, which is not there."""
    seen: list[dict[object, object]] = []

    def note(result):
        async def act(_store, thing, *wanted, **how):
            seen.append({"thing": thing, **how, **{type(each): each for each in wanted}})
            return result

        return act

    monkeypatch.setattr(archive, "with_store", lambda act: asyncio.run(act(None)))
    monkeypatch.setattr(deliver, "export", note({"fixes": 3}))
    monkeypatch.setattr(deliver, "replay", note(FOUND))
    monkeypatch.setattr(deliver, "report", note({"file": "r.html", "bytes": 7}))
    return seen


def run(*words):
    return CliRunner().invoke(cli.cli, list(words))


def test_every_format_of_the_stage_can_be_asked_for() -> None:
    assert tuple(form.value for form in Form) == FORMATS


@pytest.mark.parametrize("form", FORMATS)
def test_an_export_passes_what_was_asked(asked, tmp_path, form) -> None:
    study, bird = uuid4(), uuid4()
    done = run("export", str(study), "--format", form, "--out", str(tmp_path), "--individual",
               str(bird), "--datetime", "2024-01-01T00:00:00Z/..", "--json")  # fmt: skip
    assert (done.exit_code, json.loads(done.stdout)) == (0, {"fixes": 3})
    assert asked == [{"thing": study, "form": form, "out": tmp_path, "individual": bird,
                      "datetime": "2024-01-01T00:00:00Z/.."}]  # fmt: skip


def test_a_rereading_is_a_trial_unless_it_is_applied(asked) -> None:
    push = uuid4()
    shown = run("replay", str(push), "--tz", "UTC+8")
    assert shown.stdout.splitlines() == ["applied: False", "tz: UTC -> UTC+8", "stored: 2 -> 1"]
    told = run("replay", str(push), "--format", "gpx", "--apply", "--json")
    assert json.loads(told.stdout) == FOUND
    assert [(each[Wanted], each["apply"]) for each in asked] == [
        (Wanted(tz="UTC+8"), False), (Wanted(format="gpx"), True),
    ]  # fmt: skip


def test_a_report_passes_what_was_asked(asked, tmp_path) -> None:
    out = tmp_path / "mongolia.html"
    done = run("report", "white_naped_crane:spring", "--out", str(out), "--lang", "mn",
               "--datetime", "2024-01-01T00:00:00Z/..", "--as-of", "2026-11-27")  # fmt: skip
    assert (done.exit_code, done.stdout.splitlines()) == (0, ["file: r.html", "bytes: 7"])
    assert asked == [{"thing": "white_naped_crane:spring", type(out): out, "lang": "mn",
                      "datetime": "2024-01-01T00:00:00Z/..", "as_of": "2026-11-27"}]  # fmt: skip


def test_a_report_in_a_language_that_is_none_of_the_six_is_wrong_usage(asked, tmp_path) -> None:
    done = run("report", "white_naped_crane", "--out", str(tmp_path / "r.html"), "--lang", "fr")
    assert (done.exit_code, asked) == (2, [])
