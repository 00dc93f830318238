from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import UnreadablePush
from ingest.formats.lines import LINE_MAX_CHARS, text_lines


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from(["ab", "  cd e", "", "f\xe9"]), max_size=8),
       st.sampled_from(["\n", "\r\n", "\r"]))  # fmt: skip
def test_every_line_stands_at_its_offset(lines: list[str], end: str) -> None:
    payload = end.join(lines).encode("latin-1")
    found = text_lines(payload)
    assert found["text"].to_list() == [line for line in lines if line]
    for text, offset in found.iter_rows():
        assert payload[offset:].decode("latin-1").startswith(text)


def test_a_byte_order_mark_is_no_text() -> None:
    assert text_lines(b"\xef\xbb\xbfab")["text"].str.strip_chars().to_list() == ["ab"]


def test_long_lines_are_cut() -> None:
    assert text_lines(b"x" * 5_000)["text"].str.len_chars().to_list() == [LINE_MAX_CHARS]


def test_too_many_lines_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.formats.lines.LINES_MAX", 2)
    with pytest.raises(UnreadablePush) as caught:
        text_lines(b"\n\n\n")
    assert caught.value.code == "too-many-units"
