from __future__ import annotations

import html
from collections.abc import Callable

import pytest

from ingest import UnreadablePush, decode, sniff

NOW_US = 1_795_000_000_000_000
SOAP = (
    "--uuid:1\r\nContent-Type: application/xop+xml\r\n\r\n"
    '<soap:Envelope xmlns:soap="http://www.w3.org/2003/05/soap-envelope"><soap:Body>'
    '<xmlResponse xmlns="http://service.dataxmldistribution.argos.cls.fr/types"><return>{}</return>'
    "</xmlResponse></soap:Body></soap:Envelope>\r\n--uuid:1--"
)


def test_each_kind_of_pass_of_one_document(sample: Callable[[str], bytes]) -> None:
    payload = sample("passes.xml")
    decoded = decode(payload, now_us=NOW_US)
    assert decoded.format == "argos-xml"
    assert [(r.unit, r.code) for r in decoded.refusals] == [(4, "latitude-out-of-range")]
    assert payload[decoded.refusals[0].offset or 0 :].startswith(b"<satellitePass><satellite>NN")
    rows = decoded.records
    assert rows["tag"].to_list() == ["40001", "40001", "40002"]
    assert rows["sensor"].to_list() == ["argos", "argos", "gps"]
    assert rows.select("lon", "lat").rows() == [(120.5, 40.25), (None, None), (121.0, 41.0)]
    assert rows["lon2"].to_list() == [258.875 - 360, None, None]
    assert rows.select("semi_major_m", "semi_minor_m", "orientation_deg").row(0) == (900, 70, 101)
    # The altitude of a Doppler location is the one it was computed with.
    assert rows["height_m"].to_list() == [None, None, 12.0]
    assert rows["ground_speed_m_s"].to_list() == [None, None, 4.5]


@pytest.mark.parametrize("escaped", [True, False])
def test_soap_round_the_data_changes_nothing(
    sample: Callable[[str], bytes],
    escaped: bool,  # noqa: FBT001 - a case
) -> None:
    plain = sample("passes.xml").decode()
    wrapped = SOAP.format(html.escape(plain) if escaped else plain).encode()
    assert sniff(wrapped) == "argos-xml"
    there, here = decode(wrapped, now_us=NOW_US), decode(plain.encode(), now_us=NOW_US)
    assert there.records.equals(here.records)
    assert [r.code for r in there.refusals] == [r.code for r in here.refusals]


def test_a_document_cut_short_keeps_its_whole_passes(sample: Callable[[str], bytes]) -> None:
    whole = sample("passes.xml")
    first_end = whole.index(b"</satellitePass>") + len(b"</satellitePass>")
    for cut in range(first_end, len(whole) - 10, 37):
        decoded = decode(whole[:cut], format="argos-xml", now_us=NOW_US)
        assert decoded.refusals[-1].code == "xml-malformed"
        assert decoded.units == whole[:cut].count(b"</satellitePass>") + 1


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (b"<data><program><programNumber>", "xml-unreadable"),
        (b'<!DOCTYPE data [<!ENTITY a "b">]><data>&a;</data>', "xml-unsafe"),
        (b'<!DOCTYPE data SYSTEM "file:///etc/passwd"><data/>', "xml-unsafe"),
        (b"<data>" * 100, "xml-unreadable"),
        (b"<data>" + b"x" * 70_000 + b"</data>", "xml-unreadable"),
        (b'<?xml version="1.0" encoding="no-such"?><data/>', "xml-unreadable"),
        (b"", "xml-unreadable"),
    ],
)
def test_documents_that_cannot_be_read(payload: bytes, code: str) -> None:
    with pytest.raises(UnreadablePush) as caught:
        decode(payload, format="argos-xml", now_us=NOW_US)
    assert caught.value.code == code


@pytest.mark.parametrize("name", ["getXml.xml", "getStreamXml.xml", "xmlResponse.xml"])
def test_real_answers_are_read_whole(real: Callable[[str], bytes], name: str) -> None:
    payload = real(f"telemetry/argos_raw/soap/{name}")
    decoded = decode(payload, now_us=NOW_US)
    assert (decoded.format, decoded.refusals, decoded.warnings) == ("argos-xml", [], [])
    assert decoded.units == payload.count(b"<satellitePass>")
    assert decoded.records["lon"].count() == payload.count(b"<locationDate>")
