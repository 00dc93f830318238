"""
Outliers as MovingPandas' `OutlierCleaner` sees them: the same fixes kept, for comparison.

Each fix is held against the last one kept, and dropped when the speed between exceeds a limit; the
first fix is always kept, so that a wrong first fix drops good ones. Our own verdicts are those of
`screening`, which has neither fault.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from app.movement.compiled import kernel
from app.movement.geodesy import arc_m, distance_m, to_xyz
from app.movement.track import SECOND_US, BoolArray, FloatArray, IntArray

QUANTILE = 0.95
"""The limit is taken from this quantile of all speeds where none is given."""
UNSURE = 0.01
"""A speed this near to the limit is measured on the ellipsoid, above any error of `arc_m`."""


def outlier_cleaner(
    time_us: IntArray,
    lon: FloatArray,
    lat: FloatArray,
    speed_max_m_s: float | None = None,
    *,
    alpha: float = 3.0,
) -> BoolArray:
    """
    Say which fixes `movingpandas.OutlierCleaner` keeps.

    Parameters
    ----------
    time_us : ndarray of int64, shape (n,)
        Strictly increasing times [us].
    lon, lat : ndarray of float64, shape (n,)
        Positions [degrees].
    speed_max_m_s : float, optional
        Limit [m/s]; else `alpha` times the 95th percentile of the speeds between neighbours,
        that of the first step counted twice.

    Returns
    -------
    ndarray of bool, shape (n,)
        All true where fewer than two fixes would be left, as MovingPandas then gives up.

    Raises
    ------
    ValueError
        If a time does not increase: MovingPandas divides by zero there.

    Examples
    --------
    >>> lon = np.array([120.0, 120.1, 127.0, 120.2])
    >>> outlier_cleaner(np.arange(4) * 3_600_000_000, lon, np.full(4, 40.0), 35.0)
    array([ True,  True, False,  True])
    """
    if np.any(np.diff(time_us) <= 0):
        raise ValueError("times must strictly increase: drop fixes of one time first")
    n = time_us.shape[0]
    if n < 2:
        return np.ones(n, dtype=np.bool_)
    limit = speed_max_m_s
    if limit is None:
        way = distance_m(lon[:-1], lat[:-1], lon[1:], lat[1:])
        speed = way / (np.diff(time_us) / SECOND_US)
        limit = alpha * float(np.quantile(np.append(speed[0], speed), QUANTILE))
    kept = np.zeros(n, dtype=np.int8)
    kept[0] = 1
    xyz, at, last = to_xyz(lon, lat), 1, 0
    while at < n:
        at, last = _go_on(time_us, xyz, limit, kept, (at, last))
        if at < n:
            way = distance_m(*(c[k : k + 1] for k in (last, at) for c in (lon, lat)))
            if float(way[0]) / ((int(time_us[at]) - int(time_us[last])) / SECOND_US) <= limit:
                kept[at], last = 1, at
            at += 1
    found: NDArray[np.bool_] = kept > 0
    return found if found.sum() > 1 else np.ones(n, dtype=np.bool_)


@kernel
def _go_on(
    time_us: IntArray,
    xyz: FloatArray,
    limit: float,
    kept: NDArray[np.int8],
    stand: tuple[int, int],
) -> tuple[int, int]:
    """Judge fixes from stand[0], the last kept being stand[1], up to one too near to tell."""
    at, last = stand
    while at < time_us.shape[0]:
        may = limit * (time_us[at] - time_us[last]) / SECOND_US
        far = arc_m(xyz[at], xyz[last])
        if abs(far - may) <= UNSURE * far:
            break
        if far < may:
            kept[at] = 1
            last = at
        at += 1
    return at, last
