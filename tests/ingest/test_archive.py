from __future__ import annotations

import gzip
import io
import random
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import UnreadablePush, left_out, open_push, unpack

TEXT = b"timestamp,location-long\n" * 50


def zipped(*files: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", method) as archive:
        for name, content in files:
            archive.writestr(name, content)
    return held.getvalue()


def code_of(payload: bytes, limit_bytes: int = 10_000_000) -> str:
    with pytest.raises(UnreadablePush) as caught:
        unpack(payload, limit_bytes=limit_bytes)
    assert caught.value.remedy
    return caught.value.code


@pytest.mark.parametrize(
    "payload",
    [
        TEXT,
        gzip.compress(TEXT),
        gzip.compress(TEXT) + b"\0" * 100,
        zipped(("a.csv", TEXT)),
        zipped(("a.csv", TEXT), method=zipfile.ZIP_STORED),
        zipped(("../../../etc/passwd", TEXT)),
    ],
    ids=["plain", "gzip", "gzip with padding", "zip", "zip stored", "zip with a path"],
)
def test_one_member_is_given_back(payload: bytes) -> None:
    assert unpack(payload, limit_bytes=len(TEXT)) == TEXT


@pytest.mark.parametrize("pack", [bytes, gzip.compress, lambda text: zipped(("a", text))])
def test_size_is_bounded(pack: object) -> None:
    assert callable(pack)
    assert code_of(pack(TEXT), limit_bytes=len(TEXT) - 1) == "too-large"


@pytest.mark.parametrize("pack", [gzip.compress, lambda text: zipped(("a", text))])
def test_bombs_are_stopped_by_their_growth(pack: object) -> None:
    assert callable(pack)
    assert code_of(pack(b"0" * 5_000_000)) == "archive-ratio"


def test_nested_archives_and_several_members_are_refused() -> None:
    assert code_of(gzip.compress(gzip.compress(TEXT))) == "archive-nested"
    assert code_of(zipped(("a", gzip.compress(TEXT)))) == "archive-nested"
    assert code_of(zipped(("a", TEXT), ("b", TEXT))) == "archive-members"
    assert code_of(zipped(("a", TEXT), method=zipfile.ZIP_BZIP2)) == "archive-method"


@pytest.mark.parametrize("note", [b"", b"PK"])
def test_a_zip_behind_another_is_told(note: bytes) -> None:
    held = io.BytesIO(zipped(("a.csv", TEXT)))
    with zipfile.ZipFile(held, "a") as archive:
        archive.comment = note
    whole = held.getvalue()
    assert unpack(whole, limit_bytes=len(TEXT)) == TEXT
    assert code_of(whole + whole) == "archive-trailing"
    assert code_of(zipped(("b.csv", TEXT)) + whole) == "archive-trailing"


def test_the_records_of_a_large_zip_are_part_of_it() -> None:
    """Some programs write those of zip64 (APPNOTE 4.3.14, 4.3.15) for files of any size."""
    whole = zipped(("a.csv", TEXT))
    at = whole.rindex(b"PK\5\6")
    large = b"PK\6\6" + bytes(52) + b"PK\6\7" + bytes(16)
    assert unpack(whole[:at] + large + whole[at:], limit_bytes=len(TEXT)) == TEXT
    assert code_of(whole[:at] + b"more" + whole[at:]) == "archive-trailing"


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED])
def test_a_workbook_in_an_archive_is_read(method: int) -> None:
    book = zipped(("[Content_Types].xml", b"<Types/>"), ("xl/workbook.xml", b"<workbook/>"))
    assert unpack(book, limit_bytes=10_000) == book
    assert unpack(zipped(("a.xlsx", book), method=method), limit_bytes=10_000) == book
    assert unpack(gzip.compress(book), limit_bytes=10_000) == book
    assert code_of(zipped(("a.zip", zipped(("a.csv", TEXT))), method=method)) == "archive-nested"


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.binary(max_size=40), min_size=1, max_size=6),
    st.integers(1, 9),
    st.binary(max_size=3),
)
def test_members_of_a_gzip_are_one_text(parts: list[bytes], piece_bytes: int, tail: bytes) -> None:
    whole = b"\0\0".join(gzip.compress(b"," + part) for part in parts) + b"\0" + tail
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("ingest.archive.PIECE_BYTES", piece_bytes)
        if tail.strip(b"\0"):
            assert code_of(whole) in {"archive-trailing", "archive-damaged"}
        else:
            text = b"".join(b"," + part for part in parts)
            assert unpack(whole, limit_bytes=1_000) == text


def test_what_macos_adds_to_a_zip_is_left_out_and_told() -> None:
    sent = zipped(("cranes.csv", TEXT), ("__MACOSX/._cranes.csv", b"\0\5\x16\7"))
    assert unpack(sent, limit_bytes=len(TEXT)) == TEXT
    (warning,) = open_push(io.BytesIO(sent), limit_bytes=10_000).left_out
    assert warning.code == "archive-members-left-out"
    assert "'__MACOSX/._cranes.csv'" in warning.detail
    for plain in (zipped(("a", TEXT)), gzip.compress(TEXT), TEXT, sent[:-9]):
        assert left_out(io.BytesIO(plain)) == []


@given(st.integers(0, 200), st.booleans())
def test_truncation_is_told(cut: int, as_zip: bool) -> None:  # noqa: FBT001 - a test's parameter
    whole = zipped(("a", TEXT)) if as_zip else gzip.compress(TEXT)
    part = whole[: min(cut, len(whole) - 1)]
    if len(part) < 4:
        return
    assert code_of(part) in {"archive-damaged", "archive-members"}


@given(st.integers(0, 2**32))
def test_damaged_bytes_never_raise_anything_else(seed: int) -> None:
    rng = random.Random(seed)
    for whole in (zipped(("a", TEXT)), gzip.compress(TEXT)):
        damaged = bytearray(whole)
        for _ in range(3):
            damaged[rng.randrange(4, len(damaged))] = rng.randrange(256)
        try:
            content = unpack(bytes(damaged), limit_bytes=100_000)
        except UnreadablePush:
            continue
        assert len(content) <= 100_000
