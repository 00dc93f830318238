from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Geod

from app.movement.sites import CROWD, NamedSites, find_sites
from tests.movement.catalogue import flock, measured
from tests.movement.flocks import key_sites

GEOD = Geod(ellps="WGS84")
NONE = NamedSites((), np.empty(0), np.empty(0), np.empty(0))


def around(lon, lat, azimuth, far_m):
    n = np.broadcast_shapes(np.shape(azimuth), np.shape(far_m))
    x, y, _ = GEOD.fwd(*(np.broadcast_to(v, n) for v in (lon, lat, azimuth, far_m)))
    return np.atleast_1d(x), np.atleast_1d(y)


def named(*rows, radius_m=20_000.0):
    names, lon, lat = zip(*rows, strict=True)
    return NamedSites(names, np.array(lon), np.array(lat), np.full(len(rows), radius_m))


def spans_m(lon, lat, of_stopover, site):
    i = np.flatnonzero(of_stopover == site)
    a, b = (v.ravel() for v in np.meshgrid(i, i))
    return GEOD.inv(lon[a], lat[a], lon[b], lat[b])[2].max()


@st.composite
def stopovers(draw):
    n = draw(st.integers(0, 60))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    centre = draw(st.sampled_from([(115.0, 50.0), (179.95, 65.0), (-180.0, 0.0), (30.0, 89.9)]))
    lon, lat = around(*centre, rng.uniform(0, 360, n), 90_000 * np.sqrt(rng.random(n)))
    return lon, lat, rng.integers(0, 6, n), rng


@given(stopovers())
def test_discovered_sites_are_no_wider_than_their_bound_and_hold_two_birds(case):
    lon, lat, bird, _ = case
    sites = find_sites(lon, lat, bird, named=NONE)
    for k in range(len(sites)):
        assert spans_m(lon, lat, sites.of_stopover, k) <= 20_000 * 1.0005  # chord for geodesic
        inside = sites.of_stopover == k
        assert sites.n_individuals[k] == len(set(bird[inside])) >= 2
        assert sites.n_stopovers[k] == inside.sum()
    assert len(set(sites.key)) == len(sites)
    assert sites.n_stopovers.sum() == np.sum(sites.of_stopover >= 0)


@given(stopovers())
def test_the_order_of_stopovers_is_immaterial(case):
    lon, lat, bird, rng = case
    places = named(("A", 115.1, 50.1), ("B", 179.9, 65.1))
    one = find_sites(lon, lat, bird, named=places)
    shuffled = rng.permutation(lon.shape[0])
    two = find_sites(lon[shuffled], lat[shuffled], bird[shuffled], named=places)
    assert two.of_stopover.tolist() == one.of_stopover[shuffled].tolist()
    assert two.key == one.key
    assert two.lon.tobytes() == one.lon.tobytes()
    assert two.radius_m.tobytes() == one.radius_m.tobytes()


def test_a_stopover_belongs_to_the_nearest_named_site_that_reaches_it():
    places = named(("West", 120.0, 45.0), ("East", 120.3, 45.0))
    lon, lat = np.array([120.1, 120.2, 120.0]), np.array([45.0, 45.0, 45.19])
    sites = find_sites(lon, lat, np.array([1, 1, 1]), named=places)
    assert sites.of_stopover.tolist() == [0, 1, -1]  # the third lies 21 km north
    assert sites.name == ("West", "East")
    assert sites.n_individuals.tolist() == [1, 1]


def test_named_sites_never_merge_even_at_one_kilometre():
    places = named(("A", 120.0, 45.0), ("B", 120.01, 45.0))
    sites = find_sites(
        np.array([120.0, 120.01]), np.array([45.0, 45.0]), np.arange(2), named=places
    )
    assert sites.of_stopover.tolist() == [0, 1]


def test_every_key_site_is_in_the_catalogue_unvisited_or_not():
    places = key_sites()
    all_named = named(*((p.name, p.lon, p.lat) for p in places))
    sites = find_sites(np.empty(0), np.empty(0), np.empty(0, int), named=all_named)
    assert sites.name == tuple(p.name for p in places)
    assert sites.n_stopovers.sum() == 0


def test_a_chain_of_stopovers_is_cut():
    lon, lat = around(110.0, 45.0, 90.0, np.arange(20) * 10_000.0)
    sites = find_sites(lon, lat, np.arange(20), named=NONE)
    assert len(sites) >= 6
    assert max(spans_m(lon, lat, sites.of_stopover, k) for k in range(len(sites))) <= 20_010


def test_a_place_of_one_bird_alone_is_no_site():
    place = np.full(3, 110.0), np.full(3, 45.0)
    assert find_sites(*place, np.array([4, 4, 4]), named=NONE).of_stopover.tolist() == [-1] * 3
    assert find_sites(*place, np.array([4, 4, 5]), named=NONE).of_stopover.tolist() == [0] * 3


def test_a_site_spans_the_antimeridian():
    sites = find_sites(np.array([179.98, -179.98]), np.full(2, 65.0), np.arange(2), named=NONE)
    assert sites.of_stopover.tolist() == [0, 0]
    assert abs(sites.lon[0]) == pytest.approx(180.0)
    assert sites.name == ("Unnamed site 65.00 N 180.00 E",)


def test_no_site_crosses_an_area_boundary():
    place = np.full(4, 130.5), np.full(4, 42.4)
    area = np.array([0, 0, 1, 1])
    sites = find_sites(*place, np.arange(4), named=NONE, area=area)
    assert sites.of_stopover[:2].tolist() != sites.of_stopover[2:].tolist()
    assert sites.key == ("130.50,42.40", "130.50,42.40#2")


def test_a_crowd_keeps_the_bound_and_takes_seconds():
    rng = np.random.default_rng(5)
    n = CROWD + 1_000
    lon, lat = around(116.0, 29.0, rng.uniform(0, 360, n), 60_000 * np.sqrt(rng.random(n)))
    began = time.process_time()
    sites = find_sites(lon, lat, rng.integers(0, 50, n), named=NONE)
    assert time.process_time() - began < 5
    assert max(spans_m(lon, lat, sites.of_stopover, k) for k in range(min(len(sites), 12))) < 20_010
    assert np.all(sites.of_stopover >= 0)


def test_the_measure_of_the_catalogue_counts_what_is_there():
    """`make validate` measures twenty flocks of 32 birds; `test_truth.py` holds the aim."""
    for found in measured([flock(7, birds=9, days=60)]).values():
        assert found.hit == found.found == found.true > 0
