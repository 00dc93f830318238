"""What a person decided about a fix wins, outlives every delivery, and can be taken back whole."""

from __future__ import annotations

import pytest

from app.movement.simulate import flock_csv, reference_csv
from app.store import verdicts
from tests.flow.conftest import Service, flock

BIRDS = flock(seed=9, birds=1, days=40)
EVENTS, REFERENCE = flock_csv(BIRDS), reference_csv(BIRDS)

_FIX = """
select f.tag_id, f.time, f.sensor, f.variant, f.lon, f.lat, f.visible, t.ref as tag
from fix f join tag t on t.id = f.tag_id where f.live
"""


async def pushed(service: Service) -> None:
    await service.push(REFERENCE)
    await service.push(EVENTS)
    await service.drain()


async def chosen(service: Service, *, visible: bool) -> dict:
    rows = await service.rows(
        f"{_FIX} and f.visible = :visible order by f.time, f.tag_id offset 15 limit 1"
        if visible
        else f"{_FIX} and f.visible = :visible order by f.time limit 1",
        visible=visible,
    )
    return rows[0]


async def decided(service: Service, fix: dict, verdict: str) -> dict:
    name = verdicts.FixName(
        time=fix["time"], tag=fix["tag"], sensor=fix["sensor"], variant=fix["variant"]
    )
    async with service.store.write() as conn:
        row = await verdicts.decide(
            conn, service.audience, name, verdict=verdict, reason="seen at the office"
        )
    await service.drain()
    return row


async def undone(service: Service, verdict_id: int) -> None:
    async with service.store.write() as conn:
        await verdicts.undo(conn, service.audience, verdict_id)
    await service.drain()


async def shown(service: Service, fix: dict) -> list[bool]:
    """Return whether the fix is shown, wherever in time another zone has put it."""
    rows = await service.rows(
        f"{_FIX} and f.tag_id = :tag_id and f.variant = :variant",
        tag_id=fix["tag_id"], variant=fix["variant"],
    )  # fmt: skip
    return [row["visible"] for row in rows]


@pytest.mark.parametrize("verdict", ["hide", "show"])
async def test_a_verdict_wins_and_its_undo_restores_everything(service, verdict) -> None:
    await pushed(service)
    before = await service.content()
    fix = await chosen(service, visible=verdict == "hide")
    row = await decided(service, fix, verdict)
    assert await shown(service, fix) == [verdict == "show"]
    changed = await service.content()
    assert changed != before
    await service.push(EVENTS)
    header, *lines = EVENTS.decode().splitlines()
    await service.push("\n".join([header, *reversed(lines)]).encode() + b"\n")
    await service.drain()
    assert await service.content() == changed
    await undone(service, row["id"])
    assert await service.content() == before


async def test_a_verdict_follows_its_fix_into_another_zone_and_back(service) -> None:
    await pushed(service)
    before = await service.content()
    fix = await chosen(service, visible=True)
    row = await decided(service, fix, "hide")
    changed = await service.content()
    await service.push(EVENTS, tz="UTC+8")
    await service.drain()
    assert await shown(service, fix) == [False]
    await service.push(EVENTS, tz="UTC")
    await service.drain()
    assert await service.content() == changed
    await undone(service, row["id"])
    assert await service.content() == before
