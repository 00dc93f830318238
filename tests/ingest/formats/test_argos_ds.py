from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import Decoded, UnreadablePush, decode, sniff

NOW_US = 1_795_000_000_000_000


def ds(text: str) -> Decoded:
    return decode(text.encode("latin-1"), format="argos-ds", now_us=NOW_US)


MESSAGE = "      2004-05-03 1{n}:00:00  1         76           00           00\n"


def located(ptt: int = 40_001, lat: str = "40.250", lon: str = "120.500", lines: int = 2) -> str:
    head = f"09660 {ptt:05}   {lines}  3 K 2 2004-05-03 10:50:50  {lat}  {lon}  0.000 401649689\n"
    return head + MESSAGE.format(n=0)


def seen(ptt: int = 40_002) -> str:
    return f"09660 {ptt:05}   4  3 K\n" + "".join(MESSAGE.format(n=n) for n in (0, 1, 2))


def test_each_kind_of_pass_of_one_file(sample: Callable[[str], bytes]) -> None:
    payload = sample("passes.dat")
    decoded = decode(payload, now_us=NOW_US)
    assert decoded.format == "argos-ds"
    assert [(r.unit, r.code) for r in decoded.refusals] == [(4, "pass-truncated")]
    assert payload[decoded.refusals[0].offset or 0 :].startswith(b"09660 40003")
    rows = decoded.records
    assert rows["tag"].to_list() == ["40001", "40002", "14759"]
    assert rows["argos_class"].to_list() == ["2", None, "A"]
    # A longitude of 255 is west; the altitude in the header is not the bird's.
    assert rows.select("lon", "lat").rows() == [
        (120.5, 40.25), (None, None), (pytest.approx(-104.548), 62.5)
    ]  # fmt: skip
    assert rows["height_m"].null_count() == 3
    # Without location, the middle message gives the time.
    assert (
        datetime.fromtimestamp(rows["time_us"][1] / 1e6, UTC)
        .isoformat()
        .startswith("2004-05-03T12:02:00")
    )
    # A location whose message lost its sensors is told and kept.
    assert [w.code for w in decoded.warnings] == ["messages-damaged"]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (located(lat="98.250"), "latitude-out-of-range"),
        (located(lon="367.000"), "longitude-out-of-range"),
        (located(lat="??.???"), "coordinate-not-a-number"),
        (located().replace("2004-05-03 10:50", "2004-02-31 10:50"), "time-unreadable"),
        (located().replace("2004-05-03 10:50", "1974-05-03 10:50"), "time-out-of-window"),
        (located().replace("09660 40001", "09660 4O001"), "pass-header-unreadable"),
        (seen().replace("  4  3 K", "  5  3 K"), "pass-truncated"),
        (seen().replace("  4  3 K", "  4  9 K"), "sensor-count-mismatch"),
        ("09660 40002   4  3 K\n", "pass-truncated"),
    ],
)
def test_each_fault_costs_its_own_pass(text: str, code: str) -> None:
    decoded = ds(seen() + text + located())
    assert [(r.unit, r.code) for r in decoded.refusals] == [(2, code)]
    assert decoded.records["unit"].to_list() == [1, 3]
    assert decoded.refusals[0].offset == len(seen())


def test_longer_messages_than_stated_are_real() -> None:
    more = seen().replace("           00\n", "           00           BA\n           64       DF\n")
    assert ds(more.replace("  4  3 K", "  7  3 K")).records.height == 1


def test_lines_before_the_first_pass_are_told() -> None:
    decoded = ds("      2004-05-03 10:49:10  1  76\n" + located())
    assert [w.code for w in decoded.warnings] == ["lines-outside-blocks"]


def test_text_without_passes_is_told() -> None:
    with pytest.raises(UnreadablePush) as caught:
        ds("nothing here")
    assert caught.value.code == "no-passes"


@settings(max_examples=12, deadline=None)
@given(st.lists(st.sampled_from(["located", "seen"]), min_size=1, max_size=8), st.data())
def test_every_pass_is_one_unit_wherever_the_text_is_cut(
    kinds: list[str], data: st.DataObject
) -> None:
    whole = seen() + "".join(located() if kind == "located" else seen() for kind in kinds)
    assert ds(whole).units == len(kinds) + 1
    cut = data.draw(st.integers(len(seen()), len(whole)))
    begun = sum(whole.startswith("09660", at) for at in range(cut))
    assert ds(whole[:cut]).units == begun


def test_real_month_is_read_whole(real: Callable[[str], bytes]) -> None:
    payload = real("telemetry/argos_raw/ds/990660_A.DAT")
    assert sniff(payload) == "argos-ds"
    decoded = decode(payload, now_us=NOW_US)
    # The file ends inside its last pass.
    assert [(r.unit, r.code) for r in decoded.refusals] == [(449, "sensor-count-mismatch")]
    assert (decoded.units, decoded.records["lon"].count()) == (449, 143)


def test_real_month_joins_the_diag_of_the_same_month(real: Callable[[str], bytes]) -> None:
    passes = decode(real("telemetry/argos_raw/ds/990660_A.DAT"), now_us=NOW_US).records
    blocks = decode(real("telemetry/argos_raw/diag/990660_A.DIA"), now_us=NOW_US).records
    blocks = blocks.unique(["tag", "time_us"], keep="first", maintain_order=True)
    joined = passes.drop_nulls("lon").join(blocks, on=["tag", "time_us"], suffix="_diag")
    near = [(pl.col(axis) - pl.col(f"{axis}_diag")).abs() < 0.0015 for axis in ("lon", "lat")]
    agree = joined.filter(*near, pl.col("argos_class") == pl.col("argos_class_diag"))
    assert (joined.height, agree.height) == (134, 125)


@pytest.mark.parametrize(
    ("name", "records", "codes"),
    [
        ("dup.ds", 2, []),
        ("fragment.ds", 1, []),
        ("sensor_mismatch_ds.txt", 1, ["sensor-count-mismatch"]),
    ],
)
def test_real_oddities(
    real: Callable[[str], bytes], name: str, records: int, codes: list[str]
) -> None:
    decoded = decode(real(f"telemetry/argos_raw/ds/{name}"), now_us=NOW_US)
    assert decoded.records.height == records
    assert [r.code for r in decoded.refusals] == codes


def test_a_longitude_at_the_end_of_the_text_may_be_cut(sample: Callable[[str], bytes]) -> None:
    """A push that breaks off within 120.500 made a fix at 12 or 120 degrees of it."""
    text = sample("passes.dat")
    header = text.split(b"\n")[0]
    before = text[text.index(b"09660 040002") : text.index(b"09660 40003")]
    for cut in range(header.index(b"120.500") + 1, header.index(b"  0.000") + 1):
        decoded = decode(before + header[:cut], now_us=NOW_US)
        assert [(each.unit, each.code) for each in decoded.refusals] == [(3, "pass-truncated")]
    for end in (b" ", b"\n", b"  0.0"):
        whole = decode(before + header[: header.index(b"  0.000")] + end, now_us=NOW_US)
        assert whole.records["lon"].to_list()[-1] == 120.5
