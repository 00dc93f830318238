"""A corrected unit is read in place of the refused one, and nothing else changes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import Correction, CorrectionRefused, decode, read_mapping, refused_texts, sniff
from tests.ingest.formats.test_xlsx import workbook

NOW_US = 1_795_000_000_000_000
TABLE = (
    "timestamp,location-long,location-lat,tag-id\n"
    "2024-03-01 08:00:00,127.5,34.8,A\n"
    "2024-03-01 09:00:00,127.5,134.8,A\n"
    'never,127.5,34.8,"A\nB"\n'
    "2024-03-01 10:00:00,127.5,34.8\n"
)


@pytest.mark.parametrize(
    ("payload", "unit", "original", "text"),
    [
        (TABLE, 2, "2024-03-01 09:00:00,127.5,134.8,A", "2024-03-01 09:00:00,127.5,34.8,A"),
        (TABLE, 3, 'never,127.5,34.8,"A\nB"', "2024-03-01 09:30:00,127.5,34.8,A"),
        (TABLE, 4, "2024-03-01 10:00:00,127.5,34.8", "2024-03-01 10:00:00,127.5,34.8,A"),
        ('[{"tag":"A","time":"2024-03-01T08:00:00Z","lon":1,"lat":2}, {"tag": nul}, {"tag":"A"}]',
         2, '{"tag": nul}', '{"tag":"A","time":"2024-03-01T09:00:00Z"}'),
        ('[{"tag":"A","time":"2024-03-01T08:00:00Z","lon":1,"lat":2}, {"tag":"A" , "x":[1,2]} ]',
         2, '{"tag":"A" , "x":[1,2]}', '{"tag":"A","time":"2024-03-01T09:00:00Z"}'),
        ('{"tag":"A","time":"2024-03-01T08:00:00Z"}\n{"tag":"A" "}\n{"tag":"A","time":"x"}\n',
         2, '{"tag":"A" "}', '{"tag":"A","time":"2024-03-01T09:00:00Z"}'),
        ('{"fixes": [{"tag":"A","time":"x"}]}', 1, '{"tag":"A","time":"x"}',
         '{"tag":"A","time":"2024-03-01T09:00:00Z"}'),
    ],
)  # fmt: skip
def test_a_unit_is_read_as_corrected(payload: str, unit: int, original: str, text: str) -> None:
    sent = payload.encode()
    plain = decode(sent, now_us=NOW_US)
    assert refused_texts(sent, [unit], now_us=NOW_US) == {unit: original}
    mended = decode(sent, corrections=[Correction(unit, original, text)], now_us=NOW_US)
    assert mended.units == plain.units
    assert not [w for w in mended.warnings if w.code == "correction-not-applied"]
    assert unit in mended.records["unit"]
    assert mended.records.filter(mended.records["unit"] != unit).equals(plain.records)
    assert [r for r in plain.refusals if r.unit != unit] == mended.refusals


def test_in_the_encoding_of_the_push_and_below_it_offsets_stay() -> None:
    text = "timestamp,经度,location-lat,tag-id,location-long\n"
    sent = (text + "不,1,2,鹤,3\n2024,1,2,鹤,3\n").encode("gb18030")
    plain = decode(sent, encoding="gb18030", now_us=NOW_US)
    assert refused_texts(sent, [1, 2], encoding="gb18030", now_us=NOW_US) == {
        1: "不,1,2,鹤,3", 2: "2024,1,2,鹤,3",
    }  # fmt: skip
    mended = decode(
        sent, encoding="gb18030", now_us=NOW_US,
        corrections=[Correction(1, "不,1,2,鹤,3", "2024-03-01 08:00:00,1,2,大鸨,3")],
    )  # fmt: skip
    assert mended.records["tag"].to_list() == ["大鸨"]
    assert mended.refusals == [plain.refusals[1]]


@pytest.mark.parametrize("text", ["a\nb", "", "still,1,2"])
def test_what_makes_none_or_two_units_of_one_is_not_applied(text: str) -> None:
    sent = TABLE.encode()
    plain = decode(sent, now_us=NOW_US)
    original = refused_texts(sent, [2], now_us=NOW_US)[2]
    mended = decode(sent, corrections=[Correction(2, original, text)], now_us=NOW_US)
    assert mended.records.equals(plain.records)
    assert mended.units == plain.units
    if text != "still,1,2":
        assert [w.code for w in mended.warnings] == ["correction-not-applied"]


@pytest.mark.parametrize("unit", [1, 2])
def test_a_correction_of_another_reading_does_nothing(unit: int) -> None:
    plain = decode(TABLE.encode(), now_us=NOW_US)
    mended = decode(TABLE.encode(), corrections=[Correction(unit, "?", "x")], now_us=NOW_US)
    assert mended.records.equals(plain.records)
    assert mended.refusals == plain.refusals
    assert [w.code for w in mended.warnings] == ["correction-not-applied"]


def test_what_can_not_be_corrected_is_told() -> None:
    with pytest.raises(CorrectionRefused) as caught:
        refused_texts(TABLE.encode(), [1], now_us=NOW_US)
    assert caught.value.code == "unit-not-refused"


def test_a_block_of_diag(sample: Callable[[str], bytes]) -> None:
    whole = sample("passes.dia")
    assert sniff(whole) == "argos-diag"
    damaged = whole.replace(b"Lat1 : ", b"Lat1 : 9", 1)
    plain = decode(damaged, format="argos-diag", now_us=NOW_US)
    unit = plain.refusals[0].unit
    original = refused_texts(damaged, [unit], format="argos-diag", now_us=NOW_US)[unit]
    text = original.replace("Lat1 : 9", "Lat1 : ")
    mended = decode(
        damaged, format="argos-diag", corrections=[Correction(unit, original, text)], now_us=NOW_US
    )
    assert mended.records.equals(decode(whole, now_us=NOW_US).records)


@pytest.mark.parametrize("ends", [b"\n", b"\r\n", b"\r", b" \n\n"])
@pytest.mark.parametrize("change", [(b"40.250", b"x"), (b"09660 40001", b"PTT 40001"),
                                    (b"09660 040002  3", b"09660 040002  4")])  # fmt: skip
def test_a_pass_of_ds(
    sample: Callable[[str], bytes], ends: bytes, change: tuple[bytes, bytes]
) -> None:
    whole = sample("passes.dat").replace(b"\n", ends)
    damaged = whole.replace(*change, 1)
    plain = decode(damaged, format="argos-ds", now_us=NOW_US)
    before = decode(whole, format="argos-ds", now_us=NOW_US)
    (unit,) = {r.unit for r in plain.refusals} - {r.unit for r in before.refusals}
    original = refused_texts(damaged, [unit], format="argos-ds", now_us=NOW_US)[unit]
    assert original.strip() == original
    text = original.replace(change[1].decode(), change[0].decode())
    mended = decode(
        damaged, format="argos-ds", corrections=[Correction(unit, original, text)], now_us=NOW_US
    )
    assert mended.records.equals(before.records)
    assert [w.code for w in mended.warnings] == [w.code for w in before.warnings]


HEADER = ["timestamp", "location-long", "location-lat", "tag-id"]
BOOK = workbook(
    [HEADER, ["2024-03-01 08:00:00", 127.5, 34.8, "A,1"], [None, 127.5, 34.8, "A,1"], HEADER,
     ["2024-03-01 10:00:00", 127.5, 134.8, 7]],
    before=[["A note"]],
)  # fmt: skip
ROW = '2024-03-01 09:00:00,127.6,34.8,"A,1"'


def test_a_row_of_a_workbook_is_corrected_as_a_row_of_csv() -> None:
    plain = decode(BOOK, now_us=NOW_US)
    assert [(r.unit, r.code, r.offset) for r in plain.refusals] == [
        (2, "time-unreadable", None), (3, "latitude-out-of-range", None),
    ]  # fmt: skip
    originals = refused_texts(BOOK, [2, 3], now_us=NOW_US)
    assert originals == {2: ',127.5,34.8,"A,1"', 3: "2024-03-01 10:00:00,127.5,134.8,7"}
    mends = [Correction(2, originals[2], ROW),
             Correction(3, originals[3], originals[3].replace("134", "34"))]  # fmt: skip
    mended = decode(BOOK, corrections=mends, now_us=NOW_US)
    assert (mended.format, mended.refusals, mended.warnings) == ("xlsx", [], plain.warnings)
    assert mended.records["tag"].to_list() == ["A,1", "A,1", "7"]
    assert mended.records["lon"].to_list() == [127.5, 127.6, 127.5]


@pytest.mark.parametrize(
    "text", ["", ROW + "\n" + ROW, "timestamp,location-long,location-lat,tag-id"]
)
def test_a_correction_makes_one_row_of_a_row_of_a_workbook(text: str) -> None:
    plain = decode(BOOK, now_us=NOW_US)
    original = refused_texts(BOOK, [2], now_us=NOW_US)[2]
    mended = decode(BOOK, corrections=[Correction(2, original, text)], now_us=NOW_US)
    assert mended.records.equals(plain.records)
    assert mended.refusals == plain.refusals
    assert {w.code for w in mended.warnings} == {"sheets-unread", "correction-not-applied"}


def test_a_row_of_a_workbook_read_by_a_mapping_in_day_month_order() -> None:
    terms = {"timestamp": "when", "location-long": "x", "location-lat": "y",
             "tag-local-identifier": "who"}  # fmt: skip
    told = {"mapping": read_mapping({"kind": "table", "terms": terms, "skip_lines": 1}),
            "date_order": "dmy", "now_us": NOW_US}  # fmt: skip
    sent = workbook([["a report"], ["who", "when", "x", "y"],
                     [7, "03/04/2024 08:00", 1, 2], [7, "03/04/2024 09:00", "?", 2]])  # fmt: skip
    original = refused_texts(sent, [2], **told)[2]
    mended = decode(sent, corrections=[Correction(2, original, original.replace("?", "3"))], **told)
    assert mended.records["lon"].to_list() == [1, 3]
    assert mended.records["time_us"].diff().to_list() == [None, 3_600_000_000]


@settings(max_examples=15)
@given(st.lists(st.booleans(), min_size=1, max_size=12), st.data())
def test_correcting_every_refused_row_gives_the_whole_file(
    good: list[bool], data: st.DataObject
) -> None:
    rows = [f"2024-03-01 {n:02}:00:00,127.{n},34.8,A" for n in range(len(good))]
    bad = [data.draw(st.sampled_from(["x", row.replace("34.8", "134.8"), row + ",", '"' + row]))
           for row in rows]  # fmt: skip
    head = "timestamp,location-long,location-lat,tag-id"
    sent = "\n".join([head, *(r if ok else b for ok, r, b in zip(good, rows, bad, strict=True))])
    plain = decode(sent.encode(), format="movebank-csv", now_us=NOW_US)
    units = [refusal.unit for refusal in plain.refusals]
    texts = refused_texts(sent.encode(), units, format="movebank-csv", now_us=NOW_US)
    mends = [Correction(unit, texts[unit], rows[unit - 1]) for unit in units]
    mended = decode(sent.encode(), format="movebank-csv", corrections=mends, now_us=NOW_US)
    whole = decode("\n".join([head, *rows]).encode(), format="movebank-csv", now_us=NOW_US)
    assert mended.records.equals(whole.records)


def test_what_stands_after_a_break_is_mended_in_the_file() -> None:
    fix = b'{"tag": "7", "time": "2020-01-01T00:00:00Z", "lon": 1, "lat": 2}'
    with pytest.raises(CorrectionRefused) as caught:
        refused_texts(b"[" + fix + b"," + fix[:-9], [2], now_us=NOW_US)
    assert caught.value.code == "correction-impossible"
