"""Drawn lines: generalised, and cut where they cross the antimeridian (RFC 7946, 3.1.9)."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import shapely
from shapely import LineString, MultiLineString

from app.movement.track import FloatArray

DRAW_TOLERANCE_DEG = 0.002
"""How far a drawn line may lie from the fixes [degrees]: 200 m, one pixel at zoom 10."""


def draw(
    lon: FloatArray, lat: FloatArray, tolerance_deg: float = DRAW_TOLERANCE_DEG
) -> MultiLineString:
    """
    Draw a line through fixes.

    Parameters
    ----------
    lon, lat : ndarray of float64, shape (n,)
        Positions in time order, two or more [degrees].
    tolerance_deg : float
        Largest distance of a left-out fix from the line (Douglas and Peucker 1973,
        doi:10.3138/FM57-6770-U75U-7727) [degrees].

    Returns
    -------
    shapely.MultiLineString
        Longitudes within -180..180; a step over the antimeridian is cut there.

    Examples
    --------
    >>> draw(np.array([179.0, -179.0]), np.array([0.0, 2.0])).wkt
    'MULTILINESTRING ((179 0, 180 1), (-180 1, -179 2))'
    """
    turned = unwrapped(lon)
    line = LineString(np.column_stack([turned, lat])).simplify(
        tolerance_deg, preserve_topology=False
    )
    return cut(line)


def unwrapped(lon: FloatArray) -> FloatArray:
    """Return longitudes that run on over the antimeridian instead of jumping, shape (n,)."""
    return np.unwrap(lon, period=360.0)


def cut(line: LineString) -> MultiLineString:
    """
    Return a line of running longitudes within -180..180, cut at the antimeridian.

    Pieces follow each other as the line runs, places passed twice twice: what a geometry library
    cuts out comes without order, and once. A line that only touches the meridian is not cut.
    """
    xy = _with_crossings(shapely.get_coordinates(line))
    lon = xy[:, 0]
    turn = np.floor((0.5 * (lon[:-1] + lon[1:]) + 180.0) / 360.0)  # of each step
    along = (lon[:-1] == lon[1:]) & (np.mod(lon[1:] + 180.0, 360.0) == 0.0)
    for i in np.flatnonzero(along):  # a step on the meridian stays on the side it came from
        turn[i] = turn[i - 1] if i else turn[np.argmin(along)]
    ends = [0, *(np.flatnonzero(np.diff(turn)) + 1).tolist(), turn.shape[0]]
    return MultiLineString(
        [xy[a : b + 1] - np.array([360.0 * turn[a], 0.0]) for a, b in pairwise(ends)]
    )


def _with_crossings(xy: FloatArray) -> FloatArray:
    """Return the vertices of a line, shape (n, 2), and the places where it crosses a meridian."""
    lon, lat = xy.T
    first, last = np.floor((lon.min() + 180.0) / 360.0), np.floor((lon.max() + 180.0) / 360.0)
    at, new = [np.arange(lon.shape[0], dtype=np.float64)], [xy]
    for turn in np.arange(first, last) + 1.0:
        meridian = 360.0 * turn - 180.0
        left = lon - meridian
        step = np.flatnonzero(left[:-1] * left[1:] < 0.0)
        share = left[step] / (left[step] - left[step + 1])
        at.append(step + share)
        crossed = lat[step] + share * (lat[step + 1] - lat[step])
        new.append(np.column_stack([np.full(step.shape[0], meridian), crossed]))
    return np.concatenate(new)[np.argsort(np.concatenate(at), kind="stable")]
