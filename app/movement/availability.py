"""Availability: which classes an area holds, by points laid evenly over it."""

from __future__ import annotations

import numpy as np
import shapely

from app.movement.track import FloatArray, IntArray

POINTS = 4_000
"""Points laid over an area: a share of one half is known within 1 %, on a lattice better."""


def lattice(area: shapely.MultiPolygon, points: int = POINTS) -> tuple[FloatArray, FloatArray]:
    """
    Lay a lattice of equal areas over an area.

    Parameters
    ----------
    area : MultiPolygon
        lon, lat [degrees], cut at the antimeridian.
    points : int
        About how many; each stands for the same area on the sphere (Lambert's cylindrical
        projection keeps areas).

    Returns
    -------
    lon, lat : ndarray of float64, shape (n,)
        Places within [degrees]; of a part too small for the lattice, one place within it.

    Examples
    --------
    >>> lon, lat = lattice(shapely.MultiPolygon([shapely.box(100, 0, 102, 2)]), points=4)
    >>> sorted(zip(lon.tolist(), lat.round(2).tolist()))
    [(100.5, 0.5), (100.5, 1.5), (101.5, 0.5), (101.5, 1.5)]
    """
    flat = shapely.transform(area, _flattened)
    size = float(flat.area)
    if size <= 0.0:
        return np.empty(0), np.empty(0)
    step = float(np.sqrt(size / points))
    found = [_within(part, step) for part in shapely.get_parts(flat)]
    xy = np.concatenate(found)
    return xy[:, 0], np.degrees(np.arcsin(np.clip(np.radians(xy[:, 1]), -1.0, 1.0)))


def _flattened(lonlat: FloatArray) -> FloatArray:
    return np.column_stack([lonlat[:, 0], np.degrees(np.sin(np.radians(lonlat[:, 1])))])


def _within(part: shapely.Polygon, step: float) -> FloatArray:
    """Return the places of the lattice within a part; it begins at the part's own corner."""
    west, south, east, north = part.bounds
    columns, rows = np.ceil([(east - west) / step, (north - south) / step]).astype(int)
    x = west + (np.arange(columns) + 0.5) * step
    y = south + (np.arange(rows) + 0.5) * step
    grid_x, grid_y = (each.ravel() for each in np.meshgrid(x, y))
    shapely.prepare(part)
    inside = shapely.contains_xy(part, grid_x, grid_y)
    if not inside.any():
        place: FloatArray = shapely.get_coordinates(shapely.point_on_surface(part))
        return place
    return np.column_stack([grid_x[inside], grid_y[inside]])


def class_shares(classes: IntArray) -> dict[int, float]:
    """
    Return the share of each class among places that stand for equal areas.

    Examples
    --------
    >>> class_shares(np.array([4, 4, 4, -1]))
    {-1: 0.25, 4: 0.75}
    """
    known, count = np.unique(classes, return_counts=True)
    return dict(zip(known.tolist(), (count / classes.shape[0]).tolist(), strict=True))
