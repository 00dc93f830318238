"""Whether birds fly by day, as cranes and storks do: finds local time that was sold as UTC."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ingest.clock import HOUR_US, SECOND_US
from ingest.record import Warning_

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

SHARE_MIN = 0.70
"""
Least share of flight steps in daylight that is believed. Measured: storks and demoiselle cranes
in true UTC 0.98; cranes whose UTC+8 was read as UTC 0.22.
"""

FLIGHT_KM_H = 15.0
"""Speed from which a step is flight [km/h]: well above walking, well below soaring cranes."""

STEP_MIN_US, STEP_MAX_US = 300 * SECOND_US, 3 * HOUR_US
"""
Steps judged [us]. Under 5 minutes GPS error alone makes speed; over 3 hours the middle of a step
need not lie in the hours the bird flew.
"""

STEPS_MIN = 50
"""Fewer flight steps say nothing: at a true share of 0.9, 50 fall under 0.70 once in 10,000."""

FLIGHT_NOON_H = 12.75
"""
Middle of the flying day [h, local mean solar time]: circular mean over the flight steps of two
sets in true UTC, white storks 12.8 and demoiselle cranes 12.7. The share of daylight itself is
flat over several hours and places an offset only to +-2 h.
"""

WESTMOST_H = -10
"""Offsets are told as -10..+13 [h]: -11 and +13 are one clock, and the birds are at the latter."""

HORIZON_DEG = -0.833
"""Elevation of the sun's centre at sunrise [degrees]: 34' refraction and 16' semidiameter."""

_EARTH_KM = 6371.0088  # mean radius, IUGG


def sun_elevation(time_us: IntArray, lon: FloatArray, lat: FloatArray) -> FloatArray:
    """
    Give the elevation of the sun's centre, without refraction.

    Parameters
    ----------
    time_us : ndarray of int64, shape (n,)
        Time [us since 1970-01-01 UTC].
    lon, lat : ndarray of float64, shape (n,)
        Position [degrees].

    Returns
    -------
    ndarray of float64, shape (n,)
        Elevation above the horizon [degrees], good to 0.02 degrees for 1950..2050.

    References
    ----------
    Astronomical Almanac, low-precision formulas for the Sun (section C); J. Meeus, Astronomical
    Algorithms, 2nd ed., chapters 12 and 25.

    Examples
    --------
    >>> noon = np.array([1_718_971_200_000_000])  # solstice, 12:00 UTC at Greenwich
    >>> round(float(sun_elevation(noon, np.array([0.0]), np.array([51.48]))[0]))
    62
    """
    days = time_us / (24 * HOUR_US) - 10_957.5  # since J2000.0
    anomaly = np.radians(357.528 + 0.985_600_3 * days)
    centre = 1.915 * np.sin(anomaly) + 0.020 * np.sin(2 * anomaly)
    ecliptic = np.radians(280.460 + 0.985_647_4 * days + centre)
    obliquity = np.radians(23.439 - 4e-7 * days)
    ascension = np.arctan2(np.cos(obliquity) * np.sin(ecliptic), np.cos(ecliptic))
    declination = np.arcsin(np.sin(obliquity) * np.sin(ecliptic))
    sidereal = np.radians(280.460_618 + 360.985_647_366 * days + lon)
    hour_angle = sidereal - ascension
    phi = np.radians(lat)
    sine = np.sin(phi) * np.sin(declination)
    sine = sine + np.cos(phi) * np.cos(declination) * np.cos(hour_angle)
    elevation: FloatArray = np.degrees(np.arcsin(np.clip(sine, -1, 1)))
    return elevation


def flight_steps(records: pl.DataFrame) -> pl.DataFrame:
    """
    Find the steps in which a bird flew.

    Parameters
    ----------
    records : polars.DataFrame, shape (n, columns of RECORD_SCHEMA)
        As decoded, any order.

    Returns
    -------
    polars.DataFrame, shape (m, 3)
        ``time_us``, ``lon``, ``lat`` of the middle of each step.
    """
    fixes = (
        records.filter(
            pl.col("lon").is_not_null()
            & ~pl.col("marked_outlier")
            & ((pl.col("lon").abs() > 0.01) | (pl.col("lat").abs() > 0.01))
        )
        .select(pl.coalesce("individual", "tag").alias("bird"), "time_us", "lon", "lat")
        .sort("bird", "time_us")
    )
    step = {
        name: pl.col(name).shift(-1).over("bird") - pl.col(name)
        for name in ("time_us", "lon", "lat")
    }
    east = (step["lon"] + 180) % 360 - 180
    north_km = step["lat"].radians() * _EARTH_KM
    east_km = east.radians() * _EARTH_KM * pl.col("lat").radians().cos()
    hours = step["time_us"] / HOUR_US
    return (
        fixes.with_columns(
            gap=step["time_us"],
            speed=(north_km**2 + east_km**2).sqrt() / hours,
            middle=pl.col("time_us") + step["time_us"] // 2,
            lon=(pl.col("lon") + east / 2 + 180) % 360 - 180,
            lat=pl.col("lat") + step["lat"] / 2,
        )
        .filter(
            pl.col("gap").is_between(STEP_MIN_US, STEP_MAX_US) & (pl.col("speed") > FLIGHT_KM_H)
        )
        .select(pl.col("middle").alias("time_us"), "lon", "lat")
    )


def daylight_share(steps: pl.DataFrame, *, shift_h: int = 0) -> float:
    """
    Give the share of steps that fall in daylight.

    Parameters
    ----------
    steps : polars.DataFrame, shape (m, 3)
        From `flight_steps`, m > 0.
    shift_h : int
        Hours that the clock is ahead of the time it is read as [h].

    Returns
    -------
    float
        0..1.
    """
    time_us, lon, lat = (steps[name].to_numpy() for name in ("time_us", "lon", "lat"))
    return float(np.mean(sun_elevation(time_us - shift_h * HOUR_US, lon, lat) > HORIZON_DEG))


def fitting_offset(steps: pl.DataFrame) -> int:
    """
    Find the offset that puts the middle of the flying day where it belongs.

    Parameters
    ----------
    steps : polars.DataFrame, shape (m, 3)
        From `flight_steps`, m > 0.

    Returns
    -------
    int
        Hours that the clock is ahead of the time it is read as, -10..13 [h].
    """
    solar_h = steps["time_us"].to_numpy() / HOUR_US + steps["lon"].to_numpy() / 15
    mean = np.angle(np.mean(np.exp(2j * np.pi * solar_h / 24))) * 24 / (2 * np.pi)
    return int((round(float(mean) - FLIGHT_NOON_H) - WESTMOST_H) % 24) + WESTMOST_H


def zone_suspect(records: pl.DataFrame) -> Warning_ | None:
    """
    Judge the declared zone of a push by the sun.

    Only for birds that fly by day: cranes and storks, not spoonbills.

    Parameters
    ----------
    records : polars.DataFrame, shape (n, columns of RECORD_SCHEMA)
        As decoded.

    Returns
    -------
    Warning_ or None
        Code ``time-zone-suspect`` with the share of flight steps in daylight and the whole-hour
        offset that fits best; None where the share is believed, or steps are too few to tell.
    """
    steps = flight_steps(records)
    if steps.height < STEPS_MIN:
        return None
    share = daylight_share(steps)
    if share >= SHARE_MIN:
        return None
    best = fitting_offset(steps)
    fits = daylight_share(steps, shift_h=best)
    return Warning_(
        "time-zone-suspect",
        f"Only {share:.2f} of {steps.height} flight steps fall in daylight. Clocks {best:+d} h "
        f"from the declared zone fit best ({fits:.2f}): check the zone, then decode again.",
    )
