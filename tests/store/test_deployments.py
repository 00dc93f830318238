"""Who wore a tag when: ranges are half-open, never overlap, and every change is kept and marked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest

from app.errors import Conflict
from app.store import deployments, implied, work
from app.store.engine import Store, execute
from tests.store.flock import Flock

MARCH, APRIL, MAY = (datetime(2024, month, 1, tzinfo=UTC) for month in (3, 4, 5))
HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def flock(new_database) -> Flock:
    """Give birds 1 and 2, and a tag 1 with one fix at the start of each month."""
    flock = Flock(new_database())
    institute, _ = flock.institute("Amur")
    study = flock.study(institute, "cranes")
    for name in ("A", "B"):
        flock.bird(study, name)
    flock.insert("tag", study_id=study, local_identifier="T")
    for time in (MARCH, APRIL, MAY):
        flock.insert(
            "fix", tag_id=1, time=time, sensor=0, variant=1, study_id=study, decoding_id=1,
            visible=True, lon=127.0, lat=38.0, error_m=10.0,
        )  # fmt: skip
    return flock


@pytest.fixture
async def conn(flock):
    """Give a transaction that is rolled back, so that the tests share one database."""
    store = Store(flock.dsn, pool_size=1)
    async with store.engine.connect() as conn:
        yield conn
    await store.close()


async def declare(conn, bird, on=None, off=None, **more):
    return await deployments.declare(conn, 1, 1, bird, deploy_on=on, deploy_off=off, **more)


async def worn(conn):
    rows = await execute(
        conn,
        "select individual_id as bird, lower(during) as first, upper(during) as last"
        " from deployment where replaced_at is null order by during",
    )
    return [tuple(row.values()) for row in rows]


async def test_one_bird_ends_where_the_next_begins(conn):
    await declare(conn, 1, MARCH, APRIL)
    await declare(conn, 2, APRIL, MAY)
    assert await worn(conn) == [(1, MARCH, APRIL), (2, APRIL, MAY)]
    spans = [await work.take_span(conn, bird) for bird in (1, 2)]
    # The fix of the boundary is the second bird's alone; that of the end is nobody's.
    assert [(s.from_time, s.to_time) for s in spans] == [(MARCH, MARCH), (APRIL, APRIL)]


@pytest.mark.parametrize(("on", "off"), [(MARCH, APRIL + HOUR), (None, None), (APRIL, None)])
async def test_a_tag_is_on_one_bird_at_a_time(conn, on, off):
    await declare(conn, 1, APRIL, MAY)
    with pytest.raises(Conflict) as refused:
        await declare(conn, 2, on, off)
    assert refused.value.code == "deployment-overlaps"


@pytest.mark.parametrize("on", [APRIL, MAY])
async def test_a_range_without_time_is_refused(conn, on):
    stands = await declare(conn, 1, None, MARCH)
    for ask in (declare(conn, 1, on, APRIL),
                deployments.amend(conn, stands, deploy_on=on, deploy_off=APRIL),
                deployments.split(conn, stands, at=MARCH, individual_id=2)):  # fmt: skip
        with pytest.raises(Conflict) as refused:
            await ask
        assert refused.value.code == "deployment-empty"
    assert await worn(conn) == [(1, None, MARCH)]


async def test_the_same_statement_again_changes_and_marks_nothing(conn):
    made = await declare(conn, 1, MARCH, APRIL, local_identifier="d1")
    await work.take_span(conn, 1)
    assert await declare(conn, 1, MARCH, APRIL, local_identifier="d1") == made
    assert await work.take_span(conn, 1) is None


async def test_a_known_identifier_replaces_and_the_old_row_is_kept(conn):
    await declare(conn, 1, MARCH, APRIL, local_identifier="d1")
    await declare(conn, 2, MARCH, MAY, local_identifier="d1")
    assert await worn(conn) == [(2, MARCH, MAY)]
    assert len(await execute(conn, "select 1 from deployment where replaced_at is not null")) == 1


async def test_an_amended_range_keeps_its_public_name_and_marks_both_ranges(conn):
    old = await declare(conn, 1, MARCH, APRIL)
    await work.take_span(conn, 1)
    await deployments.amend(conn, old, deploy_on=MAY, deploy_off=None)
    refs = await execute(conn, "select distinct ref from deployment")
    assert len(refs) == 1
    span = await work.take_span(conn, 1)
    assert (span.from_time, span.to_time) == (MARCH, MAY)
    with pytest.raises(Conflict, match="somebody else"):
        await deployments.amend(conn, old, deploy_on=MARCH, deploy_off=None)


async def named(conn, *namings):
    """Let event rows name birds for the tag, each in a push of its own."""
    for number, (bird, first) in enumerate(namings, start=1):
        await execute(
            conn,
            "with p as (insert into push (study_id, digest, size_bytes)"
            "  values (1, int4send(:n), 1) returning id),"
            " d as (insert into decoding (study_id, push_id, number, tz) select 1, id, 1, 'UTC'"
            "  from p returning id)"
            " insert into naming (decoding_id, tag_id, individual_id, study_id, time_first,"
            "  time_last) select id, 1, :bird, 1, :first, :first from d",
            {"n": number, "bird": bird, "first": first},
        )
        await implied.imply(conn, [1])


async def test_one_name_means_the_tag_was_always_its(conn):
    await named(conn, (1, APRIL))
    assert await worn(conn) == [(1, None, None)]


@pytest.mark.parametrize("order", list(permutations([(1, MARCH), (2, APRIL), (1, MAY)])))
async def test_what_names_imply_does_not_depend_on_their_order(conn, order):
    await named(conn, *order)
    assert await worn(conn) == [(1, None, APRIL), (2, APRIL, MAY), (1, MAY, None)]


async def test_a_statement_voids_what_names_imply_until_it_is_withdrawn(conn):
    await named(conn, (1, MARCH))
    stated = await declare(conn, 2, APRIL, MAY)
    await implied.imply(conn, [1])
    assert await worn(conn) == [(2, APRIL, MAY)]
    await deployments.withdraw(conn, stated)
    assert await worn(conn) == [(1, None, None)]


async def test_edited_or_split_what_names_imply_states_the_other_birds_as_they_stand(conn):
    whole = [(1, None, APRIL), (2, APRIL, MAY), (1, MAY, None)]
    shown = "select id, ref, declared from deployment where replaced_at is null order by during"
    await named(conn, (1, MARCH), (2, APRIL), (1, MAY))
    before = await execute(conn, shown)
    await execute(conn, "delete from dirty")
    told = {"deploy_on": None, "deploy_off": APRIL, "terms": {"study-site": "Weir"}}
    described = await deployments.amend(conn, before[0]["id"], **told)
    assert await worn(conn) == whole
    after = await execute(conn, shown)
    assert [row["ref"] for row in after] == [row["ref"] for row in before]
    assert {row["declared"] for row in before} == {False} != {row["declared"] for row in after}
    await deployments.split(conn, described, at=MARCH + HOUR, individual_id=2)
    assert await worn(conn) == [(1, None, MARCH + HOUR), (2, MARCH + HOUR, APRIL), *whole[1:]]
    assert await execute(conn, "select from dirty") == []
    (first, *_) = await execute(conn, shown)
    with pytest.raises(Conflict) as overlap:
        await deployments.amend(conn, first["id"], deploy_on=None, deploy_off=MAY)
    assert overlap.value.code == "deployment-overlaps"
