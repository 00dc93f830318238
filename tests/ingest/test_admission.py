from __future__ import annotations

import math

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.admission import admit
from ingest.reasons import refuse
from ingest.record import RECORD_SCHEMA, Decoded
from ingest.refusal import UnreadablePush

NOW_US = 1_700_000_000_000_000
DAY_US = 86_400_000_000


def admitted(**values: object) -> Decoded:
    row = {"unit": 1, "tag": "7", "time_us": NOW_US, "lon": 116.0, "lat": 29.0} | values
    frame = pl.DataFrame({key: [value] for key, value in row.items()}, strict=False)
    return admit(
        frame,
        format="test",
        now_us=NOW_US,
        origin=lambda bad: [("as sent", 7)] * bad.height,
        refused=[],
        warnings=[],
    )


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"tag": None, "individual": None}, "no-animal-or-tag"),
        ({"tag": "a\0b"}, "control-character"),
        ({"taxon": "x" * 201}, "name-too-long"),
        ({"time_us": None}, "time-unreadable"),
        ({"time_us": 252_460_800_000_000 - 1}, "time-out-of-window"),
        ({"time_us": NOW_US + DAY_US + 1}, "time-out-of-window"),
        ({"lon": float("nan")}, "coordinate-not-a-number"),
        ({"lat": float("inf")}, "coordinate-not-a-number"),
        ({"lon": float("nan"), "lat": None}, "coordinate-not-a-number"),
        ({"lat": None}, "position-incomplete"),
        ({"lat": 90.001}, "latitude-out-of-range"),
        ({"lat": -999.0, "lon": -999.0}, "latitude-out-of-range"),
        ({"lon": -999.0}, "longitude-out-of-range"),
        ({"lon": 540.0}, "longitude-out-of-range"),
        ({"lon": 360.001}, "longitude-out-of-range"),
    ],
)
def test_each_fault_has_its_code(values: dict[str, object], code: str) -> None:
    decoded = admitted(**values)
    assert [refusal.code for refusal in decoded.refusals] == [code]
    assert decoded.refusals[0].excerpt == "as sent"
    assert decoded.records.is_empty()


@pytest.mark.parametrize(
    ("sent", "kept"), [(180.0, 180.0), (-180.0, -180.0), (180.5, -179.5), (360.0, 0.0)]
)
def test_longitude_to_360_is_brought_home(sent: float, kept: float) -> None:
    assert admitted(lon=sent, lon2=sent, lat2=1.0).records["lon"].to_list() == [kept]
    assert admitted(lon=sent, lon2=sent, lat2=1.0).records["lon2"].to_list() == [kept]


def test_edges_of_the_window_are_inside() -> None:
    assert admitted(time_us=252_460_800_000_000).records.height == 1
    assert admitted(time_us=NOW_US + DAY_US).records.height == 1


def test_a_record_needs_no_position() -> None:
    decoded = admitted(lon=None, lat=None)
    assert decoded.records["lon"].to_list() == [None]


def test_angles_and_ellipses_are_normalised() -> None:
    row = admitted(
        heading_deg=-90.0, semi_major_m=900.0, semi_minor_m=120.0, orientation_deg=-10.0
    ).records.row(0, named=True)
    assert (row["heading_deg"], row["orientation_deg"], row["semi_major_m"]) == (270, 170, 900)


def test_an_ellipse_of_zero_axes_is_absent() -> None:
    row = admitted(semi_major_m=0.0, semi_minor_m=0.0, orientation_deg=123.0).records
    assert row.select("semi_major_m", "semi_minor_m", "orientation_deg").row(0) == (None,) * 3


def test_impossible_optional_values_are_left_out_with_one_warning() -> None:
    decoded = admitted(satellites=4000, dop=-1.0, argos_class="Q", battery_v=float("nan"))
    assert decoded.refusals == []
    row = decoded.records.row(0, named=True)
    assert (row["satellites"], row["dop"], row["argos_class"], row["battery_v"]) == (None,) * 4
    assert [warning.code for warning in decoded.warnings] == ["value-out-of-range"]
    for name in ("satellites 1", "dop 1", "argos_class 1", "battery_v 1"):
        assert name in decoded.warnings[0].detail


@pytest.mark.parametrize("revision", [-1, 2**31, 2**63 - 1])
def test_a_revision_that_cannot_be_kept_is_told_of(revision: int) -> None:
    decoded = admitted(provider_revision=revision)
    assert decoded.records["provider_revision"].to_list() == [None]
    assert "provider_revision 1" in decoded.warnings[0].detail
    assert admitted(provider_revision=2**31 - 1).warnings == []


@pytest.mark.parametrize("name", ["x" * 200, "鹤" * 200, "a\tb", "丹顶鹤\u30001", "a-", "\u0301"])
def test_names_people_give_are_kept_as_they_are(name: str) -> None:
    row = admitted(tag=name, individual=name, taxon=name, provider_id=name).records
    assert row.select("tag", "individual", "taxon", "provider_id").row(0) == (name,) * 4


@pytest.mark.parametrize("name", ["tag", "individual", "taxon", "provider_id"])
def test_every_name_is_held_to_the_same_limits(name: str) -> None:
    for value, code in (("y" * 201, "name-too-long"), ("a\x1fb", "control-character")):
        assert [r.code for r in admitted(**{name: value}).refusals] == [code]


EDGES = {
    "height_m": (-1e3, 5e4), "ground_speed_m_s": (0, 500), "heading_deg": (-180, 360),
    "dop": (0, 1e3), "error_m": (0, 2e7), "battery_v": (0, 100), "temperature_c": (-100, 150),
    "activity": (-1e15, 1e15),
}  # fmt: skip


@pytest.mark.parametrize("name", EDGES)
def test_each_range_holds_its_ends_and_nothing_past_them(name: str) -> None:
    for end, outwards in zip(EDGES[name], (-math.inf, math.inf), strict=True):
        assert admitted(**{name: float(end)}).warnings == []
        past = admitted(**{name: math.nextafter(end, outwards)})
        assert past.records[name].to_list() == [None]
        assert f"{name} 1" in past.warnings[0].detail


@settings(max_examples=25, deadline=None)
@given(st.permutations(range(6)))
def test_the_order_of_units_changes_nothing_but_their_order(order: list[int]) -> None:
    values = {
        "tag": ["a", None, "b", "c", "d", "e"],
        "time_us": [NOW_US, NOW_US, None, 5, NOW_US, NOW_US],
        "lon": [1.0, 2.0, 3.0, 4.0, 999.0, 300.0],
        "lat": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
    }
    frame = pl.DataFrame({"unit": range(1, 7)} | values)
    earlier = [refuse(9, "", "ragged-row"), refuse(7, "", "ragged-row")]
    shuffled, sorted_ = (
        admit(
            rows,
            format="test",
            now_us=NOW_US,
            origin=lambda bad: [(f"unit {unit}", None) for unit in bad["unit"]],
            refused=list(earlier),
            warnings=[],
        )
        for rows in (frame[order], frame)
    )
    assert shuffled.refusals == sorted_.refusals
    assert [r.unit for r in sorted_.refusals] == [2, 3, 4, 5, 7, 9]
    assert [r.excerpt for r in sorted_.refusals[:4]] == [f"unit {u}" for u in (2, 3, 4, 5)]
    assert shuffled.records.sort("unit").equals(sorted_.records)
    assert sorted_.records["lon"].to_list() == [1.0, -60.0]
    assert sorted_.units == 8


def test_no_rows_and_no_columns_but_unit_are_no_fault() -> None:
    empty = pl.DataFrame(schema={"unit": pl.Int64})
    decoded = admit(
        empty, format="test", now_us=NOW_US, origin=lambda bad: [], refused=[], warnings=[]
    )
    assert (decoded.units, dict(decoded.records.schema)) == (0, RECORD_SCHEMA)


def test_the_fault_a_decoder_found_comes_first() -> None:
    assert [r.code for r in admitted(code="ragged-row", tag=None).refusals] == ["ragged-row"]


def test_half_a_mirror_is_none() -> None:
    assert admitted(lon2=5.0).records.select("lon2", "lat2").row(0) == (None, None)


@pytest.mark.parametrize(
    ("sensor", "argos_class", "kept"),
    [("argos", "G", "gps"), ("argos", "3", "argos"), ("argos", None, "argos"), ("gps", "G", "gps")],
)
def test_a_gps_position_that_argos_carried_is_one_of_gps(sensor, argos_class, kept) -> None:
    assert admitted(sensor=sensor, argos_class=argos_class).records["sensor"].to_list() == [kept]


def test_records_have_the_schema_even_when_empty() -> None:
    assert dict(admitted(tag=None).records.schema) == RECORD_SCHEMA
    assert dict(admitted().records.schema) == RECORD_SCHEMA


def test_too_many_units_are_one_refusal_of_the_push(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.admission.UNITS_MAX", 0)
    with pytest.raises(UnreadablePush) as caught:
        admitted()
    assert caught.value.code == "too-many-units"


ANY = st.floats() | st.none()
NUMBERS = (
    "lon", "lat", "heading_deg", "satellites", "lon2", "lat2", "semi_major_m", "semi_minor_m",
    "orientation_deg", "battery_v",
)  # fmt: skip


@settings(max_examples=25, deadline=None)
@given(st.fixed_dictionaries(dict.fromkeys(NUMBERS, ANY)))
def test_any_numbers_give_one_unit_and_finite_records(values: dict[str, float | None]) -> None:
    decoded = admitted(**values)
    assert decoded.units == 1
    for row in decoded.records.iter_rows(named=True):
        numbers = [value for value in row.values() if isinstance(value, float)]
        assert all(abs(value) < float("inf") for value in numbers)
        assert row["lon"] is None or (abs(row["lon"]) <= 180 and abs(row["lat"]) <= 90)
        assert row["lon2"] is None or (abs(row["lon2"]) <= 180 and abs(row["lat2"]) <= 90)
        assert row["heading_deg"] is None or 0 <= row["heading_deg"] <= 360
