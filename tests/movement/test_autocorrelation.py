from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from app.movement import autocorrelation
from app.movement.autocorrelation import Wandering, bandwidth, fit_wandering

DAY_S, HOUR_S = 86_400.0, 3_600.0


def correlation(lag_s, p, v):
    if v == 0.0:
        return np.exp(-lag_s / p)
    return (p * np.exp(-lag_s / p) - v * np.exp(-lag_s / v)) / (p - v)


def simulated(seed, time_s, p, v, sigma_m=2000.0):
    """Draw places whose correlation is exactly that of the model."""
    whole = correlation(np.abs(np.subtract.outer(time_s, time_s)), p, v)
    root = np.linalg.cholesky(whole + 1e-10 * np.eye(len(time_s)))
    return sigma_m * (root @ np.random.default_rng(seed).normal(size=(len(time_s), 2)))


def times(seed, n):
    return np.cumsum(np.random.default_rng(seed).choice([HOUR_S, 2 * HOUR_S], n))


def dense(time_s, xy, p, v):
    """The restricted likelihood by matrices, as the textbook has it."""
    n = len(time_s)
    whole = correlation(np.abs(np.subtract.outer(time_s, time_s)), p, v)
    inverse, one = np.linalg.inv(whole), np.ones(n)
    weight = one @ inverse @ one
    mean = one @ inverse @ xy / weight
    form = (xy - mean).T @ inverse @ (xy - mean) / (n - 1)
    value = -0.5 * (n - 1) * (np.log(np.linalg.det(form)) + 2 + 2 * np.log(2 * np.pi))
    return value - np.linalg.slogdet(whole)[1] - np.log(weight), mean, form


@pytest.mark.parametrize("v", [0.0, HOUR_S])
def test_the_filter_gives_the_likelihood_of_the_matrices(v):
    time_s = times(1, 60)
    xy = simulated(1, time_s, DAY_S, v, 1.0)
    tau = np.log([DAY_S] + ([v] if v else []))
    ours = autocorrelation._restricted(np.diff(time_s), xy, tau)
    theirs = dense(time_s, xy, DAY_S, v)
    assert ours[0] == pytest.approx(theirs[0], abs=1e-6)
    np.testing.assert_allclose(ours[1], theirs[1], atol=1e-8)
    np.testing.assert_allclose(ours[2], theirs[2], rtol=1e-8)


def test_the_area_is_true_and_so_is_what_is_said_of_its_error():
    """Twenty birds: the mean area within 5 %, its scatter what the effective number says."""
    off, said = [], []
    for seed in range(20):
        time_s = times(seed, 400)
        fit = fit_wandering(time_s, *simulated(seed, time_s, 0.5 * DAY_S, HOUR_S).T)
        assert fit.model == "OUF"
        off.append(np.log(np.sqrt(np.linalg.det(fit.covariance)) / 2000.0**2))
        said.append(fit.n_effective)
    assert np.mean(np.exp(off)) == pytest.approx(1.0, abs=0.07)
    assert np.std(off) == pytest.approx(np.mean(1 / np.sqrt(said)), rel=0.4)


def test_independent_fixes_are_told_so_and_all_count():
    rng = np.random.default_rng(2)
    fit = fit_wandering(np.arange(200) * DAY_S, *rng.normal(0, 300, (2, 200)))
    assert fit.model == "IID" and (fit.tau_position_s, fit.tau_velocity_s) == (0.0, 0.0)
    assert fit.n_effective == pytest.approx(199, rel=1e-3)


def test_scale_turn_and_place_do_not_matter():
    time_s = times(3, 150)
    x, y = simulated(3, time_s, DAY_S, 0.0).T
    one = fit_wandering(time_s, x, y)
    other = fit_wandering(time_s + 1e9, 1e6 - 7.0 * y, 7.0 * x - 5e5)
    assert other.model == one.model
    assert other.tau_position_s == pytest.approx(one.tau_position_s, rel=1e-2)
    assert other.n_effective == pytest.approx(one.n_effective, rel=1e-2)
    ratio = np.linalg.det(other.covariance) / np.linalg.det(one.covariance)
    assert ratio == pytest.approx(7.0**4, rel=1e-2)


def test_the_likelihood_has_the_units_of_the_fixes():
    time_s = times(5, 80)
    xy = simulated(5, time_s, DAY_S, 0.0)
    fit = fit_wandering(time_s, *xy.T)
    theirs, mean, form = dense(time_s, xy, fit.tau_position_s, fit.tau_velocity_s)
    assert fit.log_likelihood == pytest.approx(theirs, abs=1e-3)
    np.testing.assert_allclose(fit.mean, mean, rtol=1e-4, atol=1.0)
    np.testing.assert_allclose(fit.covariance, form, rtol=1e-4)


@pytest.mark.parametrize(
    ("x", "y"), [([0, 1, 2], [1, 0, 2]), ([0, 1, 2, 3], [0, 1, 2, 3]), ([5] * 6, [5] * 6)]
)
def test_fixes_without_an_area_have_no_home(x, y):
    n = np.arange(len(x)) * 100.0
    assert fit_wandering(n, np.array(x, dtype=float), np.array(y, dtype=float)) is None


@pytest.mark.parametrize("v", [0.0, HOUR_S])
def test_the_bandwidth_minimises_the_expected_error(v):
    time_s = times(4, 200)
    home = Wandering("OUF" if v else "OU", DAY_S, v, np.zeros(2), np.eye(2), 10.0, 0.0)
    semi = 1.0 - correlation(np.abs(np.subtract.outer(time_s, time_s)), DAY_S, v)

    def error(h):
        return np.mean(1 / (2 * (semi + h))) - 2 / (2 + h) + 0.5

    best = minimize_scalar(error, bounds=(1e-6, 1.0), method="bounded", options={"xatol": 1e-9})
    squared, inflation = bandwidth(time_s, home)
    assert squared == pytest.approx(best.x, rel=1e-3)
    assert inflation == pytest.approx(semi.mean() + best.x, rel=1e-3)


def test_independent_fixes_have_the_bandwidth_of_silverman():
    """n^(-1/3) for n independent fixes, as the error sum gives it for large n."""
    n = 5000
    home = Wandering("IID", 0.0, 0.0, np.zeros(2), np.eye(2), n - 1.0, 0.0)
    squared, _ = bandwidth(np.arange(float(n)), home)
    assert squared == pytest.approx(n ** (-1 / 3), rel=0.05)
