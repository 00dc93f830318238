"""Bird-days, as queries sum them."""

from __future__ import annotations

from app.movement.track import DAY_US


def days_of(bird_days: str) -> str:
    """Sum bird-days: as whole microseconds, so that no order of rows changes a digit."""
    return f"(sum(({bird_days} * {DAY_US})::bigint) / {DAY_US}.0)::float8"
