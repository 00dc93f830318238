"""Who reads what: in full, through the public view, or not at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.store.audience import Audience, load_audience, own_and_opened, resolved
from app.store.engine import execute
from tests.store.flock import Flock

STUDY = st.fixed_dictionaries(
    {"institute_id": st.integers(1, 3), "visibility": st.sampled_from(["private", "open"]),
     "version": st.integers(0, 9)}
)  # fmt: skip
STUDIES = st.lists(STUDY, max_size=6).map(
    lambda rows: [{"id": n, **row} for n, row in enumerate(rows, start=1)]
)
CALLERS = st.sampled_from([(None, None), (None, 5), (1, 6), (2, 7), (9, 8)])


@given(STUDIES, CALLERS)
def test_own_studies_are_exact_opened_ones_of_others_are_open(studies, caller) -> None:
    institute, key = caller
    found = resolved({"studies": studies, "day": None}, institute_id=institute, key_id=key)
    for row in studies:
        own = key is not None and institute in {None, row["institute_id"]}
        opened = row["visibility"] == "open"
        assert (row["id"] in found.exact) is own
        assert (row["id"] in found.open) is (opened and not own)
    assert found.kind == ("public" if key is None else "institute" if institute else "operator")


@given(STUDIES, CALLERS, st.integers(0, 5))
def test_the_state_seen_changes_with_a_seen_study_alone(studies, caller, n) -> None:
    def seen(rows):
        state = {"studies": rows, "day": None}
        return resolved(state, institute_id=caller[0], key_id=caller[1])

    before = seen(studies)
    changed = [
        {**row, "version": row["version"] + (k == n)} for k, row in enumerate(studies)
    ]  # fmt: skip
    touched = n + 1 in {*before.exact, *before.open}
    assert (seen(changed).seen != before.seen) is touched
    assert seen(changed) == before  # who may see what stays the same


@given(STUDIES, st.integers(1, 4) | st.none())
def test_no_study_is_read_in_two_ways(studies, institute) -> None:
    own, opened = own_and_opened(studies, institute)
    assert set(own) & set(opened) == set()


@pytest.mark.parametrize(
    ("audience", "scope"),
    [(Audience("public"), "public"), (Audience("operator"), "operator"),
     (Audience("institute", 7), "institute:7")],
)  # fmt: skip
def test_each_class_of_readers_has_a_catalogue(audience, scope) -> None:
    assert audience.scope == scope


def test_a_key_does_what_its_scopes_say_and_no_more() -> None:
    pusher = Audience("institute", 1, 1, frozenset({"push"}))
    assert [pusher.may(scope) for scope in ("read", "push", "manage")] == [False, True, False]
    assert not Audience("public").may("read")


async def test_it_is_read_from_the_studies_that_are_there(trial, flock: Flock) -> None:
    assert (await load_audience(trial)).sql == {"exact": [], "open": []}
    await execute(trial, "insert into institute (name) values ('A'), ('B')")
    await execute(
        trial,
        "insert into study (institute_id, name, visibility) select i.id, v, v from institute i,"
        " unnest(array['private', 'open']) v order by i.id, v desc",
    )
    rows = await execute(trial, "select id, institute_id as i, name from study order by id")
    a_private, a_open, b_private, b_open = (row["id"] for row in rows)
    institute = rows[0]["i"]
    first = await load_audience(trial, institute_id=institute, key_id=1)
    assert first.sql == {"exact": [a_private, a_open], "open": [b_open]}
    assert (await load_audience(trial)).open == (a_open, b_open)
    assert b_private in (await load_audience(trial, key_id=1)).exact
    await execute(trial, "update study set version = 5 where id = :id", {"id": b_private})
    again = await load_audience(trial, institute_id=institute, key_id=1)
    assert again.seen == first.seen
    await execute(trial, "update study set version = 5 where id = :id", {"id": b_open})
    assert (await load_audience(trial, institute_id=institute, key_id=1)).seen != first.seen
