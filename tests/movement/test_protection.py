from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.movement.protection import (
    DESIGNATIONS_MAX,
    UNDATED,
    UNPROTECTED,
    State,
    class_of,
    cover,
    is_ramsar,
    states_of,
)

NAMES = {k: ("Ramsar site" if k == 3 else f"type {k}") for k in range(DESIGNATIONS_MAX)}
STATES = st.dictionaries(
    st.integers(0, DESIGNATIONS_MAX - 1),
    st.sampled_from([State.IN_FORCE, State.LATER, State.UNDATED]),
)


@given(STATES)
def test_a_class_says_every_state_and_fits_its_column(states) -> None:
    made = class_of(states)
    assert states_of(made) == states
    assert -1 <= made < 2**63


@given(STATES)
def test_what_holds_is_what_was_in_force_or_all_of_today(states) -> None:
    made = class_of(states)
    then, today = cover(made, NAMES, "at_time"), cover(made, NAMES, "today")
    assert set(then.holding) <= set(today.holding) == {NAMES[k] for k in states}
    assert set(then.holding) == {NAMES[k] for k, s in states.items() if s is State.IN_FORCE}
    assert set(then.undated) == {NAMES[k] for k, s in states.items() if s is State.UNDATED}
    assert not today.undated
    for each in (then, today):
        assert each.ramsar == any(is_ramsar(name) for name in each.holding)
        assert each.legal == any(not is_ramsar(name) for name in each.holding)
        assert (each.label == UNPROTECTED) == (not each.holding and not each.undated)
        assert (each.label == UNDATED) == (not each.holding and bool(each.undated))


@pytest.mark.parametrize(
    "name", ["Ramsar Site", "拉姆萨尔湿地", "ラムサール条約湿地", "람사르 습지", "Рамсарын газар"]
)
def test_a_listing_is_known_in_the_languages_of_the_region(name: str) -> None:
    assert is_ramsar(name)
