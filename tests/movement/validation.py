"""
Write the validation page: `make validate`.

Each function of `SECTIONS` measures something and returns a `Section`; a new section is one more
function in a module of its own, and one more line here.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from tests.movement import accuracy, agreement, catalogue, peers, shares
from tests.movement.section import Section

GUIDES = Path(__file__).parents[2] / "app" / "guides"
SECTIONS: tuple[Callable[[], Section], ...] = (
    agreement.stops,
    accuracy.stopovers,
    accuracy.intervals,
    accuracy.seasons,
    accuracy.cost,
    peers.smoothing,
    peers.screening,
    peers.areas,
    shares.shares,
    catalogue.sites,
)
HEAD = """# Validation

For whoever wants to know how far to trust our numbers: what `make validate` measured, misses too.

This page and its figures are written by `make validate` from the code that derives your
stopovers; run it yourself. `make test` holds part of it on fewer birds.
"""


def page(sections: list[Section]) -> str:
    """Return the page in Markdown."""
    parts = [f"## {each.title}\n\n{each.text.strip()}\n" for each in sections]
    return "\n".join([HEAD, *parts])


def write(sections: list[Section], folder: Path) -> None:
    """Write the page and its figures."""
    (folder / "validation.md").write_text(page(sections), encoding="utf-8")
    for section in sections:
        for name, svg in section.figures.items():
            (folder / f"{name}.svg").write_bytes(svg)


def main() -> int:
    """Measure everything and write it down; 1 where a promise is broken."""
    sections = []
    for measure in SECTIONS:
        section = measure()
        print(f"{section.title}: {'holds' if section.holds else 'BROKEN'}", flush=True)
        sections.append(section)
    write(sections, GUIDES)
    return 0 if all(section.holds for section in sections) else 1


if __name__ == "__main__":
    sys.exit(main())
