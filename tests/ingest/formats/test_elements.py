from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import UnreadablePush, decode
from ingest.formats.elements import begins_json, cut, first_keys, parse


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.dictionaries(st.text(max_size=4), st.one_of(st.integers(), st.text(max_size=5)),
                             max_size=3), max_size=6),
    st.sampled_from(["array", "list", "lines", "sequence"]),
    st.sampled_from([None, 1]),
)  # fmt: skip
def test_every_element_stands_at_its_offset(
    sent: list[dict[str, object]], shape: str, indent: int | None
) -> None:
    texts = [
        json.dumps(each, indent=indent if shape in {"array", "list"} else None) for each in sent
    ]
    if shape == "array":
        payload = "[" + " , ".join(texts) + "]"
    elif shape == "list":
        payload = '{"a": 1, "contents": [' + ",".join(texts) + "]}"
    else:
        begin = "\x1e" if shape == "sequence" else ""
        payload = "".join(f"{begin}{text}\n" for text in texts) or "[]"
    found = cut(payload.encode(), ["contents"])
    assert [parse(raw) for raw in found.raws] == sent
    for unit, text in enumerate(texts, start=1):
        excerpt, offset = found.origin(unit)
        assert payload.encode()[offset:].startswith(text.encode())
        assert text.startswith(excerpt)


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"1", "not-an-object"),
        (b'{"a":1,"a":2}', "duplicate-key"),
        (b'{"a":{"b":1,"b":2}}', "duplicate-key"),
        (b"{", "json-malformed"),
        (b"[" * 100_000, "line-too-long"),
    ],
)
def test_elements_that_cannot_be_read(raw: bytes, code: str) -> None:
    assert parse(raw) == code


def test_first_bytes() -> None:
    assert begins_json(b'\xef\xbb\xbf \x1e{"a"')
    assert not begins_json(b"a,b")
    assert first_keys(b'[{"a": {"b" : 1}, "c') == {"a", "b"}


@pytest.mark.parametrize(
    ("payload", "units", "unread"),
    [
        (b'{"fixes": [{"a": 1}], "data": [{}, {}, 3], "b": [1]}', 1, {"data": 2}),
        (b'{"data": [{}], "fixes": [{"a": 1}]}', 1, {"data": 1}),
        (b'{"data": [{"x": 0x1}], "fixes": [{"a": 1}, {"b": 1}], "c": [{}]}', 2,
         {"data": 1, "c": 1}),
        (b'{"data": [{}], "fixes": [{"a": 1}, {"b": 1}], "c": [{}]} more', 3,
         {"data": 1, "c": 1}),
        (b'{"data": [{}], "fixes": [{"a": 1}, {"b": 1}, {"c": [{}]', 3, {"data": 1}),
        (b'{"fixes": [], "more": [[{}]], "text": "[{"}', 0, {}),
        (b'[{"fixes": 1, "data": [{}]}]', 1, {}),
    ],
)  # fmt: skip
def test_arrays_beside_the_one_that_is_read_are_counted(
    payload: bytes, units: int, unread: dict[str, int]
) -> None:
    found = cut(payload, ["fixes"])
    assert (len(found.raws), found.unread) == (units, unread)


def test_a_push_of_unread_arrays_alone_is_refused() -> None:
    with pytest.raises(UnreadablePush) as caught:
        cut(b'{"fixes": [], "more": [{"a": 1}]}', ["fixes"])
    assert caught.value.code == "json-unreadable"
    assert "more" in caught.value.detail


RECORD = {"uuid": "7", "timestamp": "2024-04-01T10:00:00Z", "updated_at": "", "longitude": 116.25,
          "latitude": 29.5}  # fmt: skip


@pytest.mark.parametrize(
    ("sent", "under"),
    [
        ({"code": 200, "data": [RECORD]}, "data"),
        ({"data": {"locations": [RECORD], "total": 1}}, "data.locations"),
        ({"positions": [RECORD] * 1_000}, "positions"),
        ({"rows": [{"who": "7", "when": "2024-04-01"}]}, "rows"),  # of no maker
    ],
)
def test_a_document_that_holds_its_records_where_nobody_looks_is_told_so(
    sent: dict[str, object], under: str
) -> None:
    """It was one unit without a tag, or too long a line, whatever it held."""
    with pytest.raises(UnreadablePush, match=f"objects under \\['{under}'\\]") as refused:
        decode(json.dumps(sent).encode(), now_us=1_795_000_000_000_000)
    assert refused.value.code == "json-unreadable"


@pytest.mark.parametrize("sent", [{"uuid": "7", "more": [RECORD]}, {"more": [1]}, {"more": {}}])
def test_one_element_is_refused_by_itself(sent: dict[str, object]) -> None:
    decoded = decode(json.dumps(sent).encode(), format="druid-json", now_us=1_795_000_000_000_000)
    assert (decoded.records.height, len(decoded.refusals)) == (0, 1)
