"""Stored stops: those of the whole track, however and in whatever order its fixes came."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest

from app.movement.simulate import flock_csv
from app.movement.stops import StopRule, centres, find_stops
from app.pipeline import stops as stage
from app.store import stopovers
from app.store.audience import PIPELINE, Audience
from app.store.sight import Filters
from app.store.windows import instant, load_fixes, micros
from tests.flow.conftest import flock, new_service, service

__all__ = ["new_service", "service"]

HEADER, *LINES = (
    flock_csv(flock(seed=21, birds=1, days=60, interval_s=3_600.0)).decode().splitlines()
)


def csv(lines):
    return "\n".join([HEADER, *lines]).encode() + b"\n"


async def stored(service):
    rows = await service.rows(
        "select start_time, end_time, ended, n_fixes, lon, lat from stop order by start_time"
    )
    return [tuple(row.values()) for row in rows]


async def expected(service):
    """Find the stops of the shown track in one go."""
    async with service.store.read() as conn:
        (bird,) = await service.rows("select id from individual")
        fixes = await load_fixes(conn, PIPELINE, bird["id"])
    track = fixes.track.take(fixes.visible)
    found = find_stops(track.time_us, track.lon, track.lat, StopRule())
    lon, lat, n_fixes = centres(track.time_us, track.lon, track.lat, found)
    return [
        (instant(a), instant(b), n_fixes[k], lon[k], lat[k])
        for k, (a, b) in enumerate(found.tolist())
    ]


async def agrees(service):
    found = await stored(service)
    assert [(row[0], row[1], *row[3:]) for row in found] == await expected(service)
    assert all(row[2] for row in found[:-1])


@pytest.mark.parametrize("seed", range(3))
async def test_pushes_in_any_order_give_the_stops_of_the_whole(service, seed):
    rng = random.Random(seed)
    cuts = sorted(rng.sample(range(1, len(LINES)), 5))
    parts = [LINES[a:b] for a, b in zip([0, *cuts], [*cuts, len(LINES)], strict=True)]
    rng.shuffle(parts)
    for part in parts:
        await service.push(csv(part))
        await service.drain()
        await agrees(service)
    assert len(await stored(service)) > 20


async def test_new_fixes_are_all_that_is_read(service, monkeypatch):
    await service.push(csv(LINES[:-30]))
    await service.drain()
    taken = []
    real = stage.extend_stops
    monkeypatch.setattr(stage, "extend_stops", lambda *a: taken.append(len(a[1])) or real(*a))
    await service.push(csv(LINES[-30:]))
    await service.drain()
    assert sum(taken) <= 30
    await agrees(service)


async def test_stops_keep_their_ids_while_they_stay_the_same(service):
    await service.push(csv(LINES[:800]))
    await service.drain()
    before = {row["ref"] for row in await service.rows("select ref from stop where ended")}
    await service.push(csv(LINES[800:]))
    await service.drain()
    after = {row["ref"] for row in await service.rows("select ref from stop")}
    assert before
    assert before <= after


async def test_a_bird_without_a_shown_fix_has_no_stop_and_no_state(service):
    await service.push(csv(LINES[:200]))
    await service.drain()
    assert await service.count("stop_state") == 1
    async with service.store.write() as conn:
        (bird,) = await service.rows("select id, study_id from individual")
        await conn.exec_driver_sql("update deployment set replaced_at = now()")
        await conn.exec_driver_sql(
            "insert into dirty (individual_id, study_id, from_time, to_time)"
            f" values ({bird['id']}, {bird['study_id']}, '-infinity', 'infinity')"
        )
    await service.drain()
    assert await service.count("stop") == 0
    assert await service.count("stop_state") == 0


async def test_only_the_owner_reads_them(service):
    await service.push(csv(LINES[:400]))
    await service.drain()
    async with service.store.read() as conn:
        everything = await stopovers.page(
            conn, service.audience, Filters(), fetch=1000, method="movingpandas"
        )
        opened = Audience("public", open=(service.study_id,))
        nothing = await stopovers.page(conn, opened, Filters(), fetch=1000, method="movingpandas")
        first = everything[0]
        assert await stopovers.find(conn, opened, first["id"]) is None
        assert (await stopovers.find(conn, service.audience, first["id"]))["id"] == first["id"]
    assert nothing == []
    assert len(everything) == await service.count("stop")
    assert {row["method"] for row in everything} == {"movingpandas"}


async def test_they_are_found_by_time_and_place(service):
    await service.push(csv(LINES[:400]))
    await service.drain()
    (row, *_) = await service.rows("select * from stop order by start_time")
    tick = timedelta(seconds=1)
    async with service.store.read() as conn:
        during = Filters(time_from=row["start_time"], time_to=row["start_time"] + tick)
        (found,) = await stopovers.page(
            conn, service.audience, during, fetch=10, method="movingpandas"
        )
    assert found["id"] == row["ref"]
    assert micros(found["departure_time_latest"]) == micros(row["end_time"])
    assert found["duration_min_s"] == (row["end_time"] - row["start_time"]).total_seconds()
