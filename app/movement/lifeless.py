"""
Dead birds and dropped tags: a tag that lies still to the end of its data, day and night.

A tag is suspected from its first still fix on when, up to its last fix,

1. it kept within `still_radius_m` (plus `ERROR_SIGMAS` errors of each fix) of one place;
2. it was *observed* there for `still_min_s`: time between witnesses at most `STEP_MAX_US` apart;
   a silence is no stillness;
3. it was seen there both at midday and in the dark, on `DAYS_MIN` days each, by the mean solar
   time of the place, and at its own pace: silences much longer than its usual interval may hold
   no more than `UNCOVERED_MAX_SHARE` of either. A crane sleeps on one spot night after night and
   a spoonbill rests on one by day, often the only hours with cover; neither is there at both;
4. no sensor tells of life: activity that goes on changing, or a tag kept warm through the night.

Fixes elsewhere are forgiven where they are few, together (`EXCURSION_MAX_FIXES` within
`EXCURSION_MAX_US`) and between still ones, as the gross errors of GPS are: at most `AWAY_MAX_SHARE`
of all, and only after `ANCHOR_US` of stillness. Two fixes elsewhere at the end of the data are
life, and end the suspicion.

The rule is worked backwards from the last fix and reads no farther than it must: `head` says that
the data at hand began before it could tell. So what it finds hangs on the data alone, never on
when they came. Movement under 100 m over 7 days is the default of MoveApps' mortality check
(Kölzsch et al. 2022, doi:10.1186/s40462-022-00327-4); the hours and the forgiveness are our own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.movement.geodesy import distance_m
from app.movement.profile import Profile
from app.movement.track import (
    DAY_US,
    HOUR_US,
    SECOND_US,
    BoolArray,
    FloatArray,
    IntArray,
    Senses,
    Track,
)

METHOD = "lifeless 1"
"""Name and version of the method; a change of result is a new version."""

ERROR_SIGMAS = 2.0
ERROR_MAX_M = 100.0
"""A fix with a larger error says nothing about movements of 100 m [m]: all Argos classes."""
COARSE_SIGMAS = 5.0
COARSE_MIN_SHARE = 0.8
"""Of coarse fixes this share must lie within so many errors of the place: their tails are heavy."""
STEP_MAX_US = 49 * HOUR_US
"""Longest time between two witnesses that counts as observed [us]: a fix every other day."""
EXCURSION_MAX_FIXES = 6
EXCURSION_MAX_US = 2 * DAY_US
"""Longest run of gross errors of real tags: 6 fixes; from still to still it takes so long [us]."""
ANCHOR_US = DAY_US
ANCHOR_FIXES = 3
ANCHOR_AWAY_MAX_SHARE = 0.05
"""Stillness wanted before an excursion [us]: a living bird goes out every day, for over an hour."""
AWAY_MAX_SHARE = 0.06
"""Gross errors are 0.3 % of fixes; in a week of fixes every 4 hours this forgives two."""
DAYS_MIN = 5
MIDDAY_H, DARK_H = (10.0, 15.5), (20.0, 29.0)
"""Hours of midday and dark, mean solar time: nearly every schedule of 6 hours is in each."""
PACE, SILENCE_MIN_US = 1.6, 4 * HOUR_US
"""A step longer than so many usual ones is a silence, if it is this long as well [us]."""
UNCOVERED_MAX_SHARE = 0.3
READINGS_MIN = 10
"""Fewer readings of a sensor decide nothing."""
STIRRING_MAX_SHARE = 0.25
"""More of the activity than this differs from its own median: the bird stirs."""
STIR_SHARE = 0.2
"""... by this share of what the bird's activity ranged over in `BEFORE_US` before."""
BEFORE_US = 14 * DAY_US
WARM_C = 32.0
"""A tag that stays warmer in 95 of 100 readings is warmed by a bird: no night there is so warm."""
FROZEN_SHARE = 0.01
"""Without fixes to go by, activity within this share of its median is still."""


@dataclass(frozen=True, slots=True)
class Lifeless:
    """
    A tag that lies still.

    Attributes
    ----------
    start_us, end_us : int
        First still fix, and last fix of the data [us since 1970 UTC].
    lon, lat : float
        Where it lies: median of the still fixes of the last days [degrees].
    radius_m : float
        Distance of the farthest still fix from there [m]; nan without a fix of use.
    n_still, n_away : int
        Fixes (readings, where `basis` is activity) at the place and elsewhere.
    observed_s : float
        Time observed [s].
    days_midday, days_dark : int
        Days on which it was seen lying there at midday and in the dark.
    basis : str
        ``position``, or ``activity`` where no fix is precise enough.
    stirring_share : float
        Share of its activity that differs from the median; nan without activity.
    temperature_c, temperature_before_c : float
        Median of the readings since then and of the fortnight before [°C]; nan without.
    battery_v, battery_before_v : float
        Likewise of the battery [V].
    """

    start_us: int
    end_us: int
    lon: float
    lat: float
    radius_m: float
    n_still: int
    n_away: int
    observed_s: float
    days_midday: int
    days_dark: int
    basis: str
    stirring_share: float
    temperature_c: float
    temperature_before_c: float
    battery_v: float
    battery_before_v: float


@dataclass(frozen=True, slots=True)
class _Signs:
    """What bears witness, in time order: when, and whether the tag was still; n each."""

    time_us: IntArray
    still: BoolArray
    basis: str
    lon: float
    lat: float
    far_m: FloatArray


def find_lifeless(track: Track, senses: Senses, profile: Profile) -> tuple[Lifeless | None, bool]:
    """
    Tell whether a tag lies still at the end of its data.

    Parameters
    ----------
    track : Track
        Fixes of one tag on one bird, none of them hidden by hand or by its own record; the last
        part of them, from some time on, is enough.
    senses : Senses
        Its readings from the same time on.
    profile : Profile
        Gives `still_radius_m` and `still_min_s`.

    Returns
    -------
    found : Lifeless or None
    head : bool
        The data begin too late to be sure: unless there are none before, load more, ask again.

    Examples
    --------
    >>> from app.seeds import profile_of
    >>> time = np.arange(0, 10 * 24, 3) * HOUR_US
    >>> lat = np.where(time < 2 * DAY_US, 40.0 + time / DAY_US, 42.0)
    >>> track = Track(time, np.full(80, 120.0), lat, np.full(80, 15.0))
    >>> none = Senses(np.empty(0, np.int64), *np.empty((3, 0)))
    >>> found, head = find_lifeless(track, none, profile_of("Grus grus"))
    >>> found.start_us // HOUR_US, found.n_still, head
    (48, 64, False)
    """
    signs = _signs(track, senses, int(profile.still_min_s * SECOND_US), profile.still_radius_m)
    if signs is None:
        return None, bool(len(track))
    first, head = _first_still(signs.time_us, signs.still)
    if first is None:
        return None, head
    start_us = int(signs.time_us[first])
    found = _describe(track, senses, signs, first)
    if found.observed_s < profile.still_min_s:
        return None, head
    head |= _begins(track, senses) > start_us - BEFORE_US
    return (found if _is_lifeless(track, senses, found, profile) else None), head


def _begins(track: Track, senses: Senses) -> int:
    return min(int(t[0]) for t in (track.time_us, senses.time_us) if t.shape[0])


def _signs(track: Track, senses: Senses, last_us: int, radius_m: float) -> _Signs | None:
    """Return the witnesses: precise fixes, else activity; None where there is neither."""
    sure = track.take(track.error_m <= ERROR_MAX_M)
    if len(sure):
        late = sure.time_us >= sure.time_us[-1] - last_us
        lon, lat = _middle(sure.lon[late], sure.lat[late])
        far = _far_m(sure, lon, lat)
        return _Signs(sure.time_us, far <= radius_m + ERROR_SIGMAS * sure.error_m,
                      "position", lon, lat, far)  # fmt: skip
    heard = np.isfinite(senses.activity)
    time_us, activity = senses.time_us[heard], senses.activity[heard]
    if time_us.shape[0] < READINGS_MIN or len(track) == 0:
        return None
    usual = float(np.median(activity[time_us >= time_us[-1] - last_us]))
    still = np.abs(activity - usual) <= FROZEN_SHARE * abs(usual)
    late = track.time_us >= track.time_us[-1] - last_us
    lon, lat = _middle(track.lon[late], track.lat[late])
    return _Signs(time_us, still, "activity", lon, lat, np.full(time_us.shape[0], np.nan))


def _middle(lon: FloatArray, lat: FloatArray) -> tuple[float, float]:
    """Return the median place; longitudes are taken around the first one."""
    turn = (lon - lon[0] + 180.0) % 360.0 - 180.0
    return float((lon[0] + np.median(turn) + 180.0) % 360.0 - 180.0), float(np.median(lat))


def _far_m(track: Track, lon: float, lat: float) -> FloatArray:
    one = np.ones(len(track))
    return distance_m(one * lon, one * lat, track.lon, track.lat)


def _first_still(time_us: IntArray, still: BoolArray) -> tuple[int | None, bool]:
    """Walk back from the end; return where the stillness begins, and whether data ran out."""
    at, head = _last_still(time_us, still)
    if at is None:
        return None, head
    kept, away = 0, still.shape[0] - 1 - at
    while True:
        first = _run_begins(time_us, still, at)
        kept += at - first + 1
        before = first - 1
        while before >= 0 and not still[before] and first - before <= EXCURSION_MAX_FIXES:
            before -= 1
        if before < 0:
            return first, True
        out = first - 1 - before
        if not still[before] or (out and time_us[first] - time_us[before] > EXCURSION_MAX_US):
            return first, False
        anchored, head = _anchored(time_us, still, before)
        if not anchored or away + out > AWAY_MAX_SHARE * (kept + away + out):
            return first, head
        at, away = before, away + out


def _last_still(time_us: IntArray, still: BoolArray) -> tuple[int | None, bool]:
    """Return the last still fix: one elsewhere after it may be an error, two are life."""
    n = still.shape[0]
    if still[n - 1]:
        return n - 1, False
    if n == 1 or (still[n - 2] and not _anchored(time_us, still, n - 2)[0]):
        return None, n < ANCHOR_FIXES + 1
    return (n - 2, False) if still[n - 2] else (None, False)


def _run_begins(time_us: IntArray, still: BoolArray, at: int) -> int:
    while at > 0 and still[at - 1] and time_us[at] - time_us[at - 1] <= STEP_MAX_US:
        at -= 1
    return at


def _anchored(time_us: IntArray, still: BoolArray, last: int) -> tuple[bool, bool]:
    """Say whether the tag lay still for `ANCHOR_US` up to a fix, and whether data ran out."""
    low = int(np.searchsorted(time_us, time_us[last] - ANCHOR_US))
    low = max(0, min(low, last - ANCHOR_FIXES + 1))
    enough = last - low + 1 >= ANCHOR_FIXES
    away = 1.0 - float(still[low : last + 1].mean())
    return enough and away <= ANCHOR_AWAY_MAX_SHARE, low == 0


def _describe(track: Track, senses: Senses, signs: _Signs, first: int) -> Lifeless:
    still, since = signs.still[first:], signs.time_us[first:]
    start_us = int(since[0])
    seen = np.unique(np.concatenate([since[still], _quiet_us(senses, start_us)]))
    step = np.diff(seen)
    solar = seen + round(signs.lon / 15.0 * HOUR_US)
    after, before = senses.time_us >= start_us, senses.time_us >= start_us - BEFORE_US
    before &= ~after
    return Lifeless(
        start_us=start_us,
        end_us=int(track.time_us[-1]),
        lon=signs.lon,
        lat=signs.lat,
        radius_m=float(signs.far_m[first:][still].max()),
        n_still=int(still.sum()),
        n_away=int((~still).sum()),
        observed_s=float(step[step <= STEP_MAX_US].sum()) / SECOND_US,
        days_midday=_days_seen(solar, MIDDAY_H),
        days_dark=_days_seen(solar, DARK_H),
        basis=signs.basis,
        stirring_share=_stirring(senses, start_us),
        temperature_c=_median(senses.temperature_c[after]),
        temperature_before_c=_median(senses.temperature_c[before]),
        battery_v=_median(senses.battery_v[after]),
        battery_before_v=_median(senses.battery_v[before]),
    )


def _days_seen(solar_us: IntArray, hours: tuple[float, float]) -> int:
    """
    Return on how many days something was seen between two hours, mean solar time.

    None where silences hold too much of these hours. The second hour may lie in the next day.
    """
    begin = solar_us - round(hours[0] * HOUR_US)
    long_us = round((hours[1] - hours[0]) * HOUR_US)
    step = np.diff(solar_us)
    if step.shape[0] == 0:
        return 0
    silent = (step > PACE * np.median(step)) & (step > SILENCE_MIN_US)
    share = _within(begin[1:], long_us) - _within(begin[:-1], long_us)
    if share[silent].sum() > UNCOVERED_MAX_SHARE * share.sum():
        return 0
    return int(np.unique(begin[begin % DAY_US < long_us] // DAY_US).shape[0])


def _within(time_us: IntArray, long_us: int) -> IntArray:
    """Return how much of the first `long_us` of every day has passed up to each time [us]."""
    return time_us // DAY_US * long_us + np.minimum(time_us % DAY_US, long_us)


def _stirs(senses: Senses, start_us: int) -> tuple[IntArray, BoolArray]:
    """Return the times of activity since then, and whether each tells of movement."""
    heard = np.isfinite(senses.activity)
    time_us, activity = senses.time_us[heard], senses.activity[heard]
    now = activity[time_us >= start_us]
    if now.shape[0] < READINGS_MIN:
        return np.empty(0, np.int64), np.empty(0, np.bool_)
    before = activity[(time_us < start_us) & (time_us >= start_us - BEFORE_US)]
    range_ = np.subtract(*np.percentile(before, (90, 10))) if before.shape[0] >= READINGS_MIN else 0
    return time_us[time_us >= start_us], np.abs(now - np.median(now)) > STIR_SHARE * range_


def _quiet_us(senses: Senses, start_us: int) -> IntArray:
    time_us, stirs = _stirs(senses, start_us)
    return time_us[~stirs]


def _stirring(senses: Senses, start_us: int) -> float:
    _, stirs = _stirs(senses, start_us)
    return float(stirs.mean()) if stirs.shape[0] else float("nan")


def _median(values: FloatArray) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if known.shape[0] else float("nan")


def _is_lifeless(track: Track, senses: Senses, found: Lifeless, profile: Profile) -> bool:
    seen = min(found.days_midday, found.days_dark) >= DAYS_MIN
    lively = found.stirring_share > STIRRING_MAX_SHARE
    warmth = senses.temperature_c[senses.time_us >= found.start_us]
    warmth = warmth[np.isfinite(warmth)]
    warm = warmth.shape[0] >= READINGS_MIN and float(np.percentile(warmth, 5)) >= WARM_C
    coarse = track.take((track.error_m > ERROR_MAX_M) & (track.time_us >= found.start_us))
    reach = profile.still_radius_m + COARSE_SIGMAS * coarse.error_m
    near = _far_m(coarse, found.lon, found.lat) <= reach
    strays = bool(near.shape[0]) and float(near.mean()) < COARSE_MIN_SHARE
    return seen and not (lively or warm or strays)
