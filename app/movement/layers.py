"""Layers of classes: which class of land cover, habitat or country each position lies in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from threading import Lock

import numpy as np
import shapely
from numpy.typing import NDArray

from app.movement import coverage
from app.movement.arcs import EARTH_RADIUS_M
from app.movement.coverage import OUTSIDE, equal_area
from app.movement.geodesy import to_xyz
from app.movement.protection import State
from app.movement.track import FloatArray, IntArray

COAST_M = 24 * 1852.0
"""Width of the coast [m]: 24 nautical miles, the contiguous zone (UNCLOS article 33)."""

EDGE_MAX_DEG = 0.1
"""Longest coast edge [degrees]: a chord of 11 km leaves the line it stands for by < 10 m."""

NO_DAY = np.iinfo(np.int64).max
"""Stands for a day of designation that is not known."""

_LATER, _UNDATED, _IN_FORCE = 1, 2, 3
_STATES = np.array([State.OUT, State.LATER, State.UNDATED, State.IN_FORCE], dtype=np.int64)
"""States of a designation by strength."""

Shapes = NDArray[np.object_]


class PolygonIndex:
    """
    Polygons of classes, ready to be asked.

    Where polygons overlap, the smallest one counts (the first of equal ones), so that each
    second of a bird has one class: a reserve within a province is the reserve. A point on an
    edge is inside.

    Parameters
    ----------
    shapes : sequence of shapely Polygon or MultiPolygon, length n
        lon, lat [degrees]; valid, within -180..180.
    class_ids : ndarray of int64, shape (n,)
        Class of each shape.

    Examples
    --------
    >>> boxes = [shapely.box(0, 0, 10, 10), shapely.box(4, 4, 6, 6)]
    >>> index = PolygonIndex(boxes, np.array([7, 8]))
    >>> index.classes_at(np.array([1.0, 5.0, 50.0]), np.array([1.0, 5.0, 5.0])).tolist()
    [7, 8, -1]
    """

    def __init__(self, shapes: Sequence[shapely.Geometry], class_ids: IntArray) -> None:
        whole: Shapes = np.array(list(shapes), dtype=np.object_)
        order = np.argsort(equal_area(whole), kind="stable")
        parts, owner = shapely.get_parts(whole[order], return_index=True)
        self._parts: Shapes = parts
        self._class_ids = np.asarray(class_ids, dtype=np.int64)[order][owner]
        self._rank: IntArray = owner
        self._tree = shapely.STRtree(parts)
        # GEOS builds the index of a prepared polygon when it is first asked, which two threads
        # must not do at once.
        shapely.prepare(parts)
        self._lock = Lock()

    def classes_at(self, lon: FloatArray, lat: FloatArray) -> IntArray:
        """Return the class of each position, `OUTSIDE` where there is none, shape (n,)."""
        out = np.full(lon.shape[0], OUTSIDE, dtype=np.int64)
        rank = np.full(lon.shape[0], np.iinfo(np.int64).max)
        for part, inside in self._hits(lon, lat):
            won = inside[self._rank[part] < rank[inside]]
            rank[won] = self._rank[part]
            out[won] = self._class_ids[part]
        return out

    def shares_in(self, area: shapely.Geometry) -> dict[int, float]:
        """Return the share of each class in an area, exact on the sphere, by `coverage`."""
        return coverage.of_classes(area, *self._meeting(area))

    def _meeting(self, area: shapely.Geometry) -> tuple[list[shapely.Geometry], list[int]]:
        """Return the parts that meet an area with their classes, the smallest polygons first."""
        found = np.sort(self._tree.query(area, predicate="intersects"))
        return self._parts[found].tolist(), self._class_ids[found].tolist()

    def _hits(self, lon: FloatArray, lat: FloatArray) -> Iterator[tuple[int, IntArray]]:
        """Yield each part of a polygon that holds any of the positions, with those it holds."""
        points, parts = self._tree.query(shapely.points(lon, lat))
        order = np.argsort(parts, kind="stable")
        points, parts = points[order], parts[order]
        starts = np.flatnonzero(np.diff(parts, prepend=-1))
        with self._lock:
            for part, near in zip(
                parts[starts].tolist(), np.split(points, starts[1:]), strict=False
            ):
                yield part, near[shapely.intersects_xy(self._parts[part], lon[near], lat[near])]


class ProtectionIndex(PolygonIndex):
    """
    Designated areas, ready to be asked what holds at a place on a day.

    Where areas overlap all of their designations hold; of one designation the strongest state
    counts, so that each second of a bird has one class: `app.movement.protection.cover` reads it.

    Parameters
    ----------
    shapes, class_ids
        As of `PolygonIndex`; classes are designations, below `DESIGNATIONS_MAX`.
    since_day : ndarray of int64, shape (n,)
        Day of designation [days since 1970-01-01]; `NO_DAY` where it is not known.

    Examples
    --------
    >>> boxes = [shapely.box(0, 0, 10, 10), shapely.box(4, 4, 6, 6)]
    >>> index = ProtectionIndex(boxes, np.array([0, 1]), np.array([100, NO_DAY]))
    >>> place = np.array([1.0, 1.0, 5.0, 50.0])
    >>> index.states_at(place, place, np.array([99, 100, 100, 100])).tolist()
    [2, 1, 13, -1]
    """

    def __init__(
        self, shapes: Sequence[shapely.Geometry], class_ids: IntArray, since_day: IntArray
    ) -> None:
        super().__init__(shapes, np.arange(len(shapes)))
        self._designation = np.asarray(class_ids, dtype=np.int64)
        self._since = np.asarray(since_day, dtype=np.int64)

    def shares_in(self, area: shapely.Geometry) -> dict[int, float]:
        """Return the share of each class in an area as the layer holds it today, exact."""
        shapes, areas = self._meeting(area)
        designations = [int(self._designation[k]) for k in areas]
        states = [State.UNDATED if self._since[k] == NO_DAY else State.IN_FORCE for k in areas]
        return coverage.of_designations(area, shapes, designations, states)

    def states_at(self, lon: FloatArray, lat: FloatArray, day: IntArray) -> IntArray:
        """Return the class of each position on its UTC day, `OUTSIDE` in no area, shape (n,)."""
        n = int(self._designation.max(initial=-1)) + 1
        # In the order of strength, and only then as numbers: what counts is the greatest.
        strength = np.zeros((lon.shape[0], n), dtype=np.int64)
        for part, inside in self._hits(lon, lat):
            area = int(self._class_ids[part])
            since = self._since[area]
            dated = np.where(since <= day[inside], _IN_FORCE, _LATER)
            held = np.full(inside.shape[0], _UNDATED) if since == NO_DAY else dated
            column = self._designation[area]
            strength[inside, column] = np.maximum(strength[inside, column], held)
        states = _STATES[strength] << 2 * np.arange(n)
        out: IntArray = states.sum(axis=1)
        return np.where(out == 0, OUTSIDE, out)


class RasterClasses:
    """
    A grid of classes, ready to be asked.

    Parameters
    ----------
    cells : ndarray of int, shape (height, width)
        Class of each cell, north up.
    transform : sequence of 6 float
        Affine a, b, c, d, e, f of cell corners [degrees]; b and d are 0.
    nodata : int or None
        Cell value that stands for no class.

    Examples
    --------
    >>> grid = RasterClasses(np.array([[1, 2], [3, 4]]), (1, 0, 100, 0, -1, 50), nodata=4)
    >>> lon, lat = np.array([100.0, 101.5, 101.5, 99.0]), np.array([49.5, 49.5, 48.5, 49.5])
    >>> grid.classes_at(lon, lat).tolist()
    [1, 2, -1, -1]
    """

    def __init__(
        self, cells: NDArray[np.integer], transform: Sequence[float], nodata: int | None = None
    ) -> None:
        self._cells = cells
        self._dx, _, self._west, _, self._dy, self._north = (float(v) for v in transform)
        self._nodata = nodata

    def classes_at(self, lon: FloatArray, lat: FloatArray) -> IntArray:
        """Return the class of the cell around each position, `OUTSIDE` elsewhere, shape (n,)."""
        height, width = self._cells.shape
        column = np.floor((lon - self._west) / self._dx).astype(np.int64)
        row = np.floor((lat - self._north) / self._dy).astype(np.int64)
        # The far edges of a world grid belong to its last cells, as 180 and -90 are positions.
        column[np.isclose(lon, self._west + width * self._dx, rtol=0, atol=1e-9)] = width - 1
        row[np.isclose(lat, self._north + height * self._dy, rtol=0, atol=1e-9)] = height - 1
        inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
        out = np.full(lon.shape[0], OUTSIDE, dtype=np.int64)
        out[inside] = self._cells[row[inside], column[inside]]
        if self._nodata is not None:
            out[inside & (out == self._nodata)] = OUTSIDE
        return out

    def shares_in(self, area: shapely.Geometry) -> dict[int, float]:
        """Return the share of each class in an area, cells that lie partly within by that part."""
        cells = self._cells
        if self._nodata is not None:
            cells = np.where(cells == self._nodata, OUTSIDE, cells)
        return coverage.of_cells(area, cells, (self._west, self._north, self._dx, self._dy))


class AreaIndex:
    """
    A boundary set: every position is on land, at a coast or on the open sea.

    Land is inside a polygon. Coast is outside, with the nearest polygon at most `COAST_M` away,
    and counts for that area: coarse coastlines leave tidal flats, where spoonbills and cranes
    feed, in no country. Everything else is open sea.

    Parameters
    ----------
    shapes : sequence of shapely Polygon or MultiPolygon, length n
        lon, lat [degrees]; valid, within -180..180.
    area_ids : ndarray of int64, shape (n,)
        Area of each shape, 0 .. `n_areas` - 1.
    n_areas : int
        Number of areas.

    Notes
    -----
    Distance is that to the chord of each coast edge: within 10 m of the geodesic.

    Examples
    --------
    >>> index = AreaIndex([shapely.box(0, 0, 1, 1)], np.array([0]), 1)
    >>> lon, lat = np.array([0.5, 1.2, 3.0]), np.array([0.5, 0.5, 0.5])
    >>> index.classes_at(lon, lat).tolist()
    [0, 1, -1]
    """

    def __init__(
        self, shapes: Sequence[shapely.Geometry], area_ids: IntArray, n_areas: int
    ) -> None:
        ids = np.asarray(area_ids, dtype=np.int64)
        self._land = PolygonIndex(shapes, ids)
        self.n_areas = n_areas
        self._start, self._end, owner = _edges(np.array(list(shapes), dtype=np.object_))
        self._edge_area = ids[owner]
        middle = (self._start + self._end) / 2
        self._reach = 0.0
        if owner.shape[0]:
            self._reach = float(np.linalg.norm(self._end - self._start, axis=1).max()) / 2
        from scipy.spatial import cKDTree  # noqa: PLC0415 - slow to load

        self._tree = cKDTree(middle)

    def classes_at(self, lon: FloatArray, lat: FloatArray) -> IntArray:
        """Return classes, shape (n,): area k on land, `n_areas` + k at its coast, -1 at sea."""
        out = self._land.classes_at(lon, lat)
        away = np.flatnonzero(out == OUTSIDE)
        coast = self._nearest_area(lon[away], lat[away])
        out[away] = np.where(coast == OUTSIDE, OUTSIDE, coast + self.n_areas)
        return out

    def _nearest_area(self, lon: FloatArray, lat: FloatArray) -> IntArray:
        out = np.full(lon.shape[0], OUTSIDE, dtype=np.int64)
        if not (lon.shape[0] and self._edge_area.shape[0]):
            return out
        point = to_xyz(lon, lat)
        # The nearest edge is no farther than the edge with the nearest middle, so its own middle
        # is at most half an edge farther than that.
        bound, _ = self._tree.query(point, distance_upper_bound=COAST_M + self._reach)
        near = np.flatnonzero(np.isfinite(bound))
        found = self._tree.query_ball_point(
            point[near], bound[near] + self._reach + 1e-3, return_sorted=True
        )
        count = np.array([len(edges) for edges in found], dtype=np.int64)
        if not count.sum():
            return out
        edge = np.concatenate([np.asarray(edges, dtype=np.int64) for edges in found])
        row = np.repeat(near, count)
        distance = _edge_distance_m(point[row], self._start[edge], self._end[edge])
        order = np.lexsort((self._edge_area[edge], distance, row))
        first = order[np.flatnonzero(np.diff(row[order], prepend=-1))]
        close = first[distance[first] <= COAST_M]
        out[row[close]] = self._edge_area[edge[close]]
        return out


def _edges(shapes: Shapes) -> tuple[FloatArray, FloatArray, IntArray]:
    """Return the edges of all rings as earth-centred ends (m, 3) [m] and the shape of each."""
    lines, owner = shapely.get_parts(shapely.boundary(shapes), return_index=True)
    xy, line = shapely.get_coordinates(shapely.segmentize(lines, EDGE_MAX_DEG), return_index=True)
    same = line[1:] == line[:-1]
    points = to_xyz(xy[:, 0], xy[:, 1])
    return points[:-1][same], points[1:][same], owner[line[:-1][same]]


def _edge_distance_m(point: FloatArray, start: FloatArray, end: FloatArray) -> FloatArray:
    """Return the distance of each point to its edge, all (n, 3) [m], as an arc, shape (n,)."""
    along = end - start
    length = np.maximum((along * along).sum(axis=1), 1e-12)
    share = np.clip(((point - start) * along).sum(axis=1) / length, 0.0, 1.0)
    chord = np.linalg.norm(point - (start + share[:, None] * along), axis=1)
    arc: FloatArray = np.arcsin(np.minimum(chord / (2.0 * EARTH_RADIUS_M), 1.0))
    return 2.0 * EARTH_RADIUS_M * arc
