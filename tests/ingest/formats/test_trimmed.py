"""Cells that a spreadsheet left away at the end of rows; rows that lost another cell stay out."""

from __future__ import annotations

import io

import pytest

from ingest import Decoded, decode, decode_pieces, decode_reference, open_push

NOW_US = 1_795_000_000_000_000
HEADER = "tag-id,timestamp,location-long,location-lat,height-raw,ground-speed,comment"
FULL = "7,2024-03-01 10:00:00,116.3012,29.1334,412,3.1,seen"


def read(*rows: str, header: str = HEADER, end: str = "\n") -> Decoded:
    text = "\n".join([header, *rows]) + end
    return decode(text.encode(), format="movebank-csv", now_us=NOW_US)


def codes(decoded: Decoded) -> list[str]:
    return [refusal.code for refusal in decoded.refusals]


@pytest.mark.parametrize(
    ("row", "height", "speed"),
    [
        ("7,2024-03-01 11:00:00,116.3012,29.1334,412,3.1", 412.0, 3.1),
        ("7,2024-03-01 11:00:00,116.3012,29.1334,412", 412.0, None),
        ("7,2024-03-01 11:00:00,116.3012,29.1334", None, None),
        ("7,2024-03-01 11:00:00,,", None, None),
        ('"7","2024-03-01 11:00:00","116.3012","29.1334"', None, None),
    ],
)
def test_cells_left_away_at_the_end_are_blank_and_told(row, height, speed) -> None:
    decoded = read(FULL, row, FULL.replace("10:", "12:"))
    assert not decoded.refusals
    got = decoded.records.row(1, named=True)
    assert (got["tag"], got["height_m"], got["ground_speed_m_s"]) == ("7", height, speed)
    (warning,) = decoded.warnings
    assert warning.code == "cells-left-away"
    assert "comment 1" in warning.detail
    assert ("ground-speed 1" in warning.detail) == (speed is None)


@pytest.mark.parametrize(
    "row",
    [
        "2024-03-01 11:00:00,116.3012,29.1334,412,3.1,seen",  # the tag is gone
        "7,116.3012,29.1334,412,3.1,seen",  # the time
        "7,2024-03-01 11:00:00,29.1334,412,3.1,seen",  # the longitude
        "7,2024-03-01 11:00:00,116.3012,45.0,3.1,seen",  # the latitude, a low height in its place
        "7,2024-03-01 11:00:00,116.3012",
        "7,2024-03-01 11:00:00,116.3012,29",  # cut within, or a height
        "7,2024-03-01",
        '7,2024-03-01 11:00:00,116.3012,29.1334,412,"3.1',
        '7,2024-03-01 11:00:00,116.3012,29.1334,"412',
    ],
)
def test_a_row_that_lost_another_cell_is_refused(row) -> None:
    decoded = read(FULL, row, FULL.replace("10:", "12:"))
    assert codes(decoded) in (["ragged-row"], ["bad-quotes"])
    assert decoded.records["unit"].to_list() == [1, 3]


def test_names_behind_all_places_prove_nothing() -> None:
    header = "timestamp,location-long,location-lat,tag-id,individual-id,height-raw,comment"
    whole = "2024-03-01 10:00:00,116.3012,29.1334,7,Ada,412,seen"
    lost = "2024-03-01 11:00:00,116.3012,29.1334,Ada,412,seen"
    assert codes(read(whole, lost, header=header)) == ["ragged-row"]


@pytest.mark.parametrize("end", ["", "\n"])
def test_a_last_line_without_end_may_have_been_cut(end) -> None:
    decoded = read(FULL, "7,2024-03-01 11:00:00,116.3012,29.1334,4", end=end)
    assert codes(decoded) == ([] if end else ["ragged-row"])


def test_rows_are_told_alike_in_pieces() -> None:
    rows = [f"7,2024-03-01 10:{n:02}:00,116.3012,29.1334" + ",1" * (n % 3) for n in range(60)]
    text = "\n".join([HEADER, FULL, *rows, ""]).encode()
    whole = decode(text, format="movebank-csv", now_us=NOW_US)
    push = open_push(io.BytesIO(text), limit_bytes=1 << 20, format="movebank-csv")
    *_, last = pieces = list(decode_pieces(push, now_us=NOW_US, lines=7))
    assert len(pieces) > 5
    assert last.warnings == whole.warnings
    assert "height-raw 20, ground-speed 40, comment 60" in last.warnings[0].detail


def test_a_table_of_a_maker() -> None:
    header = "device_id,UTC_datetime,datatype,satcount,hdop,Latitude,Longitude,MSL_altitude_m,note"
    rows = ["7,2024-03-01 10:00:00,GPS,8,1.1,29.1334,116.3012,40",
            "7,2024-03-01 11:00:00,GPS,8,29.1334,116.3012,40,0"]  # fmt: skip
    text = "\n".join([header, *rows, ""]).encode()
    decoded = decode(text, format="ornitela-csv", now_us=NOW_US)
    assert decoded.records["lat"].to_list() == [29.1334]
    assert codes(decoded) == ["ragged-row"]


def test_a_deployment_needs_the_column_of_its_end() -> None:
    header = "tag-id,animal-id,deploy-on-date,deploy-off-date,animal-sex,animal-comments"
    rows = ["7,Ada,2024-03-01,2024-05-01", "8,Bo,2024-03-01,", "9,Cy,2024-03-01"]
    text = "\n".join([header, *rows, ""]).encode()
    found = decode_reference(text, tz="UTC", now_us=NOW_US)
    assert [row.tag for row in found.rows] == ["7", "8"]
    assert [refusal.code for refusal in found.refusals] == ["ragged-row"]
    assert [warning.code for warning in found.warnings] == ["cells-left-away"]
