from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from app.pipeline.siteyear import season_dates, yearly_trend
from app.store.families import family_of

SEOUL = ZoneInfo("Asia/Seoul")


def stay(bird, first, days, season="2020-spring", **more):
    came = datetime.fromisoformat(first).replace(tzinfo=UTC)
    return {
        "individual_id": bird, "local_identifier": str(bird), "siblings": None,
        "study_id": 1, "season": season,
        "arrival_time_latest": came, "departure_time_earliest": came + timedelta(days=days),
        "arrival_open": False, "departure_open": False, **more,
    }  # fmt: skip


def test_first_arrivals_and_last_departures_count_by_the_days_of_the_place():
    rows = [stay(1, "2020-03-10T16:00", 3), stay(1, "2020-03-20", 2),
            stay(2, "2020-03-12", 1, arrival_open=True)]  # fmt: skip
    found = season_dates(rows, family_of(rows), SEOUL)
    came, went = found["spring", "arrival"], found["spring", "departure"]
    assert (came.n, went.n) == (1, 2)
    assert came.quantiles[0].date == "03-11"  # 16:00 UTC is the next day in Seoul
    assert went.quantiles[-1].date == "03-22"


def test_stays_without_a_season_have_no_dates():
    rows = [stay(1, "2020-03-10", 3, season=None)]
    assert season_dates(rows, family_of(rows), UTC) == {}


def test_a_winter_is_shared_between_its_years():
    rows = [stay(1, "2020-12-22", 20, season="2020-wintering")]
    seen = [{"individual_id": 1, "local_identifier": "1", "siblings": None, "study_id": 1,
             "year": year}
            for year in (2019, 2020, 2021)]  # fmt: skip
    found = yearly_trend(rows, seen, family_of([*rows, *seen]))
    assert [y.bird_days for y in found.years] == pytest.approx([0.0, 10.0, 10.0])
    assert [y.n_birds for y in found.years] == [0, 1, 1]


def test_a_bird_that_was_there_already_came_back_from_a_trip_and_did_not_arrive():
    """Nor did one depart that went on a trip, came back and fell silent."""
    rows = [stay(1, "2020-11-05", 30, arrival_open=True), stay(1, "2020-12-20", 30),
            stay(2, "2020-11-10", 30), stay(2, "2020-12-20", 60, departure_open=True)]  # fmt: skip
    for row in rows:
        row["season"] = "2020-wintering"
    found = season_dates(rows, family_of(rows), UTC)
    came, went = found["wintering", "arrival"], found["wintering", "departure"]
    assert (came.n, came.quantiles[0].date) == (1, "11-10")
    assert (went.n, went.quantiles[0].date) == (1, "01-19")
