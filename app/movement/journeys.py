"""Journeys: whole migrations from home to home, their mean route, and how two sets differ."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from app.movement.arcs import EARTH_RADIUS_M
from app.movement.families import bounds, draw_weights, tells
from app.movement.track import DAY_US, FloatArray, IntArray

POINTS = 41
"""Points of a route, at equal fractions of its length: each 2.5 %, some 60 km."""

TOLD = 4
"""Of these points every fourth is told of a comparison: each tenth of the way."""

HALF, MOST = 0.5, 0.95
"""Shares of the birds that fly within the widths of a route."""


@dataclass(frozen=True, slots=True)
class Journey:
    """
    One bird's migration of one year, seen from one home to the other.

    Attributes
    ----------
    individual : int
        The bird.
    year : int
        Of its season.
    normal : ndarray of float64, shape (POINTS, 3)
        Where it was at equal fractions of its way, as unit vectors.
    time_us : ndarray of float64, shape (POINTS,)
        When it passed there [us since 1970 UTC].
    length_m : float
        Of the line through its positions; least, where silences are crossed [m].
    """

    individual: int
    year: int
    normal: FloatArray
    time_us: FloatArray
    length_m: float


@dataclass(frozen=True, slots=True)
class MeanRoute:
    """
    The mean of journeys at equal fractions of their ways, each bird weighing the same.

    Attributes
    ----------
    lon, lat : ndarray of float64, shape (POINTS,)
        Its points [degrees].
    width_50_m, width_95_m : ndarray of float64, shape (POINTS,)
        Distance from it within which half and 95 % of the birds passed; nan of a single one [m].
    """

    lon: FloatArray
    lat: FloatArray
    width_50_m: FloatArray
    width_95_m: FloatArray
    n_birds: int
    n_journeys: int
    length_m: float


@dataclass(frozen=True, slots=True)
class Shift:
    """
    How the journeys `b` differ from the journeys `a` at one fraction of the way.

    `a` and `b` are (lon, lat) of their mean routes there [degrees], `distance_m` how far apart
    they are, `lateral_m` how far that of b lies to the right, in the direction in which a flies,
    and `days` how much later in the year b passes. Ends of 95 % intervals over families are nan
    below ten birds in either.
    """

    fraction: float
    a: tuple[float, float]
    b: tuple[float, float]
    distance_m: float
    lateral_m: float
    lateral_low_m: float
    lateral_high_m: float
    days: float
    days_low: float
    days_high: float


def journey(
    individual: int, year: int, lon: FloatArray, lat: FloatArray, time_us: IntArray
) -> Journey | None:
    """
    Put the positions of a migration into equal fractions of its length.

    Parameters
    ----------
    individual, year : int
        The bird and its season.
    lon, lat : ndarray of float64, shape (n,)
        Positions of all its legs, in time order [degrees].
    time_us : ndarray of int64, shape (n,)
        Their times.

    Returns
    -------
    Journey, optional
        Along great circles between the positions, silences too; None without any length.

    Examples
    --------
    >>> found = journey(1, 2020, np.array([0.0, 0.0]), np.array([0.0, 10.0]), np.array([0, 40]))
    >>> float(found.time_us[10]), float(np.degrees(np.arcsin(found.normal[10, 2])).round(6))
    (10.0, 2.5)
    """
    normal = normals(lon, lat)
    angle = _angle(normal[:-1], normal[1:])
    along = np.concatenate([[0.0], np.cumsum(angle)])
    if not along[-1] > 0.0:
        return None
    at = np.linspace(0.0, along[-1], POINTS)
    step = np.clip(np.searchsorted(along, at, side="right") - 1, 0, angle.shape[0] - 1)
    # A step of no length is where the bird stayed: it passes there when it leaves.
    whole = np.where(angle[step] > 0.0, angle[step], 1.0)
    share = np.clip((at - along[step]) / whole, 0.0, 1.0)
    place = _between(normal[step], normal[step + 1], angle[step], share)
    time = time_us[step] + share * (time_us[step + 1] - time_us[step])
    return Journey(individual, year, place, time.astype(np.float64), along[-1] * EARTH_RADIUS_M)


def normals(lon: FloatArray, lat: FloatArray) -> FloatArray:
    """Return positions as unit vectors, shape (n, 3)."""
    x, y = np.radians(lon), np.radians(lat)
    return np.column_stack([np.cos(x) * np.cos(y), np.sin(x) * np.cos(y), np.sin(y)])


def degrees(normal: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return lon and lat of vectors of any length, shape (..., 3) [degrees]."""
    x, y, z = np.moveaxis(normal, -1, 0)
    return np.degrees(np.arctan2(y, x)), np.degrees(np.arctan2(z, np.hypot(x, y)))


def _angle(a: FloatArray, b: FloatArray) -> FloatArray:
    half = np.linalg.norm(a - b, axis=-1) / 2.0
    angle: FloatArray = 2.0 * np.arcsin(np.minimum(half, 1.0))
    return angle


def _between(a: FloatArray, b: FloatArray, angle: FloatArray, share: FloatArray) -> FloatArray:
    """Return points along great circles (spherical linear interpolation), shape (n, 3)."""
    sine = np.sin(angle)
    flat = sine < 1e-9
    sine = np.where(flat, 1.0, sine)
    left = np.where(flat, 1.0 - share, np.sin((1.0 - share) * angle) / sine)
    right = np.where(flat, share, np.sin(share * angle) / sine)
    place = left[:, None] * a + right[:, None] * b
    unit: FloatArray = place / np.linalg.norm(place, axis=1)[:, None]
    return unit


def mean_route(journeys: Iterable[Journey]) -> MeanRoute | None:
    """
    Return the mean route of journeys in one direction, None of none.

    The mean of unit vectors at each fraction (Gade 2010, doi:10.1017/S0373463309990415), first
    over the journeys of each bird and then over birds. Where a population flies two separate
    ways the mean lies between them, and its width tells so.
    """
    group = _Group.of(journeys)
    if not group.birds.size:
        return None
    mean = _unit(group.place.mean(axis=0))
    lon, lat = degrees(mean)
    away = _angle(group.each, mean[None]) * EARTH_RADIUS_M
    widths = [_quantiles(away, group.weight, share) for share in (HALF, MOST)]
    if group.each.shape[0] < 2:
        widths = [np.full(POINTS, np.nan)] * 2
    return MeanRoute(
        lon, lat, widths[0], widths[1], group.birds.size, group.each.shape[0],
        float(_angle(mean[:-1], mean[1:]).sum()) * EARTH_RADIUS_M,
    )  # fmt: skip


def _quantiles(value: FloatArray, weight: FloatArray, share: float) -> FloatArray:
    """Return of each column the least value within which `share` of the weight lies."""
    order = np.argsort(value, axis=0, kind="stable")
    held = np.cumsum(weight[order], axis=0)
    first = np.argmax(held >= share * held[-1] - 1e-12, axis=0)
    found: FloatArray = np.take_along_axis(value, order, axis=0)[first, np.arange(value.shape[1])]
    return found


@dataclass(frozen=True, slots=True)
class _Group:
    """Journeys by bird: means of each bird, and each journey with its weight."""

    birds: IntArray
    place: FloatArray  # shape (b, POINTS, 3)
    day: FloatArray  # shape (b, POINTS), days since the first of March of the season's year
    each: FloatArray  # shape (j, POINTS, 3)
    weight: FloatArray  # shape (j,)

    @classmethod
    def of(cls, journeys: Iterable[Journey]) -> _Group:
        by_bird: dict[int, list[Journey]] = defaultdict(list)
        for found in sorted(journeys, key=lambda j: (j.individual, j.year, j.time_us[0])):
            by_bird[found.individual].append(found)
        none = np.empty((0, POINTS, 3))
        every = [j for own in by_bird.values() for j in own]
        return cls(
            np.array(list(by_bird), dtype=np.int64),
            np.array([_unit(np.mean([j.normal for j in own], axis=0)) for own in by_bird.values()])
            if every else none,
            np.array([np.mean([_days(j) for j in own], axis=0) for own in by_bird.values()]),
            np.array([j.normal for j in every]) if every else none,
            np.array([1.0 / len(own) for own in by_bird.values() for _ in own]),
        )  # fmt: skip


def _days(one: Journey) -> FloatArray:
    # The day after a leap day: a date counts the same in every year.
    first = np.datetime64(f"{one.year:04d}-03-01", "us").astype(np.int64)
    days: FloatArray = (one.time_us - first) / DAY_US
    return days


def _unit(vector: FloatArray) -> FloatArray:
    length = np.linalg.norm(vector, axis=-1, keepdims=True)
    unit: FloatArray = vector / np.where(length > 0.0, length, 1.0)
    return unit


def shifts(
    a: Sequence[Journey], b: Sequence[Journey], family: Mapping[int, int], *, back: bool
) -> tuple[Shift, ...]:
    """
    Compare the mean routes and the dates of two sets of journeys, each with at least one.

    Parameters
    ----------
    a, b : sequence of Journey
        Each in one direction.
    family : mapping of int to int
        Family of each bird.
    back : bool
        Whether b flies the other way than a, as autumn does beside spring: the fractions of b
        are then counted from its end, and dates tell nothing.

    Returns
    -------
    tuple of Shift
        At each tenth of the way. Intervals are percentiles over families drawn anew, a family
        with all of its birds in both sets (Efron 1979, doi:10.1214/aos/1176344552).
    """
    one, other = _Group.of(a), _Group.of(b)
    at = np.arange(0, POINTS, TOLD)
    turned = at[::-1] if back else at
    start, end = one.place, other.place[:, ::-1] if back else other.place
    mean_a, mean_b = _unit(start.mean(axis=0)), _unit(end.mean(axis=0))
    lateral = _lateral_m(mean_a[None], mean_b[None])[0, at]
    days = other.day.mean(axis=0)[turned] - one.day.mean(axis=0)[at]
    drawn_lateral, drawn_days = _drawn((one, start), (other, end), family)
    far = _angle(mean_a[at], mean_b[at]) * EARTH_RADIUS_M
    low, high = bounds(drawn_lateral[:, at])
    early, late = bounds(drawn_days[:, at])
    nothing = np.full(at.shape, np.nan)
    if back:
        days = early = late = nothing
    places = [[(float(x), float(y)) for x, y in zip(*degrees(m[at]), strict=True)]
              for m in (mean_a, mean_b)]  # fmt: skip
    return tuple(
        Shift(i / (POINTS - 1), places[0][k], places[1][k], *map(float, row))
        for k, (i, *row) in enumerate(
            zip(at.tolist(), far, lateral, low, high, days, early, late, strict=True)
        )
    )


def _drawn(
    a: tuple[_Group, FloatArray], b: tuple[_Group, FloatArray], family: Mapping[int, int]
) -> tuple[FloatArray, FloatArray]:
    """Return lateral shifts and days of draws of families, (draws, POINTS); nan where too few."""
    weights = weights_of(a[0].birds, b[0].birds, family)
    if weights is None:
        none = np.full((1, POINTS), np.nan)
        return none, none
    means, dates = [], []
    for (group, place), weight in zip((a, b), weights, strict=True):
        total = weight.sum(axis=1)
        share = weight / np.where(total > 0.0, total, np.nan)[:, None]
        means.append(_unit(np.tensordot(share, place, axes=1)))
        dates.append(share @ group.day)
    return _lateral_m(means[0], means[1]), dates[1] - dates[0]


def weights_of(
    a: IntArray, b: IntArray, family: Mapping[int, int]
) -> tuple[FloatArray, FloatArray] | None:
    """
    Return how often each bird of two sets is drawn, (draws, birds) each, with its whole family.

    None where either set has too few birds or families for an interval.
    """
    of = [np.array([family[bird] for bird in birds.tolist()], dtype=np.int64) for birds in (a, b)]
    if not (tells(a, of[0]) and tells(b, of[1])):
        return None
    weight = draw_weights(np.concatenate(of))
    return weight[:, : a.shape[0]], weight[:, a.shape[0] :]


def _lateral_m(a: FloatArray, b: FloatArray) -> FloatArray:
    """Return how far b lies to the right of the way of a, (draws, POINTS, 3) -> (draws, POINTS)."""
    tangent = np.empty_like(a)
    tangent[:, 1:-1] = a[:, 2:] - a[:, :-2]
    tangent[:, 0], tangent[:, -1] = a[:, 1] - a[:, 0], a[:, -1] - a[:, -2]
    right = _unit(np.cross(tangent, a))
    found: FloatArray = np.arcsin(np.clip((b * right).sum(axis=-1), -1.0, 1.0)) * EARTH_RADIUS_M
    return found
