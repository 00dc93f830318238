"""Stopovers: own ones as they are, opened ones by day and grid; filters act on what is shown."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import HealthCheck, given, settings

from app.store import stopovers
from app.store.engine import execute
from app.store.sight import Filters
from tests.store.flock import START, ref_of
from tests.store.herd import (
    ASKED,
    HOUR,
    NOBODY,
    OPERATOR,
    OWNER,
    PUBLIC,
    ROWS,
    chosen,
    overlaps,
    stopover_ref,
    within,
)


@pytest.fixture(scope="module")
def flock(herd):
    return herd


def expected(audience, filters):
    """Walk all rows: what the reader may see, in the form and order it is shown."""
    found = []
    for row in chosen(ROWS, filters):
        if not row.seen_by(audience) or filters.season not in {None, row.season}:
            continue
        exact = row.study in audience.exact
        lon, lat = row.place if exact else (round(row.place[0], 1), round(row.place[1], 1))
        arrival, departure = row.at(0, exact=exact), row.at(3, exact=exact)
        first = arrival - HOUR if exact else arrival
        last = departure + HOUR if exact else departure
        if overlaps(filters, first, last) and within(filters.box, lon, lat):
            found.append((arrival, stopover_ref(row), exact, lon, lat, departure))
    return sorted(found)


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ASKED)
async def test_a_page_is_what_the_reader_may_see_and_asked_for(flock, asked):
    async with flock.trial() as conn:
        for audience, filters in asked:
            rows = await stopovers.page(conn, audience, filters, fetch=50)
            features = await stopovers.feed(conn, audience, filters, fetch=50)
            wanted = expected(audience, filters)
            assert [
                (row["arrival_time_latest"], row["id"], row["exact"], row["lon"], row["lat"],
                 row["departure_time_earliest"]) for row in rows
            ] == wanted  # fmt: skip
            assert [each.key for each in features] == [(at, str(id_)) for at, id_, *_ in wanted]
            assert [orjson.loads(each.text)["geometry"]["coordinates"] for each in features] == [
                list(each[3:5]) for each in wanted
            ]


@pytest.mark.parametrize("size", [1, 2, 7])
async def test_pages_of_any_size_join_to_the_whole(trial, size):
    whole = await stopovers.page(trial, OWNER, Filters(), fetch=50)
    joined, after = [], None
    while page := await stopovers.page(trial, OWNER, Filters(), fetch=size, after=after):
        assert len(page) <= size
        joined += page
        after = (page[-1]["arrival_time_latest"], page[-1]["id"])
    assert joined == whole and len(whole) == 6


async def test_strangers_learn_neither_shape_nor_numbers(trial):
    row = await stopovers.find(trial, PUBLIC, stopover_ref(ROWS[3]))
    assert [row[name] for name in ("n_fixes", "radius_m", "polygon")] == [None, None, None]
    assert row["duration_min_s"] % 86_400 == 0
    own = await stopovers.find(trial, OPERATOR, stopover_ref(ROWS[3]))
    assert (own["n_fixes"], own["radius_m"]) == (77, 1234.5)
    assert orjson.loads(own["polygon"])["type"] == "Polygon"


async def test_one_that_is_hidden_is_as_one_that_is_not_there(trial):
    for hidden in (ROWS[0], ROWS[5], ROWS[7]):
        assert await stopovers.find(trial, PUBLIC, stopover_ref(hidden)) is None
        assert await stopovers.find(trial, OPERATOR, stopover_ref(hidden)) is not None
    assert await stopovers.find(trial, OPERATOR, ref_of("none")) is None
    assert await stopovers.page(trial, NOBODY, Filters(), fetch=50) == []


async def test_its_site_is_of_the_readers_own_catalogue(trial):
    for audience in (OPERATOR, OWNER, PUBLIC):
        row = await stopovers.find(trial, audience, stopover_ref(ROWS[3]))
        assert row["site"] == f"A of {audience.scope}"
        assert row["site_id"] == ref_of("site", audience.scope, row["site"])


async def test_stops_of_the_other_method_are_the_owners_alone(trial):
    await execute(
        trial,
        "insert into stop (ref, individual_id, study_id, start_time, end_time, ended, n_fixes, lon,"
        " lat) values (:ref, 3, 2, :start, :end, false, 9, 127, 38)",
        {"ref": ref_of("stop"), "start": START, "end": START + 4 * HOUR},
    )
    assert await stopovers.page(trial, PUBLIC, Filters(), fetch=9, method="movingpandas") == []
    assert await stopovers.find(trial, OWNER, ref_of("stop")) is None
    (row,) = await stopovers.page(trial, OPERATOR, Filters(), fetch=9, method="movingpandas")
    assert (row["method"], row["duration_min_s"], row["departure_open"]) == (
        "movingpandas", 14_400, True,
    )  # fmt: skip
    assert (await stopovers.find(trial, OPERATOR, ref_of("stop")))["id"] == ref_of("stop")
