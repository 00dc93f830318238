"""Builders: birds whose true stays are known, sampled as a tag would."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pyproj import Geod

from app.movement.track import HOUR_US, SECOND_US, Track

GEOD = Geod(ellps="WGS84")


@dataclass(frozen=True)
class Journey:
    track: Track
    arrival_us: np.ndarray  # true, of each stay
    departure_us: np.ndarray
    bad: np.ndarray  # fixes with a gross error


def fly(
    seed, *, stays=6, every_us=HOUR_US, bad_share=0.0, start=(115.0, 50.0), runs=False,
    stay_days=(1.5, 12.0), wander_m=1800.0,
):  # fmt: skip
    """A crane's autumn: stays of some days, flights by day of 150 to 750 km between them."""
    rng = np.random.default_rng(seed)
    knots_t, knots_lon, knots_lat, arrivals, departures = [], [], [], [], []
    t, (lon, lat) = 0.0, start
    for k in range(stays):
        arrivals.append(t)
        t_end = t + float(rng.uniform(*stay_days)) * 86_400
        home_lon, home_lat = lon, lat
        while t < t_end:  # about a kilometre or two from the roost by day, on the roost at night
            knots_t.append(t)
            knots_lon.append(lon)
            knots_lat.append(lat)
            t += float(rng.uniform(0.5, 3.0)) * 3600
            roost = (t / 86_400) % 1 < 0.45
            away = abs(rng.normal(0, 100 if roost else wander_m))
            lon, lat, _ = GEOD.fwd(home_lon, home_lat, rng.uniform(0, 360), away)
        t = knots_t[-1]
        lon, lat = knots_lon[-1], knots_lat[-1]
        departures.append(t)
        if k == stays - 1:
            break
        heading = float(rng.uniform(150, 250))
        for _ in range(int(rng.integers(6, 16))):
            hours = float(rng.uniform(0.5, 1.0))
            pace = float(rng.uniform(10, 18))
            lon, lat, _ = GEOD.fwd(lon, lat, heading + rng.normal(0, 12), pace * 3600 * hours)
            t += hours * 3600
            knots_t.append(t)
            knots_lon.append(lon)
            knots_lat.append(lat)
    time_us = np.arange(0, int(t * SECOND_US), every_us, dtype=np.int64)
    time_us[1:] += rng.integers(-60, 60, time_us.shape[0] - 1) * SECOND_US
    lon_t = np.interp(time_us / SECOND_US, knots_t, np.unwrap(knots_lon, period=360))
    lat_t = np.interp(time_us / SECOND_US, knots_t, knots_lat)
    bad = np.zeros(time_us.shape[0], dtype=bool)
    _spoil(rng, lon_t, lat_t, bad, bad_share, runs=runs)
    track = Track(time_us, wrap(lon_t), lat_t, np.full(time_us.shape[0], 20.0))
    truth = (np.array(v) * SECOND_US for v in (arrivals, departures))
    return Journey(track, *truth, bad)


def _spoil(rng, lon, lat, bad, share, *, runs):
    wanted = round(share * bad.shape[0])
    while bad.sum() < wanted:
        i = int(rng.integers(0, bad.shape[0]))
        length = int(rng.integers(2, 20)) if runs and rng.random() < 0.3 else 1
        far = 1000 * float(np.exp(rng.uniform(np.log(200 if length > 1 else 10), np.log(500))))
        heading = float(rng.uniform(0, 360))
        if bad[max(0, i - 2) : i + length + 2].any():
            continue
        for j in range(i, min(i + length, bad.shape[0])):
            lon[j], lat[j], _ = GEOD.fwd(lon[j], lat[j], heading, far)
            bad[j] = True


def wrap(lon):
    """Longitudes to -180..180."""
    return np.where(np.abs(lon) > 180, (lon + 180) % 360 - 180, lon)


def turn(track, degrees):
    """The same track elsewhere on the globe."""
    return Track(track.time_us, wrap(track.lon + degrees), track.lat, track.error_m)


def roll(track, axis, degrees):
    """The same track anywhere on the globe: turned around an axis given by its lon and lat.

    On a sphere: ways on the ellipsoid change by up to 0.7 %.
    """
    lam, phi = np.radians(axis)
    pole = np.array([np.cos(phi) * np.cos(lam), np.cos(phi) * np.sin(lam), np.sin(phi)])
    lon, lat = np.radians(track.lon), np.radians(track.lat)
    at = np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=1)
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    at = at * cos + np.cross(pole, at) * sin + np.outer(at @ pole, pole) * (1 - cos)
    lon = np.degrees(np.arctan2(at[:, 1], at[:, 0]))
    lat = np.degrees(np.arcsin(np.clip(at[:, 2], -1, 1)))
    return Track(track.time_us, lon, lat, track.error_m)


def join(*tracks):
    """One track of several, sorted by time."""
    parts = [np.concatenate([getattr(t, f) for t in tracks]) for f in ("time_us", "lon", "lat")]
    order = np.argsort(parts[0], kind="stable")
    error = np.concatenate([t.error_m for t in tracks])
    return Track(parts[0][order], parts[1][order], parts[2][order], error[order])
