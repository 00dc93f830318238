from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.record import RECORD_SCHEMA
from ingest.vocabulary import (
    EVENT_TERMS,
    REFERENCE_TERMS,
    columns_of,
    described,
    hyphenated,
    term,
)


@pytest.mark.parametrize(
    "name",
    ["gps:satellite-count", "gps_satellite_count", "gps.satellite.count", "GPS satellite count"],
)
def test_all_dialects_name_one_term(name: str) -> None:
    assert columns_of([name], EVENT_TERMS) == {"satellites": (0,)}


def test_better_terms_come_first_whatever_the_order_of_columns() -> None:
    header = ["height-raw", "height-above-ellipsoid", "height-above-msl"]
    assert columns_of(header, EVENT_TERMS)["height_m"] == (2, 1, 0)


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("gnss:satellite-count", "satellites"), ("gnss_hdop", "dop"), ("gnss:dop", "dop"),
        ("gnss.pdop", "dop"), ("height above mean sea level", "height_m"),
        ("gps:activity-count", "activity"), ("gt_activity_count", "activity"),
        ("tag_battery_voltage", "battery_v"),
    ],
)  # fmt: skip
def test_names_of_the_dictionary_and_of_the_service(name: str, field: str) -> None:
    assert columns_of([name], EVENT_TERMS) == {field: (0,)}


def test_event_id_and_local_time_mean_nothing_here() -> None:
    assert columns_of(["event-id", "study-local-timestamp", "argos:altitude"], EVENT_TERMS) == {}


def test_fields_are_record_fields_or_named_steps_towards_them() -> None:
    steps = {
        "time", "taxon_detail", "visible", "outlier_algorithm", "outlier_manual",
        "outlier_import", "flags", "verdict", "error_percent", "lon1", "lat1", "solution",
    }  # fmt: skip
    assert set(EVENT_TERMS) - steps <= set(RECORD_SCHEMA)


@pytest.mark.parametrize(
    ("name", "noun"),
    [
        ("tag-serial-no", "tag"), ("animal-ring-id", "individual"),
        ("animal-life-stage", "deployment"), ("animal-mass", "deployment"),
        ("animal-reproductive-condition", "deployment"),
        ("individual-comments", "individual"), ("taxon-detail", "individual"),
        ("deploy-off-latitude", "deployment"), ("deployment-end-type", "deployment"),
        ("attachment-type", "deployment"), ("manipulation-type", "deployment"),
        ("study-site", "deployment"), ("duty-cycle", "deployment"),
        ("geolocator-calibration", "deployment"), ("alt-project-id", "deployment"),
        ("animals", "deployment"), ("column-7", "deployment"), ("", "deployment"),
    ],
)  # fmt: skip
def test_a_term_describes_tag_bird_or_deployment(name: str, noun: str) -> None:
    assert described(name) == noun


def test_no_term_belongs_to_two_fields() -> None:
    for terms in (EVENT_TERMS, REFERENCE_TERMS):
        names = [term(name) for group in terms.values() for name in group]
        assert len(names) == len(set(names))


@given(st.text(max_size=30))
def test_normal_form_is_stable(name: str) -> None:
    assert term(term(name)) == term(name)
    assert term(hyphenated(name)) == term(name)
