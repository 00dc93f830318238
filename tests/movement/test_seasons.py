import dataclasses
from datetime import UTC, datetime

import numpy as np
import pytest

from app.movement.screening import OK, screen
from app.movement.seasons import classify
from app.movement.stopovers import Stopovers, find_stays, merge_stays
from app.seeds import profile_of

CRANE = profile_of("Grus vipio")
DEFAULT = profile_of(None)
YEAR = [  # a white-naped crane: Dauria, Songnen, Han estuary, Poyang
    ("2020-05-01", "2020-09-10", 115.0, 50.0),
    ("2020-09-12", "2020-10-20", 123.0, 46.0),
    ("2020-10-22", "2020-10-30", 126.7, 37.8),
    ("2020-11-02", "2021-03-01", 116.0, 29.2),
    ("2021-03-05", "2021-03-25", 121.8, 41.0),
    ("2021-04-01", "2021-08-20", 115.3, 50.1),
]


def us(text):
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1e6)


def stopovers_of(rows):
    a, b = (np.array([us(r[i]) for r in rows], dtype=np.int64) for i in (0, 1))
    k = len(rows)
    index = np.arange(k)
    ends = np.zeros(k, dtype=bool)
    lon, lat = (np.array([r[i] for r in rows], dtype=float) for i in (2, 3))
    first, last = ends.copy(), ends.copy()
    first[:1], last[-1:] = True, True
    return Stopovers(
        index,
        index,
        a,
        a,
        first,
        b,
        b,
        last,
        index + 100,
        lon,
        lat,
        radius_m=np.full(k, 5000.0),
        observed_s=(b - a) / 1e6,
        max_gap_s=np.full(k, 3600.0),
        hull=tuple(np.array([[x, y]]) for x, y in zip(lon, lat, strict=True)),
    )


@pytest.mark.parametrize("profile", [CRANE, DEFAULT])
def test_a_year_of_a_migrant(profile, day):
    got = classify(stopovers_of(YEAR), profile)
    assert got.kinds == (
        "breeding",
        "staging",
        "stopover",
        "wintering",
        "staging",
        "breeding",
    )
    assert [s.id for s in got.seasons] == [
        "2020-breeding",
        "2020-autumn",
        "2020-wintering",
        "2021-spring",
        "2021-breeding",
    ]
    autumn = got.seasons[1]
    assert (str(day(autumn.start_us)), str(day(autumn.end_us))) == ("2020-09-10", "2020-11-02")
    assert (autumn.first, autumn.last) == (1, 2)
    assert got.seasons[0].start_open
    assert all(0 < s.confidence <= 1 and s.basis == "track" for s in got.seasons)


def test_the_track_decides_not_the_window():
    early = [list(r) for r in YEAR[:4]]
    early[0][1], early[1][0] = "2020-07-25", "2020-07-27"  # a failed breeder leaves in July
    got = classify(stopovers_of(early), CRANE)
    assert got.kinds[0] == "breeding"
    assert got.seasons[1].start_us == us("2020-07-25")


def test_wandering_around_the_residence_belongs_to_it():
    rows = [
        *YEAR[:3],
        ("2020-11-02", "2020-12-20", 116.0, 29.2),
        ("2020-12-22", "2021-03-01", 116.4, 28.8),
    ]
    assert classify(stopovers_of(rows), CRANE).kinds[3:] == ("wintering", "wintering")


def test_a_resident_has_no_seasons():
    rows = [
        ("2020-01-01", "2020-04-01", 144.3, 43.2),
        ("2020-04-05", "2020-11-20", 144.9, 43.5),
        ("2020-11-25", "2021-04-01", 144.3, 43.2),
    ]
    got = classify(stopovers_of(rows), CRANE)
    assert got.kinds == ("unknown",) * 3
    assert got.seasons == ()


def test_half_a_year_gives_half_the_seasons():
    winter = classify(stopovers_of(YEAR[3:5]), CRANE)
    assert [s.id for s in winter.seasons] == ["2020-wintering"]
    assert winter.kinds == ("wintering", "staging")
    passing = classify(stopovers_of(YEAR[1:3]), CRANE)
    assert passing.kinds == ("unknown", "unknown")
    assert classify(stopovers_of([]), CRANE).kinds == ()


def test_a_short_summer_is_summering():
    rows = [YEAR[3], ("2021-06-20", "2021-07-10", 120.0, 48.0), YEAR[1]]
    rows[2] = ("2021-09-12", "2021-10-20", 123.0, 46.0)
    assert classify(stopovers_of(rows), CRANE).kinds[1] == "summering"


def test_seasons_do_not_overlap_and_shift_with_longitude():
    whole = stopovers_of(YEAR)
    got = classify(whole, CRANE)
    for a, b in zip(got.seasons, got.seasons[1:], strict=False):
        assert a.end_us <= b.start_us
    turned = dataclasses.replace(whole, lon=(whole.lon + 64.0 + 180) % 360 - 180)
    assert classify(turned, CRANE) == got


def test_real_cranes_summer_in_the_north_and_winter_in_india(neasia_cranes, day):
    profile = profile_of("Grus virgo")
    seen = {}
    for name, track in neasia_cranes.items():
        shown = track.take(screen(track, profile).code == OK)
        stopovers = merge_stays(find_stays(shown, profile), profile)
        got = classify(stopovers, profile)
        for season in got.seasons:
            if season.kind in ("breeding", "wintering"):
                lat = stopovers.lat[season.first]
                assert lat > 40 if season.kind == "breeding" else lat < 30
            seen.setdefault(season.kind, set()).add(name)
            if season.kind == "autumn":
                assert day(season.start_us).month in (7, 8, 9)
    assert {k: len(v) >= 3 for k, v in seen.items() if k != "summering"} == {
        "breeding": True,
        "autumn": True,
        "wintering": True,
        "spring": True,
    }
