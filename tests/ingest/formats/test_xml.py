from __future__ import annotations

import pytest

from ingest import UnreadablePush
from ingest.formats.xml import looks_like_xml, read_units, unwrap

NAMES, AROUND = frozenset({"p"}), {"g": "n"}


def test_units_have_their_text_attributes_and_surroundings() -> None:
    text = (
        b'<a xmlns:x="u"><g><n>G</n><x:p k="1"><q>2</q><q>3</q></x:p></g><p><r><s>4</s></r></p></a>'
    )
    first, second = read_units(text, NAMES, AROUND)
    assert first.values == {"/": "p", "/g": "G", "@k": "1", "q": "2"}
    assert second.values == {"/": "p", "r/s": "4"}
    assert text[first.offset :].startswith(b"<x:p")
    assert text[second.offset :].startswith(b"<p><r>")


def test_the_last_unit_of_a_document_cut_short_is_broken() -> None:
    units = read_units(b"<a><p/>\n<p><q>", NAMES, AROUND)
    assert [(unit.broken, unit.offset) for unit in units] == [(False, 3), (True, 8)]


def test_escaped_data_in_soap_keep_their_lines() -> None:
    soap = b'<s:Envelope>\n<return>&lt;?xml version="1.0"?>\n&lt;a>&lt;p/>&lt;/a></return>'
    inner = unwrap(soap)
    assert inner.split(b"\n")[2] == b"<a><p/></a>"
    assert len(read_units(inner, NAMES, AROUND)) == 1
    assert unwrap(b"<a/>") == b"<a/>"


@pytest.mark.parametrize(
    ("payload", "is_xml"),
    [
        (b" \n<a/>", True),
        ("<a/>".encode("utf-16"), True),
        (b"--uuid:1\n\n<s:Envelope/>", True),
        (b"--uuid:1\n\nnothing", False),
        (b"a,b", False),
    ],
)
def test_what_looks_like_xml(payload: bytes, is_xml: bool) -> None:  # noqa: FBT001 - a case
    assert looks_like_xml(payload) is is_xml


def test_too_many_units_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.formats.xml.UNITS_MAX", 1)
    with pytest.raises(UnreadablePush) as caught:
        read_units(b"<a><p/><p/></a>", NAMES, AROUND)
    assert caught.value.code == "too-many-units"
