"""Stored stops and the state of their detector, kept from one delivery to the next."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from app.movement.stops import StopState
from app.store import derived, stops
from app.store.engine import execute
from tests.store.flock import START, Flock

HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def flock(new_database) -> Flock:
    flock = Flock(new_database())
    study = flock.study(flock.institute("Amur")[0], "Cranes")
    for name in "AB":
        flock.bird(study, name)
    return flock


def stop(first: int, last: int, **more):
    return {"start_time": START + first * HOUR, "end_time": START + last * HOUR, "ended": True,
            "n_fixes": 3, "lon": 127.0, "lat": 38.0, **more}  # fmt: skip


async def replaced(conn, since: int, *rows, bird: int = 1) -> list[tuple]:
    await stops.replace(conn, await derived.bird(conn, bird), START + since * HOUR, rows)
    found = await execute(
        conn,
        "select start_time, end_time, ref, ctid::text as version from stop"
        " where individual_id = :bird order by start_time",
        {"bird": bird},
    )
    return [((r["start_time"] - START) // HOUR, (r["end_time"] - START) // HOUR, r["ref"],
             r["version"]) for r in found]  # fmt: skip


async def test_a_state_comes_back_as_it_was_saved(trial) -> None:
    bird = await derived.bird(trial, 1)
    assert await stops.saved(trial, 1) is None
    for n in (0, 1, 3):
        state = StopState(np.arange(n), np.linspace(179, 180, n), np.linspace(-90, 90, n),
                          stopped=True, before=n > 1, start_us=5, last_us=-7)  # fmt: skip
        await stops.save(trial, bird, stops.Saved(START, state))
        back = await stops.saved(trial, 1)
        assert (back.through_time, back.state.to_bytes()) == (START, state.to_bytes())
        assert (back.state.stopped, back.state.before, back.state.last_us) == (True, n > 1, -7)
    assert await stops.saved(trial, 2) is None
    await stops.save(trial, bird, None)
    assert await stops.saved(trial, 1) is None


async def test_what_begins_later_is_replaced_and_what_began_before_stays(trial) -> None:
    before = await replaced(trial, 0, stop(0, 5), stop(10, 15), stop(20, 25))
    after = await replaced(trial, 10, stop(10, 15), stop(18, 30))
    assert after[:2] == before[:2]
    assert [row[:2] for row in after] == [(0, 5), (10, 15), (18, 30)]
    assert await replaced(trial, 1) == after[:1]


async def test_a_stop_that_grows_keeps_its_name(trial) -> None:
    ((*_, ref, version),) = await replaced(trial, 0, stop(0, 5, ended=False))
    ((_, last, same, grown),) = await replaced(trial, 0, stop(0, 9, n_fixes=4))
    assert (last, same) == (9, ref)
    assert grown != version


async def test_birds_are_apart(trial) -> None:
    await replaced(trial, 0, stop(0, 5))
    await replaced(trial, 0, stop(0, 5), bird=2)
    await replaced(trial, 0, bird=2)
    assert len(await replaced(trial, 1)) == 1


@pytest.mark.parametrize(
    ("changed", "begins"), [(3, None), (6, None), (16, 5), (25, 5), (26, 15), (99, 15)]
)
async def test_the_detector_begins_after_a_stop_that_another_one_proves_ended(
    trial, changed, begins
) -> None:
    """Stops end at 5, 15 and 25; one that only the data end says nothing of what came after."""
    await replaced(trial, 0, stop(0, 5), stop(10, 15), stop(20, 25), stop(30, 40, ended=False))
    found = await stops.beginning(trial, 1, START + changed * HOUR)
    assert found == (None if begins is None else START + begins * HOUR)


async def test_a_stop_cannot_end_before_it_begins(trial) -> None:
    with pytest.raises(Exception, match="ck_stop_order"):
        await replaced(trial, 0, stop(5, 0))
