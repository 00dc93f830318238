"""What an observer corrected survives whatever is pushed, and goes without a trace."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest

from app.errors import BadInput, NotFound
from app.movement.simulate import flock_csv
from app.store import observations
from app.store.audience import Audience
from app.store.engine import execute
from app.store.observations import Correction
from app.store.work import mark_all_dirty
from tests.flow.conftest import Service, filled, flock
from tests.flow.edits import csv, stale

LIFE = flock(seed=9, birds=1, days=300, interval_s=21_600.0, gaps_per_year=0.0)
HEADER, *LINES = flock_csv(LIFE).decode().splitlines()
EARLY, LATE = LINES[:800], LINES[800:]
DAY = timedelta(days=1)

_STAYS = "select ref, arrival_time_latest as a, departure_time_earliest as b, kind, basis, season,"
_STAYS += " site_named from stopover order by arrival_time_latest"


@pytest.fixture(scope="module")
def early(new_database) -> str:
    return filled(new_database(), [csv(EARLY)])


@pytest.fixture(scope="module")
def whole(new_database) -> str:
    return filled(new_database(), [csv(LINES)])


async def corrected(service: Service, noun: str, key: dict, **said) -> dict:
    async with service.store.write() as conn:
        return await observations.correct(
            conn, service.audience, noun, key, Correction(said, "Kim", "seen")
        )


async def taken_back(service: Service, ref) -> None:
    async with service.store.write() as conn:
        await observations.take_back(conn, service.audience, ref)


async def states(service: Service) -> list[str]:
    async with service.store.read() as conn:
        return [row["state"] for row in await observations.page(conn, service.audience, limit=9)]


async def test_corrections_survive_late_data_and_go_without_a_trace(early, whole, new_copy) -> None:
    service = await new_copy(early)
    stays = await service.rows(_STAYS)
    k = len(stays) // 2
    row = stays[k]
    arrival = stays[k - 1]["b"] - (stays[k - 1]["b"] - stays[k - 1]["a"]) / 4
    made = await corrected(service, "stopover", {"stopover": row["ref"]},
                           arrival_time=arrival, kind="staging", site="Muraviovka")  # fmt: skip
    assert made["state"] == "waiting"
    assert await stale(service) == {}
    after = await service.rows(_STAYS)
    (seen,) = [each for each in after if each["ref"] == row["ref"]]
    assert (seen["a"], seen["kind"], seen["basis"], seen["site_named"]) == (
        arrival, "staging", "observer", "Muraviovka",
    )  # fmt: skip
    assert {each["b"] for each in after} >= {arrival}  # the neighbour gave way
    assert await states(service) == ["followed"]
    await service.push(csv(LATE))
    assert await stale(service) == {}
    then = await service.content()

    other = await new_copy(whole)  # everything at once, then the same correction
    plain = await other.content()
    (same,) = [r for r in await other.rows(_STAYS) if r["a"] <= row["a"] and row["b"] <= r["b"]]
    await corrected(other, "stopover", {"stopover": same["ref"]},
                    arrival_time=arrival, kind="staging", site="Muraviovka")  # fmt: skip
    await other.drain()
    assert await other.content() == then

    again = await corrected(service, "stopover", {"stopover": row["ref"]}, kind=None)
    assert again["said"].keys() == {"arrival_time", "site"}
    await taken_back(service, again["ref"])
    assert await stale(service) == {}
    assert await service.content() == plain
    assert await states(service) == ["taken back", "taken back"]


async def test_scripts_of_corrections_and_removals_equal_a_rebuild(whole, new_copy) -> None:
    service = await new_copy(whole)
    before = await service.content()
    rng = random.Random(5)
    (bird,) = await service.rows("select ref from individual")
    for _ in range(3):
        for _ in range(3):
            stay = rng.choice(await service.rows(_STAYS))
            low = stay["a"] + rng.uniform(-8, 2) * DAY
            high = stay["b"] + rng.uniform(-1, 8) * DAY
            if low < high:
                await corrected(service, "stopover", {"stopover": stay["ref"]},
                                arrival_time=low, departure_time=high)  # fmt: skip
        seasons = await service.rows("select season, end_time from season")
        some = rng.choice(seasons)
        await corrected(service, "season", {"individual": bird["ref"], "season": some["season"]},
                        end_time=some["end_time"] + rng.uniform(1, 9) * DAY)  # fmt: skip
        assert await stale(service) == {}
    for row in await service.rows("select ref from observation where undone_at is null"):
        await taken_back(service, row["ref"])
    await service.drain()
    assert await service.content() == before


async def test_a_leg_between_corrected_ends_is_as_long_as_its_times(whole, new_copy) -> None:
    service = await new_copy(whole)
    stays = await service.rows(_STAYS)
    legs = "select departure_time as a, arrival_time as b, observed_s + unobserved_s as told_s"
    legs += " from leg order by departure_time"
    before = await service.rows(legs)
    k = next(k for k, leg in enumerate(before) if leg["b"] - leg["a"] > DAY)
    away = timedelta(hours=2)  # fixes come every six
    await corrected(service, "stopover", {"stopover": stays[k]["ref"]},
                    departure_time=stays[k]["b"] + away)  # fmt: skip
    await corrected(service, "stopover", {"stopover": stays[k + 1]["ref"]},
                    arrival_time=stays[k + 1]["a"] - away)  # fmt: skip
    assert await stale(service) == {}
    after = await service.rows(legs)
    leg = after[k]
    assert (leg["a"], leg["b"]) == (before[k]["a"] + away, before[k]["b"] - away)
    assert all(leg["told_s"] == (leg["b"] - leg["a"]).total_seconds() for leg in after)


async def test_a_correction_of_what_is_gone_stays_listed(early, new_copy) -> None:
    service = await new_copy(early)
    stay = (await service.rows(_STAYS))[1]
    await corrected(service, "stopover", {"stopover": stay["ref"]}, kind="staging")
    with pytest.raises(BadInput):
        await corrected(service, "stopover", {"stopover": stay["ref"]}, arrival_time=stay["b"])
    stranger = Audience("institute", 99, exact=())
    with pytest.raises(NotFound):
        async with service.store.write() as conn:
            await observations.correct(conn, stranger, "stopover", {"stopover": stay["ref"]},
                                       Correction({"kind": "staging"}, "x"))  # fmt: skip
    await service.drain()
    hide = "update fix set live = false where time > :a"
    async with service.store.write() as conn:
        await execute(conn, hide, {"a": stay["a"] - DAY})
        await mark_all_dirty(conn)
    await service.drain()
    assert await states(service) == ["orphan"]
