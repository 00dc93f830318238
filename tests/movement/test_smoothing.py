import gzip
import json
import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.movement import smoothing
from app.movement.argos import ellipse_covariance_m2
from app.movement.ctcrw import estimate
from app.movement.geodesy import distance_m, inverse
from app.movement.noise import Walk
from app.movement.smoothing import ellipse_of, fit_walk, log_likelihood, smooth
from app.movement.track import DAY_US, HOUR_US, Track
from app.seeds import noise_of
from tests.movement import argosworld
from tests.movement.journeys import roll

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("FLYWAYS_TEST_DATA", ROOT / ".." / "shared" / "data"))
CRAWL = DATA.parent / "reference" / "crawl"
NOISE = noise_of("grus_grus")


def made(seed, n=60, *, lon=115.0, lat=48.0):
    """A bird that rests, flies for half a day, rests; fixes with ellipses and one far off."""
    rng = np.random.default_rng(seed)
    time_us = np.sort(rng.integers(0, n * HOUR_US, n))
    flown = np.clip(time_us / HOUR_US - n / 2, 0, 12) * 0.3
    minor, angle = rng.uniform(200, 800, n), rng.uniform(0, 180, n)
    covariance = ellipse_covariance_m2(minor * rng.uniform(1.5, 6, n), minor, angle)
    off = np.einsum("nij,nj->ni", np.linalg.cholesky(covariance), rng.normal(0, 1, (n, 2)))
    y = np.clip(lat - flown + off[:, 1] / 111e3, -90, 90)
    x = lon + off[:, 0] / (111e3 * max(np.cos(np.radians(lat)), 0.1))
    x[n // 4] += 2.0
    return Track(time_us, (x + 180) % 360 - 180, y, np.full(n, 500.0)), covariance


def bearded():
    table = pl.read_csv(CRAWL / "bearded_input.csv")
    sx, sy, rho = (table[c].to_numpy() for c in ("ln.sd.x", "ln.sd.y", "error.corr"))
    cross = rho * np.exp(sx + sy)
    cov = np.stack([np.exp(2 * sx), cross, cross, np.exp(2 * sy)], axis=1).reshape(-1, 2, 2)
    return table["time"].to_numpy(), table.select("x", "y").to_numpy(order="c"), cov


def fur_seal(par):
    table = pl.read_csv(CRAWL / "nfs_input.csv")
    sd = dict(zip("3210A", np.exp(par[:5]), strict=True))
    var = np.array([sd[str(c)] ** 2 for c in table["lc"]])
    return (
        table["time"].to_numpy(),
        table.select("x", "y").to_numpy(order="c"),
        var[:, None, None] * np.eye(2),
    )


@pytest.fixture(scope="module")
def crawl():
    """Both reference cases: input, parameters of crawl, its likelihood without the prior."""
    if not CRAWL.exists():
        pytest.skip("shared reference absent")
    found = json.loads((CRAWL / "parameters.json").read_text())
    par = found["nfs"]["par_all"]
    cases = {"nfs": (*fur_seal(par), np.exp(par[5:7]), found["nfs"]["loglik"])}
    par = found["bearded"]["par_all"]
    prior = -0.5 * ((par[3] + 4) / 2) ** 2 - np.log(2 * np.sqrt(2 * np.pi))
    cases["bearded"] = (*bearded(), np.exp(par[2:4]), found["bearded"]["loglik"] - prior)
    return cases


@pytest.mark.parametrize("name", ["nfs", "bearded"])
def test_likelihood_is_crawls_where_the_correlation_is_left_out(crawl, name):
    time_s, place, cov, par, theirs = crawl[name]
    ours = log_likelihood(time_s.astype(np.int64) * 10**6, place, cov, Walk(*par), correlated=False)
    assert ours == pytest.approx(theirs, abs=1e-6)


def test_the_correlation_is_worth_thirty(crawl):
    time_s, place, cov, par, theirs = crawl["bearded"]
    time_us = time_s.astype(np.int64) * 10**6
    assert log_likelihood(time_us, place, cov, Walk(*par)) == pytest.approx(
        theirs + 29.8656, abs=1e-3
    )


@pytest.mark.parametrize("name", ["nfs", "bearded"])
def test_states_are_crawls(crawl, name):
    time_s, place, cov, par, _ = crawl[name]
    table = pl.read_csv(
        gzip.decompress((CRAWL / f"{name}_predict.csv.gz").read_bytes()), infer_schema_length=0
    )
    asked = table["GMT" if name == "nfs" else "date_time"].cast(pl.Float64).to_numpy()
    times = np.union1d(time_s, asked)
    own, at = np.searchsorted(times, time_s), np.searchsorted(times, asked)
    xy, error, seen = (
        np.zeros((times.size, 2)),
        np.ones((times.size, 3)),
        np.zeros(times.size, bool),
    )
    xy[own], seen[own] = place, True
    error[own] = cov.reshape(-1, 4)[:, [0, 1, 3]]
    around = place.var(axis=0, ddof=1)
    mean, covs, _, _ = estimate(
        np.diff(times, prepend=times[0]) / 3600, xy, error, seen, tuple(par),
        np.ones(times.size), smoothing._start(place, Walk(*par), around),
    )  # fmt: skip
    for k, column in enumerate(("mu.x", "nu.x", "mu.y", "nu.y")):
        theirs = table[column].cast(pl.Float64).to_numpy()
        assert np.abs(mean[at, k] - theirs).max() < 1e-3
        sd = table[f"se.{column}"].cast(pl.Float64).to_numpy()
        assert np.abs(np.sqrt(covs[at, k, k]) - sd).max() < 1e-3


def test_our_fit_is_no_worse_than_crawls(crawl):
    time_s, place, cov, par, theirs = crawl["nfs"]
    time_us = time_s.astype(np.int64) * 10**6
    walk, ours = fit_walk(time_us, place, cov, correlated=False)
    assert ours >= theirs - 1e-3
    assert [walk.sigma, walk.beta] == pytest.approx(par, rel=0.02)


def test_simulated_birds_are_found_where_they_were():
    """One seed of the validation, one bird of each of four species; `make validate` does 20."""
    found = argosworld.accuracy([31], argosworld.SCHEDULES["8 h on, 40 h off"], n=4, days=200)
    assert found.median_km <= 0.85
    assert found.rmse_km <= 3.0
    assert 0.93 <= found.within_95 <= 0.98
    assert found.kept >= 0.9


def test_a_fix_far_off_is_not_believed_and_its_place_is_bridged():
    track, covariance = made(1)
    found = smooth(track, covariance, NOISE)
    assert found.weight[15] < 0.02
    others = np.delete(np.arange(60), 15)
    assert np.median(found.weight[others]) > 0.5
    assert distance_m(found.lon, found.lat, track.lon, track.lat)[15] > 100_000


def test_ellipses_there_and_back():
    rng = np.random.default_rng(0)
    minor, angle = rng.uniform(10, 900, 50), rng.uniform(1, 179, 50)
    major = minor * rng.uniform(1.5, 9, 50)
    a, b, direction = ellipse_of(ellipse_covariance_m2(major, minor, angle))
    assert np.allclose(a * np.sqrt(2), major)
    assert np.allclose(b * np.sqrt(2), minor)
    assert np.allclose(direction, angle)


def test_an_excursion_that_no_bird_makes_is_left_out():
    time_us = np.arange(40) * 4 * HOUR_US
    lat = np.where((np.arange(40) >= 20) & (np.arange(40) < 24), 43.0, 45.0)
    track = Track(time_us, np.full(40, 115.0), lat, np.full(40, 1000.0))
    found = smooth(track, np.tile(np.eye(2) * 1e6, (40, 1, 1)), NOISE)
    assert np.abs(found.lat - 45.0).max() < 0.02
    assert found.weight[20:24].max() < 1e-6
    gone = Track(time_us, track.lon, np.where(np.arange(40) >= 20, 43.0, 45.0), track.error_m)
    left = smooth(gone, np.tile(np.eye(2) * 1e6, (40, 1, 1)), NOISE)
    assert np.abs(left.lat - gone.lat).max() < 0.02


@pytest.mark.parametrize(
    ("east_km", "flown_km", "believed"),
    [(35.0, 0.0, True), (45.0, 0.0, False), (120.0, 30.0, True), (250.0, 30.0, False)],
    ids=["as real cranes roam", "beyond that", "a flight with a corner", "astray in mid-flight"],
)
def test_how_far_a_run_may_lie_aside_depends_on_what_was_flown(east_km, flown_km, believed):
    """Four fixes aside of a bird that rests, or flies north by so much a fix, every four hours."""
    n = np.arange(60)
    north_km = flown_km * np.clip(n - 20, 0, 14)
    aside = (n >= 25) & (n < 29)
    track = Track(
        n * 4 * HOUR_US,
        115.0 + east_km * aside / (111.2 * np.cos(np.radians(40.0 + north_km / 111.2))),
        40.0 + north_km / 111.2,
        np.full(60, 300.0),
    )
    found = smooth(track, np.tile(np.eye(2) * 9e4, (60, 1, 1)), NOISE)
    assert bool(found.weight[aside].min() > 1e-6) == believed


def test_a_silence_is_bridged_by_nothing():
    track, covariance = made(3)
    late = Track(track.time_us + 20 * DAY_US, track.lon, track.lat, track.error_m)
    both = Track(*(np.concatenate((getattr(track, c), getattr(late, c)))
                   for c in ("time_us", "lon", "lat", "error_m")))  # fmt: skip
    asked = np.arange(-2, 26) * DAY_US
    found = smooth(both, np.concatenate((covariance, covariance)), NOISE, asked)
    seen = ((asked >= track.time_us[0]) & (asked <= track.time_us[-1])) | (
        (asked >= late.time_us[0]) & (asked <= late.time_us[-1])
    )
    assert np.array_equal(np.isfinite(found.lon), seen)
    assert np.array_equal(np.isfinite(found.covariance_m2).all(axis=(1, 2)), seen)
    apart = smooth(track, covariance, NOISE, asked)
    there = np.isfinite(apart.lon)
    assert (
        distance_m(apart.lon[there], apart.lat[there], found.lon[there], found.lat[there]).max()
        < 1.0
    )


def test_between_fixes_the_doubt_grows():
    track, covariance = made(4)
    gap = int(np.argmax(np.diff(track.time_us)))
    a, b = track.time_us[gap], track.time_us[gap + 1]
    at = np.linspace(a, b, 5).astype(np.int64)
    spread = smooth(track, covariance, NOISE, at).covariance_m2.trace(axis1=1, axis2=2)
    assert spread[2] > max(spread[0], spread[4])
    own = smooth(track, covariance, NOISE)
    again = smooth(track, covariance, NOISE, track.time_us)
    assert np.allclose(own.lon, again.lon)
    assert np.allclose(own.covariance_m2, again.covariance_m2)


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10**6), st.floats(-360, 360), st.sampled_from([0.0, 60.0, 89.0, -89.9]))
def test_place_date_order_and_copies_change_nothing(seed, degrees, lat):
    track, covariance = made(seed, 40, lat=lat)
    found = smooth(track, covariance, NOISE)
    assert np.isfinite(found.lon).all()
    turned = (track.lon + degrees + 180.0) % 360.0 - 180.0
    other = smooth(
        Track(track.time_us - 10**15, turned, track.lat, track.error_m), covariance, NOISE
    )
    back = (other.lon - degrees + 180.0) % 360.0 - 180.0
    assert distance_m(found.lon, found.lat, back, other.lat).max() < 1.0
    assert np.allclose(found.covariance_m2, other.covariance_m2, rtol=1e-3, atol=1.0)
    rng = np.random.default_rng(seed)
    twice = np.concatenate((np.arange(40), rng.integers(0, 40, 9)))
    twice = rng.permutation(twice)
    twice = twice[np.argsort(track.time_us[twice], kind="stable")]
    copies = smooth(track.take(twice), covariance[twice], NOISE)
    assert np.array_equal(copies.lon, found.lon[twice])
    assert np.array_equal(copies.covariance_m2, found.covariance_m2[twice])


@settings(max_examples=12, deadline=None)
@given(
    st.integers(0, 10**6),
    st.tuples(st.floats(-180, 180), st.floats(-90, 90)),
    st.floats(-180, 180),
)
def test_where_on_the_globe_the_bird_is_changes_nothing(seed, axis, degrees):
    """Turned about any axis, with its ellipses: as near as the ellipsoid is to a sphere, 0.7 %."""
    track, covariance = made(seed, 40)
    there = roll(track, axis, degrees)
    north = roll(Track(track.time_us, track.lon, track.lat + 1e-4, track.error_m), axis, degrees)
    _, azimuth = inverse(there.lon, there.lat, north.lon, north.lat)
    cos, sin = np.cos(np.radians(azimuth)), np.sin(np.radians(azimuth))
    turn = np.stack([np.stack([cos, sin], axis=1), np.stack([-sin, cos], axis=1)], axis=1)
    turned = turn @ covariance @ turn.transpose(0, 2, 1)
    turned = (turned + turned.transpose(0, 2, 1)) / 2.0
    here, other = smooth(track, covariance, NOISE), smooth(there, turned, NOISE)
    back = roll(Track(track.time_us, other.lon, other.lat, track.error_m), axis, -degrees)
    corrected = distance_m(track.lon, track.lat, here.lon, here.lat)
    off = distance_m(here.lon, here.lat, back.lon, back.lat)
    assert np.all(off <= 60.0 + 0.02 * corrected)
    assert np.allclose(other.weight, here.weight, rtol=0.1, atol=0.02)
    one, two = (np.linalg.det(found.covariance_m2) for found in (here, other))
    assert np.allclose(two, one, rtol=0.1)


def test_the_pole_and_the_antimeridian_are_places_like_others():
    track, covariance = made(5, 40, lat=0.0)
    over = Track(track.time_us, np.where(np.arange(40) % 2 == 0, 10.0, -170.0), np.full(40, 89.999),
                 track.error_m)  # fmt: skip
    found = smooth(over, covariance, NOISE)
    assert distance_m(found.lon, found.lat, np.zeros(40), np.full(40, 90.0)).max() < 5_000
    pole = Track(track.time_us, np.zeros(40), np.full(40, 90.0), track.error_m)
    assert np.isfinite(smooth(pole, covariance, NOISE).covariance_m2).all()


@pytest.mark.parametrize("n", range(4))
def test_tiny_tracks(n):
    track, covariance = made(0, 40)
    found = smooth(track.take(slice(0, n)), covariance[:n], NOISE)
    assert found.lon.shape == (n,)
    assert np.isfinite(found.covariance_m2).all()


@pytest.mark.parametrize("bad", [0.0, -1.0, np.nan, np.inf])
def test_a_covariance_that_is_none_is_refused(bad):
    track, covariance = made(0, 10)
    covariance[3, 0, 0] = bad
    with pytest.raises(ValueError, match="positive definite"):
        smooth(track, covariance, NOISE)
    with pytest.raises(ValueError, match="2 by 2"):
        smooth(track, covariance[1:], NOISE)
