from __future__ import annotations

import polars as pl
import pytest

from ingest import decode
from ingest.clock import DAY_US
from ingest.rollover import ROLLOVER_US, rollover_suspect

NOW_US = 1_795_000_000_000_000


def worn(times_us: list[int], sensor: str = "gps") -> pl.DataFrame:
    return pl.DataFrame({"time_us": times_us, "tag": "7", "individual": None, "sensor": sensor})


@pytest.mark.parametrize(
    ("days_ago", "suspect"),
    [
        ([1.0, 2.0], False),
        ([400.0, 4_000.0], False),
        ([1.0, 7_168.0], True),
        ([1.0, 7_300.0], True),
        ([1.0, 2 * 7_168.0], True),
        ([7_168.0, 7_170.0], True),
        ([7_300.0, 7_301.0], False),
        ([2 * 7_168.0 + 5], True),
    ],
)
def test_which_tags_are_suspect(days_ago: list[float], suspect: bool) -> None:  # noqa: FBT001 - a case
    times = [NOW_US - int(days * DAY_US) for days in days_ago]
    assert (rollover_suspect(worn(times), NOW_US) is not None) is suspect
    assert rollover_suspect(worn(times, "argos"), NOW_US) is None


def test_a_live_push_of_the_past_is_told_in_its_receipt() -> None:
    seconds = (NOW_US - ROLLOVER_US) // 1_000_000 - 3_600
    time = pl.select(pl.from_epoch(pl.lit(seconds)).dt.strftime("%Y-%m-%dT%H:%M:%SZ")).item()
    text = f'[{{"tag": "7", "time": "{time}", "lon": 116, "lat": 29}}]'.encode()
    decoded = decode(text, now_us=NOW_US)
    assert decoded.records.height == 1
    assert [w.code for w in decoded.warnings] == ["week-rollover-suspect"]
    assert decode(b"[]", now_us=NOW_US).warnings == []
