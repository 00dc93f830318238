"""Where a bird was last seen: the newest shown fix through whatever it wore, the same each time."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.store import derived, latest
from app.store.engine import execute
from tests.store.flock import START, Flock


@pytest.fixture(scope="module")
def flock(new_database) -> Flock:
    """Give a bird with tag 1 for two days and tag 2 always, and another with tag 1 after that."""
    flock = Flock(new_database())
    study = flock.study(flock.institute("Amur")[0], "Cranes")
    first, second = (flock.bird(study, name) for name in "AB")
    flock.tag(study, "T1", first, "(,2020-03-03Z)")
    flock.deployment(study, 1, second, "[2020-03-03Z,)")
    flock.tag(study, "T2", first)
    return flock


async def renewed(conn, individual: int = 1) -> list[tuple]:
    await latest.renew(conn, await derived.bird(conn, individual))
    rows = await execute(
        conn,
        "select time, lon, lat from latest_fix where individual_id = :individual",
        {"individual": individual},
    )
    return [tuple(row.values()) for row in rows]


FIXES = st.lists(
    st.tuples(
        st.sampled_from([1, 2]), st.integers(0, 100), st.integers(0, 1), st.booleans(),
        st.booleans(),
    ),
    max_size=12, unique_by=lambda fix: fix[:3],
)  # fmt: skip


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(FIXES)
async def test_it_is_the_last_that_is_shown_live_and_the_birds(flock: Flock, fixes) -> None:
    async with flock.trial() as conn:
        for n, (tag, hour, sensor, visible, live) in enumerate(fixes):
            await execute(
                conn,
                "insert into fix (tag_id, time, sensor, variant, study_id, decoding_id, visible,"
                " live, lon, lat, error_m) values (:tag, cast(:start as timestamptz) + :hour"
                " * interval '1 h', :sensor, 1, 1, 1, :visible, :live, :lon, 38, 10)",
                {"tag": tag, "start": START, "hour": hour, "sensor": sensor, "visible": visible,
                 "live": live, "lon": float(n)},
            )  # fmt: skip
        changes_at = 48 - 12.5823  # the hour at which the second bird gets tag 1
        for bird in (1, 2):
            wanted = [
                (hour, tag, sensor, float(n))
                for n, (tag, hour, sensor, visible, live) in enumerate(fixes)
                if visible and live and bird == (2 if tag == 1 and hour > changes_at else 1)
            ]
            found = await renewed(conn, bird)
            assert [lon for _, lon, _ in found] == [key[-1] for key in sorted(wanted)[-1:]]
            assert await renewed(conn, bird) == found


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
async def test_of_two_tags_at_one_time_it_is_always_the_same(trial, order) -> None:
    for tag in order:
        await execute(
            trial,
            "insert into fix (tag_id, time, sensor, variant, study_id, decoding_id, visible, lon,"
            " lat, error_m) values (:tag, '2020-03-01Z', 0, 1, 1, 1, true, :lon, 38, 10)",
            {"tag": tag, "lon": float(tag)},
        )
    # The deployments in another physical order: their rows are what a plan meets first.
    await execute(trial, "update deployment set terms = '{}' where tag_id = :t", {"t": order[0]})
    assert [lon for _, lon, _ in await renewed(trial)] == [2.0]


async def test_without_a_fix_there_is_no_row(trial) -> None:
    await execute(
        trial,
        "insert into latest_fix (individual_id, study_id, species_key, time, lon, lat)"
        " values (1, 1, 'default', now(), 1, 1)",
    )
    assert await renewed(trial) == []
