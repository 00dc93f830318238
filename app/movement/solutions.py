"""
Mirror solutions: at which of the two places of an Argos pass the bird was.

The Doppler curve of a pass fits two places, one on each side of the satellite's ground track; the
provider names one of them first, and sometimes errs. The bird was where it could have come from
and gone on to: each solution is held against a few fixes before and after, of which either
solution may be the true one, and the one that lies nearer to them, by the errors of both and the
way a bird makes in the time between, stands. As every fix is judged by its neighbours as they
were sent, not by what was chosen for them, the choice hangs on nothing but those few fixes: it is
the same in any order of arrival, and `reach` tells how far a late fix can change it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.movement.geodesy import to_xyz
from app.movement.track import SECOND_US, BoolArray, FloatArray, IntArray, Track

NEIGHBOURS = 3
"""Fixes looked at on each side: two of three outvote one that is itself an error."""
PASS_US = 900 * SECOND_US
"""Fixes this near are no witnesses [us]: a satellite is in sight for 15 minutes at most, and two
records of one pass have the same two solutions, each as coherent with its like as the other."""
WAY_M_S = 10.0
"""Way a bird makes in the time between, one sigma [m/s]: between rest and flight."""


@dataclass(frozen=True, slots=True)
class Reach:
    """
    The times between which a change can turn choices [us], ends included.

    `head` and `tail` say that the fixes at hand before (after) the change are too few to tell:
    unless the bird's data begin (end) there, the caller has to load more and ask again.
    """

    first_us: int
    last_us: int
    head: bool
    tail: bool


def second_is_true(
    track: Track, lon2: FloatArray, lat2: FloatArray, witness: BoolArray
) -> BoolArray:
    """
    Say of which fixes the second solution is the coherent one.

    Parameters
    ----------
    track : Track
        All fixes, n, each at its first solution, with its error.
    lon2, lat2 : ndarray of float64, shape (n,)
        Second solutions [degrees]; nan where there is none.
    witness : ndarray of bool, shape (n,)
        Fixes that others may be judged by: those that no hand and no check of the record hid.

    Returns
    -------
    ndarray of bool, shape (n,)
        False where there is no second solution or neither fits better.

    Notes
    -----
    The misfit of a solution at distance d from a neighbour is that of Cauchy's distribution,
    ``log(1 + d**2 / s**2)`` with ``s**2 = e1**2 + e2**2 + (WAY_M_S * dt)**2``: its tails are as
    heavy as those of Argos errors, so that a neighbour gone wrong says little and not much. Of
    the two solutions of a neighbour the nearer counts. Errors by class, hybrid filters and why
    coherence tells solutions apart: Douglas et al. 2012, doi:10.1111/j.2041-210X.2012.00245.x.
    On 5,638 brant fixes this agrees with the choices of that filter, see the tests.

    Examples
    --------
    >>> day = 86_400_000_000
    >>> track = Track(np.arange(5) * day, np.array([10.0, 10.0, 35.0, 10.1, 10.1]),
    ...     np.full(5, 60.0), np.full(5, 1000.0))
    >>> second_is_true(track, np.array([np.nan, np.nan, 10.05, np.nan, np.nan]),
    ...     np.full(5, 60.0), np.ones(5, dtype=bool))
    array([False, False,  True, False, False])
    """
    out = np.zeros(len(track), dtype=np.bool_)
    mirrored = np.isfinite(lon2) & np.isfinite(lat2)
    asked = np.flatnonzero(mirrored)
    if asked.shape[0] == 0:  # most birds wear no Argos tag
        return out
    lons = np.stack((track.lon, np.where(mirrored, lon2, track.lon)))
    lats = np.stack((track.lat, np.where(mirrored, lat2, track.lat)))
    # Fixes of one time in an order that neither arrival decides nor which solution is the first.
    eastern = np.where(lons[0] != lons[1], lons[0] > lons[1], lats[0] > lats[1]).astype(np.int64)
    each = np.arange(len(track))
    keys = [part[row, each] for row in (eastern, 1 - eastern) for part in (lats, lons)]
    order = np.lexsort((*keys, track.error_m, track.time_us))
    seen = order[witness[order]]
    if seen.shape[0] == 0:
        return out
    both = np.stack([to_xyz(lon, lat) for lon, lat in zip(lons, lats, strict=True)])
    times = track.time_us[seen]
    before = np.searchsorted(times, track.time_us[asked] - PASS_US, side="left") - 1
    after = np.searchsorted(times, track.time_us[asked] + PASS_US, side="right")
    misfit = np.zeros((2, asked.shape[0]))
    for n in range(NEIGHBOURS):
        for slot in (before - n, after + n):
            there = (slot >= 0) & (slot < seen.shape[0])
            misfit[:, there] += _misfit(track, both, asked[there], seen[slot[there]])
    out[asked] = misfit[1] < misfit[0]
    return out


def _misfit(track: Track, both: FloatArray, one: IntArray, other: IntArray) -> FloatArray:
    """Return how ill both solutions of some fixes fit another fix each, shape (2, m)."""
    dt_s = np.abs(track.time_us[one] - track.time_us[other]) / SECOND_US
    scale2 = track.error_m[one] ** 2 + track.error_m[other] ** 2 + (WAY_M_S * dt_s) ** 2
    far2 = ((both[:, None, one] - both[None, :, other]) ** 2).sum(axis=-1).min(axis=1)
    return np.asarray(np.log1p(far2 / scale2), dtype=np.float64)


def reach(time_us: IntArray, witness: BoolArray, changed: tuple[int, int]) -> Reach:
    """
    Return the times between which a change can turn choices.

    Parameters
    ----------
    time_us : ndarray of int64, shape (n,)
        Times of all fixes at hand, in order [us].
    witness : ndarray of bool, shape (n,)
        As for `second_is_true`.
    changed : (int, int)
        First and last time at which a fix came, went or became a witness or none [us].

    Returns
    -------
    Reach
        Beyond it `NEIGHBOURS` witnesses lie between any fix and the change; and unless `head` or
        `tail` is true, all neighbours of the fixes within it are at hand.

    Examples
    --------
    >>> hour = 3_600_000_000
    >>> found = reach(np.arange(20) * hour, np.ones(20, dtype=bool), (10 * hour, 10 * hour))
    >>> found.first_us / hour, found.last_us / hour, found.head, found.tail
    (6.75, 13.25, False, False)
    """
    seen = time_us[witness]
    first, last = changed
    k = int(np.searchsorted(seen, first, side="left"))
    if k >= NEIGHBOURS:
        first = int(seen[k - NEIGHBOURS]) - PASS_US
    head = int(np.searchsorted(seen, first - PASS_US, side="left")) < NEIGHBOURS
    k = int(np.searchsorted(seen, last, side="right"))
    if seen.shape[0] - k >= NEIGHBOURS:
        last = int(seen[k + NEIGHBOURS - 1]) + PASS_US
    tail = seen.shape[0] - int(np.searchsorted(seen, last + PASS_US, side="right")) < NEIGHBOURS
    if head:
        first = min(first, int(time_us[0])) if time_us.shape[0] else first
    if tail:
        last = max(last, int(time_us[-1])) if time_us.shape[0] else last
    return Reach(first, last, head, tail)
