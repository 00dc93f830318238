"""Families: birds that travel together tell one thing, and are drawn together."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from app.movement.track import FloatArray, IntArray

BIRDS_MIN = 10
"""Fewest birds of which an interval is told: below, resampling says more of the birds than of
their population (domain.md; Chernick 2008, doi:10.1002/9780470192573, on small samples)."""

FAMILIES_MIN = 5
"""Fewest families: resampling fewer tells of their number alone; our choice."""

DRAWS = 1_000
SEED = 1
CONFIDENCE = 0.95

_BETWEEN = re.compile(r"\s*[,;|/]\s*")


def family_index(
    birds: Sequence[str], siblings: Sequence[str | None], studies: Sequence[int] | None = None
) -> IntArray:
    """
    Return the family of each bird: those that name one another, or the same others.

    Parameters
    ----------
    birds : sequence of str, length n
        Identifiers, each once for a bird.
    siblings : sequence of str or None, length n
        ``animal-siblings`` of the Movebank vocabulary: identifiers between commas, semicolons,
        slashes or bars; a name of the family does as well.
    studies : sequence of int, length n, optional
        Within which identifiers hold: the same one in two studies is not the same bird.

    Returns
    -------
    ndarray of int64, shape (n,)
        Families by first bird, from 0.

    Examples
    --------
    >>> family_index(["a", "b", "c", "d"], ["b", None, "d; x", None]).tolist()
    [0, 0, 1, 1]
    """
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        while parent.setdefault(name, name) != name:
            parent[name] = name = parent[parent[name]]
        return name

    scopes = [f"{study}:" for study in studies] if studies is not None else [""] * len(birds)
    for scope, bird, others in zip(scopes, birds, siblings, strict=True):
        for other in _BETWEEN.split((others or "").strip()):
            if other:
                parent[root(scope + other)] = root(scope + bird)
    roots = [root(scope + bird) for scope, bird in zip(scopes, birds, strict=True)]
    number = {name: k for k, name in enumerate(dict.fromkeys(roots))}
    return np.array([number[name] for name in roots], dtype=np.int64)


def tells(bird: IntArray, family: IntArray) -> bool:
    """Tell whether there are birds and families enough for an interval."""
    enough = (np.unique(bird).shape[0], np.unique(family).shape[0])
    return bool(enough[0] >= BIRDS_MIN and enough[1] >= FAMILIES_MIN)


def draw_weights(family: IntArray, *, draws: int = DRAWS, seed: int = SEED) -> FloatArray:
    """
    Return how often each row is drawn when whole families are drawn anew.

    Parameters
    ----------
    family : ndarray of int64, shape (n,)
        Family of each row, such as of a bird or a passage.
    draws, seed : int
        How many, and the seed that makes them the same again.

    Returns
    -------
    ndarray of float64, shape (draws, n)
        Rows of one family weigh the same; their families' weights sum to the number of families.

    Examples
    --------
    >>> draw_weights(np.array([3, 3]), draws=2).tolist()
    [[1.0, 1.0], [1.0, 1.0]]
    """
    _, number = np.unique(family, return_inverse=True)
    n = int(number.max(initial=-1)) + 1
    if n == 0:
        return np.zeros((draws, 0))
    times = np.random.default_rng(seed).multinomial(n, np.full(n, 1.0 / n), size=draws)
    return times[:, number].astype(np.float64)


def in_effect(weight: FloatArray | IntArray) -> float:
    """
    Return of how many families, all weighing alike, these tell as much (Kish 1965).

    Parameters
    ----------
    weight : ndarray, shape (f,)
        What each family counts, such as its time; none below 0, some above.

    Examples
    --------
    >>> in_effect(np.array([2, 2, 2, 0]))
    3.0
    """
    part = weight / weight.sum()
    return float(1.0 / (part**2).sum())


def beyond_none(weight: FloatArray | IntArray, confidence: float = CONFIDENCE) -> float:
    """
    Return up to which share may be what no family did, and how far below 1 what all did alone.

    The exact limit of a binomial share (Clopper and Pearson 1934, doi:10.1093/biomet/26.4.404), of
    as many families as these are in effect. Leaving out families or drawing them anew can't tell
    it: they all say the same.

    Parameters
    ----------
    weight : ndarray, shape (f,)
        As that of `in_effect`.

    Examples
    --------
    >>> round(beyond_none(np.ones(10)), 3)
    0.308
    """
    return float(1.0 - ((1.0 - confidence) / 2.0) ** (1.0 / in_effect(weight)))


def bounds(found: FloatArray, confidence: float = CONFIDENCE) -> tuple[FloatArray, FloatArray]:
    """
    Return the interval of each statistic over its draws, nan where half of them can't tell.

    Parameters
    ----------
    found : ndarray of float64, shape (draws, k)
        Statistics of each draw; nan where it has none.

    Examples
    --------
    >>> low, high = bounds(np.array([[0.0, np.nan], [1.0, np.nan]]), confidence=0.5)
    >>> low.tolist(), high.tolist()
    ([0.25, nan], [0.75, nan])
    """
    tail = (1.0 - confidence) / 2.0
    low, high = np.full((2, found.shape[1]), np.nan)
    for k, column in enumerate(found.T):
        known = column[np.isfinite(column)]
        if 2 * known.shape[0] > column.shape[0]:
            low[k], high[k] = np.quantile(known, [tail, 1.0 - tail])
    return low, high
