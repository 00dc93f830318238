"""
How large the smallest rectangle around some fixes is, decided as MovingPandas decides it.

Places are points of the lon/lat plane, distances between corners are geodesic. Two numbers of
floating point decide near a limit: a compiled answer is given only where it is certain, and
`measured` gives it on the ellipsoid for the others.

References
----------
Minimum rectangle: Freeman and Shapira 1975, doi:10.1145/360881.360919. Hull: Andrew 1979,
doi:10.1016/0020-0190(79)90072-3.
"""

from __future__ import annotations

import numpy as np
import shapely

from app.movement.compiled import kernel
from app.movement.geodesy import distance_m
from app.movement.track import FloatArray, IntArray

BOX_FACTOR = 1.5
"""MovingPandas looks at the rectangle only where the diagonal of the box is below this many
diameters: part of its result, since a rotated rectangle can be smaller than its box."""

SEMI_MAJOR_M = 6_378_137.0
ECCENTRICITY_2 = 6.694379990141316e-3
"""WGS 84: semi-major axis [m] and squared first eccentricity."""

FLAT_ERROR = 0.5
"""Error of a distance measured in the plane of its middle, in units of d³/(R² cos²(lat)): twice
the largest met in ten million random pairs below 80 degrees of latitude."""
ROUNDING_M = 1e-6
"""Added to that error [m]: sums of doubles, and the last digits of a geodesic."""
FAR_SHARE = 0.01
"""Error of a distance on the sphere as a share: flattening makes at most 0.0056."""
NORTH_MIN_M = 110_500.0
"""A degree of latitude is nowhere shorter [m]: 110,574 at the equator."""
AREA_SHARE = 1e-9
"""Rectangles whose areas differ by less than this share are equal for a double."""

TURN_ERROR = 3.3306690738754716e-16
"""Relative error of the sign of a triangle's area in doubles (Shewchuk 1997,
doi:10.1007/PL00009321): within it three places may lie on a line, and stay corners of the hull."""
SLIVER_SHARE = 1e-6
"""Rectangles narrower than this share of their length are left to GEOS, whose answer for places
that nearly lie on a line depends on their last digits."""

NO, YES, UNSURE = 0, 1, 2


def measured(lon: FloatArray, lat: FloatArray, max_diameter_m: float) -> bool:
    """Say whether a window is a stop, measured on the ellipsoid as MovingPandas does."""
    box = (lon.min(), lat.min()), (lon.max(), lat.max())
    if not _apart_m(*box) < max_diameter_m * BOX_FACTOR:
        return False
    if lon.shape[0] == 2:
        return _apart_m((lon[0], lat[0]), (lon[1], lat[1])) < max_diameter_m
    around = shapely.oriented_envelope(shapely.multipoints(np.column_stack([lon, lat])))
    corners = shapely.get_coordinates(around)
    opposite = corners[2] if around.geom_type == "Polygon" else corners[-1]
    return _apart_m(tuple(corners[0]), tuple(opposite)) < max_diameter_m


def _apart_m(a: tuple[float, float], b: tuple[float, float]) -> float:
    one, other = np.array([a]), np.array([b])
    return float(distance_m(one[:, 0], one[:, 1], other[:, 0], other[:, 1])[0])


@kernel
def box_of(lon: FloatArray, lat: FloatArray, a: int, b: int) -> tuple[float, float, float, float]:
    """Return west, south, east and north of fixes a to b - 1 [degrees]."""
    west = east = lon[a]
    south = north = lat[a]
    for k in range(a + 1, b):
        west, east = min(west, lon[k]), max(east, lon[k])
        south, north = min(south, lat[k]), max(north, lat[k])
    return west, south, east, north


@kernel
def compare(lon_a: float, lat_a: float, lon_b: float, lat_b: float, limit_m: float) -> int:
    """Say whether two places are less than a limit apart; `UNSURE` within the error."""
    if abs(lat_b - lat_a) * NORTH_MIN_M > limit_m:
        return NO
    middle = np.radians(0.5 * (lat_a + lat_b))
    sine, cosine = np.sin(middle), np.cos(middle)
    root = 1.0 - ECCENTRICITY_2 * sine * sine
    across = SEMI_MAJOR_M / np.sqrt(root)
    along = across * (1.0 - ECCENTRICITY_2) / root
    east = across * cosine * np.radians(lon_b - lon_a)
    north = along * np.radians(lat_b - lat_a)
    d_2 = east * east + north * north
    if d_2 < 1e10:  # 100 km: the plane of the middle is good to 0.1 m per cos²
        d = np.sqrt(d_2)
        error = ROUNDING_M + FLAT_ERROR * d_2 * d / (SEMI_MAJOR_M * cosine) ** 2
    else:
        half_lat, half_lon = np.radians(0.5 * (lat_b - lat_a)), np.radians(0.5 * (lon_b - lon_a))
        a = np.sin(half_lat) ** 2
        a += np.cos(np.radians(lat_a)) * np.cos(np.radians(lat_b)) * np.sin(half_lon) ** 2
        d = 2.0 * SEMI_MAJOR_M * np.arcsin(min(1.0, np.sqrt(a)))
        error = FAR_SHARE * d
    if d + error < limit_m:
        return YES
    return NO if d - error > limit_m else UNSURE


@kernel
def fits(lon: FloatArray, lat: FloatArray, hull: IntArray, max_diameter_m: float) -> int:
    """Say whether box and smallest rectangle of a hull are small enough for a stop."""
    k = hull.shape[0]
    if k == 1:
        return YES if max_diameter_m > 0.0 else NO
    west = east = lon[hull[0]]
    south = north = lat[hull[0]]
    for j in range(1, k):
        west, east = min(west, lon[hull[j]]), max(east, lon[hull[j]])
        south, north = min(south, lat[hull[j]]), max(north, lat[hull[j]])
    box = compare(west, south, east, north, BOX_FACTOR * max_diameter_m)
    if box != YES:
        return box
    if k == 2:
        a, b = hull[0], hull[1]
        return compare(lon[a], lat[a], lon[b], lat[b], max_diameter_m)
    return _rectangle(lon, lat, hull, max_diameter_m)


@kernel
def _rectangle(lon: FloatArray, lat: FloatArray, hull: IntArray, max_diameter_m: float) -> int:
    """Compare the diagonal of the rectangle of least area, in degrees, with the limit."""
    k = hull.shape[0]
    x0, y0 = lon[hull[0]], lat[hull[0]]
    area = np.empty(k)
    diagonal = np.empty((k, 4))
    narrow = False
    for e in range(k):
        a, b = hull[e], hull[(e + 1) % k]
        ux, uy = lon[b] - lon[a], lat[b] - lat[a]
        length = np.sqrt(ux * ux + uy * uy)
        ux, uy = ux / length, uy / length
        right, left, top = -np.inf, np.inf, -np.inf
        base = -uy * (lon[a] - x0) + ux * (lat[a] - y0)
        for j in range(k):
            px, py = lon[hull[j]] - x0, lat[hull[j]] - y0
            forth, up = ux * px + uy * py, -uy * px + ux * py
            right, left, top = max(right, forth), min(left, forth), max(top, up)
        area[e] = (right - left) * (top - base)
        narrow = narrow or min(right - left, top - base) < SLIVER_SHARE * max(
            right - left, top - base
        )
        diagonal[e, 0], diagonal[e, 1] = x0 + ux * right - uy * base, y0 + uy * right + ux * base
        diagonal[e, 2], diagonal[e, 3] = x0 + ux * left - uy * top, y0 + uy * left + ux * top
    if narrow:
        return UNSURE
    least, verdict = area.min(), -1
    for e in range(k):
        if area[e] > least * (1.0 + AREA_SHARE):
            continue
        d = diagonal[e]
        said = compare(d[0], d[1], d[2], d[3], max_diameter_m)
        if said == UNSURE or (verdict >= 0 and said != verdict):
            return UNSURE
        verdict = said
    return verdict


@kernel
def hull_of(lon: FloatArray, lat: FloatArray, a: int, b: int, out: IntArray) -> int:
    """Write the hull of fixes a to b - 1, counter-clockwise; return its number of corners."""
    order = a + np.argsort(lon[a:b])
    for i in range(1, order.shape[0]):  # equal longitudes: by latitude
        k, j = order[i], i
        while j > 0 and lon[order[j - 1]] == lon[k] and lat[order[j - 1]] > lat[k]:
            order[j] = order[j - 1]
            j -= 1
        order[j] = k
    return _chain(lon, lat, order, out)


@kernel
def grown(lon: FloatArray, lat: FloatArray, corners: IntArray, h: int, i: int) -> int:
    """Write the hull of some corners and one more fix in their place; return its size."""
    order = np.empty(h + 1, dtype=np.int64)
    order[:h] = corners[:h]
    order[h] = i
    for m in range(1, h + 1):
        k, j = order[m], m
        while j > 0 and (
            lon[order[j - 1]] > lon[k]
            or (lon[order[j - 1]] == lon[k] and lat[order[j - 1]] > lat[k])
        ):
            order[j] = order[j - 1]
            j -= 1
        order[j] = k
    return _chain(lon, lat, order, corners)


@kernel
def _chain(lon: FloatArray, lat: FloatArray, order: IntArray, out: IntArray) -> int:
    """Write the hull of fixes sorted by lon, then lat (Andrew 1979); return its size."""
    n = 1  # equal places are one corner
    for i in range(1, order.shape[0]):
        a, b = order[n - 1], order[i]
        if lon[a] != lon[b] or lat[a] != lat[b]:
            order[n] = b
            n += 1
    if n < 3:
        out[:n] = order[:n]
        return n
    corners = np.empty(2 * n, dtype=np.int64)
    size = 0
    for sweep in range(2):
        floor = size if sweep == 1 else 1
        for step in range(sweep, n):
            i = order[step if sweep == 0 else n - 1 - step]
            while size > floor and _right(lon, lat, corners[size - 2], corners[size - 1], i):
                size -= 1
            corners[size] = i
            size += 1
    if size - 1 > n:  # all on a line, which was walked there and back
        out[:n] = order[:n]
        return n
    out[: size - 1] = corners[: size - 1]
    return size - 1


@kernel
def _right(lon: FloatArray, lat: FloatArray, a: int, b: int, c: int) -> bool:
    """Tell whether c certainly lies right of the way from a to b, so that b is no corner."""
    one = (lon[b] - lon[a]) * (lat[c] - lat[a])
    other = (lat[b] - lat[a]) * (lon[c] - lon[a])
    return bool(one - other < -TURN_ERROR * (abs(one) + abs(other)))


@kernel
def inside(lon: FloatArray, lat: FloatArray, hull: IntArray, k: int, i: int) -> bool:
    """Tell whether a fix certainly lies within a hull of k corners, or on one of them."""
    x, y = lon[i], lat[i]
    ax, ay = lon[hull[k - 1]], lat[hull[k - 1]]
    within = k > 2
    for j in range(k):
        bx, by = lon[hull[j]], lat[hull[j]]
        if bx == x and by == y:
            return True
        one, other = (bx - ax) * (y - ay), (by - ay) * (x - ax)
        within = within and one - other > TURN_ERROR * (abs(one) + abs(other))
        ax, ay = bx, by
    return within
