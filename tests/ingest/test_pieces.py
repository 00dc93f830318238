"""A push read in pieces of any size is what it is as a whole, in every format that can be cut."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Callable, Sequence

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import (
    Correction,
    Decoded,
    UnreadablePush,
    decode,
    decode_pieces,
    open_push,
    pieces,
    read_mapping,
)
from ingest.mapping import ColumnMapping

NOW_US = 1_795_000_000_000_000
LIMIT = 1 << 24
CUTTABLE = (
    "events_hyphen.csv", "events_dotted.csv", "events_snake_comma.csv", "events_argos.csv",
    "fixes_ctt.csv", "fixes_ornitela.csv", "locations_wildlife.csv", "positions_vectronic.csv",
    "passes_stat.txt", "report_telonics.csv", "passes_cls.csv", "passes.dia",
    "fixes_eobs.txt", "engineering_microwave.txt",
)  # fmt: skip
ODD = (
    b"", b"  ", b'"', b'a"b', b'"x', b'y",z', b'1,"2\n3",4', b"\0", b"\xe9", b"caf\xe9,1,2",
    "경도,鹤".encode(), "두루미,1".encode("cp949"),
    "Журавль".encode("koi8-r"), b"\xef\xbb\xbf", b"\r", b"a\rb", b"1" * 2_000, b",,,,,,,,,,",
    b"\t\t",
    b" Prog 01234 ", b"Lat1 : 1.0N  Lon1 : 1.0E", b"{}", b"{", b'{"fixes": [', b"<a>", b"NA",
)  # fmt: skip

PIECE = st.integers(1, 5).map(lambda n: n * n)
"""Lines of a piece."""

Told = tuple[str, list[tuple[object, ...]], list[object], list[tuple[str, str]]]


def joined(parts: Sequence[Decoded]) -> Decoded:
    assert not any(part.warnings for part in parts[:-1])
    return Decoded(
        parts[-1].format,
        pl.concat([part.records for part in parts]),
        [refusal for part in parts for refusal in part.refusals],
        parts[-1].warnings,
    )


def told(read: Callable[[], Decoded]) -> Told | str:
    """Everything a decoding says, or the code of what it raises."""
    try:
        found = read()
    except UnreadablePush as unreadable:
        return unreadable.code
    warnings = sorted((warning.code, warning.detail) for warning in found.warnings)
    return found.format, found.records.rows(), list(found.refusals), warnings


def assert_same(
    sent: bytes,
    lines: int,
    *,
    form: str | None = None,
    encoding: str | None = None,
    mapping: ColumnMapping | None = None,
    corrections: Sequence[Correction] = (),
    datum: str = "wgs84",
    date_order: str | None = None,
    plain: bytes | None = None,
) -> int:
    """Compare; return how many pieces there were."""
    count = 0

    def in_pieces() -> Decoded:
        nonlocal count
        push = open_push(
            io.BytesIO(sent), limit_bytes=LIMIT, format=form, encoding=encoding, mapping=mapping
        )
        found = list(
            decode_pieces(
                push,
                tz="UTC+9",
                datum=datum,
                date_order=date_order,
                corrections=corrections,
                now_us=NOW_US,
                lines=lines,
            )
        )
        count = len(found)
        return joined(found)

    def whole() -> Decoded:
        return decode(
            sent if plain is None else plain, format=form, tz="UTC+9", encoding=encoding,
            datum=datum, date_order=date_order, mapping=mapping, corrections=corrections,
            now_us=NOW_US,
        )  # fmt: skip

    assert told(in_pieces) == told(whole)
    return count


@st.composite
def spoilt(draw: st.DrawFn, rows: Sequence[bytes]) -> bytes:
    """Rows of a file, repeated, mixed with lines that belong to none, in some line ends."""
    good = st.sampled_from(rows)
    mixed = draw(
        st.lists(st.one_of(good, good, good, st.sampled_from(ODD)), min_size=10, max_size=24)
    )
    end = draw(st.sampled_from([b"\n", b"\r\n", b"\n\n"]))
    return end.join(mixed) + draw(st.sampled_from([b"", end]))


def blocks(payload: bytes) -> list[list[bytes]]:
    """Passes of a DIAG file."""
    found: list[list[bytes]] = [[]]
    for line in payload.splitlines(keepends=True):
        if b"Date :" in line:
            found.append([])
        found[-1].append(line)
    return found


@pytest.mark.parametrize("name", CUTTABLE)
@settings(max_examples=5)
@given(data=st.data())
def test_pieces_say_what_the_whole_says(
    sample: Callable[[str], bytes], name: str, data: st.DataObject
) -> None:
    payload = sample(name)
    lines = payload.splitlines()
    # The lines above the rows stay in their place; DIAG has none.
    heads = (n for n, line in enumerate(lines, 1) if b"ongitude" in line or b"long" in line)
    kept = len(lines) if name == "passes.dia" else next(heads, 0)
    if name == "passes_stat.txt":
        kept = next(n for n, line in enumerate(lines, 1) if line.startswith(b"uid"))
    rows = lines[kept:] or [b"".join(block) for block in blocks(payload)]
    above = b"" if name == "passes.dia" else b"".join(line + b"\n" for line in lines[:kept])
    sent = above + data.draw(spoilt(rows))
    sent = data.draw(st.sampled_from([b"", b"\xef\xbb\xbf"])) + sent
    assert_same(sent, data.draw(PIECE), form=None if above else "argos-diag")


@settings(max_examples=8)
@given(data=st.data())
def test_objects_a_line_too(sample: Callable[[str], bytes], data: st.DataObject) -> None:
    rows = [
        b'{"tag":"A","time":"2024-03-01T08:00:00Z","lon":1,"lat":2}',
        b'{"tag":"A","time":"2004-03-01T08:00:00Z","lon":1,"lat":200}',
        b'\x1e{"tag":"B","time":"2024-03-01T09:00:00Z","dop":5000,"moon":1,"sun":2}',
        b'{"tag":"B","time":"2024-03-01T09:00:00Z","sun":[{"fixes": []}]}',
        b'{"type":"Feature","geometry":{"type":"Point","coordinates":[1,2]},"properties":{"tag":"A",'
        b'"time":"2024-03-01T08:00:00Z"}}',
    ]
    form = data.draw(st.sampled_from([None, "flyways-json", "geojson-points"]))
    sent = data.draw(spoilt(rows))
    if data.draw(st.booleans()):
        sent = rows[0] + b"\n" + sent
    assert_same(sent, data.draw(PIECE), form=form)


TERMS = {
    "timestamp": "时间", "location-long": "经度", "location-lat": "纬度", "tag-id": "编号",
    "height-above-msl": "高度",
}  # fmt: skip


@settings(max_examples=8)
@given(data=st.data())
def test_a_mapping_in_any_encoding_too(data: st.DataObject) -> None:
    encoding = data.draw(st.sampled_from(["utf-8", "gb18030", "utf-16"]))
    day = st.integers(1, 25).map(
        lambda n: f"{n:02}/0{n % 5 + 1}/2023 08:00,116.3,29.{n},鹤{n},x{n}"
    )
    rows = "\n".join(data.draw(st.lists(day, min_size=0, max_size=90)))
    text = "一\n二\n时间,经度,纬度,编号,高度\n" + rows
    sent = text.encode(encoding) + data.draw(st.sampled_from([b"", b"\n\x81", b"\n\xff\xff,1"]))
    mapping = read_mapping(
        {"kind": "table", "terms": TERMS, "time_format": "%d/%m/%Y %H:%M", "skip_lines": 2}
    )
    assert_same(
        sent, data.draw(PIECE), mapping=mapping, datum="gcj02",
        encoding=data.draw(st.sampled_from([None, encoding])),
    )  # fmt: skip


HEADER = b"timestamp,location-long,location-lat,tag-id\n"


def table(n: int) -> bytes:
    """Refuse every tenth row, run every seventh over two lines, set tag 3 back at first."""
    rows = []
    for k in range(n):
        year = 2026 - 19 * (k % 4 == 3 and k < n // 2)
        lat = 134.8 if k % 10 == 9 else 34.8
        tag = f'"{k % 4}\n0"' if k % 7 == 6 else str(k % 4)
        rows.append(f"{year}-0{k % 9 + 1}-0{k % 7 + 1} 0{k % 8}:00:00,127.5,{lat},{tag}\n")
    return HEADER + "".join(rows).encode()


@settings(max_examples=6)
@given(
    lines=st.integers(5, 60),
    units=st.lists(st.integers(1, 130), unique=True, max_size=8),
    mended=st.sampled_from(["2024-03-01 09:00:00,127.5,34.8,A", "a\nb", "still,1,2"]),
)
def test_corrections_reach_their_unit(lines: int, units: list[int], mended: str) -> None:
    sent = table(120)
    plain = decode(sent, now_us=NOW_US)
    whole = {refusal.unit: refusal.excerpt for refusal in plain.refusals}
    corrections = [Correction(unit, whole.get(unit, "?"), mended) for unit in units]
    assert assert_same(sent, lines, corrections=corrections) > 2


def zipped(plain: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", plain)
    return made.getvalue()


@pytest.mark.parametrize("pack", [gzip.compress, zipped, bytes])
def test_packed_or_not_it_is_the_same(pack: Callable[[bytes], bytes]) -> None:
    plain = table(500)
    assert assert_same(pack(plain), 50, plain=plain) > 8


@pytest.mark.parametrize("pack", [gzip.compress, zipped])
def test_a_damaged_archive_is_told_before_anything_is_read(pack: Callable[[bytes], bytes]) -> None:
    packed = pack(table(500))
    for damaged in (packed[:-30], packed[:400] + b"\xff\xff" + packed[402:]):
        with pytest.raises(UnreadablePush) as caught:
            open_push(io.BytesIO(damaged), limit_bytes=LIMIT)
        assert caught.value.code == "archive-damaged"


def test_what_has_no_seam_has_a_limit_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("pieces", "sent"):
        monkeypatch.setattr(f"ingest.{module}.WHOLE_MAX_BYTES", 2_000)
        monkeypatch.setattr(f"ingest.{module}.PIECE_BYTES", 1_000)
    for sent in (b"[" + b'{"tag":1},' * 500 + b"1]", HEADER + b'1,"' + b"x" * 5_000):
        with pytest.raises(UnreadablePush) as caught:
            list(decode_pieces(open_push(io.BytesIO(sent), limit_bytes=LIMIT), now_us=NOW_US))
        assert caught.value.code == "document-too-large"
        assert "2,000 bytes" in caught.value.detail


def test_more_units_than_are_read_at_once_are_taken_up_to_a_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ingest.admission.UNITS_MAX", 60)
    sent = table(100)
    push = open_push(io.BytesIO(sent), limit_bytes=LIMIT)
    assert sum(part.units for part in decode_pieces(push, now_us=NOW_US, lines=30)) == 100
    monkeypatch.setattr(pieces, "PIECES_UNITS_MAX", 99)
    with pytest.raises(UnreadablePush) as caught:
        list(decode_pieces(push, now_us=NOW_US, lines=30))
    assert caught.value.code == "too-many-units"


def test_of_a_large_file_no_more_than_a_piece_is_held() -> None:
    sent = io.BytesIO(table(4_000))
    push = open_push(sent, limit_bytes=LIMIT)
    found = decode_pieces(push, now_us=NOW_US, lines=100)
    first = next(found)
    assert first.units < 110
    assert sum(part.units for part in found) + first.units == 4_000


@settings(max_examples=15)
@given(
    days=st.lists(st.tuples(st.integers(1, 28), st.integers(1, 12)), min_size=8, max_size=24),
    forms=st.lists(
        st.sampled_from(
            ["{0:02d}/{1:02d}/2023", "{1}.{0}.2023", "2023-{1:02d}-{0:02d}", "{0}/{1}/23",
             "{1}/{0}/23", "23/{1}/{0}"]
        ), min_size=1, max_size=3,
    ),
    rising=st.booleans(),
    lines=PIECE,
    order=st.sampled_from([None, "dmy", "mdy"]),
    head=st.sampled_from(
        ["timestamp,location-long,location-lat,tag-id", "GPS_YYYY-MM-DD_HH:MM:SS,lon,lat,serial"]
    ),
)  # fmt: skip
def test_the_order_of_dates_is_judged_by_all_rows(
    days: list[tuple[int, int]], forms: list[str], lines: int, order: str | None, head: str, *,
    rising: bool,
) -> None:  # fmt: skip
    """A day above the 12th in the last row tells how the first one is read."""
    days = sorted(days, key=lambda each: each[::-1]) if rising else days
    each = (forms[n % len(forms)].format(*day) for n, day in enumerate(days))
    rows = [f"{date} 5:06,116,29,T1" for date in each]
    pieces_read = assert_same("\n".join([head, *rows]).encode(), lines, date_order=order)
    assert pieces_read > 1 or lines > len(rows)


SECTIONS = (
    "timestamp,location-long,location-lat,tag-id,comments",
    "timestamp,location-lat,location-long,tag-id,comments",
    "tag-id,location-lat,timestamp,location-long,comments",
)


@settings(max_examples=5)
@given(
    parts=st.lists(
        st.tuples(st.sampled_from(SECTIONS), st.integers(9, 30)), min_size=2, max_size=4
    ),
    comment=st.sampled_from(["", '"', "x", '"a\nb"', '",']),
    end=st.sampled_from(["\n", "\r\n"]),
    encoding=st.sampled_from(["utf-8", "cp949"]),
    lines=PIECE,
)
def test_another_header_line_and_marks_for_as_above_are_the_same_in_pieces(
    parts: list[tuple[str, int]], comment: str, end: str, encoding: str, lines: int
) -> None:
    rows = [SECTIONS[0]]
    for head, count in parts:
        rows.append(head)
        rows += [f"2024-03-01 05:{n:02},46.{n},29,경도{n % 3},{comment}" for n in range(count)]
    assert_same((end.join(rows) + end).encode(encoding), lines + 8)


def test_what_an_archive_holds_besides_is_told_of_any_size() -> None:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr("__MACOSX/._a.csv", b"")
        archive.writestr("a.csv", table(100))
    for lines in (20, 1_000):
        push = open_push(held, limit_bytes=LIMIT)
        told = list(decode_pieces(push, now_us=NOW_US, lines=lines))[-1].warnings
        assert "archive-members-left-out" in [warning.code for warning in told]
