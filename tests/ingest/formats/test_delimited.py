from __future__ import annotations

import csv
import io
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import decode, decode_pieces, open_push
from ingest.formats.delimited import (
    Rows,
    _exact,
    _fast,
    is_regular,
    open_sheet,
    read_rows,
)
from ingest.formats.trimmed import Trimmed
from ingest.refusal import UnreadablePush


def read(text: str | bytes, columns: int = 3) -> Rows:
    payload = text.encode() if isinstance(text, str) else text
    return read_rows(open_sheet(payload), range(columns), 0)


def values(rows: Rows) -> list[tuple[str | None, ...]]:
    return rows.cells.select("c0", "c1", "c2").rows()


def refusals(rows: Rows) -> list[tuple[int, str]]:
    return [(refusal.unit, refusal.code) for refusal in rows.refused]


CELL = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), max_size=8)


@settings(max_examples=25)
@given(st.lists(st.tuples(CELL, CELL, CELL), min_size=1, max_size=8), st.sampled_from(",;\t"))
def test_fast_and_exact_readers_agree_on_whatever_csv_writes(
    table: list[tuple[str, str, str]], delimiter: str
) -> None:
    held = io.StringIO()
    writer = csv.writer(held, delimiter=delimiter, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerows([("#a", "b", "c"), *table])
    sheet = open_sheet(held.getvalue().encode())
    fast, exact = _fast(sheet, [0, 1, 2], 0), _exact(sheet, [0, 1, 2], 0, Trimmed(sheet.header))
    assert fast is not None
    assert exact[1] == []
    names = ["unit", "line", "c0", "c1", "c2"]
    assert fast[0].select(names).fill_null("").rows() == exact[0].select(names).fill_null("").rows()


@given(st.text(st.sampled_from('a1,";\n\t \r\0é'), max_size=60))
def test_where_the_fast_reader_dares_it_agrees_with_the_exact_one(text: str) -> None:
    sheet = open_sheet(("h,i,j\n" + text).encode())
    fast, exact = _fast(sheet, [0, 1, 2], 0), _exact(sheet, [0, 1, 2], 0, Trimmed(sheet.header))
    if fast is None:
        return
    assert exact[1] == []
    names = ["unit", "line", "c0", "c1", "c2"]
    assert fast[0].select(names).fill_null("").rows() == exact[0].select(names).fill_null("").rows()


@given(st.binary(max_size=200))
def test_any_bytes_open_or_are_told(payload: bytes) -> None:
    try:
        sheet = open_sheet(payload)
    except UnreadablePush:
        return
    rows = read_rows(sheet, [0], 0)
    data_lines = sum(1 for line in sheet.lines if line.strip() or sheet.delimiter in line)
    assert rows.cells.height + len(rows.refused) <= data_lines


def test_ragged_rows_are_refused_and_the_others_kept() -> None:
    rows = read("a,b,c\n1,2,3\n4,5\n6,7,8,9\n10,11,12\n")
    assert values(rows) == [("1", "2", "3"), ("10", "11", "12")]
    assert refusals(rows) == [(2, "ragged-row"), (3, "ragged-row")]
    assert rows.cells["unit"].to_list() == [1, 4]


def test_blank_fields_past_the_header_are_no_fault() -> None:
    assert values(read("a,b,c\n1,2,3,,\n")) == [("1", "2", "3")]


def test_lines_of_tabs_are_rows_of_a_tabbed_file_on_either_path() -> None:
    for tail in ("", "x\ty\n"):
        assert read("a\tb\tc\n1\t2\t3\n\t\t\n4\t5\t6\n" + tail).cells["unit"].to_list() == [1, 2, 3]


def test_blank_lines_are_no_units() -> None:
    rows = read("\n\na,b,c\n\n1,2,3\n   \n4,5,6\n\n\n")
    assert rows.cells["unit"].to_list() == [1, 2]


@pytest.mark.parametrize("tail", ["", "x,y\n"])
def test_a_repeated_header_is_no_unit_on_either_path(tail: str) -> None:
    rows = read("a,b,c\n1,2,3\na,b,c\n4,5,6\n" + tail)
    assert rows.cells["unit"].to_list() == [1, 2]
    assert rows.cells["line"].to_list() == [0, 2]
    assert [unit for unit, _ in refusals(rows)] == ([3] if tail else [])


def test_a_quoted_field_may_hold_delimiter_quote_and_line_end() -> None:
    rows = read('a,b,c\n1,"x, ""y""\nz",3\n4,5,6\n')
    assert values(rows) == [("1", 'x, "y"\nz', "3"), ("4", "5", "6")]


def test_a_quote_never_closed_costs_its_own_line_only() -> None:
    rows = read('a,b,c\n1,"2,3\n4,5,6\n7,8,9\n')
    assert refusals(rows) == [(1, "bad-quotes")]
    assert values(rows) == [("4", "5", "6"), ("7", "8", "9")]


def test_stray_quotes_cost_their_own_line_only() -> None:
    rows = read('a,b,c\n1,"2"x,3\n4,5,6\n')
    assert refusals(rows) == [(1, "bad-quotes")]
    assert values(rows) == [("4", "5", "6")]


def test_nul_and_long_lines_are_refused() -> None:
    rows = read("a,b,c\n1,\0,3\n1," + "x" * 70_000 + ",3\n4,5,6\n")
    assert refusals(rows) == [(1, "control-character"), (2, "line-too-long")]
    assert values(rows) == [("4", "5", "6")]


def test_blank_marks_are_null() -> None:
    assert values(read('a,b,c\nNA,"", null \n')) == [(None, None, None)]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le-bom"])
def test_line_ends_and_encodings(end: str, encoding: str) -> None:
    text = end.join(["a;b;c", "1;Żuraw 丹頂;3", "4;5;6"])
    if encoding == "utf-16-le-bom":
        payload = b"\xff\xfe" + text.encode("utf-16-le")
    else:
        payload = text.encode(encoding)
    rows = read(payload)
    assert values(rows) == [("1", "Żuraw 丹頂", "3"), ("4", "5", "6")]


@pytest.mark.parametrize(
    ("body", "regular"),
    [
        ("1,2,3", True),
        ('"1,1",2,3\n4,5,6', True),
        ('"a""b",2,3', True),
        ("", False),
        ("1,2", False),
        ("1,2,3,4\n5,6", False),
        ("1,2,3\n\n4,5,6", False),
        ('1,"2\n2",3', False),
        ('1,2"x",3', False),
        ('1,"2"x,3', False),
        ("1,2,\0", False),
    ],
)
def test_which_sheets_are_regular(body: str, regular: bool) -> None:  # noqa: FBT001 - a case
    assert is_regular(open_sheet(f"a,b,c\n{body}".encode())) is regular


@pytest.mark.parametrize("first", ["sep=;\n", "SEP=;\r\n", '"sep=;"\n\n'])
@pytest.mark.parametrize("lines", [1, 1_000])
def test_the_line_for_excel_is_passed_over(first: str, lines: int) -> None:
    rows = "timestamp;location-long;location-lat;tag-id\n" + "".join(
        f"2024-03-01 0{hour}:00:00;116,1;{lat};7\n" for hour, lat in enumerate(("29,1", "99", "2"))
    )
    sent = first.encode() + rows.replace("\n", "\r\n" if "\r" in first else "\n").encode()
    push = open_push(io.BytesIO(sent), limit_bytes=10**6)
    pieces = list(decode_pieces(push, now_us=1_795_000_000_000_000, lines=lines))
    assert [row for piece in pieces for row in piece.records["lat"]] == [29.1, 2.0]
    (refusal,) = (each for piece in pieces for each in piece.refusals)
    assert refusal.offset == sent.index(b"2024-03-01 01")


@pytest.mark.parametrize("name", ["passes_stat.txt", "report_telonics.csv"])
@pytest.mark.parametrize("end", [b"\r", b"\r\n"])
def test_what_stands_above_a_table_ends_its_lines_as_the_table_does(
    sample: Callable[[str], bytes], name: str, end: bytes
) -> None:
    whole = sample(name)
    text = whole.replace(b"\n", end)
    found, plain = (decode(each, now_us=1_795_000_000_000_000) for each in (text, whole))
    assert found.format == plain.format
    assert found.records.equals(plain.records)
    for refusal, other in zip(found.refusals, plain.refusals, strict=True):
        assert (refusal.unit, refusal.code) == (other.unit, other.code)
        start, stop = (each.offset or 0 for each in (refusal, other))
        assert text[start : start + 20] == whole[stop : stop + 20]
