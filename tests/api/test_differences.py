"""What changed between two answers."""

from __future__ import annotations

import copy

from hypothesis import given
from hypothesis import strategies as st

from app.api.differences import changes

VALUE = st.none() | st.integers(-9, 9) | st.text("ab", max_size=2)
ITEMS = st.dictionaries(
    st.sampled_from("abcd"), st.dictionaries(st.sampled_from(["n", "m"]), VALUE), max_size=4
)


@given(ITEMS, ITEMS)
def test_changes_are_none_between_equals_and_some_between_others(old, new) -> None:
    def answer(items):
        return {"items": [{"id": key, **values} for key, values in items.items()], "next": None}

    assert list(changes(answer(old), copy.deepcopy(answer(old)))) == []
    found = list(changes(answer(old), answer(new)))
    assert bool(found) == (old != new)
    assert {each["path"].split("/")[1] for each in found} == {
        key for key in old.keys() | new.keys() if old.get(key) != new.get(key)
    }
