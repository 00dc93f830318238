from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Geod

from app.movement.arcs import EARTH_RADIUS_M
from app.movement.journeys import POINTS, Journey, degrees, journey, mean_route, shifts
from app.movement.track import DAY_US

SPHERE = Geod(a=EARTH_RADIUS_M, b=EARTH_RADIUS_M)
OWN = {bird: bird for bird in range(100)}


def migration(bird, *, year=2020, east_m=0.0, day=0.0, n=80, south=True, spread_m=0.0) -> Journey:
    """Fly along 120 E between 50 N and 28 N from 1 October on, `east_m` to the east of it."""
    rng = np.random.default_rng(bird)
    lat = np.linspace(50.0, 28.0, n) if south else np.linspace(28.0, 50.0, n)
    off = east_m + spread_m * rng.normal()
    lon = 120.0 + np.degrees(off / (EARTH_RADIUS_M * np.cos(np.radians(lat))))
    first = np.datetime64(f"{year}-10-01", "us").astype(np.int64)
    time_us = first + ((day + np.linspace(0, 20, n)) * DAY_US).astype(np.int64)
    found = journey(bird, year, lon, lat, time_us)
    assert found is not None
    return found


@settings(max_examples=30)
@given(
    st.lists(
        st.tuples(st.floats(-179, 179), st.floats(-80, 80), st.integers(0, 9)),
        min_size=2,
        max_size=9,
    )
)
def test_points_are_at_equal_fractions_of_the_way(rows):
    lon, lat, wait = (np.array(each) for each in zip(*rows, strict=True))
    time_us = np.cumsum(wait) * DAY_US
    found = journey(1, 2020, lon, lat, time_us)
    azimuth, _, step = SPHERE.inv(lon[:-1], lat[:-1], lon[1:], lat[1:])
    if found is None:
        assert step.sum() == pytest.approx(0.0, abs=1e-3)
        return
    assert found.length_m == pytest.approx(step.sum(), rel=1e-9)
    assert np.allclose(np.linalg.norm(found.normal, axis=1), 1.0)
    assert np.all(np.diff(found.time_us) >= 0)
    along = np.concatenate([[0.0], np.cumsum(step)])
    for k in (0, 7, 20, POINTS - 1):  # plainly: walk along the steps
        at = found.length_m * k / (POINTS - 1)
        i = min(int(np.searchsorted(along, at, side="right")) - 1, step.size - 1)
        x, y, _ = SPHERE.fwd(lon[i], lat[i], azimuth[i], at - along[i])
        place = [float(each) for each in degrees(found.normal[k])]
        assert SPHERE.inv(x, y, *place)[2] == pytest.approx(0.0, abs=50.0)


def test_of_no_way_there_is_no_journey() -> None:
    still = np.array([120.0, 120.0])
    assert journey(1, 2020, still, still / 3, np.array([0, DAY_US])) is None


def test_the_mean_route_weighs_each_bird_once_and_tells_its_width() -> None:
    west = [migration(1, year=y, east_m=-60_000.0) for y in range(2010, 2019)]
    route = mean_route([*west, migration(2, east_m=60_000.0)])
    assert (route.n_birds, route.n_journeys) == (2, 10)
    assert route.lon == pytest.approx(np.full(POINTS, 120.0), abs=1e-3)
    assert route.width_50_m[10] == pytest.approx(60_000.0, rel=0.01)
    assert route.length_m == pytest.approx(SPHERE.inv(120, 50, 120, 28)[2], rel=0.001)
    assert mean_route([]) is None
    assert np.isnan(mean_route(west[:1]).width_95_m).all()


def test_most_birds_pass_within_the_width_of_95_percent() -> None:
    flock = [migration(b, spread_m=40_000.0) for b in range(60)]
    route = mean_route(flock)
    assert route.width_95_m[20] / 40_000 == pytest.approx(1.96, rel=0.3)
    assert np.all(route.width_50_m <= route.width_95_m)


def test_a_known_shift_lies_within_its_interval_and_to_its_side() -> None:
    """South-bound birds that fly 80 km further east fly to the left of the others."""
    a = [migration(b, spread_m=30_000.0) for b in range(12)]
    b = [
        migration(b, year=2021, east_m=80_000.0, day=4.0, spread_m=30_000.0) for b in range(20, 34)
    ]
    found = shifts(a, b, OWN, back=False)
    assert [s.fraction for s in found] == pytest.approx([k / 10 for k in range(11)])
    for each in found:
        assert each.lateral_low_m <= each.lateral_m <= each.lateral_high_m
        assert each.lateral_low_m < -80_000.0 < each.lateral_high_m
        assert each.distance_m == pytest.approx(abs(each.lateral_m), rel=0.02)
        assert each.days == pytest.approx(4.0, abs=0.01)
        assert each.days_low <= each.days <= each.days_high
    assert found[3].a == pytest.approx((120.0, 50.0 - 6.6), abs=1.0)


def test_a_date_is_the_same_in_a_leap_year() -> None:
    a, b = [migration(1, year=2020)], [migration(1, year=2021)]
    assert [s.days for s in shifts(a, b, OWN, back=False)] == pytest.approx([0.0] * 11, abs=1e-9)


def test_the_way_back_is_compared_place_by_place_and_without_dates() -> None:
    a, b = [migration(1)], [migration(1, south=False, east_m=50_000.0)]
    found = shifts(a, b, OWN, back=True)
    assert [s.lateral_m for s in found] == pytest.approx([-50_000.0] * 11, rel=0.01)
    assert all(np.isnan(s.days) for s in found)


@pytest.mark.parametrize(("n", "told"), [(9, False), (10, True)])
def test_below_ten_birds_no_interval_is_told(n, told) -> None:
    a = [migration(b) for b in range(n)]
    b = [migration(b, east_m=1_000.0, spread_m=9.0) for b in range(40, 60)]
    assert np.isfinite(shifts(a, b, OWN, back=False)[5].lateral_low_m) == told
    assert np.isfinite(shifts(b, a, OWN, back=False)[5].days_high) == told


def test_one_family_in_both_years_is_drawn_as_one() -> None:
    """Ten birds of one family and four others: what all of them do alike varies with the others."""
    a = [migration(b, spread_m=30_000.0) for b in range(14)]
    b = [migration(b, year=2021, spread_m=30_000.0) for b in range(14)]
    alike = shifts(a, b, OWN, back=False)[5]
    assert alike.lateral_high_m - alike.lateral_low_m == pytest.approx(0.0, abs=1.0)
    apart = shifts(a, [migration(b + 50, spread_m=30_000.0) for b in range(14)], OWN, back=False)[5]
    assert apart.lateral_high_m - apart.lateral_low_m > 20_000.0
