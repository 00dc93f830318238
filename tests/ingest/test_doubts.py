"""Changes of clocks and times with and without a zone are counted, however the push is cut."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import (
    Correction,
    Decoded,
    decode,
    decode_many,
    decode_pieces,
    decode_reference,
    open_push,
    read_mapping,
)

NOW_US = 1_795_000_000_000_000
HEADER = "timestamp,location-long,location-lat,tag-id"
CODES = ("time-twice", "time-skipped", "zone-mixed")
JUMPS = {
    "Asia/Ulaanbaatar": ["2016-03-26 02:00", "2016-09-24 00:00"],
    "Asia/Vladivostok": ["2010-03-28 02:00", "2014-10-26 02:00"],
    "Asia/Pyongyang": ["2015-08-15 00:00", "2018-05-04 23:30"],
    "Asia/Shanghai": ["1991-04-14 02:00", "1991-09-15 02:00"],
}


def table(*times: str, turned: bool = False) -> bytes:
    """Write a table of events; turned round, with its columns in the other order."""
    lines = [HEADER, *(f"{time},116,29,T1" for time in times)]
    return "\n".join(",".join(line.split(",")[:: -1 if turned else 1]) for line in lines).encode()


def told(decoded: Decoded) -> dict[str, str]:
    return {w.code: w.detail for w in decoded.warnings if w.code in CODES}


def in_pieces(sent: bytes, tz: str, lines: int) -> dict[str, str]:
    push = open_push(io.BytesIO(sent), limit_bytes=1 << 20)
    return told(list(decode_pieces(push, tz=tz, now_us=NOW_US, lines=lines))[-1])


def kind(face: datetime, tz: str) -> str:
    """Say of a clock face whether it happened once, twice or never."""
    before, after = (
        face.replace(tzinfo=ZoneInfo(tz), fold=fold).utcoffset() or timedelta() for fold in (0, 1)
    )
    return "once" if before == after else "time-twice" if before > after else "time-skipped"


@st.composite
def faces(draw: st.DrawFn) -> tuple[str, list[datetime]]:
    """Clock faces near the times at which the clocks of a zone were changed."""
    tz = draw(st.sampled_from(sorted(JUMPS)))
    near = st.builds(
        lambda jump, minutes: datetime.fromisoformat(jump) + timedelta(minutes=minutes),
        st.sampled_from(JUMPS[tz]), st.integers(-90, 90),
    )  # fmt: skip
    return tz, draw(st.lists(near, min_size=1, max_size=40))


@settings(max_examples=15)
@given(
    drawn=faces(),
    stated=st.integers(0, 3),
    lines=st.integers(1, 30),
    turned=st.booleans(),
)
def test_changes_of_clocks_are_counted(
    drawn: tuple[str, list[datetime]], stated: int, lines: int, *, turned: bool
) -> None:
    tz, clocks = drawn
    texts = [clock.isoformat(sep=" ") for clock in clocks]
    sent = table(*texts, *[f"{texts[0]}Z"] * stated, turned=turned)
    whole = decode(sent, tz=tz, now_us=NOW_US)
    assert whole.records["time_us"].to_list()[: len(clocks)] == [
        clock.replace(tzinfo=ZoneInfo(tz), fold=0).timestamp() * 1e6 for clock in clocks
    ]
    found = told(whole)
    for code in CODES[:2]:
        mine = [text for text, clock in zip(texts, clocks, strict=True) if kind(clock, tz) == code]
        assert (code in found) == bool(mine)
        if mine:
            assert found[code].startswith(f"{len(mine)} time(s)")
            assert repr(mine[0]) in found[code]
    assert ("zone-mixed" in found) == bool(stated)
    assert in_pieces(sent, tz, lines) == found


@pytest.mark.parametrize("tz", ["UTC", "UTC+8", "Asia/Tokyo"])
def test_of_clocks_that_stay_there_is_nothing_to_tell(tz: str) -> None:
    sent = table("2016-03-26 02:30", "2016-09-24 00:30", "nonsense", "")
    assert told(decode(sent, tz=tz, now_us=NOW_US)) == {}


def test_times_with_and_without_a_zone_are_told() -> None:
    mixed = ["2018-07-05 10:48", "2018-07-05T10:48:00Z", "2018-07-05 10:48+08:00", "soon"]
    (detail,) = told(decode(table(*mixed), tz="Asia/Seoul", now_us=NOW_US)).values()
    assert detail.startswith("2 time(s) carry Z or an offset and keep it; 1 carry none")
    assert "Asia/Seoul" in detail
    for alike in (mixed[:1], mixed[1:3]):
        assert told(decode(table(*alike), tz="Asia/Seoul", now_us=NOW_US)) == {}


def test_a_maker_who_states_utc_leaves_no_doubt() -> None:
    row = "2019-07-18 {}:18:32{},38.5,-76.25\n".format
    text = "serial,GPS_YYYY-MM-DD_HH:MM:SS,lat,lon\n1," + row(19, "") + "1," + row(20, "Z")
    decoded = decode(text.encode(), tz="Asia/Ulaanbaatar", now_us=NOW_US)
    assert (decoded.format, decoded.records.height, told(decoded)) == ("ctt-csv", 2, {})


def test_a_pattern_has_doubts_too() -> None:
    terms = {"timestamp": "t", "location-long": "x", "location-lat": "y", "tag-id": "n"}
    mapping = read_mapping({"kind": "table", "terms": terms, "time_format": "%d/%m/%y %H:%M"})
    text = b"t,x,y,n\n26/03/16 02:30,116,29,T1\n"
    decoded = decode(text, mapping=mapping, tz="Asia/Ulaanbaatar", now_us=NOW_US)
    assert decoded.records["time_us"].to_list() == [
        datetime(2016, 3, 25, 18, 30, tzinfo=UTC).timestamp() * 1e6
    ]
    assert list(told(decoded)) == ["time-skipped"]


@pytest.mark.parametrize("lines", [2, 100])
def test_what_is_read_again_with_a_correction_is_counted_once(lines: int) -> None:
    sent = table(*["2016-03-26 02:30"] * 3, "soon", *["2016-09-23 23:30"] * 40)
    mended = Correction(4, "soon,116,29,T1", "2016-03-26 02:31,116,29,T1")
    for corrections, skipped in ([], "3 time(s)"), ([mended], "4 time(s)"):
        push = open_push(io.BytesIO(sent), limit_bytes=1 << 20)
        parts = list(decode_pieces(push, tz="Asia/Ulaanbaatar", corrections=corrections,
                                   now_us=NOW_US, lines=lines))  # fmt: skip
        found = told(parts[-1])
        assert found["time-skipped"].startswith(skipped)
        assert found["time-twice"].startswith("40 time(s)")


def test_reference_data_have_doubts_too() -> None:
    text = b"tag-id,animal-id,deploy-on-date\n7,Ada,2016-03-26 02:30\n8,Bo,2016-03-26T02:30Z\n"
    found = decode_reference(text, tz="Asia/Ulaanbaatar", now_us=NOW_US)
    assert [w.code for w in found.warnings] == ["time-skipped", "zone-mixed"]
    short = decode_reference(text.replace(b"2016-03-26 02:30", b"26/3/16"), tz="UTC", now_us=NOW_US)
    assert [r.code for r in short.refusals] == ["year-of-two-digits"]


def test_pushes_of_json_read_together_are_told_one_by_one() -> None:
    def push(*times: str) -> bytes:
        fixes = (f'{{"tag":"7","time":"{time}","lon":1,"lat":2}}' for time in times)
        return f"[{','.join(fixes)}]".encode()

    sent = [
        push("2016-03-26 02:30"),
        push("2016-03-26 01:30Z"),
        push("2016-09-23 23:30", "2018-01-01 00:00Z"),
    ]
    found = decode_many(sent, format="flyways-json", tz="Asia/Ulaanbaatar", now_us=[NOW_US] * 3)
    assert [list(told(each)) for each in found if isinstance(each, Decoded)] == [
        ["time-skipped"], [], ["time-twice", "zone-mixed"]
    ]  # fmt: skip


def test_the_example_is_short_whatever_was_sent() -> None:
    sent = "2016-03-26" + " " * 5_000 + "02:30"
    (detail,) = told(decode(table(sent), tz="Asia/Ulaanbaatar", now_us=NOW_US)).values()
    assert "the first in the push is '2016-03-26 " in detail
    assert len(detail) < 400


@pytest.mark.parametrize(
    ("last", "end", "is_told"),
    [("71", "", True), ("", "", True), ("7124", "", False), ("71", "\n", False)],
)
@pytest.mark.parametrize("lines", [20, 1_000])
def test_a_last_cell_that_looks_cut_is_told(
    last: str, end: str, lines: int, *, is_told: bool
) -> None:
    header = "tag-id,timestamp,location-long,location-lat,individual-local-identifier"
    rows = [f"7,2024-03-01 08:{n:02},80.5,46.1,7123" for n in range(60)]
    text = "\n".join([header, *rows, f"7,2024-03-01 09:00,80.5,46.1,{last}"]) + end
    push = open_push(io.BytesIO(text.encode()), limit_bytes=1 << 20)
    found = [*decode_pieces(push, now_us=NOW_US, lines=lines)]
    assert sum(piece.records.height for piece in found) == 61
    warnings = {each.code: each.detail for each in found[-1].warnings}
    assert ("last-line-open" in warnings) is is_told
    assert not is_told or f"46.1,{last}'" in warnings["last-line-open"]
