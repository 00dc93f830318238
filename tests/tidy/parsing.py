"""Sources as syntax trees, and what several rules ask of them, walked through once."""

from __future__ import annotations

import ast
import gc
from dataclasses import dataclass
from functools import cache
from pathlib import Path

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Defined:
    """A function or a class, without its tree, which takes much memory."""

    name: str
    line: int
    is_class: bool
    is_decorated: bool
    lines: int = 0
    parameters: int = 0
    is_handler: bool = False


@dataclass(frozen=True)
class Call:
    """A call: of what, and the texts it is given by place and by name."""

    of: str
    placed: tuple[str | None, ...]
    named: tuple[tuple[str | None, str], ...]


@dataclass(frozen=True)
class Outline:
    """What is defined and called in one source."""

    defined: tuple[Defined, ...]
    calls: tuple[Call, ...]


def parsed(path: Path) -> ast.Module:
    """Parse a source while no garbage is collected.

    CPython 3.11 counts its depth of recursion for all threads and finalisers at once. A task that
    another test left with an error logs its traceback when it is collected, that parses the lines
    it shows, and the parser it interrupted ends with SystemError (python/cpython#106905).
    """
    text = path.read_text()
    gc.disable()
    try:
        return ast.parse(text)
    finally:
        gc.enable()


@cache
def outline(path: Path) -> Outline:
    """Give what one source defines and calls."""
    nodes = list(ast.walk(parsed(path)))
    return Outline(
        tuple(defined(node) for node in nodes if isinstance(node, Function | ast.ClassDef)),
        tuple(_call(node) for node in nodes if isinstance(node, ast.Call)),
    )


def defined(node: Function | ast.ClassDef) -> Defined:
    """Tell the measures of a function or a class."""
    is_decorated = bool(node.decorator_list)
    if isinstance(node, ast.ClassDef):
        return Defined(node.name, node.lineno, is_class=True, is_decorated=is_decorated)
    return Defined(
        node.name,
        node.lineno,
        is_class=False,
        is_decorated=is_decorated,
        lines=_body_lines(node),
        parameters=len([a for a in node.args.args if a.arg not in {"self", "cls"}]),
        is_handler=_is_handler(node),
    )


def _body_lines(node: Function) -> int:
    """Count the lines of a body without its docstring, which may be as long as it needs."""
    body = node.body[1:] if ast.get_docstring(node) is not None else node.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def _is_handler(node: Function) -> bool:
    """Tell a function whose parameters are a request's or a command's, or arrays of a kernel."""
    compiled = any(isinstance(d, ast.Name) and d.id == "kernel" for d in node.decorator_list)
    return compiled or any(isinstance(each, ast.Call) for each in node.decorator_list)


def _call(node: ast.Call) -> Call:
    placed = tuple(_text(argument) for argument in node.args)
    named = tuple(
        (each.arg, text) for each in node.keywords if (text := _text(each.value)) is not None
    )
    return Call(getattr(node.func, "id", getattr(node.func, "attr", "")), placed, named)


def _text(node: ast.expr) -> str | None:
    is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
    return node.value if is_text else None
