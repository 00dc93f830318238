from __future__ import annotations

from collections.abc import Callable

from ingest import decode

NOW_US = 1_795_000_000_000_000
BARE = (
    b'"9660";"40001";"CRANE";"ST20";"";"NN";"2014-02-15T05:27:47.000Z";"244";"4";"0";"-133";'
    b'"4.01E8";"2014-02-15T05:27:47.000Z";"%s";"17.58002";"63.0";"2";"";"";\n'
)


def test_rows_of_one_pass_are_one_record_twice(sample: Callable[[str], bytes]) -> None:
    payload = sample("passes_cls.csv")
    decoded = decode(payload, now_us=NOW_US)
    assert decoded.format == "argos-csv"
    assert [(r.unit, r.code) for r in decoded.refusals] == [(5, "latitude-out-of-range")]
    assert payload[decoded.refusals[0].offset or 0 :].count(b"\n") == 1
    rows = decoded.records.drop("unit")
    assert rows.row(0) == rows.row(1)


def test_csv_and_xml_of_the_same_passes_are_the_same_fixes(sample: Callable[[str], bytes]) -> None:
    rows = decode(sample("passes_cls.csv"), now_us=NOW_US).records.drop("unit")
    passes = decode(sample("passes.xml"), now_us=NOW_US).records.drop("unit")
    assert rows.unique(maintain_order=True).equals(passes)


def test_rows_without_a_header_line() -> None:
    decoded = decode(b"\n" + BARE % b"77.5" + BARE % b"97.5", now_us=NOW_US)
    assert decoded.format == "argos-csv"
    assert decoded.records.select("tag", "argos_class", "lat").rows() == [("40001", "2", 77.5)]
    assert [(r.unit, r.code, r.offset) for r in decoded.refusals] == [
        (2, "latitude-out-of-range", 1 + len(BARE % b"77.5"))
    ]


def test_real_csv_and_xml_of_the_same_day_are_the_same_fixes(real: Callable[[str], bytes]) -> None:
    folder = "telemetry/argos_raw/soap"
    rows = decode(real(f"{folder}/getCsv.csv"), now_us=NOW_US)
    passes = decode(real(f"{folder}/getXml.xml"), now_us=NOW_US)
    assert (rows.units, rows.refusals, passes.units) == (38, [], 13)
    assert rows.records.drop("unit").unique(maintain_order=True).equals(passes.records.drop("unit"))


def test_real_answer_in_soap_without_a_header_line(real: Callable[[str], bytes]) -> None:
    decoded = decode(real("telemetry/argos_raw/soap/csvResponse.xml"), now_us=NOW_US)
    assert (decoded.format, decoded.units, decoded.refusals) == ("argos-csv", 39, [])
    assert decoded.records["lon"].count() == 34
