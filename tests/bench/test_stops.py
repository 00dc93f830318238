"""Our stop kernel against MovingPandas' detector, in turns on the same tracks.

Run by `make bench`; it prints figures and asserts none.
A: `movingpandas.TrajectoryStopDetector(...).get_stop_time_ranges(...)`, the trajectory made before.
B: `app.movement.stops.find_stops(...)`.
"""

from __future__ import annotations

import statistics
import time
from datetime import timedelta

import movingpandas
import numpy as np
import pytest

from app.movement.compat import trajectory
from app.movement.stops import FRESH, StopRule, extend_stops, find_stops
from app.movement.track import HOUR_US

ROUNDS = 3
FIXES = 10_000
RULES = {"1 km, 3 h": StopRule(), "20 km, 24 h": StopRule(20_000.0, 24 * HOUR_US)}
GOALS = {"1 km, 3 h": 250, "20 km, 24 h": 3_000}
APPENDED = 20_000


def crane(n: int, seed: int = 0):
    """Give a crane with 10-minute fixes: weeks at a place, roosting by night, then a flight."""
    rng = np.random.default_rng(seed)
    lon, lat = np.empty(n), np.empty(n)
    place, i, south = np.array([120.0, 40.0]), 0, 1
    while i < n:
        stay = min(int(rng.integers(300, 2_500)), n - i)
        roosting = (np.arange(stay) % 144) < 60
        reach = np.where(roosting, 0.0005, 0.01)
        lon[i : i + stay] = place[0] + rng.normal(0, reach)
        lat[i : i + stay] = place[1] + rng.normal(0, reach)
        i += stay
        flight = min(int(rng.integers(20, 80)), n - i)
        way = place + np.cumsum(
            rng.normal([0.02 * south, -0.02 * south], 0.05, (flight, 2)), axis=0
        )
        lon[i : i + flight], lat[i : i + flight] = way.T
        place = way[-1] if flight else place
        i, south = i + flight, -south
    assert np.abs(lat).max() < 80
    assert np.abs(lon).max() < 180
    return np.arange(n) * (HOUR_US // 6), lon, lat


def timed(act) -> float:
    started = time.perf_counter()
    act()
    return time.perf_counter() - started


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", RULES)
def test_stops_against_movingpandas(name, capsys):
    rule, track = RULES[name], crane(FIXES)
    limits = rule.max_diameter_m, timedelta(microseconds=rule.min_duration_us)
    find_stops(*crane(500), rule)
    peer = movingpandas.TrajectoryStopDetector(trajectory("crane", *track))
    theirs, ours = [], []
    for _ in range(ROUNDS):
        theirs.append(timed(lambda: peer.get_stop_time_ranges(*limits)))
        ours.append(min(timed(lambda: find_stops(*track, rule)) for _ in range(5)))
    ratio = statistics.median(a / b for a, b in zip(theirs, ours, strict=True))
    with capsys.disabled():
        print(f"\nstops at {name}, {FIXES:,} fixes, {ROUNDS} turns")
        print(f"  MovingPandas {FIXES / statistics.median(theirs):>14,.0f} fixes/s (median)")
        print(f"  ours         {FIXES / statistics.median(ours):>14,.0f} fixes/s (median)")
        print(f"  ratio        {ratio:>14,.0f} (goal {GOALS[name]:,})")


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", RULES)
def test_stops_grow_with_the_track(name, capsys):
    rule, short, long = RULES[name], crane(100_000), crane(1_000_000)
    find_stops(*crane(500), rule)
    ratios = [
        timed(lambda: find_stops(*long, rule)) / timed(lambda: find_stops(*short, rule))
        for _ in range(ROUNDS)
    ]
    with capsys.disabled():
        print(f"\nstops at {name}: 1,000,000 fixes take {statistics.median(ratios):.1f} times")
        print("  as long as 100,000 (goal <= 11)")


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", RULES)
def test_one_more_fix(name, capsys):
    rule, track = RULES[name], crane(APPENDED)
    state, taken = FRESH, []
    for k in range(APPENDED):
        piece = [column[k : k + 1] for column in track]
        started = time.perf_counter()
        _, state = extend_stops(state, *piece, rule)
        taken.append(time.perf_counter() - started)
    half, most = np.percentile(np.array(taken[100:]) * 1e6, (50, 99))
    with capsys.disabled():
        print(f"\none more fix at {name}: median {half:.0f} us, p99 {most:.0f} us (goal <= 250)")
