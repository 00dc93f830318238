"""Key sites: places that a telling share of the birds use much, and how well the birds tell it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array, diags_array
from scipy.sparse.csgraph import connected_components

from app.movement.track import FloatArray, IntArray

VERSION = "key sites 1"
"""Version of the method; what other versions found is found again."""

LEVEL = 0.5
"""Share of a bird's time that its core area holds (Beal et al. 2021)."""

CELLS_PER_SCALE = 8
"""Cells along one bandwidth: areas of cells agree with those of outlines within 1 %."""

REACH = 4.0
"""Bandwidths to which a kernel reaches: 1e-4 of it lies beyond."""

_STEPS = int(REACH * CELLS_PER_SCALE)

BIRDS_MIN = 5
"""Fewest birds whose sample is judged: a curve of two parameters through four sizes; our choice."""

DRAWS = 600
"""Samples drawn in all to judge one set of birds, spread evenly over the sizes."""

SIZES_MAX = 40
"""Most sizes of sample at which birds are drawn."""

BLOCK = 3
"""Cells along a side of the blocks on which samples are judged: blocks of 0.4 bandwidths."""

SHARES = ((90.0, 0.1), (80.0, 0.125), (70.0, 0.2), (-np.inf, 0.5))
"""Share of the birds that must be exceeded at each representativeness [%] (Lascelles et al. 2016,
doi:10.1111/ddi.12411, as track2KBA has them; below 70 % half of the birds, and no site is called
sufficient)."""

SUFFICIENT = 70.0
"""Representativeness from which sites may be taken for those of the population [%]."""


@dataclass(frozen=True, slots=True)
class Lattice:
    """Square cells of a plane, named by one whole number each: `row << 32 | column`."""

    cell_m: float

    def keys(self, x: FloatArray, y: FloatArray) -> IntArray:
        """Return the cell of each point."""
        return _key(*(np.floor(v / self.cell_m).astype(np.int64) for v in (x, y)))

    def corners(self, keys: IntArray) -> tuple[FloatArray, FloatArray]:
        """Return the lower left corner of each cell [m]."""
        left, low = (np.asarray(v * self.cell_m, np.float64) for v in _unkey(keys))
        return left, low

    @property
    def cell_km2(self) -> float:
        """Area of a cell [km2]."""
        return self.cell_m**2 / 1e6


def _key(column: IntArray, row: IntArray) -> IntArray:
    return np.asarray((row << 32) + column + (1 << 31), dtype=np.int64)


def _unkey(keys: IntArray) -> tuple[IntArray, IntArray]:
    return (keys & 0xFFFFFFFF) - (1 << 31), keys >> 32


@dataclass(frozen=True, slots=True)
class Use:
    """How one bird used the cells of a lattice: ascending keys, and mass that sums to 1."""

    keys: IntArray
    mass: FloatArray
    at: IntArray  # cells that hold positions, ascending
    weight: FloatArray  # share of the positions in each of them


def use_of(x: FloatArray, y: FloatArray, weight: FloatArray, scale_m: float) -> Use:
    """
    Spread the positions of one bird by a Gaussian, in the cells around them alone.

    Memory goes with the cells that the bird came near, not with the extent of its journey.

    Parameters
    ----------
    x, y : ndarray of float64, shape (n,)
        Positions in an equal-area plane [m].
    weight : ndarray of float64, shape (n,)
        Hours that each stands for.
    scale_m : float
        Standard deviation of the kernel [m].

    Returns
    -------
    Use
        On the lattice of `lattice_of(scale_m)`.
    """
    lattice = lattice_of(scale_m)
    at, inverse = np.unique(lattice.keys(x, y), return_inverse=True)
    held = np.bincount(inverse, weights=weight, minlength=at.shape[0])
    held = held / held.sum()
    column, row = _unkey(at)
    left, low = int(column.min()) - _STEPS, int(row.min()) - _STEPS
    n_x, n_y = int(column.max()) - left + _STEPS + 1, int(row.max()) - low + _STEPS + 1
    placed = coo_array((held, (row - low, column - left)), shape=(n_y, n_x)).tocsr()
    rows = _falling(n_y) @ (placed @ _falling(n_x))
    rows.sort_indices()  # row by row, which takes half as long as all at once
    spread = rows.tocoo()
    keys = _key(spread.col.astype(np.int64) + left, spread.row.astype(np.int64) + low)
    return Use(keys, spread.data / spread.data.sum(), at, held)


def _falling(n: int) -> csr_array:
    """Return the Gaussian between each two of n cells that reach each other, shape (n, n)."""
    # Positions are taken to the middle of their cells: a variance of cell^2 / 12 too many.
    spread = np.sqrt(CELLS_PER_SCALE**2 - 1.0 / 12.0)
    reach = min(_STEPS, n - 1)
    steps = np.arange(-reach, reach + 1)
    fall = np.exp(-0.5 * (steps / spread) ** 2)
    return csr_array(diags_array(fall, offsets=steps, shape=(n, n)))


def lattice_of(scale_m: float) -> Lattice:
    """Return the lattice on which kernels of this scale are laid."""
    return Lattice(scale_m / CELLS_PER_SCALE)


def core(use: Use, level: float = LEVEL) -> IntArray:
    """
    Return the cells of the smallest area that holds `level` of a bird's time, ascending.

    Examples
    --------
    >>> mass = np.array([0.1, 0.4, 0.3, 0.2])
    >>> core(Use(np.arange(4), mass, np.arange(4), mass)).tolist()
    [1, 2]
    """
    least, n = _least(use.mass, level * (1.0 - 1e-12))
    held = use.mass > least
    held[np.flatnonzero(use.mass == least)[: n - int(held.sum())]] = True
    return use.keys[held]


def overlap(cores: Sequence[IntArray]) -> tuple[IntArray, IntArray]:
    """Return the cells of any core, ascending, and how many cores hold each."""
    if not cores:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    return np.unique(np.concatenate(cores), return_counts=True)


@dataclass(frozen=True, slots=True)
class Sample:
    """
    How well a sample of birds tells where the population is.

    Attributes
    ----------
    n_birds : int
        Birds of the sample.
    percent : float, optional
        Representativeness: the share that the curve of saturation has reached at this sample [%];
        None for fewer than `BIRDS_MIN` birds, or where no curve fits.
    asymptote : float, optional
        Share of a further bird's time within the core area of endless many: `LEVEL` where birds
        are alike, and more where kernels are wider than what they stand for.
    """

    n_birds: int
    percent: float | None
    asymptote: float | None

    @property
    def sufficient(self) -> bool:
        """Tell whether sites may be taken for those of the population."""
        return self.percent is not None and self.percent >= SUFFICIENT

    @property
    def birds_exceeded(self) -> float:
        """Return how many core areas a cell must exceed to be part of a site."""
        percent = -np.inf if self.percent is None else self.percent
        share = next(share for bound, share in SHARES if percent >= bound)
        # What one bird alone used is no site.
        return max(1.0, share * self.n_birds)


def assess(uses: Iterable[Use], *, seed: int = 0, draws: int = DRAWS) -> Sample:
    """
    Judge how representative birds are, by whether adding one still tells something new.

    Samples of each size are drawn at random; the core area of their mean is laid over the
    positions of the birds left out, and a curve of saturation ``a n / (1 + b n)`` fitted to the
    shares within (Lascelles et al. 2016, doi:10.1111/ddi.12411; Beal et al. 2021,
    doi:10.1111/2041-210X.13713). Every bird weighs the same.

    Parameters
    ----------
    uses : iterable of Use
        One a bird, on one lattice, in an order that does not hang on how they came; none is kept.
    seed : int
        The same seed draws the same samples.
    draws : int
        Samples drawn in all.

    Returns
    -------
    Sample
        Representativeness; the same for the same birds in the same order.
    """
    mass, held = _on_blocks(uses)
    n = mass.shape[0]
    if n < BIRDS_MIN:
        return Sample(n, None, None)
    sizes = np.unique(np.linspace(1, n - 1, min(n - 1, SIZES_MAX)).round().astype(np.int64))
    times = max(5, draws // sizes.shape[0])
    rng = np.random.default_rng(seed)
    within = [_within(mass, held, size, times, rng) for size in sizes.tolist()]
    return _judged(n, np.repeat(sizes, times).astype(np.float64), np.concatenate(within))


def _on_blocks(uses: Iterable[Use]) -> tuple[csr_array, csr_array]:
    """
    Return mass and positions of each bird by block of cells, shape (birds, blocks).

    Few birds were near any one block: memory goes with the blocks that each came near.
    """
    near, held = [], []
    for use in uses:
        blocks, inverse = np.unique(_blocks(use.keys), return_inverse=True)
        shares = np.bincount(inverse.ravel(), weights=use.mass)
        near.append((blocks, np.asarray(shares, dtype=np.float64)))
        held.append((_blocks(use.at), use.weight))
    known = np.unique(np.concatenate([np.empty(0, np.int64), *(blocks for blocks, _ in near)]))
    return _by_bird(near, known), _by_bird(held, known)


def _by_bird(parts: Sequence[tuple[IntArray, FloatArray]], known: IntArray) -> csr_array:
    """Lay each bird's blocks and what it has there in a row; a block may come twice in one."""
    ends = np.cumsum([0, *(blocks.shape[0] for blocks, _ in parts)])
    # Row by row: all places at once would need several times the memory of what is kept.
    place, share = np.empty(ends[-1], np.int32), np.empty(ends[-1])
    for (blocks, shares), first, end in zip(parts, ends[:-1], ends[1:], strict=True):
        place[first:end], share[first:end] = np.searchsorted(known, blocks), shares
    return csr_array((share, place, ends), shape=(len(parts), known.shape[0]))


def _blocks(keys: IntArray) -> IntArray:
    column, row = _unkey(keys)
    return _key(column // BLOCK, row // BLOCK)


def _within(
    mass: csr_array, held: csr_array, size: int, times: int, rng: np.random.Generator
) -> FloatArray:
    """Return the share of the time of birds left out within the core of each sample's mean."""
    n = mass.shape[0]
    drawn = np.zeros((times, n))
    drawn[np.arange(times)[:, None], rng.permuted(np.tile(np.arange(n), (times, 1)), axis=1)[
        :, :size
    ]] = 1.0  # fmt: skip
    by_block, positions = mass.T, held.T
    out = np.empty(times)
    for i, own in enumerate(drawn):
        mean, left = by_block @ own, positions @ (1.0 - own) / (n - size)
        some = mean[mean > 0.0]
        out[i] = left[mean >= _least(some, LEVEL * some.sum())[0]].sum()
    return out


def _least(mass: FloatArray, enough: float) -> tuple[float, int]:
    """Return the mass of the emptiest of the fewest cells that hold enough, and how many they are.

    They are few: the fullest sixteenth is looked at first.
    """
    n = mass.shape[0]
    k = n // 16 + 1
    while True:
        k = min(k, n)
        falling = np.sort(np.partition(mass, n - k)[n - k :])[::-1]
        at = int(np.searchsorted(np.cumsum(falling), enough))
        if at < k or k == n:
            at = min(at, k - 1)
            return float(falling[at]), at + 1
        k *= 4


def _judged(n: int, size: FloatArray, within: FloatArray) -> Sample:
    from scipy.optimize import OptimizeWarning, curve_fit  # noqa: PLC0415 - slow to load

    try:
        (a, b), _ = curve_fit(_saturating, size, within, p0=(1.0, 1.0), maxfev=2_000)
    except (RuntimeError, OptimizeWarning):
        return Sample(n, None, None)
    if not (a > 0.0 and b > 0.0):
        return Sample(n, None, None)
    most = float(size.max())
    return Sample(n, float(100.0 * b * most / (1.0 + b * most)), float(a / b))


def _saturating(n: FloatArray, a: float, b: float) -> FloatArray:
    return np.asarray(a * n / (1.0 + b * n), dtype=np.float64)


def patches(keys: IntArray) -> IntArray:
    """
    Number the cells that touch along an edge alike, patches by their first cell.

    Examples
    --------
    >>> lattice = Lattice(1.0)
    >>> keys = np.sort(lattice.keys(np.array([0.5, 1.5, 3.5]), np.array([0.5, 0.5, 0.5])))
    >>> patches(keys).tolist()
    [0, 0, 1]
    """
    n = keys.shape[0]
    pairs = []
    for step in (1, 1 << 32):
        place = np.minimum(np.searchsorted(keys, keys + step), max(n - 1, 0))
        touching = np.flatnonzero(keys[place] == keys + step) if n else np.empty(0, np.int64)
        pairs.append(np.stack([touching, place[touching]]))
    return _labels(n, np.concatenate(pairs, axis=1))


def _labels(n: int, pairs: NDArray[np.int64]) -> IntArray:
    graph = coo_array((np.ones(pairs.shape[1]), (pairs[0], pairs[1])), shape=(n, n))
    _, label = connected_components(graph, directed=False)
    return np.asarray(label, dtype=np.int64)
