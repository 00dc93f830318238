"""A function fits on a screen, a module in a head."""

from __future__ import annotations

import ast
from pathlib import Path

from tests.tidy.parsing import Defined, defined, outline

FUNCTION_MAX_LINES = 60
MODULE_MAX_LINES = 400
PARAMETERS_MAX = 5  # more are keyword-only, which compiled kernels can't have; FastAPI's and
# typer's are the caller's words


def grown(sources: list[Path]) -> list[Path]:
    """Give the modules that people wrote to be read: a first migration is a list of tables."""
    return [path for path in sources if path.parent.name != "versions"]


def functions(path: Path) -> list[Defined]:
    return [each for each in outline(path).defined if not each.is_class]


def test_functions_are_short(sources: list[Path], root: Path) -> None:
    long = [
        f"{path.relative_to(root)}:{each.line} {each.name} has {each.lines} lines"
        for path in grown(sources)
        for each in functions(path)
        if each.lines > FUNCTION_MAX_LINES
    ]
    assert not long


def test_modules_are_short(sources: list[Path], root: Path) -> None:
    sizes = {path.relative_to(root): len(path.read_text().splitlines()) for path in grown(sources)}
    assert not {str(path): size for path, size in sizes.items() if size > MODULE_MAX_LINES}


def test_positional_parameters_are_few(sources: list[Path], root: Path) -> None:
    many = [
        f"{path.relative_to(root)}:{each.line} {each.name} takes {each.parameters}"
        for path in sources
        if "tests" not in path.parts
        for each in functions(path)
        if each.parameters > PARAMETERS_MAX and not each.is_handler
    ]
    assert not many


def test_the_measure_itself() -> None:
    body = ast.parse(
        'def f(self, a):\n    """Doc\n    string."""\n    a = 1\n\n    return a\n'
    ).body
    assert isinstance(body[0], ast.FunctionDef)
    measured = defined(body[0])
    assert (measured.name, measured.lines, measured.parameters) == ("f", 3, 1)
