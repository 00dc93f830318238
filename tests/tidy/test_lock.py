"""The lock names every package by hash and no place to fetch it from."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest


@pytest.fixture
def lock(root: Path) -> str:
    return (root / "requirements.lock").read_text()


def locked(lock: str) -> dict[str, str]:
    """Give each locked package with its block of lines."""
    blocks = re.findall(r"^([\w.-]+)(?:\[[\w,-]+\])?==((?:.*\\\n)*.*)", lock, re.MULTILINE)
    return {canonical(name): block for name, block in blocks}


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_no_place_is_named(lock: str) -> None:
    assert "://" not in lock
    assert "--index" not in lock
    assert "--find-links" not in lock


def test_every_package_has_its_hashes(lock: str) -> None:
    packages = locked(lock)
    assert packages
    assert not [name for name, block in packages.items() if "--hash=sha256:" not in block]


def test_everything_the_project_asks_for_is_locked(lock: str, root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    asked = project["dependencies"] + project["optional-dependencies"]["dev"]
    names = {canonical(re.split(r"[\[<>=~! ;]", each)[0]) for each in asked}
    assert names <= locked(lock).keys()


@pytest.mark.parametrize("folder", ["app/viewer", "tests/viewer"])
def test_the_locks_of_browser_files_name_no_place(folder: str, root: Path) -> None:
    package = json.loads((root / folder / "package.json").read_text())
    text = (root / folder / "package-lock.json").read_text()
    assert '"resolved"' not in text
    packages = json.loads(text)["packages"]
    for name, version in package["dependencies"].items():
        assert re.fullmatch(r"\d+\.\d+\.\d+", version)
        assert packages[f"node_modules/{name}"]["version"] == version
    for path, entry in packages.items():
        assert path == "" or entry["integrity"].startswith("sha512-")
