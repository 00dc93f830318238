"""Nights and days of a stay, measured by kernels: a bird has hundreds of each in a year."""

from __future__ import annotations

import numpy as np

from app.movement.arcs import EARTH_RADIUS_M
from app.movement.compiled import kernel
from app.movement.track import FloatArray


@kernel
def night_middle(lon: FloatArray, lat: FloatArray) -> tuple[float, float]:
    """Return the median place of a night, wherever the antimeridian lies."""
    turned = lon.copy()
    for i in range(1, lon.shape[0]):
        turned[i] = lon[i] - 360.0 * np.rint((lon[i] - turned[i - 1]) / 360.0)
    return (np.median(turned) + 180.0) % 360.0 - 180.0, np.median(lat)


@kernel
def day_out(lon: FloatArray, lat: FloatArray, n: int) -> tuple[float, float]:
    """Return how far n fixes of a day are from the first roost after them, and all apart [m]."""
    m = lon.shape[0]
    unit = np.empty((m, 3))
    for i in range(m):
        x, y = np.radians(lon[i]), np.radians(lat[i])
        unit[i, 0], unit[i, 1], unit[i, 2] = np.cos(x) * np.cos(y), np.sin(x) * np.cos(y), np.sin(y)
    away, widest = np.empty(n), 0.0
    for i in range(m):
        for j in range(i):
            dx, dy, dz = unit[i, 0] - unit[j, 0], unit[i, 1] - unit[j, 1], unit[i, 2] - unit[j, 2]
            chord = np.sqrt(dx * dx + dy * dy + dz * dz)
            widest = max(widest, chord)
            if i == n:
                away[j] = chord
    arc = 2.0 * EARTH_RADIUS_M * np.arcsin(np.minimum(away / 2.0, 1.0))
    return np.median(arc), 2.0 * EARTH_RADIUS_M * np.arcsin(min(widest / 2.0, 1.0))
