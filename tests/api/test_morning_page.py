"""The morning report as a page, with no database: what a person reads of each bird."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.api import morning_page
from app.api.morning_page import WORDS, page, sign_in

NOW = datetime(2026, 11, 27, 6, 0, tzinfo=UTC)


def a_bird(**changes: Any) -> dict[str, Any]:
    row = {
        "state": "moving", "still_since": None, "simulated": False,
        "individual": {"local_identifier": "WNC-17"}, "species": "white_naped_crane",
        "study_name": "Cranes", "tag": {"local_identifier": "T-101"}, "last_time": NOW,
        "silence_s": 90 * 60.0, "moved_24h_km": 12.34, "moved_7d_km": 1_234.5,
        "days_beyond_habit": None, "battery_v": 3.987, "battery_time": None,
    }  # fmt: skip
    return row | changes


def an_arrival(**changes: Any) -> dict[str, Any]:
    row = {
        "study": "5f0c1c1e", "study_name": "Cranes", "source_name": None, "connector_name": None,
        "n_pushes": 1_234, "n_failed": 0, "n_stored": 9, "n_refused": 0, "n_suspect_pushes": 0,
        "n_flagged": 0, "flagged_complete": True,
    }  # fmt: skip
    return row | changes


def told(birds=(), arrivals=(), **changes: Any) -> str:
    states: dict[str, int] = {}
    for bird in birds:
        states[bird["state"]] = states.get(bird["state"], 0) + 1
    report = {
        "now": NOW, "since": datetime(2026, 11, 26, 6, 0, tzinfo=UTC), "states": states,
        "birds": list(birds), "birds_complete": True, "arrivals": list(arrivals),
    }  # fmt: skip
    return page(report | changes)


def test_a_bird_is_told_by_name_with_units_in_the_heads() -> None:
    text = told([a_bird()])
    for each in (
        "1 moving", "White-naped Crane", "WNC-17", ">T-101<", ">2026-11-27 06:00<", ">1 h<",
        ">12.3<", ">1,234.5<", ">3.99<", "[km]", "[UTC]", "[V]",
    ):  # fmt: skip
        assert each in text, each
    assert "(simulated)" not in text and 'class="urgent"' not in text


@pytest.mark.parametrize("state", WORDS)
def test_every_state_has_words_and_the_worst_stand_out(state) -> None:
    text = told([a_bird(state=state)])
    urgent = f'<strong class="urgent">{WORDS[state]}</strong>' in text
    assert urgent == (state in {"suspected_dead_or_dropped", "silent_unexpectedly",
                                "not_heard_yet"})  # fmt: skip
    assert f"1 {WORDS[state]}" in text


def test_since_when_a_tag_lies_still_and_which_birds_are_simulated() -> None:
    text = told([a_bird(still_since=datetime(2026, 11, 1, 3, 0, tzinfo=UTC), simulated=True)])
    assert "since 2026-11-01 03:00" in text and "(simulated)" in text


def test_no_bird_and_nothing_new_is_said() -> None:
    text = told()
    assert "No bird of yours wears a tag now." in text
    assert text.count("<p>None.</p>") == 2
    assert "What came since 2026-11-26 06:00 UTC" in text


@pytest.mark.parametrize("complete", [True, False])
def test_birds_left_out_are_told(complete) -> None:
    assert ("There are more birds" in told([a_bird()], birds_complete=complete)) is not complete


@pytest.mark.parametrize(
    ("source", "connector", "said"),
    [("Vendor", None, "Vendor"), (None, "Movebank", "Movebank"), (None, None, "pushed by hand")],
)
def test_where_an_arrival_came_from(source, connector, said) -> None:
    text = told(arrivals=[an_arrival(source_name=source, connector_name=connector)])
    assert f"<td>{said}</td>" in text


def test_what_was_refused_or_is_suspect_is_linked_and_nothing_else() -> None:
    clean = told(arrivals=[an_arrival()])
    assert "/refusals" not in clean and "/suspects" not in clean and ">1,234<" in clean
    text = told(arrivals=[an_arrival(n_refused=1_000, n_suspect_pushes=2)])
    assert '<a href="api/v1/studies/5f0c1c1e/refusals">1,000</a>' in text
    assert '<a href="api/v1/studies/5f0c1c1e/suspects">2</a>' in text


def test_a_count_that_stopped_says_or_more() -> None:
    text = told(arrivals=[an_arrival(n_flagged=5_000, flagged_complete=False)])
    assert ">5,000 or more<" in text


@given(
    st.text("<>&\"'aé鹤", min_size=1),
    st.sampled_from(["individual", "tag", "study_name", "source"]),
)
def test_names_stay_text(name, where) -> None:
    hostile = f"<script>{name}"
    named = {"local_identifier": hostile} if where in {"individual", "tag"} else hostile
    if where == "source":
        text = told(arrivals=[an_arrival(source_name=hostile)])
    else:
        text = told([a_bird(**{where: named})])
    assert "<script" not in text and "&lt;script&gt;" in text


@given(st.floats(0, 1e9))
def test_an_age_is_said_in_the_unit_that_a_person_would_choose(seconds) -> None:
    number, unit = morning_page._age(seconds).split(" ")
    size, most = {"min": (60, 59), "h": (3_600, 47), "d": (86_400, 12_000)}[unit]
    assert 0 <= seconds - int(number) * size < size  # whole units, never rounded up
    assert int(number) <= most
    assert unit != "d" or int(number) >= 2


def test_what_is_unknown_is_a_dash() -> None:
    assert morning_page._age(None) == morning_page._time(None) == "-"
    assert morning_page._fixed(None, 2) == "-"


def test_who_has_not_signed_in_learns_how_and_nothing_of_birds() -> None:
    text = sign_in()
    assert "signs you in" in text and "<table" not in text


def test_no_cache_keeps_a_page_and_it_loads_nothing_from_elsewhere() -> None:
    answer = morning_page.answer(told(), status=401)
    assert answer.status_code == 401
    assert answer.headers["cache-control"] == "private, no-store"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "http" not in told([a_bird()], [an_arrival()]).replace("https://www.w3.org", "")
