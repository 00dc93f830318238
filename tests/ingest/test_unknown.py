"""Who sends what we don't know is told what we saw, what was nearest, and the way out."""

from __future__ import annotations

import io

import openpyxl
import pytest

from ingest import FORMATS, UnreadablePush, decode

NOW_US = 1_795_000_000_000_000


def refused(payload: bytes, **told: str) -> UnreadablePush:
    with pytest.raises(UnreadablePush) as caught:
        decode(payload, now_us=NOW_US, **told)
    assert all(name in caught.value.remedy for name in FORMATS)
    return caught.value


def test_a_table_is_told_by_its_columns_and_what_the_nearest_miss() -> None:
    told = refused("编号;timestamp;longitude;breite\n7;2024-03-01 08:00:00;1;2\n".encode("gb18030"),
                   encoding="gb18030")  # fmt: skip
    assert told.code == "format-unknown"
    assert "'编号', 'timestamp', 'longitude', 'breite'" in told.detail
    assert "movebank-csv (tag-local-identifier, location-lat is missing)" in told.detail
    assert "column mapping" in told.remedy


def test_makers_are_near_by_what_marks_them() -> None:
    told = refused(b"device_id,UTC_datetime,Latitude,Longitude\n7,2024-03-01 08:00:00,1,2\n")
    nearest = told.detail.split("nearest formats: ")[1]
    assert nearest.startswith("ornitela-csv (datatype is missing)")


def test_of_many_columns_the_first_are_told() -> None:
    told = refused((",".join(f"column{n}" for n in range(90)) + "\n").encode())
    assert "'column11' and 78 more." in told.detail
    assert "column12" not in told.detail


@pytest.mark.parametrize(
    ("payload", "seen"),
    [
        (b"\x00\xff\xfe\x80binary", "first bytes are 00 ff fe 80 62"),
        (b"<html><body>Service unavailable</body></html>", "first element is <html>"),
        ("n;x;y\n1;2;3\n4;5;6\n".encode("utf-16-le"), "seems to be UTF-16 without"),
        (b"", "holds no text"),
        (b"Service unavailable", "'Service unavailable'"),
        (b"x" * 100_000, "longer than 64 KiB"),
        (b"\x1b[31mno\nmore", "no"),
    ],
)
def test_anything_else_is_told_by_how_it_begins(payload: bytes, seen: str) -> None:
    assert seen in refused(payload).detail


def test_a_workbook_is_told_by_its_columns() -> None:
    book = openpyxl.Workbook()
    book.active.append(["timestamp", "where"])
    held = io.BytesIO()
    book.save(held)
    with pytest.raises(UnreadablePush) as caught:
        decode(held.getvalue(), now_us=NOW_US)
    assert caught.value.code == "columns-missing"
    assert "'timestamp', 'where'" in caught.value.detail
    assert "column mapping" in caught.value.remedy


@pytest.mark.parametrize(
    ("payload", "kind"),
    [
        (bytes.fromhex("d0cf11e0a1b11ae1") + bytes(600), "password"),
        (b"<html><head></head><table><tr><td>timestamp</td></tr></table></html>", "HTML"),
        (b"\n<TABLE><tr><td>timestamp</td></tr></TABLE>", "HTML"),
    ],
)
def test_what_spreadsheets_call_xls_is_named(payload: bytes, kind: str) -> None:
    told = refused(payload)
    assert kind in told.detail
    assert "as .xlsx or as CSV UTF-8" in told.remedy
