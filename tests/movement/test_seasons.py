import dataclasses
from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.movement.screening import OK, screen
from app.movement.seasons import BREEDING_MIN_DAYS, classify
from app.movement.stopovers import Stopovers, find_stays, merge_stays
from app.movement.track import DAY_US, HOUR_US, Track
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
        np.stack([a, a, a], axis=1),
        np.stack([b, b, b], axis=1),
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


def test_a_residence_left_out_takes_none_with_it():
    """Each summer 160 km farther north, by way of a winter stop that two summers share."""
    rows = [
        ("2018-06-01", "2018-08-10", 115.0, 48.00),
        ("2019-01-10", "2019-01-20", 115.0, 48.72),
        ("2019-06-01", "2019-08-10", 115.0, 49.44),
        ("2020-01-10", "2020-01-20", 115.0, 50.16),
        ("2020-06-01", "2020-08-10", 115.0, 50.88),
    ]
    got = classify(stopovers_of(rows), CRANE)
    assert [s.id for s in got.seasons] == ["2018-breeding", "2020-breeding"]
    assert [(s.first, s.last) for s in got.seasons] == [(0, 1), (3, 4)]


@pytest.mark.parametrize(("lat", "half"), [(50.0, "breeding"), (29.0, "wintering")])
def test_seasons_with_a_silent_half_year_between_are_told_apart(lat, half):
    """A tag that the sun does not charge in winter: nobody knows where the bird was."""
    months = ("05", "09") if half == "breeding" else ("01", "03")
    rows = [(f"{y}-{months[0]}-01", f"{y}-{months[1]}-10", 115.0, lat) for y in (2020, 2021, 2022)]
    got = classify(stopovers_of(rows), CRANE)
    first = 2020 if half == "breeding" else 2019  # a winter bears the year in which it began
    assert [s.id for s in got.seasons] == [f"{first + k}-{half}" for k in range(3)]
    assert [(s.first, s.last) for s in got.seasons] == [(0, 0), (1, 1), (2, 2)]
    assert set(got.kinds) - {"unknown"} == {half}


def test_the_migration_after_a_silent_winter_is_found():
    rows = [
        ("2020-05-01", "2020-09-10", 115.0, 50.0),
        ("2021-04-20", "2021-09-05", 115.1, 50.0),
        ("2021-11-02", "2022-03-01", 116.0, 29.2),
    ]
    got = classify(stopovers_of(rows), CRANE)
    assert [s.id for s in got.seasons] == [
        "2020-breeding", "2021-breeding", "2021-autumn", "2021-wintering",
    ]  # fmt: skip


def test_a_summer_silence_within_a_residence_does_not_part_it():
    rows = [
        ("2020-05-01", "2020-06-20", 115.0, 50.0),
        ("2020-08-01", "2020-09-10", 115.1, 50.0),
        ("2020-11-02", "2021-03-01", 116.0, 29.2),
    ]
    got = classify(stopovers_of(rows), CRANE)
    assert [(s.id, s.first, s.last) for s in got.seasons if s.kind == "breeding"] == [
        ("2020-breeding", 0, 1)
    ]


PLACES = ((115.0, 50.0), (123.0, 46.0), (126.7, 37.8), (116.0, 29.2), (179.9, 62.0))


@st.composite
def lives(draw):
    """Stays of 2 to 150 days at places far apart, up to four years."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    places = draw(st.lists(st.sampled_from(PLACES), min_size=1, max_size=14))
    day_us = 86_400e6
    at = us("2016-01-01") + rng.uniform(0, 365) * day_us
    rows = []
    for lon, lat in places:
        stay = np.exp(rng.uniform(np.log(2), np.log(150))) * day_us
        rows.append((round(at), round(at + stay), lon, lat))
        at += stay + rng.uniform(0.1, 20) * day_us
    return rows


def life(rows):
    """Stopovers of rows with times in microseconds."""
    dated = [(*(str(np.datetime64(int(t), "us")) for t in row[:2]), row[2], row[3]) for row in rows]
    return stopovers_of(dated)


@settings(max_examples=40)
@given(lives(), st.sampled_from([CRANE, DEFAULT]))
def test_seasons_follow_each_other_and_every_stopover_has_its_kind(rows, profile):
    stopovers = life(rows)
    got = classify(stopovers, profile)
    assert len(got.kinds) == len(rows)
    assert len({s.id for s in got.seasons}) == len(got.seasons)
    for season in got.seasons:
        assert season.start_us <= season.end_us
        assert 0.0 <= season.confidence <= 1.0
        assert season.id.endswith(season.kind)
        within = set(got.kinds[season.first : season.last + 1])
        if season.kind in {"spring", "autumn"}:
            assert within <= {"staging", "stopover"}
        else:
            assert within == {season.kind}
            assert season.start_us == stopovers.arrival_latest_us[season.first]
            assert season.end_us == stopovers.departure_earliest_us[season.last]
    for before, after in pairwise(got.seasons):
        assert before.end_us <= after.start_us
        assert before.last < after.first
    kinds = {s.kind for s in got.seasons}
    assert ("spring" not in kinds and "autumn" not in kinds) or kinds & {"breeding", "summering"}


@settings(max_examples=25)
@given(lives(), st.floats(-180, 180))
def test_seasons_know_no_longitude_and_no_hemisphere(rows, turn):
    whole = life(rows)
    got = classify(whole, CRANE)
    turned = dataclasses.replace(whole, lon=(whole.lon + turn + 180) % 360 - 180)
    mirrored = dataclasses.replace(whole, lat=-whole.lat)
    assert classify(turned, CRANE) == got
    assert classify(mirrored, CRANE) == got


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 600), st.integers(8, 150))
def test_a_silence_is_neither_time_at_home_nor_a_journey_that_was_seen(begin_d, days) -> None:
    """A year and a half by fixes every six hours, less those of a silence."""
    time_us = np.arange(us("2020-03-01"), us("2021-11-01"), 6 * HOUR_US)
    lon, lat = (np.interp(time_us, [us(d) for row in YEAR for d in row[:2]],
                          [row[c] for row in YEAR for _ in range(2)]) for c in (2, 3))  # fmt: skip
    low = int(time_us[0]) + begin_d * DAY_US
    heard = (time_us <= low) | (time_us >= low + days * DAY_US)
    full = Track(time_us, lon, lat, np.full(time_us.size, 20.0))
    track = full.take(heard)
    stopovers = merge_stays(find_stays(track, CRANE), CRANE)
    got = classify(stopovers, CRANE)
    before = track.time_us[track.time_us <= low].max()
    after = track.time_us[track.time_us > low].min(initial=np.iinfo(np.int64).max)
    arrival, departure = stopovers.arrival_latest_us, stopovers.departure_earliest_us
    assert not np.any((arrival <= before) & (departure >= after))
    assert np.all(stopovers.observed_s * 1e6 <= departure - arrival)
    for season in got.seasons:
        assert season.start_open or season.start_us != after
        assert season.end_open or season.end_us != before
        here = slice(season.first, season.last + 1)
        if season.kind == "breeding":
            assert np.sum((departure - arrival)[here]) >= BREEDING_MIN_DAYS * DAY_US
    known = {s.id for s in classify(merge_stays(find_stays(full, CRANE), CRANE), CRANE).seasons}
    assert {s.id for s in got.seasons} <= known | {"2020-summering", "2021-summering"}


def test_a_summer_seen_at_its_ends_alone_is_no_breeding_season() -> None:
    ends = [("2020-05-20", "2020-06-12", 115.0, 50.0), ("2020-08-10", "2020-08-14", 115.0, 50.0)]
    got = classify(stopovers_of([*ends, YEAR[3]]), CRANE)
    assert got.seasons[0].kind == "summering"
    assert classify(stopovers_of([YEAR[0], YEAR[3]]), CRANE).seasons[0].kind == "breeding"


@settings(max_examples=25)
@given(lives(), st.data())
def test_a_stopover_told_in_two_parts_changes_no_season(rows, data):
    i = data.draw(st.integers(0, len(rows) - 1))
    a, b, lon, lat = rows[i]
    middle = round(a + (b - a) * data.draw(st.floats(0.1, 0.9)))
    parts = [*rows[:i], (a, middle, lon, lat), (middle, b, lon, lat), *rows[i + 1 :]]
    whole, split = (classify(life(r), CRANE) for r in (rows, parts))
    told = [(s.id, s.start_us, s.end_us, s.start_open, s.end_open) for s in whole.seasons]
    assert told == [(s.id, s.start_us, s.end_us, s.start_open, s.end_open) for s in split.seasons]
    np.testing.assert_allclose(
        [s.confidence for s in whole.seasons], [s.confidence for s in split.seasons]
    )


def test_a_residence_broken_by_a_journey_is_the_longest_stay_of_it():
    """Both parts of a winter lie at one place: neither has more time around it."""

    def winter(first_day, last_day, lon, lat):
        start = us("2016-11-20")
        return (start + first_day * 86_400_000_000, start + last_day * 86_400_000_000, lon, lat)

    before = [(us("2016-06-01"), us("2016-08-20"), 115.0, 62.0)]
    after = [winter(63, 68, 123.0, 40.0), winter(70, 80, 115.0, 35.0)]
    whole = [*before, winter(0, 60, 115.0, 35.0), *after]
    parts = [*before, *(winter(day, day + 6, 115.0, 35.0) for day in range(0, 60, 6)), *after]
    one, other = (
        {s.kind: s for s in classify(life(rows), CRANE).seasons} for rows in (whole, parts)
    )
    assert (one["wintering"].first, one["wintering"].last) == (1, 1)
    assert (other["wintering"].first, other["wintering"].last) == (1, 10)
    assert one["wintering"].end_us == other["wintering"].end_us


@settings(max_examples=25)
@given(lives(), st.integers(1, 10))
def test_the_same_life_four_years_later_has_the_same_seasons(rows, times):
    """The calendar repeats itself after four years, leap days with it."""
    years = 4 * times
    later = [(a + 1461 * times * 86_400_000_000, b + 1461 * times * 86_400_000_000, x, y)
             for a, b, x, y in rows]  # fmt: skip
    one, other = (classify(life(r), CRANE) for r in (rows, later))
    assert one.kinds == other.kinds
    for a, b in zip(one.seasons, other.seasons, strict=True):
        assert b.id == f"{int(a.id[:4]) + years}{a.id[4:]}"
        assert (b.start_us - a.start_us) == 1461 * times * 86_400_000_000
        assert (a.first, a.last, a.confidence) == (b.first, b.last, b.confidence)


@pytest.mark.parametrize(("days", "kind"), [(14.0, "summering"), (29.9, "summering"),
                                            (30.0, "breeding")])  # fmt: skip
def test_lengths_at_the_thresholds(days, kind):
    start = us("2020-06-20")
    stay = (start, start + round(days * 86_400_000_000), 115.0, 50.0)
    assert [s.kind for s in classify(life([stay]), CRANE).seasons] == [kind]
    short = (start, start + 14 * 86_400_000_000 - 1, 115.0, 50.0)
    assert classify(life([short]), CRANE).seasons == ()


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
