"""Classes of places: polygons, rasters, and the areas of a boundary set with their coasts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from shapely.geometry.base import BaseGeometry

from app.movement.geodesy import EARTH_RADIUS_M, to_xyz
from app.movement.habitat import OUTSIDE
from app.movement.track import FloatArray, IntArray

COAST_M = 24 * 1852.0
"""Coast reaches this far from land [m]: 24 nautical miles, the contiguous zone (UNCLOS art. 33);
tidal flats, where spoonbills and cranes feed, lie in no polygon of a small-scale set."""

SHORE_STEP_DEG = 0.02
"""Distance of points that stand for a shore [degrees]: 2.2 km, which errs by 14 m at 24 NM."""

TIE_M = 0.01
"""Two shores this equally near are equally near [m]; the first area of the set wins."""


class LayerError(ValueError):
    """The layer cannot be used as a set of classes."""


@dataclass(frozen=True, slots=True)
class PolygonIndex:
    """Polygons, each with a class; where polygons overlap the first one given counts."""

    _polygons: NDArray[np.object_]
    _class_id: IntArray
    _tree: shapely.STRtree

    @staticmethod
    def build(polygons: Sequence[BaseGeometry], class_id: IntArray) -> PolygonIndex:
        """
        Prepare polygons for look-ups.

        Parameters
        ----------
        polygons : sequence of shapely geometries
            Polygons or multipolygons in lon and lat; order them by priority.
        class_id : ndarray of int64, shape (m,)
            Class of each, 0 or more.

        Raises
        ------
        LayerError
            If lengths differ, a class is negative or a geometry is no valid polygon.
        """
        shapes = np.array(polygons, dtype=np.object_)
        if shapes.shape != class_id.shape or np.any(class_id < 0):
            raise LayerError("give one class id of 0 or more for each polygon")
        kinds = {"Polygon", "MultiPolygon"}
        bad = [
            i for i, p in enumerate(polygons) if p.geom_type not in kinds or not shapely.is_valid(p)
        ]
        if bad:
            raise LayerError(
                f"feature {bad[0]} of the layer is no valid polygon "
                f"({shapely.is_valid_reason(polygons[bad[0]])}): repair it and upload again"
            )
        shapely.prepare(shapes)
        return PolygonIndex(shapes, class_id, shapely.STRtree(shapes))

    def first(self, lon: FloatArray, lat: FloatArray) -> IntArray:
        """Return the first polygon that holds each point, its edge included, or `OUTSIDE`."""
        n, m = lon.shape[0], self._polygons.shape[0]
        best = np.full(n, m, dtype=np.int64)
        points = shapely.points(lon, lat)
        point, polygon = self._tree.query(points)
        for k in np.unique(polygon).tolist():
            some = point[polygon == k]
            inside = shapely.intersects_xy(self._polygons[k], lon[some], lat[some])
            best[some[inside]] = np.minimum(best[some[inside]], k)
        return np.where(best < m, best, OUTSIDE)

    def classes(self, lon: FloatArray, lat: FloatArray) -> IntArray:
        """
        Look up the class of each point.

        Parameters
        ----------
        lon, lat : ndarray of float64, shape (n,)
            Positions [degrees].

        Returns
        -------
        ndarray of int64, shape (n,)
            Class of the first polygon that holds the point; `OUTSIDE` for none.

        Examples
        --------
        >>> boxes = [shapely.box(0, 0, 2, 2), shapely.box(1, 0, 3, 2)]
        >>> index = PolygonIndex.build(boxes, np.array([5, 6]))
        >>> index.classes(np.array([1.5, 2.5, 9.0]), np.array([1.0, 1.0, 1.0])).tolist()
        [5, 6, -1]
        """
        first = self.first(lon, lat)
        if self._class_id.shape[0] == 0:
            return first
        return np.where(first >= 0, self._class_id[first], OUTSIDE)


@dataclass(frozen=True, slots=True)
class RasterClasses:
    """
    A raster of classes in lon and lat.

    Attributes
    ----------
    cells : ndarray of an integer type, shape (height, width)
        Class of each cell.
    transform : tuple of float
        a, b, c, d, e, f: lon = a column + b row + c, lat = d column + e row + f [degrees].
    nodata : int, optional
        Value of cells without a class.
    """

    cells: NDArray[np.integer]
    transform: tuple[float, float, float, float, float, float]
    nodata: int | None = None

    def classes(self, lon: FloatArray, lat: FloatArray) -> IntArray:
        """
        Look up the class of each point.

        Parameters
        ----------
        lon, lat : ndarray of float64, shape (n,)
            Positions [degrees].

        Returns
        -------
        ndarray of int64, shape (n,)
            Class of the cell; `OUTSIDE` beyond the raster and where it has no data.

        Examples
        --------
        >>> raster = RasterClasses(np.array([[4, 0]]), (0.5, 0.0, 110.0, 0.0, -0.5, 50.0), nodata=0)
        >>> raster.classes(np.array([110.1, 110.6, 99.0]), np.array([49.8, 49.8, 49.8])).tolist()
        [4, -1, -1]
        """
        a, b, c, d, e, f = self.transform
        det = a * e - b * d
        if det == 0.0:
            raise LayerError("the raster's transform has no area: write it again with a cell size")
        column = np.floor((e * (lon - c) - b * (lat - f)) / det).astype(np.int64)
        row = np.floor((a * (lat - f) - d * (lon - c)) / det).astype(np.int64)
        height, width = self.cells.shape
        inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
        out = np.full(lon.shape[0], OUTSIDE, dtype=np.int64)
        out[inside] = self.cells[row[inside], column[inside]]
        if self.nodata is not None:
            out[inside & (out == self.nodata)] = OUTSIDE
        return out


@dataclass(frozen=True, slots=True)
class AreaIndex:
    """
    Areas of a boundary set: land, the coast of the nearest area, or the open sea.

    `names` holds every area's land, then every area's coast, in the order of the set and in its
    own words; a class id points into it, `OUTSIDE` is the open sea.
    """

    names: tuple[str, ...]
    _land: PolygonIndex
    _shore: cKDTree
    _shore_area: IntArray
    _coast_m: float

    @staticmethod
    def build(
        names: Sequence[str], polygons: Sequence[BaseGeometry], *, coast_m: float = COAST_M
    ) -> AreaIndex:
        """
        Prepare a boundary set for look-ups.

        Parameters
        ----------
        names : sequence of str
            Name of each area, as the set prints it.
        polygons : sequence of shapely geometries
            Land of each area in lon and lat.
        coast_m : float
            How far from land a coast reaches [m].

        Raises
        ------
        LayerError
            If there is no area, lengths differ or a geometry is no valid polygon.
        """
        if not names or len(names) != len(polygons):
            raise LayerError("a boundary set needs at least one area and a name for each polygon")
        n = len(names)
        land = PolygonIndex.build(polygons, np.arange(n, dtype=np.int64))
        edges = shapely.segmentize(shapely.boundary(np.array(polygons)), SHORE_STEP_DEG)
        points, area = shapely.get_coordinates(edges, return_index=True)
        shore = cKDTree(to_xyz(points[:, 0], points[:, 1]))
        both = (*names, *(f"{name} (coast)" for name in names))
        return AreaIndex(both, land, shore, area.astype(np.int64), coast_m)

    def classes(self, lon: FloatArray, lat: FloatArray) -> IntArray:
        """
        Look up the area of each point.

        Parameters
        ----------
        lon, lat : ndarray of float64, shape (n,)
            Positions [degrees].

        Returns
        -------
        ndarray of int64, shape (n,)
            Index into `names`; `OUTSIDE` for the open sea.

        Examples
        --------
        >>> areas = AreaIndex.build(["Island"], [shapely.box(126.0, 33.2, 127.0, 33.6)])
        >>> found = areas.classes(np.array([126.5, 127.2, 129.0]), np.array([33.4, 33.4, 33.4]))
        >>> [areas.label(int(i)) for i in found]
        ['Island', 'Island (coast)', 'Open sea']
        """
        out = self._land.classes(lon, lat)
        at_sea = np.flatnonzero(out == OUTSIDE)
        if at_sea.shape[0] == 0:
            return out
        reach = 2.0 * EARTH_RADIUS_M * np.sin(self._coast_m / (2.0 * EARTH_RADIUS_M))
        k = min(8, self._shore.n)
        away, nearest = self._shore.query(
            to_xyz(lon[at_sea], lat[at_sea]), k=k, distance_upper_bound=reach
        )
        away, nearest = away.reshape(-1, k), nearest.reshape(-1, k)
        n = len(self.names) // 2
        area = np.append(self._shore_area, n)[nearest]  # the tree's own number for "none"
        area = np.where(away <= away[:, :1] + TIE_M, area, n).min(axis=1)
        out[at_sea] = np.where(area < n, area + n, OUTSIDE)
        return out

    def label(self, class_id: int) -> str:
        """Return the printed name of a class id."""
        return "Open sea" if class_id == OUTSIDE else self.names[class_id]
