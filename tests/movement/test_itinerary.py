from __future__ import annotations

import dataclasses
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.movement.geodesy import distance_m
from app.movement.itinerary import ROUTES, Path, Place, SimulationError, live
from app.movement.track import DAY_US, HOUR_US
from app.seeds import profiles
from tests.movement.flocks import START_US, key_sites

SITES = {place.name: place for place in key_sites()}
DAURIA_TO_POYANG = (Place("a", 115.0, 50.0), Place("b", 123.0, 46.0), Place("c", 116.0, 29.2))


def lived(species="white_naped_crane", route=DAURIA_TO_POYANG, *, days=400, seed=1, late=0):
    start = START_US + late * DAY_US
    stays, path = live(
        profiles()[species],
        route,
        start_us=start,
        end_us=start + days * DAY_US,
        rng=np.random.default_rng(seed),
    )
    return start, stays, path


def test_every_route_leads_over_sites_of_the_seeds_to_the_south():
    for species, routes in ROUTES.items():
        assert species in profiles()
        for names in routes:
            assert len(names) >= 2
            assert SITES[names[0]].lat > SITES[names[-1]].lat


@pytest.mark.parametrize("species", ROUTES)
@pytest.mark.parametrize(("late", "days"), [(0, 400), (200, 500), (364, 3)])
def test_a_life_of_each_species(species, late, days):
    for names in ROUTES[species]:
        route = tuple(SITES[name] for name in names)
        start, stays, path = lived(species, route, days=days, late=late)
        end = start + days * DAY_US
        assert path.time_us[-1] >= end and path.time_us[0] <= start + HOUR_US
        assert np.all(np.diff(path.time_us) >= 0)
        assert all(start <= s.arrival_us < s.departure_us <= end for s in stays)
        assert all(a.departure_us <= b.arrival_us for a, b in pairwise(stays))
        for a, b in pairwise(stays):
            i, j = route.index(a.place), route.index(b.place)
            assert abs(i - j) == 1
        for stay in stays:
            when = np.linspace(stay.arrival_us, stay.departure_us, 100).astype(np.int64)
            far = distance_m(
                *path.at(when), np.full(100, stay.place.lon), np.full(100, stay.place.lat)
            )
            assert far.max() <= profiles()[species].stop_radius_m


def test_no_bird_outflies_the_fastest_and_none_jumps():
    _, _, path = lived(days=800)
    far = distance_m(path.lon[:-1], path.lat[:-1], path.lon[1:], path.lat[1:])
    took_s = np.diff(path.time_us) / 1e6
    assert far[took_s == 0].max(initial=0.0) < 1.0
    assert (far[took_s > 0] / took_s[took_s > 0]).max() < 27.0


def test_a_bird_lands_where_it_rests_and_takes_off_from_where_it_was():
    """Not in the middle of the stay, unless that is its place; the ways there lead straight on."""
    _, stays, path = lived(days=800)
    quarter = HOUR_US // 4
    aside = []
    for before, after in pairwise(stays):
        for stay, at_us, way in ((before, before.departure_us, -1), (after, after.arrival_us, 1)):
            lon, lat = path.at(at_us + way * quarter * np.array([0, 1]))
            assert distance_m(lon[:1], lat[:1], lon[1:], lat[1:])[0] < 1.0
            middle = np.array([stay.place.lon]), np.array([stay.place.lat])
            aside.append(distance_m(*middle, lon[:1], lat[:1])[0])
    assert np.median(aside) > 1_000.0


def test_the_kind_of_a_stay_follows_its_place_and_its_length():
    _, stays, _ = lived(days=800)
    staging_us = profiles()["white_naped_crane"].staging_min_s * 1e6
    for stay in stays[1:-1]:
        ends = {"a": "breeding", "c": "wintering"}
        long = "staging" if stay.departure_us - stay.arrival_us >= staging_us else "stopover"
        assert stay.kind == ends.get(stay.place.name, long)


def test_cranes_travel_by_day_and_spoonbills_set_out_at_dusk():
    for species, hours in (
        ("white_naped_crane", (5.5, 12.0)),
        ("black_faced_spoonbill", (15.5, 22.0)),
    ):
        for seed in range(5):
            _, stays, _ = lived(species, seed=seed)
            left = [s.departure_us / HOUR_US + s.place.lon / 15.0 for s in stays[:-1]]
            assert all(hours[0] < h % 24.0 < hours[1] for h in left)


def test_a_longer_life_begins_like_a_shorter_one():
    _, short, path = lived(days=200)
    _, long, further = lived(days=900)
    assert long[: len(short) - 1] == short[:-1]
    n = min(path.time_us.shape[0], further.time_us.shape[0]) // 2
    assert path.time_us[:n].tolist() == further.time_us[:n].tolist()


def test_over_the_antimeridian_a_life_is_the_same_life():
    east = tuple(dataclasses.replace(p, lon=p.lon + 64.0 - 360.0 * (p.lon + 64.0 > 180)) for p in
                 DAURIA_TO_POYANG)  # fmt: skip
    _, stays, path = lived(route=east, seed=4)
    for stay in stays:
        lon, lat = path.at(np.array([stay.arrival_us, stay.departure_us]))
        assert np.abs(lon).max() <= 180
        far = distance_m(lon, lat, np.full(2, stay.place.lon), np.full(2, stay.place.lat))
        assert far.max() < 10_000


def test_a_species_without_windows_is_told():
    with pytest.raises(SimulationError, match="spring_window_md"):
        lived("default")


turns = st.lists(st.tuples(st.floats(-180, 180), st.floats(-80, 80)), min_size=2, max_size=6)


@settings(max_examples=50)
@given(turns, st.floats(0, 1))
def test_between_turns_a_path_is_straight_on_the_shorter_way(places, share):
    lon, lat = (np.array(v) for v in zip(*places, strict=True))
    path = Path(np.arange(lon.shape[0]) * HOUR_US, lon, lat)
    on_turns = path.at(path.time_us)
    assert np.abs((on_turns[0] - lon + 180) % 360 - 180).max() < 1e-9
    np.testing.assert_allclose(on_turns[1], lat)
    at_lon, at_lat = path.at(np.array([round(share * HOUR_US)]))
    step = (lon[1] - lon[0] + 180) % 360 - 180
    part = round(share * HOUR_US) / HOUR_US
    off = (at_lon[0] - lon[0] - part * step + 180) % 360 - 180
    assert abs(off) < 1e-6 or abs(abs(step) - 180) < 1e-6
    assert at_lat[0] == pytest.approx(lat[0] + part * (lat[1] - lat[0]))
    assert -180 <= at_lon[0] <= 180


def test_before_the_first_and_after_the_last_turn_the_bird_rests():
    path = Path(np.array([0, 10]), np.array([179.0, -179.0]), np.array([1.0, 2.0]))
    lon, lat = path.at(np.array([-5, 5, 15]))
    assert lon.tolist() == [179.0, -180.0, -179.0]
    assert lat.tolist() == [1.0, 1.5, 2.0]
