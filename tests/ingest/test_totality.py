"""Any bytes give records and refusals, or UnreadablePush: truncated, damaged or hostile."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import FORMATS, ColumnMapping, UnreadablePush, decode, decode_reference, sniff
from ingest.checks import record_flags
from ingest.daylight import zone_suspect
from ingest.reasons import REASONS
from ingest.record import RECORD_SCHEMA

NOW_US = 1_795_000_000_000_000
FILES = tuple(
    sorted(
        path.name
        for path in (Path(__file__).parents[1] / "data/telemetry").iterdir()
        if path.name != "reference.csv"
    )
)
CUTS = 25


def check(
    payload: bytes, form: str | None = None, mapping: ColumnMapping | None = None
) -> int | None:
    """Decode and hold the result to its promises; units, or None where it can't be read."""
    told: UnreadablePush | None = None
    try:
        decoded = decode(payload, format=form, tz="Asia/Seoul", mapping=mapping, now_us=NOW_US)
    except UnreadablePush as error:
        told = error
    if told:
        assert told.code
        assert told.detail.endswith(".")
        assert told.remedy.endswith((".", ")."))
        return None
    assert dict(decoded.records.schema) == RECORD_SCHEMA
    units = [*decoded.records["unit"], *(refusal.unit for refusal in decoded.refusals)]
    assert sorted(units) == list(range(1, decoded.units + 1))
    assert all(refusal.remedy == REASONS[refusal.code] for refusal in decoded.refusals)
    assert all(len(refusal.excerpt) <= 200 for refusal in decoded.refusals)
    assert record_flags(decoded.records)["row"].is_between(0, decoded.records.height - 1).all()
    zone_suspect(decoded.records)
    return decoded.units


@pytest.mark.parametrize("name", FILES)
def test_whole_files_are_sniffed_and_read(sample: Callable[[str], bytes], name: str) -> None:
    assert check(sample(name))


@pytest.mark.parametrize("name", FILES)
def test_truncation_at_many_places(sample: Callable[[str], bytes], name: str) -> None:
    whole = sample(name)
    form = sniff(whole)
    full = check(whole)
    assert full is not None
    for cut in range(0, len(whole), len(whole) // CUTS):
        units = check(whole[:cut], form)
        # Where XML breaks off between two records, what came next is one refused unit.
        assert units is None or units <= full + whole.startswith(b"<")


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(FILES), st.integers(0, 2**32), st.integers(1, 6))
def test_damaged_bytes(sample: Callable[[str], bytes], name: str, seed: int, count: int) -> None:
    rng = random.Random(seed)
    damaged = bytearray(sample(name))
    form = sniff(bytes(damaged))
    for _ in range(count):
        at = rng.randrange(len(damaged))
        kind = rng.randrange(3)
        if kind == 0:
            damaged[at] = rng.choice(b'\x00\n\r",;{}[]:\\ \xff' + bytes(range(256)))
        elif kind == 1:
            del damaged[at : at + rng.randrange(1, 40)]
        else:
            damaged[at:at] = damaged[at : at + rng.randrange(1, 40)]
    check(bytes(damaged), form)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300), st.sampled_from([None, *FORMATS]))
def test_any_bytes(payload: bytes, form: str | None) -> None:
    check(payload, form)


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=200))
def test_any_text_as_rows(text: str) -> None:
    header = "timestamp,location-long,location-lat,tag-local-identifier,gps:hdop\n"
    payload = (header + text).encode("utf-8", errors="surrogatepass")
    assert check(payload, "movebank-csv") is not None


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32))
def test_damaged_reference_data(sample: Callable[[str], bytes], seed: int) -> None:
    rng = random.Random(seed)
    damaged = bytearray(sample("reference.csv"))
    for _ in range(4):
        damaged[rng.randrange(len(damaged))] = rng.randrange(256)
    try:
        decoded = decode_reference(bytes(damaged), tz="UTC", now_us=NOW_US)
    except UnreadablePush:
        return
    units = [*(row.unit for row in decoded.rows), *(r.unit for r in decoded.refusals)]
    assert sorted(units) == list(range(1, decoded.units + 1))


@pytest.mark.parametrize(
    "name",
    [
        "telemetry/argos_brant_2002/Brant Geese Sean Boyd 2002.csv",
        "telemetry/argos_raw/diag/990660_A.DIA",
    ],
)
def test_real_files_damaged(real: Callable[[str], bytes], name: str) -> None:
    whole = real(name)[:40_000]
    rng = random.Random(7)
    form = sniff(whole)
    for _ in range(40):
        damaged = bytearray(whole)
        for _ in range(20):
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        check(bytes(damaged[: rng.randrange(len(damaged))]), form)
