"""
Stops by the rule of MovingPandas: inside a diameter for a duration, found as fixes arrive.

`method=movingpandas` of the interface. MovingPandas' `TrajectoryStopDetector` takes a bird to be
stopped while the smallest rectangle around the fixes of a sliding window has a diagonal below
`max_diameter_m`; the stop counts when it lasted `min_duration_us`. This module gives the same
stops (start, end, median centre) in one pass: while a bird is stopped a fix inside the convex
hull of the stop changes nothing, and only a fix outside asks for a new rectangle.

Two numbers of floating point decide near the limit. Where the compiled estimate is not certain
(the diagonal lies within its own error of the limit, or two rectangles of equal area disagree)
the kernel stops and Python measures the one window as MovingPandas does, on the ellipsoid.

Inputs that MovingPandas refuses or misreads are not comparable and are told apart by
`comparable`: fewer than two fixes, equal times (it keeps the last of them), a rectangle that
reaches over a pole (an error there), and a window over the antimeridian (it takes 179 and -179
degrees for the two ends of the world; so does this method). Nor are the few windows of more than
fifty fixes around which GEOS 3.14 draws a rectangle that leaves fixes outside (one of 27 Demoiselle
Cranes at 60 km: MovingPandas has it stopped at a fix 80 km away); here the rectangle holds them.

References
----------
Graser 2019, MovingPandas: efficient structures for movement data in Python,
doi:10.1553/giscience2019_01_s54. Minimum rectangle: Freeman and Shapira 1975,
doi:10.1145/360881.360919.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.movement.compiled import kernel
from app.movement.enclosing import (
    BOX_FACTOR,
    NO,
    UNSURE,
    YES,
    box_of,
    compare,
    fits,
    grown,
    hull_of,
    inside,
    measured,
)
from app.movement.track import HOUR_US, FloatArray, IntArray

MAX_DIAMETER_M = 1_000.0
MIN_DURATION_US = 3 * HOUR_US
"""The rule that is stored for every bird: a kilometre for three hours, as in the published
examples of MovingPandas on birds; 20 km and 24 h come nearest to our own stopovers."""

_WINDOW, _NEXT, _STOPPED, _BEFORE, _CORNERS, _FOUND, _START, _LAST = range(8)


@dataclass(frozen=True, slots=True)
class StopRule:
    """How far a stopped bird may move [m] and how long it must stay [microseconds]."""

    max_diameter_m: float = MAX_DIAMETER_M
    min_duration_us: int = MIN_DURATION_US


@dataclass(frozen=True, slots=True)
class StopState:
    """
    What the detector remembers of all fixes so far.

    Attributes
    ----------
    time_us, lon, lat : ndarray, shape (k,)
        The window; once the stop is long enough to count, the corners of its hull alone.
    stopped, before : bool
        Whether the bird is stopped, and was at the fix before.
    start_us, last_us : int
        First time of the window, and time of the last fix [microseconds].
    """

    time_us: IntArray
    lon: FloatArray
    lat: FloatArray
    stopped: bool = False
    before: bool = False
    start_us: int = 0
    last_us: int = 0

    def to_bytes(self) -> bytes:
        """Return the state as bytes, for `from_bytes`."""
        head = np.array([self.stopped, self.before, self.start_us, self.last_us], dtype="<i8")
        columns = (self.time_us.astype("<i8"), self.lon.astype("<f8"), self.lat.astype("<f8"))
        return head.tobytes() + b"".join(column.tobytes() for column in columns)

    @classmethod
    def from_bytes(cls, saved: bytes) -> StopState:
        """
        Return the state that `to_bytes` saved.

        Raises
        ------
        ValueError
            If the bytes are not a whole state: derive it again from the fixes.
        """
        k, rest = divmod(len(saved) - 32, 24)
        if k < 0 or rest:
            raise ValueError("these bytes are no saved state: derive it again from the fixes")
        head = np.frombuffer(saved, dtype="<i8", count=4)
        time_us = np.frombuffer(saved, dtype="<i8", count=k, offset=32)
        places = np.frombuffer(saved, dtype="<f8", offset=32 + 8 * k)
        return cls(
            time_us.astype(np.int64), places[:k].copy(), places[k:].copy(),
            bool(head[0]), bool(head[1]), int(head[2]), int(head[3]),
        )  # fmt: skip


FRESH = StopState(np.empty(0, dtype=np.int64), np.empty(0), np.empty(0))
"""The state before the first fix, and again after a stop has ended: the detector forgets it."""


def extend_stops(
    state: StopState,
    time_us: IntArray,
    lon: FloatArray,
    lat: FloatArray,
    rule: StopRule,
) -> tuple[IntArray, StopState]:
    """
    Take in fixes that follow all before.

    Parameters
    ----------
    state : StopState
        After the fixes before; `FRESH` at first.
    time_us, lon, lat : ndarray, shape (n,)
        The next fixes in time order [microseconds; degrees].
    rule : StopRule
        The same at every call.

    Returns
    -------
    stops : ndarray of int64, shape (m, 2)
        First and last time of each stop that ended [microseconds].
    state : StopState
        After the last fix; `open_stop` gives the stop that has not ended.

    Examples
    --------
    >>> hours = np.arange(6) * HOUR_US
    >>> lon = np.array([0.0, 0.0, 0.0, 0.0, 0.5, 1.0])
    >>> ended, state = extend_stops(FRESH, hours, lon, np.zeros(6), StopRule())
    >>> (ended // HOUR_US).tolist(), open_stop(state, StopRule())
    ([[0, 3]], None)
    """
    kept = state.time_us.shape[0]
    time_us = np.concatenate([state.time_us, time_us.astype(np.int64, copy=False)])
    lon, lat = np.concatenate([state.lon, lon]), np.concatenate([state.lat, lat])
    n = time_us.shape[0]
    corners = np.empty(n + 1, dtype=np.int64)
    found = np.empty((n, 2), dtype=np.int64)
    s = np.zeros(8, dtype=np.int64)
    s[_NEXT], s[_STOPPED], s[_BEFORE] = kept, state.stopped, state.before
    s[_START], s[_LAST] = state.start_us, state.last_us
    if state.stopped:
        s[_CORNERS] = hull_of(lon, lat, 0, kept, corners)
    verdict = -1
    while _advance(time_us, lon, lat, (rule.max_diameter_m, rule.min_duration_us), s,
                   corners, found, verdict):  # fmt: skip
        i = int(s[_NEXT])
        window = np.append(corners[: s[_CORNERS]], i) if s[_STOPPED] else slice(s[_WINDOW], i + 1)
        verdict = int(measured(lon[window], lat[window], rule.max_diameter_m))
    start_us, last_us, stopped = int(s[_START]), int(s[_LAST]), bool(s[_STOPPED])
    if stopped and last_us - start_us >= rule.min_duration_us:
        # Whatever comes, this stop counts: of its fixes the hull alone is asked again.
        keep = np.sort(corners[: s[_CORNERS]])
    else:
        keep = np.arange(s[_WINDOW], n)
    after = StopState(
        time_us[keep], lon[keep], lat[keep], stopped, bool(s[_BEFORE]), start_us, last_us
    )
    return found[: s[_FOUND]].copy(), after


def open_stop(state: StopState, rule: StopRule) -> tuple[int, int] | None:
    """Return first and last time of the stop that still goes on, None where there is none."""
    if state.stopped and state.last_us - state.start_us >= rule.min_duration_us:
        return state.start_us, state.last_us
    return None


def find_stops(time_us: IntArray, lon: FloatArray, lat: FloatArray, rule: StopRule) -> IntArray:
    """
    Return the stops of a whole track, the one at its end included.

    Returns
    -------
    ndarray of int64, shape (m, 2)
        First and last time of each stop [microseconds].
    """
    ended, state = extend_stops(FRESH, time_us, lon, lat, rule)
    last = open_stop(state, rule)
    return ended if last is None else np.vstack([ended, [last]])


def centres(
    time_us: IntArray, lon: FloatArray, lat: FloatArray, stops: IntArray
) -> tuple[FloatArray, FloatArray, IntArray]:
    """
    Return where each stop was: medians of its longitudes and latitudes, as MovingPandas does.

    Parameters
    ----------
    time_us, lon, lat : ndarray, shape (n,)
        The fixes that hold every stop, in time order.
    stops : ndarray of int64, shape (m, 2)
        As from `find_stops`.

    Returns
    -------
    lon, lat : ndarray of float64, shape (m,)
        Centres [degrees].
    n_fixes : ndarray of int64, shape (m,)
        Fixes of each stop.
    """
    first = np.searchsorted(time_us, stops[:, 0], side="left")
    after = np.searchsorted(time_us, stops[:, 1], side="right")
    spans = list(zip(first.tolist(), after.tolist(), strict=True))
    return (
        np.array([np.median(lon[a:b]) for a, b in spans]),
        np.array([np.median(lat[a:b]) for a, b in spans]),
        after - first,
    )


def comparable(time_us: IntArray, lon: FloatArray, lat: FloatArray) -> bool:
    """Tell whether MovingPandas takes a track as it is: see the list at the top."""
    return bool(
        time_us.shape[0] >= 2
        and np.all(np.diff(time_us) > 0)
        and np.all(np.abs(np.diff(lon)) < 180.0)
        and np.all(np.abs(lat) < 89.0)
    )


@kernel
def _advance(
    time_us: IntArray,
    lon: FloatArray,
    lat: FloatArray,
    rule: tuple[float, int],
    s: IntArray,
    corners: IntArray,
    found: IntArray,
    verdict: int,
) -> bool:
    """
    Take in fixes from s[_NEXT] on; return True where one window must be measured by the caller.

    `verdict` is the answer to the window that was asked for, -1 where none was.
    """
    for i in range(s[_NEXT], time_us.shape[0]):
        s[_NEXT] = i
        if verdict < 0:
            if s[_STOPPED]:
                if inside(lon, lat, corners, s[_CORNERS], i):  # nearly every fix of a stop
                    s[_LAST] = time_us[i]
                    continue
            else:
                w = s[_WINDOW]
                while i - w > 1 and time_us[i] - time_us[w] >= rule[1]:
                    w += 1
                s[_WINDOW], s[_START] = w, time_us[w]
            verdict = _judge(lon, lat, rule[0], s, corners)
            if verdict == UNSURE:
                return True
        _take_in(time_us, lon, lat, rule[1], s, corners, found, verdict)
        verdict = -1
    s[_NEXT] = time_us.shape[0]
    return False


@kernel
def _take_in(
    time_us: IntArray,
    lon: FloatArray,
    lat: FloatArray,
    min_duration_us: int,
    s: IntArray,
    corners: IntArray,
    found: IntArray,
    verdict: int,
) -> None:
    """Move on by the fix s[_NEXT], of which the verdict says whether the bird is stopped."""
    i = s[_NEXT]
    if verdict == YES and s[_STOPPED]:
        s[_CORNERS] = grown(lon, lat, corners, s[_CORNERS], i)
    elif verdict == YES:
        s[_CORNERS] = hull_of(lon, lat, s[_WINDOW], i + 1, corners)
    elif verdict == NO and s[_BEFORE] and s[_LAST] - s[_START] >= min_duration_us:
        found[s[_FOUND], 0], found[s[_FOUND], 1] = s[_START], s[_LAST]
        s[_FOUND] += 1
        s[_WINDOW], s[_START] = i, time_us[i]
    s[_STOPPED] = s[_BEFORE] = verdict == YES
    s[_LAST] = time_us[i]


@kernel
def _judge(
    lon: FloatArray, lat: FloatArray, max_diameter_m: float, s: IntArray, corners: IntArray
) -> int:
    """Say whether the bird is stopped at fix s[_NEXT]; `UNSURE` near the limit."""
    i, h = s[_NEXT], s[_CORNERS]
    if s[_STOPPED]:
        trial = np.empty(h + 1, dtype=np.int64)
        trial[:h] = corners[:h]
        return fits(lon, lat, trial[: grown(lon, lat, trial, h, i)], max_diameter_m)
    w = s[_WINDOW]
    if i == w:
        return NO
    # Most windows of a flying bird end here: the newest fix is far from the oldest.
    first = compare(lon[w], lat[w], lon[i], lat[i], BOX_FACTOR * max_diameter_m)
    if first == NO:
        return NO
    box = box_of(lon, lat, w, i + 1)
    if compare(box[0], box[1], box[2], box[3], BOX_FACTOR * max_diameter_m) == NO:
        return NO
    trial = np.empty(i + 2 - w, dtype=np.int64)
    return fits(lon, lat, trial[: hull_of(lon, lat, w, i + 1, trial)], max_diameter_m)
