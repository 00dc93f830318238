"""Position error of GPS, Argos and other fixes: by class, by ellipse, as the sender states it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from app.movement.track import BoolArray, FloatArray, IntArray

GPS_ERROR_M = 20.0
"""One-sigma error of a GPS fix that states none [m]: bird tags with a clear sky err by 10-20 m;
the upper end, so that a stop or a speed is never judged on noise (formats of eight tag makers)."""

CLASS_ERROR_M: Mapping[str, float] = MappingProxyType(
    {
        "G": 100.0,  # a GPS position sent through Argos: < 100 m by the CLS user's manual
        "3": 490.0,
        "2": 1_010.0,
        "1": 1_200.0,
        "0": 4_180.0,
        "A": 6_190.0,
        "B": 10_280.0,
        "Z": 100_000.0,  # no class of its own: half of the 220 km that hold 95 % of class Z fixes
    }
)
"""68th percentile of the error per location class [m], least squares, 8 marine species with GPS
beside it: Costa et al. 2010, doi:10.1371/journal.pone.0008677. Z: Douglas et al. 2012,
doi:10.1111/j.2041-210X.2012.00245.x. A letter is no rank: A beats 0 for some algorithms."""

CLASS_MISSING_ERROR_M = CLASS_ERROR_M["B"]
"""An Argos fix with neither class nor ellipse is taken as the poorest located class [m]."""

UNKNOWN_ERROR_M = CLASS_MISSING_ERROR_M
"""
One-sigma error of a fix that is neither of GPS nor of Argos and states none [m]: a bearing, a ring
that was read, a radio network, a day length. Nothing is known of it, so it is taken as an Argos fix
of which nothing is known. Those by day length are poorer still: 186 km from the truth in the mean
(Phillips et al. 2004, doi:10.3354/meps266265); their senders have to state it.
"""


def class_error_m(argos_class: NDArray[np.str_]) -> FloatArray:
    """
    One-sigma error per Argos location class.

    Parameters
    ----------
    argos_class : ndarray of str, shape (n,)
        ``G 3 2 1 0 A B Z``; anything else, empty text too, counts as missing.

    Returns
    -------
    ndarray of float64, shape (n,)
        Error [m].

    Examples
    --------
    >>> class_error_m(np.array(["3", "B", ""])).tolist()
    [490.0, 10280.0, 10280.0]
    """
    classes, inverse = np.unique(argos_class, return_inverse=True)
    table = np.array([CLASS_ERROR_M.get(str(c), CLASS_MISSING_ERROR_M) for c in classes])
    return np.asarray(table[inverse], dtype=np.float64) if classes.size else np.empty(0)


_LEAST_M = np.finfo(np.float64).tiny


def ellipse_error_m(semi_major_m: FloatArray, semi_minor_m: FloatArray) -> FloatArray:
    """
    One-sigma error of an Argos ellipse: the root of the mean variance of its two axes.

    CLS draws an ellipse at sqrt(2) standard deviations, so that the variance along an axis is
    ``(axis / sqrt(2))**2`` (McClintock et al. 2015, doi:10.1111/2041-210X.12286). The stated
    error radius, the geometric mean, hides the long axis and isn't used.

    Parameters
    ----------
    semi_major_m, semi_minor_m : ndarray of float64, shape (n,)
        Semi-axes [m]; zero, negative or nan means absent, and so does what no number can halve.

    Returns
    -------
    ndarray of float64, shape (n,)
        Error [m], nan where the ellipse is absent.

    Examples
    --------
    >>> ellipse_error_m(np.array([1000.0, 0.0]), np.array([1000.0, 0.0])).round(1).tolist()
    [707.1, nan]
    """
    major = np.asarray(semi_major_m, dtype=np.float64)
    minor = np.asarray(semi_minor_m, dtype=np.float64)
    with np.errstate(invalid="ignore"):
        present = (np.minimum(major, minor) >= _LEAST_M) & np.isfinite(major + minor)
    both = np.where(present, major, np.nan), np.where(present, minor, np.nan)
    return np.asarray(np.hypot(*both) / 2.0, dtype=np.float64)


def ellipse_covariance_m2(
    semi_major_m: FloatArray, semi_minor_m: FloatArray, orientation_deg: FloatArray
) -> FloatArray:
    """
    Covariance of Argos ellipses in east and north, correlation included.

    Parameters
    ----------
    semi_major_m, semi_minor_m : ndarray of float64, shape (n,)
        Semi-axes at sqrt(2) standard deviations [m].
    orientation_deg : ndarray of float64, shape (n,)
        Direction of the major axis [degrees clockwise from north].

    Returns
    -------
    ndarray of float64, shape (n, 2, 2)
        Covariance, east first [m2]; nan where the ellipse is absent.

    Examples
    --------
    >>> east = np.array([90.0])
    >>> ellipse_covariance_m2(np.array([200.0]), np.array([100.0]), east).round(1).tolist()
    [[[20000.0, 0.0], [0.0, 5000.0]]]
    """
    absent = np.isnan(ellipse_error_m(semi_major_m, semi_minor_m))
    major = np.where(absent, np.nan, semi_major_m) ** 2 / 2.0
    minor = np.where(absent, np.nan, semi_minor_m) ** 2 / 2.0
    angle = np.radians(orientation_deg)
    sin, cos = np.sin(angle), np.cos(angle)
    east = major * sin**2 + minor * cos**2
    north = major * cos**2 + minor * sin**2
    cross = (major - minor) * sin * cos
    return np.stack([east, cross, cross, north], axis=-1).reshape(-1, 2, 2) + 0.0


def position_error_m(
    sensor: NDArray[np.str_],
    argos_class: NDArray[np.str_],
    *,
    semi_major_m: FloatArray,
    semi_minor_m: FloatArray,
    stated_error_m: FloatArray,
) -> FloatArray:
    """
    One-sigma position error for `Track.error_m`: ellipse, else class (Argos); stated (others).

    A fix that states none is taken as good as GPS if its sensor is GPS, else as of unknown error.

    Parameters
    ----------
    sensor : ndarray of str, shape (n,)
        ``gps``, ``argos``, or anything else, of which nothing is known.
    argos_class : ndarray of str, shape (n,)
        Location class; empty where not sent.
    semi_major_m, semi_minor_m : ndarray of float64, shape (n,)
        Ellipse [m]; nan where not sent.
    stated_error_m : ndarray of float64, shape (n,)
        Accuracy the tag states [m]; nan, zero or negative counts as not stated.

    Returns
    -------
    ndarray of float64, shape (n,)
        Error [m], always finite and positive.

    Examples
    --------
    >>> nan = np.full(3, np.nan)
    >>> position_error_m(np.array(["gps", "argos", "other"]), np.array(["", "3", ""]),
    ...     semi_major_m=nan, semi_minor_m=nan, stated_error_m=nan).tolist()
    [20.0, 490.0, 10280.0]
    """
    is_argos = np.asarray(sensor) == "argos"
    unstated = np.where(np.asarray(sensor) == "gps", GPS_ERROR_M, UNKNOWN_ERROR_M)
    ellipse = ellipse_error_m(semi_major_m, semi_minor_m)
    by_class = is_argos & np.isnan(ellipse)
    doppler = ellipse.copy()
    doppler[by_class] = class_error_m(np.asarray(argos_class)[by_class])
    with np.errstate(invalid="ignore"):
        stated = (stated_error_m > 0) & np.isfinite(stated_error_m)
    others = np.where(stated, stated_error_m, unstated)
    return np.asarray(np.where(is_argos, doppler, others), dtype=np.float64)


def outdone(
    time_us: IntArray, tag: IntArray, carries: IntArray, hidden: BoolArray, pinned: BoolArray
) -> BoolArray:
    """
    Say which records of a satellite pass stand behind another record of it.

    CLS tells one pass in several products (DS, DIAG, SOAP), each with its own digits and now and
    then its own class: of the records of one platform and time the one that carries most stands.
    Where two carry as much, as with two positions of one file, the track has to decide.

    Parameters
    ----------
    time_us, tag : ndarray of int64, shape (n,)
        Time [us] and platform of each record.
    carries : ndarray of int64, shape (n,)
        How much each tells; negative for what is no Argos pass.
    hidden, pinned : ndarray of bool, shape (n,)
        Hidden already, and shown by hand: a hidden one outdoes none, a pinned one all others.

    Returns
    -------
    ndarray of bool, shape (n,)
        The same for any order of the records.

    Examples
    --------
    >>> no = np.zeros(3, dtype=bool)
    >>> outdone(np.array([5, 5, 6]), np.ones(3, int), np.array([1, 3, 1]), no, no)
    array([ True, False, False])
    """
    out = np.zeros(time_us.shape[0], dtype=np.bool_)
    rivals = np.flatnonzero((carries >= 0) & ~hidden)
    if rivals.shape[0] < 2:
        return out
    rank = np.where(pinned, np.iinfo(np.int64).max, carries)[rivals]
    order = np.lexsort((-rank, tag[rivals], time_us[rivals]))
    found, rank = rivals[order], rank[order]
    first = np.ones(found.shape[0], dtype=np.bool_)
    first[1:] = (np.diff(time_us[found]) != 0) | (np.diff(tag[found]) != 0)
    best = rank[first][np.cumsum(first) - 1]
    out[found] = rank < best
    return out
