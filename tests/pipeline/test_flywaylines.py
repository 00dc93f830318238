from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
import shapely

from app.movement.track import DAY_US, HOUR_US, Track
from app.movement.ways import lay_way
from app.pipeline.flywaylines import flights, journeys, line_rows
from app.store.ways import packed
from app.store.windows import instant
from tests.store.flock import DAY, START


def leg(bird=1, number=0, ends=(1, 2), kinds=("wintering", "staging"), gap_days=0, **more):
    """Give a leg of ten hours northward, the second half after a silence."""
    lat = 30.0 + 5 * number + 0.5 * np.arange(11)
    hours = np.arange(11) * HOUR_US + np.where(np.arange(11) > 5, gap_days * DAY_US, 0)
    start = int(START.timestamp()) * 1_000_000 + 10 * number * DAY_US
    way = lay_way(Track(start + hours, np.full(11, 120.0), lat, np.full(11, 10.0)))
    return {
        "individual_id": bird, "season": "2020-spring", "departure_time": instant(start),
        "from_stopover": ends[0], "to_stopover": ends[1], "from_kind": kinds[0],
        "to_kind": kinds[1], "positions": packed(way), "cells": way.cells.tobytes(), **more,
    }  # fmt: skip


def whole(bird=1, **more):
    return [
        leg(bird, 0, (1, 2), **more),
        leg(bird, 1, (2, 3), ("staging", "breeding")),
    ]


def test_a_migration_is_put_together_from_its_legs_whatever_their_order() -> None:
    legs = whole()
    [one] = journeys(legs[::-1])
    assert (one.individual, one.year) == (1, 2020)
    assert one.length_m == pytest.approx(10 * 111_195, rel=0.01)
    assert timedelta(microseconds=float(np.ptp(one.time_us))) == 10 * DAY + timedelta(hours=10)


@pytest.mark.parametrize(
    "legs",
    [
        [leg(kinds=("wintering", "staging"))],  # not yet home
        [leg(kinds=("unknown", "breeding"))],
        [leg(kinds=("breeding", "breeding"))],
        [leg(0, 0, (1, 2)), leg(0, 1, (5, 6), ("staging", "breeding"))],  # a leg is missing
        [leg(0, 0, (1, None)), leg(0, 1, (None, 6), ("staging", "breeding"))],
        [leg(kinds=("wintering", "breeding"), positions=None, cells=None)],  # none was seen
    ],
)
def test_what_was_not_seen_whole_is_no_journey(legs) -> None:
    assert journeys(legs) == []
    assert [row["part"] for row in line_rows(legs)] == []


def test_a_silence_is_drawn_from_where_the_bird_was_last_to_where_it_was_next() -> None:
    route, silent = line_rows([*whole(gap_days=8), *whole(2)])
    assert (route["part"], route["n_birds"], route["n_passages"]) == ("route", 2, 2)
    assert (silent["part"], silent["n_birds"], silent["n_passages"]) == ("unobserved", 1, 1)
    drawn = shapely.from_wkb(silent["geom"])
    assert shapely.get_coordinates(drawn).tolist() == [[120.0, 32.5], [120.0, 33.0]]


def test_flights_are_of_each_bird_what_was_seen_of_it() -> None:
    found = dict(flights([*whole(gap_days=8), *whole(2)]))
    seen = {bird: cells[:, 2].sum() for bird, cells in found.items()}
    assert seen[2] == pytest.approx(10 * 111_000, rel=0.01)
    assert seen[2] - seen[1] == pytest.approx(0.5 * 111_000, rel=0.01)
