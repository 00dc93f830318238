"""Utilisation of a species: the mean of its birds' distributions, each bird weighing the same."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from app.movement.keysites import Use, core, overlap
from app.movement.track import FloatArray, IntArray

TOLD_LEVEL = 0.95
"""Share of a bird's time within which it counts as one that uses a cell: beyond lies what its
kernel alone puts there."""

_Laid = tuple[IntArray, FloatArray]


def mean_use(
    uses: Sequence[Use], exact: NDArray[np.bool_], enough: int
) -> tuple[Use | None, float]:
    """
    Return the mean distribution of birds, and the share of their time that it tells.

    Of others' birds only the cells are told that `enough` of them use, each within its own 95 %:
    what fewer used is left out, and the rest made to sum to 1.

    Parameters
    ----------
    uses : sequence of Use
        One a bird, on one lattice.
    exact : ndarray of bool, shape (n,)
        Whose birds the reader sees as they are; the rest are others'.
    enough : int
        Fewest birds of others that a cell is told of.

    Returns
    -------
    mean : Use, optional
        Cells ascending, mass that sums to 1; None where nothing can be told.
    told : float
        Between 0 and 1; 1 where all birds are the reader's own.

    Examples
    --------
    >>> one, two = (Use(np.array(k), np.array([0.5, 0.5]), np.array(k), np.array([0.5, 0.5]))
    ...             for k in ([1, 2], [2, 3]))
    >>> mean, told = mean_use([one, two], np.array([True, True]), 3)
    >>> mean.keys.tolist(), mean.mass.tolist(), told
    ([1, 2, 3], [0.25, 0.5, 0.25], 1.0)
    """
    others = [use for use, own in zip(uses, exact, strict=True) if not own]
    cells, n_birds = overlap([core(use, TOLD_LEVEL) for use in others])
    told = cells[n_birds >= enough]
    parts = [(use.keys, use.mass) for use, own in zip(uses, exact, strict=True) if own]
    parts += [_within(use, told) for use in others]
    keys, mass = _sum(parts)
    total = float(mass.sum()) / len(uses)
    if total == 0.0:
        return None, 0.0
    none = np.empty(0)
    return Use(keys, mass / mass.sum(), none.astype(np.int64), none), min(total, 1.0)


def _within(use: Use, cells: IntArray) -> _Laid:
    inside = np.isin(use.keys, cells, assume_unique=True)
    return use.keys[inside], use.mass[inside]


def _sum(parts: list[_Laid]) -> _Laid:
    """Add distributions up in pairs, and pairs of them: memory goes with what they hold."""
    while len(parts) > 1:
        parts = [_pair(parts[i : i + 2]) for i in range(0, len(parts), 2)]
    return parts[0]


def _pair(parts: list[_Laid]) -> _Laid:
    keys = np.concatenate([keys for keys, _ in parts])
    cells, inverse = np.unique(keys, return_inverse=True)
    mass = np.concatenate([mass for _, mass in parts])
    summed = np.bincount(inverse, weights=mass, minlength=cells.shape[0])
    return cells, np.asarray(summed, dtype=np.float64)
