from __future__ import annotations

from collections.abc import Callable

import pytest

from app.store import sight
from app.store.sight import Box, Filters, Where
from tests.store.flock import Flock


@pytest.fixture(scope="module")
def flock(new_database: Callable[[], str]) -> Flock:
    return Flock(new_database())


def _plan(flock: Flock, relation: str, condition: str = "true") -> str:
    bound = relation.replace(":exact", "array[1]").replace(":open", "array[2]")
    return flock.explain(f"select * from {bound} as x where {condition}")


BOX = "x.shape && st_makeenvelope(127, 38, 128, 39, 4326)"


def test_a_box_reaches_the_index_through_the_relation(flock: Flock) -> None:
    assert "ix_stopover_centre" in _plan(flock, sight.STOPOVER, BOX)
    assert "ix_track_part_line" in _plan(flock, f"({sight.TRACK_EXACT})", BOX)


@pytest.mark.parametrize(
    ("relation", "index"),
    [
        (sight.STOPOVER, "ix_stopover_study"),
        (sight.LEG, "ix_leg_study"),
        (sight.POSITION, "pk_public_fix"),
        (f"({sight.TRACK_OPEN % {'narrowed': ''}})", "ix_public_fix_study"),
    ],
)
def test_a_relation_reads_by_index(flock: Flock, relation: str, index: str) -> None:
    assert index in _plan(flock, relation)


def test_a_box_across_the_antimeridian_is_two_spans() -> None:
    assert Box(170, 0, -170, 1).spans == [(170, 180.0), (-180.0, -170)]
    assert Box(-170, 0, 170, 1).spans == [(-170, 170)]


def test_every_value_of_a_filter_is_bound() -> None:
    chosen = Where({}).box(Filters(box=Box(1.25, 2.5, 3.75, 4.5)))
    assert "1.25" not in chosen.sql
    assert set(chosen.values) == {"west0", "east0", "south", "north"}


def test_no_condition_keeps_every_row() -> None:
    assert Where({}).birds(Filters()).season(Filters()).box(Filters()).sql == "true"


def test_each_open_branch_waits_for_the_release() -> None:
    relations = (sight.STOPOVER, sight.LEG, sight.SEASON, sight.POSITION, sight.TRACK_OPEN)
    for relation in relations:
        waits = relation.count("release_at <= date_trunc('day', now(), 'UTC')")
        assert waits >= relation.count(":open") > 0
