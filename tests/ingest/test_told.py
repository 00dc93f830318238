"""What is read otherwise than it was meant is told or refused, never passed over."""

from __future__ import annotations

import io
import json

import openpyxl
import polars as pl
import pytest

from ingest import Decoded, decode, decode_pieces, open_push
from ingest.mapping import read_mapping
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


WHEN = "2024-04-01T10:00:0"
POINT = {"type": "Point", "coordinates": [10.5, 50.5]}


def lines(elements: list[object]) -> bytes:
    return "".join(json.dumps(each) + "\n" for each in elements).encode()


def of_whom(who: dict[str, str], n: int) -> dict[str, object]:
    return {"time": f"{WHEN}{n}Z", **who}


WHO = ({}, {"tag": "T2"}, {"individual": "Ada"}, {"tag": ""})
NAMELESS = {
    "geojson-points": lines(
        [
            {"type": "Feature", "geometry": POINT, "properties": of_whom(who, n)}
            for n, who in enumerate(WHO)
        ]
    ),
    "flyways-json": lines(
        [{**of_whom(who, n), "lon": 10.5, "lat": 50.5} for n, who in enumerate(WHO)]
    ),
    "movebank-csv": (
        "timestamp,location-long,location-lat,tag-id,individual-local-identifier\n"
        + "".join(
            f"{WHEN}{n}Z,10.5,50.5,{who.get('tag', '')},{who.get('individual', '')}\n"
            for n, who in enumerate(WHO)
        )
    ).encode(),
}


@pytest.mark.parametrize("form", NAMELESS)
def test_units_without_a_name_take_the_tag_that_is_told(form: str) -> None:
    payload = NAMELESS[form]
    assert codes(read(payload, form))[0] == ["no-animal-or-tag"] * 2
    whole = decode(payload, format=form, tag="7304", now_us=NOW_US)
    assert codes(whole) == ([], ["tag-not-used"])
    assert whole.records["tag"].to_list() == ["7304", "T2", None, "7304"]
    assert whole.records["individual"].to_list() == [None, None, "Ada", None]
    assert whole.warnings[0].counts == {"units": 2}
    push = open_push(io.BytesIO(payload), limit_bytes=10**6, format=form, tag="7304")
    parts = list(decode_pieces(push, now_us=NOW_US, lines=1))
    assert pl.concat([part.records for part in parts]).equals(whole.records)
    assert parts[-1].warnings == whole.warnings


def test_a_mapped_row_without_a_name_takes_the_tag_that_is_told() -> None:
    named = {"timestamp": "t", "location-long": "x", "location-lat": "y", "tag-id": "n"}
    mapping = read_mapping({"kind": "table", "terms": named})
    text = f"t,x,y,n\n{WHEN}0Z,10.5,50.5,\n{WHEN}1Z,10.5,50.5,T2\n".encode()
    decoded = decode(text, mapping=mapping, tag="7304", now_us=NOW_US)
    assert decoded.records["tag"].to_list() == ["7304", "T2"]
    assert codes(decoded) == ([], ["tag-not-used"])


@pytest.mark.parametrize(
    ("own", "told", "tag", "warned"),
    [
        ("CTN,701423A\n", "9", "701423A", ["tag-not-used"]),
        ("CTN,9\n", "9", "9", []),
        ("", "9", "9", []),
    ],
)
def test_a_report_names_its_tag_or_is_told_it(own: str, told: str, tag: str, warned) -> None:
    header = "Acquisition Time,GPS Fix Attempt,GPS Latitude,GPS Longitude"
    text = f"Report\n{own}{header}\n2024.04.01 10:00:00,Succeeded (3D),50.5,10.5\n"
    decoded = decode(text.encode(), format="telonics-csv", tag=told, now_us=NOW_US)
    assert decoded.records["tag"].to_list() == [tag]
    assert codes(decoded) == ([], warned)
