from __future__ import annotations

import io
from collections.abc import Callable

import polars as pl
import pytest

from ingest import (
    Decoded,
    UnreadablePush,
    decode,
    decode_pieces,
    open_push,
    tag_of_file,
    tag_within,
)
from ingest.__main__ import Reading, check
from tests.ingest.formats.test_xlsx import workbook
from tests.ingest.test_archive import zipped

Values = Callable[[Decoded], list[dict[str, object]]]
NOW_US = 1_795_000_000_000_000


def test_each_word_is_told_as_what_it_is(sample: Callable[[str], bytes], values: Values) -> None:
    decoded = decode(sample("7304g.txt"), tag="7304", tz="UTC+8", now_us=NOW_US)
    assert decoded.format == "microwave-tab"
    assert [(w.code, w.detail) for w in decoded.warnings] == [
        (
            "words-for-numbers",
            "Rows with words in place of numbers: No Fix 1, Batt Drain 1, Low Voltage 1, "
            "neg alt 1, 2D fix 1. What they stand for is left blank.",
        )
    ]
    assert [(r.unit, r.code) for r in decoded.refusals] == [(7, "coordinate-not-a-number")]
    hour_us, begin = 3_600_000_000, 1_551_391_200_000_000
    placed = {"tag": "7304", "sensor": "gps"}
    assert values(decoded) == [
        placed
        | {"time_us": begin, "lon": 112.54321, "lat": 46.12345, "height_m": 1203.0,
           "heading_deg": 210.0, "satellites": 7, "dop": 1.1},
        placed | {"time_us": begin + 2 * hour_us},
        placed
        | {"time_us": begin + 4 * hour_us, "lon": 112.54398, "lat": 46.12411,
           "heading_deg": 180.0, "satellites": 6, "dop": 1.2},
        placed
        | {"time_us": begin + 6 * hour_us, "lon": 112.54417, "lat": 46.12502,
           "heading_deg": 95.0, "satellites": 3, "dop": 2.4},
        placed | {"time_us": begin + 8 * hour_us},
        placed | {"time_us": begin + 10 * hour_us},
    ]  # fmt: skip


def test_engineering_of_several_tags(sample: Callable[[str], bytes], values: Values) -> None:
    decoded = decode(sample("engineering_microwave.txt"), now_us=NOW_US)
    assert [w.code for w in decoded.warnings] == ["text-in-numeric-column", "words-for-numbers"]
    assert [(r.unit, r.code) for r in decoded.refusals] == [(3, "time-unreadable")]
    assert values(decoded) == [
        {"tag": "7304", "sensor": "other", "time_us": 1551420000000000, "temperature_c": 21.4,
         "battery_v": 4.06, "activity": 118.0},
        {"tag": "7304", "sensor": "other", "time_us": 1551423600000000, "temperature_c": -3.5,
         "battery_v": 3.89, "activity": 119.0},
        {"tag": "7305", "sensor": "other", "time_us": 1551423600000000, "activity": 4.0},
    ]  # fmt: skip


PTT_FIXES = b"""Date/Time\tLatitude(N)\tLongitude(E)\tSpeed\tCourse\tAltitude(m)
2019-03-01 06:00:00\t46.1235\t112.5432\t12\t210\t1203
2019-03-01 08:00:00\tNo Fix\tNo Fix\tNo Fix\tNo Fix\tNo Fix
"""
PTT_ENGINEERING = (
    "Tx Date/Time\tInt Date/Time\tSatellite ID\tActivity\tTx Count\tTemperature (°C)\t"
    "Battery Voltage (V)\tGPS fix time\tSatellite Count\tLatest Latitude(N)\tLatest Longitude(E)\n"
    "2019-03-01 06:12:30\t2019-03-01 06:00:00\tK\t17\t4\t21.4\t4.06\t30\t7\t46.1235\t112.5432\n"
).encode("latin-1")


def test_a_ptt_with_gps_has_the_same_tables_in_other_words(values: Values) -> None:
    fixes = decode(PTT_FIXES, tag="22915", now_us=NOW_US)
    assert values(fixes) == [
        {"tag": "22915", "sensor": "gps", "time_us": 1551420000000000, "lon": 112.5432,
         "lat": 46.1235, "height_m": 1203.0, "heading_deg": 210.0},
        {"tag": "22915", "sensor": "gps", "time_us": 1551427200000000},
    ]  # fmt: skip
    told = decode(PTT_ENGINEERING, tag="22915", now_us=NOW_US)
    assert (fixes.format, told.format, told.refusals) == ("microwave-tab", "microwave-tab", [])
    assert values(told) == [
        {"tag": "22915", "sensor": "other", "time_us": 1551420750000000, "temperature_c": 21.4,
         "battery_v": 4.06, "activity": 17.0},
    ]  # fmt: skip


def test_a_table_of_nobody_is_refused_with_what_to_do(sample: Callable[[str], bytes]) -> None:
    with pytest.raises(UnreadablePush) as refused:
        decode(sample("7304g.txt"), now_us=NOW_US)
    assert refused.value.code == "tag-not-named"
    assert all(word in refused.value.remedy for word in ("7304g.txt", "tag=7304", "--tag"))


def test_another_table_is_told_what_it_lacks() -> None:
    with pytest.raises(UnreadablePush, match="DateTime, Longitude_E, Latitude_N") as refused:
        decode(b"a,b\n1,2\n", format="microwave-tab", now_us=NOW_US)
    assert refused.value.code == "columns-missing"


@pytest.mark.parametrize("name", ["events_hyphen.csv", "engineering_microwave.txt", "fixes.json"])
def test_a_tag_that_is_not_needed_is_told(sample: Callable[[str], bytes], name: str) -> None:
    plain, told = (decode(sample(name), tag=tag, now_us=NOW_US) for tag in (None, "9"))
    assert told.records.equals(plain.records)
    assert [w.code for w in told.warnings if w not in plain.warnings] == ["tag-not-used"]


@pytest.mark.parametrize(
    ("name", "tag"),
    [
        ("7304g.txt", "7304"),
        ("00007304e.txt", "7304"),
        ("00007304g_2019-03-01.txt", "7304"),
        ("mail/2019/7304G.TXT.gz", "7304"),
        ("C:\\data\\0e.txt", "0"),
        ("7304.txt", None),
        ("7304d.txt", None),
        ("7304gg.txt", None),
        ("g.txt", None),
        ("7304g.zip", None),
        ("7304g.txt/", None),
        ("\u0667g.txt", None),
        ("1" * 21 + "g.txt", None),
    ],
)
def test_names_of_files(name: str, tag: str | None) -> None:
    assert tag_of_file(name) == tag


def test_the_name_within_a_zip_is_enough(sample: Callable[[str], bytes]) -> None:
    text = sample("7304g.txt")
    for name, tag in (("a/7304g.txt", "7304"), ("table.txt", None)):
        assert tag_within(io.BytesIO(zipped((name, text)))) == tag
        assert open_push(io.BytesIO(zipped((name, text))), limit_bytes=10**6).tag == tag
    for sent in (text, b"", b"PK\3\4", zipped(("7304g.txt", text), ("7305g.txt", text))):
        assert tag_within(io.BytesIO(sent)) is None


def test_in_pieces_it_says_the_same(sample: Callable[[str], bytes]) -> None:
    head, *rows = sample("7304g.txt").splitlines(keepends=True)
    text = head + b"".join(rows * 9)
    push = open_push(io.BytesIO(zipped(("7304g.txt", text))), limit_bytes=10**6)
    parts = list(decode_pieces(push, now_us=NOW_US, lines=4))
    whole = decode(text, tag="7304", now_us=NOW_US)
    assert len(parts) > 2
    assert pl.concat([part.records for part in parts]).equals(whole.records)
    assert [refusal for part in parts for refusal in part.refusals] == whole.refusals
    assert parts[-1].warnings == whole.warnings


def test_a_workbook_of_it_is_told_the_tag(sample: Callable[[str], bytes]) -> None:
    rows = [line.split("\t") for line in sample("7304g.txt").decode().splitlines()]
    decoded = decode(workbook(rows), tag="7304", now_us=NOW_US)
    assert (decoded.format, decoded.units, decoded.warnings[0].code) == (
        "xlsx", 7, "words-for-numbers",
    )  # fmt: skip


@pytest.mark.parametrize("tag", ["7304", "00007304"])
def test_zeros_before_a_tag_make_no_other_tag(sample: Callable[[str], bytes], tag: str) -> None:
    told = decode(sample("7304g.txt"), tag=tag, now_us=NOW_US)
    rows = f"GSM_ID\tDateTime\tLatitude_N\tLongitude_E\n{tag}\t2019-03-01 08:00:00\t46.1\t80.5\n"
    column = decode(rows.encode(), now_us=NOW_US)
    for decoded in (told, column):
        assert set(decoded.records["tag"]) == {"7304"}
        assert "names-alike" not in {each.code for each in decoded.warnings}


def test_another_tag_than_the_name_of_the_file_gives_is_told(
    sample: Callable[[str], bytes],
) -> None:
    sent = zipped(("00007304g.txt", sample("7304g.txt")))
    for tag, codes in (("9", ["tag-not-used"]), ("007304", []), (None, [])):
        push = open_push(io.BytesIO(sent), limit_bytes=10**6, tag=tag)
        assert [each.code for each in push.left_out] == codes
    found = check("7304g.txt", io.BytesIO(sample("7304g.txt")), Reading(tag="7305"), NOW_US)
    assert [each.detail for each in found.warnings if "7304" in each.detail] == [
        "The name of the file gives the tag '7304', which was not used: the push was told with the"
        " tag '7305'."
    ]
