"""However many pushes are refused: few writes, all counted."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

from app.errors import Unavailable
from app.pipeline.rebuffs import Rebuffs
from app.store import sources


class Silent:
    """A store whose transactions are counted; it answers only while it is up."""

    def __init__(self) -> None:
        self.writes, self.up = 0, True

    @asynccontextmanager
    async def write(self):
        self.writes += 1
        if not self.up:
            raise Unavailable("away")
        yield None


async def test_a_flood_costs_few_writes_and_is_counted_whole(monkeypatch) -> None:
    counted: list[Any] = []

    async def count(_, refused):
        counted.append(refused)

    monkeypatch.setattr(sources, "count_refused", count)
    store, busy, other = Silent(), uuid4(), uuid4()
    rebuffs = Rebuffs(store)
    rebuffs.note(busy, "token-mismatch")
    await asyncio.sleep(0)
    for _ in range(1_000):
        rebuffs.note(busy, "signature-time")
    rebuffs.note(other, "token-mismatch")
    await rebuffs.close()
    assert store.writes == 2
    assert sum(each[busy].n for each in counted) == 1_001
    assert counted[-1][busy].code == "signature-time"
    assert counted[-1][other].n == 1


async def test_a_database_that_is_away_ends_nothing(monkeypatch) -> None:
    async def count(_, refused):
        del refused

    monkeypatch.setattr(sources, "count_refused", count)
    store = Silent()
    store.up = False
    rebuffs = Rebuffs(store)
    rebuffs.note(uuid4(), "token-mismatch")
    await rebuffs.close()
    store.up = True
    again = Rebuffs(store)
    again.note(uuid4(), "token-mismatch")
    await again.close()
    assert store.writes == 2
