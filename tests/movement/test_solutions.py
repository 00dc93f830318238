"""Which solution of an Argos pass stands: real choices, and what must hold of any track."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.movement.argos import class_error_m
from app.movement.solutions import NEIGHBOURS, PASS_US, reach, second_is_true
from app.movement.track import Track

BRANT = "telemetry/argos_brant_2002/Brant Geese Sean Boyd 2002.csv"
MINUTE_US = 60_000_000


@pytest.fixture(scope="module")
def brant(shared_data: Path) -> pl.DataFrame:
    """5,638 passes of ten geese; `second` tells those that Movebank's filter put at solution 2."""
    solutions = [f"argos:{axis}{n}" for n in (1, 2) for axis in ("lon", "lat")]
    rows = pl.read_csv(shared_data / BRANT, infer_schema=False)
    return rows.select(
        pl.col("tag-local-identifier").alias("tag"),
        pl.col("timestamp").str.to_datetime(time_unit="us").dt.timestamp("us").alias("time_us"),
        pl.col("argos:lc").alias("argos_class"),
        pl.col(solutions).cast(pl.Float64).name.map(lambda name: name.removeprefix("argos:")),
        second=pl.col("argos:valid-location-algorithm") == "2",
    ).sort("tag", "time_us")


def chosen(goose: pl.DataFrame) -> np.ndarray:
    classes = goose["argos_class"].to_numpy().astype(str)
    track = Track(
        goose["time_us"].to_numpy(),
        goose["lon1"].to_numpy(),
        goose["lat1"].to_numpy(),
        class_error_m(classes),
    )
    second = goose["lon2"].to_numpy(), goose["lat2"].to_numpy()
    return second_is_true(track, *second, classes != "Z")


def test_geese_are_where_movebank_put_them(brant: pl.DataFrame) -> None:
    """Of 96 passes at solution 2 we find 94 (of 39 beside class Z all), and no other one."""
    found = np.concatenate(
        [chosen(goose) for _, goose in brant.group_by("tag", maintain_order=True)]
    )
    true = brant["second"].to_numpy()
    right = int((found & true).sum())
    assert (brant.height, int(true.sum())) == (5_638, 96)
    assert right / true.sum() >= 0.97
    assert right / found.sum() >= 0.98
    placed = (brant["argos_class"] != "Z").to_numpy()
    assert bool((found[placed] == true[placed]).all())


@st.composite
def passes(draw) -> tuple[Track, np.ndarray, np.ndarray, np.ndarray]:
    """A few passes in time order, some at one time, some without mirror, some no witness."""
    n = draw(st.integers(1, 24))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    gaps = rng.choice([0, 7, 15, 40, 300], n)
    track = Track(
        np.cumsum(gaps) * MINUTE_US,
        rng.uniform(-180, 180, n) if rng.random() < 0.2 else rng.normal(100, 3, n),
        rng.normal(50, 3, n),
        rng.choice([20.0, 500.0, 10_000.0], n),
    )
    mirrored = rng.random(n) < 0.7
    return (
        track,
        np.where(mirrored, rng.uniform(-180, 180, n), np.nan),
        np.where(mirrored, rng.uniform(-89, 89, n), np.nan),
        rng.random(n) < 0.8,
    )


@given(passes())
def test_solutions_in_each_others_place_are_chosen_the_other_way_round(drawn) -> None:
    track, lon2, lat2, witness = drawn
    mirrored = np.isfinite(lon2)
    turned = Track(
        track.time_us,
        np.where(mirrored, lon2, track.lon),
        np.where(mirrored, lat2, track.lat),
        track.error_m,
    )
    other = np.where(mirrored, track.lon, np.nan), np.where(mirrored, track.lat, np.nan)
    one = second_is_true(track, lon2, lat2, witness)
    two = second_is_true(turned, *other, witness)
    assert not (one & two).any()
    assert not one[~mirrored].any()


@given(passes(), st.randoms(use_true_random=False))
def test_fixes_of_one_time_may_stand_in_any_order(drawn, shuffle) -> None:
    track, lon2, lat2, witness = drawn
    order = list(range(len(track)))
    shuffle.shuffle(order)
    order = np.array(sorted(order, key=lambda i: track.time_us[i]), dtype=np.int64)
    there = second_is_true(track.take(order), lon2[order], lat2[order], witness[order])
    assert (there == second_is_true(track, lon2, lat2, witness)[order]).all()


@given(passes(), st.data())
def test_a_late_fix_turns_nothing_beyond_its_reach(drawn, data) -> None:
    track, lon2, lat2, witness = drawn
    late = data.draw(st.integers(0, len(track) - 1))
    before = np.delete(np.arange(len(track)), late)
    when = int(track.time_us[late])
    whole = second_is_true(track, lon2, lat2, witness)
    without = second_is_true(track.take(before), lon2[before], lat2[before], witness[before])
    found = reach(track.time_us, witness, (when, when))
    moved = track.time_us[before][without != whole[before]]
    assert ((moved >= found.first_us) & (moved <= found.last_us)).all()


@given(passes(), st.data())
def test_a_window_with_enough_around_it_gives_the_same_as_the_whole(drawn, data) -> None:
    track, lon2, lat2, witness = drawn
    a, b = sorted(data.draw(st.tuples(*[st.integers(0, len(track))] * 2)))
    if a == b:
        return
    # As the database gives them: all fixes between two times.
    time_us = track.time_us
    part = (time_us >= time_us[a]) & (time_us <= time_us[b - 1])
    when = int(time_us[data.draw(st.integers(a, b - 1))])
    found = reach(time_us[part], witness[part], (when, when))
    if (found.head and not part[0]) or (found.tail and not part[-1]):
        return
    asked = (time_us >= found.first_us) & (time_us <= found.last_us)
    assert not (asked & ~part).any()
    window = second_is_true(track.take(part), lon2[part], lat2[part], witness[part])
    assert (window[asked[part]] == second_is_true(track, lon2, lat2, witness)[asked]).all()


def test_records_of_one_pass_are_no_witnesses_of_each_other() -> None:
    """A mirror is as coherent with its like as the truth: only other passes can tell."""
    times = np.array([0, 100, 200, 300, 301, 400, 500, 600]) * MINUTE_US
    lon = np.where(np.isin(times, times[3:5]), 40.0, 10.0)
    lon2 = np.where(lon == 40.0, 10.0, np.nan)
    track = Track(times, lon, np.full(8, 60.0), np.full(8, 1_000.0))
    lat2 = np.where(np.isfinite(lon2), 60.0, np.nan)
    found = second_is_true(track, lon2, lat2, np.ones(8, dtype=bool))
    assert np.flatnonzero(found).tolist() == [3, 4]
    assert times[4] - times[3] < PASS_US
    assert NEIGHBOURS == 3
