from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from app.movement.boundaries import OUTSIDE
from app.movement.gaps import GAP_MAX_US
from app.movement.screening import OK, screen
from app.movement.stopovers import find_stays
from app.movement.track import HOUR_US, Track
from app.movement.windows import MIDDLE, contexts, cuts, window
from app.seeds import profile_of
from tests.movement.journeys import fly, join, wrap

CRANE = profile_of("Grus vipio")
seeds = st.integers(0, 2**32 - 1)


def outcome(track):
    """Verdicts, and stays told by their times: all that a window has to reproduce."""
    code = screen(track, CRANE).code
    stays = find_stays(track.take(code == OK), CRANE)
    rows = [
        (
            *(int(getattr(stays, f)[k]) for f in TIMES),
            *(float(getattr(stays, f)[k]) for f in NUMBERS),
            stays.hull[k].tobytes(),
            *stays.arrival_us[k].tolist(),
            *stays.departure_us[k].tolist(),
        )
        for k in range(len(stays))
    ]
    return code, rows


TIMES = (
    "arrival_earliest_us",
    "arrival_latest_us",
    "arrival_open",
    "departure_earliest_us",
    "departure_latest_us",
    "departure_open",
    "n_fixes",
)
NUMBERS = ("lon", "lat", "radius_m", "observed_s", "max_gap_s")


def _trips(rng, track):
    """Degrees of latitude by which a bird is off on days in near and far fields."""
    north = np.zeros(len(track))
    for _ in range(int(rng.choice([0, 4, 12]))):
        out_us = int(rng.choice(track.time_us))
        back_us = out_us + int(rng.uniform(2, 20) * HOUR_US)
        north[(track.time_us >= out_us) & (track.time_us < back_us)] = rng.uniform(0.05, 0.4)
    return north


def ragged(seed):
    """A journey with errors, gaps short and long, doubles, trips, and another pace in places."""
    rng = np.random.default_rng(seed)
    every = int(rng.choice([HOUR_US // 4, HOUR_US // 2, HOUR_US, 2 * HOUR_US]))
    track = fly(seed, stays=4, every_us=every, bad_share=float(rng.choice([0, 0.01])), runs=True)
    track = track.track
    keep = rng.random(len(track)) > float(rng.choice([0.0, 0.2]))
    a = int(rng.integers(0, len(track)))
    keep[a : a + int(rng.integers(0, 60))] = False
    keep[0] = True
    track = track.take(keep)
    track = Track(track.time_us, track.lon, track.lat + _trips(rng, track), track.error_m)
    time_us = track.time_us.copy()
    if rng.random() < 0.4:
        time_us[int(rng.integers(0, len(track))) :] += GAP_MAX_US + 1
    double = rng.integers(0, len(track), int(rng.integers(0, 4)))
    error = rng.choice([20.0, 20.0, 3000.0], len(track)) if rng.random() < 0.3 else track.error_m
    track = Track(time_us, wrap(track.lon + rng.uniform(-180, 180)), track.lat, error)
    twin = track.take(np.sort(double))
    return rng, join(track, Track(twin.time_us, twin.lon, twin.lat * 0.999, twin.error_m))


@settings(max_examples=25, deadline=None)
@given(seeds)
def test_the_pieces_between_cuts_add_up_to_the_whole(seed):
    _, track = ragged(seed)
    code, rows = outcome(track)
    edges = [0, *np.flatnonzero(cuts(track, CRANE)), len(track)]
    pieces = [outcome(track.take(slice(a, b))) for a, b in pairwise(edges)]
    assert np.array_equal(np.concatenate([p[0] for p in pieces]), code)
    assert [row for p in pieces for row in p[1]] == rows


@settings(max_examples=25, deadline=None)
@given(seeds)
def test_a_late_fix_reaches_no_farther_than_its_window(seed):
    rng, track = ragged(seed)
    n_late = int(rng.integers(1, 40))
    first = int(rng.integers(0, len(track) - n_late)) if len(track) > n_late else 0
    late = np.zeros(len(track), dtype=bool)
    late[first : first + n_late] = rng.random(min(n_late, len(track) - first)) < 0.7
    late[first] = True
    before_code, before_rows = outcome(track.take(~late))
    changed = (int(track.time_us[late][0]), int(track.time_us[late][-1]))
    part = window(track, CRANE, changed)
    window_code, window_rows = outcome(track.take(slice(part.start, part.stop)))
    old_start = int((~late[: part.start]).sum())
    old_stop = int((~late[: part.stop]).sum())
    spliced = np.concatenate([before_code[:old_start], window_code, before_code[old_stop:]])
    start_us = track.time_us[part.start]
    stop_us = track.time_us[part.stop] if part.stop < len(track) else np.iinfo(np.int64).max
    rows = [r for r in before_rows if r[1] < start_us] + window_rows
    rows += [r for r in before_rows if r[1] >= stop_us]
    code, whole = outcome(track)
    assert np.array_equal(spliced, code)
    assert rows == whole


@settings(max_examples=30, deadline=None)
@given(seeds)
def test_a_cut_is_decided_by_its_context_alone(seed):
    _, track = ragged(seed)
    lo, hi = contexts(track, CRANE)
    for i in np.flatnonzero(lo >= 0)[:: max(1, int((lo >= 0).sum()) // 5)]:
        piece = track.take(slice(lo[i], hi[i] + 1))
        assert cuts(piece, CRANE)[i - lo[i]]


def test_hidden_fixes_do_not_hinder_a_cut():
    track = fly(3, stays=4).track
    plain = cuts(track, CRANE)
    assert plain.sum() >= 3
    assert not plain[0]
    i = int(np.flatnonzero(plain)[1])
    wild = Track(track.time_us[[i]] - HOUR_US // 3, np.zeros(1), np.zeros(1), np.zeros(1))
    both = join(track, wild)
    assert not cuts(both, CRANE)[i - 5 : i + 5].any()
    hidden = np.zeros(len(both), dtype=bool)
    hidden[i] = True
    assert np.array_equal(cuts(both, CRANE, hidden)[~hidden], plain)


def test_window_says_when_more_must_be_loaded():
    track = fly(3, stays=4).track
    middle = int(track.time_us[len(track) // 2])
    whole = window(track, CRANE, (int(track.time_us[0]), int(track.time_us[-1])))
    assert (whole.start, whole.stop, whole.head, whole.tail) == (0, len(track), True, True)
    part = window(track, CRANE, (middle, middle))
    assert 0 < part.start < len(track) // 2 < part.stop < len(track)
    assert not part.head
    assert not part.tail


def test_boundaries_look_no_farther_than_a_cut_keeps_clear() -> None:
    assert OUTSIDE <= MIDDLE


def test_windows_of_real_cranes_stay_bounded(neasia_cranes):
    days = []
    for track in neasia_cranes.values():
        edges = [0, *np.flatnonzero(cuts(track, profile_of("Grus virgo"))), len(track)]
        span = [track.time_us[b - 1] - track.time_us[a] for a, b in pairwise(edges)]
        days += [s / 86.4e9 for s in span]
    assert len(days) > 1000
    assert max(days) < 185  # a whole summer or winter in one place
    assert np.quantile(days, 0.9) < 5
