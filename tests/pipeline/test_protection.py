"""What the public gets of an opened study: late, coarse, and nothing of nests and roosts."""

from __future__ import annotations

import asyncio
import bisect
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.movement.simulate import flock_csv, reference_csv
from app.pipeline.protection import fixes_withheld, grid_centre, in_breeding_season
from app.seeds import profiles
from app.store import studies
from app.store.windows import instant
from ingest.daylight import HORIZON_DEG, sun_elevation
from tests.flow.conftest import flock, open_service
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


def test_no_stopover_of_the_breeding_season_has_a_public_place(opened: Opened) -> None:
    kinds = {s["kind"] for s in opened.stopover}
    assert "breeding" in kinds and len(kinds) > 1
    for stop in opened.stopover:
        profile = profiles()[stop["species_key"]]
        ends = stop["arrival"], stop["departure"]
        nest = stop["kind"] == "breeding" or any(in_breeding_season(e, profile) for e in ends)
        if nest:
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
    stay = {
        "arrival_time_latest": instant(track.time_us[third]),
        "departure_time_earliest": instant(track.time_us[2 * third]),
        "public_lon": None,
    }
    hidden = fixes_withheld(track, [stay], profile)
    night = sun_elevation(track.time_us, track.lon, track.lat) < HORIZON_DEG
    assert hidden[night == profile.roosts_at_night].all()
    assert hidden[third : 2 * third + 1].all()
    fewer = fixes_withheld(track, [], profile)
    assert not (fewer & ~hidden).any()
