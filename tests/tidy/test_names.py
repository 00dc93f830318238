"""Names say what is inside, and nothing says where it was made."""

from __future__ import annotations

import re
from pathlib import Path

EMPTY_NAMES = {"utils", "util", "helpers", "helper", "common", "core", "services", "misc", "lib"}
TOP = {
    "app", "ingest", "migrations", "tests", "README.md", "pyproject.toml", "requirements.lock",
    "alembic.ini", "Dockerfile", "compose.yaml", "Makefile", "LICENSE",
}  # fmt: skip
# Put together here so that this file does not hold what it looks for.
HOSTS = re.compile(
    "|".join(
        (r"pypi\.org", r"python" + r"hosted\.org", r"registry\.npm" + r"js", r"deb\.deb" + r"ian")
    )
)
MACHINE = re.compile(r"/(?:root|home/\w+)/|/work" + r"/(?:wt|main|shared|venv|spec|\.lib)")
LEFT_OVER = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|X" + r"XX)\b")


def holding(pattern: re.Pattern[str], tracked: list[Path], root: Path) -> list[str]:
    found = []
    for path in tracked:
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        found += [f"{path.relative_to(root)}: {match.group()}" for match in pattern.finditer(text)]
    return found


def test_no_name_is_empty_of_meaning(tracked: list[Path], root: Path) -> None:
    parts = {part for path in tracked for part in path.relative_to(root).with_suffix("").parts}
    assert not parts & EMPTY_NAMES


def test_the_top_holds_only_what_the_readme_names(tracked: list[Path], root: Path) -> None:
    top = {path.relative_to(root).parts[0] for path in tracked}
    assert {name for name in top if not name.startswith(".")} <= TOP


def test_no_registry_is_named(tracked: list[Path], root: Path) -> None:
    assert not holding(HOSTS, tracked, root)


def test_no_path_of_a_developers_machine_is_named(tracked: list[Path], root: Path) -> None:
    assert not holding(MACHINE, tracked, root)


def test_nothing_is_left_for_later(tracked: list[Path], root: Path) -> None:
    texts = [path for path in tracked if path.suffix in {".py", ".js", ".md", ".sql", ".toml"}]
    assert not holding(LEFT_OVER, texts, root)


def test_every_exception_from_a_rule_has_its_reason(sources: list[Path], root: Path) -> None:
    bare = re.compile(r"# (?:noqa|type: ignore)(?!: ?[\w-]|\[[\w, -]+\] +(?:#|-) ).*")
    unexplained = re.compile(r"# noqa: [\w, ]+$", re.MULTILINE)
    own = [path for path in sources if path != Path(__file__)]
    assert not holding(bare, own, root)
    assert not holding(unexplained, own, root)
