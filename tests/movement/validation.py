"""
Write the validation page: `make validate`.

Each function of `SECTIONS` measures something and returns a `Section`; a new section is one more
function in a module of its own, and one more line here.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from tests.movement import accuracy, agreement, catalogue, corridors, costs, peers, shares, worlds
from tests.movement.section import Section

GUIDES = Path(__file__).parents[2] / "app" / "guides"
Measure = Callable[[], Section]
SECTIONS: tuple[tuple[Measure, ...], ...] = (
    (agreement.stops,),
    (accuracy.stopovers, accuracy.intervals, accuracy.seasons),
    (peers.smoothing,),
    (peers.screening,),
    (peers.areas,),
    (worlds.simulation,),
    (worlds.lifeless,),
    (shares.shares,),
    (catalogue.sites,),
    (corridors.corridors,),
    (costs.cost,),
)
"""Sections in the order of the page; those of one group share what they measure."""
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


def measure(number: int) -> list[Section]:
    """Measure the sections of a group, and say so."""
    found = []
    for each in SECTIONS[number]:
        begun = time.process_time()
        found.append(each())
        said = "holds" if found[-1].holds else "BROKEN"
        print(f"{found[-1].title}: {said}, {time.process_time() - begun:.0f} s", flush=True)
    return found


def main() -> int:
    """Measure everything, two groups at a time, and write it down; 1 where a promise is broken."""
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(os.cpu_count() or 1, 2), mp_context=fresh) as pool:
        groups = list(pool.map(measure, range(len(SECTIONS))))
    sections = [section for group in groups for section in group]
    write(sections, GUIDES)
    return 0 if all(section.holds for section in sections) else 1


if __name__ == "__main__":
    sys.exit(main())
