"""Sources as syntax trees."""

from __future__ import annotations

import ast
import gc
from pathlib import Path


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
