"""A comma in a number is a decimal one, or is told: one of thousands is never taken for it."""

from __future__ import annotations

import csv
import io

import openpyxl
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import decode, read_mapping
from ingest.formats.decimals import pointed

NOW_US = 1_795_000_000_000_000
HEADER = ["timestamp", "location-long", "location-lat", "tag-id", "height-above-msl", "tag-voltage"]
TIME = "2024-03-01 08:00:00"


def table(*rows: tuple[str, ...], delimiter: str = ",") -> bytes:
    held = io.StringIO()
    csv.writer(held, delimiter=delimiter).writerows([HEADER, *rows])
    return held.getvalue().encode()


def book(*rows: tuple[str, ...]) -> bytes:
    workbook = openpyxl.Workbook()
    for row in [HEADER, *rows]:
        workbook.active.append(list(row))
    held = io.BytesIO()
    workbook.save(held)
    return held.getvalue()


@pytest.mark.parametrize("write", [table, book, lambda row: table(row, delimiter=";")])
def test_a_row_with_decimal_commas_is_read(write) -> None:
    decoded = decode(write((TIME, "116,30", "-29,5", "7", "1,234", "3,85")), now_us=NOW_US)
    row = decoded.records.row(0, named=True)
    assert (row["lon"], row["lat"], row["height_m"], row["battery_v"]) == (
        116.3,
        -29.5,
        1.234,
        3.85,
    )
    assert decoded.warnings == []


@pytest.mark.parametrize(
    ("lon", "height", "delimiter", "read"),
    [
        ("116.3", "1,234", ",", None),  # thousands, or a decimal comma: told, and left out
        ("116.3", "1,234", "\t", None),
        ("116.3", "1,234", ";", None),
        ("116", "1,234", ",", None),
        ("116", "1,234", ";", None),  # whole degrees prove nothing
        ("116,3", "1,234", "\t", 1.234),
        ("116.3", "12,5", ",", 12.5),  # no thousands end after one digit
        ("116.3", "0,123", ",", 0.123),
        ("116.3", "1234,567", ",", 1234.567),
        ("116.3", "1,234,567", ",", None),
        ("116,3", "1.234,5", ",", None),
    ],
)
def test_thousands_are_never_read_as_decimals(
    lon: str, height: str, delimiter: str, read: float | None
) -> None:
    decoded = decode(table((TIME, lon, "29", "7", height, ""), delimiter=delimiter), now_us=NOW_US)
    assert decoded.records["height_m"].to_list() == [read]
    told = ["text-in-numeric-column"] if read is None else []
    assert [warning.code for warning in decoded.warnings] == told


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_row_without_position_is_judged_by_its_numbers(delimiter: str) -> None:
    row = (TIME, "", "", "7", "1,234", "3,85")
    decoded = decode(table(row, delimiter=delimiter), now_us=NOW_US)
    assert decoded.records.select("height_m", "battery_v").row(0) == (None, 3.85)
    assert [warning.code for warning in decoded.warnings] == ["text-in-numeric-column"]


@pytest.mark.parametrize("lat", ["29", "29.5"])
def test_a_row_with_both_marks_is_refused(lat: str) -> None:
    decoded = decode(table((TIME, "116,3", lat, "7", "", "")), now_us=NOW_US)
    assert decoded.records.height == (lat == "29")


@pytest.mark.parametrize("lon", ["1.163,5", "116,30,5", "116,", ",5", "116,3E"])
def test_what_is_no_coordinate_is_refused_with_the_way_out(lon: str) -> None:
    (refusal,) = decode(table((TIME, lon, "29", "7", "", "")), now_us=NOW_US).refusals
    assert refusal.code == "coordinate-not-a-number"
    assert "decimal comma" in refusal.remedy


def test_unquoted_decimal_commas_are_ragged_and_told_why() -> None:
    sent = ",".join(HEADER) + f"\n{TIME},116,30,29,5,7,10,3.85\n"
    (refusal,) = decode(sent.encode(), now_us=NOW_US).refusals
    assert refusal.code == "ragged-row"
    assert "decimal comma" in refusal.remedy


@pytest.mark.parametrize(("decimal", "height"), [(",", 1.234), (".", None), (None, None)])
def test_a_mapping_declares_the_mark(decimal: str | None, height: float | None) -> None:
    terms = {name: name for name in HEADER if name != "tag-voltage"}
    said = {} if decimal is None else {"decimal": decimal}
    mapping = read_mapping({"kind": "table", "terms": terms, "missing": ["-9,99"], **said})
    sent = table((TIME, "116", "29", "7", "1,234", ""), (TIME, "116", "29", "8", "-9,99", ""))
    decoded = decode(sent, mapping=mapping, now_us=NOW_US)
    assert decoded.records["height_m"].to_list() == [height, None]
    assert len(decoded.warnings) == (height is None)


def test_json_may_write_numbers_as_text() -> None:
    terms = {"timestamp": "t", "location-long": "x", "location-lat": "y", "tag-id": "n"}
    mapping = read_mapping({"kind": "json", "terms": terms})
    sent = b'[{"t": "2024-03-01T08:00:00Z", "x": "116,30", "y": "29,5", "n": "7"}]'
    decoded = decode(sent, mapping=mapping, now_us=NOW_US)
    assert decoded.records.select("lon", "lat").row(0) == (116.3, 29.5)


@settings(max_examples=15, deadline=None)
@given(st.floats(-180, 180), st.floats(-500, 5_000).filter(lambda height: height % 1 != 0))
def test_comma_and_point_mean_the_same(lon: float, height: float) -> None:
    point = (TIME, f"{lon:.6f}", "29.5", "7", f"{height:.2f}", "3.85")
    comma = tuple(cell.replace(".", ",") for cell in point)
    plain = decode(table(point), now_us=NOW_US)
    for sent in (table(comma), table(comma, delimiter=";"), table(comma, delimiter="\t")):
        assert decode(sent, now_us=NOW_US).records.equals(plain.records)


def test_cells_without_a_comma_are_the_same_frame() -> None:
    cells = pl.DataFrame({"c0": ["116.3", None], "c1": [None, "9"]})
    assert pointed(cells, ["c0"], cells.columns, decimal_comma=None) is cells
    assert pointed(cells, [], [], decimal_comma=None) is cells
