"""The ledger: bird-days in rows of area, season, protection and class, with their sample."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.movement.families import BIRDS_MIN
from app.movement.resampling import share_intervals
from app.movement.track import BoolArray, FloatArray, IntArray


@dataclass(frozen=True, slots=True)
class Tally:
    """
    What stands in each row, shape (r,) each.

    Attributes
    ----------
    time_us : ndarray of int64
        Time of all birds; the sum over rows is the whole time exactly [microseconds].
    n_birds, n_families : ndarray of int64
        Those with time in the row.
    low, high : ndarray of float64
        Ends of the 95 % interval of the row's share of all time; nan with fewer than `BIRDS_MIN`
        birds in the row, or fewer than two families in all.
    present : ndarray of bool, shape (b, r)
        Which birds have time in which row.
    """

    time_us: IntArray
    n_birds: IntArray
    n_families: IntArray
    low: FloatArray
    high: FloatArray
    present: BoolArray


def tally(spent: IntArray, family: IntArray) -> Tally:
    """
    Sum the time of birds by rows, with intervals over families.

    Parameters
    ----------
    spent : ndarray of int64, shape (b, r)
        Time of each bird in each row [microseconds].
    family : ndarray of int64, shape (b,)
        The family of each bird, numbered from 0.

    Returns
    -------
    Tally
        Whole numbers are added, so that no order of birds changes a digit.

    Examples
    --------
    >>> found = tally(np.array([[3, 0], [1, 4]]), np.array([0, 0]))
    >>> found.time_us.tolist(), found.n_birds.tolist(), found.n_families.tolist()
    ([4, 4], [2, 1], [1, 1])
    """
    families = np.zeros((int(family.max(initial=-1)) + 1, spent.shape[1]), dtype=np.int64)
    np.add.at(families, family, spent)
    present = spent > 0
    n_birds = present.sum(axis=0)
    low, high = share_intervals(families, families.sum(axis=1)).T
    few = n_birds < BIRDS_MIN
    return Tally(
        time_us=spent.sum(axis=0),
        n_birds=n_birds,
        n_families=(families > 0).sum(axis=0),
        low=np.where(few, np.nan, low),
        high=np.where(few, np.nan, high),
        present=present,
    )
