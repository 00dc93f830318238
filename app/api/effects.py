"""What another reading of a push changes, as callers are told."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import Field, JsonValue

from app.api.schemas import Shown
from app.pipeline.effect import Effect

EFFECT_EXAMPLE: dict[str, JsonValue] = {
    "added": 0, "removed": 0, "moved": 1, "unchanged": 6746,
    "individuals": ["2c1f0b8e-0000-4000-8000-000000000000"],
    "refusals_gone": 1, "refusals_new": 0,
    "fixes": [{
        "change": "moved", "tag": "D1", "individual": "2c1f0b8e-0000-4000-8000-000000000000",
        "before": {"time": "2024-03-01T08:00:00Z", "lon": 127.5, "lat": 34.8},
        "after": {"time": "2024-03-01T00:00:00Z", "lon": 127.5, "lat": 34.8},
    }],
    "refusals": [{"unit": 17, "code_before": "time-unreadable", "code_after": None}],
}  # fmt: skip


class PlaceOut(Shown):
    """Where a fix is, and when."""

    time: datetime
    lon: float
    lat: float


class ChangeOut(Shown):
    """One fix that changes."""

    change: Literal["added", "removed", "moved"]
    tag: str | None = Field(description="null: a tag that this reading would make")
    individual: UUID | None
    before: PlaceOut | None
    after: PlaceOut | None


class RefusalChange(Shown):
    """One unit whose refusal goes, comes or changes."""

    unit: int
    code_before: str | None
    code_after: str | None


class EffectOut(Shown):
    """What another reading changes: all of it counted, the first of it listed."""

    added: int
    removed: int
    moved: int = Field(description="the same fix at another time, or another fix at its time")
    unchanged: int
    individuals: list[UUID]
    refusals_gone: int
    refusals_new: int
    fixes: list[ChangeOut]
    refusals: list[RefusalChange]


def effect_shown(effect: Effect) -> EffectOut:
    """Shape an effect for the wire."""
    birds = effect.individuals
    return EffectOut(
        added=effect.added, removed=effect.removed, moved=effect.moved,
        unchanged=effect.unchanged,
        individuals=[birds[each] for each in effect.individual_ids if each in birds],
        refusals_gone=effect.refusals_gone, refusals_new=effect.refusals_new,
        fixes=[
            ChangeOut(
                change=each["change"], before=each["before"], after=each["after"],
                tag=effect.tags.get(each["tag_id"]),
                individual=birds.get(each["individual_id"]),
            )
            for each in effect.fixes
        ],
        refusals=[RefusalChange(**each) for each in effect.refusals],
    )  # fmt: skip
