"""
MovingPandas, and the one door to it: nothing else imports it, pandas or geopandas.

Importing it takes 0.7 s and 117 MB, so workers load it for exports alone and the web process
never does.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd

from app.movement.track import FloatArray, IntArray

with warnings.catch_warnings():
    # It says of Stone Soup, which nothing here uses, that it is not installed.
    warnings.simplefilter("ignore")
    import movingpandas as mpd

if TYPE_CHECKING:
    from app.movement.stops import StopRule


def trajectory(name: str, time_us: IntArray, lon: FloatArray, lat: FloatArray) -> Any:
    """
    Return fixes as a `movingpandas.Trajectory` in WGS 84.

    Parameters
    ----------
    name : str
        Its identifier.
    time_us, lon, lat : ndarray, shape (n,)
        Two or more fixes in time order, no time twice [microseconds since 1970 UTC; degrees].

    Raises
    ------
    ValueError
        From MovingPandas, with fewer than two fixes: leave such a track out.
    """
    frame = gpd.GeoDataFrame(
        {"individual": name},
        geometry=gpd.points_from_xy(lon, lat),
        crs="EPSG:4326",
        index=pd.DatetimeIndex(time_us.astype("datetime64[us]"), name="time"),
    )
    return mpd.Trajectory(frame, name)


def peer_stops(
    time_us: IntArray, lon: FloatArray, lat: FloatArray, rule: StopRule
) -> tuple[IntArray, FloatArray]:
    """
    Return the stops that MovingPandas itself finds: what `stops.find_stops` must equal.

    Returns
    -------
    stops : ndarray of int64, shape (m, 2)
        First and last time [microseconds].
    centre : ndarray of float64, shape (m, 2)
        lon, lat [degrees].
    """
    points = mpd.TrajectoryStopDetector(trajectory("track", time_us, lon, lat)).get_stop_points(
        max_diameter=rule.max_diameter_m, min_duration=timedelta(microseconds=rule.min_duration_us)
    )
    if len(points) == 0:
        return np.empty((0, 2), dtype=np.int64), np.empty((0, 2))
    ends = [
        pd.DatetimeIndex(points[name]).as_unit("us").asi8 for name in ("start_time", "end_time")
    ]
    return np.column_stack(ends), np.column_stack([points.geometry.x, points.geometry.y])


def generalised(
    time_us: IntArray, lon: FloatArray, lat: FloatArray, tolerance_deg: float
) -> tuple[IntArray, FloatArray, FloatArray]:
    """
    Return the fixes that MovingPandas' Douglas-Peucker generaliser keeps, times with them.

    Parameters
    ----------
    tolerance_deg : float
        Largest distance of a left-out fix from the line [degrees].
    """
    kept = mpd.DouglasPeuckerGeneralizer(trajectory("track", time_us, lon, lat)).generalize(
        tolerance=tolerance_deg
    )
    points = kept.df.geometry
    return (
        pd.DatetimeIndex(kept.df.index).as_unit("us").asi8,
        points.x.to_numpy(),
        points.y.to_numpy(),
    )


def mf_json(name: str, time_us: IntArray, lon: FloatArray, lat: FloatArray) -> dict[str, Any]:
    """
    Return a track as one feature of Moving Features JSON (OGC 19-045r3).

    Returns
    -------
    dict
        A feature with `temporalGeometry`; `datetimes` are UTC, in RFC 3339.
    """
    written = trajectory(name, time_us, lon, lat).to_mf_json(datetime_to_str=False)
    feature: dict[str, Any] = written["features"][0]
    # The encoder of MovingPandas drops fractions of a second and the zone.
    feature["temporalGeometry"]["datetimes"] = [
        f"{time}Z" for time in np.datetime_as_string(time_us.astype("datetime64[us]"))
    ]
    return feature


def geopackage(layer: str, rows: Sequence[dict[str, Any]]) -> bytes:
    """Return rows, each with a shapely `geometry` in WGS 84, as a GeoPackage of one layer."""
    out = io.BytesIO()
    columns = list(rows[0]) if rows else ["geometry"]
    frame = gpd.GeoDataFrame(list(rows), columns=columns, geometry="geometry", crs="EPSG:4326")
    frame.to_file(out, driver="GPKG", layer=layer, engine="pyogrio")
    return out.getvalue()


def peer_kept(
    time_us: IntArray, lon: FloatArray, lat: FloatArray, speed_max_m_s: float | None
) -> IntArray:
    """Return the times of the fixes that MovingPandas' own outlier cleaner keeps [us]."""
    cleaner = mpd.OutlierCleaner(trajectory("track", time_us, lon, lat))
    limit = {} if speed_max_m_s is None else {"v_max": speed_max_m_s, "units": ("m", "s")}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it gives up on some tracks, and says so
        return np.asarray(pd.DatetimeIndex(cleaner.clean(**limit).df.index).as_unit("us").asi8)
