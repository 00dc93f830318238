"""Autocorrelation of a bird at home: how far its fixes repeat each other, and what that means."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from app.movement.compiled import kernel
from app.movement.track import FloatArray

Model = Literal["IID", "OU", "OUF"]

LAG_BINS = 1 << 16
"""Steps that the span of a track is cut into when its lags are counted."""

UNLIKELY = 1e300
"""Stands for the logarithm of no likelihood: an infinity would break the search."""

REACH = 10.0
"""Time scales are sought up to this multiple of the span, and down to the shortest interval by
the same: beyond either the data can't tell them from none."""


@dataclass(frozen=True, slots=True)
class Wandering:
    """
    A stationary process fitted to the fixes of one bird.

    Attributes
    ----------
    model : str
        ``IID`` fixes independent; ``OU`` the place reverts to home; ``OUF`` so does the velocity.
    tau_position_s, tau_velocity_s : float
        Time scales, 0 where the model has none [s].
    mean : ndarray of float64, shape (2,)
        Home [m].
    covariance : ndarray of float64, shape (2, 2)
        Of the place, unbiased [m2].
    n_effective : float
        Independent fixes that would tell the area as well (DOF of the area).
    log_likelihood : float
        Restricted, of the plane.
    """

    model: Model
    tau_position_s: float
    tau_velocity_s: float
    mean: FloatArray
    covariance: FloatArray
    n_effective: float
    log_likelihood: float

    def correlation(self, lag_s: FloatArray) -> FloatArray:
        """Return the correlation of two places this long apart, any shape."""
        if self.model == "IID":
            return np.asarray(lag_s == 0.0, dtype=np.float64)
        p, v = self.tau_position_s, self.tau_velocity_s
        slow = p * np.exp(-lag_s / p)
        if self.model == "OU":
            return np.asarray(slow / p, dtype=np.float64)
        return np.asarray((slow - v * np.exp(-lag_s / v)) / (p - v), dtype=np.float64)


def fit_wandering(time_s: FloatArray, x: FloatArray, y: FloatArray) -> Wandering | None:
    """
    Fit the Ornstein-Uhlenbeck family to the fixes of one bird.

    The place has the autocorrelation ``(p exp(-t/p) - v exp(-t/v)) / (p - v)`` with the time
    scales p of the place and v < p of the velocity (OUF; Fleming et al. 2014,
    doi:10.1086/675504), ``exp(-t/p)`` (OU) or none (IID), the same in every direction. Home and
    covariance are profiled out; the time scales maximise the restricted likelihood, by a Kalman
    filter of n steps, which needs no even sampling and takes a gap for the silence it is. The
    model is chosen by AIC. Errors of position are not modelled: they are small beside a home.

    Parameters
    ----------
    time_s : ndarray of float64, shape (n,)
        Strictly ascending [s].
    x, y : ndarray of float64, shape (n,)
        Place [m].

    Returns
    -------
    Wandering, optional
        None where the fixes span no area: fewer than four, or all on one line.
    """
    if time_s.shape[0] < 4:
        return None
    scale = float(np.std(x) + np.std(y))
    if not scale > 0.0 or not _spans_area(x / scale, y / scale):
        return None
    unit = np.ascontiguousarray(np.column_stack([x, y]) - [x.mean(), y.mean()]) / scale
    step = np.diff(time_s)
    low = float(np.log(step.min() / REACH))
    high = float(np.log(REACH * (time_s[-1] - time_s[0])))
    fits = [_fitted("IID", step, unit, [], (low, high))]
    starts = np.linspace(low, high, 7)[1:-1]
    worth = [_restricted(step, unit, np.array([s]))[0] for s in starts]
    fits.append(_fitted("OU", step, unit, [float(starts[int(np.argmax(worth))])], (low, high)))
    p = fits[-1][1][0]
    fits.append(_fitted("OUF", step, unit, [p, max(p - 2.0, low)], (low, high)))
    model, log_tau, value = max(fits, key=lambda fit: fit[2] - len(fit[1]))
    _, mean, form = _restricted(step, unit, np.array(log_tau))
    tau = [float(np.exp(t)) for t in log_tau] + [0.0, 0.0]
    return Wandering(
        model, tau[0], tau[1],
        mean * scale + [x.mean(), y.mean()],
        form * scale**2,
        _n_effective(step, unit, np.array(log_tau), form),
        value - 2.0 * (time_s.shape[0] - 1) * float(np.log(scale)),
    )  # fmt: skip


def _spans_area(x: FloatArray, y: FloatArray) -> bool:
    return bool(np.linalg.det(np.cov(x, y)) > 1e-12)


def _fitted(
    model: Model, step: FloatArray, unit: FloatArray, start: list[float],
    between: tuple[float, float],
) -> tuple[Model, list[float], float]:  # fmt: skip
    """Return the model with its best logarithms of time scales, and its log-likelihood."""
    if not start:
        return model, [], _restricted(step, unit, np.empty(0))[0]

    from scipy.optimize import minimize  # noqa: PLC0415 - slow to load, for areas alone

    def loss(log_tau: FloatArray) -> float:
        if np.any(np.diff(log_tau) >= -1e-3):  # the velocity forgets before the place does
            return UNLIKELY
        return -_restricted(step, unit, log_tau)[0]

    found = minimize(
        loss, start, method="Nelder-Mead", bounds=[between] * len(start),
        options={"xatol": 1e-3, "fatol": 1e-4, "maxiter": 200},
    )  # fmt: skip
    return model, [float(t) for t in found.x], -float(found.fun)


def _restricted(
    step: FloatArray, unit: FloatArray, log_tau: FloatArray
) -> tuple[float, FloatArray, FloatArray]:
    """Return the restricted log-likelihood, the mean, and the unbiased covariance."""
    mean, square, log_spread, weight = _filtered(step, unit, np.exp(log_tau))
    free = unit.shape[0] - 1
    form = square / free
    area = float(np.linalg.det(form))
    if not (area > 0.0 and weight > 0.0):  # time scales so long that nothing is left to tell
        return -UNLIKELY, mean, form
    value = -0.5 * free * (np.log(area) + 2.0 + 2.0 * np.log(2.0 * np.pi))
    return float(value - log_spread - np.log(weight)), mean, form


def _n_effective(
    step: FloatArray, unit: FloatArray, log_tau: FloatArray, form: FloatArray
) -> float:
    """Return 1 over the variance of the logarithm of the area, by the observed information."""
    free = unit.shape[0] - 1
    inverse = np.linalg.inv(form)

    def value(at: FloatArray) -> float:
        _, square, log_spread, weight = _filtered(step, unit, np.exp(at[1:]))
        apart = float(np.sum(inverse * square)) * np.exp(-at[0])
        return float(-free * at[0] - 0.5 * apart - log_spread - np.log(weight))

    information = -_hessian(value, np.concatenate([[0.0], log_tau]), 1e-2)
    if not np.all(np.linalg.eigvalsh(information) > 0.0):
        return 0.0
    return float(1.0 / np.linalg.inv(information)[0, 0])


def _hessian(value: Callable[[FloatArray], float], at: FloatArray, by: float) -> FloatArray:
    """Return second derivatives by central differences, shape (k, k)."""
    k = at.shape[0]
    ahead = by * np.eye(k)
    out = np.empty((k, k))
    for i in range(k):
        for j in range(i + 1):
            a, b = ahead[i], ahead[j]
            both = value(at + a + b) - value(at + a - b) - value(at - a + b) + value(at - a - b)
            out[i, j] = out[j, i] = both / (4.0 * by * by)
    return out


@kernel
def _filtered(
    step: FloatArray, unit: FloatArray, tau: FloatArray
) -> tuple[FloatArray, FloatArray, float, float]:
    """
    Run the Kalman filter of a place of variance 1, over x, y and a constant 1 together.

    Returns the mean by generalised least squares, the weighted squares about it, the sum of the
    logarithms of the spreads, and the weight of the mean.
    """
    n = unit.shape[0]
    series = np.ones((n, 3))
    series[:, :2] = unit
    place, speed = np.zeros(3), np.zeros(3)
    # Variances of place and speed and what they share, before the first fix.
    pp, pv, vv = 1.0, 0.0, 0.0
    if tau.shape[0] == 2:
        vv = 1.0 / (tau[0] * tau[1])
    still = vv
    cross = np.zeros((3, 3))
    log_spread = 0.0
    f, g, h, k = 0.0, 0.0, 0.0, 0.0
    for i in range(n):
        if i > 0:
            if i == 1 or step[i - 1] != step[i - 2]:
                f, g, h, k = _turned(step[i - 1], tau)
            for s in range(3):
                place[s], speed[s] = f * place[s] + g * speed[s], h * place[s] + k * speed[s]
            # Stationary: what is forgotten comes in anew.
            a, b, c = pp - 1.0, pv, vv - still
            pp = 1.0 + f * f * a + 2.0 * f * g * b + g * g * c
            pv = f * h * a + (f * k + g * h) * b + g * k * c
            vv = still + h * h * a + 2.0 * h * k * b + k * k * c
        spread = max(pp, 1e-12)
        log_spread += np.log(spread)
        off = series[i] - place
        for r in range(3):
            for s in range(r + 1):
                cross[r, s] += off[r] * off[s] / spread
        gain = pv / spread
        for s in range(3):
            place[s] += off[s]
            speed[s] += gain * off[s]
        vv = max(vv - gain * pv, 0.0)
        pp, pv = 0.0, 0.0
    weight = cross[2, 2]
    mean = np.array([cross[2, 0] / weight, cross[2, 1] / weight])
    square = np.empty((2, 2))
    square[0, 0] = cross[0, 0] - mean[0] * mean[0] * weight
    square[1, 1] = cross[1, 1] - mean[1] * mean[1] * weight
    square[0, 1] = square[1, 0] = cross[1, 0] - mean[0] * mean[1] * weight
    return mean, square, log_spread, weight


@kernel
def _turned(step: float, tau: FloatArray) -> tuple[float, float, float, float]:
    """Return what place and speed are expected to be after a step, of place and speed before."""
    if tau.shape[0] == 0:
        return 0.0, 0.0, 0.0, 0.0
    slow = np.exp(-step / tau[0])
    if tau.shape[0] == 1:
        return slow, 0.0, 0.0, 0.0
    fast = np.exp(-step / tau[1])
    apart = tau[0] - tau[1]
    return (
        (tau[0] * slow - tau[1] * fast) / apart,
        tau[0] * tau[1] * (slow - fast) / apart,
        (fast - slow) / apart,
        (tau[0] * fast - tau[1] * slow) / apart,
    )


def bandwidth(time_s: FloatArray, wandering: Wandering) -> tuple[float, float]:
    """
    Return the kernel that suits autocorrelated fixes, and how much too wide its density is.

    With the semi-variance ``s = 1 - correlation`` of each two fixes, the squared bandwidth ``h``
    in units of the covariance minimises the expected squared error for a normal home,
    ``mean 1 / (2 (s + h)) - 2 / (2 + h) + 1 / 2`` (AKDE; Fleming et al. 2015,
    doi:10.1890/14-2010.1). The density it gives has the variance ``mean s + h`` instead of 1
    (AKDEc; Fleming & Calabrese 2017, doi:10.1111/2041-210X.12673). Lags are counted by Fourier
    transform, in `LAG_BINS` steps of the span.

    Parameters
    ----------
    time_s : ndarray of float64, shape (n,)
        Strictly ascending [s].
    wandering : Wandering
        Fitted to the same fixes.

    Returns
    -------
    squared : float
        Squared bandwidth, 0..1 [1].
    inflation : float
        Area of the density beside the area of the home [1].
    """
    n = time_s.shape[0]
    cell_s = (time_s[-1] - time_s[0]) / (LAG_BINS - 1)
    at = np.rint((time_s - time_s[0]) / cell_s).astype(np.int64)
    heard = np.bincount(at, minlength=LAG_BINS).astype(np.float64)
    power = np.abs(np.fft.rfft(heard, 2 * LAG_BINS)) ** 2
    pairs = np.rint(np.fft.irfft(power)[:LAG_BINS])
    pairs[1:] *= 2.0
    lags = np.flatnonzero(pairs)
    share = pairs[lags] / float(n) ** 2
    semi = 1.0 - wandering.correlation(lags * cell_s)

    from scipy.optimize import minimize_scalar  # noqa: PLC0415 - as above

    def error(log_squared: float) -> float:
        h = float(np.exp(log_squared))
        return float(np.sum(share / (2.0 * (semi + h)))) - 2.0 / (2.0 + h) + 0.5

    found = minimize_scalar(error, bounds=(np.log(1e-6), 0.0), method="bounded")
    squared = float(np.exp(found.x))
    return squared, float(np.sum(share * semi)) + squared
