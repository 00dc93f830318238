"""Families: birds that travel together and count once where estimates are drawn again."""

from __future__ import annotations

import re
from collections.abc import Mapping


def families(siblings: Mapping[int, tuple[str, str | None]]) -> dict[int, int]:
    """
    Return the family of each bird, named by its least bird.

    Parameters
    ----------
    siblings : mapping
        Local identifier of each bird, and what the reference data say under `animal-siblings`:
        identifiers of its siblings, parted by commas, semicolons or blanks.

    Returns
    -------
    dict
        A family by bird; a bird without known siblings is its own.

    Examples
    --------
    >>> families({1: ("A", "B"), 2: ("B", None), 3: ("C", None)})
    {1: 1, 2: 1, 3: 3}
    """
    known = {name: bird for bird, (name, _) in sorted(siblings.items(), reverse=True)}
    root = {bird: bird for bird in siblings}

    def find(bird: int) -> int:
        while root[bird] != bird:
            bird = root[bird]
        return bird

    for bird, (_, told) in sorted(siblings.items()):
        for name in re.split(r"[,;\s]+", told or ""):
            if name in known:
                a, b = sorted((find(bird), find(known[name])))
                root[b] = a
    return {bird: find(bird) for bird in siblings}
