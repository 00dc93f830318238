"""What a person or a program at the terminal gets: help, JSON alone, progress, exit codes."""

from __future__ import annotations

import json
import logging
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
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
        conn.execute("update alembic_version set version_num = '0033'")
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
    assert "FLYWAYS_DATABASE_URL" in result.stderr and "Retry-After" not in result.stderr


Main = Callable[..., tuple[int, str]]


@pytest.fixture
def main(
    run: Callable[..., Result],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    unused_tcp_port: int,
) -> Main:
    """Run the command to its end; give its exit code and what it says to a person."""
    # Somebody may have the service running beside its tests.
    monkeypatch.setenv("FLYWAYS_PORT", str(unused_tcp_port))

    def typed(*words: str, **env: str) -> tuple[int, str]:
        for name, value in env.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "argv", ["flyways", *words])
        with pytest.raises(SystemExit) as left:
            commands.main()
        return int(left.value.code or 0), capsys.readouterr().err

    return typed


AWAY = "postgresql://nobody@127.0.0.1:1/none"


@pytest.mark.parametrize("words", [("migrate",), ("serve",), ("worker",), ("partner", "add", "X")])
def test_without_a_database_each_command_ends_in_a_line(main: Main, words: tuple[str, ...]) -> None:
    code, told = main(*words, FLYWAYS_DATABASE_URL=AWAY)
    assert (code, told.splitlines()[-1]) == (
        1, "flyways: The database does not answer. "
        "Start it, or name one that runs with FLYWAYS_DATABASE_URL.",
    )  # fmt: skip
    assert "Traceback" not in told


@pytest.mark.parametrize("words", [("key", "list"), ("migrate",), ("serve",)])
@pytest.mark.parametrize(("before", "after"), [("//flyways@", "//nobody:x@"), ("/test_", "/not_")])
def test_a_database_that_lets_nobody_in_is_told_in_a_line(
    main: Main, database: str, words: tuple[str, ...], before: str, after: str
) -> None:
    code, told = main(*words, FLYWAYS_DATABASE_URL=database.replace(before, after))
    assert (code, told.count("\n")) == (1, 1)
    assert told.startswith("flyways: The database lets nobody in: ")
    assert "does not exist" in told and "FLYWAYS_DATABASE_URL" in told


def test_the_doctor_says_that_a_database_lets_nobody_in(
    run: Callable[..., Result], database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLYWAYS_DATABASE_URL", database.replace("//flyways@", "//nobody:x@"))
    unfit = run("doctor", "--json")
    assert unfit.exit_code == 4
    (found,) = (each for each in json.loads(unfit.stdout) if each["check"] == "database")
    assert not found["ok"] and 'role "nobody" does not exist' in found["seen"]


@pytest.mark.parametrize(
    ("made", "said"),
    [
        ("drop table alembic_version", "has no schema yet. Run `flyways migrate`."),
        ("update alembic_version set version_num = '0033'", "Run `flyways migrate`."),
        ("update alembic_version set version_num = '9999'", "A newer version of Flyways made it"),
    ],
)
def test_another_schema_is_told_with_what_mends_it(
    main: Main, database: str, made: str, said: str
) -> None:
    with psycopg.connect(database) as conn:
        conn.execute(made)
    for words in (("partner", "add", "X"), ("key", "list", "--json")):
        code, told = main(*words)
        assert (code, said in told, told.count("\n")) == (1, True, 1)
    if "9999" in made:
        code, told = main("migrate")
        assert (code, said in told) == (1, True)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("DATABASE_URL", "nonsense", "give an address such as postgresql://"),
        ("RATE_LIMIT", "lots", "such as 600/minute, or off"),
        ("PULL_BASES", "{bad", "Give JSON."),
        ("PULL_BASES", "[1]", "valid dict"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(
    main: Main, name: str, value: str, said: str
) -> None:
    for verb in ("doctor", "up"):
        code, told = main(verb, **{f"FLYWAYS_{name}": value})
        assert (code, told.count("\n")) == (1, 1)
        assert told.startswith(f"flyways: FLYWAYS_{name}: ") and said in told
        assert "Value error" not in told


def a_study(run: Callable[..., Result]) -> str:
    made = json.loads(run("partner", "add", "Amur", "--json").stdout)
    words = ("study", "add", "S", "--institute", made["institute"], "--json")
    return str(json.loads(run(*words).stdout)["study"])


def test_a_file_that_cannot_be_written_is_named(
    main: Main, run: Callable[..., Result], tmp_path: Path
) -> None:
    study = a_study(run)
    sample = ("--birds", "1", "--days", "2")
    there = str(tmp_path / "there.csv")
    for words, file, reason in (
        (("plot", study, "--out", "/nonexistent/x.svg"), "/nonexistent/x.svg", "No such file"),
        (("plot", study, "--out", "/dev/full"), "/dev/full", "No space left"),
        (("simulate", "/nonexistent/x.csv", *sample), "/nonexistent/x.csv", "No such file"),
        (("simulate", there, "--reference", "/dev/full", *sample), "/dev/full", "No space left"),
    ):
        code, told = main(*words)
        assert code == 1
        assert told.startswith(f"flyways: {file} can't be written: {reason}"), told
        assert told.endswith("Name another place.\n")


def test_on_a_full_disk_the_old_file_stays(
    main: Main, run: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def page(*_asked: object) -> str:
        return "<!doctype html>"

    monkeypatch.setattr("app.api.flyway_report.report", page)
    study, sample = a_study(run), ("--birds", "1", "--days", "2")
    for name, words in (
        ("a.svg", ("plot", study, "--out", "a.svg")),
        ("a.html", ("report", "white_naped_crane", "--out", "a.html")),
        ("a.csv", ("simulate", "a.csv", *sample)),
        ("b.csv", ("simulate", "c.csv", "--reference", "b.csv", *sample)),
    ):
        (tmp_path / name).write_text("old")
        (tmp_path / f".{name}.part").symlink_to("/dev/full")
        code, told = main(*words)
        assert (code, (tmp_path / name).read_text()) == (1, "old"), name
        assert told.startswith(f"flyways: {name} can't be written: No space left"), told
    assert {path.name for path in tmp_path.iterdir()} == {
        "a.svg", "a.html", "a.csv", "b.csv", "c.csv",
    }  # fmt: skip


def test_tracks_are_exported_without_a_word_of_the_libraries_that_write_them(
    really: Callable[..., subprocess.CompletedProcess[str]], run: Callable[..., Result]
) -> None:
    study = a_study(run)
    assert run("simulate", "--study", study, "--birds", "1", "--days", "40").exit_code == 0
    for form in ("mf-json", "geopackage"):
        done = really("export", study, "--format", form, "--out", form, "--json")
        assert (done.returncode, done.stderr) == (0, "")
        assert json.loads(done.stdout)["tracks"] == 1


def test_an_export_onto_a_full_disk_is_told(
    main: Main, run: Callable[..., Result], tmp_path: Path
) -> None:
    study = a_study(run)
    assert run("simulate", "--study", study, "--birds", "1", "--days", "40").exit_code == 0
    for form, file in (("movebank-csv", "events.csv"), ("geojson", "fixes.geojson"),
                       ("geoparquet", "fixes.parquet")):  # fmt: skip
        out = tmp_path / form
        out.mkdir()
        (out / f".{file}.part").symlink_to("/dev/full")  # what it is called until it is whole
        code, told = main("export", study, "--format", form, "--out", str(out))
        assert (code, told) == (1, (
            f"flyways: {out / file} can't be written: No space left on device. "
            "Name another place.\n"
        ))  # fmt: skip
        assert list(out.iterdir()) == []


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
        ("tag", "list", "--study", NOBODY), ("morning", "--study", NOBODY),
        ("lifeless", "list", "--study", NOBODY), ("mapping", "list", "--study", NOBODY),
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
        ("simulate", "o.csv", "--days", "inf"), ("simulate", "o.csv", "--interval", "inf"),
        ("simulate", "o.csv", "--end", "9999-12-31"),
        ("simulate", "--study", NOBODY, "--reference", "r.csv"), ("fly",), ("up", "none.csv"),
        ("partner", "add", "X", "--country", "Korea"), ("partner", "add", ""),
        ("study", "add", " ", "--institute", NOBODY), ("key", "create", "--label", "x" * 5_000),
        ("tag", "alias", NOBODY, ""),
        ("lifeless", "confirm", NOBODY, "--reviewer", "K", "--end-type", "eaten"),
        ("lifeless", "dismiss", NOBODY, "--reviewer", ""),
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
    assert capsys.readouterr().out == "none\n[]\n"


@pytest.mark.parametrize(("columns", "lines"), [(200, 6), (79, 5)])
def test_an_id_is_never_cut(
    columns: int, lines: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the terminal is too narrow for a table, each row is a block of lines."""
    monkeypatch.setenv("COLUMNS", str(columns))
    ids = [f"{n}b0e6d1c-4f7e-4ad5-8f3e-0f3f2d1f9c11" for n in range(2)]
    rows = [{"id": each, "name": f"[red]{'x' * 50}[/]"} for each in ids]
    terminal.answer(rows, as_json=False)
    told = capsys.readouterr().out
    assert all(each in told for each in ids)
    assert told.count(rows[0]["name"]) == 2
    assert len(told.splitlines()) == lines


def test_a_time_has_one_form(capsys: pytest.CaptureFixture[str]) -> None:
    at = datetime(2026, 11, 29, 2, 2, 41, 137930, tzinfo=timezone(timedelta(hours=9)))
    for as_json in (True, False):
        terminal.answer({"at": at}, as_json=as_json)
        assert "2026-11-28T17:02:41.137930Z" in capsys.readouterr().out


def test_progress_and_complaints_leave_the_answer_alone(capsys: pytest.CaptureFixture[str]) -> None:
    terminal.say("half done")
    terminal.complain(SetupError("No disk. Free some."))
    caught = capsys.readouterr()
    assert caught.out == ""
    assert caught.err == "flyways: half done\nflyways: No disk. Free some.\n"
    with pytest.raises(typer.BadParameter, match="study add"):
        terminal.uuid("seven")
