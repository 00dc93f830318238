"""
Smoothing: where a bird was at each Argos fix, given all of them, and how sure that is.

The bird moves as a continuous-time correlated random walk (Johnson et al. 2008,
doi:10.1890/07-1032.1; equations in `ctcrw`), observed with an error ellipse of its own at every
fix, correlation included (McClintock et al. 2015, doi:10.1111/2041-210X.12286). Two things are
not Gaussian. Errors of Argos fixes have heavy tails: they follow Student's t with `fix_tail`
degrees of freedom. And a bird that rests for weeks flies 500 km in a day: the noise of each step
follows a t likewise, with `step_tail`. Both are scale mixtures, so that the expectation of the
scales and a smoother take turns (variational Bayes; Tipping and Lawrence 2005,
doi:10.1016/j.neucom.2005.02.016):

    fix i:   w_i = (fix_tail + 2) / (fix_tail + E[(z - H s)' R^-1 (z - H s)])          (eq. 1)
    step i:  1 / g_i = (step_tail + 4) / (step_tail + E[n' Q^-1 n])                    (eq. 2)

where fix i then counts with covariance R_i / w_i and step i with noise g_i Q_i.

Valid for tracks whose fixes lie within some 5,000 km of their middle, where the map (azimuthal,
equal-area, around the middle of the track) stretches nothing by over 8 %; each ellipse is turned
and stretched as the map is at its place. A silence over `GAP_MAX_S` is bridged by nothing: what
comes before and after is smoothed apart.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.movement.ctcrw import estimate, likelihood
from app.movement.excursions import out_and_back
from app.movement.gaps import parts
from app.movement.noise import Noise, Walk
from app.movement.plane import Plane
from app.movement.track import HOUR_US, BoolArray, FloatArray, IntArray, Track

ROUNDS = 25
"""Turns of eq. 1-2; on simulated birds a 26th moves no position by over 10 m."""
START_SD_M = 1_000_000.0
"""The bird may begin this far from its first fix [m]: as good as anywhere."""

LOG_2PI = float(np.log(2.0 * np.pi))


@dataclass(frozen=True, slots=True)
class Smoothed:
    """
    Where a bird was at n times.

    Attributes
    ----------
    lon, lat : ndarray of float64, shape (n,)
        Position [degrees]; nan in a silence over `GAP_MAX_S` and outside the track.
    covariance_m2 : ndarray of float64, shape (n, 2, 2)
        Covariance of its error, east first [m2].
    weight : ndarray of float64, shape (n,)
        How far the fix was believed: 0 (not at all) to 1; nan at times without a fix.
    """

    lon: FloatArray
    lat: FloatArray
    covariance_m2: FloatArray
    weight: FloatArray


def smooth(
    track: Track, covariance_m2: FloatArray, noise: Noise, at_us: IntArray | None = None
) -> Smoothed:
    """
    Estimate where a bird was.

    Parameters
    ----------
    track : Track
        Fixes that may be believed; of one time any number in any order. Of equal fixes one counts.
    covariance_m2 : ndarray of float64, shape (n, 2, 2)
        Covariance of the error of each fix, east first [m2], as `argos.ellipse_covariance_m2`.
    noise : Noise
        Parameters; nothing is fitted here.
    at_us : ndarray of int64, shape (m,), optional
        Times to estimate [us since 1970 UTC], in any order; those of the fixes unless given.

    Returns
    -------
    Smoothed
        One estimate per fix (or time asked for), in their order.

    Raises
    ------
    ValueError
        If a covariance is not positive definite or not finite.

    Examples
    --------
    >>> from app.seeds import noise_of
    >>> hour = 3_600_000_000
    >>> lat = np.where(np.arange(30) == 15, 47.0, 45.0)  # one fix 220 km off
    >>> track = Track(np.arange(30) * hour, np.full(30, 115.0), lat, np.full(30, 1000.0))
    >>> found = smooth(track, np.tile(np.eye(2) * 1e6, (30, 1, 1)), noise_of("grus_grus"))
    >>> float(found.lat[15].round(2)), bool(found.weight[15] < 0.01)
    (45.0, True)
    """
    _check(track, covariance_m2)
    asked = track.time_us if at_us is None else at_us
    order, equal = _distinct(track, covariance_m2)
    one = track.take(order)
    plane = Plane.around(one.lon, one.lat)
    place = plane.forward(one.lon, one.lat)
    error = plane.covariance_forward(one.lon, one.lat, covariance_m2[order])
    error *= noise.error_scale
    mean = np.full((asked.shape[0], 2), np.nan)
    cov = np.full((asked.shape[0], 3), np.nan)
    weight = np.full(order.shape[0], np.nan)
    for a, b in parts(one.time_us):
        some = slice(a, b + 1)
        within = (asked >= one.time_us[a]) & (asked <= one.time_us[b])
        part = _Part(one.time_us[some], place[some], error[some])
        weight[some], stir, seen = _believe(part, noise)
        mean[within], cov[within] = _states(part, noise, (weight[some], stir, seen), asked[within])
    lon, lat = plane.inverse(mean)
    out = plane.covariance_inverse(lon, lat, cov * noise.spread**2)
    shown = weight[equal] if at_us is None else np.full(asked.shape[0], np.nan)
    return Smoothed(lon, lat, out, shown * noise.fix_tail / (noise.fix_tail + 2.0))


def ellipse_of(covariance_m2: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """
    Return semi-axes at one standard deviation [m] and direction of the major one.

    The direction is in degrees clockwise from north, 0 to 180; each array has shape (n,).
    `argos.ellipse_covariance_m2` is its inverse, with axes at sqrt(2) standard deviations.

    Examples
    --------
    >>> [float(v[0]) for v in ellipse_of(np.array([[[400.0, 0.0], [0.0, 100.0]]]))]
    [20.0, 10.0, 90.0]
    """
    east, north, cross = (covariance_m2[:, i, j] for i, j in ((0, 0), (1, 1), (0, 1)))
    middle, half = (east + north) / 2.0, np.hypot((east - north) / 2.0, cross)
    major, minor = np.sqrt(middle + half), np.sqrt(np.maximum(middle - half, 0.0))
    return major, minor, np.mod(np.degrees(0.5 * np.arctan2(2.0 * cross, north - east)), 180.0)


def log_likelihood(
    time_us: IntArray,
    place_m: FloatArray,
    covariance_m2: FloatArray,
    walk: Walk,
    *,
    correlated: bool = True,
) -> float:
    """
    Return the Gaussian log-likelihood of fixes on a plane.

    Parameters
    ----------
    time_us : ndarray of int64, shape (n,)
        Times in order [us].
    place_m : ndarray of float64, shape (n, 2)
        Fixes [m].
    covariance_m2 : ndarray of float64, shape (n, 2, 2)
        Covariance of their errors [m2].
    walk : Walk
        Movement.
    correlated : bool
        False leaves the correlation of the two axes out, as the likelihood of crawl 2.3.1 does
        (its predictions use it); for comparisons alone.

    Returns
    -------
    float
        Without the constant -n log(2 pi), as crawl prints it. The start is crawl's: the
        first fix, the variance of all fixes, at rest with the variance of a stationary velocity.
    """
    step_h, error = _steps_h(time_us), _triples(covariance_m2)
    if not correlated:
        error[:, 1] = 0.0
    around = np.var(place_m, axis=0, ddof=1)
    start = _start(place_m, walk, around)
    total = float(likelihood(step_h, place_m, error, (walk.sigma, walk.beta), start))
    return total + len(place_m) * LOG_2PI


def fit_walk(
    time_us: IntArray, place_m: FloatArray, covariance_m2: FloatArray, *, correlated: bool = True
) -> tuple[Walk, float]:
    """
    Return the walk of the largest likelihood, and that likelihood as in `log_likelihood`.

    A profile is made of many of these by hand, under a new version; the flow never fits. Nelder
    and Mead's search in the logarithms of both parameters (doi:10.1093/comjnl/7.4.308), from
    three starts: 3 minutes, 3 hours and 3 days of memory.
    """
    from scipy.optimize import minimize  # noqa: PLC0415 - slow to load, and the flow never fits

    def cost(logs: FloatArray) -> float:
        walk = Walk(float(np.exp(logs[0])), float(np.exp(logs[1])))
        found = log_likelihood(time_us, place_m, covariance_m2, walk, correlated=correlated)
        return -found if np.isfinite(found) else np.inf

    way = np.diff(place_m, axis=0)
    pace = np.sqrt(np.median((way**2).sum(axis=1) / np.maximum(_steps_h(time_us)[1:], 1e-3)) / 2)
    rules = {"xatol": 1e-7, "fatol": 1e-7, "maxiter": 2000}
    tries = [
        minimize(cost, [np.log(max(pace, 1.0)), np.log(beta)], method="Nelder-Mead", options=rules)
        for beta in (20.0, 1.0 / 3.0, 1.0 / 72.0)
    ]
    best = min(tries, key=lambda result: float(result.fun))
    return Walk(float(np.exp(best.x[0])), float(np.exp(best.x[1]))), -float(best.fun)


@dataclass(frozen=True, slots=True)
class _Part:
    """Distinct fixes between two long silences: times, places on the map and errors [m2]."""

    time_us: IntArray
    place: FloatArray
    error: FloatArray


def _check(track: Track, covariance_m2: FloatArray) -> None:
    if covariance_m2.shape != (len(track), 2, 2):
        raise ValueError("covariance_m2 must hold a 2 by 2 matrix for each fix")
    xx, xy, yy = _triples(covariance_m2).T
    with np.errstate(invalid="ignore", over="ignore"):
        good = (xx > 0) & (yy > 0) & (xx * yy > xy * xy) & np.isfinite(xx * yy)
    if not bool(np.all(good & (xy == covariance_m2[:, 1, 0]))):
        raise ValueError("each covariance must be finite, symmetric and positive definite")


def _distinct(track: Track, covariance_m2: FloatArray) -> tuple[IntArray, IntArray]:
    """Return the fixes that differ, in an order no arrival decides, and which of them each is."""
    rows = np.column_stack(
        (track.time_us.astype(np.float64), track.lon, track.lat, _triples(covariance_m2))
    )
    order = np.lexsort((*rows.T[:0:-1], track.time_us))
    sorted_ = rows[order]
    fresh = np.ones(order.shape[0], dtype=np.bool_)
    fresh[1:] = np.any(sorted_[1:] != sorted_[:-1], axis=1)
    equal = np.empty(order.shape[0], dtype=np.int64)
    equal[order] = np.cumsum(fresh) - 1
    return np.asarray(order[fresh], dtype=np.int64), equal


def _triples(covariance_m2: FloatArray) -> FloatArray:
    """Return variance of x, covariance and variance of y, shape (n, 3)."""
    return np.stack(
        (covariance_m2[:, 0, 0], covariance_m2[:, 0, 1], covariance_m2[:, 1, 1]), axis=1
    )


def _steps_h(time_us: IntArray) -> FloatArray:
    return np.diff(time_us, prepend=time_us[:1]) / HOUR_US


def _start(place: FloatArray, walk: Walk, around_m2: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return mean and covariance of the state before the first fix."""
    pace = walk.sigma**2 * walk.beta / 2.0
    mean = np.array([place[0, 0], 0.0, place[0, 1], 0.0])
    return mean, np.diag([around_m2[0], pace, around_m2[1], pace])


def _run(
    part: _Part, noise: Noise, weight: FloatArray, stir: FloatArray, seen: BoolArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Smooth with given weights: mean, covariance and unrest as in `ctcrw.estimate`."""
    start = _start(part.place, noise.walk, np.full(2, START_SD_M**2))
    mean, cov, restless, _ = estimate(
        _steps_h(part.time_us),
        part.place,
        part.error / weight[:, None],
        seen,
        (noise.walk.sigma, noise.walk.beta),
        stir,
        start,
    )
    return mean, cov, restless


def _believe(part: _Part, noise: Noise) -> tuple[FloatArray, FloatArray, BoolArray]:
    """
    Take turns of eq. 1 and 2; return weights w and factors g.

    Fixes of an excursion that no bird makes are then left out, and the turns taken again.
    """
    n = part.time_us.shape[0]
    seen = np.ones(n, dtype=np.bool_)
    weight, stir, mean = _turns(part, noise, seen)
    away = out_and_back(part.time_us, np.ascontiguousarray(mean[:, ::2]))
    if away.any():
        seen = ~away
        weight, stir, _ = _turns(part, noise, seen)
        weight[away] = 1e-9
    return weight, stir, seen


def _turns(part: _Part, noise: Noise, seen: BoolArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    n = part.time_us.shape[0]
    weight, stir = np.ones(n), np.ones(n)
    mean = np.empty((n, 4))
    for _ in range(ROUNDS):
        mean, cov, restless = _run(part, noise, weight, stir, seen)
        miss = _misfit(part, mean, cov)
        weight = (noise.fix_tail + 2.0) / (noise.fix_tail + miss)
        stir = (noise.step_tail + restless) / (noise.step_tail + 4.0)
    return weight, stir, mean


def _misfit(part: _Part, mean: FloatArray, cov: FloatArray) -> FloatArray:
    """Return the expectation of eq. 1, shape (n,)."""
    xx, xy, yy = part.error.T
    dx, dy = part.place[:, 0] - mean[:, 0], part.place[:, 1] - mean[:, 2]
    exx, exy, eyy = dx * dx + cov[:, 0, 0], dx * dy + cov[:, 0, 2], dy * dy + cov[:, 2, 2]
    return np.asarray((yy * exx - 2.0 * xy * exy + xx * eyy) / (xx * yy - xy * xy))


def _states(
    part: _Part,
    noise: Noise,
    believed: tuple[FloatArray, FloatArray, BoolArray],
    asked_us: IntArray,
) -> tuple[FloatArray, FloatArray]:
    """
    Return positions at times asked for, shape (m, 2), and their covariances, shape (m, 3).

    Positions are those of eq. 1-2. The expected scales would make too much of fixes that agree
    and of steps that rest: covariances come from the curvature of the two t densities instead,
    mean of all directions, which lowers the weight of a fix by fix_tail / (fix_tail + miss) and
    raises the noise of a step by 1 + unrest / (step_tail + unrest).
    """
    weight, stir, seen = believed
    miss = (noise.fix_tail + 2.0) / weight - noise.fix_tail
    unrest = np.maximum(stir * (noise.step_tail + 4.0) - noise.step_tail, 0.0)
    loose = (
        weight * noise.fix_tail / (noise.fix_tail + miss),
        stir * (1.0 + unrest / (noise.step_tail + unrest)),
    )
    times = np.unique(np.concatenate((part.time_us, asked_us)))
    if times.shape[0] == np.unique(part.time_us).shape[0]:
        whole, own = part, np.arange(part.time_us.shape[0])
    else:
        whole, own = _with_times(part, np.setdiff1d(times, part.time_us))
    n = whole.time_us.shape[0]
    there = np.zeros(n, dtype=np.bool_)
    there[own] = seen
    # A time between two fixes splits a step: both pieces are stirred as the whole was.
    step = np.searchsorted(part.time_us, whole.time_us, side="left")
    at = []
    for w, g in ((weight, stir), loose):
        full, shaken = np.ones(n), g[np.minimum(step, g.shape[0] - 1)]
        full[own], shaken[own] = w, g
        at.append(_run(whole, noise, full, shaken, there))
    last = np.searchsorted(whole.time_us, asked_us, side="right") - 1
    mean, cov = at[0][0][last], at[1][1][last]
    return mean[:, ::2], np.stack((cov[:, 0, 0], cov[:, 0, 2], cov[:, 2, 2]), axis=1)


def _with_times(part: _Part, more_us: IntArray) -> tuple[_Part, IntArray]:
    """Put times without a fix in; return where the fixes are now."""
    time_us = np.concatenate((part.time_us, more_us))
    order = np.argsort(time_us, kind="stable")
    blank = np.zeros((more_us.shape[0], 2)), np.tile([1.0, 0.0, 1.0], (more_us.shape[0], 1))
    place = np.concatenate((part.place, blank[0]))[order]
    error = np.concatenate((part.error, blank[1]))[order]
    own = np.flatnonzero(order < part.time_us.shape[0])
    return _Part(time_us[order], place, error), own
