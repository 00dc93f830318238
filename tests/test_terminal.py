"""What a person or a program at the terminal gets: help, JSON alone, progress, exit codes."""

from __future__ import annotations

import json
import logging
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import typer
from typer.testing import CliRunner, Result

from app import cli as commands
from app import terminal
from app.errors import Problem, SetupError

ROOT = typer.main.get_command(commands.cli)
NOBODY = "0b0e6d1c-4f7e-4ad5-8f3e-0f3f2d1f9c11"


def verbs(group: Any = ROOT, path: tuple[str, ...] = ()) -> Iterator[Any]:
    if hasattr(group, "commands"):
        for name, command in group.commands.items():
            yield from verbs(command, (*path, name))
    else:
        yield pytest.param(path, group, id=" ".join(path))


@pytest.mark.parametrize(("path", "command"), list(verbs()))
def test_the_help_of_each_verb_teaches(path: tuple[str, ...], command: Any) -> None:
    result = CliRunner().invoke(commands.cli, [*path, "--help"], env={"COLUMNS": "200"})
    assert result.exit_code == 0
    told = re.sub(r"\s+", " ", result.stdout)
    example = f"flyways {' '.join(path)}"
    first = (command.help or "").strip().partition("\n")[0]
    assert first and first in told and first.endswith((".", ":"))
    assert example in told.replace("Usage: ", "", 1), "no example to copy"
    for parameter in command.params:
        if parameter.param_type_name == "option" and not parameter.hidden:
            assert parameter.opts[0] in told
            assert parameter.help or parameter.opts[0] == "--key", parameter.opts


@pytest.mark.parametrize("path", [(), ("partner",), ("study",), ("key",)])
def test_without_a_verb_the_verbs_are_told(path: tuple[str, ...]) -> None:
    result = CliRunner().invoke(commands.cli, list(path))
    group: Any = ROOT
    for name in path:
        group = group.commands[name]
    assert all(name in result.output for name in group.commands)


def test_the_exit_codes_stand_in_the_help() -> None:
    told = re.sub(r"[\s│]+", " ", CliRunner().invoke(commands.cli, ["--help"]).stdout)
    codes = (commands.NOT_DONE, 2, commands.PUSH_FAILED, commands.UNFIT, commands.DIFFERS)
    assert codes == (1, 2, 3, 4, 5)
    assert all(f"{code} " in told.partition("Exit codes")[2] for code in (0, *codes))


@pytest.fixture
def really(database: str, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the command in a process of its own, as a script does."""

    def run(*words: str, **env: str) -> subprocess.CompletedProcess[str]:
        command = Path(sys.executable).with_name("flyways")
        return subprocess.run(
            [command, *words], capture_output=True, text=True, cwd=tmp_path, check=False,
            env={"FLYWAYS_DATABASE_URL": database, "PATH": "/usr/bin:/bin", **env},
        )  # fmt: skip

    return run


def test_a_script_gets_json_alone_and_its_exit_code(
    really: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    added = really("partner", "add", "鶴の研究所", "--json")
    assert (added.returncode, added.stderr, added.stdout.count("\n")) == (0, "", 1)
    assert json.loads(added.stdout).keys() == {"institute", "key"}
    again = really("partner", "add", "鶴の研究所", "--json")
    assert (again.returncode, again.stdout) == (1, "")
    assert again.stderr.startswith("flyways: ") and "Choose another name" in again.stderr
    assert "Traceback" not in again.stderr


def test_the_doctor_names_the_remedy_of_an_old_schema(
    run: Callable[..., Result], database: str
) -> None:
    with psycopg.connect(database) as conn:
        conn.execute("update alembic_version set version_num = 'before'")
    unfit = run("doctor", "--json")
    assert unfit.exit_code == 4
    found = {each["check"]: each for each in json.loads(unfit.stdout)}
    assert (found["schema"]["ok"], found["schema"]["remedy"]) == (False, "flyways migrate")


def test_a_database_that_is_away_is_told_in_a_line(
    really: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    gone = {"FLYWAYS_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}
    result = really("key", "list", "--json", **gone)
    assert (result.returncode, result.stdout) == (1, "")
    assert "Traceback" not in result.stderr
    assert result.stderr.splitlines()[-1].startswith("flyways: The database does not answer")


@pytest.fixture
def run(database: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Result]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FLYWAYS_DATABASE_URL", database)
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    return lambda *words: CliRunner().invoke(commands.cli, list(words))


@pytest.mark.parametrize(
    "words",
    [
        ("study", "open", NOBODY), ("study", "add", "S", "--institute", NOBODY),
        ("key", "create", "--institute", NOBODY), ("key", "revoke", NOBODY),
        ("recompute", "--study", NOBODY), ("replay", NOBODY),
        ("export", NOBODY, "--format", "geojson", "--out", "o"),
        ("simulate", "--study", NOBODY, "--birds", "1", "--days", "2"),
    ],
    ids=lambda words: " ".join(words[:2]),
)  # fmt: skip
def test_what_is_not_there_is_not_done_and_says_where_to_look(
    run: Callable[..., Result], words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    result = run(*words, "--json")
    problem = result.exception
    assert result.stdout == ""
    # `main` turns it into a line and exit code 1; anything else would be a traceback.
    assert isinstance(problem, SetupError | Problem)
    terminal.complain(problem)
    told = capsys.readouterr().err
    assert re.match(r"flyways: There is no such .*\. [A-Z].*\.", told), told
    assert not Path("o").exists() or not list(Path("o").iterdir())


@pytest.mark.parametrize(
    "words",
    [
        ("study", "open", "x"), ("key", "revoke", "x"), ("export", "x", "--format", "geojson"),
        ("export", NOBODY, "--format", "xls", "--out", "o"), ("replay", "x"),
        ("push", "a.csv", "--study", "x"), ("simulate", "o.csv", "--birds", "0"),
        ("simulate", "o.csv", "--interval", "5"), ("simulate", "o.csv", "--end", "tomorrow"),
        ("simulate", "--study", NOBODY, "--reference", "r.csv"), ("fly",), ("up", "none.csv"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_wrong_usage_is_2_and_writes_nothing(
    run: Callable[..., Result], words: tuple[str, ...]
) -> None:
    Path("a.csv").write_text("x\n")
    result = run(*words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert [path.name for path in Path().iterdir()] == ["a.csv"]


def test_a_person_gets_lines_or_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    terminal.answer({"a": 1, "名": None}, as_json=False)
    assert capsys.readouterr().out == "a: 1\n名: None\n"
    terminal.answer([{"a": 1}, {"a": "two"}], as_json=False)
    assert {"a", "1", "two"} <= set(re.findall(r"\w+", capsys.readouterr().out))
    terminal.answer([], as_json=False)
    terminal.answer([], as_json=True)
    assert capsys.readouterr().out.endswith("[]\n")


def test_progress_and_complaints_leave_the_answer_alone(capsys: pytest.CaptureFixture[str]) -> None:
    terminal.say("half done")
    terminal.complain(SetupError("No disk. Free some."))
    caught = capsys.readouterr()
    assert caught.out == ""
    assert caught.err == "flyways: half done\nflyways: No disk. Free some.\n"
    with pytest.raises(typer.BadParameter, match="study add"):
        terminal.uuid("seven")
