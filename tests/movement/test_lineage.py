from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.movement.lineage import DAY_S, Change, changes, heirs, shared_days


def stays(*days, bird=1):
    return [(bird, d * DAY_S, (d + 1) * DAY_S) for d in days]


def test_stays_are_told_by_bird_and_time():
    old = {1: stays(0, 1) + stays(5, bird=2)}
    shared = shared_days(old, {"a": stays(1, 9), "b": stays(0, bird=2), "c": stays(5, bird=2)})
    assert shared == {
        (1, "a"): pytest.approx(1.0, abs=1e-4), (1, "c"): pytest.approx(1.0, abs=1e-4),
    }  # fmt: skip


def test_stays_that_the_public_sees_without_length_are_shared_too():
    point = {1: [(4, 100.0, 100.0)]}
    assert shared_days(point, {"a": [(4, 100.0, 100.0)]})[1, "a"] > 0


def told(old_keys, old, new, named=()):
    shared = shared_days(old, new)
    found = heirs(old_keys, sorted(new), shared, named=named)
    gone = [site for site in old_keys if site not in found.values()]
    return found, changes(shared, found, gone)


def test_two_that_merge_are_the_greater_one_and_the_other_is_told():
    found, what = told({1: "a", 2: "b"}, {1: stays(0), 2: stays(10, 11, 12)},
                       {"c": stays(0, 10, 11, 12)})  # fmt: skip
    assert found == {"c": 2}
    assert what == [Change("merged", 1, "c", pytest.approx(1.0, abs=1e-3))]


def test_one_that_splits_is_the_greater_part_and_the_other_is_new():
    found, what = told({1: "a"}, {1: stays(0, 10, 20)}, {"b": stays(0), "c": stays(10, 20)})
    assert found == {"c": 1}
    assert what == [Change("split", 1, "b", pytest.approx(1.0, abs=1e-3))]


def test_one_whose_stays_are_gone_ends():
    assert told({1: "a"}, {1: stays(0)}, {"b": stays(9)}) == ({}, [Change("ended", 1, None, 0.0)])


def test_a_name_is_continued_by_itself_alone():
    found, what = told({1: "Poyang", 2: "x"}, {1: stays(0, 2, 4), 2: stays(30)},
                       {"Poyang": stays(30), "y": stays(0, 2, 4)}, {"Poyang"})  # fmt: skip
    assert found == {"Poyang": 1}
    assert [(c.kind, c.origin, c.target) for c in what] == [
        ("split", 1, "y"), ("merged", 2, "Poyang"),
    ]  # fmt: skip


def test_of_equals_the_same_key_then_the_older_site_comes_first():
    old = {1: stays(0), 2: stays(9)}
    assert told({1: "a", 2: "b"}, old, {"b": stays(0, 9)})[0] == {"b": 2}
    assert told({1: "a", 2: "b"}, old, {"c": stays(0, 9)})[0] == {"c": 1}


def test_a_stray_stay_is_no_split():
    old = {1: stays(*range(0, 60, 2))}
    _, what = told({1: "a"}, old, {"a": stays(*range(0, 58, 2)), "b": stays(58)})
    assert what == []


KEYS = st.sampled_from("abcde")
SITES = st.dictionaries(KEYS, st.sets(st.integers(0, 12), max_size=5), max_size=4)


@settings(max_examples=80)
@given(SITES, SITES, st.randoms(use_true_random=False))
def test_identities_are_never_shared_and_order_is_immaterial(before, after, random):
    old_keys = dict(enumerate(sorted(before), start=1))
    old = {site: stays(*(2 * d for d in before[key])) for site, key in old_keys.items()}
    new = {key: stays(*(2 * d for d in days)) for key, days in after.items()}
    found, what = told(old_keys, old, new)
    assert len(set(found.values())) == len(found)
    for spans in (*old.values(), *new.values()):
        random.shuffle(spans)
    again = dict(sorted(new.items(), reverse=True))
    assert told(dict(reversed(old_keys.items())), old, again) == (found, what)
    ended = set(old_keys) - set(found.values())
    assert {c.origin for c in what if c.kind != "split"} == ended
    assert all(c.target in new and c.target not in found for c in what if c.kind == "split")
    # Unchanged, everything stays what it was.
    same = {key: old[site] for site, key in old_keys.items()}
    disjoint = sum(map(len, before.values())) == len(set().union(*before.values()))
    if disjoint:
        kept, nothing = told(old_keys, old, same)
        assert kept == {key: site for site, key in old_keys.items()} and nothing == []
