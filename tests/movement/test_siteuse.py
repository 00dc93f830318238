from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Geod
from scipy.stats import chi2

from app.movement.siteuse import HOURS_MIN, PUBLIC_SCALE_M, SCALE_M, Site, SiteUse, site_use

GEOD = Geod(ellps="WGS84")
OWN = np.array([True, True])


def around(site: Site, east_m: float = 0.0, sigma_m: float = 2_000.0, n: int = 400, seed: int = 1):
    """Scatter hours about a point east of the middle of a site, shape (3, n)."""
    x, y = np.random.default_rng(seed).normal(0.0, sigma_m, (2, n))
    x = x + east_m
    azimuth, far = np.degrees(np.arctan2(x, y)), np.hypot(x, y)
    lon, lat, _ = GEOD.fwd(np.full(n, site.lon), np.full(n, site.lat), azimuth, far)
    return np.stack([lon, lat, np.ones(n)])


def measured(site: Site, birds, exact=OWN, enough: int = 3) -> SiteUse | None:
    return site_use(site, birds, exact, enough=enough, levels=(95, 50))


def km2(shape: shapely.Geometry) -> float:
    return abs(GEOD.geometry_area_perimeter(shape)[0]) / 1e6


@settings(max_examples=8, deadline=None)
@given(st.floats(-180, 180), st.floats(-84, 84))
def test_areas_are_those_of_the_spread_wherever_on_earth(lon: float, lat: float) -> None:
    """A Gaussian about the middle: the area is that of chi2 with the kernel's own variance."""
    site = Site(lon, lat, 20_000.0)
    used = measured(site, [around(site, n=1_500, seed=k) for k in (1, 2)])
    assert (used.n_birds, used.hours, used.scale_m) == (2, 3_000, SCALE_M)
    assert used.share_told == pytest.approx(1.0)
    wide, core = used.areas
    for area, share in ((wide, 0.95), (core, 0.5)):
        variance_km2 = (2_000.0**2 + SCALE_M**2) / 1e6
        assert area.area_km2 == pytest.approx(np.pi * variance_km2 * chi2.ppf(share, 2), rel=0.07)
        assert area.geometry.is_valid
        assert km2(area.geometry) == pytest.approx(area.area_km2, rel=0.01)
        west, _, east, _ = area.geometry.bounds
        assert -180.0 <= west <= east <= 180.0


def test_hours_elsewhere_count_for_nothing_and_a_passer_by_neither() -> None:
    site = Site(116.3, 29.1, 20_000.0)
    home, gone = around(site), around(site, 200_000.0, n=9_000)
    alone = measured(site, [home], OWN[:1])
    both = measured(site, [np.concatenate([home, gone], axis=1)], OWN[:1])
    assert both == alone
    passing = around(site, n=HOURS_MIN - 1)
    assert measured(site, [home, passing]) == alone
    assert measured(site, [passing, gone]) is None


def test_each_bird_weighs_the_same() -> None:
    site = Site(116.3, 29.1, 20_000.0)
    west, east = around(site, -9_000.0, 500.0, n=30), around(site, 9_000.0, 500.0, n=900)
    used = measured(site, [west, east])
    areas = [km2(shapely.intersection(used.areas[0].geometry, shapely.box(*box)))
             for box in ((115, 28, 116.3, 30), (116.3, 28, 118, 30))]  # fmt: skip
    assert areas[0] == pytest.approx(areas[1], rel=0.1)


@pytest.mark.parametrize(("others", "n_birds"), [(2, 1), (3, 4)])
def test_others_count_in_groups_alone_and_where_they_meet(others: int, n_birds: int) -> None:
    site = Site(116.3, 29.1, 20_000.0)
    exact = np.array([True] + [False] * others)
    own = around(site)
    used = measured(site, [own, *(around(site, seed=k) for k in range(others))], exact)
    assert used.n_birds == n_birds
    assert used.scale_m == (SCALE_M if n_birds == 1 else PUBLIC_SCALE_M)
    apart = [around(site, x, 500.0, seed=k) for k, x in enumerate((-14e3, 0.0, 14e3)[:others])]
    told = measured(site, [own, *apart], exact).share_told
    assert told == 1.0 if others < 3 else 0.25 <= told < 0.6
