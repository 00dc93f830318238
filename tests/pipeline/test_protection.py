"""What the public gets of an opened study: late, coarse, and nothing of nests and roosts."""

from __future__ import annotations

import asyncio
import bisect
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Geod

from app.movement.arcs import arcs_m
from app.movement.profile import Profile
from app.movement.simulate import flock_csv, reference_csv
from app.pipeline.protection import at_nest, fixes_withheld, grid_centre, may_breed, nest_cells
from app.seeds import profiles
from app.store import studies
from app.store.windows import instant
from ingest.daylight import HORIZON_DEG, sun_elevation
from tests.flow.conftest import Service, flock, open_service
from tests.flow.edits import stale
from tests.movement.journeys import fly

DELAY = timedelta(days=30)
GRID_DEG = 0.1
HOUR = timedelta(hours=1)
TABLES = {
    "public_fix": "select i.local_identifier as bird, x.* from public_fix x"
    " join individual i on i.id = x.individual_id order by x.time",
    "stopover": "select i.local_identifier as bird, x.arrival_time_latest as arrival,"
    " x.departure_time_earliest as departure, x.departure_time_latest as gone, x.kind, x.season,"
    " x.lon, x.lat, x.public_lon, x.public_lat, x.release_at, x.species_key from stopover x"
    " join individual i on i.id = x.individual_id",
    "fix": "select i.local_identifier as bird, f.time, f.lon, f.lat, i.species_key from fix f"
    " join deployment d on d.tag_id = f.tag_id and d.replaced_at is null and d.during @> f.time"
    " join individual i on i.id = d.individual_id where f.live and f.visible order by f.time",
}


@dataclass
class Opened:
    """Tables of an opened study of two cranes and two spoonbills over a year and more."""

    public_fix: list[dict]
    stopover: list[dict]
    fix: list[dict]


@pytest.fixture(scope="module")
def opened(new_database: Callable[[], str]) -> Opened:
    birds = flock(seed=12, birds=4, days=400)

    async def run() -> Opened:
        service = await open_service(new_database())
        try:
            await service.push(reference_csv(birds))
            await service.push(flock_csv(birds))
            await service.drain()
            async with service.store.write() as conn:
                study = await studies.page(conn, service.audience, limit=1)
                await studies.edit(conn, service.audience, study[0]["ref"], {"visibility": "open"})
            await service.drain()
            return Opened(**{name: await service.rows(sql) for name, sql in TABLES.items()})
        finally:
            await service.store.close()

    return asyncio.run(run())


def night(fix: dict) -> bool:
    place = np.array([fix["lon"]]), np.array([fix["lat"]])
    time_us = np.array([int(fix["time"].timestamp() * 1e6)])
    return bool(sun_elevation(time_us, *place)[0] < HORIZON_DEG)


def roosts_at_night(row: dict) -> bool:
    return profiles()[row["species_key"]].roosts_at_night


def test_every_public_fix_is_a_fix_of_its_hour_that_may_be_shown(opened: Opened) -> None:
    assert len(opened.public_fix) > 1000
    withheld = [s for s in opened.stopover if s["public_lon"] is None]
    by_bird: dict[str, list[dict]] = {}
    for fix in opened.fix:
        by_bird.setdefault(fix["bird"], []).append(fix)
    for row in opened.public_fix:
        own = by_bird[row["bird"]]
        start = bisect.bisect_left(own, row["time"], key=lambda fix: fix["time"])
        stop = bisect.bisect_left(own, row["time"] + HOUR, key=lambda fix: fix["time"])
        assert any(
            night(fix) != roosts_at_night(row)
            and not any(
                s["bird"] == row["bird"] and s["arrival"] <= fix["time"] <= s["departure"]
                for s in withheld
            )
            and abs(fix["lon"] - row["lon"]) <= GRID_DEG / 2 + 1e-6
            and abs(fix["lat"] - row["lat"]) <= GRID_DEG / 2 + 1e-6
            for fix in own[start:stop]
        ), row


def test_cranes_are_never_shown_around_midnight_nor_spoonbills_around_noon(opened: Opened) -> None:
    """The hour by the sun alone, told without the service's own reckoning."""
    for row in opened.public_fix:
        solar_h = (row["time"].hour + row["lon"] / 15) % 24
        if roosts_at_night(row):
            assert 3 <= solar_h < 21, row
        else:
            assert not 9 <= solar_h < 14, row


def test_places_lie_on_centres_of_the_grid_and_times_on_hours(opened: Opened) -> None:
    for row in opened.public_fix:
        for degrees in (row["lon"], row["lat"]):
            cells = degrees / GRID_DEG - 0.5
            assert abs(cells - round(cells)) < 1e-6, row
        assert (row["time"].minute, row["time"].second, row["time"].microsecond) == (0, 0, 0)
        assert row["release_at"] == row["time"] + DELAY
    times = [(row["bird"], row["time"]) for row in opened.public_fix]
    assert len(set(times)) == len(times)


def breeds(stop: dict, profile: Profile) -> bool:
    """Tell it day by day."""
    spring, autumn = profile.spring, profile.autumn
    days = (stop["departure"].date() - stop["arrival"].date()).days
    seen = (stop["arrival"].date() + timedelta(days=day) for day in range(days + 1))
    return stop["kind"] == "breeding" or any(
        spring.end < (day.month, day.day) < autumn.start for day in seen
    )


def test_nothing_is_shown_at_a_breeding_place_whenever_the_bird_was_there(opened: Opened) -> None:
    nests = [s for s in opened.stopover if breeds(s, profiles()[s["species_key"]])]
    assert len({nest["bird"] for nest in nests}) == 4
    shown = [(s["bird"], s["public_lon"], s["public_lat"]) for s in opened.stopover]
    shown += [(row["bird"], row["lon"], row["lat"]) for row in opened.public_fix]
    for bird, lon, lat in set(shown):
        if lon is None:
            continue
        own = [nest for nest in nests if nest["bird"] == bird]
        there = (np.array([nest[name] for nest in own]) for name in ("lon", "lat"))
        away_m = arcs_m(np.array([lon]), np.array([lat]), *there)
        assert away_m.min() > 9_900.0, (bird, lon, lat)


def test_a_whole_winter_at_one_place_is_shown(opened: Opened) -> None:
    shown = [s for s in opened.stopover if s["public_lon"] is not None]
    assert max(s["departure"] - s["arrival"] for s in shown) > timedelta(days=60)


def stay(arrival: str, departure: str, kind: str = "unknown", lon: float = 127.0) -> dict:
    ends = (datetime.fromisoformat(each).replace(tzinfo=UTC) for each in (arrival, departure))
    between = dict(zip(("arrival_time_latest", "departure_time_earliest"), ends, strict=True))
    return between | {"kind": kind, "season": None, "lon": lon, "lat": 45.0}


@pytest.mark.parametrize(
    ("row", "may"),
    [
        (stay("2024-11-20", "2025-03-01"), False),
        (stay("2024-11-20", "2025-06-02"), True),
        (stay("2024-03-01", "2025-03-01"), True),
        (stay("2025-05-31", "2025-05-31T23:59"), False),
        (stay("2025-05-31", "2025-06-01"), True),
        (stay("2025-08-14", "2025-12-01"), True),
        (stay("2025-08-15", "2025-12-01"), False),
        (stay("2025-09-15", "2025-12-01", "breeding"), True),
    ],
)  # fmt: skip
def test_a_stay_that_touches_the_breeding_season_may_be_a_breeding_place(row, may) -> None:
    assert may_breed(row, profiles()["default"]) is may


@given(st.floats(-180, 180), st.floats(-80, 80), st.floats(0, 2 * np.pi), st.floats(0, 9_990))
def test_the_cells_of_a_nest_hold_all_within_the_radius_of_a_stay(lon, lat, azimuth, away_m):
    nest = stay("2025-06-01", "2025-07-01") | {"lon": lon, "lat": lat}
    there = Geod(ellps="sphere").fwd(lon, lat, np.degrees(azimuth), away_m)
    cells = nest_cells([nest, stay("2025-01-01", "2025-02-01", lon=10.0)], profiles()["default"])
    assert at_nest(there[0], there[1], cells)
    assert not at_nest(10.0, 45.0, cells) or abs(lon - 10.0) < 2


def positions(*stays: tuple[str, int, float, float]) -> bytes:
    """Write a crane that stays at places: first day, number of days, lon, lat."""
    rows = [
        f"{datetime.fromisoformat(first) + timedelta(hours=3 * k):%Y-%m-%d %H:%M:%S}.000,"
        f"{lon + 0.01 * np.sin(k)},{lat + 0.01 * np.cos(k)},gps,Grus vipio,T1,Chun,Cranes"
        for first, days, lon, lat in stays
        for k in range(8 * days)
    ]
    head = "timestamp,location-long,location-lat,sensor-type,individual-taxon-canonical-name,"
    head += "tag-local-identifier,individual-local-identifier,study-name"
    return "\n".join([head, *rows]).encode()


@pytest.fixture
async def service(database: str) -> AsyncIterator[Service]:
    made = await open_service(database)
    yield made
    await made.store.close()


async def test_a_breeding_place_found_in_june_is_withheld_in_march(service: Service) -> None:
    at_place = "select count(*) as n from public_fix where lat > 47"
    stays = "select public_lon is null as hidden from stopover order by arrival_time_latest"
    await service.push(positions(("2024-03-01", 20, 127.0, 48.0), ("2024-03-22", 50, 124.0, 46.0)))
    await service.drain()
    assert (await service.rows(at_place))[0]["n"] > 50
    assert [row["hidden"] for row in await service.rows(stays)] == [False, False]
    await service.push(positions(("2024-06-03", 40, 127.0, 48.0), ("2024-10-03", 40, 120.0, 38.0)))
    assert await stale(service) == {}
    assert await service.rows(at_place) == [{"n": 0}]
    assert [row["hidden"] for row in await service.rows(stays)] == [True, False, True, False]


def test_no_stopover_of_the_breeding_season_has_a_public_place(opened: Opened) -> None:
    kinds = {s["kind"] for s in opened.stopover}
    assert "breeding" in kinds and len(kinds) > 1
    for stop in opened.stopover:
        profile = profiles()[stop["species_key"]]
        if breeds(stop, profile):
            assert (stop["public_lon"], stop["public_lat"]) == (None, None), stop
        elif stop["public_lon"] is not None:
            assert stop["public_lon"] == grid_centre(stop["lon"], GRID_DEG)
            assert stop["public_lat"] == grid_centre(stop["lat"], GRID_DEG)
        assert stop["release_at"] == stop["gone"] + DELAY
    assert any(s["public_lon"] is not None for s in opened.stopover)


@given(st.floats(-180, 180), st.floats(0, 0.0999))
def test_the_grid_says_no_more_than_the_cell(degrees: float, within: float) -> None:
    centre = grid_centre(degrees, GRID_DEG)
    assert abs(degrees - centre) <= GRID_DEG / 2 + 1e-6
    corner = round((centre - GRID_DEG / 2) * 10) / 10
    assert abs(grid_centre(corner + 1e-9 + within * 0.999, GRID_DEG) - centre) < 1e-9


@given(st.integers(0, 10_000), st.sampled_from(sorted(profiles())))
def test_the_hours_of_roosting_and_stays_without_public_place_are_withheld(seed, key) -> None:
    track, profile = fly(seed, stays=2).track, profiles()[key]
    third = len(track) // 3
    withheld = {
        "arrival_time_latest": instant(track.time_us[third]),
        "departure_time_earliest": instant(track.time_us[2 * third]),
        "public_lon": None, "kind": "unknown", "season": None, "lon": 10.0, "lat": 45.0,
    }  # fmt: skip
    hidden = fixes_withheld(track, [withheld], profile)
    night = sun_elevation(track.time_us, track.lon, track.lat) < HORIZON_DEG
    assert hidden[night == profile.roosts_at_night].all()
    assert hidden[third : 2 * third + 1].all()
    fewer = fixes_withheld(track, [], profile)
    assert not (fewer & ~hidden).any()
