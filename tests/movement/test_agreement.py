"""The comparison with MovingPandas itself: what is kept, and that a difference is found."""

from __future__ import annotations

import numpy as np

from app.movement.stops import StopRule, find_stops
from app.movement.track import HOUR_US

from . import agreement
from .agreement import RANDOM_FIXES, Kept, Verdict, roughen, wander

RULE = StopRule(1_000.0, 3 * HOUR_US)


def resting(n: int = 12) -> agreement.Fixes:
    return np.arange(n) * HOUR_US, np.full(n, 120.0), np.full(n, 40.0)


def test_what_movingpandas_said_is_asked_once(tmp_path, monkeypatch):
    fixes, told = resting(), agreement.ask(resting(), RULE)
    asked = []
    monkeypatch.setattr(agreement, "ask", lambda *about: asked.append(about) or told)
    for _ in range(2):  # another process finds it too
        stops, centre = Kept(tmp_path / "said.sqlite")(fixes, RULE)
        assert stops.tolist() == told[0].tolist() == [[0, 11 * HOUR_US]]
        assert centre.tolist() == told[1].tolist()
    assert len(asked) == 1
    kept = Kept(tmp_path / "said.sqlite")
    kept(fixes, StopRule(1_000.0, 4 * HOUR_US))
    kept((fixes[0], fixes[1] + 1e-9, fixes[2]), RULE)
    assert len(asked) == 3


def test_a_track_without_stops_is_kept_too(tmp_path):
    n = 5
    fixes = np.arange(n) * HOUR_US, 120.0 + np.arange(n), np.full(n, 40.0)
    for _ in range(2):
        stops, centre = Kept(tmp_path / "said.sqlite")(fixes, RULE)
        assert stops.shape == centre.shape == (0, 2)


def test_a_stop_that_is_not_the_same_is_counted():
    honest = agreement.ask(resting(), RULE)
    for told, identical in (
        (honest, True),
        ((honest[0] + 1, honest[1]), False),
        ((honest[0], honest[1] + 1e-6), False),
        ((honest[0][:0], honest[1][:0]), False),
    ):
        verdict = Verdict(lambda *_, told=told: told)
        verdict.add(resting(), RULE)
        assert (verdict.tracks, verdict.identical) == (1, identical)


def test_random_tracks_have_all_that_tags_do_and_ascending_times():
    rng = np.random.default_rng(5)
    tracks = [roughen(rng, wander(rng, RANDOM_FIXES)) for _ in range(40)]
    assert all(np.all(np.diff(time_us) > 0) for time_us, *_ in tracks)
    assert any(len(time_us) < RANDOM_FIXES for time_us, *_ in tracks)  # equal times
    assert any(np.diff(time_us).max() > 24 * HOUR_US for time_us, *_ in tracks)
    assert any(np.any((np.diff(lon) == 0) & (np.diff(lat) == 0)) for _, lon, lat in tracks)
    assert any(np.abs(np.diff(lat)).max() > 10 for *_, lat in tracks)


def test_a_rectangle_that_leaves_fixes_out_is_no_difference_of_ours(shared_data):
    """A Demoiselle Crane flew off by 80 km, and GEOS draws a rectangle of 200 m around it all."""
    rule = agreement.RULES[2]
    (path,) = shared_data.rglob("cranes_guo_2018_2019.csv*")
    (bird,) = (each for each in agreement.birds_of(path) if len(each[0]) == 1_548)
    fixes = tuple(column[:620] for column in bird)
    ours, (theirs, _) = find_stops(*fixes, rule), agreement.ask(fixes, rule)
    assert theirs[0, 1] > ours[0, 1]
    verdict = Verdict()
    verdict.add(fixes, rule)
    assert (verdict.misread, verdict.tracks, verdict.different) == (1, 0, 0)
    shifted = theirs.copy()
    shifted[0, 1] = ours[0, 0] + HOUR_US
    assert not agreement.misread(fixes, ours, shifted)
    assert not agreement.misread(fixes, ours, ours)
