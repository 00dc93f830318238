"""Connectivity: how birds spread from where they leave to where they come, and how firmly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from app.movement.arcs import arcs_m
from app.movement.families import beyond_none, bounds, draw_weights, tells
from app.movement.track import FloatArray, IntArray


@dataclass(frozen=True, slots=True)
class Transition:
    """
    All passages from one node to another.

    `share` is that of the passages which left `origin` [1]; `low` and `high` bound it, nan where
    too few birds left `origin` for an interval.
    """

    origin: int
    target: int
    n_passages: int
    n_birds: int
    share: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Strength:
    """
    Migratory connectivity: 1 where birds keep their neighbours, 0 where they mix freely.

    `mantel` is the correlation of the distances between birds at both ends (Ambrosini et al.
    2009, doi:10.1111/j.1600-048X.2008.04573.x), `mc` that of the distances between the regions
    of two birds drawn at random (Cohen et al. 2018, doi:10.1111/2041-210X.12916); nan where all
    birds share an end. Low and high bound each.
    """

    n_birds: int
    mantel: float
    mantel_low: float
    mantel_high: float
    mc: float
    mc_low: float
    mc_high: float


@dataclass(frozen=True, slots=True)
class Ends:
    """Where each bird's passage began and ended: places [degrees] and regions, shape (n,)."""

    origin_lon: FloatArray
    origin_lat: FloatArray
    target_lon: FloatArray
    target_lat: FloatArray
    origin: IntArray
    target: IntArray


def transitions(
    origin: IntArray, target: IntArray, bird: IntArray, family: IntArray
) -> list[Transition]:
    """
    Return the transition matrix of passages, by origin and target; every passage is in one cell.

    Parameters
    ----------
    origin, target : ndarray of int64, shape (n,)
        Nodes that each passage joins.
    bird, family : ndarray of int64, shape (n,)
        Who flew it. Families are drawn anew for the intervals; where all passages from an origin
        go to one target the low end is that of `families.beyond_none`.

    Examples
    --------
    >>> found = transitions(*np.array([[0, 0, 0], [1, 1, 2], [7, 8, 7], [0, 1, 0]]))
    >>> [(t.target, t.n_passages, t.n_birds, round(t.share, 3)) for t in found]
    [(1, 2, 2, 0.667), (2, 1, 1, 0.333)]
    """
    if not origin.shape[0]:
        return []
    pairs, cell = np.unique(np.stack([origin, target]), axis=1, return_inverse=True)
    cell = np.asarray(cell).ravel()
    houses, house = np.unique(family, return_inverse=True)
    counts = np.zeros((houses.shape[0], pairs.shape[1]))
    np.add.at(counts, (np.asarray(house).ravel(), cell), 1.0)
    rows = pairs[0][:, None] == pairs[0][None, :]

    def shares(found: FloatArray) -> FloatArray:
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(found / (found @ rows.astype(np.float64)), dtype=np.float64)

    total = counts.sum(axis=0)
    share = shares(total[None, :])[0]
    low, high = np.full((2, pairs.shape[1]), np.nan)
    if tells(bird, family):
        low, high = bounds(shares(draw_weights(houses) @ counts))
    for node in np.unique(origin).tolist():
        of, left = pairs[0] == node, origin == node
        if not tells(bird[left], family[left]):
            low[of] = high[of] = np.nan
        elif of.sum() == 1:
            low[of] = 1.0 - beyond_none(counts[:, of].sum(axis=1))
    return [
        Transition(
            origin=int(pairs[0, k]),
            target=int(pairs[1, k]),
            n_passages=int(total[k]),
            n_birds=np.unique(bird[cell == k]).shape[0],
            share=float(share[k]),
            low=float(low[k]),
            high=float(high[k]),
        )
        for k in range(pairs.shape[1])
    ]


def strength(ends: Ends, family: IntArray) -> Strength:
    """
    Return how far birds keep their neighbours from one end of the way to the other.

    Parameters
    ----------
    ends : Ends
        One passage of each bird.
    family : ndarray of int64, shape (n,)
        Drawn anew for the intervals.

    Examples
    --------
    >>> line = np.array([0.0, 1.0, 2.0])
    >>> ends = Ends(line, line * 0, line, line * 0 + 40, *np.array([[0, 1, 2], [0, 1, 2]]))
    >>> found = strength(ends, np.arange(3))
    >>> round(found.mantel, 3), round(found.mc, 3)
    (1.0, 1.0)
    """
    n = family.shape[0]
    near = arcs_m(ends.origin_lon, ends.origin_lat, ends.origin_lon, ends.origin_lat)
    far = arcs_m(ends.target_lon, ends.target_lat, ends.target_lon, ends.target_lat)
    between = (_regions(ends.origin_lon, ends.origin_lat, ends.origin),
               _regions(ends.target_lon, ends.target_lat, ends.target))  # fmt: skip
    once = np.ones((1, n))

    def mantel(weights: FloatArray) -> FloatArray:
        # Pairs of different draws: of n, n (n - 1), though two of them may be one bird.
        number = weights.sum(axis=1)
        return _correlation(weights, near, far, number * (number - 1.0))

    def mc(weights: FloatArray) -> FloatArray:
        return _correlation(weights, *between, weights.sum(axis=1) ** 2)

    def told(of: Callable[[FloatArray], FloatArray]) -> tuple[float, float, float]:
        low, high = np.nan, np.nan
        if tells(np.arange(n), family):
            lows, highs = bounds(of(draw_weights(family))[:, None])
            low, high = float(lows[0]), float(highs[0])
        return float(of(once)[0]) if n > 1 else np.nan, low, high

    return Strength(n, *told(mantel), *told(mc))


def _regions(lon: FloatArray, lat: FloatArray, region: IntArray) -> FloatArray:
    """Return the distance between the regions of each two birds, by their birds' mean places."""
    _, number = np.unique(region, return_inverse=True)
    number = np.asarray(number).ravel()
    count = np.bincount(number)
    turn = np.radians(lon)
    east = np.bincount(number, np.sin(turn)) / count
    north = np.bincount(number, np.cos(turn)) / count
    middle = np.degrees(np.arctan2(east, north)), np.bincount(number, lat) / count
    return arcs_m(*middle, *middle)[np.ix_(number, number)]


def _correlation(
    weights: FloatArray, a: FloatArray, b: FloatArray, pairs: FloatArray
) -> FloatArray:
    """Return the correlation of two tables of distances under each weighting, shape (draws,)."""

    def mean(table: FloatArray) -> FloatArray:
        return np.asarray(((weights @ table) * weights).sum(axis=1) / pairs, dtype=np.float64)

    with np.errstate(invalid="ignore", divide="ignore"):
        mean_a, mean_b = mean(a), mean(b)
        spread = (mean(a * a) - mean_a**2) * (mean(b * b) - mean_b**2)
        found = (mean(a * b) - mean_a * mean_b) / np.sqrt(spread)
    # Of distances that are all the same there is no correlation, whatever rounding says.
    known = spread > 1e-12 * (mean_a**2 * mean_b**2)
    return np.where(known, np.clip(found, -1.0, 1.0), np.nan)
