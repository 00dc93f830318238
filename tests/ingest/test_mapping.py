"""A mapping is read strictly: what is wrong is told with its key and the way to mend it."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import MappingRefused, read_mapping, write_mapping
from ingest.mapping import TERMS, UNITS

TERMS_NEEDED = {"timestamp": "t", "location-long": "x", "location-lat": "y", "tag-id": "n"}
GOOD = {"kind": "table", "terms": TERMS_NEEDED}


@pytest.mark.parametrize(
    ("change", "key", "told"),
    [
        ({"kind": "csv"}, "kind", "table or json"),
        ({"term": {}}, "", "term"),
        ({"terms": []}, "terms", "object"),
        ({"terms": {}}, "terms", "timestamp"),
        ({"terms": TERMS_NEEDED | {"lattitude": "y"}}, "terms.lattitude", "location-lat"),
        ({"terms": TERMS_NEEDED | {"tag_local_identifier": "m"}}, "terms.tag_local_identifier",
         "list"),
        ({"terms": TERMS_NEEDED | {"heading": 3}}, "terms.heading", "text"),
        ({"terms": TERMS_NEEDED | {"heading": []}}, "terms.heading", "once"),
        ({"terms": TERMS_NEEDED | {"heading": ["a", "a"]}}, "terms.heading", "once"),
        ({"terms": TERMS_NEEDED | {"heading": " a"}}, "terms.heading", "blank"),
        ({"terms": TERMS_NEEDED | {"heading": "a\0"}}, "terms.heading", "NUL"),
        ({"terms": TERMS_NEEDED | {"date": "d"}}, "terms", "time-of-day"),
        ({"terms": {k: v for k, v in TERMS_NEEDED.items() if k != "tag-id"}}, "terms", "tag-local"),
        ({"terms": {k: v for k, v in TERMS_NEEDED.items() if k != "location-lat"}}, "terms",
         "location-lat"),
        ({"units": {"tag-id": "m"}}, "units.tag-local-identifier", "out"),
        ({"units": {"heading": "deg"}}, "units.heading", "out"),
        ({"units": {"location-lat": "km"}}, "units.location-lat", "1e-7 deg"),
        ({"tz": "Mars"}, "tz", "Asia/Seoul"),
        ({"time_format": "%d/%m"}, "time_format", "hour"),
        ({"time_format": "%d/%m/%Y %Q %H"}, "time_format", "%f"),
        ({"time_format": "%d/%d/%Y %H"}, "time_format", "once"),
        ({"time_format": "%d/%m/%Y %I"}, "time_format", "hour"),
        ({"decimal": ";"}, "decimal", '","'),
        ({"encoding": "ebcdic"}, "encoding", "gb18030"),
        ({"sensor": "radar"}, "sensor", "argos"),
        ({"skip_lines": -1}, "skip_lines", "above"),
        ({"skip_lines": "2"}, "skip_lines", "kind"),
        ({"missing": [""]}, "missing", "blank"),
        ({"elements": "data"}, "elements", "out"),
        ({"kind": "json", "skip_lines": 1}, "skip_lines", "out"),
        ({"kind": "json", "encoding": "cp949"}, "encoding", "out"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_key(change: dict, key: str, told: str) -> None:
    with pytest.raises(MappingRefused) as caught:
        read_mapping(GOOD | change)
    assert caught.value.key == key
    assert told in f"{caught.value.detail} {caught.value.remedy}"
    assert caught.value.detail.endswith((".", ")."))


@pytest.mark.parametrize("document", [b"", b"[]", b"{", b"\xff", b"[" * 5_000, b" " * 70_000, 7])
def test_what_is_no_mapping_at_all(document: object) -> None:
    with pytest.raises(MappingRefused):
        read_mapping(document)


@given(st.sets(st.sampled_from(TERMS)), st.data())
@settings(max_examples=20)
def test_written_and_read_again_it_is_the_same(terms: set[str], data: st.DataObject) -> None:
    held = TERMS_NEEDED | {word: f"c {word}" for word in terms - {"date", "time-of-day"}}
    held.pop("tag-local-identifier", None)
    first = read_mapping(GOOD | {"terms": held})
    units = {
        word: data.draw(st.sampled_from(sorted(UNITS[name])))
        for word, name in zip(first.terms, first.fields, strict=True)
        if name in UNITS
    }
    made = read_mapping(GOOD | {"terms": held, "units": units, "missing": ["-", "0"]})
    document = write_mapping(made)
    assert read_mapping(document) == made
    assert read_mapping(msgspec.json.encode(document)) == made
    assert write_mapping(read_mapping(document)) == document


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(
    st.dictionaries(st.sampled_from(["kind", "terms", "units", "tz", "missing", "x"]), json_values)
)
@settings(max_examples=30)
def test_any_document_is_a_mapping_or_refused(document: dict) -> None:
    told: MappingRefused | None = None
    try:
        read_mapping(document)
    except MappingRefused as refused:
        told = refused
    assert told is None or told.remedy
