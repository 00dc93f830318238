"""Steps: what lies between each two consecutive fixes of a track."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.movement.geodesy import inverse
from app.movement.track import SECOND_US, FloatArray, Track


@dataclass(frozen=True, slots=True)
class Steps:
    """
    The n - 1 steps of a track of n fixes; step i leads from fix i to fix i + 1.

    Attributes
    ----------
    distance_m : ndarray of float64, shape (n - 1,)
        Geodesic length [m].
    duration_s : ndarray of float64, shape (n - 1,)
        Time taken [s]; 0 between two fixes of one time.
    speed_m_s : ndarray of float64, shape (n - 1,)
        Mean ground speed [m/s]; infinite or not a number where the duration is 0.
    azimuth_deg : ndarray of float64, shape (n - 1,)
        Geodesic azimuth at the start, 0..360 clockwise from north [degrees].
    """

    distance_m: FloatArray
    duration_s: FloatArray
    speed_m_s: FloatArray
    azimuth_deg: FloatArray


def steps(track: Track) -> Steps:
    """
    Return the steps of a track.

    Examples
    --------
    >>> track = Track(np.array([0, 3_600_000_000]), np.zeros(2), np.array([0.0, 0.5]), np.zeros(2))
    >>> float(steps(track).speed_m_s[0].round(2))
    15.36
    """
    distance, azimuth = inverse(track.lon[:-1], track.lat[:-1], track.lon[1:], track.lat[1:])
    duration = np.diff(track.time_us) / SECOND_US
    with np.errstate(divide="ignore", invalid="ignore"):
        speed = distance / duration
    return Steps(distance, duration, speed, azimuth)
