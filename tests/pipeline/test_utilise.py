"""Areas follow the fixes season by season, and equal what a rebuild would give."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta

import pytest

from app.movement.methods import VERSION
from app.pipeline import run as flow
from app.pipeline import utilise
from app.pipeline.verify import verify
from app.store import measuring
from app.store.engine import execute
from tests.flow.conftest import Service, open_service

HEAD = (
    "timestamp,location-long,location-lat,individual-local-identifier,tag-local-identifier,"
    "individual-taxon-canonical-name"
)
ROWS = (
    "select season, method, level, area_km2, n_fixes, start_time, end_time, xmin::text as written"
    " from utilisation order by season, method, level"
)
WINTER, SUMMER = (116.1, 29.1), (123.5, 47.0)


def fixes(first: str, days: int, place: tuple[float, float], *, every_h: int = 6) -> list[str]:
    """Give a bird that wanders some kilometres around a place, the same in every run."""
    start = datetime.fromisoformat(first)
    lines = []
    for step in range(days * 24 // every_h):
        time = start + timedelta(hours=every_h * step)
        east, north = (step * 37 % 101 / 101 - 0.5), (step * 53 % 97 / 97 - 0.5)
        lines.append(f"{time},{place[0] + 0.04 * east:.6f},{place[1] + 0.04 * north:.6f}")
    return lines


def csv(*lines: str) -> bytes:
    return "\n".join([HEAD, *(f"{line},K1,T1,Grus vipio" for line in lines)]).encode()


def year() -> list[str]:
    return [
        *fixes("2020-12-10", 40, WINTER),
        *fixes("2021-05-25", 40, SUMMER),
        *fixes("2021-12-10", 40, WINTER),
    ]


@pytest.fixture
async def service(new_database: Callable[[], str]) -> AsyncIterator[Service]:
    made = await open_service(new_database())
    yield made
    await made.store.close()


@pytest.fixture
async def another(new_database: Callable[[], str]) -> AsyncIterator[Service]:
    made = await open_service(new_database())
    yield made
    await made.store.close()


async def test_seasons_are_measured_and_the_changed_one_alone_again(service: Service) -> None:
    await service.push(csv(*year()))
    await service.drain(areas=True)
    before = await service.rows(ROWS)
    seasons = {row["season"] for row in before}
    assert {"2020-wintering", "2021-breeding", "2021-wintering"} <= seasons
    homes = [row for row in before if row["season"].endswith(("wintering", "breeding"))]
    assert {row["method"] for row in homes} == {"kde", "akde", "bb", "dbb"}
    assert all(0 < row["area_km2"] < 100 for row in homes)
    assert await service.count("utilisation_due") == 0
    await service.push(csv(*fixes("2021-12-20 03:00", 10, WINTER)))
    await service.drain(areas=True)
    after = await service.rows(ROWS)
    late = "2021-wintering"
    assert [r for r in after if r["season"] != late] == [r for r in before if r["season"] != late]
    assert [r for r in after if r["season"] == late] != [r for r in before if r["season"] == late]
    assert [each.differs async for each in verify(service.store)] == [(), (), ()]


async def test_the_order_of_pushes_is_immaterial(service: Service, another: Service) -> None:
    lines = year()[:320]  # a winter and a summer
    await service.push(csv(*lines))
    await service.drain(areas=True)
    for part in (lines[200:], lines[:50], lines[50:200]):
        await another.push(csv(*part))
        await another.drain(areas=True)
    one, other = [(await each.content())["Cranes / K1"] for each in (service, another)]
    assert one["utilisation"] == other["utilisation"] != ""


async def test_a_resident_is_measured_as_a_whole(service: Service) -> None:
    await service.push(csv(*fixes("2021-09-01", 29, WINTER)))
    await service.drain(areas=True)
    assert await service.count("utilisation") == 0
    await service.push(csv(*fixes("2021-09-30", 5, WINTER)))
    await service.drain(areas=True)
    rows = await service.rows(ROWS)
    assert {row["season"] for row in rows} == {utilise.WHOLE}
    assert {row["start_time"].isoformat()[:10] for row in rows} == {"2021-09-01"}


async def test_a_bird_that_changed_meanwhile_is_measured_anew(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    await service.push(csv(*fixes("2021-09-01", 40, WINTER)))
    await service.drain(areas=True)
    before = await service.rows(ROWS)
    async with service.store.write() as conn:
        bird = (await execute(conn, "select id from individual"))[0]["id"]
        await execute(
            conn,
            "insert into utilisation_due (individual_id, study_id, from_time,"
            " to_time) select id, study_id, '-infinity', 'infinity' from individual",
        )
    measure = flow.measure

    async def interrupted(*arguments):
        found = await measure(*arguments)
        async with service.store.write() as conn:
            await execute(conn, "update utilisation_due set revision = revision + 1")
        return found

    monkeypatch.setattr(flow, "measure", interrupted)
    await flow.utilise_individual(service.store, bird)
    assert await service.rows(ROWS) == before
    assert await service.count("utilisation_due") == 1
    monkeypatch.undo()
    await flow.utilise_individual(service.store, bird)
    assert await service.count("utilisation_due") == 0
    async with service.store.read() as conn:
        assert len(await measuring.measured(conn, bird, VERSION)) == 1


async def test_a_failure_is_counted_and_the_work_stays(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    await service.push(csv(*fixes("2021-09-01", 3, WINTER)))
    await service.drain(areas=True)
    async with service.store.write() as conn:
        bird = (await execute(conn, "select id from individual"))[0]["id"]
        await execute(
            conn,
            "insert into utilisation_due (individual_id, study_id, from_time,"
            " to_time) select id, study_id, '-infinity', 'infinity' from individual",
        )

    async def broken(*_):
        raise ZeroDivisionError("no area")

    monkeypatch.setattr(flow, "measure", broken)
    with pytest.raises(ZeroDivisionError):
        await flow.utilise_individual(service.store, bird)
    (row,) = await service.rows("select attempts, last_error from utilisation_due")
    assert row == {"attempts": 1, "last_error": "ZeroDivisionError: no area"}
    await flow.utilise_individual(service.store, bird + 1)  # nothing waits of it: nothing is done
