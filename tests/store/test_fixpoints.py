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
def rows(draw: st.DrawFn) -> np.ndarray[Any, Any]:
    made = [
        (
            0, 4, draw(st.integers(1, 3)), 8, draw(st.integers(-(10**15), 10**15)),
            2, draw(st.integers(0, len(SENSORS) - 1)), 8, draw(st.integers(-(2**63), 2**63 - 1)),
            8, draw(st.floats(-180, 180)), 8, draw(st.floats(-90, 90)),
            4, draw(st.integers(0, len(fixpoints._CLASSES))),
            *(each for _ in fixpoints._MEASURED for each in (4, draw(measure))),
        )
        for _ in range(draw(st.integers(1, 4)))
    ]  # fmt: skip
    return np.array(made, dtype=fixpoints._ROW)


def plainly(row: Any, bird: dict[str, Any], tags: dict[int, str]) -> dict[str, Any]:
    """Write one feature the slow way."""
    us = int(row["time"]) + PG_EPOCH_US
    time = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=us)
    number = int(row["argos_class"])
    told: dict[str, Any] = {
        "individual": bird["local_identifier"], "individual_id": bird["ref"],
        "species": "white_naped_crane", "species_name": "Grus vipio", "study": bird["study"],
        "precision": "exact", "simulated": False,
        "time": time.isoformat().replace("+00:00", "Z"), "tag": tags[int(row["tag_id"])],
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
    columns: np.ndarray[Any, Any], name: str, study: str, tags: list[str]
) -> None:
    bird, named = {**BIRD, "local_identifier": name, "study": study}, dict(enumerate(tags, 1))
    found = fixpoints.Points(columns, {**bird, "exact": True}, named)
    for shown in {0, len(columns) // 2, len(columns)}:
        features = json.loads(f"[{found.text(shown)}]")
        assert features == [plainly(row, bird, named) for row in columns[:shown]]
        assert all(set(each["properties"]) == set(fixpoints.PROPERTIES) for each in features)


def test_a_stranger_gets_every_property_and_nothing_of_the_tag() -> None:
    columns = np.array([(0, 8, 0, 8, 127.1, 8, 38.2)], dtype=fixpoints._PUBLIC_ROW)
    found = fixpoints.Points(columns, {**BIRD, "exact": False}, {})
    told = json.loads(found.text(1))["properties"]
    assert set(told) == set(fixpoints.PROPERTIES)
    assert told["precision"] == "0.1 degree grid"
    assert told["time"] == "2000-01-01T00:00:00Z"
    assert all(told[name] is None for name in ("tag", "sensor", "variant", "error_m"))


def test_no_rows_are_no_features() -> None:
    assert fixpoints.Points(np.empty(0, fixpoints._ROW), BIRD, {}).text(5) == ""
