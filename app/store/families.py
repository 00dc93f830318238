"""Rows of birds -> families: who is drawn together when numbers are told with their doubt."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from app.movement.families import family_index


def family_of(rows: Iterable[Mapping[str, Any]]) -> dict[int, int]:
    """
    Return the family of each bird of some rows.

    Parameters
    ----------
    rows : iterable of dict
        Each with `individual_id`, `local_identifier`, `siblings` and `study_id` of its bird; a
        bird may have many.

    Returns
    -------
    dict of int to int
        Bird to its family, numbered from 0.
    """
    birds = {row["individual_id"]: row for row in rows}
    found = family_index(
        [row["local_identifier"] for row in birds.values()],
        [row["siblings"] for row in birds.values()],
        [row["study_id"] for row in birds.values()],
    )
    return dict(zip(birds, found.tolist(), strict=True))
