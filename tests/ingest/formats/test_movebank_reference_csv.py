from __future__ import annotations

from collections.abc import Callable

import pytest

from ingest import DecodedReference, UnreadablePush, decode, decode_reference, sniff

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


def test_no_column_is_lost_where_both_dialects_stand() -> None:
    text = "tag-id,animal-id,deploy-on-date,deploy-on-timestamp\n7,Ada,2020-01-01,2020-01-02\n"
    assert read(text).rows[0].terms == {"deploy-on-timestamp": "2020-01-02"}


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ("x" * 201 + ",Ada", "name-too-long"),
        ("7,A\tda", "control-character"),
        ("7", "ragged-row"),
        ('7,"Ada', "bad-quotes"),
    ],
)
def test_each_fault_has_its_code(row: str, code: str) -> None:
    assert [(r.unit, r.code) for r in read(f"tag-id,animal-id\n7,Ada\n{row}\n").refusals] == [
        (2, code)
    ]


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
