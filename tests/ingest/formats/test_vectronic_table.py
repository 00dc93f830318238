from __future__ import annotations

from collections.abc import Callable

import polars as pl
import pytest

from ingest import Decoded, UnreadablePush, decode

Values = Callable[[Decoded], list[dict[str, object]]]
NOW_US = 1_795_000_000_000_000
FILE = "positions_vectronic_table.csv"


def test_each_kind_of_unit_of_one_push(sample: Callable[[str], bytes], values: Values) -> None:
    decoded = decode(sample(FILE), now_us=NOW_US)
    assert decoded.format == "vectronic-table"
    assert [w.code for w in decoded.warnings] == ["date-order-assumed"]
    assert [(r.unit, r.code) for r in decoded.refusals] == [(3, "position-incomplete")]
    assert values(decoded) == [
        {
            "tag": "15024",
            "individual": "Ada",
            "sensor": "gps",
            "time_us": 1685520012000000,  # 2023-05-31 08:00:12 UTC, not the time of the computer
            "lon": 120.2512345,
            "lat": 47.5012345,
            "height_m": 650.5,
            "satellites": 7,
            "dop": 1.8,
            "battery_v": 3.6,
            "temperature_c": 12.0,
            "activity": 23.0,
        },
        {
            "tag": "15024",
            "individual": "Ada",
            "sensor": "gps",
            "time_us": 1685523641000000,
            "satellites": 0,
            "dop": 0.0,
            "battery_v": 3.58,
            "temperature_c": 11.0,
            "activity": 0.0,
        },
    ]


def plain(text: str) -> bytes:
    """The same table as older versions write it: blanks in names, no units, tabs."""
    for unit in (" [m]", " [°]", " [V]", " [°C]"):
        text = text.replace(unit, "")
    header, *rows = text.replace(",", "\t").split("\n")
    return "\n".join([header.replace("_", " "), *rows]).encode()


def latin(text: str) -> bytes:
    return text.replace(",", ";").encode("latin-1")


@pytest.mark.parametrize("written", [plain, latin])
def test_the_ways_its_versions_write_it(sample: Callable[[str], bytes], written) -> None:
    whole = decode(sample(FILE), now_us=NOW_US)
    decoded = decode(written(sample(FILE).decode()), now_us=NOW_US)
    assert decoded.format == "vectronic-table"
    assert decoded.records.equals(whole.records)


def test_an_attempt_without_a_fix_has_no_place(sample: Callable[[str], bytes]) -> None:
    text = sample(FILE).replace(b"val. GPS-3D", b"No Fix")
    assert decode(text, now_us=NOW_US).records["lon"].to_list() == [None, None]


def test_the_order_of_its_dates_is_proven_or_declared(sample: Callable[[str], bytes]) -> None:
    american = sample(FILE).replace(b"31.05.2023", b"05/06/2023").replace(b"01.06.", b"05/07/")
    unproven = b"\n".join(american.split(b"\n")[:2])
    alone = decode(unproven, now_us=NOW_US)
    assert [r.code for r in alone.refusals] == ["time-unreadable"]
    told = decode(unproven, date_order="mdy", now_us=NOW_US)
    assert told.records["time_us"].to_list() == [1683360012000000]  # 6 May


def test_without_the_times_of_the_world_it_is_not_read(sample: Callable[[str], bytes]) -> None:
    """Exports with LMT alone hold the local time of a computer that nobody names."""
    local = sample(FILE).replace(b"UTC_Date,UTC_Time,", b"").replace(b"31.05.2023,08:00:12,", b"")
    with pytest.raises(UnreadablePush) as refused:
        decode(local, now_us=NOW_US)
    assert refused.value.code == "format-unknown"


@pytest.mark.parametrize(
    ("clock", "hour_minute"),
    [("12:00:12 AM", (0, 0)), ("12:05:12 PM", (12, 5)), ("1:05:12 pm", (13, 5)),
     ("11:59 PM", (23, 59)), ("08:05:12 AM", (8, 5))],
)  # fmt: skip
def test_computers_that_count_twelve_hours(
    sample: Callable[[str], bytes], clock: str, hour_minute: tuple[int, int]
) -> None:
    text = sample(FILE).replace(b"31.05.2023", b"5/31/2023").replace(b"08:00:12", clock.encode())
    decoded = decode(text, now_us=NOW_US)
    read = decoded.records.select(pl.from_epoch("time_us", "us").alias("t")).row(0)[0]
    assert (read.day, (read.hour, read.minute)) == (31, hour_minute)


def test_an_hour_that_is_none_of_twelve_is_refused(sample: Callable[[str], bytes]) -> None:
    decoded = decode(sample(FILE).replace(b"08:00:12", b"13:00:12 PM"), now_us=NOW_US)
    assert decoded.refusals[0].code == "time-of-spreadsheet"
