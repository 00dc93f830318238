"""What a simulated tag senses and sends of a true path: schedule, errors, gaps, delays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pyproj import Geod

from app.movement.argos import ellipse_covariance_m2, ellipse_error_m
from app.movement.itinerary import Path
from app.movement.track import (
    DAY_US,
    HOUR_US,
    SECOND_US,
    BoolArray,
    FloatArray,
    IntArray,
    Track,
)

GPS_SIGMA_M = (8.0, 0.4)
"""Median [m] and log spread of a GPS fix's one-sigma error per axis; the sum over two axes lies
at 10-20 m, and hourly steps of a roosting bird at 0.004 m/s as in real crane data."""

GROSS_ERROR_M = (5_000.0, 500_000.0)
"""Distance of a gross error from the truth [m], log-uniform: mirrors and bad almanacs."""

CLASSES = ("3", "2", "1", "0", "A", "B")
CLASS_SHARES = (0.06, 0.08, 0.12, 0.14, 0.25, 0.35)
"""Share of each Argos class, near to that of bird tags of 10-30 g (Brant 2002, Bittern 2000)."""

SEMI_MAJOR_M = (604.0, 1255.0, 3798.0, 12713.0, 3212.0, 3128.0)
"""Median semi-major axis per class [m], Kalman-filtered Bearded Seal fixes of the crawl package."""

AXIS_RATIO = 6.0
"""Median of major to minor axis; ellipses of real tags reach 12, east-west most of the time."""


@dataclass(frozen=True, slots=True)
class Sending:
    """How the tags of a flock sense and send; rates are means per bird."""

    sensor: Literal["gps", "argos"] = "gps"
    interval_s: float = 3600.0
    duty_on_h: float = 0.0  # hours on and off in turn; 0 and 0: always on
    duty_off_h: float = 0.0
    gaps_per_year: float = 6.0
    gap_max_days: float = 21.0  # gaps last from 3 hours to this, log-uniform
    gross_error_share: float = 0.003
    late_per_year: float = 4.0
    late_max_days: float = 120.0  # backlogs last from a day to this, log-uniform


@dataclass(frozen=True, slots=True)
class Sent:
    """
    What a tag sent of a path, beside the truth at the same times.

    Attributes
    ----------
    track : Track
        Fixes sent, with errors, in time order, shape (n,).
    true_lon, true_lat : ndarray of float64, shape (n,)
        Where the bird was at each fix [degrees].
    is_gross_error : ndarray of bool, shape (n,)
        The fix is a spike that was put in.
    upload_us : ndarray of int64, shape (n,)
        When the fix reached its institute [microseconds since 1970-01-01 UTC].
    argos_class : ndarray of str, shape (n,)
        Location class; empty for GPS.
    ellipse : ndarray of float64, shape (n, 3)
        Semi-major, semi-minor [m], orientation [degrees from north]; nan for GPS.
    """

    track: Track
    true_lon: FloatArray
    true_lat: FloatArray
    is_gross_error: BoolArray
    upload_us: IntArray
    argos_class: NDArray[np.str_]
    ellipse: FloatArray


def sense(path: Path, span_us: tuple[int, int], sending: Sending, rng: np.random.Generator) -> Sent:
    """
    Take fixes of a path as a tag would: schedule, errors, gaps and delays included.

    Parameters
    ----------
    path : Path
        True path, covering the span.
    span_us : tuple of int
        Start and end [microseconds since 1970-01-01 UTC].
    sending : Sending
        Sensor, schedule and faults.
    rng : numpy.random.Generator
        The only source of chance.

    Returns
    -------
    Sent
        The fixes and the truth beside them.
    """
    time_us = _schedule(span_us, sending, rng)
    lon, lat = path.at(time_us)
    n = time_us.shape[0]
    error_m = np.empty(n)
    if sending.sensor == "argos":
        argos_class, ellipse, offset_m = _argos_errors(n, rng)
        error_m[:] = ellipse_error_m(ellipse[:, 0], ellipse[:, 1])
    else:
        argos_class, ellipse = np.full(n, ""), np.full((n, 3), np.nan)
        error_m[:] = rng.lognormal(np.log(GPS_SIGMA_M[0]), GPS_SIGMA_M[1], n)
        offset_m = rng.normal(0.0, 1.0, (n, 2)) * error_m[:, None]
    gross, spike_m = _gross_errors(n, sending.gross_error_share, rng)
    x, y = _displace(lon, lat, offset_m + spike_m)
    return Sent(
        track=Track(time_us, x, y, error_m),
        true_lon=lon,
        true_lat=lat,
        is_gross_error=gross,
        upload_us=_uploads(time_us, span_us, sending, rng),
        argos_class=argos_class,
        ellipse=ellipse,
    )


def _schedule(span_us: tuple[int, int], sending: Sending, rng: np.random.Generator) -> IntArray:
    """Times at which fixes were taken and sent, whole seconds [us]."""
    start, end = span_us
    step_us = int(sending.interval_s * SECOND_US)
    ticks = np.arange(start, end, step_us, dtype=np.int64)
    if sending.sensor == "argos":  # satellites pass when they pass
        ticks = np.sort(ticks + rng.integers(0, step_us, ticks.size))
    else:
        ticks = ticks + rng.integers(0, 45, ticks.size) * SECOND_US
    ticks = ticks[ticks < end]
    cycle_us = (sending.duty_on_h + sending.duty_off_h) * HOUR_US
    if cycle_us > 0:
        phase_us = rng.uniform(0.0, cycle_us)
        ticks = ticks[(ticks - start + phase_us) % cycle_us < sending.duty_on_h * HOUR_US]
    begin, length = _episodes(span_us, sending.gaps_per_year, (0.125, sending.gap_max_days), rng)
    ticks = ticks[~_within(ticks, begin, begin + length)]
    return np.unique(ticks // SECOND_US) * SECOND_US


def _episodes(
    span_us: tuple[int, int],
    per_year: float,
    days: tuple[float, float],
    rng: np.random.Generator,
) -> tuple[IntArray, IntArray]:
    """Begin and length of chance episodes: Poisson in number, log-uniform in length [us]."""
    years = (span_us[1] - span_us[0]) / (365.25 * DAY_US)
    n = int(rng.poisson(per_year * years))
    begin = rng.integers(span_us[0], span_us[1], n)
    length = np.exp(rng.uniform(np.log(days[0]), np.log(days[1]), n)) * DAY_US
    return begin, length.astype(np.int64)


def _within(time_us: IntArray, begin: IntArray, end: IntArray) -> BoolArray:
    inside = np.zeros(time_us.shape[0], dtype=np.bool_)
    for first, last in zip(begin, end, strict=True):
        inside |= (time_us >= first) & (time_us < last)
    return inside


def _uploads(
    time_us: IntArray, span_us: tuple[int, int], sending: Sending, rng: np.random.Generator
) -> IntArray:
    """Most fixes arrive within minutes; while out of coverage they wait, then come at once."""
    delay_s = rng.lognormal(np.log(240.0), 0.8, time_us.size).astype(np.int64)
    upload: IntArray = time_us + delay_s * SECOND_US
    begin, length = _episodes(span_us, sending.late_per_year, (1.0, sending.late_max_days), rng)
    for first, last in zip(begin, begin + length, strict=True):
        upload = np.where((time_us >= first) & (time_us < last), np.maximum(upload, last), upload)
    return upload


def _argos_errors(
    n: int, rng: np.random.Generator
) -> tuple[NDArray[np.str_], FloatArray, FloatArray]:
    """Classes, ellipses and errors east and north [m]: Student t with 3 degrees of freedom."""
    kind = rng.choice(len(CLASSES), n, p=np.array(CLASS_SHARES))
    major = np.array(SEMI_MAJOR_M)[kind] * rng.lognormal(0.0, 0.5, n)
    minor = major / np.maximum(1.0, AXIS_RATIO * rng.lognormal(0.0, 0.5, n))
    orientation = rng.normal(90.0, 25.0, n) % 180.0
    root = np.linalg.cholesky(ellipse_covariance_m2(major, minor, orientation))
    heavy = rng.normal(0.0, 1.0, (n, 2)) / np.sqrt(rng.chisquare(3, n) / 3)[:, None]
    offset = np.einsum("nij,nj->ni", root, heavy)
    return np.array(CLASSES)[kind], np.column_stack([major, minor, orientation]), offset


def _gross_errors(n: int, share: float, rng: np.random.Generator) -> tuple[BoolArray, FloatArray]:
    """Mark spikes, half of them runs of 2-6 fixes at one wrong place; offsets in metres."""
    mean_run = 0.5 + 0.5 * 4.0
    n_runs = int(rng.poisson(n * share / mean_run))
    first = rng.integers(0, max(n, 1), n_runs)
    run = np.where(rng.random(n_runs) < 0.5, 1, rng.integers(2, 7, n_runs))
    far_m = np.exp(rng.uniform(np.log(GROSS_ERROR_M[0]), np.log(GROSS_ERROR_M[1]), n_runs))
    angle = rng.uniform(0.0, 2 * np.pi, n_runs)
    offset = np.zeros((n, 2))
    for i, k, r, a in zip(first, run, far_m, angle, strict=True):
        offset[i : i + k] = r * np.sin(a), r * np.cos(a)
    return np.any(offset != 0.0, axis=1), offset


def _displace(
    lon: FloatArray, lat: FloatArray, offset_m: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Move positions by metres east and north along the geodesic; whole 1e-7 degrees."""
    azimuth = np.degrees(np.arctan2(offset_m[:, 0], offset_m[:, 1]))
    x, y, _ = Geod(ellps="WGS84").fwd(lon, lat, azimuth, np.hypot(*offset_m.T))
    return np.round(x, 7), np.round(y, 7)
