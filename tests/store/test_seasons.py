"""Seasons of each bird: own ones to the second, opened ones by day and after the delay."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings

from app.store import seasons
from app.store.sight import Filters
from tests.store.herd import (
    ASKED,
    NOBODY,
    OPERATOR,
    PUBLIC,
    ROWS,
    chosen,
    overlaps,
    season_of,
)


@pytest.fixture(scope="module")
def flock(herd):
    return herd


def expected(audience, filters):
    found = []
    for row in chosen(ROWS, filters):
        exact = row.study in audience.exact
        start, end = row.at(0, exact=exact), row.at(10, exact=exact)
        if (
            not row.withheld
            and row.seen_by(audience)
            and filters.season in {None, season_of(row)}
            and overlaps(filters, start, end)
        ):
            found.append((start, row.bird_ref, season_of(row), exact, end))
    return sorted(found)


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ASKED)
async def test_a_page_is_what_the_reader_may_see_and_asked_for(flock, asked):
    async with flock.trial() as conn:
        for audience, filters in asked:
            rows = await seasons.page(conn, audience, filters, fetch=50)
            assert [
                (row["start_time"], row["individual_id"], row["season"], row["exact"],
                 row["end_time"]) for row in rows
            ] == expected(audience, filters)  # fmt: skip


@pytest.mark.parametrize("size", [1, 2])
async def test_pages_join_to_the_whole(trial, size):
    whole = await seasons.page(trial, OPERATOR, Filters(), fetch=50)
    joined, after = [], None
    while page := await seasons.page(trial, OPERATOR, Filters(), fetch=size, after=after):
        joined += page
        after = tuple(page[-1][name] for name in ("start_time", "individual_id", "season"))
    assert joined == whole and len(whole) == len(ROWS) - 1
    assert await seasons.page(trial, NOBODY, Filters(), fetch=50) == []


async def test_the_times_of_strangers_are_days(trial):
    rows = await seasons.page(trial, PUBLIC, Filters(), fetch=50)
    assert rows
    for row in rows:
        for name in ("start_time", "end_time"):
            assert (row[name].hour, row[name].minute, row[name].second) == (0, 0, 0)
