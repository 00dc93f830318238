"""Coverage: what each class of a layer takes of an area, exact on the sphere."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import orjson
import shapely
from exactextract import exact_extract
from exactextract.feature import JSONFeatureSource
from exactextract.raster import NumPyRasterSource
from numpy.typing import NDArray

from app.movement.protection import State, class_of
from app.movement.track import FloatArray

OUTSIDE = -1
"""Class of what lies outside every class of a layer."""

EDGE_MAX_DEG = 0.25
"""Longest edge that an area is measured by [degrees]: its bow takes less than 1e-5 of a cell."""

_STRENGTH = {State.OUT: 0, State.LATER: 1, State.UNDATED: 2, State.IN_FORCE: 3}
_WEIGHTED = "(coverage_weight=area_spherical_m2)"


def equal_area(shapes: NDArray[np.object_]) -> FloatArray:
    """
    Return the area of each shape on the sphere [square degrees of the equator], shape (n,).

    Lambert's cylindrical projection keeps areas.
    """
    projected = shapely.transform(
        shapes, lambda xy: np.column_stack([xy[:, 0], np.degrees(np.sin(np.radians(xy[:, 1])))])
    )
    return np.asarray(shapely.area(projected), dtype=np.float64)


def _size(shape: shapely.Geometry) -> float:
    edges = np.array([shapely.segmentize(shape, EDGE_MAX_DEG)], dtype=np.object_)
    return float(equal_area(edges)[0])


def _shares(sizes: dict[int, float], whole: float) -> dict[int, float]:
    """Return shares of an area in the order of classes; what is left is outside."""
    total = sum(sizes.values())
    left = whole - total
    found = {k: size / max(whole, total) for k, size in sorted(sizes.items()) if size > 0.0}
    if left > 1e-9 * whole:  # less is rounding
        found = {OUTSIDE: found.get(OUTSIDE, 0.0) + left / whole} | {
            k: share for k, share in found.items() if k != OUTSIDE
        }
    return found


def of_classes(
    area: shapely.Geometry, shapes: Sequence[shapely.Geometry], class_ids: Sequence[int]
) -> dict[int, float]:
    """
    Return the share of each class of polygons in an area; where they overlap the first counts.

    Parameters
    ----------
    area : shapely Polygon or MultiPolygon
        lon, lat [degrees], valid, with an area.
    shapes : sequence of shapely Polygon
        Those that meet it.
    class_ids : sequence of int
        Class of each.

    Examples
    --------
    >>> area, half = shapely.box(0, 0, 2, 1), shapely.box(0, 0, 1, 1)
    >>> {k: round(v, 6) for k, v in of_classes(area, [half, area], [7, 8]).items()}
    {7: 0.5, 8: 0.5}
    """
    sizes: dict[int, float] = defaultdict(float)
    left = area
    for shape, class_id in zip(shapes, class_ids, strict=True):
        sizes[class_id] += _size(shapely.intersection(left, shape))
        left = shapely.difference(left, shape)
    return _shares(sizes, _size(area))


def of_designations(
    area: shapely.Geometry,
    shapes: Sequence[shapely.Geometry],
    designations: Sequence[int],
    states: Sequence[State],
) -> dict[int, float]:
    """
    Return the share of each class of designations in an area; where areas overlap all hold.

    Parameters
    ----------
    area, shapes
        As of `of_classes`.
    designations : sequence of int
        Of each shape.
    states : sequence of State
        Of each; of one designation at one place the strongest counts.

    Examples
    --------
    >>> area, half = shapely.box(0, 0, 2, 1), shapely.box(0, 0, 1, 1)
    >>> found = of_designations(area, [area, half], [0, 1], [State.IN_FORCE, State.UNDATED])
    >>> {k: round(v, 6) for k, v in found.items()}
    {1: 0.5, 13: 0.5}
    """
    pieces: dict[frozenset[tuple[int, State]], shapely.Geometry] = {frozenset(): area}
    for shape, designation, state in zip(shapes, designations, states, strict=True):
        divided: dict[frozenset[tuple[int, State]], list[shapely.Geometry]] = defaultdict(list)
        for held, piece in pieces.items():
            divided[held].append(shapely.difference(piece, shape))
            known = dict(held)
            if _STRENGTH[state] > _STRENGTH[known.get(designation, State.OUT)]:
                known[designation] = state
            divided[frozenset(known.items())].append(shapely.intersection(piece, shape))
        pieces = {
            held: shapely.union_all(parts)
            for held, parts in divided.items()
            if any(not part.is_empty for part in parts)
        }
    sizes = {class_of(dict(held)): _size(piece) for held, piece in pieces.items()}
    return _shares(sizes, _size(area))


def of_cells(
    area: shapely.Geometry,
    cells: NDArray[np.integer],
    grid: tuple[float, float, float, float],
) -> dict[int, float]:
    """
    Return the share of each class of a raster in an area: cells count by the part within.

    Parameters
    ----------
    area
        As of `of_classes`.
    cells : ndarray of int, shape (height, width)
        Class of each cell, `OUTSIDE` without one, north up.
    grid : tuple of float
        West, north, width and (negative) height of the cells [degrees].

    Notes
    -----
    The work of exactextract (Baston 2024, https://github.com/isciences/exactextract): the part of
    each cell is exact in the plane, and cells weigh by their area on the sphere.

    Examples
    --------
    >>> cells = np.array([[1, 2]])
    >>> found = of_cells(shapely.box(0.5, 0, 1.25, 1), cells, (0.0, 1.0, 1.0, -1.0))
    >>> {k: round(v, 6) for k, v in found.items()}
    {1: 0.666667, 2: 0.333333}
    """
    west, north, dx, dy = grid
    height, width = cells.shape
    frame = shapely.box(west, north + height * dy, west + width * dx, north)
    within = shapely.intersection(area, frame)
    size = _size(within)
    if not size > 0.0:
        return {OUTSIDE: 1.0}
    raster = NumPyRasterSource(
        cells.astype(np.int32), xmin=west, ymin=frame.bounds[1], xmax=frame.bounds[2], ymax=north
    )
    feature = {
        "type": "Feature", "properties": {}, "geometry": orjson.loads(shapely.to_geojson(within)),
    }  # fmt: skip
    [found] = exact_extract(
        raster, JSONFeatureSource([feature]), [f"unique{_WEIGHTED}", f"frac{_WEIGHTED}"]
    )
    told = found["properties"]
    pairs = zip(told["unique"].tolist(), told["frac"].tolist(), strict=True)
    return _shares({int(k): share * size for k, share in pairs}, _size(area))
