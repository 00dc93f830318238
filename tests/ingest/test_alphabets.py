"""Which encodings make words of foreign bytes: the true one is always named, and shown."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import ENCODINGS, decode
from ingest.alphabets import Foreign

NOW_US = 1_795_000_000_000_000
HEADER = "timestamp,location-long,location-lat,individual-local-identifier\n"
ROW = "2020-01-01 00:00:00,116,29,{}\n"
NAMES = {
    "cp949": ["두루미 3", "재두루미"],
    "gb18030": ["丹顶鹤", "白枕鹤、雌"],
    "shift-jis": ["マナヅル A", "丹頂鶴"],
    "koi8-r": ["Журавль", "стерх 2"],
    "windows-1251": ["Журавль", "стерх № 2"],
    "latin-1": ["Grúa", "Müller"],
}


def told(names: list[str], encoding: str) -> str:
    text = HEADER + ROW.format("plain") + "".join(map(ROW.format, names))
    (warning,) = decode(text.encode(ENCODINGS[encoding]), now_us=NOW_US).warnings
    assert warning.code == "encoding-assumed"
    return warning.detail


@pytest.mark.parametrize("encoding", NAMES)
def test_lines_are_counted_the_first_is_shown_and_the_true_encoding_named(encoding: str) -> None:
    names = NAMES[encoding]
    detail = told(names, encoding)
    assert detail.startswith("2 line(s) are not UTF-8")
    assert "line 3:" in detail
    assert f"{encoding} ({names[0]!r})" in detail
    assert "decoded again" in detail


@pytest.mark.parametrize("encoding", sorted(NAMES.keys() - {"gb18030"}))
def test_the_true_encoding_is_named_first(encoding: str) -> None:
    first = re.search(r"script in: ([a-z0-9-]+) ", told(NAMES[encoding], encoding))
    assert first is not None
    assert first[1] == encoding


def test_one_line_decides_between_encodings() -> None:
    assert "cp949" in told(["丹顶鹤"], "gb18030")  # its six bytes are three syllables, too
    assert "cp949" not in told(["丹顶鹤", "白枕鹤"], "gb18030")


def test_the_push_decoded_again_with_the_encoding_has_the_true_names() -> None:
    text = (HEADER + "".join(map(ROW.format, NAMES["cp949"]))).encode("cp949")
    again = decode(text, encoding="cp949", now_us=NOW_US)
    assert again.records["individual"].to_list() == NAMES["cp949"]
    assert again.warnings == []


def test_noise_is_words_in_no_encoding() -> None:
    foreign = Foreign()
    foreign.add(b"a,\xff\xfe\n\x98\x20\xff\n")
    (warning,) = foreign.told()
    assert "in none of cp949" in warning.detail
    assert warning.detail.endswith("or send UTF-8.")


def test_more_cells_than_are_remembered_are_all_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.alphabets.PARTS_MAX", 1)
    foreign = Foreign()
    foreign.add("두루미\n재두루미\n".encode("cp949") + b"\xb5\xff\n")
    assert "in none of" in foreign.told()[0].detail


@settings(max_examples=40, deadline=None)
@given(st.lists(st.binary(max_size=12), max_size=8), st.integers(0, 7))
def test_parts_of_a_text_are_judged_as_the_whole(lines: list[bytes], cut: int) -> None:
    lines = [line.replace(b"\n", b"") for line in lines]
    whole, parts = Foreign(), Foreign()
    whole.add(b"".join(line + b"\n" for line in lines))
    parts.add(b"".join(line + b"\n" for line in lines[:cut]))
    parts.add(b"".join(line + b"\n" for line in lines[cut:]))
    assert parts.told() == whole.told()


def test_lines_that_are_utf8_among_others_are_told_too() -> None:
    """The bytes of two characters of GBK are two letters of Cyrillic in UTF-8."""
    detail = told(["小小", "丹顶鹤", "小"], "gb18030")
    assert detail.startswith("1 line(s) are not UTF-8")
    assert "2 other line(s) have letters that are UTF-8" in detail
    assert f"line 3: {'小小'.encode('gb18030').decode()!r}" in detail
