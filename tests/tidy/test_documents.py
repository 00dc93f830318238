"""What the README says is what there is."""

from __future__ import annotations

import re
import shlex
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer.main

from app import VERSION
from app.cli import cli
from app.config import Settings
from app.pipeline import STAGES
from tests.api.served import document

PAGES = {"/", "/docs", "/guides", "/morning", "/openapi.json"}
"""Pages for people and the description itself: no operations of the interface."""


@cache
def commands() -> Any:
    return typer.main.get_command(cli)


@cache
def verbs() -> dict[str, str]:
    """Give every command with its help."""
    found: dict[str, str] = {}

    def walk(command: object, name: str) -> None:
        parts = getattr(command, "commands", None)
        if parts is None:
            found[name.strip()] = str(getattr(command, "help", "") or "")
            return
        for part, each in parts.items():
            walk(each, f"{name} {part}")

    walk(commands(), "")
    return found


def test_one_version_is_told_everywhere(readme: str) -> None:
    assert document()["info"]["version"] == VERSION
    assert f"Flyways, version {VERSION}," in readme


def test_the_flow_in_the_readme_is_the_flow(readme: str) -> None:
    shown = re.search(r"```flow\n(.*?)```", readme, re.DOTALL)
    assert shown is not None
    names = [line.split()[0] for line in shown.group(1).splitlines() if line.strip()]
    assert names == [stage.name for stage in STAGES]


def test_every_stage_is_a_module_of_its_name(root: Path) -> None:
    for stage in STAGES:
        assert (root / f"app/pipeline/{stage.name}.py").is_file()


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_every_setting_is_explained(name: str, readme: str) -> None:
    described = Settings.model_fields[name].description
    assert described
    row = re.search(rf"^\| `FLYWAYS_{name.upper()}` \|.*$", readme, re.MULTILINE)
    assert row is not None
    assert described in row.group()


@pytest.mark.parametrize(("verb", "told"), sorted(verbs().items()))
def test_every_command_is_explained(verb: str, told: str, readme: str) -> None:
    assert told
    assert f"`flyways {verb}" in readme


@pytest.mark.parametrize(("verb", "told"), sorted(verbs().items()))
def test_the_help_of_every_command_shows_it_at_work(verb: str, told: str) -> None:
    examples = re.findall(rf"^flyways {verb}(?: .+)?$", told, re.MULTILINE)
    assert examples
    for line in examples:
        command, rest = commands(), shlex.split(line)[1:]
        while hasattr(command, "commands"):
            command, rest = command.commands[rest[0]], rest[1:]
        asked = {word for word in rest if word.startswith("--")}
        assert asked <= {name for option in command.params for name in option.opts}


def test_every_endpoint_is_in_the_readme_and_none_is_made_up(readme: str) -> None:
    table = readme.split("## Addresses", 1)[1].split("\n## ", 1)[0]
    shown = set(re.findall(r"`(?:[A-Z]+ )?(/[^`\s?]*)`", table)) - PAGES
    there = {noun(path) for path in document()["paths"]}
    assert {noun(path) for path in shown} == there


def noun(path: str) -> str:
    """Give the part of a path that names what it is about."""
    parts = path.strip("/").split("/")
    return "/".join(parts[:3] if parts[0] == "api" else parts[:1])


def test_every_folder_of_the_map_is_there(root: Path, readme: str) -> None:
    tree = re.search(r"```tree\n(.*?)```", readme, re.DOTALL)
    assert tree is not None
    for line in tree.group(1).splitlines():
        if line.strip():
            assert (root / line.split()[0]).exists(), line


def test_every_module_beside_the_layers_is_on_the_map(root: Path, readme: str) -> None:
    beside = {f"app/{path.name}" for path in (root / "app").glob("[a-z]*.py")}
    assert beside == set(re.findall(r"^(app/\w+\.py) ", readme, re.MULTILINE))


def test_every_folder_is_on_the_map_or_mirrors_one(
    sources: list[Path], root: Path, readme: str
) -> None:
    tree = re.search(r"```tree\n(.*?)```", readme, re.DOTALL)
    assert tree is not None
    shown = {line.split()[0] for line in tree.group(1).splitlines() if line.strip()}
    folders = {str(path.relative_to(root).parent) for path in sources}
    for place in sorted(folders - {".", "app", "migrations/versions"}):
        mirrored = place.removeprefix("tests/")
        mirrors = any((root / base / mirrored).is_dir() for base in ("", "app"))
        assert place in shown or (place != mirrored and mirrors), place


def test_the_licence_is_the_one_that_is_told(root: Path, readme: str) -> None:
    text = (root / "LICENSE").read_text()
    assert text.startswith("MIT License\n\nCopyright (c) ")
    assert "without restriction" in text
    assert "WITHOUT WARRANTY OF ANY KIND" in text
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    assert project["license"] == "MIT"
    assert "Code: MIT." in readme


def test_every_promise_names_tests_that_are_there(root: Path, readme: str) -> None:
    told = readme.split("## What you can rely on", 1)[1].split("\n## ", 1)[0]
    promises = re.findall(r"^\d+\. .*$", told, re.MULTILINE)
    assert promises
    for promise in promises:
        named = re.findall(r"`(tests/[\w/]+\.py)`", promise)
        assert named, promise
        assert all((root / name).is_file() for name in named), promise


def test_where_to_add_names_places_and_names_that_are_there(root: Path, readme: str) -> None:
    part = readme.split("\n## Where to add\n", 1)[1].split("\n## ", 1)[0]
    rows = [line for line in part.splitlines() if line.startswith("| a")]
    assert len(rows) >= 10
    paths = set(re.findall(r"`((?:app|ingest|tests|migrations)/[\w./]+)`", part))
    assert not [path for path in paths if not (root / path).exists()]
    for name, path in re.findall(r"`(\w+)`(?: of its noun, as)? in `([\w/]+\.py)`", part):
        assert re.search(rf"^(class )?{name}\b", (root / path).read_text(), re.MULTILINE), name


@pytest.mark.parametrize(
    "target", ["run", "test", "install", "lint", "bench", "coverage", "clean", "help"]
)
def test_make_knows_what_the_readme_says(target: str, root: Path, readme: str) -> None:
    assert re.search(rf"^{target}:.* ## ", (root / "Makefile").read_text(), re.MULTILINE)
    assert f"`make {target}" in readme or target in {"lint", "clean", "help", "install", "coverage"}


def test_the_check_of_a_change_is_the_readmes_second_command(root: Path) -> None:
    script = root / ".ci/run"
    assert script.stat().st_mode & 0o111
    assert script.read_text().rstrip().endswith("exec make test")
