"""Fixes of a bird: through whatever it wore, in one order, hidden ones for the owner alone."""

from __future__ import annotations

from datetime import timedelta

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.store import fixes
from app.store.engine import execute
from app.store.sight import Box, Filters
from tests.store.flock import DAY, RELEASED, START, UNRELEASED, Flock, ref_of
from tests.store.herd import NOBODY, OPERATOR, OWNER, PUBLIC

HOUR = timedelta(hours=1)
SWAP = 24
"""Hour at which the second bird gets tag 1."""

FIXES = [  # tag, hour, sensor, variant, visible, live
    (1, 1, 0, 1, True, True),
    (1, 2, 0, 1, False, True),
    (1, 3, 0, 1, True, True),
    (1, 3, 0, 2, False, True),
    (1, 3, 1, 1, True, True),
    (1, 4, 0, 1, True, False),  # out of force
    (1, 23.999, 0, 1, True, True),
    (1, SWAP, 0, 1, True, True),  # the second bird's
    (2, 2, 0, 1, True, True),
    (2, 3, 0, 1, True, True),
    (2, 30, 0, -5, False, True),
]


@pytest.fixture(scope="module")
def flock(new_database):
    """Give bird 1 with tag 1 for a day and tag 2 always, bird 2 with tag 1 from then on."""
    flock = Flock(new_database())
    study = flock.study(flock.institute("Amur")[0], "1", "open")
    first, second = (flock.bird(study, name) for name in "AB")
    swap = (START + SWAP * HOUR).isoformat()
    flock.tag(study, "T1", first, f"(,{swap})")
    flock.deployment(study, 1, second, f"[{swap},)")
    flock.tag(study, "T2", first)
    for n, (tag, hour, sensor, variant, visible, live) in enumerate(FIXES):
        flock.fix(study, tag, hour, (100.0 + n, 38.0), sensor=sensor, variant=variant,
                  visible=visible, live=live)  # fmt: skip
    for hour, released in ((0, RELEASED), (1, RELEASED), (2, UNRELEASED)):
        flock.public_fix(study, first, hour, (127.1 + hour, 38.2), released)
    flock.latest_fix(study, first, (127.123456, 38.234567))
    return flock


OWN = OPERATOR
STRANGER = type(PUBLIC)("public", open=(1,))


def worn(bird):
    """Walk the fixes: those in force that the bird's own tags sent, in order."""
    whose = [
        (n, fix) for n, fix in enumerate(FIXES)
        if fix[5] and (2 if fix[0] == 1 and fix[1] >= SWAP else 1) == bird
    ]  # fmt: skip
    order = sorted(whose, key=lambda each: (each[1][1], f"T{each[1][0]}", *each[1][2:4]))
    return [100.0 + n for n, _ in order]


async def lons(conn, bird=1, filters=Filters(), **more):  # noqa: B008 - frozen
    rows = await fixes.exact(conn, OWN, bird, filters, fetch=50, **more)
    return [row["lon"] for row in rows]


@pytest.mark.parametrize("bird", [1, 2])
async def test_they_come_through_all_that_the_bird_wore_hidden_ones_too(trial, bird):
    assert await lons(trial, bird) == worn(bird)


@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(1, 4), st.none() | st.integers(0, 31),
                          st.none() | st.integers(0, 31)), min_size=1, max_size=4))  # fmt: skip
async def test_pages_join_to_the_whole_of_any_time(flock, asked):
    async with flock.trial() as conn:
        for size, first, last in asked:
            filters = Filters(
                time_from=None if first is None else START + first * HOUR,
                time_to=None if last is None else START + last * HOUR,
            )
            inside = [
                lon for lon in worn(1)
                if (first is None or FIXES[int(lon) - 100][1] >= first)
                and (last is None or FIXES[int(lon) - 100][1] <= last)
            ]  # fmt: skip
            joined, after = [], None
            while page := await fixes.exact(conn, OWN, 1, filters, fetch=size, after=after):
                joined += [row["lon"] for row in page]
                after = tuple(page[-1][name] for name in ("time", "tag", "sensor", "variant"))
            assert joined == inside


async def test_each_comes_with_its_flags_and_its_verdict(trial):
    key = {"time": START + 2 * HOUR}
    for code, origin in (("speed", "track"), ("null-island", "record")):
        await execute(
            trial,
            "insert into fix_flag (study_id, tag_id, time, sensor, variant, code, origin)"
            " values (1, 1, :time, 0, 1, :code, :origin)",
            key | {"code": code, "origin": origin},
        )
    await execute(
        trial,
        "insert into fix_verdict (study_id, tag_id, time, sensor, variant, verdict, reason,"
        " decided_by, undone_at) values (1, 1, :time, 0, 1, 'hide', 'a nest', 'K', null),"
        " (1, 1, :time, 0, 1, 'show', 'before', 'K', now())",
        key,
    )
    rows = await fixes.exact(trial, OWN, 1, Filters(), fetch=50)
    told = {row["lon"]: row for row in rows}
    assert [f["code"] for f in told[101.0]["flags"]] == ["null-island", "speed"]
    assert (told[101.0]["verdict"]["verdict"], told[101.0]["verdict"]["reason"]) == (
        "hide", "a nest",
    )  # fmt: skip
    assert (told[100.0]["flags"], told[100.0]["verdict"]) == ([], None)


async def test_a_stranger_reads_released_positions_and_no_fix(trial):
    assert await fixes.exact(trial, STRANGER, 1, Filters(), fetch=50) == []
    rows = await fixes.public(trial, STRANGER, 1, Filters(), fetch=50)
    assert [(row["time"], row["lon"]) for row in rows] == [(START, 127.1), (START + HOUR, 128.1)]
    (second,) = await fixes.public(
        trial, STRANGER, 1, Filters(), fetch=50, after=(rows[0]["time"],)
    )
    assert second == rows[1]
    assert await fixes.public(trial, STRANGER, 1, Filters(time_from=START + DAY), fetch=9) == []
    for audience in (NOBODY, OWNER):  # studies 1 in full and 2 as opened: no public rows of 1
        assert await fixes.public(trial, audience, 1, Filters(), fetch=9) == []


async def test_what_is_drawn_is_what_is_shown(trial):
    own = await fixes.drawn(trial, OWN, 1, Filters(), fetch=50)
    assert [lon for _, lon, _ in own] == [lon for lon in worn(1) if FIXES[int(lon) - 100][4]]
    assert [lon for _, lon, _ in await fixes.drawn(trial, STRANGER, 1, Filters(), fetch=9)] == [
        127.1, 128.1,
    ]  # fmt: skip
    late = Filters(time_from=START + HOUR)
    assert len(await fixes.drawn(trial, STRANGER, 1, late, fetch=9)) == 1
    assert await fixes.drawn(trial, NOBODY, 1, Filters(), fetch=9) == []
    assert len(await fixes.drawn(trial, OWN, 1, Filters(), fetch=2)) == 2


async def positions(conn, audience, filters=Filters()):  # noqa: B008 - frozen
    found = await fixes.positions_feed(conn, audience, filters, fetch=9)
    return [orjson.loads(each.text) for each in found]


async def test_the_last_position_is_exact_for_the_owner_and_public_for_others(trial):
    (own,) = await positions(trial, OWN)
    assert own["geometry"]["coordinates"] == [127.123456, 38.234567]
    assert (own["id"], own["properties"]["precision"]) == (str(ref_of("bird", 1, "A")), "exact")
    assert (
        own["properties"]["species_name"] == fixes.profiles()["white_naped_crane"].scientific_name
    )
    (seen,) = await positions(trial, STRANGER)
    assert seen["geometry"]["coordinates"] == [128.1, 38.2]  # the newest that is released
    assert seen["properties"]["time"] == (START + HOUR).isoformat().replace("+00:00", "Z")
    assert await positions(trial, NOBODY) == []


@pytest.mark.parametrize(
    ("filters", "n"),
    [
        (Filters(box=Box(128, 38, 129, 39)), 1),
        (Filters(box=Box(127, 38, 127.5, 39)), 0),  # where it really is, or was before
        (Filters(time_from=START + 2 * HOUR), 0),
        (Filters(time_to=START + HOUR), 1),
        (Filters(individual=ref_of("bird", 1, "B")), 0),
        (Filters(season="2020-spring"), 0),
    ],
)
async def test_filters_act_on_the_position_that_is_shown(trial, filters, n):
    assert len(await positions(trial, STRANGER, filters)) == n
