"""What only tests call is dead: it is used or it goes."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from tests.tidy.parsing import outline

CALLED_FROM_OUTSIDE = {
    "startElement": "the XML parser calls it",
    "endElement": "the XML parser calls it",
    "compile_all": "the installer runs it in a process of its own, by name",
    "peer_stops": "the oracle of `make validate`: what our stops must equal",
    "peer_kept": "the oracle of our outlier cleaner: the fixes MovingPandas keeps",
    "fit_walk": "whoever makes a new version of noise.csv calls it; the flow must never fit",
    "data_received": "the event loop calls it with what a client sent",
    "redirect_request": "urllib asks it before it follows a redirect",
    "validate_host_public_key": "asyncssh asks it of the key that a server shows",
}
"""Functions whose caller no Python module names, each with who calls it."""


def product(sources: list[Path], root: Path) -> list[Path]:
    return [path for path in sources if path.relative_to(root).parts[0] in {"app", "ingest"}]


def test_every_function_and_class_is_used_by_the_product(sources: list[Path], root: Path) -> None:
    mine = product(sources, root)
    words = Counter(word for path in mine for word in re.findall(r"\w+", path.read_text()))
    words.update(re.findall(r"\w+", (root / "pyproject.toml").read_text()))
    dead = [
        f"{path.relative_to(root)}: {each.name}"
        for path in mine
        for each in outline(path).defined
        # A decorated function is handed to a framework; dunder methods are Python's.
        if not each.is_decorated
        and not each.name.startswith("__")
        and words[each.name] == 1
        and each.name not in CALLED_FROM_OUTSIDE
    ]
    assert not dead


def test_every_function_called_from_outside_is_there(sources: list[Path], root: Path) -> None:
    defined = {
        each.name
        for path in product(sources, root)
        for each in outline(path).defined
        if not each.is_class
    }
    assert set(CALLED_FROM_OUTSIDE) <= defined
