"""A kept push is read again: shown first, then done, and done back."""

from __future__ import annotations

from uuid import uuid4

import pytest

from app.errors import BadInput, NotFound, TooLarge
from app.pipeline.replay import Wanted, replay
from app.store.audience import Audience

BODY = b"""timestamp,location-long,location-lat,tag-local-identifier
2024-03-01 08:00:00.000,127.5,34.8,T1
2024-03-01 09:00:00.000,127.6,34.8,T1
"""
TIMES = "select f.time from fix f where f.live order by f.time"


async def again(service, ref, *, apply=False, limit_bytes=None, **how):
    wanted = Wanted(**how)
    return await replay(
        service.store, service.audience, ref, wanted, apply=apply, limit_bytes=limit_bytes
    )


async def hours(service) -> list[int]:
    return [row["time"].hour for row in await service.rows(TIMES)]


async def test_a_trial_shows_what_would_change_and_stores_nothing(service) -> None:
    kept = await service.push(BODY)
    await service.drain()
    before = await service.receipt(kept.ref)
    found = await again(service, kept.ref, tz="UTC+8")
    assert (found.before["tz"], found.after["tz"]) == ("UTC", "UTC+8")
    assert (found.before["time_first"].hour, found.after["time_first"].hour) == (8, 0)
    assert found.after["stored"] == 2
    assert await service.receipt(kept.ref) == before
    assert await hours(service) == [8, 9]
    assert await service.count("decoding") == 1


async def test_done_it_replaces_the_reading_before_and_can_be_done_back(service) -> None:
    kept = await service.push(BODY)
    await service.drain()
    before = await service.content()
    await again(service, kept.ref, tz="UTC+8", apply=True)
    assert await hours(service) == [8, 9]
    await service.drain()
    assert await hours(service) == [0, 1]
    assert (await service.receipt(kept.ref))["format"] == "movebank-csv"
    await again(service, kept.ref, tz="UTC", apply=True)
    await service.drain()
    assert await service.content() == before


async def test_the_same_reading_changes_nothing(service) -> None:
    kept = await service.push(BODY)
    await service.drain()
    for how in ({}, {"tz": "UTC"}, {"format": "movebank-csv"}):
        found = await again(service, kept.ref, apply=True, **how)
        assert found.before == found.after
    assert await service.count("decoding") == 1


async def test_a_replay_of_a_push_means_the_push(service) -> None:
    first = await service.push(BODY)
    second = await service.push(BODY)
    assert first.ref != second.ref
    await service.drain()
    await again(service, second.ref, tz="UTC+8", apply=True)
    await service.drain()
    assert (await service.receipt(first.ref))["tz"] == "UTC+8"


async def test_a_push_that_failed_is_mended_by_its_format(service) -> None:
    kept = await service.push(b"no header, no rows\n")
    await service.drain()
    assert (await service.receipt(kept.ref))["state"] == "failed"
    found = await again(service, kept.ref, format="movebank-csv")
    assert found.after["problem"]["code"] == "columns-missing"


async def test_what_cannot_be_is_refused(service) -> None:
    kept = await service.push(BODY)
    with pytest.raises(NotFound):
        await again(service, uuid4())
    with pytest.raises(NotFound):
        await replay(service.store, Audience("public"), kept.ref, Wanted(tz="UTC+8"), apply=True)
    with pytest.raises(BadInput, match="format"):
        await again(service, kept.ref, format="no-such")
    with pytest.raises(TooLarge):
        await again(service, kept.ref, tz="UTC+8", limit_bytes=10)
