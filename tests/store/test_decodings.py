"""How pushes come to be read: which go together, their tries, their failure, and again."""

from __future__ import annotations

from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.errors import NotFound
from app.store import decodings, inbox, work
from app.store.audience import Audience
from app.store.engine import execute
from tests.store.flock import START, Flock, ref_of

OWNER = Audience("institute", 1, 1, exact=(1,))


@pytest.fixture(scope="module")
def flock(new_database):
    flock = Flock(new_database())
    for number in (1, 2):
        study = flock.study(flock.institute(f"i{number}")[0], f"{number}")
        flock.tag(study, f"T{number}", flock.bird(study, "A"))
    return flock


async def push(conn, name, *, study=1, size=10, **decoding) -> int:
    """Add a push with its first decoding; return the decoding."""
    (row,) = await execute(
        conn,
        "insert into push (study_id, digest, size_bytes, ref)"
        " values (:study, convert_to(:name, 'UTF8'), :size, :ref) returning id",
        {"study": study, "name": name, "size": size, "ref": ref_of("push", name)},
    )
    return await reading(conn, row["id"], study=study, **decoding)


async def reading(conn, push_id, *, study=1, number=1, state="received", stored=0, duplicates=0,
                  attempts=0, fixes=False, tz="UTC") -> int:  # fmt: skip
    (row,) = await execute(
        conn,
        "insert into decoding (study_id, push_id, number, tz, state, units, records, stored,"
        " duplicates, attempts, tag_ids, time_first, time_last) values (:study, :push, :number,"
        " :tz, :state, :n, :n, :stored, :duplicates, :attempts,"
        " cast(:tags as int[]), :first, :last) returning id",
        {"study": study, "push": push_id, "number": number, "tz": tz, "state": state,
         "n": stored + duplicates, "stored": stored, "duplicates": duplicates,
         "attempts": attempts, "tags": [study] if fixes else [],
         "first": START if fixes else None, "last": START if fixes else None},
    )  # fmt: skip
    return row["id"]


async def of(conn, decoding_id, *columns):
    (row,) = await execute(
        conn, f"select {', '.join(columns)} from decoding where id = :id", {"id": decoding_id}
    )
    return tuple(row.values())


SMALL = work.SMALL_BYTES
SIZES = st.sampled_from([1, 100_000, SMALL, SMALL + 1])
PUSHES = st.lists(st.tuples(SIZES, st.sampled_from(["received", "failed"]), st.integers(0, 1),
                            st.integers(1, 2)), max_size=14)  # fmt: skip


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(PUSHES)
async def test_small_ones_that_were_never_tried_go_together_oldest_first(flock, pushes) -> None:
    async with flock.trial() as conn:
        wanted, size = [], 0
        for n, (bytes_, state, attempts, study) in enumerate(pushes):
            made = await push(conn, f"{n}", study=study, size=bytes_, state=state,
                              attempts=attempts)  # fmt: skip
            if (state, attempts, study) == ("received", 0, 1) and bytes_ <= SMALL:
                size += bytes_
                if size <= decodings.TOGETHER_BYTES:
                    wanted.append(made)
        assert await decodings.small(conn, 1) == wanted


async def test_at_most_so_many_go_together(trial, monkeypatch) -> None:
    monkeypatch.setattr(decodings, "TOGETHER_MAX", 3)
    made = [await push(trial, f"{n}") for n in range(5)]
    assert await decodings.small(trial, 1) == made[:3]


async def test_what_is_taken_still_waits_and_comes_oldest_first(trial) -> None:
    first, done, last = [
        await push(trial, name, state=state)
        for name, state in (("a", "received"), ("b", "stored"), ("c", "received"))
    ]
    taken = await decodings.take(trial, [last, done, first, 10**9])
    assert [row["id"] for row in taken] == [first, last]
    assert (taken[0]["tz"], taken[0]["number"], taken[0]["stored"]) == ("UTC", 1, 0)


async def test_a_second_worker_waits_for_what_is_taken(store, flock, meets) -> None:
    async with store.write() as conn:
        made = await push(conn, "shared")
    seen: list[int] = []

    async with store.engine.connect() as one:
        await one.begin()
        assert len(await decodings.take(one, [made])) == 1

        async def finish() -> None:
            assert seen == []
            await execute(one, "update decoding set state = 'stored' where id = :id", {"id": made})
            await one.commit()

        async def other() -> None:
            async with store.write() as conn:
                seen.append(len(await decodings.take(conn, [made])))

        await meets(finish, other())
    assert seen == [0]


async def test_tries_are_counted_and_taken_back_but_never_below_none(trial) -> None:
    one, two = await push(trial, "a"), await push(trial, "b", attempts=3)
    assert await decodings.count_attempts(trial, [one, two]) == {one: 1, two: 4}
    for _ in range(2):
        await decodings.forgive_attempts(trial, [one, two])
    assert [await of(trial, each, "attempts") for each in (one, two)] == [(0,), (2,)]
    assert await decodings.count_attempts(trial, []) == {}


async def test_a_failure_keeps_its_reason_and_nothing_waits_for_it(trial) -> None:
    made = await push(trial, "a")
    await execute(
        trial, "insert into push_wait (decoding_id, subject) values (:id, 'individual:1')",
        {"id": made},
    )  # fmt: skip
    problem = {"code": "empty", "detail": 'It is "empty"; 空.', "remedy": "Send it."}
    await decodings.fail(trial, made, problem)
    assert await of(trial, made, "state", "problem") == ("failed", problem)
    assert await execute(trial, "select * from push_wait") == []


async def test_only_what_was_given_up_by_count_is_listed_newest_first(trial) -> None:
    told = {"code": inbox.GIVEN_UP, "remedy": "r"}
    for n, name in enumerate("abc"):
        await decodings.fail(trial, await push(trial, name), told | {"detail": f"{n}"})
    await decodings.fail(trial, await push(trial, "d"), told | {"code": "empty", "detail": "x"})
    gone = await push(trial, "e")
    await decodings.fail(trial, gone, told | {"detail": "replaced"})
    await execute(trial, "update decoding set replaced_at = now() where id = :id", {"id": gone})
    found = await decodings.given_up(trial)
    assert found == [
        {"ref": str(ref_of("push", name)), "detail": f"{2 - n}"} for n, name in enumerate("cba")
    ]
    assert await decodings.given_up(trial, limit=1) == found[:1]


async def fix(conn, decoding_id, *, tag=1, variant=1) -> None:
    await execute(
        conn,
        "insert into fix (tag_id, time, sensor, variant, study_id, decoding_id, visible, lon, lat,"
        " error_m) values (:tag, :time, 0, :variant, :tag, :id, true, 1, 1, 1)",
        {"tag": tag, "time": START, "variant": variant, "id": decoding_id},
    )


async def test_replaced_is_all_an_earlier_reading_brought_and_nothing_else(trial) -> None:
    old = await push(trial, "a", state="processed", stored=1, fixes=True)
    (push_id,) = await of(trial, old, "push_id")
    new = await reading(trial, push_id, number=2)
    other = await push(trial, "b", state="processed", stored=1, fixes=True)
    await fix(trial, old)
    await fix(trial, other, variant=2)
    await decodings.replace_earlier(trial, push_id, 2)
    gone = [(await of(trial, id_, "replaced_at is not null"))[0] for id_ in (old, new, other)]
    assert gone == [True, False, False]
    live = await execute(trial, "select decoding_id, live from fix order by decoding_id")
    assert [(row["decoding_id"], row["live"]) for row in live] == [(old, False), (other, True)]
    (dirty,) = await execute(trial, "select individual_id, from_time, to_time from dirty")
    assert tuple(dirty.values()) == (1, START, START)


async def test_what_another_push_delivered_as_well_is_read_again(trial) -> None:
    old = await push(trial, "a", state="processed", stored=1, fixes=True)
    twin = await push(trial, "b", state="processed", duplicates=1, attempts=2, fixes=True)
    far = await push(trial, "c", study=2, state="processed", duplicates=1, fixes=True)
    plain = await push(trial, "d", state="stored", stored=1, fixes=True)
    await decodings.replace_earlier(trial, (await of(trial, old, "push_id"))[0], 2)
    assert [await of(trial, each, "state", "attempts") for each in (twin, far, plain)] == [
        ("received", 0), ("processed", 0), ("stored", 0),
    ]  # fmt: skip


async def test_a_reading_that_brought_nothing_is_replaced_quietly(trial) -> None:
    old = await push(trial, "a", state="failed")
    await decodings.replace_earlier(trial, (await of(trial, old, "push_id"))[0], 2)
    assert await of(trial, old, "replaced_at is not null") == (True,)
    assert await execute(trial, "select * from dirty") == []


async def test_read_in_another_way_is_a_new_reading_and_the_old_one_stays(trial) -> None:
    old = await push(trial, "a", state="processed")
    how = inbox.Reading("gpx", "UTC+8")
    kept = await decodings.decode_again(trial, OWNER, ref_of("push", "a"), how)
    assert (kept.replayed, kept.ref) == (False, ref_of("push", "a"))
    assert await of(trial, kept.decoding_id, "number", "state", "format", "tz") == (
        2, "received", "gpx", "UTC+8",
    )  # fmt: skip
    assert await of(trial, old, "replaced_at", "state") == (None, "processed")
    again = await decodings.decode_again(trial, OWNER, ref_of("push", "a"), how)
    assert (again.decoding_id, again.replayed) == (kept.decoding_id, True)


async def test_the_same_way_again_revives_what_was_given_up(trial) -> None:
    made = await push(trial, "a")
    await decodings.fail(trial, made, {"code": inbox.GIVEN_UP, "detail": "d", "remedy": "r"})
    how = inbox.Reading(None, "UTC")
    kept = await decodings.decode_again(trial, OWNER, ref_of("push", "a"), how)
    assert (kept.decoding_id, kept.replayed) == (made, True)
    assert await of(trial, made, "state", "problem", "attempts") == ("received", None, 0)


async def test_a_strangers_push_is_as_one_that_is_not_there(trial) -> None:
    await push(trial, "theirs", study=2)
    told = []
    for ref in (ref_of("push", "theirs"), uuid4()):
        with pytest.raises(NotFound) as missing:
            await decodings.decode_again(trial, OWNER, ref, inbox.Reading(None, "UTC"))
        told.append((missing.value.detail, missing.value.remedy))
    assert told[0] == told[1]
