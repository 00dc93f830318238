"""Corrections laid over computed rows: nothing overlaps, nothing hangs on order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from app.pipeline.observed import (
    SEASON,
    STOPOVER,
    labelled,
    named_once,
    observe,
    season_as,
    stopover_as,
)

START = datetime(2024, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def hours(n: float) -> datetime:
    return START + n * HOUR


def season(name: str, start: int, end: int) -> dict:
    return {"season": name, "start_time": hours(start), "end_time": hours(end), "basis": "track",
            "observation_id": None}  # fmt: skip


def stay(start: int, end: int, **more) -> dict:
    return {
        "arrival_time_latest": hours(start), "arrival_time_earliest": hours(start - 0.2),
        "departure_time_earliest": hours(end), "departure_time_latest": hours(end + 0.2),
        "arrival_time_p05": hours(start - 0.1), "arrival_time": hours(start),
        "arrival_time_p95": hours(start + 0.1), "departure_time_p05": None,
        "departure_time": None, "departure_time_p95": None,
        "arrival_open": False, "departure_open": False, "kind": "stopover", "season": None,
        "basis": "track", "observation_id": None, "site_named": None, **more,
    }  # fmt: skip


def said(number: int, about: tuple[int, int], **said) -> dict:
    return {"id": number, "about_start": hours(about[0]), "about_end": hours(about[1]),
            "said": {k: v.isoformat() if isinstance(v, datetime) else v for k, v in said.items()},
            }  # fmt: skip


SPAN = st.tuples(st.integers(0, 100), st.integers(1, 40)).map(lambda t: (t[0], t[0] + t[1]))


@st.composite
def lives(draw) -> list[dict]:
    edges = sorted(draw(st.sets(st.integers(0, 120), min_size=2, max_size=12)))
    return [stay(a, b) for a, b in pairwise(edges)][:: draw(st.integers(1, 2))]


@st.composite
def corrections(draw) -> list[dict]:
    out = []
    for number in range(draw(st.integers(0, 5))):
        values = {}
        if draw(st.booleans()):
            values["arrival_time"] = hours(draw(st.integers(0, 130)))
        if draw(st.booleans()):
            values["departure_time"] = hours(draw(st.integers(0, 130)))
        out.append(said(number, draw(SPAN), kind="staging", **values))
    return out


@settings(max_examples=40)
@given(lives(), corrections(), st.randoms())
def test_what_is_left_never_overlaps_and_hangs_on_no_order(life, told, chance) -> None:
    found = observe(life, told, STOPOVER, stopover_as)
    for row in found:
        assert row["arrival_time_earliest"] <= row["arrival_time_latest"]
        assert row["arrival_time_p05"] <= row["arrival_time"] <= row["arrival_time_p95"]
        assert row["arrival_time_latest"] < row["departure_time_earliest"]
        assert row["departure_time_earliest"] <= row["departure_time_latest"]
    for a, b in pairwise(found):
        assert a["departure_time_earliest"] <= b["arrival_time_latest"]
    mixed = list(told)
    chance.shuffle(mixed)
    assert observe(life, mixed, STOPOVER, stopover_as) == found
    followed = [row["observation_id"] for row in found if row["basis"] == "observer"]
    assert len(set(followed)) == len(followed)
    assert observe(life, [], STOPOVER, stopover_as) == life


@given(lives(), corrections())
def test_the_newest_correction_stands_as_it_was_said(life, told) -> None:
    found = observe(life, told, STOPOVER, stopover_as)
    if not told or told[-1]["id"] not in {row["observation_id"] for row in found}:
        return
    (row,) = [each for each in found if each["observation_id"] == told[-1]["id"]]
    for name, ends in (("arrival_time", "latest"), ("departure_time", "earliest")):
        if name in told[-1]["said"]:
            assert row[f"{name}_{ends}"].isoformat() == told[-1]["said"][name]


def test_a_correction_holds_for_the_stay_it_overlaps_most_and_else_waits() -> None:
    life = [stay(0, 10), stay(20, 40)]
    (first, second) = observe(life, [said(1, (8, 30), kind="staging")], STOPOVER, stopover_as)
    assert (first["basis"], second["basis"], second["kind"]) == ("track", "observer", "staging")
    assert observe(life, [said(1, (11, 19), kind="staging")], STOPOVER, stopover_as) == life


def test_neighbours_give_way_to_corrected_dates() -> None:
    life = [stay(0, 10), stay(12, 14), stay(20, 40)]
    found = observe(life, [said(1, (20, 40), arrival_time=hours(8))], STOPOVER, stopover_as)
    spans = [(r["arrival_time_latest"], r["departure_time_earliest"]) for r in found]
    assert spans == [(hours(0), hours(8)), (hours(8), hours(40))]


def test_a_corrected_season_takes_its_stopovers_along() -> None:
    seasons = [season("2024-spring", 0, 50), season("2024-breeding", 50, 100)]
    told = observe(seasons, [said(1, (50, 100), start_time=hours(30), kind="summering")],
                   SEASON, season_as)  # fmt: skip
    assert [(s["season"], s["end_time"]) for s in named_once(told)] == [
        ("2024-spring", hours(30)), ("2024-summering", hours(100)),
    ]  # fmt: skip
    stays = [stay(5, 10, season="2024-spring"), stay(32, 44, season="2024-spring"),
             stay(60, 90, season="2024-breeding")]  # fmt: skip
    assert [row["season"] for row in labelled(stays, seasons, told)] == [
        "2024-spring", "2024-summering", "2024-summering",
    ]  # fmt: skip


def test_of_two_seasons_with_one_name_the_observers_stays() -> None:
    seasons = [season("2024-spring", 0, 50), season("2024-breeding", 50, 100)]
    told = observe(seasons, [said(1, (50, 100), kind="spring")], SEASON, season_as)
    assert [(s["season"], s["basis"]) for s in named_once(told)] == [("2024-spring", "observer")]
