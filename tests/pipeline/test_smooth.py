"""Argos birds: smoothed before their stays are told, the same whatever came first."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from app.movement.density import LEVELS, count_hours
from app.movement.geodesy import distance_m
from app.movement.simulate import Flock, flock_csv, reference_csv
from app.pipeline.screen import screen
from app.pipeline.smooth import BESIDE, reach, smooth
from app.store import content, fixes
from app.store.audience import Audience
from app.store.engine import Store, execute
from app.store.sight import Filters
from app.store.smoothed import places
from app.store.windows import FAR_FUTURE, FAR_PAST, micros
from app.store.work import Span
from tests.flow.conftest import START_US, Service, flock, open_service

START = datetime.fromtimestamp(START_US // 1_000_000, UTC)
DAY = timedelta(days=1)
BIRD = flock(seed=7, birds=1, days=210, sensor="argos", interval_s=10_800.0, gross_error_share=0.01)


def rows_of(birds: Flock) -> tuple[bytes, list[bytes]]:
    head, *rows = flock_csv(birds).splitlines(keepends=True)
    return head, rows


async def derived_from(dsn: str, pushes: list[bytes]) -> Service:
    service = await open_service(dsn)
    await service.push(reference_csv(BIRD))
    for body in pushes:
        await service.push(body)
        await service.drain()
    return service


@pytest.fixture(scope="module")
def dsn(new_database) -> str:
    """The bird, pushed at once."""
    made = new_database()

    async def run() -> None:
        service = await derived_from(made, [flock_csv(BIRD)])
        await service.store.close()

    asyncio.run(run())
    return made


@pytest.fixture
async def argos(dsn) -> AsyncIterator[Service]:
    store = Store(dsn, pool_size=3, statement_timeout_s=60)
    yield Service(store, 1)
    await store.close()


async def test_every_visible_fix_is_placed_and_none_is_touched(argos) -> None:
    kept = await argos.rows("select time, lon, lat from fix where visible order by time")
    placed = await argos.rows("select * from smoothed_fix order by time")
    assert [row["time"] for row in placed] == [row["time"] for row in kept]
    assert {row["parameters"] for row in placed} == {"default/argos 1"}
    sent = BIRD.birds[0].sent
    true = np.searchsorted(sent.track.time_us, [micros(row["time"]) for row in placed])
    at = sent.true_lon[true], sent.true_lat[true]

    def off(rows) -> np.ndarray:
        columns = (np.array([row[c] for row in rows]) for c in ("lon", "lat"))
        return distance_m(*at, *columns)

    assert np.median(off(placed)) < 0.6 * np.median(off(kept))
    assert np.sqrt((off(placed) ** 2).mean()) < 0.4 * np.sqrt((off(kept) ** 2).mean())
    assert await argos.count("stopover") >= 3


async def test_the_order_of_arrival_changes_nothing(argos, new_database) -> None:
    """Thirds in any order, late rows strewn over all of them; and a rebuild of everything."""
    whole = (await argos.content())[f"Cranes / {BIRD.birds[0].local_identifier}"]
    head, rows = rows_of(BIRD)
    rng = np.random.default_rng(1)
    late = rng.random(len(rows)) < 0.02
    third = np.arange(len(rows)) * 3 // len(rows)
    pieces = [np.flatnonzero(~late & (third == k)) for k in rng.permutation(3)]
    bodies = [head + b"".join(rows[i] for i in some) for some in [*pieces, np.flatnonzero(late)]]
    service = await derived_from(new_database(), bodies)
    try:
        found = (await service.content())[f"Cranes / {BIRD.birds[0].local_identifier}"]
        assert content.differing(whole, found) == []
    finally:
        await service.store.close()


async def test_a_change_moves_its_half_year_alone(argos) -> None:
    low, high = reach(START + 200 * DAY, START + 201 * DAY)
    async with argos.store.engine.connect() as conn:
        await conn.begin()
        before = await content.of_bird(conn, 1)
        await execute(conn, "update smoothed_fix set weight = 2")
        window = await screen(conn, Span(1, 1, START + 200 * DAY, START + 201 * DAY))
        window, placed = await smooth(conn, window)
        assert window.smoothed
        assert placed.from_time <= low < high <= placed.to_time
        old = await execute(conn, "select time from smoothed_fix where weight = 2")
        assert old
        assert all(not low <= row["time"] < high for row in old)
        await smooth(conn, await screen(conn, Span(1, 1, FAR_PAST, FAR_FUTURE)))
        assert await content.of_bird(conn, 1) == before


async def test_gps_birds_pay_nothing(life) -> None:
    async with life.store.engine.connect() as conn:
        await conn.begin()
        window, placed = await smooth(conn, await screen(conn, Span(1, 1, FAR_PAST, FAR_FUTURE)))
        assert not window.smoothed
        assert (placed.from_time, placed.to_time) == (FAR_PAST, FAR_FUTURE)
        assert np.array_equal(placed.track.lon, window.fixes.track.lon[window.visible])
    assert await life.count("smoothed_fix") == 0


async def test_a_hidden_bird_is_told_by_its_own_people_alone(argos) -> None:
    async with argos.store.read() as conn:
        own = await fixes.smoothed(conn, argos.audience, 1, Filters(), fetch=10_000)
        other = await fixes.smoothed(conn, Audience("public", open=(1,)), 1, Filters(), fetch=9)
    assert len(own) == await argos.count("smoothed_fix")
    assert min(row[3] for row in own) > 0
    assert other == []


@pytest.mark.parametrize("days", [0, 13, 14.5, 100, 196, 197, 300])
def test_reach_ends_at_cuts_beside_which_all_is_heard(days) -> None:
    time = START + days * DAY
    low, high = reach(time, time)
    assert low <= time - BESIDE < time + BESIDE < high
    assert {(c.month, c.day) for c in (low, high)} <= {(1, 15), (7, 15)}
    assert high - low < 400 * DAY
    assert reach(FAR_PAST, FAR_FUTURE) == (FAR_PAST, FAR_FUTURE)


async def test_a_bird_is_drawn_and_counted_where_all_its_fixes_put_it(argos) -> None:
    corners = await argos.rows(
        "select distinct ST_X(p.geom) as lon, ST_Y(p.geom) as lat"
        " from track_part t, lateral ST_DumpPoints(t.line) as p"
    )
    placed = {(row["lon"], row["lat"]) for row in await argos.rows("select * from smoothed_fix")}
    assert len(corners) > 20
    assert {(row["lon"], row["lat"]) for row in corners} <= placed
    async with argos.store.read() as conn:
        time_us, place = await places(conn, 1, FAR_PAST, FAR_FUTURE)
    cells = count_hours(time_us, *place.T[:2], LEVELS)
    rows = await argos.rows(
        "select level, x, y, hours from density_cell where not public order by month, level, x, y"
    )
    assert [tuple(row.values()) for row in rows] == list(
        zip(*(column.tolist() for column in (cells.level, cells.x, cells.y, cells.hours)),
            strict=True)
    )  # fmt: skip
