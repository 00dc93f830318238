"""A map of one track: azimuthal, equal-area, around its middle, with its stretch at each place."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pyproj import Proj

from app.movement.geodesy import ECCENTRICITY_SQUARED, SEMI_MAJOR_M, mean_position
from app.movement.track import FloatArray

_PROBE_M = 10.0
"""Steps by which the stretch of the map is measured [m]."""


@dataclass(frozen=True, slots=True)
class Plane:
    """
    Lambert's azimuthal equal-area map of WGS 84 around a place (EPSG method 9820).

    It knows neither antimeridian nor pole; the one place it can't hold is the antipode of its
    middle. `lon`, `lat` are the middle [degrees].
    """

    lon: float
    lat: float
    _project: Proj

    @classmethod
    def around(cls, lon: FloatArray, lat: FloatArray) -> Plane:
        """Return the map around the middle of some places, shape (n,) [degrees]."""
        middle = mean_position(lon, lat) if lon.shape[0] else (0.0, 0.0)
        return cls(*middle, Proj(proj="laea", lon_0=middle[0], lat_0=middle[1], ellps="WGS84"))

    def forward(self, lon: FloatArray, lat: FloatArray) -> FloatArray:
        """Return places on the map, shape (n, 2) [m]."""
        return np.column_stack(self._project(lon, lat)).reshape(-1, 2)

    def inverse(self, place: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return lon, lat of places on the map, shape (n,) each [degrees]; nan stays nan."""
        lon, lat = np.full((2, place.shape[0]), np.nan)
        there = np.isfinite(place).all(axis=1)
        lon[there], lat[there] = self._project(place[there, 0], place[there, 1], inverse=True)
        return lon, lat

    def covariance_forward(
        self, lon: FloatArray, lat: FloatArray, covariance_m2: FloatArray
    ) -> FloatArray:
        """Return covariances east and north, shape (n, 2, 2), on the map: xx, xy, yy (n, 3)."""
        stretch = self._stretch(lon, lat)
        on_map = stretch @ covariance_m2 @ stretch.transpose(0, 2, 1)
        return np.stack((on_map[:, 0, 0], on_map[:, 0, 1], on_map[:, 1, 1]), axis=1)

    def covariance_inverse(
        self, lon: FloatArray, lat: FloatArray, covariance_m2: FloatArray
    ) -> FloatArray:
        """Return covariances on the map (xx, xy, yy), shape (n, 3), as east and north (n, 2, 2)."""
        out = np.full((lon.shape[0], 2, 2), np.nan)
        there = np.isfinite(lon)
        xx, xy, yy = covariance_m2[there].T
        back = np.linalg.inv(self._stretch(lon[there], lat[there]))
        on_map = np.stack((xx, xy, xy, yy), axis=-1).reshape(-1, 2, 2)
        out[there] = back @ on_map @ back.transpose(0, 2, 1)
        return out

    def _stretch(self, lon: FloatArray, lat: FloatArray) -> FloatArray:
        """Return the change on the map per metre east and north, shape (n, 2, 2)."""
        lam, phi = np.radians(lon), np.radians(lat)
        up = np.stack((np.cos(phi) * np.cos(lam), np.cos(phi) * np.sin(lam), np.sin(phi)), axis=1)
        east = np.stack((-np.sin(lam), np.cos(lam), np.zeros(lam.shape)), axis=1)
        north = np.cross(up, east)
        flat = 1.0 - ECCENTRICITY_SQUARED * np.sin(phi) ** 2
        radius_east = SEMI_MAJOR_M / np.sqrt(flat)
        radius_north = SEMI_MAJOR_M * (1.0 - ECCENTRICITY_SQUARED) / flat**1.5
        columns = []
        for way, radius in ((east, radius_east), (north, radius_north)):
            ends = []
            for sign in (1.0, -1.0):
                moved = up + sign * way * (_PROBE_M / radius)[:, None]
                x = np.degrees(np.arctan2(moved[:, 1], moved[:, 0]))
                y = np.degrees(np.arctan2(moved[:, 2], np.hypot(moved[:, 0], moved[:, 1])))
                ends.append(self.forward(x, y))
            columns.append((ends[0] - ends[1]) / (2.0 * _PROBE_M))
        return np.stack(columns, axis=-1)
