"""Fixes that come in any order, some of them late: what is stored is what a rebuild gives.

Every order of every bird is a history of its own; the kernels alone go through a thousand of them
(`tests/movement/test_stops.py`, `tests/movement/test_windows.py`).
"""

from __future__ import annotations

import random

import pytest

from app.movement.simulate import flock_csv
from app.pipeline.verify import verify
from tests.flow.conftest import Service, flock

DELIVERIES = 5
SENDING = {
    "gps": {"interval_s": 7200.0, "gross_error_share": 0.01},
    "argos": {"sensor": "argos", "interval_s": 10_800.0},
}


def in_pieces(lines: list[str], rng: random.Random) -> list[list[str]]:
    """Cut a bird's fixes into stretches, hold some single ones back, and shuffle most of it."""
    late = {rng.randrange(len(lines)) for _ in range(6)}
    kept = [line for n, line in enumerate(lines) if n not in late]
    cuts = sorted(rng.sample(range(1, len(kept)), DELIVERIES - 2))
    pieces = [kept[a:b] for a, b in zip([0, *cuts], [*cuts, None], strict=True)]
    if rng.random() < 0.7:
        rng.shuffle(pieces)
    return [*pieces, [lines[n] for n in late]]


@pytest.mark.parametrize("sensor", SENDING)
async def test_any_order_of_deliveries_ends_as_a_rebuild(service: Service, sensor: str) -> None:
    rng = random.Random(f"orders of {sensor}")
    birds = flock(seed=31, birds=4, days=70, gaps_per_year=20.0, **SENDING[sensor])
    header, *lines = flock_csv(birds).decode().splitlines()
    name = header.split(",").index("individual-local-identifier")
    of: dict[str, list[str]] = {}
    for line in lines:
        of.setdefault(line.split(",")[name], []).append(line)
    orders = [in_pieces(own, rng) for own in of.values()]
    assert len(orders) == 4
    for delivery in zip(*orders, strict=True):
        rows = [row for piece in delivery for row in piece]
        await service.push("\n".join([header, *rows]).encode())
        await service.drain()
    assert await service.count("stopover") >= 4
    assert [found async for found in verify(service.store) if found.differs] == []
