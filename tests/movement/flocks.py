"""Builders: profiles and key sites from the seeds, and a flock."""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path

from app.movement.itinerary import Place
from app.movement.profile import Profile, parse_profile

SEEDS = Path(__file__).parents[2] / "app/seeds"
START_US = 1_672_531_200_000_000  # 2023-01-01 UTC


@cache
def profiles() -> dict[str, Profile]:
    with (SEEDS / "species.csv").open(encoding="utf-8") as file:
        return {row["key"]: parse_profile(row) for row in csv.DictReader(file)}


@cache
def key_sites() -> tuple[Place, ...]:
    with (SEEDS / "sites.csv").open(encoding="utf-8") as file:
        rows = csv.DictReader(file)
        return tuple(Place(r["name"], float(r["lon"]), float(r["lat"])) for r in rows)
