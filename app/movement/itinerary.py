"""Where and when a simulated bird lives: flyways of eight species, a calendar, a true path."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from pyproj import Geod

from app.movement.foraging import BREEDING, ELSEWHERE, forage
from app.movement.profile import Profile, Window
from app.movement.track import DAY_US, HOUR_US, SECOND_US, FloatArray, IntArray

METRES_PER_DEGREE = 111_195.0
"""Length of a degree of latitude on the mean sphere [m]; offsets here stay below 15 km."""

COMMUTE_SPEED_M_S = 10.0
"""Speed of flights between roost and fields [m/s]: median of the hourly crane steps >= 5 m/s."""

REACH = 0.75
"""Farthest that a bird goes from the middle of a stay, of the stop radius."""

APPROACH_M = 40_000.0
"""Last and first part of a way [m], on which a bird makes for where it lands, and comes from where
it set out: its field or roost, aside from the middle of the stay."""

WALK_MAX_M = 1_500.0
"""An hour's move longer than this is flown, not walked [m]: 0.4 m/s, p90 of resting cranes."""

FLIGHT_SPEED_M_S = (10.2, 5.2)
"""Mean and spread of cross-country speed over an hour [m/s]; gives p50/p95/p99 of 96,976 hourly
fixes of 27 Demoiselle Cranes of north-east Asia: 10.0, 17.6 and 20.5 m/s."""

WIND_M_S = 3.0
"""Spread of the wind along a bird's way and across it [m/s], our choice: the part of the spread of
`FLIGHT_SPEED_M_S` that stays the same for hours; the whole spread is as it was measured."""

WIND_H = 8
"""Hours of flight under one wind [h]: about one flying day."""

DRIFT = 0.3
"""Share of the wind across its way that a bird does not make up for at once."""

FLYING_DAY_H = (7.0, 10.5)
"""Hours a crane flies on a travelling day [h], from the same birds' daylight hours of flight."""

ROUTES: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "hooded_crane": (
        ("Lesser Khingan bogs (Xinqing)", "Zhalong", "Shuangtai Estuary (Panjin)",
         "Cheonsu Bay", "Izumi Wintering Habitat of Cranes"),
        ("Bikin taiga bogs", "Lake Khanka", "Kumya Bay / Kumya Wetland Reserve",
         "Suncheon Bay"),
        ("Lesser Khingan bogs (Xinqing)", "Momoge", "Shuangtai Estuary (Panjin)",
         "Chongming Dongtan"),
    ),
    "white_naped_crane": (
        ("Mongol Daguur", "Xianghai", "Shuangtai Estuary (Panjin)", "Cheorwon Basin",
         "Izumi Wintering Habitat of Cranes"),
        ("Lakes in the Khurkh-Khuiten river valley", "Duolun (upper Luan River)",
         "Yellow River Delta", "Poyanghu (Poyang Lake NNR)"),
        ("Khingano-Arkharinskaya Lowland", "Lake Khanka", "Rason Migratory Bird Reserve",
         "Kumya Bay / Kumya Wetland Reserve", "Cheorwon Basin"),
    ),
    "red_crowned_crane": (
        ("Zhalong", "Shuangtai Estuary (Panjin)", "Yellow River Delta", "Yancheng"),
        ("Lake Khanka", "Rason Migratory Bird Reserve", "Kumya Bay / Kumya Wetland Reserve",
         "Cheorwon Basin"),
    ),
    "siberian_crane": (
        ("Kytalyk (Indigirka lowlands)", "Zeya-Bureya Plains (Muraviovka)", "Momoge",
         "Shuangtai Estuary (Panjin)", "Yellow River Delta", "Poyanghu (Poyang Lake NNR)"),
    ),
    "common_crane": (
        ("Torey Lakes (Daursky)", "Lake Ganga and its surrounding wetlands",
         "Duolun (upper Luan River)", "Yellow River Delta", "Poyanghu (Poyang Lake NNR)"),
    ),
    "demoiselle_crane": (
        ("Lake Buir and its surrounding wetlands", "Lake Ganga and its surrounding wetlands",
         "Khar Us Nuur", "Khichan (Rajasthan)"),
        ("Mongol Daguur", "Khar Us Nuur", "Little Rann of Kutch"),
    ),
    "black_faced_spoonbill": (
        ("Chilsando islets", "Suncheon Bay", "Chongming Dongtan", "Chigu / Tsengwen estuary"),
        ("Namdong reservoir (Incheon)", "Yancheng", "Chongming Dongtan", "Mai Po"),
        ("Zhuanghe islets (Liaoning)", "Yellow River Delta", "Yancheng", "Xuan Thuy"),
    ),
    "eurasian_spoonbill": (
        ("Naoli River Basin", "Xianghai", "Yellow River Delta", "Poyanghu (Poyang Lake NNR)"),
        ("Lake Buir and its surrounding wetlands", "Duolun (upper Luan River)", "Yancheng",
         "Nanji Wetland (Poyang)"),
    ),
}  # fmt: skip
"""Breeding place first, wintering place last, names of sites.csv; the roles that file gives each
site, joined in the order in which a bird would meet them. A drawing of the flyways, no survey."""

Knots = tuple[FloatArray, FloatArray, FloatArray]
"""Times [us], lon and lat [degrees] of the turns of a piece of a path."""

_GEOD = Geod(ellps="WGS84")


class SimulationError(ValueError):
    """The flock asked for cannot be simulated."""


@dataclass(frozen=True, slots=True)
class Place:
    """A place on a route; `name` is empty for a stopover at no named site."""

    name: str
    lon: float
    lat: float


@dataclass(frozen=True, slots=True)
class Stay:
    """A true stay: the bird is within the stop radius of the centre the whole time."""

    place: Place
    kind: str  # breeding, wintering, stopover, staging
    arrival_us: int
    departure_us: int


@dataclass(frozen=True, slots=True)
class Visit:
    """A planned stay: until a date, and at least for so long after the arrival [microseconds]."""

    place: Place
    until_us: int = 0
    rest_us: int = 0
    kind: str = ""  # empty: stopover or staging, by its length


@dataclass(frozen=True, slots=True)
class Path:
    """True positions at the turns of a path, shape (n,); straight and even between them."""

    time_us: IntArray
    lon: FloatArray
    lat: FloatArray

    def at(self, time_us: IntArray) -> tuple[FloatArray, FloatArray]:
        """Return lon, lat at `time_us` [degrees]."""
        lon = np.degrees(np.unwrap(np.radians(self.lon)))
        x = np.interp(time_us, self.time_us, lon)
        lat = np.interp(time_us, self.time_us, self.lat)
        return np.asarray((x + 180.0) % 360.0 - 180.0), np.asarray(lat)


def live(
    profile: Profile,
    route: tuple[Place, ...],
    *,
    start_us: int,
    end_us: int,
    rng: np.random.Generator,
) -> tuple[tuple[Stay, ...], Path]:
    """
    Let one bird commute along its route from 1 January of the first year until `end_us`.

    Parameters
    ----------
    profile : Profile
        Windows, stop radius and hours of activity of the species.
    route : tuple of Place
        Breeding place first, wintering place last.
    start_us, end_us : int
        Span wanted [microseconds since 1970-01-01 UTC]; stays are cut to it.
    rng : numpy.random.Generator
        The only source of chance.

    Returns
    -------
    stays : tuple of Stay
        In time order, clipped to the span.
    path : Path
        From the first move after 1 January, before which the bird rests, to beyond `end_us`.
    """
    windows = _windows(profile)
    clock = _january_us(start_us)
    year = _year(start_us)
    made = _Life()
    while clock < end_us:
        for window, way in zip(windows, (route[::-1], route), strict=True):
            leave_us, rests_us = _season(window, year, len(way) - 2, rng)
            kind = "wintering" if way[0] is route[-1] else "breeding"
            plan = [Visit(way[0], leave_us, 10 * DAY_US, kind)]
            plan += [Visit(place, 0, rest) for place, rest in zip(way[1:-1], rests_us, strict=True)]
            clock = made.travel(plan, way[-1], clock, profile, rng=rng)
        year += 1
    made.stay(route[-1], "wintering", (clock, clock + 30 * DAY_US), profile, rng=rng)
    return made.between(start_us, end_us)


def follow(
    profile: Profile,
    plan: Sequence[Visit],
    *,
    start_us: int,
    end_us: int,
    rng: np.random.Generator,
) -> tuple[tuple[Stay, ...], Path]:
    """
    Let one bird live by a plan, from its first place at `start_us`; it stays at the last.

    Parameters and results are those of `live`, with visits in place of a calendar that is drawn.
    """
    *visits, last = plan
    made = _Life()
    clock = made.travel(visits, last.place, start_us, profile, rng=rng)
    until_us = max(end_us, clock + 30 * DAY_US)
    made.stay(last.place, last.kind, (clock, until_us), profile, rng=rng)
    return made.between(start_us, end_us)


@dataclass(slots=True)
class _Life:
    """What a bird has lived so far: its stays, and the turns of its path in pieces."""

    stays: list[Stay] = field(default_factory=list)
    knots: list[Knots] = field(default_factory=list)

    def stay(
        self,
        place: Place,
        kind: str,
        during_us: tuple[int, int],
        profile: Profile,
        *,
        rng: np.random.Generator,
    ) -> None:
        self.stays.append(_stay(place, kind, *during_us, profile))
        here = _stay_knots(self.stays[-1], profile, rng)
        if self.knots:
            self.knots[-1] = _bend(self.knots[-1], -1, here)
        self.knots.append(here)

    def travel(
        self,
        visits: Sequence[Visit],
        onward: Place,
        clock: int,
        profile: Profile,
        *,
        rng: np.random.Generator,
    ) -> int:
        """Make visits one after the other and fly on to a place; return when it is reached."""
        targets = [*(visit.place for visit in visits[1:]), onward]
        for visit, target in zip(visits, targets, strict=True):
            until = max(visit.until_us, clock + visit.rest_us)
            leave = _departure_us(until, visit.place.lon, profile, rng)
            self.stay(visit.place, visit.kind, (clock, leave), profile, rng=rng)
            leg = _leg_knots(visit.place, target, leave, profile, rng)
            self.knots.append(_bend(leg, 0, self.knots[-1]))
            clock = int(self.knots[-1][0][-1])
        return clock

    def between(self, start_us: int, end_us: int) -> tuple[tuple[Stay, ...], Path]:
        time, lon, lat = (np.concatenate(part) for part in zip(*self.knots, strict=True))
        return _clip(self.stays, start_us, end_us), Path(time.astype(np.int64), lon, lat)


def _windows(profile: Profile) -> tuple[Window, Window]:
    if profile.spring is None or profile.autumn is None:
        raise SimulationError(
            f"species {profile.key!r} has no season windows: fill spring_window_md and "
            "autumn_window_md in species.csv, or choose another species"
        )
    return profile.spring, profile.autumn


def _year(time_us: int) -> int:
    return (dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=time_us)).year


def _date_us(year: int, month_day: tuple[int, int]) -> int:
    return int(dt.datetime(year, *month_day, tzinfo=dt.UTC).timestamp()) * SECOND_US


def _january_us(time_us: int) -> int:
    return _date_us(_year(time_us), (1, 1))


def _season(
    window: Window, year: int, n_stops: int, rng: np.random.Generator
) -> tuple[int, list[int]]:
    """Draw when a bird leaves and how long it rests at each stop, within the season's window."""
    start_us = _date_us(year, window.start)
    span_us = _date_us(year, window.end) - start_us
    leave_us = start_us + int(rng.uniform(0.10, 0.35) * span_us)
    total_us = rng.uniform(0.30, 0.50) * span_us
    shares = rng.dirichlet(np.full(max(n_stops, 1), 2.5))[:n_stops]
    return leave_us, [max(int(share * total_us), 5 * DAY_US // 2) for share in shares]


def _departure_us(until_us: int, lon: float, profile: Profile, rng: np.random.Generator) -> int:
    """Shift a departure to the hour at which the species sets out."""
    hour = rng.normal(8.5 if profile.roosts_at_night else 18.5, 0.7)
    midnight_us = until_us // DAY_US * DAY_US
    return midnight_us + int((hour - lon / 15.0) % 24.0 * HOUR_US) // SECOND_US * SECOND_US


def _stay(place: Place, kind: str, arrival_us: int, departure_us: int, profile: Profile) -> Stay:
    long = departure_us - arrival_us >= profile.staging_min_s * SECOND_US
    return Stay(place, kind or ("staging" if long else "stopover"), arrival_us, departure_us)


def _clip(stays: list[Stay], start_us: int, end_us: int) -> tuple[Stay, ...]:
    return tuple(
        Stay(s.place, s.kind, max(s.arrival_us, start_us), min(s.departure_us, end_us))
        for s in stays
        if s.arrival_us < end_us and s.departure_us > start_us
    )


def _stay_knots(stay: Stay, profile: Profile, rng: np.random.Generator) -> Knots:
    """
    Commute between roost and feeding grounds, hour by hour, never leaving the stop radius.

    The bird lands at the place of its first hour and takes off from that of its last.
    """
    margin_us = HOUR_US // 2
    hours = np.arange(stay.arrival_us + margin_us, stay.departure_us - HOUR_US, HOUR_US)
    solar_h = (hours / HOUR_US + stay.place.lon / 15.0) % 24.0
    active = (solar_h >= 5.0) & (solar_h < 19.0)
    if not profile.roosts_at_night:
        active = ~active
    reach_m = REACH * profile.stop_radius_m
    xy = forage(active, reach_m, BREEDING if stay.kind == "breeding" else ELSEWHERE, rng)
    xy = np.concatenate([xy[:1], xy, xy[-1:]]) if xy.size else np.zeros((2, 2))
    move_m = np.hypot(*np.diff(xy, axis=0).T)
    time = np.concatenate([[stay.arrival_us], hours, [stay.departure_us]]).astype(float)
    span = np.diff(time)
    taken = np.where(move_m > WALK_MAX_M, move_m / COMMUTE_SPEED_M_S * SECOND_US, span)
    begin = time[1:] - np.minimum(taken, span)
    order_time = np.column_stack([begin, time[1:]]).ravel()
    order_xy = np.stack([xy[:-1], xy[1:]], axis=1).reshape(-1, 2)
    lat = stay.place.lat + order_xy[:, 1] / METRES_PER_DEGREE
    scale = METRES_PER_DEGREE * np.cos(np.radians(stay.place.lat))
    return order_time, stay.place.lon + order_xy[:, 0] / scale, lat


def _bend(leg: Knots, end: int, stay: Knots) -> Knots:
    """
    Let a leg begin (end 0) or end (-1) where the bird is in a stay, not in the middle of it.

    So landing and take-off are what they are called: a bird that touched the middle first, where it
    neither roosts nor feeds, would have landed twice within the hour.
    """
    time, lon, lat = leg
    one = np.ones(lon.shape[0])
    _, _, away_m = _GEOD.inv(lon, lat, one * lon[end], one * lat[end])
    share = np.clip(1.0 - away_m / APPROACH_M, 0.0, 1.0)
    at = -1 - end  # the last of the stay, for a leg that begins
    aside = (stay[1][at] - lon[end] + 180.0) % 360.0 - 180.0
    return time, lon + share * aside, lat + share * (stay[2][at] - lat[end])


def _leg_knots(
    origin: Place, target: Place, leave_us: int, profile: Profile, rng: np.random.Generator
) -> Knots:
    """Fly from place to place: a speed for each hour, cranes by day with nights on the ground."""
    azimuth, _, length_m = _GEOD.inv(origin.lon, origin.lat, target.lon, target.lat)
    hours = int(length_m / 3600.0 / 4.0) + 24
    mean, spread = FLIGHT_SPEED_M_S
    (weather,) = rng.spawn(1)
    winds = weather.normal(0.0, WIND_M_S, (2, hours // WIND_H + 1))
    along, across = np.repeat(winds, WIND_H, axis=1)
    speed = rng.normal(mean, np.sqrt(spread**2 - WIND_M_S**2), hours) + along[:hours]
    speed = np.clip(speed, 3.0, 26.0)
    flown_m = np.concatenate([[0.0], np.cumsum(speed * 3600.0)])
    airborne_h = np.interp(length_m, flown_m, np.arange(flown_m.size))
    bouts_h = rng.uniform(*FLYING_DAY_H, int(airborne_h / FLYING_DAY_H[0]) + 2)
    if not profile.roosts_at_night:  # spoonbills cross the Yellow Sea in one flight
        bouts_h = np.array([airborne_h + 1.0])
    ends_h = np.cumsum(bouts_h)
    turns = np.unique(np.concatenate([np.arange(0.0, airborne_h), [airborne_h]]))
    halts = ends_h[ends_h < airborne_h - 0.1]
    flight_h = np.sort(np.concatenate([turns, halts, halts]))
    bout = np.searchsorted(ends_h, flight_h, side="right")
    bout[np.flatnonzero(np.diff(flight_h) == 0)] -= 1  # first of a pair: landing
    begun_h = np.concatenate([[0.0], ends_h])[bout]
    time = leave_us + (bout * 24.0 + flight_h - begun_h) * HOUR_US
    along_m = np.interp(flight_h, np.arange(flown_m.size), flown_m)
    bow_m = rng.normal(0.0, 0.03) * length_m * np.sin(np.pi * along_m / length_m)
    blown_m = np.concatenate([[0.0], np.cumsum(DRIFT * across[:hours] * 3600.0)])
    drift_m = np.interp(flight_h, np.arange(hours + 1), blown_m)
    bow_m += drift_m - drift_m[-1] * along_m / length_m  # made up for before the bird arrives
    one = np.ones(along_m.shape)
    lon, lat, back = _GEOD.fwd(origin.lon * one, origin.lat * one, azimuth * one, along_m)
    lon, lat, _ = _GEOD.fwd(lon, lat, back + 90.0, bow_m)
    return time, np.asarray(lon), np.asarray(lat)
