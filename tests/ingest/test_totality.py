"""Any bytes give records and refusals, or UnreadablePush: truncated, damaged or hostile."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import FORMATS, sniff, tag_of_file
from tests.ingest.promises import check, check_reference

FILES = tuple(
    sorted(
        path.name
        for path in (Path(__file__).parents[1] / "data/telemetry").iterdir()
        if path.name != "reference.csv"
    )
)
CUTS = 25


@pytest.mark.parametrize("name", FILES)
def test_whole_files_are_sniffed_and_read(sample: Callable[[str], bytes], name: str) -> None:
    assert check(sample(name), tag=tag_of_file(name))


@pytest.mark.parametrize("name", FILES)
def test_truncation_at_many_places(sample: Callable[[str], bytes], name: str) -> None:
    whole = sample(name)
    form = sniff(whole)
    told = {"tag": tag_of_file(name)}
    full = check(whole, **told)
    assert full is not None
    for cut in range(0, len(whole), len(whole) // CUTS):
        units = check(whole[:cut], form, **told)
        # Where XML or JSON breaks off between two records, what came next is a refused unit.
        assert units is None or units <= full + whole.startswith((b"<", b"{", b"["))


@settings(max_examples=40, deadline=None)
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
    check(bytes(damaged), form, tag=tag_of_file(name))


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300), st.sampled_from([None, *FORMATS]))
def test_any_bytes(payload: bytes, form: str | None) -> None:
    check(payload, form)


@settings(max_examples=25, deadline=None)
@given(st.text(max_size=200))
def test_any_text_as_rows(text: str) -> None:
    header = "timestamp,location-long,location-lat,tag-local-identifier,gps:hdop\n"
    payload = (header + text).encode("utf-8", errors="surrogatepass")
    assert check(payload, "movebank-csv") is not None


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32))
def test_damaged_reference_data(sample: Callable[[str], bytes], seed: int) -> None:
    rng = random.Random(seed)
    damaged = bytearray(sample("reference.csv"))
    for _ in range(4):
        damaged[rng.randrange(len(damaged))] = rng.randrange(256)
    check_reference(bytes(damaged))


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
