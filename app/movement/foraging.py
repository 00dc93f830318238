"""How a simulated bird spends the hours of a stay: roosts, fields, and walks between."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.movement.track import FloatArray


@dataclass(frozen=True, slots=True)
class Foraging:
    """
    How a bird feeds around a stay.

    `roost` is how far from the middle of a stay it roosts, `field` the spread of its ways out to
    feed, both as shares of its reach, and `aside` that of their turning aside as a share of theirs
    straight across; `step_m` and `step_spread` the median of an hour's walk [m] and its spread in
    logarithms; `day` and `day_spread` the same of a factor that all of a day has in common; `noon`
    the share of days on which it comes back to the roost at midday.
    """

    roost: float
    field: float
    aside: float
    step_m: float
    step_spread: float
    day: float
    day_spread: float
    noon: float


BREEDING = Foraging(0.0, 0.25, 1.0, 250.0, 0.6, 1.0, 0.4, 0.0)
"""With chicks or on a clutch birds walk all day and stay near: of the real Demoiselle Cranes, June
to August, medians of hourly steps are 0.03 to 0.05 m/s, of day ranges 0.6 to 3.4 km."""

ELSEWHERE = Foraging(0.35, 0.8, 0.3, 1100.0, 1.3, 0.65, 1.3, 0.9)
"""Elsewhere they fly out to feed, from water on one side of a stay to fields on the other, and
back to drink: medians of day ranges of 8 km and more, a fourth of them above 16 km. A bird that
fed to all sides would wander farther from where it was so far than the radius of a stop, which
would then have no right end."""

NOON_H = (5, 8)
"""Hours after a bird set out, from and to, that it spends at the roost when it comes back."""


def forage(
    active: np.ndarray[tuple[int], np.dtype[np.bool_]],
    reach_m: float,
    how: Foraging,
    rng: np.random.Generator,
) -> FloatArray:
    """
    Lay the hours of a stay: still at the roost, moving while active, but for some middays.

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
    n_days = int(day.max(initial=0)) + 1
    turn = rng.uniform(0.0, 2 * np.pi)
    across = np.array([np.cos(turn), np.sin(turn)])
    roosts = rng.normal(0.0, reach_m / 8, (4, 2)) - how.roost * reach_m * across
    roost = roosts[np.minimum(rng.geometric(0.6, n_days) - 1, 3)]
    busy = rng.lognormal(np.log(how.day), how.day_spread, n_days)
    ahead, aside = rng.normal(0.0, how.field * reach_m, (2, n_days)) * busy
    if how.roost:  # fields lie on the far side of the middle
        ahead = np.abs(ahead)
    sideways = how.aside * np.array([-across[1], across[0]])
    fields = roost + np.outer(ahead, across) + np.outer(aside, sideways)
    step_m = rng.lognormal(np.log(how.step_m), how.step_spread, n) * busy[day]
    angle = rng.uniform(0.0, 2 * np.pi, n)
    since = np.maximum.accumulate(np.where(begins, np.arange(n), 0))
    out_h = np.arange(n) - since
    back = (rng.random(n_days) < how.noon)[day] & (out_h >= NOON_H[0]) & (out_h < NOON_H[1])
    feeds = active & ~back
    steps = np.where(feeds, step_m, 0.0)[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])
    walked = np.cumsum(steps, axis=0)
    xy = np.where(feeds[:, None], fields[day] + walked - walked[since], roost[day])
    far = np.hypot(*xy.T)
    inside: FloatArray = xy * np.minimum(1.0, reach_m / np.maximum(far, 1.0))[:, None]
    return inside
