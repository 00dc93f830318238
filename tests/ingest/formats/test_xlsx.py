from __future__ import annotations

import csv
import io
import random
import zipfile
from collections.abc import Callable
from datetime import datetime, time

import pytest
from openpyxl import Workbook, load_workbook

from ingest import UnreadablePush, decode, read_mapping, sniff, unpack
from ingest.formats import xlsx

NOW_US = 1_795_000_000_000_000


def workbook(rows: list[list[object]], *, before: list[list[object]] | None = None) -> bytes:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for row in rows if before is None else before:
        sheet.append(row)
    if before is not None:
        second = book.create_sheet()
        for row in rows:
            second.append(row)
    held = io.BytesIO()
    book.save(held)
    return held.getvalue()


HEADER: list[object] = ["timestamp", "location-long", "location-lat", "tag-id", "visible"]
ROWS: list[list[object]] = [
    HEADER,
    [datetime.fromisoformat("2018-07-05 10:48:10"), 116.25, 29.5, 6118, True],
    ["2018-07-05 11:48:10", "116.5", 29.25, "6118", False],
    [datetime.fromisoformat("2018-07-05 12:48:10"), None, None, 6118, None],
    [datetime.fromisoformat("2018-07-05 13:48:10"), 116.5, 99, 6118, None],
]


@pytest.mark.parametrize("before", [None, [["A note"]]])
def test_the_first_sheet_that_is_a_table_is_read(before: list[list[object]] | None) -> None:
    payload = workbook(ROWS, before=before)
    assert unpack(payload, limit_bytes=10**6) == payload
    assert sniff(payload) == "xlsx"
    decoded = decode(payload, now_us=NOW_US)
    assert decoded.format == "xlsx"
    assert [(r.unit, r.code, r.offset) for r in decoded.refusals] == [
        (4, "latitude-out-of-range", None)
    ]
    rows = decoded.records
    assert rows["tag"].to_list() == ["6118"] * 3
    assert rows["time_us"].diff().to_list() == [None, 3_600_000_000, 3_600_000_000]
    assert rows["marked_outlier"].to_list() == [False, True, False]


def test_a_makers_table_as_workbook_is_its_csv(sample: Callable[[str], bytes]) -> None:
    text = sample("fixes_ornitela.csv")
    rows: list[list[object]] = [list(row) for row in csv.reader(io.StringIO(text.decode()))]
    there, here = decode(workbook(rows), now_us=NOW_US), decode(text, now_us=NOW_US)
    assert there.records.equals(here.records)
    assert [r.code for r in there.refusals] == [r.code for r in here.refusals]


def bomb() -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("xl/workbook.xml", b"0" * 4_000_000)
    return held.getvalue()


def far_cell() -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(workbook(ROWS))) as source, zipfile.ZipFile(held, "w") as to:
        for part in source.infolist():
            text = source.read(part)
            if part.filename.endswith("sheet1.xml"):
                text = text.replace(b'ref="A1:E5"', b'ref="A1:XFD1048576"')
                text = text.replace(b'r="A5"', b'r="XFD1048000"').replace(b'r="5"', b'r="1048000"')
            to.writestr(part, text)
    return held.getvalue()


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (bomb(), "archive-ratio"),
        (workbook(ROWS)[:400], "workbook-unreadable"),
        (b"PK\x03\x04xl/workbook[Content_Types].xml", "workbook-unreadable"),
        (b"", "workbook-unreadable"),
        (workbook([["a", "b"], [1, 2]]), "columns-missing"),
    ],
)
def test_workbooks_that_cannot_be_read(payload: bytes, code: str) -> None:
    with pytest.raises(UnreadablePush) as caught:
        decode(payload, format="xlsx", now_us=NOW_US)
    assert caught.value.code == code


def test_rows_that_are_left_out_cost_nothing() -> None:
    assert decode(far_cell(), now_us=NOW_US).units == 4


def test_more_rows_than_a_push_may_hold_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xlsx, "UNITS_MAX", 3)
    with pytest.raises(UnreadablePush) as caught:
        decode(workbook(ROWS), now_us=NOW_US)
    assert caught.value.code == "too-many-units"


def test_damaged_workbooks_are_read_or_told() -> None:
    rng = random.Random(3)
    whole = workbook(ROWS)
    for _ in range(60):
        damaged = bytearray(whole)
        for _ in range(4):
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        try:
            decoded = decode(
                bytes(damaged[: rng.randrange(len(damaged)) or None]), format="xlsx", now_us=NOW_US
            )
        except UnreadablePush:
            continue
        assert decoded.units <= 4


@pytest.mark.parametrize("blank", [0, 2])
def test_lines_above_the_header_are_counted_as_the_sheet_shows_them(blank: int) -> None:
    words = {"timestamp": "when", "location-long": "x", "location-lat": "y", "tag-id": "bird"}
    said = {"kind": "table", "terms": words, "skip_lines": 1 + blank}
    table: list[list[object]] = [[f"bird {year}" for year in range(1, 9)], *[[]] * blank]
    table += [["bird", "when", "x", "y", "note"], ["7", "2024-03-01 08:00", 116.3, 29.1, None], []]
    table += [["8", "2024-03-01 09:00", 116.3, 29.1, "ok"], ["8", "2024-03-01 10:00", 1, 2, "", 3]]
    for title in (table[0], ["title"]):
        book = workbook([title, *table[1:]])
        decoded = decode(book, mapping=read_mapping(said), now_us=NOW_US)
        assert decoded.records["tag"].to_list() == ["7", "8"]
        assert [(each.unit, each.code) for each in decoded.refusals] == [(3, "ragged-row")]


def test_date_and_time_of_day_in_cells_of_their_own_are_one_time() -> None:
    words = {"date": "d", "time-of-day": "t", "location-long": "x", "location-lat": "y",
             "tag-id": "n"}  # fmt: skip
    day = datetime.fromisoformat("2024-03-01")
    rows: list[list[object]] = [
        ["n", "d", "t", "x", "y"],
        [7, day, time(8, 30), 116, 29],
        [7, day, datetime.fromisoformat("1899-12-30 08:30:00"), 116, 29],
        [7, day, time(0, 0), 116, 29],
    ]
    mapping = read_mapping({"kind": "table", "terms": words})
    decoded = decode(workbook(rows), mapping=mapping, now_us=NOW_US)
    midnight = 1_709_251_200_000_000
    clocks = [(us - midnight) // 60_000_000 for us in decoded.records["time_us"]]
    assert clocks == [510, 510, 0]


def test_a_refused_row_tells_its_number_in_the_sheet() -> None:
    head = ["timestamp", "location-long", "location-lat", "tag-id"]
    rows: list[list[object]] = [[], head, ["2024-03-01 08:00", 116.3, 29.1, "7"], [], []]
    rows += [["never", 116.3, 29.1, "7"]]
    rows += [["2024-03-01 08:00", 116.3, 29.1, "7"] for _ in range(1_000)] + [[]]
    rows += [["2024-03-01 09:00", 116.3, 99.1, "7"]]
    book = workbook(rows)
    decoded = decode(book, now_us=NOW_US)
    assert [(each.unit, each.line, each.offset) for each in decoded.refusals] == [
        (2, 6, None), (1_003, 1_008, None),
    ]  # fmt: skip
    found = load_workbook(io.BytesIO(book)).worksheets[0]
    assert (found["A6"].value, found["C1008"].value) == ("never", 99.1)
