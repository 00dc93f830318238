"""Derived rows are replaced with the least change: equal rows stay, the others keep their names."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.movement.profile import Profile
from app.movement.stopovers import Stays, find_stays
from app.movement.track import HOUR_US, Track
from app.seeds import profile_of
from app.store import derived
from app.store.engine import Clash, execute
from app.store.windows import micros
from tests.store.flock import RELEASED, START, Flock

HOUR = timedelta(hours=1)
LINE = bytes(shapely.to_wkb(shapely.MultiLineString([[(127, 38), (115, 49)]])))
SQUARE = bytes(shapely.to_wkb(shapely.box(127, 38, 128, 39)))


@pytest.fixture(scope="module")
def flock(new_database) -> Flock:
    flock = Flock(new_database())
    study = flock.study(flock.institute("Amur")[0], "Cranes")
    for name in "AB":
        flock.bird(study, name)
    return flock


def stopover(first: int, last: int, **more) -> derived.Row:
    """Give a stay from one hour to another."""
    arrival, departure = START + first * HOUR, START + last * HOUR
    return {
        "arrival_time_earliest": arrival, "arrival_time_latest": arrival,
        "departure_time_earliest": departure, "departure_time_latest": departure,
        "arrival_time_p05": arrival, "arrival_time": arrival, "arrival_time_p95": arrival,
        "departure_time_p05": departure, "departure_time": departure,
        "departure_time_p95": departure,
        "arrival_open": False, "departure_open": False, "n_fixes": 9, "lon": 127.5, "lat": 38.5,
        "radius_m": 100.0, "observed_s": 1.0, "max_gap_s": 1.0,
        "species_key": "white_naped_crane", "duration_min_s": 1.0, "duration_max_s": 1.0,
        "polygon": SQUARE, "n_stays": 1, "kind": "stopover", "season": None,
        "seen_or_inferred": "seen", "area": None, "method": "m", "parameters": "p",
        "public_lon": None, "public_lat": None, "release_at": RELEASED, "basis": "track",
        "observation_id": None, "site_named": None, **more,
    }  # fmt: skip


def leg(first: int, last: int, **more) -> derived.Row:
    return {
        "species_key": "white_naped_crane", "departure_time": START + first * HOUR,
        "arrival_time": START + last * HOUR, "from_lon": 127.0, "from_lat": 38.0, "to_lon": 115.0,
        "to_lat": 49.0, "season": None, "length_m": 1.0, "displacement_m": 1.0,
        "straightness": 1.0, "speed_max_m_s": 1.0, "observed_s": 1.0, "unobserved_s": 0.0,
        "unobserved_m": 0.0, "n_fixes": 2, "line": LINE, "method": "m", "parameters": "p",
        "release_at": RELEASED, **more,
    }  # fmt: skip


async def replaced(conn, *rows: derived.Row, bird: int = 1) -> list[tuple]:
    """Replace all stopovers of a bird; return (first hour, last hour, id, version of the row)."""
    owner = await derived.bird(conn, bird)
    await derived.replace_stopovers(conn, owner, await derived.stopovers_of(conn, bird), rows)
    found = await execute(
        conn,
        "select arrival_time_latest as a, departure_time_earliest as d, id, ctid::text as version,"
        " st_x(centre) = lon and st_y(centre) = lat as centred from stopover"
        " where individual_id = :bird order by arrival_time_latest",
        {"bird": bird},
    )
    assert all(row["centred"] for row in found)
    return [((r["a"] - START) // HOUR, (r["d"] - START) // HOUR, r["id"], r["version"])
            for r in found]  # fmt: skip


async def test_the_facts_of_a_bird_are_those_of_its_study(trial) -> None:
    assert await derived.bird(trial, 1) == derived.Bird(
        1,
        1,
        "white_naped_crane",
        simulated=False,
        release_delay_s=30 * 86_400,
        public_grid_deg=0.1,
        smoothed=False,
    )


async def test_what_is_stored_comes_back_as_it_was_given(trial) -> None:
    owner = await derived.bird(trial, 1)
    given_rows = [stopover(0, 5, season="2020-spring", public_lon=127.55, public_lat=38.55)]
    await replaced(trial, *given_rows)
    (back,) = await derived.stopovers_of(trial, 1)
    assert {name: back[name] for name in derived.STOPOVER} == given_rows[0]
    legs = [leg(5, 9), leg(20, 25, line=None)]
    await derived.replace_legs(trial, owner, [], legs)
    back_legs = await derived.legs_of(trial, 1)
    assert [{name: row[name] for name in derived.LEG} for row in back_legs] == legs


async def test_equal_rows_are_not_touched(trial) -> None:
    before = await replaced(trial, stopover(0, 5), stopover(10, 15))
    assert await replaced(trial, stopover(10, 15), stopover(0, 5)) == before


async def test_a_changed_row_keeps_its_name(trial) -> None:
    ((*_, old, _),) = await replaced(trial, stopover(0, 5))
    for change in ({"n_fixes": 10}, {"season": "2020-spring"}, {"public_lon": 127.5},
                   {"polygon": bytes(shapely.to_wkb(shapely.box(127, 38, 129, 39)))}):  # fmt: skip
        ((*_, now, _),) = await replaced(trial, stopover(0, 5, **change))
        assert now == old
    ((*_, moved, _),) = await replaced(trial, stopover(1, 9))
    assert moved == old


async def test_a_name_goes_to_the_longest_overlap(trial) -> None:
    ((*_, old, _),) = await replaced(trial, stopover(0, 10))
    first, second = await replaced(trial, stopover(0, 3), stopover(4, 10))
    assert second[2] == old != first[2]
    (merged,) = await replaced(trial, stopover(0, 10))
    assert merged[2] == old


async def test_names_move_along_a_row_of_stays_without_meeting(trial) -> None:
    """Each new stay begins where the one before began: the unique key is taken at every step."""
    before = await replaced(trial, *(stopover(10 * n, 10 * n + 8) for n in range(5)))
    after = await replaced(trial, *(stopover(10 * n + 10, 10 * n + 18) for n in range(5)))
    assert [row[2] for row in after[:4]] == [row[2] for row in before[1:]]
    back = await replaced(trial, *(stopover(10 * n + 5, 10 * n + 10) for n in range(5)))
    assert len(back) == 5


async def test_a_stay_far_away_in_time_is_another(trial) -> None:
    ((*_, old, _),) = await replaced(trial, stopover(0, 5))
    ((*_, new, _),) = await replaced(trial, stopover(5, 9))
    assert new != old


async def test_birds_are_apart(trial) -> None:
    first = await replaced(trial, stopover(0, 5))
    assert (await replaced(trial, stopover(0, 5), bird=2))[0][2] != first[0][2]
    assert await replaced(trial, bird=2) == []
    assert await replaced(trial, stopover(0, 5)) == first


SPANS = st.lists(st.integers(0, 40), max_size=12, unique=True).map(
    lambda hours: [
        (a, b) for a, b in zip(sorted(hours)[::2], sorted(hours)[1::2], strict=False) if a < b
    ]
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(SPANS, min_size=1, max_size=4))
async def test_any_history_ends_in_the_last_state_and_no_name_is_given_twice(flock, states) -> None:
    async with flock.trial() as trial:
        before: list[tuple] = []
        for spans in states:
            after = await replaced(trial, *(stopover(a, b) for a, b in spans))
            assert [row[:2] for row in after] == spans
            assert len({row[2] for row in after}) == len(after)
            # A name that goes on belongs to a stay that overlaps the one that bore it.
            spans_of = {row[2]: row for row in before}
            for a, b, name, _ in after:
                if name in spans_of:
                    assert min(b, spans_of[name][1]) > max(a, spans_of[name][0])
            best = [r for r in before if r[:2] in spans]
            assert {r[2:] for r in best} <= {r[2:] for r in after}  # equal ones stay untouched
            before = after


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(SPANS, min_size=1, max_size=3))
async def test_legs_follow_the_same_rule(flock, states) -> None:
    async with flock.trial() as trial:
        owner = await derived.bird(trial, 1)
        for spans in states:
            old = await derived.legs_of(trial, 1)
            await derived.replace_legs(trial, owner, old, [leg(a, b) for a, b in spans])
            found = await derived.legs_of(trial, 1)
            assert [(row["departure_time"], row["arrival_time"]) for row in found] == [
                (START + a * HOUR, START + b * HOUR) for a, b in spans
            ]
            kept = {row["id"] for row in old} & {row["id"] for row in found}
            assert len(kept) <= min(len(old), len(found))


def season(name: str, start: int, confidence: float = 0.9) -> derived.Row:
    return {
        "season": name, "species_key": "white_naped_crane", "start_time": START + start * HOUR,
        "end_time": START + (start + 5) * HOUR, "basis": "track", "confidence": confidence,
        "release_at": RELEASED, "observation_id": None,
    }  # fmt: skip


async def test_seasons_are_replaced_only_when_they_differ(trial) -> None:
    owner = await derived.bird(trial, 1)
    versions = "select xmin::text, ctid::text from season order by start_time"
    two = [season("2020-spring", 0), season("2020-autumn", 50)]
    await derived.replace_seasons(trial, owner, two)
    before = await execute(trial, versions)
    await derived.replace_seasons(trial, owner, two)
    assert await execute(trial, versions) == before
    await derived.replace_seasons(trial, owner, [season("2020-spring", 0, 0.5)])
    assert await execute(trial, "select season, confidence from season") == [
        {"season": "2020-spring", "confidence": 0.5}
    ]
    await derived.replace_seasons(trial, owner, [])
    assert await execute(trial, "select 1 from season") == []


async def test_two_seasons_of_one_name_are_refused(trial) -> None:
    owner = await derived.bird(trial, 1)
    await derived.replace_seasons(trial, owner, [season("2020-spring", 0)])
    with pytest.raises(Clash, match="season"):
        await derived.replace_seasons(
            trial, owner, [season("2020-spring", 0), season("2020-spring", 50)]
        )


def stays(profile: Profile, *places: tuple[int, float]) -> Stays:
    """Give two days at each place, a first hour and a latitude, with a flight before and after."""
    hours = np.concatenate([first + np.arange(-1, 50) for first, _ in places])
    lat = np.concatenate([[a - 2.0, *[a] * 49, a + 2.0] for _, a in places])
    n = hours.shape[0]
    track = Track(micros(START) + hours * HOUR_US, np.full(n, 127.0), lat, np.full(n, 20.0))
    return find_stays(track, profile)


async def test_stays_are_replaced_between_two_cuts_and_all_of_the_life_is_told(trial) -> None:
    owner, profile = await derived.bird(trial, 1), profile_of("Grus vipio")

    async def replaced(first: int, last: int, *places: tuple[int, float]) -> list[derived.Row]:
        cuts = START + first * HOUR, START + last * HOUR
        life = await derived.replace_stays(trial, owner, *cuts, stays(profile, *places))
        rows = await execute(trial, "select *, xmin::text from stay order by arrival_time_latest")
        assert life.lat.tolist() == [row["lat"] for row in rows]
        assert life.arrival_latest_us.tolist() == [micros(r["arrival_time_latest"]) for r in rows]
        return rows

    before = await replaced(-10, 1_000, (0, 38.0), (100, 45.0), (200, 48.0))
    after = await replaced(90, 190, (95, 46.0), (150, 44.0))
    assert [round(row["lat"]) for row in after] == [38, 46, 44, 48]
    assert [after[0], after[3]] == [before[0], before[2]]  # beyond the cuts nothing is touched
    assert await replaced(90, 190, (95, 46.0)) == [after[0], after[1], after[3]]


async def test_days_are_replaced_within_their_bounds_alone(trial) -> None:
    owner = await derived.bird(trial, 1)

    def fix(hour: int) -> derived.Row:
        return {"time": START + hour * HOUR, "species_key": "x", "lon": 127.0, "lat": 38.0,
                "release_at": RELEASED}  # fmt: skip

    async def replace(low: int, high: int, *hours: int) -> list[int]:
        where = (
            "time >= :low and time < :high",
            {"low": START + low * HOUR, "high": START + high * HOUR},
        )
        await derived.replace_days(trial, "public_fix", owner, where, [fix(h) for h in hours])
        rows = await execute(trial, "select time from public_fix order by time")
        return [(row["time"] - START) // HOUR for row in rows]

    assert await replace(0, 10, 1, 5, 9) == [1, 5, 9]
    assert await replace(5, 9, 6, 7) == [1, 6, 7, 9]
    assert await replace(0, 7) == [7, 9]
    assert await replace(0, 99) == []


async def test_drawn_days_carry_their_shapes(trial) -> None:
    owner = await derived.bird(trial, 1)
    row = {
        "species_key": "x", "observed": True, "time_first": START, "time_last": START + HOUR,
        "n_fixes": 2, "line": LINE, "overview": LINE,
    }  # fmt: skip
    for _ in range(2):
        await derived.replace_days(trial, "track_part", owner, ("true", {}), [row])
    found = await execute(
        trial, "select st_asbinary(line) as line, st_srid(line) as srid from track_part"
    )
    assert [(bytes(r["line"]), r["srid"]) for r in found] == [(LINE, 4326)]
