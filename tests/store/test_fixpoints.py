"""Features written by columns say what a plain writer says, row by row."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.store import fixpoints
from app.store.copying import PG_EPOCH_US
from ingest.record import SENSORS

BIRD = {
    "exact": True, "ref": "185fc7f5-b970-4e16-ada0-66183aff5ed8", "local_identifier": "WNC-17",
    "species_key": "white_naped_crane", "taxon": "Grus vipio", "study": "Cranes",
    "simulated": False, "public_grid_deg": 0.1,
}  # fmt: skip
measure = st.one_of(st.just(math.nan), st.floats(-1e6, 1e6, width=32))
words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)


@st.composite
def rows(draw: st.DrawFn) -> dict[str, np.ndarray[Any, Any]]:
    """Columns of a few fixes, some of them alike."""
    n = draw(st.integers(1, 4))

    def column(name: str, values: st.SearchStrategy[Any]) -> np.ndarray[Any, Any]:
        few = st.lists(values, min_size=n, max_size=n) | values.map(lambda one: [one] * n)
        return np.array(draw(few), np.dtype(fixpoints._KINDS[name]).newbyteorder("="))

    return {
        "tag": column("tag", st.integers(1, 3)),
        "time": column("time", st.integers(-(10**15), 10**15)),
        "sensor": column("sensor", st.integers(0, len(SENSORS) - 1)),
        "variant": column("variant", st.integers(-(2**63), 2**63 - 1)),
        "lon": column("lon", st.floats(-180, 180)),
        "lat": column("lat", st.floats(-90, 90)),
        "argos_class": column("argos_class", st.integers(0, len(fixpoints._CLASSES))),
        **{name: column(name, measure) for name in fixpoints._MEASURED},
    }


def plainly(row: Any, bird: dict[str, Any], tags: dict[int, str]) -> dict[str, Any]:
    """Write one feature the slow way."""
    us = int(row["time"]) + PG_EPOCH_US
    time = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=us)
    number = int(row["argos_class"])
    told: dict[str, Any] = {
        "individual": bird["local_identifier"], "individual_id": bird["ref"],
        "species": "white_naped_crane", "species_name": "Grus vipio", "study": bird["study"],
        "precision": "exact", "simulated": False,
        "time": time.isoformat().replace("+00:00", "Z"), "tag": tags[int(row["tag"])],
        "sensor": SENSORS[int(row["sensor"])], "variant": str(row["variant"]),
        "argos_class": fixpoints._CLASSES[number - 1] if number else None,
    }  # fmt: skip
    for name in fixpoints._MEASURED:
        told[name] = None if math.isnan(row[name]) else pytest.approx(float(row[name]), rel=1e-6)
    place = [pytest.approx(float(row[name]), abs=6e-8) for name in ("lon", "lat")]
    return {"type": "Feature", "geometry": {"type": "Point", "coordinates": place},
            "properties": told}  # fmt: skip


@settings(max_examples=60)
@given(rows(), words, words, st.lists(words, min_size=3, max_size=3))
def test_columns_say_what_rows_say(
    columns: dict[str, np.ndarray[Any, Any]], name: str, study: str, tags: list[str]
) -> None:
    bird, named = {**BIRD, "local_identifier": name, "study": study}, dict(enumerate(tags, 1))
    found = fixpoints.Points(columns, {**bird, "exact": True}, named)
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    for shown in {0, len(found) // 2, len(found)}:
        features = json.loads(f"[{found.text(shown)}]")
        assert features == [plainly(row, bird, named) for row in rows[:shown]]
        assert all(set(each["properties"]) == set(fixpoints.PROPERTIES) for each in features)


def test_a_stranger_gets_every_property_and_nothing_of_the_tag() -> None:
    columns = {"time": np.array([0]), "lon": np.array([127.1]), "lat": np.array([38.2])}
    found = fixpoints.Points(columns, {**BIRD, "exact": False}, {})
    told = json.loads(found.text(1))["properties"]
    assert set(told) == set(fixpoints.PROPERTIES)
    assert told["precision"] == "0.1 degree grid"
    assert told["time"] == "2000-01-01T00:00:00Z"
    assert all(told[name] is None for name in ("tag", "sensor", "variant", "error_m"))


def test_no_rows_are_no_features() -> None:
    empty = {"time": np.empty(0, np.int64), "lon": np.empty(0), "lat": np.empty(0)}
    assert fixpoints.Points(empty, BIRD, {}).text(5) == ""


@settings(max_examples=30)
@given(rows(), rows())
def test_answers_that_differ_are_told_apart(
    one: dict[str, np.ndarray[Any, Any]], other: dict[str, np.ndarray[Any, Any]]
) -> None:
    """What stands for the text in an ETag is the same where the text is, and only there."""
    named = {1: "a", 2: "b", 3: "c"}
    found = [fixpoints.Points(each, BIRD, named) for each in (one, one, other)]
    texts, told = ([getattr(each, how)(len(each)) for each in found] for how in ("text", "told"))
    assert told[0] == told[1]
    assert (told[0] == told[2]) == (texts[0] == texts[2])
    assert found[0].told(1) != found[0].told(0)


def sent(values: list[float | None], kind: str) -> bytes:
    """Write an array as PostgreSQL sends it."""
    item = np.dtype(kind)
    head = np.array([1, None in values, 0, len(values), 1], ">i4").tobytes()
    size = item.itemsize.to_bytes(4)
    return head + b"".join(
        b"\xff" * 4 if each is None else size + np.array(each, kind).tobytes() for each in values
    )


@given(st.lists(st.none() | st.floats(-1e6, 1e6, width=32), min_size=1, max_size=6))
def test_nulls_of_an_array_are_no_numbers(values: list[float | None]) -> None:
    found = fixpoints._received(sent(values, ">f4"), "height_m")
    assert [None if math.isnan(each) else each for each in found.tolist()] == values
    whole = [None if each is None else round(each) for each in values]
    found = fixpoints._received(sent(whole, ">i4"), "argos_class")
    assert found.tolist() == [each or 0 for each in whole]
