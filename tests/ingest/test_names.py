"""Names that programs spoilt are mended, refused or told, the same whole and in pieces."""

from __future__ import annotations

import csv
import io

import openpyxl
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import (
    Correction,
    Decoded,
    decode,
    decode_pieces,
    decode_reference,
    open_push,
    read_mapping,
    refused_texts,
)
from ingest.names import best_named, mended

NOW_US = 1_795_000_000_000_000
HEADER = ("tag-id", "individual-local-identifier", "timestamp", "location-long", "location-lat")
ROUNDED = ("8.63844E+14", "8,63844e+14", "1E+05", "8.638440400123457e+17")
NO_NAME = ("#N/A", "#REF!", "#NAME?", "######", "nan", "None", "N/A", "-", "\u200b", '=""')


def table(*names: tuple[str, str]) -> bytes:
    held = io.StringIO()
    csv.writer(held, lineterminator="\n").writerows(
        [
            HEADER,
            *((*pair, f"2024-03-01 08:00:{n % 60:02}", 80, 46) for n, pair in enumerate(names)),
        ]
    )
    return held.getvalue().encode()


def read(payload: bytes, lines: int = 2) -> Decoded:
    """What a push gives, as a whole; in pieces it must be the same."""
    whole = decode(payload, now_us=NOW_US)
    push = open_push(io.BytesIO(payload), limit_bytes=1 << 20)
    parts = list(decode_pieces(push, lines=lines, now_us=NOW_US))
    assert pl.concat([each.records for each in parts]).equals(whole.records)
    assert [refusal for each in parts for refusal in each.refusals] == whole.refusals
    assert parts[-1].warnings == whole.warnings
    return whole


def tags(*names: str) -> list[str | None]:
    return read(table(*((name, "Ada") for name in names))).records["tag"].to_list()


def test_characters_without_a_shape_make_no_other_name() -> None:
    sent = ("7", "\ufeff7", "7\u200b", "7\u00a0", "\u202a7\u202c", "7\u00ad", "\u200d7\u200c")
    assert tags(*sent) == ["7"] * 7
    assert tags(*["\ufeff7"] * 60) == ["7"] * 60


@pytest.mark.parametrize("name", ["ᠲᠣᠭᠣᠷᠢᠭ\u180eᠠ", "ᠲ\u200dᠣ", "می\u200cشود", "ᠠ\u180bᠨ", "鹤 7"])
def test_joiners_within_a_word_are_of_its_spelling(name: str) -> None:
    assert tags(name, name) == [name, name]


def test_a_header_line_that_comes_again_with_its_mark_is_none_of_the_birds() -> None:
    payload = b"\xef\xbb\xbf" + table(("7", ""), ("8", ""))
    decoded = read(payload * 2)
    assert decoded.records["tag"].to_list() == ["7", "8"] * 2
    assert not decoded.refusals


@pytest.mark.parametrize("name", ROUNDED)
def test_a_name_that_is_a_rounded_number_is_refused(name: str) -> None:
    for pair in ((name, ""), ("", name), ("7", name)):
        (refusal,) = read(table(("7", "Ada"), pair)).refusals
        assert refusal.code == "name-rounded"
        assert name in refusal.excerpt
        assert "format the column as text" in refusal.remedy
    assert tags("1E05", "2E5", "E+5") == ["1E05", "2E5", "E+5"]


@pytest.mark.parametrize("name", NO_NAME)
def test_what_stands_for_no_name_is_none(name: str) -> None:
    decoded = read(table((name, "Ada"), ("7", name), (name, name)))
    assert decoded.records.select("tag", "individual").rows() == [(None, "Ada"), ("7", None)]
    assert [refusal.code for refusal in decoded.refusals] == ["no-animal-or-tag"]
    assert [w.code for w in decoded.warnings] == ["name-mended"]


def test_marks_of_spreadsheets_are_taken_off() -> None:
    assert tags("'0071", '="0071"', "6118.0", "6118") == ["0071", "0071", "6118", "6118"]
    kept = ["'t Zwin", "Nan", "Na", "v2.0", "1.05", "#7", "=7", "O'Hara"]
    decoded = read(table(*((name, "Ada") for name in kept)))
    assert decoded.records["tag"].to_list() == kept
    assert not decoded.warnings


def test_names_that_are_alike_are_told_and_stay_different() -> None:
    sent = ["0071", "71", "７１", "hq-1", "HQ-1", "0", "00", "b1", "b01"]  # noqa: RUF001 - wide digits
    decoded = read(table(*((name, name) for name in sent)))
    assert decoded.records["tag"].to_list() == sent
    (warning,) = decoded.warnings
    assert warning.code == "names-alike"
    assert "'0071', '71', '７１'; 'hq-1', 'HQ-1'; '0', '00'" in warning.detail  # noqa: RUF001 - wide digits
    assert "and 1 more" in warning.detail
    assert "b01" not in warning.detail


def test_reference_data_have_the_names_of_the_fixes() -> None:
    text = 'tag-id,animal-id\n"=""0071""",\ufeffAda\n6118.0,Bo\n8.63844E+14,Di\n#N/A,Ed\n'
    found = decode_reference(text.encode(), tz="UTC", now_us=NOW_US)
    assert [(row.tag, row.individual) for row in found.rows] == [("0071", "Ada"), ("6118", "Bo")]
    assert [each.code for each in found.refusals] == ["name-rounded", "deployment-incomplete"]
    assert [each.code for each in found.warnings] == ["name-mended"]


def test_a_workbook_cell_whose_digits_are_gone_is_no_name() -> None:
    book = openpyxl.Workbook()
    book.active.append(HEADER)
    for tag in (863844040012345678.0, 9007199254740994.0, 863844040012345.0):
        book.active.append([tag, None, "2024-03-01 08:00:00", 80, 46])
    held = io.BytesIO()
    book.save(held)
    decoded = decode(held.getvalue(), now_us=NOW_US)
    assert [each.code for each in decoded.refusals] == ["name-rounded"] * 2
    assert decoded.records["tag"].to_list() == ["863844040012345"]


NAMES = st.text(st.sampled_from("7aB0.-'=\"#nN\u200b\u200d\ufeff\u00a0ᠠ "), max_size=6)


@settings(max_examples=40)
@given(st.lists(NAMES.map(str.strip).filter(bool), max_size=4))
def test_what_is_mended_needs_no_mending(names: list[str]) -> None:
    once, _ = mended(pl.DataFrame({"tag": names}, schema={"tag": pl.String}), ["tag"])
    for name in once["tag"].drop_nulls():
        assert name == name.strip(" \u200b\u200d\ufeff\u00a0")
        assert name
        assert "\ufeff" not in name


def test_a_row_that_begins_with_a_mark_is_corrected_with_it() -> None:
    payload = table(("7", "Ada"), ("8", "Bo")).replace(b"\n8,", b"\n\xef\xbb\xbf8,")
    payload = payload.replace(b"80,46\n", b"80,96\n")
    found = refused_texts(payload, [2], now_us=NOW_US)
    assert found[2] == "\ufeff8,Bo,2024-03-01 08:00:01,80,96"
    mend = Correction(2, found[2], "8,Bo,2024-03-01 08:00:01,80,46")
    decoded = decode(payload, corrections=[mend], now_us=NOW_US)
    assert decoded.records.select("unit", "tag", "lat").rows() == [(2, "8", 46.0)]
    assert [each.unit for each in decoded.refusals] == [1]


@pytest.mark.parametrize("nothing", ["#N/A", "nan", "-", "", "\u200b"])
@pytest.mark.parametrize("header", ["tag-local-identifier,tag-id", "serial,unit"])
def test_what_is_no_name_leaves_the_name_in_another_column(nothing, header) -> None:
    names = {"tag-local-identifier": ["serial", "unit"]}
    terms = names | {w: w for w in ("timestamp", "location-long", "location-lat")}
    mapping = read_mapping({"kind": "table", "terms": terms}) if "serial" in header else None
    rows = [f"2024-03-01 10:00:00,116.3,29.1,{nothing},7", "2024-03-01 11:00:00,116.3,29.1,8,9"]
    text = "\n".join([f"timestamp,location-long,location-lat,{header}", *rows, ""]).encode()
    decoded = decode(text, mapping=mapping, now_us=1_795_000_000_000_000)
    assert decoded.records["tag"].to_list() == ["7", "8"]
    assert not decoded.refusals


@pytest.mark.parametrize("name", ["????", "?", "Nana ??", "A??1"])
@pytest.mark.parametrize("form", ["movebank-csv", "movebank-reference-csv"])
def test_names_that_a_program_could_not_write_are_no_names(name, form) -> None:
    """Of 白鹤一号 and 白鹤二号 it made the same name: the fixes of one would be the other's."""
    if form == "movebank-csv":
        text = f"timestamp,location-long,location-lat,tag-id\n2024-03-01 10:00,1.5,2.5,{name}\n"
        refusals = decode(text.encode(), now_us=1_795_000_000_000_000).refusals
    else:
        text = f"tag-id,animal-id,deploy-on-date\n7,{name},2024-03-01\n"
        refusals = decode_reference(text.encode(), tz="UTC", now_us=NOW_US).refusals
    assert [refusal.code for refusal in refusals] == ["character-damaged"]
    assert "UTF-8" in refusals[0].remedy


def test_a_name_may_end_in_doubt() -> None:
    text = "timestamp,location-long,location-lat,tag-id\n2024-03-01 10:00,1.5,2.5,A7?\n"
    assert decode(text.encode(), now_us=NOW_US).records["tag"].to_list() == ["A7?"]


@pytest.mark.parametrize(
    ("name", "told"),
    [("01-Mar", True), ("Mar-01", True), ("2024-03-01 00:00:00", True), ("3月1日", True),
     ("1-3", False), ("MAR1", False), ("2024-03-01-a", False)],
)  # fmt: skip
def test_names_that_a_spreadsheet_made_dates_of_are_told(name, told) -> None:
    rows = [f"2024-03-01 10:{n:02}:00,1.5,2.5,{each}" for n, each in enumerate([name, "T1"])]
    text = "\n".join(["timestamp,location-long,location-lat,tag-id", *rows, ""]).encode()
    decoded = decode(text, now_us=NOW_US)
    assert [w.code for w in decoded.warnings] == ["names-like-dates"] * told
    assert decoded.records["tag"].to_list() == [name, "T1"]


@pytest.mark.parametrize("lines", [2, 1_000])
def test_rows_of_a_bird_without_its_tag_are_told(lines) -> None:
    rows = [f"2024-03-01 {n:02}:00,1.5,2.5,{'7' if n < 5 else ''},Ada" for n in range(20)]
    rows += [f"2024-03-01 {n:02}:00,1.5,2.5,,Bo" for n in range(20)]
    header = "timestamp,location-long,location-lat,tag-id,individual-id"
    text = "\n".join([header, *rows, ""]).encode()
    push = open_push(io.BytesIO(text), limit_bytes=1 << 20)
    *_, last = decode_pieces(push, now_us=NOW_US, lines=lines)
    (warning,) = last.warnings
    assert warning.code == "tags-missing"
    assert "'Ada'" in warning.detail
    assert "'Bo'" not in warning.detail
    assert not decode("\n".join([header, *rows[20:], ""]).encode(), now_us=NOW_US).warnings


@settings(max_examples=40)
@given(st.lists(st.one_of(st.none(), NAMES, st.sampled_from(NO_NAME)), min_size=2, max_size=4))
def test_of_several_cells_the_first_that_holds_a_name_is_taken(cells: list[str | None]) -> None:
    # Beside a name that is odd, each is mended, whether it looks odd or not.
    mended_alone = (mended(pl.DataFrame({"c": [cell, "#N/A"]}), ["c"])[0]["c"][0] for cell in cells)
    held = [cell for cell, name in zip(cells, mended_alone, strict=True) if name is not None]
    sent = pl.DataFrame({f"c{n}": [cell] for n, cell in enumerate(cells)}).cast(pl.String)
    taken = sent.select(best_named([pl.col(c) for c in sent.columns]).alias("name"))["name"][0]
    assert taken == next((cell for cell in [*held, *cells] if cell is not None), None)
