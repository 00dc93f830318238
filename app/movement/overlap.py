"""Overlap of corridors: how much two sets of birds fly over the same ground."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from app.movement.families import bounds
from app.movement.flyways import CHOICE_CELLS, Cells, Densities, ground, voters
from app.movement.isopleths import volume
from app.movement.journeys import weights_of
from app.movement.track import FloatArray

LEVEL = 0.95
_DRAWS_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Overlap:
    """
    How alike two corridors are.

    Attributes
    ----------
    affinity : float
        Bhattacharyya's: 1 for the same corridor, 0 for two without common ground (Fieberg &
        Kochanny 2005, doi:10.2193/0022-541X(2005)69[1346:QHRO]2.0.CO;2).
    low, high : float
        Its 95 % interval over families; nan below ten birds in either.
    shared_95 : float
        Area in both 95 % corridors / area in either.
    bandwidth_m : float
        Of the kernel of both [m].
    """

    affinity: float
    low: float
    high: float
    shared_95: float
    bandwidth_m: float


def overlap(
    a: Sequence[tuple[int, Cells]], b: Sequence[tuple[int, Cells]], family: Mapping[int, int]
) -> Overlap:
    """
    Compare the corridors of two sets of birds, each a mean over its birds.

    Both are drawn with the kernel that suits the birds of both together, as
    `flyways.build_route` chooses it: of two sets with kernels of their own the smaller would
    seem another by its wider kernel alone.

    Parameters
    ----------
    a, b : sequence of (int, ndarray of float32, shape (m, 3))
        Birds and the cells of their ways, as `flyways.occupied` gives them; at least one each.
    family : mapping of int to int
        Family of each bird.

    Returns
    -------
    Overlap
        The same whichever set comes first. Few birds make two corridors of one flyway differ by
        chance alone: the interval tells by how much another sample might.
    """
    proj, grid = ground([cells for _, cells in (*a, *b)])
    coarse = grid.coarser(CHOICE_CELLS)
    both = Densities.of(voters(sorted([*a, *b], key=lambda each: each[0])), proj, coarse)
    bandwidth_m = max(both.bandwidth_m(), coarse.cell_m)
    one, other = (_each(Densities.of(own, proj, coarse).smoothed(bandwidth_m)) for own in (a, b))
    mean_a, mean_b = one.mean(axis=0), other.mean(axis=0)
    held = [volume(mean[None]) <= LEVEL for mean in (mean_a, mean_b)]
    either = int(np.logical_or(*held).sum())
    shared = float(np.logical_and(*held).sum() / either) if either else 0.0
    low = high = float("nan")
    common = (mean_a > 0.0) & (mean_b > 0.0)  # elsewhere no draw of these birds meets the others
    ids = [np.array([bird for bird, _ in each], dtype=np.int64) for each in (a, b)]
    weights = weights_of(ids[0], ids[1], family)
    if weights is not None:
        drawn = _drawn(one[:, common], other[:, common], weights)
        low, high = (float(end[0]) for end in bounds(drawn))
    return Overlap(min(1.0, float(np.sqrt(mean_a * mean_b).sum())), low, high, shared, bandwidth_m)


def _each(density: FloatArray) -> FloatArray:
    """Return the density of each bird as a row that sums to 1."""
    flat = density.reshape(density.shape[0], -1)
    out: FloatArray = flat / flat.sum(axis=1, keepdims=True)
    return out


def _drawn(a: FloatArray, b: FloatArray, weights: tuple[FloatArray, FloatArray]) -> FloatArray:
    """Return the affinity of each draw of families, shape (draws, 1); nan of an empty set."""
    shares = []
    for weight in weights:
        total = weight.sum(axis=1)
        shares.append(weight / np.where(total > 0.0, total, np.nan)[:, None])
    found = [
        np.sqrt(
            (shares[0][at : at + _DRAWS_AT_ONCE] @ a) * (shares[1][at : at + _DRAWS_AT_ONCE] @ b)
        )
        for at in range(0, shares[0].shape[0], _DRAWS_AT_ONCE)
    ]
    affinity: FloatArray = np.concatenate([each.sum(axis=1) for each in found])
    return np.minimum(affinity, 1.0)[:, None]
