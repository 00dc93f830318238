"""Hours by cell: what stands is what was counted last, and its sum over months."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.movement.density import Cells
from app.store import density, derived
from app.store.engine import execute
from tests.store.flock import RELEASED, START, UNRELEASED, Flock

MONTHS = [date(2020, month, 1) for month in range(1, 5)]
Counted = dict[tuple[date, int, int, int], int]
"""Hours by month, level, x and y."""


@pytest.fixture(scope="module")
def flock(new_database) -> Flock:
    flock = Flock(new_database())
    study = flock.study(flock.institute("Amur")[0], "Cranes")
    for name in "AB":
        flock.bird(study, name)
    return flock


def moment(month: int) -> datetime:
    return datetime(2020, month, 1, tzinfo=UTC)


async def renew(conn, span, counted: Counted, *, bird: int = 1, public: bool = False,
                release: datetime = RELEASED) -> None:  # fmt: skip
    keys = np.array([key[1:] for key in counted], dtype=np.int64).reshape(-1, 3)
    cells = Cells(
        np.array([key[0] for key in counted], dtype="datetime64[M]"),
        *keys.T,
        np.array(list(counted.values()), dtype=np.int64),
    )
    await density.renew(
        conn, await derived.bird(conn, bird), (moment(span[0]), moment(span[1])), cells,
        [release] * len(counted), public=public,
    )  # fmt: skip


async def stored(conn, *, public: bool = False, bird: int = 1) -> Counted:
    rows = await execute(
        conn,
        "select month, level, x, y, hours from density_cell"
        " where individual_id = :bird and public = :public",
        {"bird": bird, "public": public},
    )
    return {(r["month"], r["level"], r["x"], r["y"]): r["hours"] for r in rows}


async def totals(conn, bird: int = 1) -> dict[tuple[int, int, int], int]:
    rows = await execute(
        conn,
        "select level, x, y, hours from density_total where individual_id = :bird",
        {"bird": bird},
    )
    return {(row["level"], row["x"], row["y"]): row["hours"] for row in rows}


CELLS = st.tuples(st.sampled_from([6, 8]), st.integers(0, 2), st.integers(0, 1))
CHANGES = st.lists(
    st.tuples(
        st.tuples(st.integers(1, 4), st.integers(1, 4)).map(lambda m: (min(m), max(m) + 1)),
        st.dictionaries(st.tuples(st.integers(1, 4), CELLS), st.integers(1, 99), max_size=6),
    ),
    min_size=1, max_size=5,
)  # fmt: skip


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(CHANGES)
async def test_any_changes_leave_the_last_counts_and_their_sums(flock, changes) -> None:
    async with flock.trial() as trial:
        wanted: Counted = {}
        for (low, high), counts in changes:
            counted = {
                (MONTHS[month - 1], *cell): hours
                for (month, cell), hours in counts.items()
                if low <= month < high
            }
            await renew(trial, (low, high), counted)
            wanted = {k: v for k, v in wanted.items() if not low <= k[0].month < high} | counted
            assert await stored(trial) == wanted
            summed: Counter[tuple[int, int, int]] = Counter()
            for key, hours in wanted.items():
                summed[key[1:]] += hours
            assert await totals(trial) == summed


async def test_public_counts_are_in_no_sum_and_birds_are_apart(trial) -> None:
    jan = {(MONTHS[0], 6, 1, 1): 5}
    await renew(trial, (1, 2), jan)
    await renew(trial, (1, 2), {(MONTHS[0], 6, 1, 1): 3}, public=True)
    await renew(trial, (1, 2), {(MONTHS[0], 6, 1, 1): 7}, bird=2)
    assert (await stored(trial), await stored(trial, public=True)) == (
        jan,
        {(MONTHS[0], 6, 1, 1): 3},
    )
    await renew(trial, (1, 2), {}, public=True)
    assert (await totals(trial), await totals(trial, 2)) == ({(6, 1, 1): 5}, {(6, 1, 1): 7})
    await renew(trial, (1, 2), {}, bird=2)
    assert (await stored(trial), await totals(trial, 2)) == (jan, {})


async def test_rows_that_are_equal_stay_and_another_release_is_written(trial) -> None:
    versions = "select ctid::text as v, release_at from density_cell order by level, x"
    two = {(MONTHS[0], 6, 1, 1): 5, (MONTHS[0], 6, 2, 1): 4}
    await renew(trial, (1, 2), two)
    before = await execute(trial, versions)
    await renew(trial, (1, 2), two)
    assert await execute(trial, versions) == before
    await renew(trial, (1, 2), two, release=UNRELEASED)
    after = await execute(trial, versions)
    assert {row["release_at"] for row in after} == {UNRELEASED}


async def test_public_positions_are_read_in_time_order_within_the_span(trial, flock) -> None:
    for hour in (30, 10, 20):
        flock.public_fix(1, 1, hour, (127.0 + hour, 38.0))
    flock.public_fix(1, 2, 15, (1.0, 1.0))
    owner = await derived.bird(trial, 1)
    day = START.replace(hour=0, minute=0, second=0)
    times, lon, lat = await density.public_places(trial, owner, day, day.replace(day=2, hour=18))
    flock.run("delete from public_fix")
    assert lon.tolist() == [137.0, 147.0]
    assert (np.diff(times) > 0).all() and lat.tolist() == [38.0, 38.0]
    empty = await density.public_places(trial, owner, moment(1), moment(2))
    assert [len(each) for each in empty] == [0, 0, 0]
