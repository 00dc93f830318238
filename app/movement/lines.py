"""Drawn lines: generalised, and cut where they cross the antimeridian (RFC 7946, 3.1.9)."""

from __future__ import annotations

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
    """Return a line of running longitudes within -180..180, cut at the antimeridian."""
    first, _, last, _ = line.bounds
    west, east = np.floor((first + 180) / 360), np.floor((last + 180) / 360)
    pieces: list[LineString] = []
    for turn in range(int(west), int(east) + 1):
        world = shapely.box(360 * turn - 180, -90, 360 * turn + 180, 90)
        part = line.intersection(world) if west != east else line
        moved = shapely.transform(part, lambda xy, turn=turn: xy - np.array([360.0 * turn, 0.0]))
        pieces += [g for g in shapely.get_parts(moved) if g.geom_type == "LineString"]
    return MultiLineString(pieces)
