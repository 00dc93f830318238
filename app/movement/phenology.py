"""Phenology and trend of a site: when birds come and go, and whether they come more or less."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import combinations

import numpy as np

from app.movement.track import FloatArray, IntArray

SHARES = (0.1, 0.5, 0.9)
"""First and last tenth, and the middle, of arrivals and departures."""

BIRDS_MIN = 10
"""Fewest birds of which an interval is told: fewer don't tell how they differ."""

RESAMPLES = 400
"""Times that families are drawn again for an interval: its ends vary by a day or less."""

YEARS_MIN = 3
"""Fewest years of which a trend is told; our choice."""

CONFIDENCE = 0.95
_YEAR = 366
_FIRST = date(2000, 1, 1)  # of a leap year, so that every date has a number


@dataclass(frozen=True, slots=True)
class Quantile:
    """The date by which a share had come or gone, as MM-DD, and between which it likely lies."""

    share: float
    date: str
    low: str | None
    high: str | None


@dataclass(frozen=True, slots=True)
class Dates:
    """Dates of one event by share; `n` seasons of `n_birds` birds of `n_families` families."""

    n: int
    n_birds: int
    n_families: int
    quantiles: tuple[Quantile, ...]


def quantile_dates(days: Sequence[date], bird: Sequence[int], family: Sequence[int]) -> Dates:
    """
    Tell the dates by which 10, 50 and 90 % had come, whatever the year.

    The year is opened where it is emptiest, so that December and January are neighbours. Intervals
    are percentiles over families drawn with replacement (Efron 1979, doi:10.1214/aos/1176344552);
    none of fewer than `BIRDS_MIN` birds.

    Parameters
    ----------
    days : sequence of date
        One of each bird and season, n >= 1.
    bird, family : sequence of int
        Whose each is.

    Returns
    -------
    Dates
        The same whatever the order.

    Examples
    --------
    >>> found = quantile_dates([date(2020, 12, 30), date(2021, 1, 2), date(2022, 1, 4)], [1] * 3,
    ...                        [1] * 3)
    >>> [each.date for each in found.quantiles]
    ['12-30', '01-02', '01-04']
    """
    number = np.array([(d.replace(year=2000) - _FIRST).days for d in days], dtype=np.int64)
    start = _opening(number)
    families_of, offset = np.asarray(family, dtype=np.int64), (number - start) % _YEAR
    order = np.lexsort((families_of, offset))
    offset, who = offset[order], families_of[order]
    n_birds, families = len(set(bird)), np.unique(who)
    ends: list[tuple[float, float]] | None = None
    if n_birds >= BIRDS_MIN and families.shape[0] > 1:
        drawn = _drawn(families.shape[0])[:, np.searchsorted(families, who)]
        ends = [_ends(_quantiles(offset, drawn, share)) for share in SHARES]
    one = np.ones((1, offset.shape[0]))
    return Dates(
        len(days), n_birds, families.shape[0],
        tuple(
            Quantile(
                share, _named(start + float(_quantiles(offset, one, share)[0])),
                None if ends is None else _named(start + ends[i][0]),
                None if ends is None else _named(start + ends[i][1]),
            )
            for i, share in enumerate(SHARES)
        ),
    )  # fmt: skip


def _opening(number: IntArray) -> int:
    """Return the day after the longest time without any, the first of equals."""
    known = np.unique(number)
    silent = np.diff(known, append=known[0] + _YEAR)
    return int(known[(int(np.argmax(silent)) + 1) % known.shape[0]])


def _drawn(n: int) -> IntArray:
    """Draw n families with replacement, again and again; how often each, shape (times, n)."""
    rng = np.random.default_rng(n)
    return rng.multinomial(n, np.full(n, 1.0 / n), size=RESAMPLES).astype(np.int64)


def _quantiles(offset: IntArray, weight: FloatArray | IntArray, share: float) -> FloatArray:
    """Return for each row of weights the first offset by which the share is reached."""
    held = np.cumsum(weight, axis=1)
    reached = held >= share * held[:, -1:] - 1e-9
    return np.asarray(offset[np.argmax(reached, axis=1)], dtype=np.float64)


def _ends(values: FloatArray) -> tuple[float, float]:
    low, high = np.quantile(
        values, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2], method="inverted_cdf"
    )
    return float(low), float(high)


def _named(number: float) -> str:
    return f"{_FIRST + timedelta(days=round(number) % _YEAR):%m-%d}"


@dataclass(frozen=True, slots=True)
class Year:
    """Use of a site in a year, beside how many birds were tracked anywhere."""

    year: int
    n_birds: int
    n_tracked: int
    bird_days: float
    bird_days_per_tracked: float


@dataclass(frozen=True, slots=True)
class Trend:
    """Years in order; change of bird-days per tracked bird, a year [days], with its interval."""

    years: tuple[Year, ...]
    per_year: float | None
    low: float | None
    high: float | None


def trend(
    use: dict[tuple[int, int], float],
    tracked: set[tuple[int, int]],
    family_of: Callable[[int], int],
) -> Trend:
    """
    Tell the bird-days at a site per tracked bird, year by year, and how they change.

    Birds that were tracked and never came count as well; a year in which none was tracked says
    nothing. The change is the median of the slopes between every two years (Theil 1950; Sen 1968,
    doi:10.1080/01621459.1968.10480934), told of `YEARS_MIN` years or more.

    Parameters
    ----------
    use : dict
        Days of a bird at the site by (bird, year).
    tracked : set
        (bird, year) of every tracked bird of the species; those of `use` among them.
    family_of : callable
        Family of a bird.

    Returns
    -------
    Trend
        Years and change.

    Examples
    --------
    >>> tracked = {(b, y) for b in (1, 2) for y in (2020, 2021, 2022)}
    >>> found = trend({(1, 2020): 10.0, (1, 2021): 20.0, (2, 2022): 30.0}, tracked, lambda b: b)
    >>> [each.bird_days_per_tracked for each in found.years], found.per_year
    ([5.0, 10.0, 15.0], 5.0)
    """
    tracked = tracked | set(use)
    years = sorted({year for _, year in tracked})
    birds = sorted({bird for bird, _ in tracked})
    families = sorted({family_of(bird) for bird in birds})
    days = np.zeros((len(families), len(years)))
    seen = np.zeros_like(days)
    there: dict[int, set[int]] = defaultdict(set)
    for bird, year in sorted(tracked):
        at = families.index(family_of(bird)), years.index(year)
        days[at] += use.get((bird, year), 0.0)
        seen[at] += 1
        if (bird, year) in use:
            there[year].add(bird)
    total, n = days.sum(axis=0), seen.sum(axis=0)
    rows = tuple(
        Year(y, len(there[y]), int(n[i]), float(total[i]), float(total[i] / n[i]))
        for i, y in enumerate(years)
    )
    if len(years) < YEARS_MIN:
        return Trend(rows, None, None, None)
    low = high = None
    if len(birds) >= BIRDS_MIN and len(families) > 1:
        drawn = _drawn(len(families))
        slopes = [_slope(years, d, s) for d, s in zip(drawn @ days, drawn @ seen, strict=True)]
        told = np.array([s for s in slopes if s is not None])
        low, high = _ends(told) if told.size else (None, None)
    return Trend(rows, _slope(years, total, n), low, high)


def _slope(years: Sequence[int], days: FloatArray, seen: FloatArray) -> float | None:
    """Return the median slope between years in which birds were tracked."""
    told = [(y, d / s) for y, d, s in zip(years, days, seen, strict=True) if s > 0]
    slopes = [(v - u) / (b - a) for (a, u), (b, v) in combinations(told, 2)]
    return float(np.median(slopes)) if slopes else None
