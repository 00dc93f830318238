from __future__ import annotations

import pytest

from app.movement.profile import GAP_MAX_S, Window, parse_profile
from app.seeds import profile_of, rows

ROW = {
    "key": "hooded_crane",
    "scientific_accepted_default": "Grus monacha",
    "synonyms": " Antigone monacha; ;Megalornis monachus",
    "english": "Hooded Crane",
    "default_vmax_pair_ms": "35",
    "default_hard_reject_ms": "60",
    "stop_radius_m": "10000",
    "stop_min_h": "24",
    "staging_min_d": "14",
    "roost_radius_m": "1000",
    "spring_window_md": "02-10..05-15",
    "autumn_window_md": "",
    "headline_min_h": "48",
    "merge_within_km": "30",
    "merge_gap_max_h": "24",
    "roosts": "at night in shallow water",
    "daylight_check": "yes",
}


def test_units_are_turned_into_ours_and_nothing_is_mixed_up():
    got = parse_profile(ROW)
    assert (got.key, got.scientific_name, got.english_name) == (
        "hooded_crane", "Grus monacha", "Hooded Crane"
    )  # fmt: skip
    assert got.synonyms == ("Antigone monacha", "Megalornis monachus")
    assert (got.speed_max_m_s, got.speed_hard_m_s) == (35.0, 60.0)
    assert (got.stop_radius_m, got.roost_radius_m, got.merge_within_m) == (1e4, 1e3, 3e4)
    assert (got.stop_min_s, got.staging_min_s) == (86_400.0, 14 * 86_400.0)
    assert (got.headline_min_s, got.merge_gap_max_s) == (2 * 86_400.0, 86_400.0)
    assert (got.spring, got.autumn) == (Window((2, 10), (5, 15)), None)
    assert got.roosts_at_night and got.daylight_check


def test_a_bird_that_rests_by_day_is_not_held_to_daylight():
    got = parse_profile(ROW | {"roosts": "by day, with the tide", "daylight_check": "no"})
    assert not got.roosts_at_night and not got.daylight_check


@pytest.mark.parametrize("name", [name for name in ROW if name != "key"])
def test_no_column_may_be_missing(name):
    with pytest.raises(KeyError, match=name):
        parse_profile({k: v for k, v in ROW.items() if k != name})


@pytest.mark.parametrize(
    ("name", "text"),
    [("stop_radius_m", ""), ("stop_min_h", "a day"), ("spring_window_md", "02-10"),
     ("autumn_window_md", "Sep..Nov"), ("merge_within_km", "30 km")],
)  # fmt: skip
def test_what_is_no_number_and_no_window_is_told(name, text):
    with pytest.raises(ValueError):  # noqa: PT011 - of float, int or unpacking
        parse_profile(ROW | {name: text})


@pytest.mark.parametrize("row", rows("species"), ids=lambda row: row["key"])
def test_the_profiles_of_the_seeds_make_sense(row):
    got = parse_profile(row)
    assert 0 < got.speed_max_m_s < got.speed_hard_m_s
    assert 0 < got.roost_radius_m <= got.stop_radius_m <= got.merge_within_m
    assert 0 < got.stop_min_s <= got.headline_min_s < got.staging_min_s
    assert got.merge_gap_max_s < GAP_MAX_S
    for window in (got.spring, got.autumn):  # within one year, and a date in every year
        assert window is None or (1, 1) <= window.start < window.end <= (12, 31)
        assert window is None or (2, 29) not in (window.start, window.end)
    assert got.spring is None or got.autumn is None or got.spring.end < got.autumn.start
    assert profile_of(got.scientific_name).key in (got.key, "default")
    assert all(profile_of(name).key == got.key for name in got.synonyms)
