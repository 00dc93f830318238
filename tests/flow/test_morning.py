"""The morning report equals what anybody works out from the file that was pushed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from statistics import median

import pytest
from pyproj import Geod

from app.movement.simulate import flock_csv, reference_csv
from app.store import morning
from tests.flow.conftest import Service, flock

CLEAN = {"gaps_per_year": 0.0, "late_per_year": 0.0, "gross_error_share": 0.0}
BIRDS = flock(seed=31, birds=2, days=40, interval_s=3600.0, **CLEAN)
GEOD = Geod(ellps="WGS84")
HOUR = timedelta(hours=1)

Points = list[tuple[datetime, float, float]]


def points() -> dict[str, Points]:
    """Give times and places by bird, straight from the text of the file."""
    header, *lines = flock_csv(BIRDS).decode().splitlines()
    names = header.split(",")
    found: dict[str, Points] = {}
    for line in lines:
        row = dict(zip(names, line.split(","), strict=True))
        at = datetime.fromisoformat(row["timestamp"]).replace(tzinfo=UTC)
        bird = row["individual-local-identifier"]
        place = float(row["location-long"]), float(row["location-lat"])
        found.setdefault(bird, []).append((at, *place))
    return {bird: sorted(each) for bird, each in found.items()}


def way_m(track: Points, first: datetime, last: datetime) -> float:
    """Add up steps, and of one that begins before the span its share."""
    total = 0.0
    for (t0, x0, y0), (t1, x1, y1) in pairwise(track):
        if t1 <= first or t1 > last:
            continue
        share = (t1 - max(t0, first)) / (t1 - t0)
        total += share * GEOD.inv(x0, y0, x1, y1)[2]
    return total


@pytest.fixture
async def pushed(service: Service) -> Service:
    await service.push(reference_csv(BIRDS))
    await service.push(flock_csv(BIRDS))
    await service.drain()
    return service


async def told(service: Service, now: datetime) -> dict[str, dict]:
    async with service.store.read() as conn:
        rows = await morning.birds(conn, service.audience, now=now)
    return {row["individual"]: row for row in rows}


async def test_distances_ages_and_habits_are_those_of_the_file(pushed: Service):
    tracks = points()
    hidden = await pushed.rows("select time from fix where not visible")
    gone = {row["time"] for row in hidden}
    shown = {bird: [p for p in track if p[0] not in gone] for bird, track in tracks.items()}
    now = max(track[-1][0] for track in tracks.values()) + HOUR
    rows = await told(pushed, now)
    assert rows.keys() == tracks.keys()
    for bird, track in shown.items():
        row, last = rows[bird], track[-1][0]
        assert row["last_time"] == last
        assert row["silence_s"] == (now - last).total_seconds()
        for name, span in (("moved_24h_m", 24 * HOUR), ("moved_7d_m", 168 * HOUR)):
            assert row[name] == pytest.approx(way_m(track, now - span, now), abs=1.0)
        steps = [(b[0] - a[0]).total_seconds() for a, b in pairwise(track)]
        assert row["interval_usual_s"] == pytest.approx(median(steps), abs=1.0)
        assert row["state"] in {"moving", "stopover", "roosting"}


async def test_a_bird_falls_silent_within_its_habit_and_then_beyond_it(pushed: Service):
    rows = await told(pushed, max(t[-1][0] for t in points().values()) + HOUR)
    row = next(iter(rows.values()))
    usual, limit = row["interval_usual_s"], row["silence_expected_s"]
    assert row["lag_p95_s"] is None  # the file is an archive: it tells of no lag

    async def at(seconds: float) -> dict:
        now = row["last_time"] + timedelta(seconds=seconds)
        return (await told(pushed, now))[row["individual"]]

    assert limit >= 2 * usual
    assert (await at(2 * usual - 60))["state"] == row["doing"]
    later = await at(limit + 86_400)
    assert later["state"] == "silent_unexpectedly"
    assert later["days_beyond_habit"] == pytest.approx(1, abs=1e-6)
    assert later["moved_24h_m"] is None
