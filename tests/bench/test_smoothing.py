"""Filters and smoothing of Argos tracks against the programs of the field.

Run by `make bench`; it prints figures and asserts none. Times of R programs are those of the shared
reference (CPU seconds on another day, so that their ratios say the order of magnitude alone).
A: argosfilter::sdafilter; crawl::crwMLE and crwPredict; `movingpandas.OutlierCleaner(...).clean()`.
B: `speed_angle_filter(...)`; `smooth(...)`; `outlier_cleaner(...)`.
"""

from __future__ import annotations

import json
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from app.movement.argos import ellipse_covariance_m2
from app.movement.compat import peer_kept
from app.movement.outliers import outlier_cleaner
from app.movement.smoothing import fit_walk, smooth
from app.movement.speedfilter import speed_angle_filter
from app.movement.track import HOUR_US, Track
from app.seeds import noise_of

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("FLYWAYS_TEST_DATA", ROOT / ".." / "shared" / "data"))
REFERENCE = DATA.parent / "reference"
ROUNDS = 3


def wandering(n: int, seed: int = 42) -> tuple[Track, np.ndarray]:
    """Fixes of a random walk with t errors, as those the R programs were timed on."""
    rng = np.random.default_rng(seed)
    lat, lon = 45 + rng.normal(0, 0.01, n).cumsum(), 120 + rng.normal(0, 0.01, n).cumsum()
    lat, lon = (v + 0.01 * rng.standard_t(3, n) for v in (lat, lon))
    time_us = (rng.exponential(1.0, n).cumsum() * HOUR_US).astype(np.int64)
    lat = 45 + (lat - 45) / max(1.0, np.abs(lat - 45).max() / 40)
    track = Track(time_us, (lon + 180) % 360 - 180, lat, np.full(n, 1000.0))
    minor = rng.uniform(200, 800, n)
    return track, ellipse_covariance_m2(minor * 4, minor, rng.uniform(0, 180, n))


def cpu_s(act: Callable[[], object]) -> float:
    act()  # whatever has to be compiled
    taken = []
    for _ in range(ROUNDS):
        started = time.process_time()
        act()
        taken.append(time.process_time() - started)
    return statistics.median(taken)


def sda(track: Track) -> object:
    lc = np.full(len(track), "1")
    return speed_angle_filter(track.time_us, track.lon, track.lat, lc, speed_max_m_s=20.0)


def theirs(program: str, what: str) -> float:
    if not REFERENCE.exists():
        pytest.skip("shared reference absent")
    found = json.loads((REFERENCE / program / "timing.json").read_text())[what]
    return float(found["cpu_s"] if isinstance(found, dict) else found)


@pytest.mark.timeout(600)
def test_the_speed_and_angle_filter(capsys):
    peer = theirs("argosfilter", "scaling sdafilter n = 20000")
    tracks = {n: wandering(n)[0] for n in (20_000, 100_000, 1_000_000)}
    ours = {n: cpu_s(lambda n=n: sda(tracks[n])) for n in tracks}
    with capsys.disabled():
        print(f"\nspeed and angle filter, 20,000 fixes: argosfilter {peer:.1f} s", end="")
        print(f", ours {ours[20_000]:.4f} s, ratio {peer / ours[20_000]:,.0f} (goal 1,000)")
        print(f"  1,000,000 fixes {ours[1_000_000]:.2f} s (goal < 5)", end="")
        print(f", {ours[1_000_000] / ours[100_000]:.1f} times as long as 100,000")


@pytest.mark.timeout(600)
def test_smoothing(capsys):
    fit = theirs("crawl", "crawl crwMLE fur seal n=795")
    noise, (track, covariance) = noise_of("grus_grus"), wandering(29_000)
    some = slice(0, 795)
    place = np.stack((track.lon, track.lat), axis=1)[some] * 80_000
    fitted = cpu_s(lambda: fit_walk(track.time_us[some], place, covariance[some]))
    long = cpu_s(lambda: smooth(track, covariance, noise))
    tenth = cpu_s(lambda: smooth(track.take(slice(0, 2_900)), covariance[:2_900], noise))
    with capsys.disabled():
        print(f"\nmaximum likelihood, 795 fixes: crawl {fit:.2f} s, ours {fitted:.3f} s", end="")
        print(f", ratio {fit / fitted:,.1f}")
        print(f"  smoothing with t tails, 29,000 fixes {long:.2f} s (goal <= 4)", end="")
        print(f", {long / tenth:.1f} times as long as 2,900; aniMotum took 37.6 s")


@pytest.mark.timeout(600)
def test_the_outlier_cleaner(capsys):
    track, _ = wandering(20_000)
    one = track.take(np.unique(track.time_us, return_index=True)[1])
    columns = one.time_us, one.lon, one.lat
    peer = cpu_s(lambda: peer_kept(*columns, 20.0))
    ours = min(cpu_s(lambda: outlier_cleaner(*columns, 20.0)) for _ in range(5))
    same = np.array_equal(one.time_us[outlier_cleaner(*columns, 20.0)], peer_kept(*columns, 20.0))
    with capsys.disabled():
        print(f"\noutlier cleaner, {len(one):,} fixes: MovingPandas {peer:.2f} s", end="")
        print(f", ours {ours:.5f} s, ratio {peer / ours:,.0f} (goal 500), equal: {same}")
