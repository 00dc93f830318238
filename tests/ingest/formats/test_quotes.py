from __future__ import annotations

import pytest

from ingest import decode
from ingest.formats.delimited import open_sheet, read_rows

NOW_US = 1_795_000_000_000_000
HEADER = "timestamp,location-long,location-lat,tag-local-identifier,comments"
MIDDLE = "timestamp,comments,location-long,location-lat,tag-local-identifier"


def longitudes(*lines: str) -> tuple[list[float], list[str]]:
    found = decode("\n".join(lines).encode(), now_us=NOW_US)
    assert found.units == found.records.height + len(found.refusals)
    return found.records["lon"].to_list(), [each.code for each in found.refusals]


@pytest.mark.parametrize("marks", [1, 2, 3, 4])
def test_a_quote_for_as_above_takes_no_row(marks: int) -> None:
    at_end = [f'2024-03-01 0{hour}:00,80.{hour},46,7,"' for hour in range(marks)]
    between = [f'2024-03-01 0{hour}:00,",80.{hour},46,7' for hour in range(marks)]
    expected = [80 + hour / 10 for hour in range(marks)]
    assert longitudes(HEADER, *at_end) == (expected, [])
    assert longitudes(MIDDLE, *between) == (expected, [])


def test_a_row_between_two_such_marks_is_kept() -> None:
    rows = [f"2024-03-01 0{n}:00,80.{n},46,7,{mark}" for n, mark in enumerate(('"', "x", '"'))]
    assert longitudes(HEADER, *rows) == ([80.0, 80.1, 80.2], [])


def test_a_quote_in_a_column_that_is_read_is_refused() -> None:
    rows = ['2024-03-01 08:00,80.1,46,",x', '2024-03-01 09:00,80.2,46,",x']
    assert longitudes(HEADER, *rows) == ([], ["bad-quotes", "bad-quotes"])


def test_a_comment_never_closed_takes_no_row() -> None:
    rows = ['2024-03-01 08:00,80.1,46,7,"two', '2024-03-01 09:00,80.2,46,7,of 5"']
    assert longitudes(HEADER, *rows) == ([], ["bad-quotes", "bad-quotes"])


@pytest.mark.parametrize(
    "comment", ["one\ntwo", "with 2 commas,\nin 1, 2, 3, 4", "a\n\nb, c, d, e, f", ",,,,\n1"]
)
def test_a_comment_may_still_run_over_lines(comment: str) -> None:
    quoted = f'"{comment}"'
    at_end = [f"2024-03-01 08:00,80.1,46,7,{quoted}", "2024-03-01 09:00,80.2,46,7,"]
    between = [f"2024-03-01 08:00,{quoted},80.1,46,7", "2024-03-01 09:00,,80.2,46,7"]
    assert longitudes(HEADER, *at_end) == ([80.1, 80.2], [])
    assert longitudes(MIDDLE, *between) == ([80.1, 80.2], [])
    sheet = open_sheet("\n".join([HEADER, *at_end]).encode())
    assert read_rows(sheet, range(5), 0).cells["c4"][0] == comment
