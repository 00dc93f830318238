"""A bird of many rows is one bird, and a name holds within its study."""

from __future__ import annotations

from app.store.families import family_of


def row(bird: int, name: str, siblings: str | None = None, study: int = 1) -> dict:
    return {
        "individual_id": bird,
        "local_identifier": name,
        "siblings": siblings,
        "study_id": study,
    }


def test_rows_of_one_bird_are_one_bird():
    rows = [row(7, "a", "b"), row(7, "a", "b"), row(9, "b"), row(11, "c")]
    assert family_of(rows) == {7: 0, 9: 0, 11: 1}


def test_the_same_name_in_another_study_is_another_bird():
    assert family_of([row(7, "a", "b"), row(9, "b", study=2)]) == {7: 0, 9: 1}


def test_no_rows_have_no_families():
    assert family_of(iter(())) == {}
