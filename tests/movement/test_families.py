from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.movement.families import families

NAMES = "ABCDEF"


TOLD = st.sets(st.sampled_from([*NAMES, "Z"]), max_size=3)
ROWS = st.lists(st.tuples(st.sampled_from(NAMES), TOLD), unique_by=lambda row: row[0], max_size=6)


@given(ROWS, st.randoms(use_true_random=False))
def test_families_are_what_siblings_join(rows, random):
    birds = {n: (name, ", ".join(sorted(told)) or None) for n, (name, told) in enumerate(rows)}
    found = families(birds)
    number = {name: n for n, (name, _) in birds.items()}
    for n, (_, told) in enumerate(rows):
        assert all(found[n] == found[number[each]] for each in told if each in number)
    assert all(found[root] == root for root in found.values())
    # Nobody else is joined: what can be reached from sibling to sibling.
    linked = {n: {n} for n in birds}
    for n, (_, told) in enumerate(rows):
        for each in told & number.keys():
            linked[n].add(number[each])
            linked[number[each]].add(n)
    for _ in birds:
        linked = {n: set().union(*(linked[m] for m in near)) for n, near in linked.items()}
    assert found == {n: min(near) for n, near in linked.items()}
    shuffled = list(birds.items())
    random.shuffle(shuffled)
    assert families(dict(shuffled)) == found


def test_siblings_are_parted_as_people_write_them():
    assert families({1: ("A", "B;C"), 2: ("B", None), 3: ("C", None)}) == {1: 1, 2: 1, 3: 1}
