"""
The kernels behind `smoothing`: Kalman filter and smoother of a continuous-time correlated walk.

The state of a bird on a plane is (x, u, y, v): position [m] and velocity [m/h] on either axis.
On each axis, with dW white noise,

    dx = u dt,  du = -beta u dt + beta sigma dW                               (eq. 1)

so that over a step of d hours, with e = exp(-beta d) and f = (1 - e) / beta,

    x' = x + f u + noise,  u' = e u + noise                                   (eq. 2)
    var x'    = sigma^2 (d - 2 f + (1 - e^2) / (2 beta))
    cov x',u' = sigma^2 (1 - e)^2 / 2
    var u'    = sigma^2 beta (1 - e^2) / 2

(Johnson et al. 2008, doi:10.1890/07-1032.1, eq. 5-7). A fix is the position plus an error whose
covariance may be any: the two axes are filtered together, as an ellipse correlates them.

The smoother goes backward with the adjoint of the filter (Bryson and Frazier; Durbin and Koopman
2012, doi:10.1093/acprof:oso/9780199641178.001.0001, section 4.4). It gives what Rauch, Tung and
Striebel's does without inverting a state covariance, which is singular over a step of no time.
"""

from __future__ import annotations

import numpy as np

from app.movement.compiled import kernel
from app.movement.track import BoolArray, FloatArray

STATES = 4
"""x, u, y, v."""


@kernel
def step_noise(step_h: float, sigma: float, beta: float) -> tuple[float, float, float]:
    """Return var x', cov x',u' and var u' of a step, as in eq. 2 [m2, m2/h, m2/h2]."""
    d = beta * step_h
    s2 = sigma * sigma
    if d < 1e-3:  # the differences below cancel: first terms of the series, good to d**2 / 10
        return (
            s2 * d * d * step_h / 3.0 * (1.0 - 0.75 * d),
            s2 * d * d / 2.0 * (1.0 - d),
            s2 * beta * d * (1.0 - d + 2.0 * d * d / 3.0),
        )
    loss = -np.expm1(-d)  # 1 - e
    twice = -np.expm1(-2.0 * d)  # 1 - e**2
    return (
        s2 * (d - 2.0 * loss + twice / 2.0) / beta,
        s2 * loss * loss / 2.0,
        s2 * beta * twice / 2.0,
    )


@kernel
def _advance(mean: FloatArray, cov: FloatArray, f: float, e: float) -> None:
    """Move a state on by one step, without its noise (eq. 2), in place."""
    for a in (0, 2):
        mean[a] += f * mean[a + 1]
        mean[a + 1] *= e
        for b in (0, 2):
            p, q = cov[a, b], cov[a, b + 1]
            r, s = cov[a + 1, b], cov[a + 1, b + 1]
            cov[a, b] = p + f * (q + r) + f * f * s
            cov[a, b + 1] = e * (q + f * s)
            cov[a + 1, b] = e * (r + f * s)
            cov[a + 1, b + 1] = e * e * s


@kernel
def _take_in(
    mean: FloatArray, cov: FloatArray, error: FloatArray, miss: FloatArray, inverse: FloatArray
) -> float:
    """
    Update a state with a fix, in place, and return the log-likelihood of the fix.

    `miss` holds fix less prediction; `error` the covariance of the fix (xx, xy, yy); the inverse
    of the covariance of the miss goes to `inverse`.
    """
    fxx, fxy, fyy = cov[0, 0] + error[0], cov[0, 2] + error[1], cov[2, 2] + error[2]
    det = fxx * fyy - fxy * fxy
    ixx, ixy, iyy = fyy / det, -fxy / det, fxx / det
    inverse[0], inverse[1], inverse[2] = ixx, ixy, iyy
    wx, wy = ixx * miss[0] + ixy * miss[1], ixy * miss[0] + iyy * miss[1]
    px, py = cov[:, 0].copy(), cov[:, 2].copy()
    for i in range(STATES):
        mean[i] += px[i] * wx + py[i] * wy
        gx, gy = px[i] * ixx + py[i] * ixy, px[i] * ixy + py[i] * iyy
        for j in range(STATES):
            cov[i, j] -= gx * px[j] + gy * py[j]
    return float(-0.5 * (np.log(det) + miss[0] * wx + miss[1] * wy) - np.log(2.0 * np.pi))


@kernel
def likelihood(
    step_h: FloatArray,
    place: FloatArray,
    error: FloatArray,
    walk: tuple[float, float],
    start: tuple[FloatArray, FloatArray],
) -> float:
    """
    Return the log-likelihood of fixes.

    Parameters
    ----------
    step_h : ndarray of float64, shape (n,)
        Time since the fix before, 0 for the first [h].
    place : ndarray of float64, shape (n, 2)
        Fixes on the plane [m].
    error : ndarray of float64, shape (n, 3)
        Their error: variance of x, covariance, variance of y [m2].
    walk : (float, float)
        sigma [m h^-1/2] and beta [1/h].
    start : (ndarray, ndarray)
        Mean, shape (4,), and covariance, shape (4, 4), of the state before the first fix.
    """
    mean, cov = start[0].copy(), start[1].copy()
    miss, inverse = np.empty(2), np.empty(3)
    total = 0.0
    for i in range(step_h.shape[0]):
        if step_h[i] > 0.0:
            e = np.exp(-walk[1] * step_h[i])
            _advance(mean, cov, -np.expm1(-walk[1] * step_h[i]) / walk[1], e)
            xx, xu, uu = step_noise(step_h[i], walk[0], walk[1])
            for a in (0, 2):
                cov[a, a] += xx
                cov[a, a + 1] += xu
                cov[a + 1, a] += xu
                cov[a + 1, a + 1] += uu
        miss[0], miss[1] = place[i, 0] - mean[0], place[i, 1] - mean[2]
        total += _take_in(mean, cov, error[i], miss, inverse)
    return total


@kernel
def estimate(
    step_h: FloatArray,
    place: FloatArray,
    error: FloatArray,
    seen: BoolArray,
    walk: tuple[float, float],
    stir: FloatArray,
    start: tuple[FloatArray, FloatArray],
) -> tuple[FloatArray, FloatArray, FloatArray, float]:
    """
    Return the state at each time, given all fixes.

    Parameters
    ----------
    step_h, place, error, walk, start
        As for `likelihood`.
    seen : ndarray of bool, shape (n,)
        False: no fix was taken at this time, only the state is asked for.
    stir : ndarray of float64, shape (n,)
        Factor on the noise of the step to each time.

    Returns
    -------
    mean : ndarray of float64, shape (n, 4)
        State.
    cov : ndarray of float64, shape (n, 4, 4)
        Its covariance.
    restless : ndarray of float64, shape (n,)
        Expectation of w' Q^-1 w over the noise w of the step to each time, Q being its
        covariance with `stir` left out; 4 where nothing is learnt about it.
    loglik : float
        Log-likelihood of the fixes seen.
    """
    n = step_h.shape[0]
    means, covs = np.empty((n, STATES)), np.empty((n, STATES, STATES))
    misses, inverses = np.zeros((n, 2)), np.zeros((n, 3))
    noise, way = np.zeros((n, 3)), np.zeros((n, 2))
    mean, cov = start[0].copy(), start[1].copy()
    total = 0.0
    for i in range(n):
        way[i, 0], way[i, 1] = 0.0, 1.0
        if step_h[i] > 0.0:
            way[i, 0] = -np.expm1(-walk[1] * step_h[i]) / walk[1]
            way[i, 1] = np.exp(-walk[1] * step_h[i])
            _advance(mean, cov, way[i, 0], way[i, 1])
            noise[i] = step_noise(step_h[i], walk[0], walk[1])
            noise[i] *= stir[i]
            for a in (0, 2):
                cov[a, a] += noise[i, 0]
                cov[a, a + 1] += noise[i, 1]
                cov[a + 1, a] += noise[i, 1]
                cov[a + 1, a + 1] += noise[i, 2]
        means[i], covs[i] = mean, cov
        if seen[i]:
            misses[i, 0], misses[i, 1] = place[i, 0] - mean[0], place[i, 1] - mean[2]
            total += _take_in(mean, cov, error[i], misses[i], inverses[i])
    restless = _look_back(means, covs, (misses, inverses, noise, way), stir)
    return means, covs, restless, total


@kernel
def _look_back(
    means: FloatArray,
    covs: FloatArray,
    filtered: tuple[FloatArray, FloatArray, FloatArray, FloatArray],
    stir: FloatArray,
) -> FloatArray:
    """Turn predictions into smoothed states, in place, and return `restless` of `estimate`."""
    misses, inverses, noise, way = filtered
    n = means.shape[0]
    restless = np.full(n, float(STATES))
    r, big = np.zeros(STATES), np.zeros((STATES, STATES))
    half, gain = np.empty((STATES, STATES)), np.empty((STATES, 2))
    for i in range(n - 1, -1, -1):
        cov = covs[i]
        ixx, ixy, iyy = inverses[i, 0], inverses[i, 1], inverses[i, 2]
        if ixx > 0.0:
            wx = ixx * misses[i, 0] + ixy * misses[i, 1]
            wy = ixy * misses[i, 0] + iyy * misses[i, 1]
            for j in range(STATES):
                gain[j, 0] = cov[j, 0] * ixx + cov[j, 2] * ixy
                gain[j, 1] = cov[j, 0] * ixy + cov[j, 2] * iyy
            _through_fix(r, big, gain, half)
            r[0] += wx
            r[2] += wy
            big[0, 0] += ixx
            big[0, 2] += ixy
            big[2, 0] += ixy
            big[2, 2] += iyy
        if noise[i, 2] > 0.0:
            restless[i] = _unrest(r, big, noise[i]) * stir[i]
        _smoothed(means[i], cov, r, big, half)
        _through_step(r, big, way[i, 0], way[i, 1])
    return restless


@kernel
def _through_fix(r: FloatArray, big: FloatArray, gain: FloatArray, half: FloatArray) -> None:
    """Carry the adjoint back over an update: A' r and A' N A with A = I - gain H, in place."""
    rx, ry = 0.0, 0.0
    for j in range(STATES):
        rx += gain[j, 0] * r[j]
        ry += gain[j, 1] * r[j]
    r[0] -= rx
    r[2] -= ry
    for j in range(STATES):
        nx, ny = 0.0, 0.0
        for k in range(STATES):
            half[j, k] = big[j, k]
            nx += big[j, k] * gain[k, 0]
            ny += big[j, k] * gain[k, 1]
        half[j, 0] -= nx
        half[j, 2] -= ny
    for k in range(STATES):
        nx, ny = 0.0, 0.0
        for j in range(STATES):
            nx += gain[j, 0] * half[j, k]
            ny += gain[j, 1] * half[j, k]
        for j in range(STATES):
            big[j, k] = half[j, k]
        big[0, k] -= nx
        big[2, k] -= ny


@kernel
def _through_step(r: FloatArray, big: FloatArray, f: float, e: float) -> None:
    """Carry the adjoint back over a step: T' r and T' N T, in place."""
    for a in (0, 2):
        r[a + 1] = f * r[a] + e * r[a + 1]
        for b in (0, 2):
            p, q = big[a, b], big[a, b + 1]
            s, t = big[a + 1, b], big[a + 1, b + 1]
            big[a, b + 1] = f * p + e * q
            big[a + 1, b] = f * p + e * s
            big[a + 1, b + 1] = f * f * p + f * e * (q + s) + e * e * t


@kernel
def _unrest(r: FloatArray, big: FloatArray, noise: FloatArray) -> float:
    """Return the expectation of w' Q^-1 w over the noise w of a step, Q being its covariance."""
    xx, xu, uu = noise[0], noise[1], noise[2]
    total = float(STATES)
    for a in (0, 2):
        total += xx * r[a] ** 2 + 2.0 * xu * r[a] * r[a + 1] + uu * r[a + 1] ** 2
        total -= xx * big[a, a] + xu * (big[a, a + 1] + big[a + 1, a]) + uu * big[a + 1, a + 1]
    return total


@kernel
def _smoothed(
    mean: FloatArray, cov: FloatArray, r: FloatArray, big: FloatArray, half: FloatArray
) -> None:
    """Add P r to a predicted mean and take P N P from its covariance P, in place."""
    for j in range(STATES):
        for k in range(STATES):
            total = 0.0
            for m in range(STATES):
                total += cov[j, m] * big[m, k]
            half[j, k] = total
    for j in range(STATES):
        for m in range(STATES):
            mean[j] += cov[j, m] * r[m]
    # Rows of P are needed until the last of them is done.
    before = cov.copy()
    for j in range(STATES):
        for k in range(STATES):
            total = before[j, k]
            for m in range(STATES):
                total -= half[j, m] * before[m, k]
            cov[j, k] = total
