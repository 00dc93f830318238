"""The drawn track: every step in one part, cut at months and gaps, and at nothing else."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from app.movement.gaps import GAP_MAX_US
from app.movement.track import Track
from app.pipeline.trackparts import _parts, month_of, next_month
from app.store.windows import FAR_FUTURE, FAR_PAST, instant, micros

TIMES = st.datetimes(datetime(1978, 1, 1), datetime(2099, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001 - made aware
HOUR_US = 3_600_000_000
STEPS = st.lists(
    st.sampled_from([HOUR_US, 7 * HOUR_US, GAP_MAX_US, GAP_MAX_US + 1, 400 * HOUR_US]),
    max_size=40,
)


@given(TIMES)
def test_a_time_lies_in_its_month(time) -> None:
    start, end = month_of(time), next_month(time)
    assert start <= time < end
    assert (start.year, start.month) == (time.year, time.month)
    assert month_of(start) == start and month_of(end) == end
    assert 28 <= (end - start).days <= 31
    assert (start.day, start.hour, start.minute, start.second, start.microsecond) == (1, 0, 0, 0, 0)


def test_open_ends_stay_open() -> None:
    assert (month_of(FAR_PAST), next_month(FAR_FUTURE)) == (FAR_PAST, FAR_FUTURE)


def track(start: datetime, steps: list[int]) -> Track:
    time_us = micros(start) + np.cumsum([0, *steps], dtype=np.int64)
    n = len(time_us)
    return Track(time_us, 120.0 + np.arange(n) * 0.25, np.full(n, 40.0), np.full(n, 10.0))


@settings(max_examples=60)
@given(TIMES, STEPS)
def test_each_step_is_in_one_part_of_its_month_and_kind(start, steps) -> None:
    made = track(start, steps)
    rows = _parts(made, "default")
    if not steps:
        assert rows == []
        return
    assert rows[0]["time_first"] == instant(made.time_us[0])
    assert rows[-1]["time_last"] == instant(made.time_us[-1])
    assert all(a["time_last"] == b["time_first"] for a, b in pairwise(rows))
    assert sum(row["n_fixes"] - 1 for row in rows) == len(steps)
    for row in rows:
        inside = [
            (a, b)
            for a, b in pairwise(map(instant, made.time_us))
            if row["time_first"] <= a < row["time_last"]
        ]
        assert {month_of(a) for a, _ in inside} == {month_of(row["time_first"])}
        gaps = {micros(b) - micros(a) > GAP_MAX_US for a, b in inside}
        assert gaps == {not row["observed"]}
    for a, b in pairwise(rows):  # nothing is cut that belongs together
        assert a["observed"] != b["observed"] or month_of(a["time_first"]) != month_of(
            b["time_first"]
        )


@settings(max_examples=20)
@given(TIMES, STEPS.filter(bool))
def test_a_line_runs_from_the_first_fix_to_the_last(start, steps) -> None:
    made = track(start, steps)
    place = {instant(t): (x, 40.0) for t, x in zip(made.time_us, made.lon, strict=True)}
    for row in _parts(made, "default"):
        for name in ("line", "overview"):
            line = shapely.from_wkb(row[name])
            ends = [xy for piece in line.geoms for xy in (piece.coords[0], piece.coords[-1])]
            assert (ends[0], ends[-1]) == (place[row["time_first"]], place[row["time_last"]])


async def test_the_stored_parts_cover_every_shown_step_once(life) -> None:
    parts = await life.rows(
        "select individual_id, sum(n_fixes - 1)::int as steps from track_part group by 1 order by 1"
    )
    fixes = await life.rows(
        "select d.individual_id, (count(*) - 1)::int as steps from fix f join deployment d"
        " on d.tag_id = f.tag_id and d.replaced_at is null and d.during @> f.time"
        " where f.live and f.visible group by 1 order by 1"
    )
    assert parts == fixes and len(parts) == 2
