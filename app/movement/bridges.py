"""Brownian bridges: where a bird may have been between its fixes, and how it moved there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.movement.compiled import kernel
from app.movement.isopleths import Grid
from app.movement.normal import distribution
from app.movement.track import BoolArray, FloatArray

WINDOW = 31
"""Fixes of one window of the dynamic bridge, odd (Kranstauber et al. 2012)."""

MARGIN = 11
"""Fixes at either end of a window that no break may lie in, odd (Kranstauber et al. 2012)."""

REACH = 5.0
"""Standard deviations that a piece of a bridge is laid out to: 4e-6 of it lie beyond."""

STEPS_MIN, STEPS_MAX = 12, 400
"""Pieces that one bridge is cut into: enough for its swelling, few enough to pay for."""


@dataclass(frozen=True, slots=True)
class Path:
    """
    Fixes of one bird in a plane, in time order.

    Attributes
    ----------
    time_s : ndarray of float64, shape (n,)
        Strictly ascending [s].
    x, y : ndarray of float64, shape (n,)
        Place [m].
    error_m : ndarray of float64, shape (n,)
        Standard deviation of x and of y [m].
    """

    time_s: FloatArray
    x: FloatArray
    y: FloatArray
    error_m: FloatArray

    def __len__(self) -> int:
        return int(self.time_s.shape[0])


@dataclass(frozen=True, slots=True)
class Motion:
    """
    How fast a bird diffuses on each way from a fix to the next.

    Attributes
    ----------
    variance_m2_s : ndarray of float64, shape (n - 1,)
        Brownian motion variance [m2/s]; nan where it can't be told, and no bridge is laid.
    """

    variance_m2_s: FloatArray

    @property
    def known(self) -> BoolArray:
        """Ways that are bridged, shape (n - 1,)."""
        known: BoolArray = np.isfinite(self.variance_m2_s)
        return known


def bursts(time_s: FloatArray, gap_max_s: float) -> list[tuple[int, int]]:
    """Return the parts without a longer silence as (first, last) fix, both included."""
    if not time_s.shape[0]:
        return []
    after = np.flatnonzero(np.diff(time_s) > gap_max_s)
    firsts, lasts = [0, *(after + 1).tolist()], [*after.tolist(), time_s.shape[0] - 1]
    return list(zip(firsts, lasts, strict=True))


def fixed_motion(
    path: Path, gap_max_s: float = np.inf, variance_m2_s: float | None = None
) -> Motion:
    """
    Give every way one Brownian motion variance: the given one, or the likeliest.

    Every fix is told from its two neighbours: at the share ``a`` of the time ``T``
    between them it is normal around the point that divides their line so, with the variance
    ``T a (1 - a) s2 + (1 - a)^2 e0^2 + a^2 e1^2`` in x and in y, where ``s2`` is what is sought
    and ``e`` are the errors of the neighbours (Horne et al. 2007, doi:10.1890/06-0957.1, who
    take every second fix; kernelbb takes all, and so does this).

    Parameters
    ----------
    path : Path
        Fixes of one bird.
    gap_max_s : float
        No way longer than this is bridged or learnt from [s].
    variance_m2_s : float, optional
        The variance, where it is known [m2/s]; adehabitatHR calls its root sig1.

    Returns
    -------
    Motion
        Nothing is known where no three fixes follow each other without a gap.
    """
    out = np.full(max(len(path) - 1, 0), np.nan)
    bridged = np.diff(path.time_s) <= gap_max_s
    if variance_m2_s is None:
        middle = np.concatenate(
            [np.arange(a + 1, b, dtype=np.int64) for a, b in bursts(path.time_s, gap_max_s)]
            or [np.empty(0, dtype=np.int64)]
        )
        if not middle.shape[0]:
            return Motion(out)
        square, share, error = (each[middle] for each in _middles(path))
        variance_m2_s = float(_likeliest(square, share, error, (0, middle.shape[0], 1))[0])
    out[bridged] = variance_m2_s
    return Motion(out)


def dynamic_motion(
    path: Path, gap_max_s: float = np.inf, window: int = WINDOW, margin: int = MARGIN
) -> Motion:
    """
    Give every way the Brownian motion variance of its own time: the dynamic bridge.

    A window of fixes slides along the track. Within it one variance, or two with a break at any
    odd fix outside the margins, is chosen by the Bayesian information criterion, each the
    likeliest for every second fix of its part. A way has the mean over all windows that hold it
    between their margins (Kranstauber et al. 2012, doi:10.1111/j.1365-2656.2012.01955.x).

    Parameters
    ----------
    path : Path
        Fixes of one bird.
    gap_max_s : float
        Windows never span a longer silence [s].
    window, margin : int
        Both odd, the window at least twice the margin.

    Returns
    -------
    Motion
        Unknown, and so without a bridge, on ways that fewer windows hold than the full number:
        at both ends of a track and of a silence; everywhere in a part shorter than a window.
    """
    if window % 2 == 0 or margin % 2 == 0 or margin < 3 or window < 2 * margin:
        raise ValueError("window and margin are odd, margin >= 3, window >= 2 margin")
    out = np.full(max(len(path) - 1, 0), np.nan)
    square, share, error = _middles(path)
    for first, last in bursts(path.time_s, gap_max_s):
        if last - first + 1 >= window:
            _slide(square, share, error, first, last, window, margin, out)
    return Motion(out)


def _middles(path: Path) -> tuple[FloatArray, FloatArray, FloatArray]:
    """
    Return of each fix between its two neighbours what the likelihood needs, shape (n,) each.

    Half the squared distance from the point expected [m2], the time that diffusion counts [s],
    and the variance of the neighbours' errors there [m2].
    """
    n = len(path)
    square, share, error = np.zeros(n), np.ones(n), np.ones(n)
    if n > 2:
        t, x, y, e2 = path.time_s, path.x, path.y, path.error_m**2
        whole = t[2:] - t[:-2]
        a = (t[1:-1] - t[:-2]) / whole
        square[1:-1] = 0.5 * (
            (x[1:-1] - x[:-2] - a * (x[2:] - x[:-2])) ** 2
            + (y[1:-1] - y[:-2] - a * (y[2:] - y[:-2])) ** 2
        )
        share[1:-1] = whole * a * (1.0 - a)
        error[1:-1] = (1.0 - a) ** 2 * e2[:-2] + a**2 * e2[2:]
    return square, share, error


@kernel
def _log_likelihood(
    square: FloatArray, share: FloatArray, error: FloatArray, fixes: tuple[int, int, int],
    variance: float,
) -> float:  # fmt: skip
    first, last, by = fixes
    total, product = 0.0, 1.0
    for k in range(first, last, by):
        spread = share[k] * variance + error[k]
        total -= square[k] / spread
        # One logarithm for many: it would take most of the time.
        product *= spread
        if not 1e-150 < product < 1e150:
            total -= np.log(product)
            product = 1.0
    return float(total - np.log(product))


@kernel
def _likeliest(
    square: FloatArray, share: FloatArray, error: FloatArray, fixes: tuple[int, int, int]
) -> tuple[float, float]:
    """
    Return the likeliest variance and its log-likelihood, but for a constant of each fix.

    `fixes` are those of a range: first, the one after the last, step.
    """
    # Alone, each fix is likeliest where its spread is its half square: the best lies between.
    low, high, least = np.inf, 0.0, np.inf
    for k in range(fixes[0], fixes[1], fixes[2]):
        own = (square[k] - error[k]) / share[k]
        low, high = min(low, own), max(high, own)
        least = min(least, error[k] / share[k])
    low = max(low, 0.0)
    golden = 0.6180339887498949
    a, b = high - golden * (high - low), low + golden * (high - low)
    fa = _log_likelihood(square, share, error, fixes, a)
    fb = _log_likelihood(square, share, error, fixes, b)
    # Below a billionth of the errors a variance is none.
    while high - low > 1e-5 * high and high > 1e-9 * least:
        if fa >= fb:
            high, b, fb = b, a, fa
            a = high - golden * (high - low)
            fa = _log_likelihood(square, share, error, fixes, a)
        else:
            low, a, fa = a, b, fb
            b = low + golden * (high - low)
            fb = _log_likelihood(square, share, error, fixes, b)
    best = 0.5 * (low + high)
    value = _log_likelihood(square, share, error, fixes, best)
    still = _log_likelihood(square, share, error, fixes, 0.0)
    if high <= 1e-9 * least or still >= value:
        return 0.0, still
    return best, value


@kernel
def _slide(
    square: FloatArray, share: FloatArray, error: FloatArray, first: int, last: int,
    window: int, margin: int, out: FloatArray,
) -> None:  # fmt: skip
    """Write the mean variance of the ways of one part that a full number of windows holds."""
    n_ways = last - first
    total, count = np.zeros(n_ways), np.zeros(n_ways)
    parts = _parts(square, share, error, first, last, window, margin)
    for start in range(first, last - window + 2):
        end = start + window - 1
        whole = _likeliest(square, share, error, (start + 1, end, 2))
        break_at, before, after = _broken(whole, parts, start, end, first, margin)
        for way in range(start + margin - 1, end - margin + 1):
            total[way - first] += before if way < break_at else after
            count[way - first] += 1.0
    for way in range(n_ways):
        if count[way] == window - 2 * margin + 1:
            out[first + way] = total[way] / count[way]


@kernel
def _parts(
    square: FloatArray, share: FloatArray, error: FloatArray, first: int, last: int,
    window: int, margin: int,
) -> FloatArray:  # fmt: skip
    """
    Return the likeliest variance and its log-likelihood of every part that a break can make.

    Parts are told by the fix they begin at and by their length, `margin` - 1 and two more for
    each column: what is before the break of one window is behind that of another.
    """
    columns = (window - 2 * margin + 1) // 2 + 1
    out = np.empty((last - first + 1, columns, 2))
    for start in range(first, last - margin + 2):
        for column in range(columns):
            end = start + margin - 1 + 2 * column
            if end <= last:
                found = _likeliest(square, share, error, (start + 1, end, 2))
                out[start - first, column, 0], out[start - first, column, 1] = found
    return out


@kernel
def _broken(
    whole: tuple[float, float], parts: FloatArray, start: int, end: int, first: int, margin: int
) -> tuple[int, float, float]:
    """Return the break of a window (its end for none), and the variances before and after it."""
    variance, value = whole
    penalty = np.log(float(end - start + 1))
    found, before, after = end, variance, variance
    best = -2.0 * value + penalty
    last_column = (end - start - 2 * (margin - 1)) // 2
    for column in range(last_column + 1):
        at = start + margin - 1 + 2 * column
        one = parts[start - first, column]
        two = parts[at - first, last_column - column]
        other = -2.0 * (one[1] + two[1]) + 2.0 * penalty
        if other < best:
            found, before, after, best = at, one[0], two[0], other
    return found, before, after


def lay_bridges(
    path: Path, motion: Motion, grid: Grid, weight: FloatArray | None = None
) -> FloatArray:
    """
    Lay the bridges of all known ways on a grid, each by the time it took.

    Between two fixes, at the share ``a`` of the time ``T`` between them, the bird is normal
    around the point that divides their line so, with the variance
    ``T a (1 - a) s2 + (1 - a)^2 e0^2 + a^2 e1^2`` (Horne et al. 2007). Each way is cut into
    pieces short beside the spread or the cell; a cell has the exact integral of every piece.

    Parameters
    ----------
    path : Path
        n fixes.
    motion : Motion
        Of its n - 1 ways.
    grid : Grid
        In the same plane. What lies beyond it is lost.
    weight : ndarray of float64, shape (n - 1,), optional
        What each way counts, where that is not the time it took.

    Returns
    -------
    ndarray of float64, shape (n_y, n_x)
        Mass per cell; sums to 1, or to 0 where no way is known.
    """
    out = np.zeros((grid.n_y, grid.n_x))
    _lay(
        path.time_s, path.x, path.y, path.error_m, motion.variance_m2_s,
        np.diff(path.time_s) if weight is None else weight, grid.x0, grid.y0, grid.cell_m, out,
    )  # fmt: skip
    total = out.sum()
    return out / total if total > 0.0 else out


@kernel
def _lay(
    time_s: FloatArray, x: FloatArray, y: FloatArray, error_m: FloatArray, variance: FloatArray,
    weight: FloatArray, x0: float, y0: float, cell_m: float, out: FloatArray,
) -> None:  # fmt: skip
    n_y, n_x = out.shape
    across, along = np.empty(n_x), np.empty(n_y)
    for k in range(time_s.shape[0] - 1):
        if not np.isfinite(variance[k]):
            continue
        whole = time_s[k + 1] - time_s[k]
        length = np.hypot(x[k + 1] - x[k], y[k + 1] - y[k])
        # Even steps of an angle, at whose sine a bridge swells: where it is wide they are long.
        fine = max(min(error_m[k], error_m[k + 1]), cell_m, 0.5 * np.sqrt(whole * variance[k]))
        steps = min(max(int(np.ceil(np.pi * length / fine)), STEPS_MIN), STEPS_MAX)
        for step in range(steps):
            a = 0.5 - 0.5 * np.cos(np.pi * (step + 0.5) / steps)
            share = 0.5 * (np.cos(np.pi * step / steps) - np.cos(np.pi * (step + 1) / steps))
            square = (
                whole * a * (1.0 - a) * variance[k]
                + ((1.0 - a) * error_m[k]) ** 2
                + (a * error_m[k + 1]) ** 2
            )
            # What lies in a cell is spread over it, a twelfth of its square more (Sheppard).
            spread = np.sqrt(max(square - cell_m * cell_m / 12.0, 0.25 * square))
            column = (x[k] + a * (x[k + 1] - x[k]) - x0) / cell_m
            row = (y[k] + a * (y[k + 1] - y[k]) - y0) / cell_m
            left, n_across = _shares(column, spread / cell_m, across)
            low, n_along = _shares(row, spread / cell_m, along)
            for j in range(n_along):
                mass = along[j] * weight[k] * share
                cells = out[low + j, left : left + n_across]
                for i in range(n_across):
                    cells[i] += mass * across[i]


@kernel
def _shares(centre: float, spread: float, out: FloatArray) -> tuple[int, int]:
    """Fill in the share of a normal in each cell within reach; return the first and how many."""
    first = max(int(np.ceil(centre - REACH * spread - 0.5)), 0)
    last = min(int(np.floor(centre + REACH * spread + 0.5)), out.shape[0] - 1)
    below = distribution((first - 0.5 - centre) / spread)
    for cell in range(first, last + 1):
        above = distribution((cell + 0.5 - centre) / spread)
        out[cell - first] = above - below
        below = above
    return first, max(last - first + 1, 0)
