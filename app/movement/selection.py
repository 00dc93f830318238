"""Selection: which habitats birds use more than they could by chance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from app.movement.families import beyond_none, bounds, draw_weights, tells
from app.movement.track import FloatArray, IntArray


@dataclass(frozen=True, slots=True)
class Ratios:
    """
    Manly's selection ratios of k habitats.

    Attributes
    ----------
    ratio : ndarray of float64, shape (k,)
        Above 1: used more than available; nan where nothing is available [1].
    standard_error : ndarray of float64, shape (k,)
        Of the ratio [1].
    """

    ratio: FloatArray
    standard_error: FloatArray


def manly_pooled(used: FloatArray, available: FloatArray) -> Ratios:
    """
    Return selection ratios of fixes whose birds are not told apart (design I).

    ``w = o / p`` with the shares o used and p available, known exactly, and the standard error
    ``sqrt(o (1 - o) / n) / p`` (Manly et al. 2002, doi:10.1007/0-306-48151-0, ch. 4). Takes fixes
    for independent; `block_bootstrap` does not.

    Parameters
    ----------
    used : ndarray of float64, shape (k,)
        Fixes, or time, in each habitat.
    available : ndarray of float64, shape (k,)
        Areas, in any unit.

    Examples
    --------
    >>> manly_pooled(np.array([30.0, 70.0]), np.array([1.0, 1.0])).ratio.tolist()
    [0.6, 1.4]
    """
    n, p = float(used.sum()), available / available.sum()
    o = used / n
    with np.errstate(divide="ignore", invalid="ignore"):
        return Ratios(o / p, np.sqrt(o * (1.0 - o) / n) / p)


def manly(used: FloatArray, available: FloatArray) -> Ratios:
    """
    Return selection ratios over birds (designs II and III), each bird a sample of its own.

    With ``u`` used by bird and habitat, ``p`` the shares available to each bird,
    ``w = sum u / sum (p u.)`` over birds, where ``u.`` is all that a bird used, and the variance
    ``n / (n - 1) sum (u - w p u.)^2 / (sum p u.)^2`` (Manly et al. 2002, eq. 4.42).

    Parameters
    ----------
    used : ndarray of float64, shape (n, k)
        Fixes, or time, of n >= 2 birds in k habitats.
    available : ndarray of float64, shape (k,) or (n, k)
        Areas: the same for all birds (II), or each bird's own (III).

    Examples
    --------
    >>> manly(np.array([[3.0, 7.0], [3.0, 7.0]]), np.array([1.0, 1.0])).ratio.tolist()
    [0.6, 1.4]
    """
    n = used.shape[0]
    own = np.broadcast_to(available, used.shape)
    expected = own / own.sum(axis=1, keepdims=True) * used.sum(axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = used.sum(axis=0) / expected.sum(axis=0)
        off = ((used - ratio * expected) ** 2).sum(axis=0)
        error = np.sqrt(n / (n - 1.0) * off) / expected.sum(axis=0)
    return Ratios(ratio, error)


def jacobs(used: FloatArray, available: FloatArray) -> FloatArray:
    """
    Return Jacobs' index of each habitat: -1 shunned, 0 as by chance, 1 alone used.

    ``(r - p) / (r + p - 2 r p)`` with the shares r used and p available (Jacobs 1974,
    doi:10.1007/BF00384581).

    Parameters
    ----------
    used, available : ndarray of float64, shape (k,)
        Time or fixes, and areas, in any unit.

    Returns
    -------
    ndarray of float64, shape (k,)
        Index; nan where neither used nor available, or both entirely.

    Examples
    --------
    >>> jacobs(np.array([1.0, 1.0]), np.array([1.0, 3.0])).round(6).tolist()
    [0.5, -0.5]
    """
    r, p = used / used.sum(), available / available.sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray((r - p) / (r + p - 2.0 * r * p), dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Selection:
    """
    Use of k classes against what was there to be used.

    Attributes
    ----------
    used, available : ndarray of float64, shape (k,)
        Shares of the time, and of the areas, each weighing as the time spent in it [1].
    jacobs, jacobs_low, jacobs_high : ndarray of float64, shape (k,)
        Jacobs' index and its interval; nan where it has none.
    manly, manly_low, manly_high : ndarray of float64, shape (k,)
        Manly's selection ratio (design III) and its interval.
    """

    used: FloatArray
    available: FloatArray
    jacobs: FloatArray
    jacobs_low: FloatArray
    jacobs_high: FloatArray
    manly: FloatArray
    manly_low: FloatArray
    manly_high: FloatArray


def select(used: FloatArray, available: FloatArray, bird: IntArray, family: IntArray) -> Selection:
    """
    Compare what birds used with what lay within their own areas.

    Each row is a bird in a season with its own availability (design III): the share expected of
    a class is the mean of its availability over rows, each weighing as its time, so that
    Manly's ratio is used / available and both indexes speak of the same two shares. Intervals
    draw families anew (`families.draw_weights`) and are nan below `families.BIRDS_MIN` birds. Of
    a class that nobody used, or everybody alone, the far end is that of a use of
    `families.beyond_none`.

    Parameters
    ----------
    used : ndarray of float64, shape (n, k)
        Time in each class.
    available : ndarray of float64, shape (n, k)
        Share of each class in the area; rows sum to 1.
    bird, family : ndarray of int64, shape (n,)
        Of each row.

    Examples
    --------
    >>> found = select(np.array([[3.0, 1.0]]), np.array([[0.5, 0.5]]), *np.zeros((2, 1), int))
    >>> found.manly.tolist(), found.jacobs.tolist(), found.jacobs_low.tolist()
    ([1.5, 0.5], [0.5, -0.5], [nan, nan])
    """
    expected = available * used.sum(axis=1, keepdims=True)
    once = np.ones((1, used.shape[0]))
    r, p, index, ratio = _indexes(once @ used, once @ expected)
    low, high = np.full((2, 2, used.shape[1]), np.nan)
    if tells(bird, family):
        weights = draw_weights(family)
        _, _, *drawn = _indexes(weights @ used, weights @ expected)
        (low[0], high[0]), (low[1], high[1]) = (bounds(each) for each in drawn)
        far = beyond_none(np.bincount(np.unique(family, return_inverse=True)[1], used.sum(axis=1)))
        none, alone = (np.array(_of_shares(share, p[0])) for share in (far, 1.0 - far))
        high = np.where((r[0] == 0.0) & (p[0] > 0.0), none, high)
        low = np.where((r[0] == 1.0) & (p[0] < 1.0), alone, low)
    return Selection(r[0], p[0], index[0], low[0], high[0], ratio[0], low[1], high[1])


def _indexes(
    used: FloatArray, expected: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return shares used and expected, Jacobs' index and Manly's ratio, all (draws, k)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        r = used / used.sum(axis=1, keepdims=True)
        p = expected / expected.sum(axis=1, keepdims=True)
    return r, p, *_of_shares(r, p)


def _of_shares(r: FloatArray | float, p: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return Jacobs' index and Manly's ratio of shares used and available."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return (r - p) / (r + p - 2.0 * r * p), r / p


def block_bootstrap(
    used: FloatArray,
    statistic: Callable[[FloatArray], FloatArray],
    *,
    confidence: float = 0.95,
    draws: int = 1000,
    seed: int = 1,
) -> tuple[FloatArray, FloatArray]:
    """
    Return an interval of a statistic of use, whole blocks drawn anew.

    Fixes of one night tell the same thing many times. Blocks long enough to be independent (a
    day or a week of one bird, or a family) keep that together (Kunsch 1989,
    doi:10.1214/aos/1176347265); quantiles of the draws bound the interval.

    Parameters
    ----------
    used : ndarray of float64, shape (b, k)
        Time or fixes of each block in k habitats.
    statistic : callable
        Of use summed over blocks, shape (k,), such as `jacobs` against what is available.
    confidence : float
        Share of the draws between the bounds.
    draws, seed : int
        How many, and the seed that makes them the same again.

    Returns
    -------
    low, high : ndarray of float64, shape (k,)
        Bounds; nan where the statistic is.

    Examples
    --------
    >>> used = np.array([[1.0, 2.0], [1.0, 2.0]])
    >>> [v.tolist() for v in block_bootstrap(used, lambda u: u / u.sum(), draws=5)]
    [[0.3333333333333333, 0.6666666666666666], [0.3333333333333333, 0.6666666666666666]]
    """
    rng = np.random.default_rng(seed)
    n = used.shape[0]
    # How often each block is drawn says all: its rows need not be copied.
    times = rng.multinomial(n, np.full(n, 1.0 / n), size=draws)
    found = np.array([statistic(row) for row in times @ used])
    tail = (1.0 - confidence) / 2.0
    low, high = np.quantile(found, [tail, 1.0 - tail], axis=0)
    return low, high
