"""Bird-days, as queries sum and choose them."""

from __future__ import annotations

from app.movement.track import DAY_US
from app.store.audience import RELEASED, Audience
from app.store.sight import GROUP_MIN, Filters, Where, where

MONTH = "date_trunc('month', x.day::timestamp)::date"
"""SQL: the month of a day `x`, by its first day."""

_NEXT_MONTH = f"({MONTH} + interval '1 month')::date"
_MONTH_RELEASED = (
    f"x.release_at + ({_NEXT_MONTH} - x.day - 1) * interval '24 hours'"
    " <= date_trunc('day', now(), 'UTC')"
)
"""The delay of the last day of the month of `x` has passed: each row has its own day's."""

TOLD = (
    "(own or told_by in (select told_by from days where not own"
    f" group by told_by having count(distinct individual_id) >= {GROUP_MIN}))"
)
"""
SQL: rows of `days` that may be summed.

Others' days enter by groups `told_by` that no question divides, each of one study, season and whole
month: so no two answers, not even those to two readers, differ by the days of fewer birds.
"""


def days_of(bird_days: str) -> str:
    """Sum bird-days: as whole microseconds, so that no order of rows changes a digit."""
    return f"(sum(({bird_days} * {DAY_US})::bigint) / {DAY_US}.0)::float8"


def days_seen(audience: Audience, filters: Filters, *, simulated: bool = False) -> Where:
    """
    Choose the days `x` of an interval that an audience may sum, both ends included.

    Those of opened studies of others are taken by whole months: by days, two intervals, or today
    and tomorrow, would tell one day by their difference. Simulated birds have no secrets.
    """
    chosen, whole = where(audience), [_MONTH_RELEASED]
    if filters.time_from is not None:
        chosen.add("x.day >= cast(:first as date)", first=filters.time_from.date())
        whole.append(f"{MONTH} >= cast(:first as date)")
    if filters.time_to is not None:
        chosen.add("x.day <= cast(:last as date)", last=filters.time_to.date())
        whole.append(f"{_NEXT_MONTH} <= cast(:last as date) + 1")
    others = f"x.{RELEASED}" if simulated else " and ".join(whole)
    return chosen.add(f"(x.study_id = any(:exact) or x.study_id = any(:open) and {others})")
