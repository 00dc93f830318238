"""How a simulated bird spends the hours of a stay: roosts, fields, and walks between."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.movement.track import FloatArray


@dataclass(frozen=True, slots=True)
class Foraging:
    """
    How a bird feeds around a stay.

    `field` is the spread of the places it feeds at, as a share of its reach; `step_m` and
    `step_spread` the median of an hour's walk [m] and its spread in logarithms; `day` and
    `day_spread` the same of a factor that all of a day has in common.
    """

    field: float
    step_m: float
    step_spread: float
    day: float
    day_spread: float


BREEDING = Foraging(0.25, 250.0, 0.6, 1.0, 0.4)
"""With chicks or on a clutch birds walk all day and stay near: of the real Demoiselle Cranes, June
to August, medians of hourly steps are 0.03 to 0.05 m/s, of day ranges 0.6 to 3.4 km."""

ELSEWHERE = Foraging(0.4, 850.0, 1.3, 0.6, 0.9)
"""Elsewhere they fly out to feed: medians of day ranges of 8 km and more."""


def forage(
    active: np.ndarray[tuple[int], np.dtype[np.bool_]],
    reach_m: float,
    how: Foraging,
    rng: np.random.Generator,
) -> FloatArray:
    """
    Lay the hours of a stay: still at the roost, moving while active.

    Parameters
    ----------
    active : ndarray of bool, shape (n,)
        Whether the bird feeds in each hour.
    reach_m : float
        Farthest that it goes from the middle [m].
    how : Foraging
        How it feeds.
    rng : Generator
        Chance.

    Returns
    -------
    ndarray of float64, shape (n, 2)
        Place of each hour, east and north of the middle [m].
    """
    n = active.shape[0]
    begins = np.diff(active.astype(np.int8), prepend=0) == 1
    day = np.cumsum(begins)
    roosts = rng.normal(0.0, reach_m / 8, (4, 2))
    roost = roosts[np.minimum(rng.geometric(0.6, day.max(initial=0) + 1) - 1, 3)]
    fields = rng.normal(0.0, how.field * reach_m, (day.max(initial=0) + 1, 2))
    busy = rng.lognormal(np.log(how.day), how.day_spread, day.max(initial=0) + 1)
    fields *= busy[:, None]
    step_m = rng.lognormal(np.log(how.step_m), how.step_spread, n) * busy[day]
    angle = rng.uniform(0.0, 2 * np.pi, n)
    steps = np.where(active, step_m, 0.0)[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])
    walked = np.cumsum(steps, axis=0)
    since = np.maximum.accumulate(np.where(begins, np.arange(n), 0))
    xy = np.where(active[:, None], fields[day] + walked - walked[since], roost[day])
    far = np.hypot(*xy.T)
    inside: FloatArray = xy * np.minimum(1.0, reach_m / np.maximum(far, 1.0))[:, None]
    return inside
