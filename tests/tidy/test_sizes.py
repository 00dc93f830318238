"""A function fits on a screen, a module in a head."""

from __future__ import annotations

import ast
from pathlib import Path

from tests.tidy.parsing import parsed

FUNCTION_MAX_LINES = 60
MODULE_MAX_LINES = 400
PARAMETERS_MAX = 5  # more are keyword-only, which compiled kernels can't have; FastAPI's and
# typer's are the caller's words


def grown(sources: list[Path]) -> list[Path]:
    """Give the modules that people wrote to be read: a first migration is a list of tables."""
    return [path for path in sources if path.parent.name != "versions"]


def functions(path: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    tree = parsed(path)
    return [
        node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


def body_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Count the lines of a body without its docstring, which may be as long as it needs."""
    body = node.body[1:] if ast.get_docstring(node) is not None else node.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def is_handler(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Tell a function whose parameters are a request's or a command's, or arrays of a kernel."""
    compiled = any(isinstance(d, ast.Name) and d.id == "kernel" for d in node.decorator_list)
    return compiled or any(isinstance(each, ast.Call) for each in node.decorator_list)


def test_functions_are_short(sources: list[Path], root: Path) -> None:
    long = [
        f"{path.relative_to(root)}:{node.lineno} {node.name} has {body_lines(node)} lines"
        for path in grown(sources)
        for node in functions(path)
        if body_lines(node) > FUNCTION_MAX_LINES
    ]
    assert not long


def test_modules_are_short(sources: list[Path], root: Path) -> None:
    sizes = {path.relative_to(root): len(path.read_text().splitlines()) for path in grown(sources)}
    assert not {str(path): size for path, size in sizes.items() if size > MODULE_MAX_LINES}


def test_positional_parameters_are_few(sources: list[Path], root: Path) -> None:
    many = [
        f"{path.relative_to(root)}:{node.lineno} {node.name} takes {len(node.args.args)}"
        for path in sources
        if "tests" not in path.parts
        for node in functions(path)
        if len([a for a in node.args.args if a.arg not in {"self", "cls"}]) > PARAMETERS_MAX
        and not is_handler(node)
    ]
    assert not many


def test_the_measure_itself() -> None:
    node = ast.parse('def f():\n    """Doc\n    string."""\n    a = 1\n\n    return a\n').body[0]
    assert isinstance(node, ast.FunctionDef)
    assert body_lines(node) == 3
