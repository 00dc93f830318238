import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.movement.compat import peer_kept
from app.movement.outliers import outlier_cleaner
from app.movement.track import HOUR_US


def track(seed, n, bad=0.05):
    rng = np.random.default_rng(seed)
    time_us = np.unique(rng.integers(0, n * 3600, n)) * 1_000_000
    n = time_us.size
    lon, lat = (0.02 * rng.normal(size=n).cumsum() + middle for middle in (120, 45))
    wild = rng.random(n) < bad
    lon[wild] += rng.normal(0, 3, wild.sum())
    return time_us, np.clip(lon, -179, 179), np.clip(lat, -89, 89)


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 60), st.sampled_from([None, 0.5, 2.0, 35.0]))
def test_the_same_fixes_are_kept(seed, n, limit):
    time_us, lon, lat = track(seed, n)
    if time_us.size < 2:
        return
    ours = time_us[outlier_cleaner(time_us, lon, lat, limit)]
    assert np.array_equal(ours, peer_kept(time_us, lon, lat, limit))


def test_a_speed_at_the_limit_is_measured_on_the_ellipsoid():
    time_us, lon, lat = np.arange(40) * HOUR_US, np.linspace(120, 130, 40), np.full(40, 50.0)
    lon[1::2] += 1e-9
    for limit in np.nextafter(5.1, [5, 6]):
        ours = time_us[outlier_cleaner(time_us, lon, lat, float(limit))]
        assert np.array_equal(ours, peer_kept(time_us, lon, lat, float(limit)))
    steps = outlier_cleaner(time_us, lon, lat, 5.0979)
    assert np.array_equal(time_us[steps], peer_kept(time_us, lon, lat, 5.0979))


def test_a_wrong_first_fix_stays_and_tiny_tracks_do():
    time_us, lon, lat = track(3, 30, bad=0.0)
    lon[0] += 50.0
    assert outlier_cleaner(time_us, lon, lat, 1.0)[0]
    for n in (0, 1):
        assert outlier_cleaner(time_us[:n], lon[:n], lat[:n]).tolist() == [True] * n
    with pytest.raises(ValueError, match="increase"):
        outlier_cleaner(np.zeros(3, dtype=np.int64), lon[:3], lat[:3])
