"""What is read otherwise than it was meant is told or refused, never passed over."""

from __future__ import annotations

import io
import json

import openpyxl
import pytest

from ingest import Decoded, decode
from ingest.reasons import REASONS

NOW_US = 1_795_000_000_000_000
ROW = "2024-04-01 10:00:00,10.5,50.5,T1"
HEADER = "timestamp,location-long,location-lat,tag-local-identifier"


def read(payload: bytes, form: str) -> Decoded:
    return decode(payload, format=form, now_us=NOW_US)


def codes(decoded: Decoded) -> tuple[list[str], list[str]]:
    return [r.code for r in decoded.refusals], [w.code for w in decoded.warnings]


def test_sheets_that_are_not_read_are_named() -> None:
    book = openpyxl.Workbook()
    book.active.title = "notes"
    book.active.append(["all of spring"])
    for title, tag in (("east", "T1"), ("west", "T2")):
        sheet = book.create_sheet(title)
        sheet.append(HEADER.split(","))
        sheet.append(["2024-04-01 10:00:00", 10.5, 50.5, tag])
    held = io.BytesIO()
    book.save(held)
    decoded = decode(held.getvalue(), now_us=NOW_US)
    assert decoded.records["tag"].to_list() == ["T1"]
    (warning,) = decoded.warnings
    assert warning.code == "sheets-unread"
    assert all(name in warning.detail for name in ("'east'", "'west'", "'notes'"))


def gundi(location: object) -> bytes:
    element = {"source": "T1", "recorded_at": "2024-04-01T10:00:00Z", "location": location}
    return json.dumps([element]).encode()


@pytest.mark.parametrize(
    "location", [[10, 50], {"latitude": 50, "longitude": 10}, "POINT(10 50)", 7]
)
def test_a_position_in_a_form_that_is_not_read_is_refused(location) -> None:
    decoded = read(gundi(location), "gundi-json")
    assert codes(decoded) == (["position-incomplete"], [])
    assert decoded.records.is_empty()


@pytest.mark.parametrize("location", [None, {}, [], {"lon": None, "lat": None}])
def test_what_has_no_position_is_a_reading(location) -> None:
    decoded = read(gundi(location), "gundi-json")
    assert codes(decoded) == ([], [])
    assert decoded.records["lon"].to_list() == [None]


@pytest.mark.parametrize(
    ("geometry", "refused"),
    [
        ({"type": "Point"}, ["position-incomplete"]),
        ({"type": "Point", "coordinates": {"lon": 10, "lat": 50}}, ["position-incomplete"]),
        ({"type": "Point", "coordinates": []}, []),  # as null, says RFC 7946
        (None, []),
    ],
)
def test_a_point_without_place(geometry, refused) -> None:
    about = {"tag": "T1", "time": "2024-04-01T10:00:00Z"}
    feature = {"type": "Feature", "geometry": geometry, "properties": about}
    decoded = read(json.dumps(feature).encode(), "geojson-points")
    assert codes(decoded) == (refused, [])


@pytest.mark.parametrize(
    ("mark", "marked"),
    [("true", True), ("TRUE", True), ("1", True), ("yes", True), ("false", False), ("", False)],
)
def test_marks_of_outliers(mark: str, *, marked: bool) -> None:
    text = f"{HEADER},import-marked-outlier\n{ROW},{mark}\n"
    assert read(text.encode(), "movebank-csv").records["marked_outlier"].to_list() == [marked]


@pytest.mark.parametrize("hidden", ["false", "0", "no"])
def test_what_is_not_visible_is_marked(hidden: str) -> None:
    text = f"{HEADER},visible\n{ROW},{hidden}\n{ROW},true\n"
    marked = read(text.encode(), "movebank-csv").records["marked_outlier"]
    assert marked.to_list() == [True, False]


@pytest.mark.parametrize("again", ["location-lat", "location_lat", "Location Lat"])
def test_a_column_named_twice_is_told(again: str) -> None:
    text = f"{HEADER},note,note,{again}\n{ROW},a,b,51.5\n"
    decoded = read(text.encode(), "movebank-csv")
    (warning,) = decoded.warnings
    assert warning.code == "column-twice"
    assert repr(again) in warning.detail
    assert "note" not in warning.detail
    assert decoded.records["lat"].to_list() == [50.5]


@pytest.mark.parametrize(
    ("lat", "lon", "refused"),
    [
        ("77.348N", "34.733W", []),
        ("-77.348S", "34.733W", ["coordinate-signed"]),
        ("77.348N", "-34.733W", ["coordinate-signed"]),
        ("-77.348", "34.733W", ["hemisphere-missing"]),
    ],
)
def test_a_sign_beside_a_letter_is_no_coordinate(lat: str, lon: str, refused: list[str]) -> None:
    block = (
        " 00123  Date : 31.12.08 09:41:18  LC : 2  IQ : 66\n"
        f"      Lat1 : {lat}  Lon1 : {lon}  Lat2 : 60.000N  Lon2 : 10.000W\n"
        "      Nb mes : 007  Nb mes>-120dB : 000  Best level : -127 dB\n"
        "      Pass duration : 401s   NOPC : 4\n"
        "      Calcul freq : 401 677281.0 Hz   Altitude :    0 m\n"
    )
    decoded = read(block.encode(), "argos-diag")
    assert codes(decoded) == (refused, [])
    assert set(refused) <= set(REASONS)
