"""Intervals of shares by resampling families: how far another sample of birds might differ."""

from __future__ import annotations

import hashlib

import numpy as np

from app.movement.track import FloatArray, IntArray

RESAMPLES = 2_000
"""Resamples of an interval: its ends move by under 0.1 of a standard error between seeds."""

LEVEL = 0.95
_CELLS_MAX = 8_000_000
"""Most numbers of one block of the work: 64 MB."""


def share_intervals(spent: IntArray, whole: IntArray) -> FloatArray:
    """
    Return a 95 % interval of the share of each row, by a bootstrap over families.

    The share of a row is the time all families spent in it over all time of all families. Whole
    families are drawn again, as the birds of one travel together. Ends are those of the
    bias-corrected and accelerated bootstrap (Efron 1987, doi:10.1080/01621459.1987.10478410),
    widened to Student's t with one degree of freedom fewer than families and to the unbiased
    variance, as a plain bootstrap is too narrow in small samples (Hesterberg 2015,
    doi:10.1080/00031305.2015.1089789).

    Parameters
    ----------
    spent : ndarray of int64, shape (f, r)
        Time of each family in each row [microseconds].
    whole : ndarray of int64, shape (f,)
        All time of each family [microseconds]; families without any are left out.

    Returns
    -------
    ndarray of float64, shape (r, 2)
        Low and high end; nan with fewer than two families. Drawn from a seed made of the data
        themselves, so that the same data have the same interval in whatever order they come.

    Examples
    --------
    >>> spent = np.array([[3], [4], [5], [6]])
    >>> share_intervals(spent, np.full(4, 10)).round(2).tolist()
    [[0.3, 0.6]]
    """
    spent, whole = _in_order(spent, whole)
    n, rows = spent.shape
    if n < 2 or not rows:
        return np.full((rows, 2), np.nan)
    weight = _resamples(whole)
    total = weight @ whole.astype(np.float64)
    out = np.empty((rows, 2))
    step = max(1, _CELLS_MAX // RESAMPLES)
    for at in range(0, rows, step):
        part = spent[:, at : at + step]
        drawn = (weight @ part.astype(np.float64)) / total[:, None]
        out[at : at + step] = _ends(drawn, part, whole)
    return out


def _in_order(spent: IntArray, whole: IntArray) -> tuple[IntArray, IntArray]:
    """Sort families by what they did: their names and their order are no part of the data."""
    seen = whole > 0
    spent, whole = spent[seen], whole[seen]
    order = np.lexsort((*spent.T[::-1], whole))
    return spent[order], whole[order]


def _resamples(whole: IntArray) -> FloatArray:
    """Return how often each family is drawn, shape (RESAMPLES, f), the same for the same data."""
    # By the families alone: a row has the same interval whichever other rows stand beside it.
    digest = hashlib.sha256(np.ascontiguousarray(whole, dtype="<i8").tobytes()).digest()
    random = np.random.default_rng(np.frombuffer(digest, dtype="<u4"))
    n = whole.shape[0]
    return random.multinomial(n, np.full(n, 1.0 / n), size=RESAMPLES).astype(np.float64)


def _ends(drawn: FloatArray, spent: IntArray, whole: IntArray) -> FloatArray:
    # A web process that is never asked for a ledger goes without.
    from scipy.special import ndtr, ndtri, stdtrit  # noqa: PLC0415 - slow to load

    n = whole.shape[0]
    share = spent.sum(axis=0) / whole.sum()
    below = (drawn < share).mean(axis=0) + 0.5 * (drawn == share).mean(axis=0)
    bias = ndtri(np.clip(below, 1.0 / RESAMPLES, 1.0 - 1.0 / RESAMPLES))
    left_out = (spent.sum(axis=0) - spent) / (whole.sum() - whole)[:, None]
    away = left_out.mean(axis=0) - left_out
    spread = 6.0 * (away**2).sum(axis=0) ** 1.5
    bend = np.divide((away**3).sum(axis=0), spread, out=np.zeros_like(spread), where=spread > 0)
    reach = float(stdtrit(n - 1, 0.5 - LEVEL / 2)) * np.sqrt(n / (n - 1))
    out = np.empty((share.shape[0], 2))
    drawn = np.sort(drawn, axis=0)
    for column, z in enumerate((reach, -reach)):
        at = ndtr(bias + (bias + z) / np.maximum(1.0 - bend * (bias + z), 0.1))
        place = at * (RESAMPLES - 1)
        low = np.floor(place).astype(np.int64)
        high = np.minimum(low + 1, RESAMPLES - 1)
        each = np.arange(share.shape[0])
        out[:, column] = drawn[low, each] + (place - low) * (drawn[high, each] - drawn[low, each])
    out[:, 0] = np.minimum(out[:, 0], share)
    out[:, 1] = np.maximum(out[:, 1], share)
    return out
