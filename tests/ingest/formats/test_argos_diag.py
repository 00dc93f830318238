from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime

import polars as pl
import pytest

from ingest import Decoded, UnreadablePush, decode

NOW_US = 1_795_000_000_000_000


def diag(text: str) -> Decoded:
    return decode(text.encode("latin-1"), format="argos-diag", now_us=NOW_US)


BLOCK = """ {ptt} Date : {date} 10:50:50  LC : 1  IQ : 50
      Lat1 : 78.246N  Lon1 :  15.533E  Lat2 : 74.710N  Lon2 :  33.046E
      Nb mes : 008  Nb mes>-120dB : 000  Best level : -124 dB
      Pass duration : 420s   NOPC : 1
      Calcul freq : 401 651795.4 Hz   Altitude :    0 m
              03           01          146          144
"""


def block(ptt: str = "080683", date: str = "03.05.08") -> str:
    return BLOCK.format(ptt=ptt, date=date)


def test_all_spellings_of_one_file(sample: Callable[[str], bytes]) -> None:
    decoded = decode(sample("passes.dia"), now_us=NOW_US)
    assert decoded.format == "argos-diag"
    assert [(r.unit, r.code) for r in decoded.refusals] == [(4, "block-truncated")]
    rows = decoded.records
    assert rows["tag"].to_list() == ["40001", "40001", "14759"]
    assert rows["argos_class"].to_list() == ["2", "Z", "1"]
    assert rows.select("lon", "lat").rows() == [(120.5, 40.25), (None, None), (-70.25, -33.125)]
    # A mirror without hemisphere letter could be either side: left out, and told.
    assert rows.select("lon2", "lat2").rows() == [(-101.125, 45.75), (None, None), (None, None)]
    assert [w.code for w in decoded.warnings] == ["mirror-unreadable"]
    years = [datetime.fromtimestamp(us / 1e6, UTC).year for us in rows["time_us"]]
    assert years == [2004, 1998, 1991]
    assert rows["sensor"].unique().to_list() == ["argos"]


@pytest.mark.parametrize(("yy", "year"), [("78", 1978), ("99", 1999), ("00", 2000), ("26", 2026)])
def test_two_digit_years_turn_in_1978(yy: str, year: int) -> None:
    us = diag(block(date=f"03.05.{yy}")).records["time_us"][0]
    assert datetime.fromtimestamp(us / 1e6, UTC).year == year


def test_a_year_beyond_the_present_is_refused() -> None:
    assert [r.code for r in diag(block(date="03.05.77")).refusals] == ["time-out-of-window"]
    assert [r.code for r in diag(block(date="31.02.08")).refusals] == ["time-unreadable"]


def test_zone_is_not_applied_to_argos_times() -> None:
    there = decode(block().encode(), tz="Asia/Seoul", now_us=NOW_US)
    assert there.records["time_us"].equals(diag(block()).records["time_us"])


def test_leading_zeros_of_a_ptt_are_no_part_of_it() -> None:
    both = diag(block("02170") + block("002170"))
    assert both.records["tag"].to_list() == ["2170", "2170"]


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("78.246N", "78.246 ", "hemisphere-missing"),
        ("78.246N", "98.246N", "latitude-out-of-range"),
        ("15.533E", "????????", "position-incomplete"),
        ("Lat1 : 78.246N  Lon1 :  15.533E", "Lat1 : abc  Lon1 : def", "coordinate-not-a-number"),
        ("LC : 1", "LC : Q", "block-header-unreadable"),
        ("Calcul freq", "Calcul fre", "block-truncated"),
    ],
)
def test_each_fault_costs_its_own_block(old: str, new: str, code: str) -> None:
    decoded = diag(block() + block().replace(old, new) + block())
    assert [(r.unit, r.code) for r in decoded.refusals] == [(2, code)]
    assert decoded.records["unit"].to_list() == [1, 3]


def test_a_lost_header_does_not_swallow_its_block() -> None:
    headless = block().split("\n", 1)[1]
    decoded = diag(block() + headless + block())
    assert [(r.unit, r.code) for r in decoded.refusals] == [(2, "block-header-unreadable")]


def test_lines_before_the_first_block_are_told() -> None:
    decoded = diag("Sent by telnet\n\n Prog 123\n" + block())
    assert [w.code for w in decoded.warnings] == ["lines-outside-blocks"]
    assert decoded.units == 1


def test_text_without_blocks_is_told() -> None:
    with pytest.raises(UnreadablePush) as caught:
        diag("nothing here")
    assert caught.value.code == "no-blocks"


def test_real_month_is_read_whole(real: Callable[[str], bytes]) -> None:
    decoded = decode(real("telemetry/argos_raw/diag/990660_A.DIA"), now_us=NOW_US)
    assert (decoded.units, decoded.refusals, decoded.warnings) == (448, [], [])
    rows = decoded.records
    assert rows["lon"].count() == 231
    assert Counter(rows["argos_class"]) == {
        "Z": 231, "A": 55, "B": 55, "2": 33, "1": 27, "3": 24, "0": 23
    }  # fmt: skip
    assert rows.select("tag", "time_us").n_unique() == 445


@pytest.mark.parametrize(
    ("name", "units", "refused"),
    [
        ("Prog_header.ds", 5, 0),
        ("dup.diag", 2, 0),
        ("error.diag", 2, 1),
        ("valid_2009-03-02_DB_DIAG.txt", 2, 0),
    ],
)
def test_real_oddities(real: Callable[[str], bytes], name: str, units: int, refused: int) -> None:
    decoded = decode(real(f"telemetry/argos_raw/diag/{name}"), now_us=NOW_US)
    assert (decoded.units, len(decoded.refusals)) == (units, refused)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_one_byte_that_became_a_carriage_return_costs_its_block_at_most(end: str) -> None:
    good = block("040001").replace("\n", end).encode()
    one = block().replace("\n", end).encode()
    text = b"".join(good + one[:at] + b"\r" + one[at + 1 :] for at in range(len(one)))
    decoded = decode(text, format="argos-diag", now_us=NOW_US)
    assert decoded.units == 2 * len(one)
    same = pl.col("unit") % 2 == 1
    assert decoded.records.filter(same)["tag"].to_list() == ["40001"] * len(one)
    assert decoded.records.filter(same).drop("unit").unique().height == 1
    spoilt = decoded.records.filter(~same)
    assert 0 < spoilt.height < len(one)
    assert spoilt.drop("unit", "lon2", "lat2").unique().height == 1
    assert spoilt["tag"].unique().to_list() == ["80683"]
    # A mirror that was cut is left out, and counted.
    lost = spoilt["lon2"].null_count()
    assert decoded.warnings[0].detail.startswith(f"{lost} mirror")
    assert spoilt.drop_nulls("lon2").drop("unit").unique().height == 1


def test_a_file_of_carriage_returns_alone_is_read() -> None:
    text = (block() + block("040003")).replace("\n", "\r")
    assert diag(text).records["tag"].to_list() == ["80683", "40003"]
    assert diag(text.replace(" 0", "0")).records["tag"].to_list() == ["80683", "40003"]
