"""Whether birds fly by day, as cranes and storks do: finds local time that was sold as UTC."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import BinaryIO

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
    return _steps(_placed(records))


def _placed(records: pl.DataFrame) -> pl.DataFrame:
    """Bird, time and place of the records that may begin or end a step."""
    return records.filter(
        pl.col("lon").is_not_null()
        & ~pl.col("marked_outlier")
        & ((pl.col("lon").abs() > 0.01) | (pl.col("lat").abs() > 0.01))
    ).select(pl.coalesce("individual", "tag").alias("bird"), "time_us", "lon", "lat")


def _steps(fixes: pl.DataFrame) -> pl.DataFrame:
    """Steps of flight between fixes that follow each other; of one time, by their place."""
    fixes = fixes.sort("bird", "time_us", "lon", "lat")
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


HELD_MAX = 100_000
"""Fixes that `Flights` holds in memory and works on at a time: some 15 MB."""

_HELD = np.dtype([("bird", "<i4"), ("time_us", "<i8"), ("lon", "<f8"), ("lat", "<f8")])


class Flights:
    """
    Judges the declared zone of a push by the sun, from all its records at once or in pieces.

    Only for birds that fly by day: cranes and storks, not spoonbills. Any order of the records
    gives the same answer. What is more than `HELD_MAX` lies in a scratch file meanwhile, 28
    bytes a fix, and is worked through from the oldest time to the newest.

    Parameters
    ----------
    scratch : callable
        Opens an empty file to write and read, if one is needed.
    """

    def __init__(self, scratch: Callable[[], BinaryIO]) -> None:
        self._scratch = scratch
        self._file: BinaryIO | None = None
        self._birds: dict[str, int] = {}
        self._held: list[pl.DataFrame] = []
        self._sample: list[IntArray] = []
        self._size = 0

    def add(self, records: pl.DataFrame) -> None:
        """
        Look at some of the records.

        Parameters
        ----------
        records : polars.DataFrame, shape (n, columns of RECORD_SCHEMA)
            As decoded.
        """
        fixes = _placed(records)
        for name in fixes["bird"].unique(maintain_order=True):
            self._birds.setdefault(name, len(self._birds))
        numbers = pl.col("bird").replace_strict(self._birds, default=None, return_dtype=pl.Int32)
        self._held.append(fixes.with_columns(numbers))
        self._sample.append(fixes["time_us"].gather_every(_SAMPLED).to_numpy())
        self._size += fixes.height
        if sum(held.height for held in self._held) > HELD_MAX:
            self._file = self._file or self._scratch()
            for held in self._held:
                self._file.write(_packed(held))
            self._held = []

    def suspect(self) -> Warning_ | None:
        """
        Give the answer.

        Returns
        -------
        Warning_ or None
            Code ``time-zone-suspect`` with the share of flight steps in daylight and the
            whole-hour offset that fits best; None where the share is believed, or steps are too
            few to tell.
        """
        found = [_steps(fixes) for fixes in self._by_time()]
        return _judged(pl.concat(found)) if found else None

    def _by_time(self) -> Iterator[pl.DataFrame]:
        """Yield the fixes in spans of time, with the last one of each bird before the span."""
        if self._file is None:
            if self._held:
                yield pl.concat(self._held)
            return
        parts = self._size // HELD_MAX + 1
        inner = np.quantile(np.concatenate(self._sample), np.arange(1, parts) / parts)
        bounds = [-_END_US, *(int(each) for each in inner), _END_US]
        before = self._within(0, 0)
        for low, high in pairwise(bounds):
            fixes = pl.concat([before, self._within(low, high)])
            yield fixes
            last = fixes.sort("bird", "time_us", "lon", "lat").group_by("bird", maintain_order=True)
            before = last.last()

    def _within(self, low: int, high: int) -> pl.DataFrame:
        """Read the fixes of a span of time."""
        assert self._file is not None
        self._file.seek(0)
        found = [
            held.filter(pl.col("time_us").is_between(low, high, "left")) for held in self._held
        ]
        while piece := self._file.read(HELD_MAX * _HELD.itemsize):
            rows = np.frombuffer(piece, dtype=_HELD)
            rows = rows[(rows["time_us"] >= low) & (rows["time_us"] < high)]
            found.append(pl.DataFrame({name: rows[name].copy() for name in _HELD.names or ()}))
        self._file.seek(0, 2)
        return pl.concat(found)


_SAMPLED = 50  # of so many times one is kept, to divide the span of a push
_END_US = 2**62


def _packed(fixes: pl.DataFrame) -> bytes:
    rows = np.empty(fixes.height, dtype=_HELD)
    for name in _HELD.names or ():
        rows[name] = fixes[name].to_numpy()
    return rows.tobytes()


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


_CRANES = re.compile(
    r"(grus|antigone|leucogeranus|anthropoides|bugeranus|balearica)\b|.*[\s_-]crane$|crane$",
    re.IGNORECASE,
)


def flies_by_day(taxon: str | None) -> bool:
    """
    Tell whether the sun can judge the clock of a bird; of one without a name it is taken to.

    Cranes soar on warm air. Spoonbills fly by night, and of other birds it is not said.

    Examples
    --------
    >>> flies_by_day("Grus monacha"), flies_by_day("Platalea minor"), flies_by_day(None)
    (True, False, True)
    """
    return taxon is None or _CRANES.match(taxon.strip()) is not None


def zone_suspect(records: pl.DataFrame) -> Warning_ | None:
    """Judge the declared zone of a push by all its records at once; see `Flights`."""
    return _judged(flight_steps(records))


def _judged(steps: pl.DataFrame) -> Warning_ | None:
    if steps.height < STEPS_MIN:
        return None
    share = daylight_share(steps)
    if share >= SHARE_MIN:
        return None
    best = fitting_offset(steps)
    fits = daylight_share(steps, shift_h=best)
    if fits < SHARE_MIN:  # no zone makes a day of it: these birds fly by night, or in polar day
        return None
    return Warning_(
        "time-zone-suspect",
        f"Only {share:.2f} of {steps.height} flight steps fall in daylight. Clocks {best:+d} h "
        f"from the declared zone fit best ({fits:.2f}): check the zone, then decode again.",
    )
