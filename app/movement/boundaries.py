"""
Boundaries: when a bird came to a stay and when it left, as distributions over time.

`stopovers` says between which two fixes a stay begins; how long a bird was there hangs on when
between them, and with noisy fixes on which two. Both are one change-point problem: before the
change the bird travels, after it the bird keeps to a place. `locate` gives the 5, 50 and 95 %
points of the time of the change, from at most `OUTSIDE` fixes beyond the stay and `LOOK_FIXES`
within it, so that `windows` holds.

The probability that the bird arrived before fix j and after fix j - 1 is that of

- each step up to j - 1 under travel: rest (a Student t of three degrees of freedom around the
  last position) or flight (of one degree, `FLIGHT_M_S` times the step's duration wide); rest
  within the stop radius is arrival, so there as far as the fix may lie outside of it,
- fix j somewhere in the stay (t of three degrees around its centre, as wide as the stay),
- each step after j within the stay: rest, or a step of an Ornstein-Uhlenbeck process as wide as
  the stay, which forgets in `MEMORY_S`,
- and of flying from fix j - 1 to the centre in time: on the wing there already, or setting out at
  any moment of the step; species that roost at night fly by night `NIGHT_SHARE` as often.

Every variance includes the position errors of both fixes. As the steps of a bird depend on each
other more than the model knows, the likelihood is taken to the power `TEMPER` (a fractional
posterior: Bissiri et al. 2016, doi:10.1111/rssb.12158), fitted with `LATER` and `ELSEWHERE` so
that 90 % intervals hold the truth of simulated birds in 90 % of the cases (seeds 9000-9005;
`make validate` uses others). Change points of movement by likelihood: Gurarie et al. 2009,
doi:10.1111/j.1461-0248.2009.01293.x.
"""

from __future__ import annotations

import math

import numpy as np

from app.movement.compiled import kernel
from app.movement.gaps import gap_before
from app.movement.geodesy import to_xyz
from app.movement.profile import Profile
from app.movement.track import DAY_US, HOUR_US, SECOND_US, FloatArray, IntArray, Track

Fixes = tuple[IntArray, FloatArray, FloatArray]
"""Times [us], east and north [m] and errors [m] of fixes around a stay."""
POINTS = (0.05, 0.5, 0.95)
"""Probabilities of the times given: the median between the ends of the central 90 %."""
OUTSIDE = 2
"""Fixes beyond the stay that are looked at: `windows.MIDDLE` keeps as many clear of a cut."""
LOOK_US = 36 * HOUR_US
"""How far into the stay a change is looked for [us]: over a night, at most half of the stay."""
LOOK_FIXES = 256
"""... and over how many fixes at most, so that a tag that sends every second costs no more."""
CELLS = 24
"""Cells of the distribution within one step of the track."""
FLIGHT_M_S = 10.2
FLIGHT_SPREAD_M_S = 5.5
"""Ground speed of flight over an hour [m/s], as in `itinerary.FLIGHT_SPEED_M_S`, and its spread."""
ON_THE_WING_M_S = 5.0
ON_THE_GROUND_M_S = 1.5
"""A step so fast was flown and one so slow was not (domain rule of the cranes' papers) [m/s]."""
WING_STEP_MAX_US = 3 * HOUR_US
"""Longest step that tells whether a bird was on the wing at its end [us]."""
ON_THE_WING = (0.1, 0.5, 0.9)
"""Probability of it after a slow step, after one that tells nothing, after a fast one."""
NIGHT_SHARE = 0.05
"""Flights by night per hour over flights by day; true-UTC sets of cranes have 2 % by night."""
TWILIGHT = -0.1045
"""Sine of the sun's elevation where night begins: -6 degrees, civil twilight."""
SETTING_OUT_S = 6 * 3600.0
"""Mean time that a bird on the ground waits before it flies on, least [s]."""
MEMORY_S = 6 * 3600.0
"""Time in which a position within a stay is forgotten [s]: half a day's round of a crane."""
REST_M = 300.0
"""Spread of a bird that rests, from fix to fix [m]."""
SPREAD_MIN_M = 500.0
"""Least spread of a stay [m]: that of a roost."""
TEMPER = 0.35
LATER = 0.3
"""Weight of the hypothesis that the bird was still on its way at a fix within the stay's radius."""
ELSEWHERE = 0.08
"""Weight of a moment of setting out that the speed of flight does not explain."""
HALT_S = (1800.0, 3 * 3600.0)
"""A rest within the radius is arrival when it lasts so long, over one step or over shorter ones in
a row [s]: after a shorter one a bird may fly on. Within a longer step than the second, it may have
flown out and back."""
HALTING = 0.1
"""Weight of such a rest that was none: a bird that drank, or was slow on its last way."""
SETTLING_US = 60 * SECOND_US
"""To the minute nobody can say when a bird has come: it circles, lands and walks on [us]."""
FAR_BELOW = 14.0
"""Hypotheses whose logarithm lies so far below the best count as nothing."""


def locate(
    track: Track, first: IntArray, last: IntArray, centre: FloatArray, profile: Profile
) -> IntArray:
    """
    Say when stays began and ended.

    Parameters
    ----------
    track : Track
        Visible fixes with their position errors: strictly increasing times.
    first, last : ndarray of int64, shape (k,)
        First and last fix of each stay.
    centre : ndarray of float64, shape (k, 2)
        Lon and lat of the middle of each stay [degrees].
    profile : Profile
        Gives `roosts_at_night` and `stop_radius_m`.

    Returns
    -------
    ndarray of int64, shape (k, 2, 3)
        Arrival and departure at `POINTS`, in whole seconds [us since 1970 UTC]. All three are the
        time of the end fix itself where nothing was seen before (after) it for `GAP_MAX_S`.

    Examples
    --------
    A bird that came 100 km by day between two fixes four hours apart, at about noon:

    >>> from app.seeds import profile_of
    >>> time_us = np.arange(20) * 4 * HOUR_US
    >>> lon = np.where(np.arange(20) < 7, 116.17, 115.0)
    >>> track = Track(time_us, lon, np.full(20, 40.0), np.full(20, 20.0))
    >>> one = np.array([7])
    >>> came, went = locate(track, one, one + 12, np.array([[115.0, 40.0]]), profile_of("Grus"))[0]
    >>> ((came - time_us[6]) / HOUR_US).round(1).tolist(), bool(np.all(went == time_us[19]))
    ([1.3, 2.4, 3.8], True)
    """
    cut = np.append(gap_before(track.time_us), np.ones(OUTSIDE + 1, dtype=np.bool_))
    cut[:1] = True
    out = np.empty((first.shape[0], 2, 3), dtype=np.int64)
    origin = to_xyz(centre[:, 0], centre[:, 1])
    for k, (a, b) in enumerate(zip(first.tolist(), last.tolist(), strict=True)):
        lo = a if cut[a] else a - 1 if cut[a - 1] else a - OUTSIDE
        hi = b if cut[b + 1] else b + 1 if cut[b + 2] else b + OUTSIDE
        near = slice(lo, hi + 1)
        out[k] = _ends(
            (
                np.ascontiguousarray(track.time_us[near]),
                _plane(to_xyz(track.lon[near], track.lat[near]), origin[k], centre[k]),
                np.ascontiguousarray(track.error_m[near]),
            ),
            (a - lo, b - lo),
            (
                float(centre[k, 0]),
                float(centre[k, 1]),
                profile.roosts_at_night,
                profile.stop_radius_m,
            ),
        )
    return out


@kernel
def _plane(xyz: FloatArray, origin: FloatArray, centre: FloatArray) -> FloatArray:
    """
    Return east and north in the plane that touches at `origin`, shape (n, 2) [m].

    `geodesy.tangent_plane`, number by number: the last digit of a product of matrices may hang on
    how many rows it has, and a window has to give what the whole gives.
    """
    lam, phi = np.radians(centre[0]), np.radians(centre[1])
    sin_l, cos_l, sin_p, cos_p = np.sin(lam), np.cos(lam), np.sin(phi), np.cos(phi)
    out = np.empty((xyz.shape[0], 2))
    for i in range(xyz.shape[0]):
        x, y, z = xyz[i] - origin
        out[i, 0] = -sin_l * x + cos_l * y
        out[i, 1] = -sin_p * (cos_l * x + sin_l * y) + cos_p * z
    return out


def _ends(near: Fixes, span: tuple[int, int], place: tuple[float, float, bool, float]) -> IntArray:
    """Return arrival and departure of the stay of fixes `span` among those given, shape (2, 3)."""
    time_us, xy, error_m = near
    a, b = span
    far2 = (xy[a : b + 1] ** 2).sum(axis=1)
    noise2 = np.median(error_m[a : b + 1] ** 2)
    # Three quarters of a round normal cloud lie within 1.665 standard deviations.
    spread2 = float(max(np.quantile(far2, 0.75) / 2.773 - noise2, SPREAD_MIN_M**2))
    reach_us = min(LOOK_US, (time_us[b] - time_us[a]) // 2)
    i = min(int(np.searchsorted(time_us, time_us[a] + reach_us, "right")), a + LOOK_FIXES)
    j = max(int(np.searchsorted(time_us, time_us[b] - reach_us)), b + 1 - LOOK_FIXES)
    out = np.array([[time_us[a]] * 3, [time_us[b]] * 3], dtype=np.int64)
    if a > 0:
        some = slice(0, max(i, a + 1))
        out[0] = _arrival(time_us[some], xy[some], error_m[some], (a, spread2, 1), place)
    known = time_us.shape[0] - 1 - b
    if known > 0:  # a departure is an arrival in backward time
        some = slice(None, min(j, b) - 1 if min(j, b) else None, -1)
        back_us = np.ascontiguousarray(-time_us[some])
        back_xy, back_m = np.ascontiguousarray(xy[some]), np.ascontiguousarray(error_m[some])
        out[1] = -_arrival(back_us, back_xy, back_m, (known, spread2, -1), place)[::-1]
    return out


@kernel
def _arrival(
    time_us: IntArray,
    xy: FloatArray,
    error_m: FloatArray,
    what: tuple[int, float, int],
    place: tuple[float, float, bool, float],
) -> IntArray:
    """
    Return the 5, 50 and 95 % points of an arrival, shape (3,) [us].

    `what` is how many fixes lie before the stay, its variance [m2] per axis, and the direction of
    time; `place` its lon, lat, whether birds there keep to the day, and the stop radius [m].
    """
    known, spread2, way = what
    level = _levels(time_us, xy, error_m, (known, spread2, place[3]))
    best = level.max()
    mass = np.zeros(level.shape[0] * CELLS)
    for c in range(level.shape[0]):
        if level[c] < best - FAR_BELOW:
            continue
        o = known + c - 1
        part = _within_step(time_us, xy, error_m, (o, spread2, way), place)
        mass[c * CELLS : (c + 1) * CELLS] = part * np.exp(level[c] - best)
    out = np.empty(3, dtype=np.int64)
    total, run, k = mass.sum(), 0.0, 0
    for g in range(mass.shape[0]):
        while k < 3 and mass[g] > 0.0 and run + mass[g] >= POINTS[k] * total:
            o = known + g // CELLS - 1
            share = (g % CELLS + (POINTS[k] * total - run) / mass[g]) / CELLS
            at_us = time_us[o] + (time_us[o + 1] - time_us[o]) * min(max(share, 0.0), 1.0)
            out[k] = np.int64(np.round(at_us / SECOND_US)) * SECOND_US
            k += 1
        run += mass[g]
    for left in range(k, 3):
        out[left] = time_us[known]
    out[0] = max(out[0] - SETTLING_US, time_us[known - 1])  # there it was outside
    out[2] = min(out[2] + SETTLING_US, time_us[-1])
    return out


@kernel
def _levels(
    time_us: IntArray, xy: FloatArray, error_m: FloatArray, what: tuple[int, float, float]
) -> FloatArray:
    """
    Return the logarithm of the weight of each fix from `known` on as the first of the stay.

    `what` is how many fixes lie before the stay, its variance [m2] and the stop radius [m].
    """
    known, spread2, radius_m = what
    n = time_us.shape[0]
    level = np.empty(n - known)
    travelled, stayed = 0.0, 0.0  # a common constant says nothing: steps within from `known` on
    rested_s = 0.0
    for k in range(known, n):
        now2, then2 = error_m[k] ** 2, error_m[k - 1] ** 2
        dt_s = (time_us[k] - time_us[k - 1]) / SECOND_US
        east, north = xy[k, 0] - xy[k - 1, 0], xy[k, 1] - xy[k - 1, 1]
        moved2 = east * east + north * north
        rest = _student(moved2, REST_M**2 + now2 + then2, 3.0)
        # Never narrower than rest: within seconds a bird aloft moves as little as one that rests.
        flown2 = (FLIGHT_M_S * dt_s) ** 2 + REST_M**2
        flight = _student(moved2, flown2 + now2 + then2, 1.0)
        keep = np.exp(-dt_s / MEMORY_S)
        gain = keep * spread2 / (spread2 + then2)
        east, north = xy[k, 0] - gain * xy[k - 1, 0], xy[k, 1] - gain * xy[k - 1, 1]
        wide = max(spread2 + now2 - gain * keep * spread2, REST_M**2)
        within = _student(east * east + north * north, wide, 3.0)
        anew = _student(xy[k, 0] ** 2 + xy[k, 1] ** 2, spread2 + now2, 3.0)
        if k > known:
            stayed += np.log(0.5 * rest + 0.5 * within)
        level[k - known] = TEMPER * (travelled + np.log(anew) - stayed)
        if k > known:
            level[k - known] += np.log(LATER)
        outside = 1.0
        told = k > known and dt_s <= HALT_S[1]
        rested_s = rested_s + dt_s if told and (rest > flight or dt_s >= HALT_S[0]) else 0.0
        if rested_s >= HALT_S[0]:
            rested_s = 0.0
            beyond = (radius_m - np.sqrt(xy[k, 0] ** 2 + xy[k, 1] ** 2)) / error_m[k]
            outside = max(0.5 * (1.0 - math.erf(beyond / math.sqrt(2.0))), HALTING)
        travelled += np.log(0.5 * outside * rest + 0.5 * flight)
    return level


@kernel
def _student(far2: float, variance: float, freedom: float) -> float:
    """Return the density of Student's t in the plane at a squared distance [1/m2]."""
    shape = (1.0 + far2 / (freedom * variance)) ** (-0.5 * (freedom + 2.0))
    return float(shape / (2.0 * math.pi * variance))


@kernel
def _within_step(
    time_us: IntArray,
    xy: FloatArray,
    error_m: FloatArray,
    what: tuple[int, float, int],
    place: tuple[float, float, bool, float],
) -> FloatArray:
    """Return the probability of arriving in each cell of the step after fix `what[0]`."""
    o, spread2, way = what
    step_us = time_us[o + 1] - time_us[o]
    cell_s = step_us / SECOND_US / CELLS
    light = np.ones(CELLS)
    if place[2]:
        for g in range(CELLS):
            at_us = time_us[o] + np.int64(step_us * ((g + 0.5) / CELLS))
            light[g] = 1.0 if _is_day(way * at_us, place[0], place[1]) else NIGHT_SHARE
    whole_s = light.sum() * cell_s + SETTING_OUT_S
    wing = _on_the_wing(time_us, xy, error_m, o)
    far = max(np.sqrt(xy[o, 0] ** 2 + xy[o, 1] ** 2), 1.0)
    out = np.empty(CELLS)
    flown_s = 0.0
    for g in range(CELLS):
        middle_s = flown_s + 0.5 * light[g] * cell_s
        flown_s += light[g] * cell_s
        speed = far / middle_s
        spread = np.sqrt(FLIGHT_SPREAD_M_S**2 + (error_m[o] ** 2 + spread2) / middle_s**2)
        z = (speed - FLIGHT_M_S) / spread
        arrives = np.exp(-0.5 * z * z) / (math.sqrt(2.0 * math.pi) * spread) * speed / middle_s
        reaches = 0.5 * (1.0 - math.erf(z / math.sqrt(2.0)))
        sets_out = ((1.0 - wing) * reaches + ELSEWHERE) / whole_s
        out[g] = light[g] * cell_s * (wing * arrives + sets_out)
    return out


@kernel
def _on_the_wing(time_us: IntArray, xy: FloatArray, error_m: FloatArray, o: int) -> float:
    """Return the probability that the bird was flying at fix `o`, by the step before it."""
    if o == 0 or time_us[o] - time_us[o - 1] > WING_STEP_MAX_US:
        return ON_THE_WING[1]
    dt_s = (time_us[o] - time_us[o - 1]) / SECOND_US
    moved = np.sqrt((xy[o, 0] - xy[o - 1, 0]) ** 2 + (xy[o, 1] - xy[o - 1, 1]) ** 2)
    doubt = 2.0 * np.sqrt(error_m[o] ** 2 + error_m[o - 1] ** 2)
    if moved - doubt > ON_THE_WING_M_S * dt_s:
        return ON_THE_WING[2]
    return ON_THE_WING[0] if moved + doubt < ON_THE_GROUND_M_S * dt_s else ON_THE_WING[1]


@kernel
def _is_day(time_us: int, lon: float, lat: float) -> bool:
    """Say whether the sun is above civil twilight, to a few minutes: a circular orbit."""
    day = time_us / DAY_US
    season = 2.0 * math.pi * (day % 365.2425 + 10.0) / 365.2425  # from the December solstice
    declination = -0.4091 * math.cos(season)
    hour = 2.0 * math.pi * (day % 1.0 - 0.5) + math.radians(lon)
    phi = math.radians(lat)
    sine = math.sin(phi) * math.sin(declination)
    sine += math.cos(phi) * math.cos(declination) * math.cos(hour)
    return bool(sine > TWILIGHT)
