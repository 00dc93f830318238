"""A flyway's route: sites as nodes, passages between them as edges, and the corridor flown."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from pyproj import Proj
from scipy.ndimage import gaussian_filter
from shapely import MultiPolygon

from app.movement.geodesy import distance_m, mean_position
from app.movement.isopleths import Grid, isopleth, volume
from app.movement.track import DAY_US, FloatArray
from app.movement.ways import Way

Cells: TypeAlias = NDArray[np.float32]
"""lon, lat [degrees] and length [m] of cells that were flown through, shape (m, 3)."""

LEVELS = (50, 95)
"""Printed corridors hold this share of the mean bird's way [%], as dBBMM flyway maps of Asia do
(Palm et al. 2015, doi:10.1186/s40462-015-0030-4)."""

MAX_CELLS = 500
"""Most cells along a side of the grid; bounds memory (2 MB) and time."""

CELL_MIN_M = 5_000.0
"""Smallest cell [m]: an hourly fix says no more of a bird flying 10 m/s."""

BANDWIDTHS_M = (15_000.0, 20_000.0, 30_000.0, 40_000.0, 60_000.0, 80_000.0, 120_000.0)
"""Candidates for the kernel's standard deviation [m]: published crane corridors are 100-800 km
wide (Batbayar et al. 2021, doi:10.3390/rs13204049; Yi et al. 2022, doi:10.3390/rs14205101)."""

BANDWIDTH_ONE_BIRD_M = 30_000.0
"""Bandwidth where no other bird can confirm a way [m]."""

CHOICE_BIRDS = 30
"""Most birds that vote on the bandwidth; more cost time and change nothing."""

CHOICE_CELLS = 125
"""Cells along a side while choosing; the candidates differ by a third and more."""

HELD = 0.95
"""Share of the way of a bird not seen that the 95 % corridor must hold."""


@dataclass(frozen=True, slots=True)
class Passage:
    """One bird's leg from site `origin` to site `target`; -1 for an end at no site."""

    individual: int
    origin: int
    target: int
    start_us: int
    end_us: int
    observed_s: float
    way: Way | None = None


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
    weight 1, of where the Brownian bridges between their fixes run per length (`ways.lay_way`),
    smoothed by a Gaussian kernel on a Lambert azimuthal equal-area grid. Its width is the least
    under which 95 % of a bird's way lies within the 95 % corridor of the other birds, each left
    out in turn: the corridor tells of birds that were not tracked, and is no wider than that
    takes.

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
    >>> from app.movement.track import Track
    >>> from app.movement.ways import lay_way
    >>> seen = Track(np.array([0, 86_400_000_000]), np.array([115.0, 116.0]),
    ...     np.array([49.0, 45.0]), np.array([10.0, 10.0]))
    >>> route = build_route([Passage(1, 0, -1, 0, 86_400_000_000, 8e4, lay_way(seen))],
    ...     np.array([115.0]), np.array([49.0]))
    >>> route.connections[0].n_passages, [c.level for c in route.corridors]
    (1, [50, 95])
    """
    connections = _connections(passages, site_lon, site_lat)
    flown = occupied(passages)
    if not flown:
        return Route(connections, (), BANDWIDTH_ONE_BIRD_M, CELL_MIN_M)
    proj, grid = ground([cells for _, cells in flown])
    votes = Densities.of(voters(flown), proj, grid.coarser(CHOICE_CELLS))
    bandwidth_m = max(votes.bandwidth_m(), grid.cell_m)
    total = sum(_laid(cells, proj, grid) for _, cells in flown)
    mean = gaussian_filter(total / len(flown), bandwidth_m / grid.cell_m, mode="constant")
    corridors = []
    for level in LEVELS:
        area_km2, shape = isopleth(mean, grid, level / 100.0, proj)
        corridors.append(Corridor(level, len(flown), area_km2, shape))
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


def occupied(passages: Iterable[Passage]) -> list[tuple[int, Cells]]:
    """Return the cells of each bird's observed ways, in the order of birds and passages."""
    ways = [
        (p.individual, p.start_us, p.way.cells.tobytes(), p.way.cells)
        for p in passages
        if p.way is not None and p.way.cells.shape[0]
    ]
    by_bird: dict[int, list[Cells]] = defaultdict(list)
    for bird, _, _, cells in sorted(ways, key=lambda way: way[:3]):
        by_bird[bird].append(cells)
    return [(bird, np.concatenate(cells)) for bird, cells in by_bird.items()]


def ground(each: Sequence[Cells]) -> tuple[Proj, Grid]:
    """Return an equal-area plane around all these cells, and the grid of their corridor."""
    lonlat = np.concatenate(each).astype(np.float64)
    lon, lat = mean_position(lonlat[:, 0], lonlat[:, 1])
    proj = Proj(proj="laea", lon_0=lon, lat_0=lat, ellps="WGS84")
    x, y = (np.asarray(v) for v in proj(lonlat[:, 0], lonlat[:, 1]))
    return proj, Grid.around(x, y, 3 * max(BANDWIDTHS_M), CELL_MIN_M, MAX_CELLS)


def _laid(cells: Cells, proj: Proj, grid: Grid) -> FloatArray:
    """Return the length per cell of the grid of one bird, shape (n_y, n_x), summing to 1."""
    lon, lat, mass = cells.astype(np.float64).T
    x, y = (np.asarray(v) for v in proj(lon, lat))
    return grid.histogram(x, y, mass / mass.sum())


def voters(flown: list[tuple[int, Cells]]) -> list[tuple[int, Cells]]:
    """Return the birds that vote on the bandwidth, `CHOICE_BIRDS` at most."""
    return flown[:: max(1, -(-len(flown) // CHOICE_BIRDS))]


@dataclass(frozen=True, slots=True)
class Densities:
    """Where each of some birds flew, shape (b, n_y, n_x) on a coarse grid, each summing to 1."""

    each: FloatArray
    cell_m: float

    @classmethod
    def of(cls, flown: Sequence[tuple[int, Cells]], proj: Proj, grid: Grid) -> Densities:
        """Lay the cells of birds on a grid."""
        return cls(np.stack([_laid(cells, proj, grid) for _, cells in flown]), grid.cell_m)

    def smoothed(self, bandwidth_m: float) -> FloatArray:
        """Return each bird's density under a Gaussian kernel."""
        sigma = bandwidth_m / self.cell_m
        return np.stack([gaussian_filter(d, sigma, mode="constant") for d in self.each])

    def bandwidth_m(self) -> float:
        """
        Choose the narrowest kernel whose corridor tells of birds that it was not made of.

        Of each bird in turn, the share of its way within the 95 % corridor of the others is
        taken; on average it must reach 95 %.
        """
        n = self.each.shape[0]
        if n < 2:
            return BANDWIDTH_ONE_BIRD_M
        for bandwidth_m in BANDWIDTHS_M:
            smooth = self.smoothed(bandwidth_m)
            total = smooth.sum(axis=0)
            held = [
                float(own[volume(total - mine) <= HELD].sum())
                for own, mine in zip(self.each, smooth, strict=True)
            ]
            if np.mean(held) >= HELD:
                return bandwidth_m
        return BANDWIDTHS_M[-1]
