from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import assume, given
from hypothesis import strategies as st
from shapely import LineString

from app.movement.lines import DRAW_TOLERANCE_DEG, cut, draw, unwrapped

place = st.tuples(st.integers(-1800, 1800).map(lambda v: v / 10), st.integers(-80, 80))
places = st.lists(place, min_size=2, max_size=12)


def pieces(lines) -> list[list[tuple[float, float]]]:
    return [shapely.get_coordinates(piece).tolist() for piece in lines.geoms]


def by_hand(lon, lat) -> list[list[float]]:
    """Step by step on the shorter way, both sides of each crossing written down."""
    out = [[lon[0], lat[0]]]
    for x1, y1, x2, y2 in zip(lon, lat, lon[1:], lat[1:], strict=False):
        if abs(x2 - x1) > 180:
            edge = 180.0 if x1 > 0 else -180.0
            to_edge, beyond = abs(edge - x1), abs(-edge - x2)
            y = y1 + (y2 - y1) * to_edge / (to_edge + beyond)
            out += [[edge, y], [-edge, y]]
        out.append([x2, y2])
    return out


@given(places)
def test_pieces_follow_the_bird_step_by_step(track):
    lon, lat = (np.array(v, dtype=float) for v in zip(*track, strict=True))
    assume(np.all(np.abs(lon) < 180) and np.all(np.abs(np.diff(lon)) != 180))
    drawn = pieces(cut(LineString(np.column_stack([unwrapped(lon), lat]))))
    np.testing.assert_allclose(np.concatenate(drawn), by_hand(lon, lat), atol=1e-9)


@given(places, st.integers(-3, 3))
def test_turns_of_the_earth_do_not_matter_and_all_longitudes_are_within(track, turns):
    lon, lat = (np.array(v, dtype=float) for v in zip(*track, strict=True))
    line = np.column_stack([unwrapped(lon), lat])
    drawn, turned = cut(LineString(line)), cut(LineString(line + np.array([360.0 * turns, 0.0])))
    assert all(len(piece) >= 2 for piece in pieces(drawn))
    assert shapely.get_coordinates(turned)[:, 0].min() >= -180
    assert shapely.get_coordinates(turned)[:, 0].max() <= 180
    np.testing.assert_allclose(shapely.get_coordinates(turned), shapely.get_coordinates(drawn))


@given(places)
def test_the_way_back_is_the_same_line_backwards_and_no_length_is_lost(track):
    lon, lat = (np.array(v, dtype=float) for v in zip(*track, strict=True))
    assume(np.all(np.abs(lon) < 180))
    line = LineString(np.column_stack([unwrapped(lon), lat]))
    assert cut(line).length == pytest.approx(line.length)
    there, back = pieces(cut(line)), pieces(cut(shapely.reverse(line)))
    assert len(there) == len(back)
    for piece, other in zip(there, reversed(back), strict=True):
        np.testing.assert_allclose(piece, other[::-1], atol=1e-9)


def test_a_bird_to_and_fro_over_the_meridian_keeps_its_order():
    lon, lat = np.array([170.0, -170.0, 170.0, -170.0]), np.array([0.0, 2.0, 2.0, 0.0])
    assert pieces(draw(lon, lat)) == [
        [[170, 0], [180, 1]],
        [[-180, 1], [-170, 2], [-180, 2]],
        [[180, 2], [170, 2], [180, 1]],
        [[-180, 1], [-170, 0]],
    ]


def test_a_way_flown_twice_is_drawn_twice():
    assert pieces(draw(np.array([170.0, -170, 170]), np.array([1.0, 1, 1]), 0.0)) == [
        [[170, 1], [180, 1]],
        [[-180, 1], [-170, 1], [-180, 1]],
        [[180, 1], [170, 1]],
    ]


@pytest.mark.parametrize(
    ("lon", "expected"),
    [
        ([179, 180, 179], [[179, 180, 179]]),
        ([179, -180, 179], [[179, 180, 179]]),
        ([-179, 180, -179], [[-179, -180, -179]]),
        ([179, 180, -180, -179], [[179, 180, 180], [-180, -179]]),
        ([180, -180, 179], [[180, 180, 179]]),
        ([180, -180, -179], [[-180, -180, -179]]),
        ([-180, 180, 180], [[-180, -180, -180]]),
    ],
)
def test_touching_the_meridian_is_no_crossing(lon, expected):
    line = np.column_stack([unwrapped(np.array(lon, dtype=float)), np.arange(len(lon)) ** 2])
    drawn = pieces(cut(LineString(line)))
    assert [[x for x, _ in piece] for piece in drawn] == expected


def test_a_step_simplified_to_more_than_a_turn_is_cut_at_each_crossing():
    drawn = pieces(cut(LineString([(0, 0), (720, 72)])))
    assert drawn == [[[0, 0], [180, 18]], [[-180, 18], [180, 54]], [[-180, 54], [0, 72]]]


@given(places, st.sampled_from([0.0, DRAW_TOLERANCE_DEG, 1.0, 30.0]))
def test_no_fix_lies_farther_off_than_the_tolerance_and_the_ends_stay(track, tolerance):
    lon, lat = (np.array(v, dtype=float) for v in zip(*track, strict=True))
    drawn = draw(lon, lat, tolerance)
    near = [shapely.distance(drawn, shapely.points(lon + turn, lat)) for turn in (-360, 0, 360)]
    far = np.min(near, axis=0)
    assert far.max() <= tolerance + 1e-9
    ends = pieces(drawn)
    for found, i in ((ends[0][0], 0), (ends[-1][-1], -1)):
        assert found[1] == lat[i]
        assert abs((found[0] - lon[i] + 180) % 360 - 180) < 1e-9


def test_a_bird_that_never_moved_is_a_line_of_no_length():
    assert pieces(draw(np.full(5, 127.5), np.full(5, 38.0))) == [[[127.5, 38], [127.5, 38]]]
