from __future__ import annotations

import io
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest import (
    ENCODINGS,
    Decoded,
    UnreadablePush,
    decode,
    decode_pieces,
    decode_reference,
    open_push,
)
from ingest.__main__ import Reading, check
from ingest.encoding import to_utf8

NOW_US = 1_795_000_000_000_000
ROWS = "timestamp,location-long,location-lat,tag-id,{}\n2020-01-01 00:00:00,116,{},7,{}\n"


@pytest.mark.parametrize(
    ("encoding", "word"),
    [
        ("gb18030", "丹顶鹤"),
        ("gb18030", "𠀋"),
        ("cp949", "두루미"),
        ("shift-jis", "丹頂鶴ﾂﾙ"),
        ("koi8-r", "Журавль"),
        ("windows-1251", "Журавль"),
        ("latin-1", "Grúa"),
        ("utf-16", "두루미"),
        ("utf-8", "丹顶鹤"),
    ],
)
def test_a_declared_encoding_is_read(encoding: str, word: str) -> None:
    payload = ROWS.format("individual-local-identifier", 29, word).encode(ENCODINGS[encoding])
    decoded = decode(payload, encoding=encoding, now_us=NOW_US)
    assert decoded.records["individual"].to_list() == [word]
    assert decoded.warnings == []


@pytest.mark.parametrize(
    ("encoding", "header"),
    [
        ("gb18030", "编号,时间,经度,纬度"),
        ("cp949", "번호,시간,경도,위도"),
        ("shift-jis", "番号,時刻,経度,緯度"),
        ("koi8-r", "номер,время,долгота,широта"),
        ("windows-1251", "номер,время,долгота,широта"),
    ],
)
def test_a_header_line_shows_its_encoding(encoding: str, header: str) -> None:
    text, warnings = to_utf8(f"{header}\n1,2,3,4\n".encode(ENCODINGS[encoding]))
    assert text.decode().startswith(header)
    assert [w.code for w in warnings] == ["encoding-assumed"]
    assert encoding in warnings[0].detail


@pytest.mark.parametrize("encoding", ["utf-16", "gb18030", "cp949", "utf-8", "latin-1"])
def test_refusals_name_their_place_in_the_bytes_as_sent(encoding: str) -> None:
    name = "가" if encoding == "cp949" else "é"
    text = ROWS.format("individual-local-identifier", 29, name) + "x,116,29,7,Ада\n"
    payload = text.encode(ENCODINGS[encoding], errors="replace")
    refusal = decode(payload, encoding=encoding, now_us=NOW_US).refusals[0]
    offset = refusal.offset or 0
    rest = payload[offset:]
    assert rest.replace(b"\0", b"").startswith(b"x,116,29,7")


def test_utf16_without_a_mark_has_the_places_of_utf16() -> None:
    # The bytes of U+0A4E hold one that ends a line in any other encoding.
    text = ROWS.format("individual-local-identifier", 29, "\u0a4e") + "x,116,29,7,b\n"
    sent = text.encode("utf-16-le")
    refusal = decode(sent, encoding="utf-16", now_us=NOW_US).refusals[0]
    assert sent[refusal.offset or 0 :].decode("utf-16-le") == "x,116,29,7,b\n"
    found = check("u16.csv", io.BytesIO(sent), Reading(encoding="utf-16"), NOW_US)
    assert found.refusals[0].line == 3


def test_damaged_characters_are_told_and_cost_no_line() -> None:
    payload = ROWS.format("a", 29, "鹤").encode("gb18030").replace(b"\n2020", b"\xff\n2020")
    text, warnings = to_utf8(payload, "gb18030")
    assert text.count(b"\n") == payload.count(b"\n")
    assert [w.code for w in warnings] == ["encoding-damaged"]


def test_latin_1_is_read_line_by_line_with_a_warning() -> None:
    text, warnings = to_utf8("a,é\n".encode() + "b,é\n".encode("latin-1"))
    assert text.decode() == "a,é\nb,é\n"
    assert [warning.code for warning in warnings] == ["encoding-assumed"]
    assert "1 line" in warnings[0].detail


def test_cut_utf_16_is_told() -> None:
    _, warnings = to_utf8("a,b\n1,2".encode("utf-16")[:-1])
    assert [warning.code for warning in warnings] == ["encoding-damaged"]


def test_an_unknown_encoding_is_told() -> None:
    with pytest.raises(UnreadablePush) as caught:
        to_utf8(b"", "ebcdic")
    assert caught.value.code == "encoding-unknown"


@given(st.binary(max_size=60), st.sampled_from([None, *ENCODINGS]))
def test_any_bytes_become_utf_8(payload: bytes, encoding: str | None) -> None:
    text, _ = to_utf8(payload, encoding)
    text.decode("utf-8")


NAMED = "timestamp,location-long,location-lat,individual-local-identifier\n"
GOOD = "2020-01-01 00:00:00,116,29,鹤𠀋\n"


@pytest.mark.parametrize(
    ("encoding", "declared", "lost"),
    [
        ("utf-16", None, 1),  # half a unit
        ("utf-16", None, 2),  # half of a pair
        ("utf-16", None, 3),
        ("utf-8", None, 1),
        ("utf-8", "utf-8", 2),
        ("gb18030", "gb18030", 1),
    ],
)
def test_a_name_that_is_cut_within_a_character_is_no_name(
    encoding: str, declared: str | None, lost: int
) -> None:
    payload = (NAMED + GOOD + GOOD.removesuffix("\n")).encode(encoding)[:-lost]
    decoded = decode(payload, encoding=declared, now_us=NOW_US)
    assert decoded.records["individual"].to_list() == ["鹤𠀋"]
    (refusal,) = decoded.refusals
    assert (refusal.unit, refusal.code) == (2, "character-damaged")
    assert [w.code for w in decoded.warnings] == ["encoding-damaged"]


def test_a_name_with_a_sign_for_a_lost_character_is_no_name() -> None:
    sent = (NAMED + GOOD + GOOD.replace("鹤", "\ufffd")).encode()
    decoded = decode(sent, now_us=NOW_US)
    assert [(r.unit, r.code) for r in decoded.refusals] == [(2, "character-damaged")]
    reference = "tag-id,animal-id,deploy-on-date\n7,\ufffd,2020-01-01\n8,a,2020-01-01\n"
    found = decode_reference(reference.encode(), tz="UTC", now_us=NOW_US)
    assert [(r.unit, r.code) for r in found.refusals] == [(1, "character-damaged")]


def test_one_name_at_the_end_of_ascii_is_latin_1() -> None:
    decoded = decode((NAMED + "2020-01-01 00:00:00,116,29,Andr").encode() + b"\xe9", now_us=NOW_US)
    assert decoded.records["individual"].to_list() == ["André"]


UTF8 = ROWS.format("individual-local-identifier", 29, "Журавль").encode()


@pytest.mark.parametrize("encoding", ["gb18030", "windows-1251", "latin-1", "cp949", "utf-16"])
def test_a_byte_order_mark_settles_the_encoding(encoding: str) -> None:
    payload = b"\xef\xbb\xbf" + UTF8
    for decoded in (
        decode(payload, encoding=encoding, now_us=NOW_US),
        in_pieces(payload, encoding),
    ):
        assert decoded.records["individual"].to_list() == ["Журавль"]
        assert [w.code for w in decoded.warnings] == ["encoding-suspect"]
        assert encoding in decoded.warnings[0].detail
    wide = UTF8.decode().encode("utf-16")
    assert decode(wide, encoding="gb18030", now_us=NOW_US).records["individual"][0] == "Журавль"


@pytest.mark.parametrize("encoding", ["gb18030", "koi8-r", "latin-1"])
def test_text_that_is_utf8_but_declared_otherwise_is_suspect(encoding: str) -> None:
    for decoded in (decode(UTF8, encoding=encoding, now_us=NOW_US), in_pieces(UTF8, encoding)):
        assert [w.code for w in decoded.warnings] == ["encoding-suspect"]
        assert decoded.units == 1
    plain = ROWS.format("individual-local-identifier", 29, "Ada").encode()
    assert in_pieces(plain, encoding).warnings == []


def in_pieces(payload: bytes, encoding: str) -> Decoded:
    push = open_push(io.BytesIO(payload), limit_bytes=1 << 20, encoding=encoding)
    first, *rest = decode_pieces(push, lines=1, now_us=NOW_US)
    return replace(first, warnings=[*first.warnings, *(w for each in rest for w in each.warnings)])
