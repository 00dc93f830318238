import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import expm
from scipy.stats import multivariate_normal

from app.movement.ctcrw import estimate, likelihood, step_noise

EYE = np.eye(2)


def exact_step(step_h, sigma, beta):
    """Transition and noise of one axis: Van Loan's exponential of equation 1, doubled up."""
    if step_h * beta > 1.0:
        move, noise = exact_step(step_h / 2, sigma, beta)
        return move @ move, noise + move @ noise @ move.T
    drift = np.array([[0.0, 1.0], [0.0, -beta]])
    shake = np.array([[0.0, 0.0], [0.0, (beta * sigma) ** 2]])
    block = expm(np.block([[-drift, shake], [np.zeros((2, 2)), drift.T]]) * step_h)
    move = block[2:, 2:].T
    return move, move @ block[:2, 2:]


def dense(step_h, place, error, seen, walk, stir, start):
    """Condition one big normal of all states on all fixes: no recursion, no gain, no adjoint."""
    n = step_h.shape[0]
    lift = np.eye(4 * n)  # all states from the start and the noises
    spread = np.zeros((4 * n, 4 * n))
    spread[:4, :4] = start[1]
    middle = np.zeros(4 * n)
    middle[:4] = start[0]
    for i in range(1, n):
        move, noise = exact_step(step_h[i], *walk)
        now, before = slice(4 * i, 4 * i + 4), slice(4 * i - 4, 4 * i)
        lift[now] += np.kron(EYE, move) @ lift[before]
        spread[now, now] = np.kron(EYE, noise) * stir[i]
    mean, cov = lift @ middle, lift @ spread @ lift.T
    rows = np.array([4 * i + k for i in np.flatnonzero(seen) for k in (0, 2)])
    z = place[seen].ravel()
    errors = np.zeros((rows.size, rows.size))
    for k, (xx, xy, yy) in enumerate(error[seen]):
        errors[2 * k : 2 * k + 2, 2 * k : 2 * k + 2] = [[xx, xy], [xy, yy]]
    total = cov[np.ix_(rows, rows)] + errors
    gain = np.linalg.solve(total, cov[rows]).T
    after = mean + gain @ (z - mean[rows]), cov - gain @ cov[rows]
    unlift = np.linalg.inv(lift)  # the noises, from the states
    noises = unlift @ after[0] - middle, unlift @ after[1] @ unlift.T
    restless = np.full(n, 4.0)
    for i in range(1, n):
        now = slice(4 * i, 4 * i + 4)
        inverse = np.kron(EYE, np.linalg.inv(exact_step(step_h[i], *walk)[1]))
        outer = np.outer(noises[0][now], noises[0][now]) + noises[1][now, now]
        restless[i] = np.trace(inverse @ outer)
    loglik = multivariate_normal(mean[rows], (total + total.T) / 2).logpdf(z)
    states = after[0].reshape(n, 4)
    covs = np.stack([after[1][4 * i : 4 * i + 4, 4 * i : 4 * i + 4] for i in range(n)])
    return states, covs, restless, loglik


def some_track(seed, n):
    rng = np.random.default_rng(seed)
    step_h = np.append(
        0.0, rng.choice([0.05, 0.7, 3.0, 40.0], n - 1) * rng.uniform(0.5, 1.5, n - 1)
    )
    place = rng.normal(0, 3000, (n, 2)).cumsum(axis=0)
    root = rng.normal(0, 2000, (n, 2, 2)) + 800 * EYE
    cov = root @ root.transpose(0, 2, 1)
    error = np.stack((cov[:, 0, 0], cov[:, 0, 1], cov[:, 1, 1]), axis=1)
    seen = rng.random(n) < 0.8
    seen[0] = True
    stir = rng.lognormal(0, 1.0, n)
    walk = float(rng.lognormal(7, 0.5)), float(rng.lognormal(0, 1.0))
    pace = walk[0] ** 2 * walk[1] / 2
    start = np.array([place[0, 0], 10.0, place[0, 1], -5.0]), np.diag([1e8, pace, 2e8, pace])
    return step_h, place, error, seen, walk, stir, start


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 12))
def test_the_smoother_is_the_conditional_normal(seed, n):
    made = some_track(seed, n)
    states, covs, restless, loglik = estimate(*made)
    plain = dense(*made)
    assert np.allclose(states, plain[0], rtol=1e-6, atol=1e-2)
    assert np.allclose(covs, plain[1], rtol=1e-5, atol=1.0)
    assert np.allclose(restless, plain[2], rtol=1e-3, atol=1e-3)
    assert loglik == pytest.approx(plain[3], rel=1e-9, abs=1e-6)


def test_the_likelihood_is_that_of_the_smoother():
    step_h, place, error, _, walk, _, start = some_track(7, 40)
    alone = likelihood(step_h, place, error, walk, start)
    all_seen = np.ones(40, dtype=bool)
    assert alone == pytest.approx(
        estimate(step_h, place, error, all_seen, walk, np.ones(40), start)[3], abs=1e-9
    )


@pytest.mark.parametrize("step_h", [1e-9, 1e-5, 4.9e-4, 5.1e-4, 0.01, 1.0, 500.0])
def test_noise_of_any_step(step_h):
    xx, xu, uu = step_noise(step_h, 700.0, 2.0)
    assert xx > 0
    assert xx * uu > xu * xu
    if step_h > 0.005:  # below that the exponential of a matrix cancels
        _, noise = exact_step(step_h, 700.0, 2.0)
        assert np.allclose([xx, xu, uu], [noise[0, 0], noise[0, 1], noise[1, 1]], rtol=1e-6)
    near = step_noise(step_h * (1 + 1e-6), 700.0, 2.0)
    assert np.allclose(near, (xx, xu, uu), rtol=1e-5)


def test_two_fixes_of_one_time_are_one_of_both():
    pace = 1e6
    start = np.zeros(4), np.diag([1e14, pace, 1e14, pace])
    place = np.array([[0.0, 0.0], [300.0, 600.0]])
    error = np.array([[1e4, 0.0, 1e4], [2e4, 0.0, 1e4]])
    both = np.ones(2, dtype=bool)
    states, covs, restless, _ = estimate(
        np.zeros(2), place, error, both, (1000.0, 2.0), np.ones(2), start
    )
    assert np.allclose(states[:, ::2], [[100.0, 300.0]] * 2, atol=1e-2)
    assert np.allclose(covs[0, 0, 0], 2e4 / 3, rtol=1e-6)
    assert restless.tolist() == [4.0, 4.0]
