"""A track: the fixes of one bird in time order, as arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

SECOND_US = 1_000_000
HOUR_US = 3_600 * SECOND_US
DAY_US = 24 * HOUR_US


class TrackError(ValueError):
    """The arrays do not form a track."""


@dataclass(frozen=True, slots=True)
class Track:
    """
    Fixes of one individual (or of one deployment) in time order.

    Attributes
    ----------
    time_us : ndarray of int64, shape (n,)
        Time of each fix, never decreasing [microseconds since 1970-01-01 UTC].
    lon, lat : ndarray of float64, shape (n,)
        Position, WGS 84, -180..180 and -90..90 [degrees].
    error_m : ndarray of float64, shape (n,)
        Position error, one sigma [m].

    Raises
    ------
    TrackError
        If shapes differ, a value is not finite or out of range, or time goes back.
    """

    time_us: IntArray
    lon: FloatArray
    lat: FloatArray
    error_m: FloatArray

    def __post_init__(self) -> None:
        n = self.time_us.shape
        if len(n) != 1 or any(a.shape != n for a in (self.lon, self.lat, self.error_m)):
            raise TrackError(
                "time_us, lon, lat and error_m must be one-dimensional and equally long"
            )
        if np.any(self.time_us[1:] < self.time_us[:-1]):
            raise TrackError("time_us must not decrease: sort the fixes first")
        sure = (self.error_m >= 0) & (self.error_m < np.inf)
        inside = (np.abs(self.lon) <= 180) & (np.abs(self.lat) <= 90) & sure
        if not bool(np.all(inside)):
            raise TrackError("lon, lat or error_m out of range or not finite")

    def __len__(self) -> int:
        return int(self.time_us.shape[0])

    def take(self, index: IntArray | BoolArray | slice) -> Track:
        """Return the fixes at `index` as a track of their own."""
        return Track(self.time_us[index], self.lon[index], self.lat[index], self.error_m[index])


@dataclass(frozen=True, slots=True)
class Senses:
    """
    What else the tag measured, in time order, shape (m,) each; nan where it did not.

    `time_us` [us since 1970 UTC], `activity` (a count, or any unit of the maker's),
    `temperature_c` [°C], `battery_v` [V].
    """

    time_us: IntArray
    activity: FloatArray
    temperature_c: FloatArray
    battery_v: FloatArray
