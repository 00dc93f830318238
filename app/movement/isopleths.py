"""Isopleths: the smallest area holding a share of a density, as polygons on the earth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeAlias, cast

import contourpy
import numpy as np
import shapely
from shapely import LinearRing, MultiPolygon, Polygon

from app.movement.track import BoolArray, FloatArray, IntArray

_Filled: TypeAlias = tuple[list[FloatArray], list[IntArray]]  # what OuterOffset gives


FEW_CELLS = 5
"""Cells within a home range below which it is drawn cell by cell."""


Plane: TypeAlias = Callable[..., Any]
"""What gives lon and lat [degrees] of x and y [m] with `inverse=True`, as `pyproj.Proj` does."""


@dataclass(frozen=True, slots=True)
class Grid:
    """A square grid in a plane; `x0`, `y0` is the centre of the first cell [m]."""

    x0: float
    y0: float
    cell_m: float
    n_x: int
    n_y: int

    @staticmethod
    def around(
        x: FloatArray, y: FloatArray, margin_m: float, cell_min_m: float, max_cells: int
    ) -> Grid:
        """
        Lay a grid over points, of the smallest cell that `max_cells` allows.

        Each point lies on the grid where the margin is half a cell or more.
        """
        wide = float(np.ptp(x)) + 2 * margin_m
        high = float(np.ptp(y)) + 2 * margin_m
        cell_m = max(cell_min_m, wide / (max_cells - 1), high / (max_cells - 1))
        n_x, n_y = int(wide / cell_m) + 1, int(high / cell_m) + 1
        return Grid(float(x.min()) - margin_m, float(y.min()) - margin_m, cell_m, n_x, n_y)

    def coarser(self, max_cells: int) -> Grid:
        """Return a grid over the same ground with at most `max_cells` cells along a side."""
        factor = max(1.0, max(self.n_x, self.n_y) / (max_cells - 1))
        n_x, n_y = int(self.n_x / factor) + 1, int(self.n_y / factor) + 1
        return Grid(self.x0, self.y0, self.cell_m * factor, n_x, n_y)

    def histogram(self, x: FloatArray, y: FloatArray, mass: FloatArray) -> FloatArray:
        """Sum mass per cell, shape (n_y, n_x); every point must lie on the grid."""
        column = np.rint((x - self.x0) / self.cell_m).astype(np.int64)
        row = np.rint((y - self.y0) / self.cell_m).astype(np.int64)
        flat = np.bincount(row * self.n_x + column, weights=mass, minlength=self.n_x * self.n_y)
        return np.asarray(flat.reshape(self.n_y, self.n_x), dtype=np.float64)


def isopleth(
    density: FloatArray, grid: Grid, share: float, proj: Plane
) -> tuple[float, MultiPolygon]:
    """
    Outline the smallest area that holds `share` of a density.

    Parameters
    ----------
    density : ndarray of float64, shape (n_y, n_x)
        Mass per cell, zero along the edge of the grid.
    grid : Grid
        Cells in the plane of `proj`, which must be equal-area.
    share : float
        Between 0 and 1.
    proj : Plane
        Turns the plane into lon and lat.

    Returns
    -------
    area_km2 : float
        Area of the polygons [km2].
    polygons : shapely.MultiPolygon
        Valid, within -180..180, cut at the antimeridian, outer rings counter-clockwise.
    """
    falling = np.sort(density, axis=None)[::-1]
    held = np.cumsum(falling)
    last = min(int(np.searchsorted(held, share * held[-1])), falling.shape[0] - 1)
    lower = falling[np.searchsorted(-falling, -falling[last], side="right") :]
    # Halfway to the next cell outside: the line at the level itself leaves that level out.
    level = float(falling[last] + lower[0]) / 2 if lower.size else float(falling[last])
    return _outlined(_lines(density, grid, density >= level), (level, np.inf), proj)


def volume(density: FloatArray) -> FloatArray:
    """
    Return for each cell the share of the mass in it and in all that are denser.

    Equals go together: each has the share with all of them.

    Parameters
    ----------
    density : ndarray of float64, shape (n_y, n_x)
        Mass per cell, not all 0.

    Returns
    -------
    ndarray of float64, shape (n_y, n_x)
        Above 0, at most 1.

    Examples
    --------
    >>> volume(np.array([[0.5, 0.2], [0.2, 0.1]])).round(6).tolist()
    [[0.5, 0.9], [0.9, 1.0]]
    """
    flat = density.ravel()
    some = np.flatnonzero(flat > 0.0)  # of a grid around a bird most cells hold nothing
    out = np.ones(flat.shape[0])
    falling_at = some[np.argsort(-flat[some])]
    falling = flat[falling_at]
    held = np.cumsum(falling)
    last = np.flatnonzero(np.append(falling[1:] != falling[:-1], True))
    out[falling_at] = np.repeat(held[last] / held[-1], np.diff(last, prepend=-1))
    return out.reshape(density.shape)


def home_ranges(
    density: FloatArray, held: FloatArray, grid: Grid, shares: Sequence[float], proj: Plane
) -> list[tuple[float, MultiPolygon]]:
    """
    Outline shares of a smooth density as home ranges are: each at that share of its `volume`.

    The volume is interpolated between cells, so that the area hardly hangs on their size, as it
    does in `isopleth`; adehabitatHR and move draw it so (Worton 1989, doi:10.2307/1938423).
    Where a few cells hold the share they are outlined as `isopleth` does: between so few there
    is nothing to interpolate.

    Parameters
    ----------
    density, grid, proj
        As those of `isopleth`.
    held : ndarray of float64, shape (n_y, n_x)
        The `volume` of the density.
    shares : sequence of float
        Between 0 and 1.

    Returns
    -------
    list of (area_km2, polygons)
        As `isopleth` gives them, one of each share.
    """
    few = [int(np.sum(held <= share)) < FEW_CELLS for share in shares]
    if all(few):
        return [isopleth(density, grid, share, proj) for share in shares]
    lines = _lines(held, grid, held <= max(shares))
    return [
        isopleth(density, grid, share, proj) if too_few
        else _outlined(lines, (-np.inf, share), proj)
        for share, too_few in zip(shares, few, strict=True)
    ]  # fmt: skip


def _lines(values: FloatArray, grid: Grid, inside: BoolArray) -> contourpy.ContourGenerator:
    """Return what draws lines around some cells of a grid: of them and those next to them."""
    part = []
    for axis in (1, 0):
        at = np.flatnonzero(inside.any(axis=axis))
        part.append(slice(max(int(at[0]) - 1, 0), int(at[-1]) + 2))
    y, x = part
    return contourpy.contour_generator(
        grid.x0 + grid.cell_m * np.arange(grid.n_x)[x],
        grid.y0 + grid.cell_m * np.arange(grid.n_y)[y],
        values[y, x],
        fill_type=contourpy.FillType.OuterOffset,
    )


def _outlined(
    lines: contourpy.ContourGenerator, between: tuple[float, float], proj: Plane
) -> tuple[float, MultiPolygon]:
    """Return area [km2] and outline of where interpolated values lie between two levels."""
    rings, offsets = cast(_Filled, lines.filled(*between))
    planar = [
        Polygon(ring[o[0] : o[1]], [ring[a:b] for a, b in pairwise(o[1:])])
        for ring, o in zip(rings, offsets, strict=True)
    ]
    area_km2 = sum(p.area for p in planar) / 1e6
    return area_km2, on_earth(planar, proj)


def on_earth(planar: Sequence[Polygon], proj: Plane) -> MultiPolygon:
    """Turn polygons of a plane into areas of lon and lat, cut at the antimeridian (RFC 7946)."""
    plain = _unbroken(planar, proj) if planar else MultiPolygon()
    if plain is not None:
        return plain
    whole = shapely.union_all([_on_earth(polygon, proj) for polygon in planar])
    parts = [g for g in shapely.get_parts(whole) if g.geom_type == "Polygon"]
    return MultiPolygon([shapely.orient_polygons(p) for p in parts])


def _unbroken(planar: Sequence[Polygon], proj: Plane) -> MultiPolygon | None:
    """Return the same at once where no ring crosses the antimeridian and none touches another."""
    xy, ring = shapely.get_coordinates(shapely.get_rings(planar), return_index=True)
    lon, lat = (np.asarray(v) for v in proj(xy[:, 0], xy[:, 1], inverse=True))
    if np.any(np.abs(np.diff(lon)[np.diff(ring) == 0]) >= 180.0):
        return None
    turned = shapely.set_coordinates(shapely.multipolygons(planar), np.column_stack([lon, lat]))
    return MultiPolygon(shapely.orient_polygons(turned)) if shapely.is_valid(turned) else None


def _on_earth(polygon: Polygon, proj: Plane) -> shapely.Geometry:
    """Turn a planar polygon into areas of lon and lat, cut at the antimeridian."""
    outer = _within(polygon.exterior, proj)
    return outer.difference(shapely.union_all([_within(h, proj) for h in polygon.interiors]))


def _within(line: LinearRing, proj: Plane) -> shapely.Geometry:
    """Return what a planar ring encloses on the earth, cut at the antimeridian."""
    ring = _ring(np.asarray(line.coords), proj)
    turned = shapely.make_valid(Polygon(ring))
    west, east = (int(np.floor((v + 180.0) / 360.0)) for v in (ring[:, 0].min(), ring[:, 0].max()))
    pieces = []
    for turn in range(west, east + 1):
        world = shapely.box(360.0 * turn - 180.0, -90.0, 360.0 * turn + 180.0, 90.0)
        moved = shapely.transform(
            turned.intersection(world), lambda xy, turn=turn: xy - np.array([360.0 * turn, 0.0])
        )
        pieces += [g for g in shapely.get_parts(moved) if g.geom_type == "Polygon"]
    return shapely.union_all(pieces)


def _ring(xy: FloatArray, proj: Plane) -> FloatArray:
    """Return lon and lat of a closed ring, without jumps; over the pole where it holds it."""
    lon, lat = proj(xy[:, 0], xy[:, 1], inverse=True)
    lon = np.unwrap(np.asarray(lon), period=360.0)
    ring = np.column_stack([lon, lat])
    if abs(lon[-1] - lon[0]) < 180.0:
        return ring
    pole = np.copysign(90.0, np.mean(lat))
    return np.vstack([ring, [lon[-1], pole], [lon[0], pole], ring[:1]])
