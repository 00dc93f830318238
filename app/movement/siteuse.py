"""Utilisation of a site: where within it birds spend their time, each bird weighing the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import Proj

from app.movement.isopleths import Grid, home_ranges, volume
from app.movement.track import FloatArray

SCALE_M = 1_500.0
"""Standard deviation of the kernel [m]: hours are known by cells of 0.8 to 1.1 km, whose spread it
enlarges by less than 3 %."""

PUBLIC_SCALE_M = 5_000.0
"""The same where places on the public grid, of 0.1 degrees, are among them: half its step."""

CELLS_PER_SCALE = 4
"""Cells along one bandwidth: areas of outlines are within 1 % of those on finer ones."""

REACH = 4.0
"""Bandwidths to which a kernel reaches: 1e-4 of it lies beyond."""

HOURS_MIN = 24
"""Fewest hours at a site for a bird to count: a day, as a stay has at least; our choice."""

USED = 0.95
"""Share of a bird's time within which it counts as one that uses a cell."""


@dataclass(frozen=True, slots=True)
class Area:
    """The smallest area that holds a share `level` [%] of the mean bird's time at a site."""

    level: int
    area_km2: float
    geometry: shapely.MultiPolygon


@dataclass(frozen=True, slots=True)
class SiteUse:
    """Areas of a site; `share_told` is what they tell of the birds' time, the rest is others'."""

    n_birds: int
    hours: int
    share_told: float
    scale_m: float
    areas: tuple[Area, ...]


@dataclass(frozen=True, slots=True)
class Site:
    """Middle [degrees] and radius [m]; hours outside are no use of the site."""

    lon: float
    lat: float
    radius_m: float


def site_use(
    site: Site,
    birds: Sequence[FloatArray],
    exact: NDArray[np.bool_],
    *,
    enough: int,
    levels: Sequence[int],
) -> SiteUse | None:
    """
    Return the areas of a site that the mean of its birds used.

    Each bird's hours are spread by a Gaussian and weighed to 1. Others' birds count where there
    are `enough` of them, and then only in cells that as many use, each within its own 95 %; the
    share they leave untold is told.

    Parameters
    ----------
    site : Site
        Where.
    birds : sequence of ndarray of float64, shape (3, n)
        Longitude, latitude [degrees] and hours of the places of each bird, anywhere.
    exact : ndarray of bool, shape (birds,)
        Whose birds the reader sees as they are.
    enough : int
        Fewest birds of others that anything is told of.
    levels : sequence of int
        Shares of the time to outline [%].

    Returns
    -------
    SiteUse, optional
        None where no bird, or none that may be told of, spent `HOURS_MIN` there.
    """
    plane = Proj(proj="laea", lon_0=site.lon, lat_0=site.lat, ellps="WGS84")
    within = [_within(plane, site.radius_m, each) for each in birds]
    counted = np.array([place[2].sum() >= HOURS_MIN for place in within], dtype=np.bool_)
    if int(np.sum(counted & ~exact)) < enough:
        counted &= exact
    if not counted.any():
        return None
    own = exact[counted]
    places = [place for place, here in zip(within, counted, strict=True) if here]
    scale_m = SCALE_M if own.all() else PUBLIC_SCALE_M
    edge = np.array([-site.radius_m, site.radius_m])
    grid = Grid.around(edge, edge, REACH * scale_m, scale_m / CELLS_PER_SCALE, 1 << 16)
    used = np.stack([_spread(place, grid) for place in places])
    others = np.stack([volume(each) <= USED for each in used]) & ~own[:, None, None]
    hidden = others.sum(axis=0) < enough
    mean = np.where(own[:, None, None] | ~hidden, used, 0.0).sum(axis=0) / len(places)
    told = float(mean.sum())
    if told == 0.0:
        return None
    drawn = home_ranges(mean, volume(mean), grid, [level / 100.0 for level in levels], plane)
    areas = tuple(Area(level, *each) for level, each in zip(levels, drawn, strict=True))
    hours = int(sum(place[2].sum() for place in places))
    return SiteUse(len(places), hours, min(told, 1.0), scale_m, areas)


def _within(plane: Proj, radius_m: float, place: FloatArray) -> FloatArray:
    """Return places on the plane [m] with their hours, those of the site alone, shape (3, n)."""
    x, y = plane(place[0], place[1])
    inside = np.hypot(x, y) <= radius_m
    return np.stack([x, y, place[2]])[:, inside]


def _spread(place: FloatArray, grid: Grid) -> FloatArray:
    held = grid.histogram(*place)
    # Places are taken to the middle of their cells: a variance of cell^2 / 12 too many.
    spread = np.sqrt(CELLS_PER_SCALE**2 - 1.0 / 12.0)
    step = np.subtract.outer(np.arange(grid.n_x), np.arange(grid.n_x)) / spread
    fall = np.exp(-0.5 * step**2)
    density = fall @ held @ fall
    return np.asarray(density / density.sum(), dtype=np.float64)
