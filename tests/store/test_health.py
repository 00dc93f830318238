"""What the checks of health read: schema, backlog, units, and when a worker was last seen."""

from __future__ import annotations

import pytest

from app.store import health
from app.store.engine import execute
from tests.store.flock import Flock

RECEIVED = (
    "insert into decoding (study_id, push_id, number, tz, received_at, state{more})"
    " values (1, 1, :number, 'UTC', now() - :age * interval '1 s', :state{values})"
)


@pytest.fixture(scope="module")
def flock(new_database):
    flock = Flock(new_database())
    study = flock.study(flock.institute("Amur")[0], "1")
    for name in "ABC":
        flock.bird(study, name)
    flock.insert("push", study_id=study, digest=b"x", size_bytes=1)
    return flock


async def decoding(conn, number, *, age=0, state="received", **counts):
    more = "".join(f", {name}" for name in counts)
    values = "".join(f", :{name}" for name in counts)
    await execute(
        conn,
        RECEIVED.format(more=more, values=values),
        {"number": number, "age": age, "state": state, **counts},
    )


async def test_a_migrated_database_is_at_the_newest_revision(trial):
    assert await health.revision(trial) == health.newest_revision() is not None


async def test_before_the_first_migration_there_is_no_revision(trial):
    await execute(trial, "delete from alembic_version")
    assert await health.revision(trial) is None
    await execute(trial, "drop table alembic_version")
    assert await health.revision(trial) is None


async def test_nothing_waits_at_first(trial):
    nothing = {"waiting": 0.0, "oldest_age_s": 0.0, "dead": 0.0}
    assert await health.backlog(trial) == {
        "decoding": nothing, "individual": nothing, "catalogue": nothing,
        "utilisation": nothing, "key_sites": nothing,
    }  # fmt: skip
    assert set((await health.units(trial)).values()) == {0}


async def test_the_backlog_counts_what_waits_and_apart_what_is_laid_aside(trial):
    await decoding(trial, 1, age=50)
    await decoding(trial, 2, age=500)
    await decoding(trial, 3, age=5000, state="processed")
    await execute(
        trial,
        "insert into dirty (individual_id, study_id, from_time, to_time, since_at, dead_at) values"
        " (1, 1, now(), now(), now() - interval '90 s', null),"
        " (2, 1, now(), now(), now() - interval '9 h', now()),"
        " (3, 1, now(), now(), now() - interval '8 h', now())",
    )
    await execute(
        trial,
        "insert into product_dirty (scope, simulated, since_at, dead_at)"
        " values ('public', false, now() - interval '9 h', now())",
    )
    await execute(
        trial,
        "insert into key_site_due (scope, simulated, dead_at) values ('public', false, now())",
    )
    found = await health.backlog(trial)
    assert [(kind, each["waiting"], each["dead"]) for kind, each in found.items()] == [
        ("decoding", 2, 0), ("individual", 1, 2), ("catalogue", 0, 1),
        ("utilisation", 0, 0), ("key_sites", 0, 1),
    ]  # fmt: skip
    assert 500 <= found["decoding"]["oldest_age_s"] < 560
    assert 90 <= found["individual"]["oldest_age_s"] < 150
    assert found["catalogue"]["oldest_age_s"] == 0.0


async def test_units_are_those_of_readings_in_force(trial):
    counts = {"units": 10, "records": 8, "refused": 2, "stored": 4, "duplicates": 2,
              "superseded": 1, "without_position": 1}  # fmt: skip
    await decoding(trial, 1, state="stored", **counts)
    await decoding(trial, 2, state="processed", **counts)
    once = {"stored": 8, "duplicate": 4, "superseded": 2, "without_position": 2, "refused": 4}
    assert await health.units(trial) == once
    await execute(trial, "update decoding set replaced_at = now() where number = 1")
    assert await health.units(trial) == {name: n // 2 for name, n in once.items()}


async def test_a_worker_that_was_never_there_is_infinitely_far(trial):
    assert await health.worker_seen_s(trial) == float("inf")
    for age in (100, 7):
        await execute(
            trial,
            "insert into jobs.procrastinate_workers (last_heartbeat)"
            " values (clock_timestamp() - :age * interval '1 s')",
            {"age": age},
        )
    assert 7 <= await health.worker_seen_s(trial) < 60
    await execute(
        trial,
        "update jobs.procrastinate_workers set last_heartbeat = now() + interval '1 h'",
    )
    assert await health.worker_seen_s(trial) == 0.0  # a clock that was put back
