from __future__ import annotations

import json
from collections.abc import Callable

import polars as pl

from ingest import decode
from ingest.checks import FLAGS, record_flags

NOW_US = 1_795_000_000_000_000


def records(*fixes: dict[str, object]) -> pl.DataFrame:
    base = {"tag": "7", "time": "2020-01-01T00:00:00Z"}
    return decode(json.dumps([base | fix for fix in fixes]).encode(), now_us=NOW_US).records


def flags(*fixes: dict[str, object]) -> list[tuple[int, str]]:
    return record_flags(records(*fixes)).select("row", "code").rows()


def test_null_island_needs_both_axes() -> None:
    assert flags(
        {"lon": 0, "lat": 0},
        {"lon": 0, "lat": 51.5},
        {"lon": 9.4, "lat": 0},
        {"lon": -0.009, "lat": 0.009},
        {"lon": 0.01, "lat": 0},
    ) == [(0, "null-island"), (3, "null-island")]


def test_one_record_may_bear_several_flags() -> None:
    fix = {"lon": 0, "lat": 0, "argos_class": "Z", "marked_outlier": True}
    assert flags({"lon": 1, "lat": 1}, fix) == [
        (1, "argos-class-z"),
        (1, "marked-outlier"),
        (1, "null-island"),
    ]


def test_records_without_position_bear_none() -> None:
    assert flags({"argos_class": "Z", "marked_outlier": True}) == []
    assert record_flags(records()).schema == record_flags(records({"lon": 0, "lat": 0})).schema


def test_every_flag_is_documented_with_its_detail(sample: Callable[[str], bytes]) -> None:
    found = record_flags(decode(sample("events_argos.csv"), now_us=NOW_US).records)
    assert set(found["code"]) == {"argos-class-z", "null-island"}
    assert all(FLAGS[code] == detail for code, detail in found.select("code", "detail").rows())


def test_class_z_of_the_real_file(real: Callable[[str], bytes]) -> None:
    held = decode(real("telemetry/argos_raw/diag/990660_A.DIA"), now_us=NOW_US).records
    assert record_flags(held)["code"].to_list().count("argos-class-z") == 14
