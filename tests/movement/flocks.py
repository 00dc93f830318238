"""Builders: the key sites of the seeds as places of a simulation."""

from __future__ import annotations

from functools import cache

from app.movement.itinerary import Place
from app.seeds import rows

START_US = 1_672_531_200_000_000  # 2023-01-01 UTC


@cache
def key_sites() -> tuple[Place, ...]:
    return tuple(Place(r["name"], float(r["lon"]), float(r["lat"])) for r in rows("sites"))
