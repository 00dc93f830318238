"""Tracks: own lines as kept; those of opened studies drawn from public positions alone."""

from __future__ import annotations

from datetime import timedelta

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.movement.profile import GAP_MAX_S
from app.store import tracks
from app.store.engine import execute
from app.store.sight import Box, Filters
from tests.store.flock import DAY, SPECIES, START, UNRELEASED, ref_of
from tests.store.herd import AUDIENCES, NOBODY, OPERATOR, OWNER, PUBLIC


@pytest.fixture(scope="module")
def flock(herd):
    return herd


async def positions(conn, bird, hours_and_places, release_at=None):
    for hour, (lon, lat) in hours_and_places:
        await execute(
            conn,
            "insert into public_fix (individual_id, time, study_id, species_key, lon, lat,"
            " release_at) values (:bird, :time, 2, :species, :lon, :lat,"
            " coalesce(:release, timestamptz '2021-01-01Z'))",
            {"bird": bird, "time": START + timedelta(hours=hour), "species": SPECIES, "lon": lon,
             "lat": lat, "release": release_at},
        )  # fmt: skip


async def drawn(conn, audience, filters=Filters()):  # noqa: B008 - frozen
    """Give (bird, observed, number of positions, coordinates) of each line."""
    found = []
    for feature in await tracks.feed(conn, audience, filters, fetch=50):
        told = orjson.loads(feature.text)
        said = told["properties"]
        found.append((said["individual_id"], said["observed"], said["n_fixes"],
                      told["geometry"]["coordinates"]))  # fmt: skip
    return found


async def test_strangers_get_lines_of_public_positions_alone(trial):
    await positions(trial, 3, [(0, (127.1, 38.2)), (1, (127.2, 38.2)), (2, (127.2, 38.3))])
    assert await drawn(trial, PUBLIC) == [
        (str(ref_of("bird", 2, "A")), True, 3, [[127.1, 38.2], [127.2, 38.2], [127.2, 38.3]])
    ]
    assert await drawn(trial, NOBODY) == []
    text = "".join(f.text for f in await tracks.feed(trial, OWNER, Filters(), fetch=50))
    assert "127.123456" in text and "99.123456" not in text
    assert "99.123456" in str(await drawn(trial, OPERATOR))


async def test_a_gap_is_a_part_of_its_own_without_fixes(trial):
    gap = GAP_MAX_S / 3600
    places = [(0, (127.1, 38.2)), (1, (127.2, 38.2)), (2 + gap, (120.0, 40.0)),
              (3 + gap, (120.1, 40.0))]  # fmt: skip
    await positions(trial, 3, places)
    lines = [row[1:] for row in await drawn(trial, PUBLIC)]
    assert lines == [
        (True, 2, [[127.1, 38.2], [127.2, 38.2]]),
        (False, 0, [[127.2, 38.2], [120.0, 40.0]]),
        (True, 2, [[120.0, 40.0], [120.1, 40.0]]),
    ]


async def test_a_line_goes_on_over_the_end_of_a_month(trial):
    last_hours = 30 * 24 + 10  # 31 March, 22:34
    await positions(trial, 3, [(last_hours, (127.1, 38.2)), (last_hours + 1, (127.2, 38.2)),
                               (last_hours + 2, (127.3, 38.2))])  # fmt: skip
    assert [row[3] for row in await drawn(trial, PUBLIC)] == [
        [[127.1, 38.2], [127.2, 38.2]],
        [[127.2, 38.2], [127.3, 38.2]],
    ]


async def test_a_bird_that_stays_in_a_cell_and_one_that_is_held_back_have_no_line(trial):
    await positions(trial, 3, [(hour, (127.1, 38.2)) for hour in range(4)])
    await positions(trial, 4, [(0, (127.1, 38.2)), (1, (127.2, 38.2))], UNRELEASED)
    assert await drawn(trial, PUBLIC) == []


async def test_filters_narrow_open_lines_and_own_ones_alike(trial):
    await positions(trial, 3, [(0, (127.1, 38.2)), (1, (127.2, 38.2))])
    await positions(trial, 4, [(0, (127.1, 38.2)), (1, (127.2, 38.2))])
    assert len(await drawn(trial, OWNER)) == 7
    for bird, n in ((ref_of("bird", 2, "A"), 1), (ref_of("bird", 1, "A"), 3), (ref_of("x"), 0)):
        assert len(await drawn(trial, OWNER, Filters(individual=bird))) == n
    assert len(await drawn(trial, OWNER, Filters(study=ref_of("study", "2")))) == 2
    assert await drawn(trial, OWNER, Filters(species="hooded_crane")) == []
    assert len(await drawn(trial, OWNER, Filters(box=Box(179.5, 60, -179.5, 62)))) == 1
    assert len(await drawn(trial, OWNER, Filters(time_from=START + 37 * DAY))) == 1


async def test_a_line_over_the_antimeridian_is_cut_there(trial):
    (line,) = [row[3] for row in await drawn(trial, OPERATOR) if not row[1]]
    assert {abs(x) for part in (line if isinstance(line[0][0], list) else [line])
            for x, _ in part} >= {179}  # fmt: skip
    flat = [x for part in (line if isinstance(line[0][0], list) else [line]) for x, _ in part]
    assert all(-180 <= x <= 181 for x in flat)


@pytest.mark.parametrize(
    ("box", "n_lines"),
    [((178.5, 55, 180, 65), 1), ((-180, 55, -178.5, 65), 1), ((179.9, 55, -179.9, 65), 1),
     ((-177, 55, 177, 65), 0)],
)  # fmt: skip
async def test_an_open_line_over_the_antimeridian_is_found_between_its_places(trial, box, n_lines):
    await positions(trial, 3, [(0, (178.0, 60.0)), (1, (-178.0, 60.0))])
    assert len(await drawn(trial, PUBLIC, Filters(box=Box(*box)))) == n_lines


@settings(max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(AUDIENCES), st.integers(1, 4))
async def test_pages_join_to_the_whole(flock, audience, size):
    steps = [(h, (127 + n / 10, 38.2)) for n, h in enumerate((0, 1, 200, 201, 700))]
    async with flock.trial() as conn:
        await positions(conn, 3, steps)
        whole = await tracks.feed(conn, audience, Filters(), fetch=50)
        joined, after = [], None
        while page := await tracks.feed(conn, audience, Filters(), fetch=size, after=after):
            joined += page
            after = page[-1].key
    assert joined == whole
    assert len({orjson.loads(each.text)["id"] for each in whole}) == len(whole)
    assert [each.key for each in whole] == sorted(each.key for each in whole)
