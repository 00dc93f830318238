"""A flyway's route: sites as nodes, passages between them as edges, and the corridor flown."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from pyproj import Proj
from scipy.ndimage import gaussian_filter
from shapely import MultiPolygon

from app.movement.geodesy import distance_m, mean_position, to_normal
from app.movement.isopleths import Grid, isopleth
from app.movement.track import DAY_US, FloatArray

LEVELS = (50, 95)
"""Printed corridors hold this share of the mean bird's way [%], as dBBMM flyway maps of Asia do
(Palm et al. 2015, doi:10.1186/s40462-015-0030-4)."""

MAX_CELLS = 500
"""Most cells along a side of the grid; bounds memory (2 MB) and time."""

CELL_MIN_M = 5_000.0
"""Smallest cell [m]: an hourly fix says no more of a bird flying 10 m/s."""

BANDWIDTHS_M = (15_000.0, 30_000.0, 60_000.0, 120_000.0)
"""Candidates for the kernel's standard deviation [m]: published crane corridors are 100-800 km
wide (Batbayar et al. 2021, doi:10.3390/rs13204049; Yi et al. 2022, doi:10.3390/rs14205101)."""

BANDWIDTH_ONE_BIRD_M = 30_000.0
"""Bandwidth where no other bird can confirm a way [m]."""

CHOICE_BIRDS = 30
"""Most birds that vote on the bandwidth; more cost time and change nothing."""

CHOICE_CELLS = 125
"""Cells along a side while choosing; the candidates differ by factors of two."""


@dataclass(frozen=True, slots=True)
class LegLine:
    """A stretch of a leg; where not `observed` it only bridges a silence."""

    lon: FloatArray
    lat: FloatArray
    observed: bool


@dataclass(frozen=True, slots=True)
class Passage:
    """One bird's leg from site `origin` to site `target`; -1 for an end at no site."""

    individual: int
    origin: int
    target: int
    start_us: int
    end_us: int
    observed_s: float
    lines: tuple[LegLine, ...]


@dataclass(frozen=True, slots=True)
class Connection:
    """All passages from one site to another; `distance_m` is nan when an end is no site."""

    origin: int
    target: int
    n_birds: int
    n_passages: int
    travel_days_median: float
    distance_m: float
    observed_share: float  # observed time / time between departure and arrival


@dataclass(frozen=True, slots=True)
class Corridor:
    """The smallest area that holds `level` percent of the mean bird's observed way."""

    level: int
    n_birds: int
    area_km2: float
    geometry: MultiPolygon  # RFC 7946: cut at the antimeridian, outer rings counter-clockwise


@dataclass(frozen=True, slots=True)
class Route:
    """Connections sorted by their ends, corridors by level; none without an observed way."""

    connections: tuple[Connection, ...]
    corridors: tuple[Corridor, ...]
    bandwidth_m: float
    cell_m: float


def build_route(passages: Sequence[Passage], site_lon: FloatArray, site_lat: FloatArray) -> Route:
    """
    Build the route of one species in one season direction.

    Every passage counts in exactly one connection. The corridor is the mean over birds, each of
    weight 1, of where their observed lines run per length, smoothed by a Gaussian kernel on a
    Lambert azimuthal equal-area grid. Its width is the candidate under which each bird's way is
    likeliest given the other birds (leave-one-out likelihood; Horne & Garton 2006,
    doi:10.2193/0022-541X(2006)70[641:LCVVLS]2.0.CO;2), a way of saying how well the birds seen
    tell of those not seen.

    Parameters
    ----------
    passages : sequence of Passage
        Legs of all birds; their order is immaterial.
    site_lon, site_lat : ndarray of float64, shape (k,)
        Centres of the sites [degrees].

    Returns
    -------
    Route
        Network and corridor.

    Examples
    --------
    >>> way = LegLine(np.array([115.0, 116.0]), np.array([49.0, 45.0]), observed=True)
    >>> route = build_route([Passage(1, 0, -1, 0, 86_400_000_000, 8e4, (way,))],
    ...     np.array([115.0]), np.array([49.0]))
    >>> route.connections[0].n_passages, [c.level for c in route.corridors]
    (1, [50, 95])
    """
    connections = _connections(passages, site_lon, site_lat)
    lines = _lines(passages)
    if not lines:
        return Route(connections, (), BANDWIDTH_ONE_BIRD_M, CELL_MIN_M)
    every = np.concatenate([xy for _, xy in lines])
    proj = _projection(every)
    x, y = proj(every[:, 0], every[:, 1])
    grid = Grid.around(np.asarray(x), np.asarray(y), 3 * max(BANDWIDTHS_M), CELL_MIN_M, MAX_CELLS)
    total, n_birds = np.zeros((grid.n_y, grid.n_x)), 0
    for density in _densities(lines, proj, grid):
        total += density
        n_birds += 1
    bandwidth_m = max(_bandwidth_m(lines, proj, grid), grid.cell_m)
    mean = gaussian_filter(total / n_birds, bandwidth_m / grid.cell_m, mode="constant")
    corridors = []
    for level in LEVELS:
        area_km2, shape = isopleth(mean, grid, level / 100.0, proj)
        corridors.append(Corridor(level, n_birds, area_km2, shape))
    return Route(connections, tuple(corridors), bandwidth_m, grid.cell_m)


def _connections(
    passages: Sequence[Passage], site_lon: FloatArray, site_lat: FloatArray
) -> tuple[Connection, ...]:
    by_ends: dict[tuple[int, int], list[Passage]] = defaultdict(list)
    for passage in passages:
        by_ends[passage.origin, passage.target].append(passage)
    out = []
    for (origin, target), group in sorted(by_ends.items()):
        span_us = np.array([p.end_us - p.start_us for p in group], dtype=np.float64)
        ends = np.array([origin]), np.array([target])
        far = np.nan
        if min(origin, target) >= 0:
            a, b = ends
            far = float(distance_m(site_lon[a], site_lat[a], site_lon[b], site_lat[b])[0])
        whole_s = float(span_us.sum()) / 1e6
        observed_s = sum(sorted(p.observed_s for p in group))
        out.append(
            Connection(
                origin=origin,
                target=target,
                n_birds=len({p.individual for p in group}),
                n_passages=len(group),
                travel_days_median=float(np.median(span_us)) / DAY_US,
                distance_m=far,
                observed_share=min(1.0, observed_s / whole_s) if whole_s > 0 else 1.0,
            )
        )
    return tuple(out)


def _lines(passages: Sequence[Passage]) -> list[tuple[int, FloatArray]]:
    """Collect observed lines of two and more points as (bird, lon and lat), in a fixed order."""
    lines = [
        (p.individual, p.start_us, i, np.column_stack([line.lon, line.lat]))
        for p in passages
        for i, line in enumerate(p.lines)
        if line.observed and _moves(line)
    ]
    lines.sort(key=lambda item: (*item[:3], item[3].tobytes()))
    return [(bird, xy) for bird, _, _, xy in lines]


def _moves(line: LegLine) -> bool:
    return bool(np.any(line.lon != line.lon[:1]) or np.any(line.lat != line.lat[:1]))


def _projection(lonlat: FloatArray) -> Proj:
    lon, lat = mean_position(lonlat[:, 0], lonlat[:, 1])
    return Proj(proj="laea", lon_0=lon, lat_0=lat, ellps="WGS84")


def _densities(lines: list[tuple[int, FloatArray]], proj: Proj, grid: Grid) -> Iterator[FloatArray]:
    """Yield the length per cell of each bird, shape (n_y, n_x), summing to 1."""
    by_bird: dict[int, list[FloatArray]] = defaultdict(list)
    for bird, lonlat in lines:
        by_bird[bird].append(lonlat)
    for group in by_bird.values():
        points = [_along(lonlat, grid.cell_m / 2.0) for lonlat in group]
        lonlat, mass = (np.concatenate(part) for part in zip(*points, strict=True))
        x, y = proj(lonlat[:, 0], lonlat[:, 1])
        yield grid.histogram(np.asarray(x), np.asarray(y), mass / mass.sum())


def _along(lonlat: FloatArray, spacing_m: float) -> tuple[FloatArray, FloatArray]:
    """Return points along a line and the length each stands for [m]."""
    lon, lat = lonlat[:, 0], lonlat[:, 1]
    length = distance_m(lon[:-1], lat[:-1], lon[1:], lat[1:])
    n = np.maximum(1, np.ceil(length / spacing_m)).astype(np.int64)
    step = np.repeat(np.arange(n.shape[0]), n)
    share = (np.arange(step.shape[0]) - np.repeat(np.cumsum(n) - n, n) + 0.5) / n[step]
    normal = to_normal(lon, lat)
    point = normal[step] * (1.0 - share)[:, None] + normal[step + 1] * share[:, None]
    x, y, z = point.T
    where = np.column_stack([np.arctan2(y, x), np.arctan2(z, np.hypot(x, y))])
    return np.degrees(where), (length / n)[step]


def _bandwidth_m(lines: list[tuple[int, FloatArray]], proj: Proj, grid: Grid) -> float:
    """Choose the kernel under which each bird's way is likeliest given the other birds."""
    birds = sorted({bird for bird, _ in lines})
    chosen = set(birds[:: -(-len(birds) // CHOICE_BIRDS)])
    coarse = grid.coarser(CHOICE_CELLS)
    voters = [line for line in lines if line[0] in chosen]
    density = np.stack(list(_densities(voters, proj, coarse)))
    n = density.shape[0]
    if n < 2:
        return BANDWIDTH_ONE_BIRD_M
    floor = 1e-3 / density[0].size  # a way no other bird has flown counts as rare, not impossible
    scores = []
    for bandwidth_m in BANDWIDTHS_M:
        sigma = bandwidth_m / coarse.cell_m
        smooth = np.stack([gaussian_filter(d, sigma, mode="constant") for d in density])
        others = (smooth.sum(axis=0) - smooth) / (n - 1)
        scores.append(float((density * np.log(np.maximum(others, 0.0) + floor)).sum()))
    return BANDWIDTHS_M[int(np.argmax(scores))]
