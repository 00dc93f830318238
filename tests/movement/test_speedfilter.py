import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.movement.speedfilter import (
    END_LOCATION,
    KEPT,
    REMOVED,
    VERDICTS,
    speed_angle_filter,
    speed_filter,
)
from app.movement.track import HOUR_US

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("FLYWAYS_TEST_DATA", ROOT / ".." / "shared" / "data"))
SEAL = DATA.parent / "reference" / "argosfilter"
SETTINGS = {
    "vmask_v2": {"speed_max_m_s": 2.0},
    "vmask_v1": {"speed_max_m_s": 1.0},
    "sda_default": {},
    "sda_v2_noang": {"angle_deg": (-1.0,), "leg_m": (0.0,)},
    "sda_v1_5": {"speed_max_m_s": 1.5},
    "sda_v3_a": {
        "speed_max_m_s": 3.0,
        "angle_deg": (10.0, 20.0, 30.0),
        "leg_m": (1000.0, 3000.0, 8000.0),
    },
}


@pytest.fixture(scope="module")
def seal():
    if not SEAL.exists():
        pytest.skip("shared reference absent")
    table = pl.read_csv(SEAL / "seal_input.csv", schema_overrides={"lc": pl.String})
    time_us = (table["time"].to_numpy() * 1e6).astype(np.int64)
    return (time_us, *(table[c].to_numpy() for c in ("lon", "lat", "lc")))


@pytest.mark.parametrize("name", SETTINGS)
def test_every_flag_is_argosfilters(seal, name):
    theirs = pl.read_csv(SEAL / "seal_output.csv")[name].to_list()
    if name.startswith("vmask"):
        code = speed_filter(*seal[:3], **SETTINGS[name])
    else:
        code = speed_angle_filter(*seal, **SETTINGS[name])
    ours = [VERDICTS[c].replace("kept", "not") for c in code]
    assert ours == theirs
    assert ours.count("removed") > 200


# The rules again, round by round over the whole track, with none of the kernels' lists.


def far_m(lon, lat, i, j):
    a, b = np.radians(lat[i]), np.radians(lat[j])
    cosine = np.sin(a) * np.sin(b) + np.cos(a) * np.cos(b) * np.cos(np.radians(lon[j] - lon[i]))
    return np.where(cosine >= 1, 0.0, np.degrees(np.arccos(np.clip(cosine, -1, 1))) * 111_120.0)


def plain_speed(time_us, lon, lat, limit):
    left = np.arange(time_us.size)
    while left.size > 4:
        i = left[2:-2]
        total = np.zeros(i.size)
        for k in (-2, -1, 1, 2):
            j = left[2 + k : left.size - 2 + k]
            total += (far_m(lon, lat, i, j) / (np.abs(time_us[j] - time_us[i]) / 1e6 + 1)) ** 2
        v = np.concatenate(([0, 0], np.sqrt(total / 4), [0, 0]))
        peak = np.zeros(left.size, dtype=bool)
        peak[1:-1] = (v[1:-1] > limit) & (v[1:-1] >= v[:-2]) & (v[1:-1] >= v[2:])
        if not peak.any():
            break
        left = left[~peak]
    return np.setdiff1d(np.arange(time_us.size), left)


def bearing(lon, lat, i, j):
    a, b, across = np.radians(lat[i]), np.radians(lat[j]), np.radians(lon[j] - lon[i])
    north = np.cos(a) * np.sin(b) - np.sin(a) * np.cos(b) * np.cos(across)
    return np.degrees(np.arctan2(np.sin(across) * np.cos(b), north))


def plain_spikes(lon, lat, left, rules):
    while left.size > 2:
        i, a, b = left[1:-1], left[:-2], left[2:]
        shorter = np.minimum(far_m(lon, lat, a, i), far_m(lon, lat, i, b))
        turn = np.abs(bearing(lon, lat, i, a) - bearing(lon, lat, i, b))
        angle = np.where(turn > 180, 360 - turn, turn)
        spiky = np.zeros(i.size, dtype=bool)
        for limit, leg in rules:
            spiky |= (angle < limit) & (shorter > leg)
        if not (spiky & (shorter > 0)).any():
            break
        left = np.concatenate((left[:1], i[~spiky], left[-1:]))
    return left


def plain_sda(time_us, lon, lat, lc, limit, rules):
    n = time_us.size
    gone = plain_speed(time_us, lon, lat, limit)
    before = np.append(0.0, far_m(lon, lat, np.arange(n - 1), np.arange(1, n)))
    left = np.setdiff1d(np.flatnonzero(lc != "Z"), gone[before[gone] > 5000])
    left = plain_spikes(lon, lat, left, rules)
    code = np.full(n, REMOVED)
    code[left] = KEPT
    code[:2] = code[-2:] = END_LOCATION
    return code


def messy(seed, n):
    """A track with spikes, runs, twins, repeats and class Z."""
    rng = np.random.default_rng(seed)
    time_us = np.sort(rng.integers(0, max(n, 1) * HOUR_US, n))
    time_us[rng.random(n) < 0.05] = time_us[0] if n else 0
    lon, lat = 120 + rng.normal(0, 0.02, n).cumsum(), 45 + rng.normal(0, 0.02, n).cumsum()
    wild = rng.random(n) < 0.2
    lon[wild] += rng.normal(0, 3, wild.sum())
    lat[wild] += rng.normal(0, 2, wild.sum())
    twin = np.flatnonzero(rng.random(n) < 0.1)
    lon[twin], lat[twin] = lon[twin - 1], lat[twin - 1]
    return np.sort(time_us), lon, lat, rng.choice(["3", "B", "Z"], n, p=[0.5, 0.45, 0.05])


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(5, 200), st.sampled_from([2.0, 10.0, 35.0]))
def test_lists_of_neighbours_change_nothing(seed, n, limit):
    track = messy(seed, n)
    code = speed_angle_filter(*track, speed_max_m_s=limit)
    assert np.array_equal(code, plain_sda(*track, limit, ((15.0, 2500.0), (25.0, 5000.0))))
    removed = np.flatnonzero(speed_filter(*track[:3], limit) == REMOVED)
    assert np.array_equal(removed, plain_speed(*track[:3], limit))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 10**13),
            st.sampled_from([-180.0, 180.0, 0.0, 120.0, 120.0 + 1e-9]),
            st.sampled_from([90.0, -90.0, 0.0, 40.0, 40.0 + 1e-9]),
        ),
        max_size=30,
    )
)
def test_no_track_is_too_odd(rows):
    rows.sort()
    time_us, lon, lat = (
        np.array([r[k] for r in rows], dtype=t) for k, t in enumerate((int, float, float))
    )
    code = speed_angle_filter(time_us, lon, lat, np.full(len(rows), "1"), speed_max_m_s=30.0)
    assert code.shape == (len(rows),)
    assert (code[:2] == END_LOCATION).all()


def test_due_north_with_a_hair_of_longitude():
    """argosfilter 0.70 ends in an error here: a cosine of 1 + 2e-16."""
    n = 200
    lon = 120 + np.random.default_rng(1).random(n) * 1e-9
    code = speed_angle_filter(
        np.arange(n) * HOUR_US, lon, np.linspace(40, 60, n), np.full(n, "3"), speed_max_m_s=30.0
    )
    assert (code[2:-2] == KEPT).all()


def test_pairs_that_are_none_are_refused():
    with pytest.raises(ValueError, match="pairs"):
        speed_angle_filter(*messy(0, 9), leg_m=(1.0,))
