"""Utilisation of a species: the mean of its birds' distributions, each bird weighing the same."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from app.movement.keysites import Use, core
from app.movement.track import FloatArray, IntArray

TOLD_LEVEL = 0.95
"""Share of a bird's time within which it counts as one that uses a cell: beyond lies what its
kernel alone puts there."""

_Laid = tuple[IntArray, FloatArray]


def mean_use(
    uses: Iterable[Use], exact: NDArray[np.bool_], enough: int
) -> tuple[Use | None, float]:
    """
    Return the mean distribution of birds, and the share of their time that it tells.

    Of others' birds only the cells are told that `enough` of them use, each within its own 95 %:
    what fewer used is left out, and the rest made to sum to 1.

    Parameters
    ----------
    uses : iterable of Use
        One a bird, on one lattice; gone through twice where birds are others', and none is kept.
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
    told = np.empty(0, np.int64) if exact.all() else _told(uses, exact, enough)
    keys, mass = _sum(
        (use.keys, use.mass) if own else _within(use, told)
        for use, own in zip(uses, exact, strict=True)
    )
    total = float(mass.sum()) / exact.shape[0]
    if total == 0.0:
        return None, 0.0
    none = np.empty(0)
    return Use(keys, mass / mass.sum(), none.astype(np.int64), none), min(total, 1.0)


def _told(uses: Iterable[Use], exact: NDArray[np.bool_], enough: int) -> IntArray:
    """Return the cells that enough of others' birds use."""
    cores = (core(use, TOLD_LEVEL) for use, own in zip(uses, exact, strict=True) if not own)
    cells, n_birds = _sum((each, np.ones(each.shape[0])) for each in cores)
    return cells[n_birds >= enough]


def _within(use: Use, cells: IntArray) -> _Laid:
    inside = np.isin(use.keys, cells, assume_unique=True)
    return use.keys[inside], use.mass[inside]


def _sum(parts: Iterable[_Laid]) -> _Laid:
    """
    Add distributions up as they come, by pairs and pairs of pairs.

    Sums of 1, 2, 4 and so on of them wait for another of as many, so that each is added to few
    others, and no more sums are held than there are doublings.
    """
    waiting: list[tuple[int, _Laid]] = []
    for part in parts:
        n, held = 1, part
        while waiting and waiting[-1][0] == n:
            held = _pair(waiting.pop()[1], held)
            n *= 2
        waiting.append((n, held))
    _, total = waiting.pop()
    while waiting:
        total = _pair(waiting.pop()[1], total)
    return total


def _pair(one: _Laid, other: _Laid) -> _Laid:
    """Add two distributions up, whose cells ascend: they are merged, not sorted anew."""
    (cells, mass), (keys, more) = one, other
    at = np.searchsorted(cells, keys)
    known = np.zeros(keys.shape[0], dtype=np.bool_)
    within = at < cells.shape[0]
    known[within] = cells[at[within]] == keys[within]
    summed = mass.copy()
    summed[at[known]] += more[known]
    new = ~known
    return np.insert(cells, at[new], keys[new]), np.insert(summed, at[new], more[new])
