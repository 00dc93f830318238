"""A section of the validation page: what `validation.SECTIONS` lists functions of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Section:
    """
    One section.

    `text` is Markdown below the heading `title`; `figures` are SVGs by name, which the text shows
    as `![what it shows](name.svg)`; `holds` is false where a promise of the section is broken,
    which fails `make validate`. A figure aimed at and missed is told in the text, and holds.
    """

    title: str
    text: str
    figures: dict[str, bytes] = field(default_factory=dict)
    holds: bool = True


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines) + "\n"
