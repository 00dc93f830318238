"""The simulated study: made once, open at once, and only where nobody brought anything in."""

from __future__ import annotations

import pytest

from app.store import simulated
from app.store.engine import execute


async def test_an_empty_service_is_empty_until_somebody_comes(trial):
    assert await simulated.is_empty(trial)
    await execute(trial, "insert into institute (name) values ('Amur')")
    assert await simulated.is_empty(trial)  # an institute has brought nothing yet
    await execute(
        trial, "insert into study (institute_id, name) select id, 'Cranes' from institute"
    )
    assert not await simulated.is_empty(trial)


async def test_a_start_that_was_cut_short_is_still_empty_and_a_push_is_not(trial):
    ref = await simulated.create(trial, "Flock")
    assert await simulated.is_empty(trial)
    await execute(
        trial,
        "insert into push (study_id, digest, size_bytes)"
        " select id, '\\x00', 1 from study where ref = :ref",
        {"ref": ref},
    )
    assert not await simulated.is_empty(trial)


@pytest.mark.parametrize("times", [1, 3])
async def test_it_is_open_without_delay_and_made_once(trial, times):
    refs = {await simulated.create(trial, "Flock") for _ in range(times)}
    assert len(refs) == 1
    (study,) = await execute(
        trial,
        "select s.name, visibility, release_delay_s, simulated, opened_at is not null as opened,"
        " i.name as institute from study s join institute i on i.id = s.institute_id",
    )
    assert study == {"name": "Flock", "visibility": "open", "release_delay_s": 0,
                     "simulated": True, "opened": True,
                     "institute": simulated.INSTITUTE}  # fmt: skip
