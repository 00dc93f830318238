"""Readings live as long as a decoding that brought them is in force, whoever brought them first."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from app.store import readings, reference
from tests.flow.conftest import Service

FIRST = [{"tag": "4711", "time": f"2024-10-01T{hour:02}:00:00", "battery_v": 3.9 + hour / 100}
         for hour in range(3)]  # fmt: skip


def body(rows: list[dict], **more: object) -> bytes:
    return json.dumps({"fixes": rows, **more}).encode()


async def hours(service: Service) -> list[int]:
    async with service.store.read() as conn:
        (tag,) = await reference.tags(conn, service.audience, limit=9)
        between = (datetime(2024, 9, 30, tzinfo=UTC), None)
        rows = await readings.page(conn, service.audience, tag["ref"], between, fetch=99)
    return [row["time"].hour for row in rows]


async def test_a_zone_corrected_and_taken_back_loses_no_reading(service: Service) -> None:
    for zone, expected in (("UTC", [0, 1, 2]), ("UTC+8", [16, 17, 18]), ("UTC", [0, 1, 2])):
        kept = await service.push(body(FIRST), tz=zone)
        await service.drain()
        assert await hours(service) == expected
        assert (await service.receipt(kept.ref))["without_position"] == 3


async def test_a_reading_that_two_pushes_brought_outlives_one_of_them(service: Service) -> None:
    await service.push(body(FIRST))
    await service.push(body(FIRST[1:]))
    await service.push(body(FIRST), tz="UTC+8")
    await service.drain()
    assert sorted(await hours(service)) == [1, 2, 16, 17, 18]
