"""Legs: own ones measured, opened ones by day and in steps of ten kilometres, without places."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings

from app.store import legs
from app.store.engine import execute
from app.store.sight import DISTANCE_STEP_M, Box, Filters
from tests.store.flock import DAY, SPECIES, START, ref_of
from tests.store.herd import (
    ASKED,
    LEG_ENDS,
    OPERATOR,
    PUBLIC,
    ROWS,
    chosen,
    overlaps,
    within,
)

MEASURES = ("straightness", "speed_max_m_s", "observed_s", "unobserved_s", "n_fixes", "line",
            "from_lon", "from_lat", "to_lon", "to_lat")  # fmt: skip


@pytest.fixture(scope="module")
def flock(herd):
    return herd


def expected(audience, filters):
    found = []
    for row in chosen(ROWS, filters):
        exact = row.study in audience.exact
        if not exact and (row.study not in audience.open or not row.released):
            continue
        departure, arrival = row.at(0, exact=exact), row.at(1, exact=exact)
        inside = filters.box is None or (exact and any(within(filters.box, *e) for e in LEG_ENDS))
        if (
            filters.season in {None, row.season}
            and overlaps(filters, departure, arrival)
            and inside
        ):
            found.append((departure, ref_of("leg", row.bird, row.day), exact, arrival))
    return sorted(found)


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ASKED)
async def test_a_page_is_what_the_reader_may_see_and_asked_for(flock, asked):
    async with flock.trial() as conn:
        for audience, filters in asked:
            rows = await legs.page(conn, audience, filters, fetch=50)
            assert [
                (row["departure_time"], row["id"], row["exact"], row["arrival_time"])
                for row in rows
            ] == expected(audience, filters)


async def test_strangers_learn_no_place_and_no_measure(trial):
    for row in await legs.page(trial, PUBLIC, Filters(), fetch=50):
        assert [row[name] for name in MEASURES] == [None] * len(MEASURES)
    for row in await legs.page(trial, OPERATOR, Filters(), fetch=50):
        assert None not in [row[name] for name in MEASURES]
        assert (row["length_m"], row["displacement_m"]) == (1_623_456.0, 1_589_123.0)


async def add_end(conn, bird, place, *, public):
    await execute(
        conn,
        "insert into stopover (ref, study_id, individual_id, species_key, arrival_time_earliest,"
        " arrival_time_latest, departure_time_earliest, departure_time_latest, arrival_open,"
        " departure_open, n_fixes, lon, lat, radius_m, observed_s, max_gap_s, duration_min_s,"
        " duration_max_s, centre, polygon, n_stays, kind, seen_or_inferred, method, parameters,"
        " public_lon, public_lat, release_at) values (:ref, 2, :bird, :species, :t, :t, :gone,"
        " :gone, false, false, 1, :lon, :lat, 1, 1, 1, 1, 1, st_point(:lon, :lat, 4326),"
        " st_buffer(st_point(:lon, :lat, 4326), 0.1), 1, 'stopover', 'seen', 'radius', 'p',"
        " :public, :public, '2021-01-01Z')",
        {"ref": ref_of("end", bird, place), "bird": bird, "species": SPECIES,
         "t": START + place[0] * DAY, "gone": START + 300 * DAY, "lon": place[0], "lat": place[1],
         "public": round(place[0]) * 0.1 if public else None},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("public", "length_m"),
    [((True, True), 1_620_000), ((True, False), None), ((False, True), None), ((False,), None)],
)
async def test_a_length_is_told_in_steps_and_only_between_two_public_ends(trial, public, length_m):
    """A withheld place would lie on a circle round the public one."""
    for place, is_public in zip(LEG_ENDS, public, strict=False):
        await add_end(trial, 3, place, public=is_public)
    told = {
        row["id"]: (row["length_m"], row["displacement_m"])
        for row in await legs.page(trial, PUBLIC, Filters(), fetch=50)
    }
    assert told[ref_of("leg", 3, 0)] == (length_m, length_m and 1_590_000)
    assert told[ref_of("leg", 4, 9)] == (None, None)
    assert length_m is None or length_m % DISTANCE_STEP_M == 0


@pytest.mark.parametrize(
    ("box", "found"), [(Box(179.9, 55, -179.9, 65), True), (Box(-177, 55, 177, 65), False)]
)
async def test_a_leg_nobody_saw_is_found_where_it_crosses_the_antimeridian(trial, box, found):
    (leg,) = await execute(
        trial,
        "update leg set line = null, from_lon = 178, from_lat = 60, to_lon = -178, to_lat = 60"
        " where ref = :ref returning ref",
        {"ref": ref_of("leg", 3, 0)},
    )
    there = await legs.page(trial, OPERATOR, Filters(box=box), fetch=50)
    assert (leg["ref"] in [row["id"] for row in there]) is found


@pytest.mark.parametrize("size", [1, 3])
async def test_pages_join_to_the_whole(trial, size):
    whole = await legs.page(trial, OPERATOR, Filters(), fetch=50)
    joined, after = [], None
    while page := await legs.page(trial, OPERATOR, Filters(), fetch=size, after=after):
        joined += page
        after = (page[-1]["departure_time"], page[-1]["id"])
    assert joined == whole and len(whole) == len(ROWS)
