"""Canned feeds of five birds, with the properties of the service's feeds; the data are invented."""

import datetime as dt
import math
from itertools import pairwise
from typing import Any
from uuid import UUID, uuid5

Feature = dict[str, Any]

DAY_S = 86_400
START = dt.datetime(2025, 1, 1, tzinfo=dt.UTC)


def ref(number: int) -> str:
    """Give the id of a bird, a study, a feature: opaque and alike each time."""
    return str(UUID(int=number))


# Individual id, name, species, English name, stays: (site, lon, lat, day of 2025, days).
FLOCK: list[tuple[str, str, str, str, list[tuple[str, float, float, float, float]]]] = [
    (ref(1), "WN-07", "Grus vipio", "White-naped Crane", [
        ("Izumi", 130.27, 32.10, 1, 52), ("Cheorwon", 127.21, 38.23, 55, 16),
        ("Panjin", 121.85, 40.95, 73, 9), ("Mongol Daguur", 115.10, 49.70, 88, 140)]),
    (ref(2), "HC-31", "Grus monacha", "Hooded Crane", [
        ("Izumi", 130.27, 32.10, 1, 74), ("Suncheon Bay", 127.51, 34.86, 76, 5),
        ("Muraviovka", 127.70, 49.87, 96, 21)]),
    (ref(3), "E37", "Platalea minor", "Black-faced Spoonbill", [
        ("Zengwen", 120.08, 23.05, 1, 80), ("Yancheng", 120.55, 33.60, 83, 3),
        ("Incheon", 126.60, 37.40, 88, 120)]),
    (ref(4), "SC-02", "Leucogeranus leucogeranus", "Siberian Crane", [
        ("Poyang Lake", 116.30, 29.10, 1, 79), ("Momoge", 123.90, 45.90, 84, 33),
        ("Kytalyk", 147.00, 70.80, 127, 100)]),
    (ref(5), "SH-11", "Antigone canadensis", "Sandhill Crane", [
        ("", 177.50, 64.70, 130, 12), ("", -165.40, 64.50, 145, 6)]),
]  # fmt: skip


def time(day: float) -> str:
    return (START + dt.timedelta(days=day - 1)).strftime("%Y-%m-%dT%H:%M:%SZ")


def feature(kind: str, coordinates: object, /, **properties: object) -> Feature:
    geometry = {"type": kind, "coordinates": coordinates}
    identifier = str(uuid5(UUID(int=0), f"{geometry} {properties}"))
    return {"type": "Feature", "id": identifier, "geometry": geometry, "properties": properties}


def path(start: tuple[float, float], end: tuple[float, float]) -> tuple[str, list[Any]]:
    """Lead from one place to another with a slight bend, cut at 180 degrees as RFC 7946 wants."""
    (x0, y0), (x1, y1) = start, end
    x1 += 360 if x1 - x0 < -180 else 0
    steps = [i / 12 for i in range(13)]
    line = [[x0 + (x1 - x0) * s + 1.2 * s * (1 - s) * 4, y0 + (y1 - y0) * s] for s in steps]
    west = [[x, y] for x, y in line if x <= 180]
    east = [[x - 360, y] for x, y in line if x > 180]
    if not east:
        return "LineString", west
    return "MultiLineString", [[*west, [180.0, west[-1][1]]], [[-180.0, west[-1][1]], *east]]


def feeds() -> dict[str, list[Feature]]:
    made: dict[str, list[Feature]] = {
        name: [] for name in ("positions", "tracks", "stopovers", "sites", "flyways")
    }
    for number, (identifier, name, species, english, stays) in enumerate(FLOCK):
        bird = {
            "individual": name, "individual_id": identifier, "species": species,
            "species_name": english, "study": "Demo flock",
        }  # fmt: skip
        for site, lon, lat, first, days in stays:
            made["stopovers"].append(stopover(bird, site, (lon, lat), first, days))
        for leg, (here, there) in enumerate(pairwise(stays)):
            made["tracks"].append(track(bird, here, there, observed=(number, leg) != (3, 1)))
            made["flyways"].append(connection(species, here, there, birds=1 + 6 * number))
        last = stays[-1]
        made["positions"].append(
            feature("Point", [last[1], last[2]], **bird, time=time(230), simulated=number == 0)
        )
        made["flyways"] += [corridor(species, stays, level) for level in (95, 50)]
        if len(stays) > 3:
            made["flyways"] += lines(species, stays)
    made["sites"] = sites()
    return made


def stopover(
    bird: dict[str, str], site: str, at: tuple[float, float], first: float, days: float
) -> Feature:
    return feature(
        "Point", list(at), **bird, kind=kind_of(first, days),
        season=season_of(first),
        site=site or None, country=None, n_fixes=int(days * 24), radius_m=4200.0,
        arrival_time_earliest=time(first), arrival_time_latest=time(first + 0.25),
        departure_time_earliest=time(first + days), departure_time_latest=time(first + days * 1.2),
        duration_min_s=(days - 0.25) * DAY_S, duration_max_s=days * 1.2 * DAY_S,
    )  # fmt: skip


def kind_of(first: float, days: float) -> str:
    if days < 50:
        return "stopover"
    return "wintering" if first == 1 else "breeding"


def season_of(day: float) -> str | None:
    """Name the season of a stay that begins on this day; a vagrant's in early summer has none."""
    if day == 1:
        return "2024-wintering"
    if day > 120:
        return "2025-breeding" if day == 127 else None
    return "2025-breeding" if day in {88, 96} else "2025-spring"


def track(bird: dict[str, str], here: Any, there: Any, *, observed: bool) -> Feature:
    kind, line = path(here[1:3], there[1:3])
    return feature(
        kind, line, **bird, observed=observed, n_fixes=240 if observed else 0,
        time_first=time(here[3] + here[4]), time_last=time(there[3]),
    )  # fmt: skip


def connection(species: str, here: Any, there: Any, *, birds: int) -> Feature:
    kind, line = path(here[1:3], there[1:3])
    return feature(
        kind, line, part="connection", species=species, season="spring", n_birds=birds,
        n_passages=2 * birds,
    )  # fmt: skip


def corridor(species: str, stays: list[Any], level: int) -> Feature:
    across = 2.6 if level == 95 else 1.1
    turn = [2 * math.pi * i / 36 for i in range(37)]
    rings = [
        [[[x + across * math.cos(a), y + 0.7 * across * math.sin(a)] for a in turn]]
        for _, x, y, _, _ in stays
        if abs(x) + across < 180
    ]
    return feature("MultiPolygon", rings, part="corridor", species=species, level=level)


def lines(species: str, stays: list[Any]) -> list[Feature]:
    """Give a mean route through the stays, and a silence between the first and the last."""
    about = {"species": species, "season": "spring", "n_birds": 4, "level": None}
    places = [[lon, lat] for _, lon, lat, _, _ in stays]
    return [
        feature(
            "LineString", places, **about, part="route", n_passages=9, length_m=2_654_321.0,
            width_50_m=[812.0, 14_600.0, 3_000.0], width_95_m=[12_000.0, 90_250.0, 40_000.0],
        ),
        feature(
            "MultiLineString", [[places[0], places[-1]]], **about, part="unobserved",
            n_passages=2, length_m=None, width_50_m=None, width_95_m=None,
        ),
    ]  # fmt: skip


def sites() -> list[Feature]:
    birds: dict[str, list[tuple[str, tuple[float, float], float]]] = {}
    for _, _, species, _, stays in FLOCK:
        for site, lon, lat, _, days in stays:
            birds.setdefault(site, []).append((species, (lon, lat), days))
    return [
        feature(
            "Point", list(stays[0][1]), site=name.lower().replace(" ", "-"), name=name, named=True,
            n_individuals=len(stays), bird_days=sum(days for *_, days in stays),
            species=sorted(species for species, *_ in stays),
            time_first=time(1), time_last=time(230), radius_m=20_000,
        )
        for name, stays in birds.items()
        if name
    ]  # fmt: skip
