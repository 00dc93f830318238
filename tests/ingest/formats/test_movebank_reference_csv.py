from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import DecodedReference, UnreadablePush, decode, decode_reference, sniff
from tests.ingest.formats.test_xlsx import workbook

NOW_US = 1_795_000_000_000_000


def read(text: str | bytes, tz: str = "UTC") -> DecodedReference:
    payload = text.encode() if isinstance(text, str) else text
    return decode_reference(payload, tz=tz, now_us=NOW_US)


def test_download_dialect(sample: Callable[[str], bytes]) -> None:
    decoded = read(sample("reference.csv"))
    assert decoded.units == 5
    assert [(r.unit, r.code) for r in decoded.refusals] == [
        (3, "deployment-incomplete"),
        (4, "deploy-off-before-on"),
        (5, "time-unreadable"),
    ]
    nana, nono = decoded.rows
    assert (nana.tag, nana.individual, nana.taxon) == ("0071", "Nana", "Grus vipio")
    assert (nana.deploy_on_us, nana.deploy_off_us) == (1_593_907_200_000_000, None)
    assert nana.deployment_id == "Nana_0072"
    assert nono.terms == {
        "animal-sex": "m",
        "animal-siblings": "Nana",
        "manipulation-type": "relocated",
        "tag-serial-no": "A1",
        "deployment-end-type": "removal",
    }
    assert nono.deploy_off_us == 1_593_604_800_000_000


def test_upload_dialect_with_bom_and_zone() -> None:
    text = "\ufefftag_id;animal_id;deploy_on_timestamp;deploy_off_timestamp\n"
    row = read(text + "7;Ada;2020-01-01T22:00:00Z;2020-02-01 09:00\n", tz="UTC+9").rows[0]
    assert (row.deploy_on_us, row.deploy_off_us) == (1_577_916_000_000_000, 1_580_515_200_000_000)


def test_an_end_far_ahead_is_open_and_a_start_far_ahead_is_refused() -> None:
    header = "tag-id,animal-id,deploy-on-date,deploy-off-date\n"
    assert read(header + "7,Ada,2020-01-01,2099-12-31").rows[0].deploy_off_us is None
    assert [r.code for r in read(header + "7,Ada,2099-01-01,").refusals] == ["time-out-of-window"]
    assert [r.code for r in read(header + "7,Ada,1900-01-01,").refusals] == ["time-out-of-window"]


@pytest.mark.parametrize(
    ("cell", "aliases"),
    [
        ('"[""SN 1, new"",""0071""]"', ("SN 1, new", "0071")),
        ("[]", ()),
        ("", ()),
        ('"["" SN-1"","" ""]"', ("SN-1",)),
        ("SN-1", ()),
        ("[7]", ()),
        ('"{""a"": 1}"', ()),
    ],
)
def test_other_names_of_a_tag_come_as_our_own_export_tells_them(
    cell: str, aliases: tuple[str, ...]
) -> None:
    (row,) = read(f"tag-id,animal-id,flyways:tag-aliases\n7,Ada,{cell}\n").rows
    assert (row.aliases, row.terms) == (aliases, {})


def test_of_a_deployment_that_names_imply_our_own_export_says_so() -> None:
    rows = "7,A,true,n\n8,A,,\n9,A,TRUE,\n6,A,false,\n"
    found = read(f"tag-id,animal-id,flyways:deployment-implied,note\n{rows}").rows
    assert [row.implied for row in found] == [True, False, True, False]
    assert found[0].terms == {"note": "n"}


def test_an_alias_obeys_the_rules_of_names() -> None:
    text = "tag-id,animal-id,flyways:tag-aliases\n7,Ada,{}\n"
    long = read(text.format(f'"[""{"x" * 301}""]"')).refusals
    odd = read(text.format('"[""a\\u0000b""]"')).refusals
    assert [r.code for r in (*long, *odd)] == ["name-too-long", "control-character"]


def test_no_column_is_lost_where_both_dialects_stand() -> None:
    text = "tag-id,animal-id,deploy-on-date,deploy-on-timestamp\n7,Ada,2020-01-01,2020-01-02\n"
    assert read(text).rows[0].terms == {"deploy-on-timestamp": "2020-01-02"}


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ("x" * 201 + ",Ada", "name-too-long"),
        ("7,A\x01da", "control-character"),
        ("7\x7f,Ada", "control-character"),
        ("7", "ragged-row"),
        ('7,"Ada', "bad-quotes"),
    ],
)
def test_each_fault_has_its_code(row: str, code: str) -> None:
    assert [(r.unit, r.code) for r in read(f"tag-id,animal-id\n7,Ada\n{row}\n").refusals] == [
        (2, code)
    ]


def test_of_columns_with_one_name_or_none_each_value_is_kept() -> None:
    header = "tag-id,animal-id,comments,Comments,comments-2,,animal_sex,animal-sex"
    assert read(f"{header}\n7,Ada,a,b,c,d,f,m\n").rows[0].terms == {
        "comments": "a",
        "comments-2": "b",
        "comments-2-2": "c",
        "column-6": "d",
        "animal-sex": "f",
        "animal-sex-2": "m",
    }
    assert read(f"{header}\n7,Ada,,b,,,,m\n").rows[0].terms == {
        "comments-2": "b",
        "animal-sex-2": "m",
    }


EVENTS = "tag-local-identifier,timestamp,location-long,location-lat"


@pytest.mark.parametrize("name", ["丹顶鹤\u30001", "Ada\u00a0B", "a\u200bb", "Ærø 7"])
def test_a_name_that_events_may_bear_is_a_name_here(name: str) -> None:
    events = decode(f"{EVENTS}\n{name},2020-01-01 00:00,1,2\n".encode(), now_us=NOW_US)
    kept = name.replace("\u200b", "")
    assert events.records["tag"].to_list() == [kept]
    assert [row.tag for row in read(f"tag-id,animal-id\n{name},Ada\n").rows] == [kept]


HEADER = "tag-id,animal-id,deploy-on-date,deploy-off-date\n"


@pytest.mark.parametrize(
    ("on", "off", "code"),
    [
        ("1969-12-31 23:59:59.999999", "", "time-out-of-window"),
        ("1977-12-31 23:59:59.999999", "", "time-out-of-window"),
        ("1978-01-01", "", ""),
        ("0000-01-01", "", "time-out-of-window"),
        ("9999-12-31", "", "time-out-of-window"),
        ("", "1977-12-31", "time-out-of-window"),
        ("", "2020-01-01", ""),
        ("2020-01-01", "2020-01-01 00:00:00.000001", ""),
        ("2020-01-01", "2020-01-01", "deploy-off-before-on"),
        ("2020-01-02", "2020-01-01", "deploy-off-before-on"),
        ("2020-02-30", "", "time-unreadable"),
        ("2020-01-01", "soon", "time-unreadable"),
        ("2020-01-01 00:00+09:99", "", "time-unreadable"),
    ],
)
def test_ranges_at_their_edges(on: str, off: str, code: str) -> None:
    decoded = read(f"{HEADER}7,Ada,{on},{off}\n")
    assert [r.code for r in decoded.refusals] == ([code] if code else [])
    assert decoded.units == 1


def test_an_end_within_a_day_ahead_stays_and_one_microsecond_later_is_open() -> None:
    ahead = datetime.fromtimestamp(NOW_US / 1e6, UTC) + timedelta(days=1)
    later = ahead + timedelta(microseconds=1)
    ends = [read(f"{HEADER}7,Ada,,{end.isoformat()}\n").rows[0] for end in (ahead, later)]
    assert [row.deploy_off_us for row in ends] == [NOW_US + 86_400_000_000, None]


cell = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=6)


@settings(max_examples=25)
@given(st.lists(st.tuples(cell, cell, cell, cell), max_size=6), st.sampled_from(",;\t"))
def test_rows_quoted_by_the_rules_come_back_cell_by_cell(
    rows: list[tuple[str, ...]], delimiter: str
) -> None:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerows([("tag-id", "animal-id", "animal-sex", "x"), *rows])
    decoded = read(text.getvalue())
    assert decoded.units == len(rows)
    for row in decoded.rows:
        sent = [v.strip() for v in rows[row.unit - 1]]
        assert (row.tag, row.individual) == (sent[0], sent[1])
        expected = zip(("animal-sex", "x"), sent[2:], strict=True)
        assert row.terms == {k: v for k, v in expected if v not in {"", "NA", "null", "NULL"}}


@settings(max_examples=25)
@given(st.binary(max_size=60))
def test_any_bytes_are_rows_and_refusals(tail: bytes) -> None:
    decoded = read(HEADER.encode() + b"7,Ada,2020-01-01,\n" + tail)
    assert decoded.units >= 1
    units = [row.unit for row in decoded.rows] + [refusal.unit for refusal in decoded.refusals]
    assert sorted(units) == list(range(1, decoded.units + 1))


def test_missing_columns_are_named() -> None:
    with pytest.raises(UnreadablePush) as caught:
        read("tag-id,animal-sex\n7,f\n")
    assert caught.value.code == "columns-missing"
    assert "animal-id" in caught.value.detail


def test_as_a_push_of_records_it_says_where_to_send_it() -> None:
    with pytest.raises(UnreadablePush) as caught:
        decode(b"tag-id,animal-id\n7,Ada\n", now_us=NOW_US)
    assert caught.value.code == "reference-data"
    assert "reference data" in caught.value.remedy


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("demoiselle_crane_kazakhstan/1000 Cranes. Southern Kazakhstan.-reference-data.csv", 7),
        ("spoonbill_reference_inbo/movebank_ref_data.csv", 10),
        ("oystercatcher_o_assen/O_ASSEN-reference-data.csv", 7),
    ],
)
def test_real_files(real: Callable[[str], bytes], name: str, rows: int) -> None:
    payload = real(f"telemetry/{name}")
    assert sniff(payload) == "movebank-reference-csv"
    decoded = read(payload)
    assert (len(decoded.rows), decoded.refusals) == (rows, [])
    assert all(row.terms["manipulation-type"] == "none" for row in decoded.rows)


def test_names_that_differ_in_their_spelling_alone_are_told() -> None:
    rows = ["0071,Ada,2018-07-05", "71,Bo,2018-07-05", "8,ada,2018-07-05", "9,Cy,2018-07-05"]
    found = read("\n".join(["tag-id,animal-id,deploy-on-date", *rows, ""]))
    (warning,) = found.warnings
    assert warning.code == "names-alike"
    assert "'0071', '71'" in warning.detail
    assert "'Ada', 'ada'" in warning.detail
    assert len(found.rows) == 4


def test_reference_data_in_a_workbook_are_read_and_refusals_tell_their_row() -> None:
    rows: list[list[object]] = [
        ["tag-id", "animal-id", "deploy-on-date"],
        [71, "Ada", datetime.fromisoformat("2018-07-05")],
        [],
        [72, "Bo", "never"],
    ]
    book = workbook(rows, before=[["notes"]])
    with pytest.raises(UnreadablePush) as caught:
        decode(book, now_us=NOW_US)
    assert caught.value.code == "reference-data"
    found = read(book)
    assert [(row.tag, row.individual) for row in found.rows] == [("71", "Ada")]
    assert [(each.code, each.line, each.offset) for each in found.refusals] == [
        ("time-unreadable", 4, None)
    ]
    assert [warning.code for warning in found.warnings] == ["sheets-unread"]


def test_of_two_names_of_a_tag_the_local_one_is_that_of_event_files() -> None:
    """Tables of Movebank's service, as R makes them, have its own number beside it."""
    header = "tag_id,individual_id,tag_local_identifier,individual_local_identifier"
    rows = ["2911059,2911080,6118,Ada,2018-07-05", "2911060,2911081,,Bo,2018-07-05"]
    found = read("\n".join([f"{header},deploy_on_timestamp", *rows, ""]))
    assert [(row.tag, row.individual) for row in found.rows] == [("6118", "Ada"), ("2911060", "Bo")]
    assert found.rows[0].terms == {"tag-id": "2911059", "individual-id": "2911080"}
