"""Intervals of shares by leaving out families: how far another sample of birds might differ."""

from __future__ import annotations

import numpy as np

from app.movement.families import beyond_none, in_effect
from app.movement.track import FloatArray, IntArray

LEVEL = 0.95


def share_intervals(spent: IntArray, whole: IntArray) -> FloatArray:
    """
    Return a 95 % interval of the share of each row, by a jackknife over families.

    The share of a row is the time all families spent in it over all time of all families. Each
    family is left out in turn, as the birds of one travel together, which gives the standard
    error of the share (Miller 1974, doi:10.1093/biomet/61.1.1). Ends are Student's t either side
    on the scale of log odds, so that they stay within 0 and 1 and are as lopsided as the errors
    of a share near either (Brown, Cai and DasGupta 2001, doi:10.1214/ss/1009213286; ``xlogit`` of
    ``svyciprop`` in R's survey). Degrees of freedom are one fewer than the families in effect,
    which are fewer than those seen where some were followed for longer (Kish 1965, Survey
    sampling), and never under 1. Where no family, or each at all times, was in a row, the far end
    is the exact one of a binomial share (`families.beyond_none`).

    A bootstrap of few families can't reach beyond what these few did, and holds the truth too
    seldom; `make validate` measures how often these intervals do.

    Parameters
    ----------
    spent : ndarray of int64, shape (f, r)
        Time of each family in each row [microseconds].
    whole : ndarray of int64, shape (f,)
        All time of each family [microseconds]; families without any are left out.

    Returns
    -------
    ndarray of float64, shape (r, 2)
        Low and high end; nan with fewer than two families. The same data have the same interval
        in whatever order they come.

    Examples
    --------
    >>> spent = np.array([[3], [4], [5], [6]])
    >>> share_intervals(spent, np.full(4, 10)).round(2).tolist()
    [[0.26, 0.65]]
    """
    spent, whole = _in_order(spent, whole)
    n, rows = spent.shape
    if n < 2 or not rows:
        return np.full((rows, 2), np.nan)
    share = spent.sum(axis=0) / whole.sum()
    reach = _quantile(whole) * _errors(spent, whole)
    # A web process that is never asked for a ledger goes without.
    from scipy.special import expit, logit  # noqa: PLC0415 - slow to load

    inner = (share > 0) & (share < 1)
    away = np.divide(reach, share * (1 - share), out=np.zeros_like(share), where=inner)
    odds = logit(share)
    # Rounding on the way there and back must not carry an end past the share itself.
    low = np.minimum(expit(odds - away), share)
    high = np.maximum(expit(odds + away), share)
    # Nobody, or nobody else, was ever in the row: no family tells how another might differ.
    far = beyond_none(whole)
    return np.stack([np.where(share == 1, 1 - far, low), np.where(share == 0, far, high)], axis=1)


def _in_order(spent: IntArray, whole: IntArray) -> tuple[IntArray, IntArray]:
    """Sort families by what they did: their names and their order are no part of the data."""
    seen = whole > 0
    spent, whole = spent[seen], whole[seen]
    order = np.lexsort((*spent.T[::-1], whole))
    return spent[order], whole[order]


def _errors(spent: IntArray, whole: IntArray) -> FloatArray:
    """Return the standard error of the share of each row by the jackknife."""
    n = whole.shape[0]
    left_out = (spent.sum(axis=0) - spent) / (whole.sum() - whole)[:, None]
    left_out -= left_out.mean(axis=0)
    found: FloatArray = np.sqrt((left_out**2).sum(axis=0) * (n - 1) / n)
    return found


def _quantile(whole: IntArray) -> float:
    """Return Student's t of the families in effect: each counts by its part of all time."""
    from scipy.special import stdtrit  # noqa: PLC0415 - slow to load

    return -float(stdtrit(max(in_effect(whole) - 1, 1.0), 0.5 - LEVEL / 2))
