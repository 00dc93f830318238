from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl
import pytest

from app.seeds import profiles
from ingest import decode
from ingest.daylight import (
    SHARE_MIN,
    STEPS_MIN,
    daylight_share,
    fitting_offset,
    flies_by_day,
    flight_steps,
    sun_elevation,
    zone_suspect,
)
from ingest.record import RECORD_SCHEMA

NOW_US = 1_795_000_000_000_000
HOUR_US = 3_600_000_000
GUO = "telemetry/demoiselle_crane_neasia/cranes_guo_2018_2019.csv.gz"
STORKS = "telemetry/white_stork/whitestork_data.csv.gz"
KAZAKH = "telemetry/demoiselle_crane_kazakhstan/1000 Cranes. Southern Kazakhstan..csv"


def bird(days: int = 20, *, ahead_h: int = 0, lon: float = 116.0) -> pl.DataFrame:
    """A bird that flies north at 40 km/h from 9 to 16 h local solar time."""
    first = 1_583_020_800_000_000  # 2020-03-01 00:00 UTC
    hours = np.arange(days * 24)
    local = (hours + lon / 15) % 24
    moved = np.cumsum((local >= 9.75) & (local < 16.75)) * 40 / 111.2
    frame = pl.DataFrame(
        {
            "tag": ["7"] * hours.size,
            "time_us": first + (hours + ahead_h) * HOUR_US,
            "lon": np.full(hours.size, lon),
            "lat": -40 + moved,
            "marked_outlier": [False] * hours.size,
        }
    )
    absent = {k: pl.lit(None, dtype=v) for k, v in RECORD_SCHEMA.items() if k not in frame.columns}
    return frame.with_columns(**absent).select(RECORD_SCHEMA.keys())


@pytest.mark.parametrize(
    ("moment", "lon", "lat", "expected"),
    [
        ("2024-06-20T12:01:00", 0.0, 51.4779, 61.96),  # solstice noon: 90 - lat + 23.44
        ("2024-12-21T11:58:00", 0.0, 51.4779, 15.09),
        ("2024-03-20T12:07:00", 0.0, 0.0, 89.85),
        ("2024-06-20T00:02:00", 0.0, 70.0, 3.44),  # midnight sun: lat + 23.44 - 90
    ],
)
def test_sun_stands_where_geometry_puts_it(
    moment: str, lon: float, lat: float, expected: float
) -> None:
    us = np.array([np.datetime64(moment, "us").astype(np.int64)])
    assert sun_elevation(us, np.array([lon]), np.array([lat]))[0] == pytest.approx(
        expected, abs=0.2
    )


@pytest.mark.parametrize("ahead_h", [-9, -8, 6, 8, 9, 12])
def test_wrong_zone_is_found_and_named(ahead_h: int) -> None:
    records = bird(ahead_h=ahead_h)
    assert fitting_offset(flight_steps(records)) == ahead_h
    warning = zone_suspect(records)
    assert warning is not None
    assert warning.code == "time-zone-suspect"
    assert f"{ahead_h:+d} h" in warning.detail


def test_right_zone_passes_and_few_steps_say_nothing() -> None:
    assert zone_suspect(bird()) is None
    few = bird(days=7, ahead_h=9)
    assert 0 < flight_steps(few).height < STEPS_MIN
    assert zone_suspect(few) is None


def test_where_no_zone_makes_a_day_of_it_none_is_proposed() -> None:
    by_night = bird(ahead_h=12).with_columns(tag=pl.lit("8"))
    both = pl.concat([bird(), by_night])
    assert daylight_share(flight_steps(both)) < SHARE_MIN
    assert zone_suspect(both) is None


def test_order_and_other_birds_do_not_matter() -> None:
    shuffled = bird(ahead_h=9).sample(fraction=1, shuffle=True, seed=1)
    still = bird().with_columns(tag=pl.lit("8"), lat=pl.lit(10.0))
    assert zone_suspect(pl.concat([still, shuffled])) == zone_suspect(bird(ahead_h=9))


def test_steps_cross_the_antimeridian_the_short_way() -> None:
    hops = bird(days=1).head(2).with_columns(lat=0.0, lon=pl.Series([179.9, -179.8]))
    steps = flight_steps(hops)
    assert steps.height == 1
    assert abs(steps["lon"][0]) > 179.9


def test_marked_and_null_island_fixes_make_no_step() -> None:
    spoilt = bird().with_columns(marked_outlier=True)
    assert flight_steps(spoilt).is_empty()
    assert flight_steps(bird().with_columns(lon=0.0, lat=0.0)).is_empty()


def test_cranes_in_utc_plus_8_read_as_utc(real: Callable[[str], bytes]) -> None:
    steps = flight_steps(decode(real(GUO), now_us=NOW_US).records)
    assert daylight_share(steps) == pytest.approx(0.22, abs=0.015)
    assert fitting_offset(steps) == 8
    declared = decode(real(GUO), tz="Asia/Shanghai", now_us=NOW_US).records
    assert zone_suspect(declared) is None


@pytest.mark.parametrize("name", [STORKS, KAZAKH])
def test_sets_in_true_utc_pass(real: Callable[[str], bytes], name: str) -> None:
    records = decode(real(name), now_us=NOW_US).records
    assert daylight_share(flight_steps(records)) == pytest.approx(0.98, abs=0.01)
    assert zone_suspect(records) is None


def test_those_fly_by_day_whose_profile_says_so() -> None:
    for profile in profiles().values():
        names = (profile.key, profile.scientific_name, profile.english_name, *profile.synonyms)
        for name in filter(None, names):
            assert flies_by_day(name) == profile.daylight_check, name
