"""Parameters: tried without a trace, set for a study, taken back exactly."""

from __future__ import annotations

import pytest

from app.errors import BadInput
from app.movement.simulate import flock_csv
from app.store import parameters, screening
from tests.flow.conftest import Service, flock
from tests.flow.edits import stale

EVENTS = flock_csv(flock(seed=4, birds=1, days=45, interval_s=14_400.0, gross_error_share=0.06))
SPECIES = "white_naped_crane"


@pytest.fixture
async def lived(service) -> Service:
    await service.push(EVENTS)
    await service.drain()
    return service


async def tried(service: Service, **said: float) -> dict:
    (bird,) = await service.rows("select ref from individual")
    async with service.store.write() as conn:
        asked = await screening.ask(conn, service.audience, bird["ref"], said)
    assert asked["found"] is None
    await service.drain()
    async with service.store.read() as conn:
        return (await screening.trial(conn, service.audience, asked["ref"]))["found"]


async def flags(service: Service) -> dict[str, int]:
    rows = await service.rows(
        "select code, count(*) as n from fix_flag where origin = 'track' group by code"
    )
    return {row["code"]: row["n"] for row in rows}


async def put(service: Service, **said: float) -> None:
    async with service.store.write() as conn:
        await parameters.put(
            conn, service.audience, service.study_id, SPECIES, said=said, note="tried"
        )


async def test_a_trial_tells_what_setting_them_does_and_its_removal_restores(lived) -> None:
    before, were = await lived.content(), await flags(lived)
    found = await tried(lived, speed_max_m_s=6.0)
    assert await lived.content() == before
    assert found["flagged"] == were
    assert found["flagged_tried"] != were
    assert found["newly_flagged"] > 0
    await put(lived, speed_max_m_s=6.0)
    assert await stale(lived) == {}
    assert await flags(lived) == found["flagged_tried"]
    made = await lived.rows("select distinct parameters from stopover")
    assert [row["parameters"] for row in made] == [found["parameters_tried"]]
    await put(lived, speed_max_m_s=7.0)
    async with lived.store.write() as conn:
        await parameters.take_back(conn, lived.audience, lived.study_id, SPECIES)
    assert await stale(lived) == {}
    assert await lived.content() == before


async def test_what_is_in_force_changes_nothing_when_tried(lived) -> None:
    found = await tried(lived, speed_max_m_s=35.0)
    assert (found["flagged"], found["changes"]) == (found["flagged_tried"], [])


async def test_limits_that_contradict_each_other_are_refused(lived) -> None:
    with pytest.raises(BadInput, match="below"):
        await put(lived, speed_max_m_s=90.0)
