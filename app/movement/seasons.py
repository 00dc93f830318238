"""Seasons: breeding-season residence, autumn, wintering and spring, from the stopovers alone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Literal

import numpy as np

from app.movement.geodesy import distance_m
from app.movement.profile import Profile, Window
from app.movement.stopovers import Stopovers
from app.movement.track import DAY_US, SECOND_US, BoolArray, FloatArray, IntArray

Kind = Literal["stopover", "staging", "breeding", "wintering", "summering", "unknown"]
SeasonKind = Literal["spring", "autumn", "breeding", "wintering", "summering"]

SPRING_DEFAULT = Window((2, 15), (5, 31))
AUTUMN_DEFAULT = Window((8, 15), (11, 30))
"""Used without species windows: widest of species.csv, rounded to half months."""
HOME_RADIUS_M = 100_000.0
"""Stopovers this near a residence's core belong to it [m]: birds wander about before they go;
migration stages of the region's cranes are 300 km and longer (Higuchi 2004)."""
MIGRATION_MIN_M = 300_000.0
"""A bird whose residences lie nearer than this is a resident [m]; the shortest crane migrations
of the region, in Hokkaido, stay below 200 km."""
RESIDENCE_MIN_DAYS = 14.0
"""Least time at one place, within a season's core, to call it a residence [days]."""
BREEDING_MIN_DAYS = 30.0
"""Least summer residence to say breeding-season residence [days]: a crane's clutch takes about
30 days to hatch; a shorter one is summering."""
CORE_HALF_DAYS = 45.0
"""Half the season's core, around the middle between two migration windows [days]."""


@dataclass(frozen=True, slots=True)
class Season:
    """
    One season of one bird.

    Attributes
    ----------
    id : str
        Like ``2020-spring``; wintering bears the year in which it began.
    start_us, end_us : int
        From the first to the last fix that shows it [us since 1970 UTC]. A migration begins
        with the last fix at the residence and ends with the first fix at the next.
    start_open, end_open : bool
        The bird was there already (still) when the data began (ended) or fell silent.
    basis : str
        Always ``track`` here; observers may override.
    confidence : float
        0..1: half for the time seen at the residence (two months count full), a quarter for each
        end that is not open; of a migration the lesser of its residences'.
    first, last : int
        Its stopovers, both included; ``first > last`` for a migration without a stopover.
    """

    id: str
    kind: SeasonKind
    start_us: int
    end_us: int
    start_open: bool
    end_open: bool
    basis: str
    confidence: float
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Seasons:
    """Kinds of the stopovers, shape (k,), and the seasons in order of their start."""

    kinds: tuple[Kind, ...]
    seasons: tuple[Season, ...]


@dataclass(frozen=True, slots=True)
class _Home:
    """A residence: stopovers first..last around `core`, in the summer or winter of `year`."""

    summer: bool
    year: int
    core: int
    first: int
    last: int


def classify(stopovers: Stopovers, profile: Profile) -> Seasons:
    """
    Find the seasons of one bird.

    In the core of each summer and winter (90 days around the middle between the migration
    windows) the place where the bird spent most time, `RESIDENCE_MIN_DAYS` or more, is its
    residence; the stopovers around that within `HOME_RADIUS_M`, before and after without a break,
    belong to it, however early or late: the windows say where to look, the track says when. Two
    weeks and more without a stopover over the middle of the other half of the year are a break:
    who is silent in winter may have been anywhere, and its summers are told apart. What lies
    between two residences more than `MIGRATION_MIN_M` apart is a migration. Summer must be
    poleward of winter. A bird with summer and winter residences but none so far apart is a
    resident and its stopovers are ``unknown``; so are those of a bird without any residence.

    Parameters
    ----------
    stopovers : Stopovers
        All of the individual, in time order.
    profile : Profile
        Gives `spring`, `autumn` and `staging_min_s`; generic windows replace missing ones.

    Returns
    -------
    Seasons
        Empty when there are no stopovers. Takes time in proportion to stopovers and years.
    """
    if len(stopovers) == 0:
        return Seasons((), ())
    homes = _homes(stopovers, profile)
    if not homes:
        nothing: list[Kind] = ["unknown"] * len(stopovers)
        return Seasons(tuple(nothing), ())
    stays = [_stay_season(stopovers, home) for home in homes]
    ways = [
        _way_season(pair, (stays[i], stays[i + 1]))
        for i, pair in enumerate(pairwise(homes))
        if _next_half(*pair)
    ]
    both = sorted([*stays, *ways], key=lambda s: (s.start_us, s.end_us))
    return Seasons(_kinds(stopovers, profile, stays), tuple(both))


def _homes(stopovers: Stopovers, profile: Profile) -> list[_Home]:
    """Return the residences in time order; none for a resident bird."""
    found = []
    begin = _year(int(stopovers.arrival_latest_us[0])) - 1
    end = _year(int(stopovers.departure_earliest_us[-1])) + 1
    years = range(begin, end + 1)
    middles = {
        summer: np.array([_middle_us(profile, year, summer=summer) for year in years])
        for summer in (True, False)
    }
    for k, year in enumerate(years):
        for summer, other in ((True, False), (False, True)):
            home = _home(stopovers, (summer, year), int(middles[summer][k]), middles[other])
            found += [] if home is None else [home]
    apart = [a for a in found if _migrates(stopovers, a, found)]
    found = apart if any(h.summer for h in found) and any(not h.summer for h in found) else found
    kept: list[_Home] = []
    for home in sorted(found, key=lambda h: (h.first, h.last)):
        if not kept or home.first > kept[-1].last:  # a stopover belongs to one residence
            kept.append(home)
    return kept


def _migrates(stopovers: Stopovers, home: _Home, others: list[_Home]) -> bool:
    """Say whether a residence of the other half year lies far away and on the right side."""
    sign = 1.0 if home.summer else -1.0
    rest = [h for h in others if h.summer != home.summer]
    far = _from(stopovers, home.core)
    poleward = np.abs(stopovers.lat[home.core]) - np.abs(stopovers.lat)
    return any(far[h.core] > MIGRATION_MIN_M and sign * poleward[h.core] > 0.0 for h in rest)


def _home(
    stopovers: Stopovers, half: tuple[bool, int], middle_us: int, other_us: IntArray
) -> _Home | None:
    """Return the residence in one season's core, if any; `other_us` are middles of the others'."""
    half_us = int(CORE_HALF_DAYS * DAY_US)
    begins = _begins(stopovers, other_us)
    start = np.maximum(stopovers.arrival_latest_us, middle_us - half_us)
    stop = np.minimum(stopovers.departure_earliest_us, middle_us + half_us)
    there = np.maximum(stop - start, 0)
    found = []
    for i in np.flatnonzero(there).tolist():
        at = _near(stopovers, i)
        first, last = _run(at, begins, i)
        unbroken = int(there[first : last + 1].sum())
        found.append((int(there[at].sum()), unbroken, -i, first, last))
    # Most time around it; among equals in the longest unbroken stay; among these the first.
    # Nothing of it hangs on how many stopovers a stay is told in.
    most_us, _, place, first, last = max(found, default=(0, 0, 0, 0, 0))
    if most_us < RESIDENCE_MIN_DAYS * DAY_US:
        return None
    return _Home(*half, -place, first, last)


def _begins(stopovers: Stopovers, other_us: IntArray) -> BoolArray:
    """Say before which stopovers lie two weeks without any, over the middle of another half."""
    gone, back = stopovers.departure_earliest_us[:-1], stopovers.arrival_latest_us[1:]
    apart = np.searchsorted(other_us, gone) < np.searchsorted(other_us, back)
    return np.append(False, apart & (back - gone >= RESIDENCE_MIN_DAYS * DAY_US))


def _run(at: BoolArray, begins: BoolArray, i: int) -> tuple[int, int]:
    """Return the first and last of the run of true values that holds `i`; some begin a run."""
    firsts = np.flatnonzero(begins | ~np.append(False, at[:-1]))
    afters = np.flatnonzero(begins | ~at)
    k = int(np.searchsorted(afters, i, side="right"))
    first = int(firsts[np.searchsorted(firsts, i, side="right") - 1])
    return first, int(afters[k]) - 1 if k < afters.shape[0] else at.shape[0] - 1


def _from(stopovers: Stopovers, core: int) -> FloatArray:
    one = np.ones(len(stopovers))
    lon, lat = stopovers.lon[core], stopovers.lat[core]
    return distance_m(one * lon, one * lat, stopovers.lon, stopovers.lat)


def _near(stopovers: Stopovers, core: int) -> BoolArray:
    return _from(stopovers, core) <= HOME_RADIUS_M


def _stay_season(stopovers: Stopovers, home: _Home) -> Season:
    """Return the season spent at a residence."""
    a, b = home.first, home.last
    start, end = int(stopovers.arrival_latest_us[a]), int(stopovers.departure_earliest_us[b])
    open_a, open_b = bool(stopovers.arrival_open[a]), bool(stopovers.departure_open[b])
    stayed_us = stopovers.departure_earliest_us[a : b + 1] - stopovers.arrival_latest_us[a : b + 1]
    long = int(stayed_us.sum()) >= BREEDING_MIN_DAYS * DAY_US  # a silence is no time at home
    kind: SeasonKind = ("breeding" if long else "summering") if home.summer else "wintering"
    seen = float(stopovers.observed_s[a : b + 1].sum()) * SECOND_US / (60.0 * DAY_US)
    sure = 0.5 * min(1.0, seen) + 0.25 * (not open_a) + 0.25 * (not open_b)
    return Season(f"{home.year}-{kind}", kind, start, end, open_a, open_b, "track", sure, a, b)


def _next_half(home: _Home, after: _Home) -> bool:
    """Say whether `after` is the residence of the half year that follows `home`'s."""
    return home.summer != after.summer and after.year == home.year + (after.summer)


def _way_season(pair: tuple[_Home, _Home], ends: tuple[Season, Season]) -> Season:
    """Return the migration from one residence to the next."""
    kind: SeasonKind = "spring" if pair[1].summer else "autumn"
    year = pair[1].year
    return Season(
        f"{year}-{kind}",
        kind,
        ends[0].end_us,
        ends[1].start_us,
        ends[0].end_open,
        ends[1].start_open,
        "track",
        min(ends[0].confidence, ends[1].confidence),
        pair[0].last + 1,
        pair[1].first - 1,
    )


def _kinds(stopovers: Stopovers, profile: Profile, homes: list[Season]) -> tuple[Kind, ...]:
    """Return the kind of each stopover: its residence's, else by its length."""
    long = stopovers.duration_min_s >= profile.staging_min_s
    kinds: list[Kind] = ["staging" if v else "stopover" for v in long]
    if stopovers.arrival_open[0]:
        kinds[0] = "unknown"  # where the data begin a residence may be ending
    for home in homes:
        for i in range(home.first, home.last + 1):
            kinds[i] = home.kind  # type: ignore[assignment]  # a residence is never a migration
    return tuple(kinds)


def _middle_us(profile: Profile, year: int, *, summer: bool) -> int:
    """Return the middle of a summer, or of the winter that begins in `year` [us since 1970]."""
    spring, autumn = profile.spring or SPRING_DEFAULT, profile.autumn or AUTUMN_DEFAULT
    if summer:
        a, b = date(year, *spring.end), date(year, *autumn.start)
    else:
        a, b = date(year, *autumn.end), date(year + 1, *spring.start)
    half = (b - a) // 2
    noon = datetime(a.year, a.month, a.day, tzinfo=UTC) + half
    return round((noon - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(microseconds=1))


def _year(time_us: int) -> int:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time_us)).year
