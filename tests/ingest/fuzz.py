"""``make fuzz``: damaged and joined samples into every decoder, for a while, two at a time."""

from __future__ import annotations

import argparse
import hashlib
import random
import time
import traceback
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from ingest import FORMATS, decode_reference, read_mapping, sniff
from ingest.refusal import UnreadablePush
from tests.ingest.formats.test_xlsx import ROWS, workbook
from tests.ingest.hostile import files
from tests.ingest.test_totality import NOW_US, check

DATA = Path(__file__).parents[1] / "data/telemetry"
CORPUS = Path(__file__).parents[2] / ".cache/fuzz"
PAYLOAD_MAX_BYTES = 20_000
SPECIAL = (
    b"\0", b"\n", b"\r", b'"', b"'", b",", b";", b"\t", b"<", b">", b"&", b"{", b"}", b"[", b"]",
    b"\\", b"\xff", b"\xfe\xff", b"\xef\xbb\xbf", b"PK\x03\x04", b"\x1f\x8b", b"NaN", b"-0",
    b"1e999", b"9" * 30,
    b"\xc3", b"]]>", b"<!--", b"&#0;", b" " * 300, b"\x1e", b"\\ud800", b"Date :",
)  # fmt: skip


_NAMES = {
    "timestamp": ["timestamp", "time", "UTC_datetime", "recorded_at", "fixTime"],
    "location-long": ["location-long", "lon", "Longitude", "longitude", "location.lon"],
    "location-lat": ["location-lat", "lat", "Latitude", "latitude", "location.lat"],
    "tag-local-identifier": ["tag-local-identifier", "tag", "device_id", "uuid", "source"],
    "ground-speed": ["ground-speed", "speed", "speed_km/h"],
}
MAPPED = {
    f"columns-{kind}{n}": read_mapping(
        {"kind": kind, "terms": _NAMES, "units": {"ground-speed": "km/h"}, "missing": ["0", "-"],
         **more}
    )
    for n, (kind, more) in enumerate(
        [("table", {}), ("json", {}),
         ("table", {"time_format": "%Y-%m-%d %H:%M:%S.%f", "decimal": ",", "skip_lines": 1})]
    )
}  # fmt: skip
"""Mappings that read some of the samples, by the name of their run."""


def seeds(name: str) -> list[bytes]:
    """Samples of a format, what was kept of it, and some of other formats."""
    samples = [path.read_bytes() for path in sorted(DATA.iterdir())]
    own = [text for text in samples if sniff(text) == name]
    own += [workbook(ROWS)] if name == "xlsx" else []
    own += [file.payload[:PAYLOAD_MAX_BYTES] for file in files() if file.format == name]
    own += [path.read_bytes() for path in sorted((CORPUS / name).glob("*"))]
    return own * 3 + samples


def damaged(rng: random.Random, pool: list[bytes]) -> bytes:
    """One sample, changed in a few places."""
    payload = bytearray(rng.choice(pool)[:PAYLOAD_MAX_BYTES])
    for _ in range(rng.randrange(1, 8)):
        at = rng.randrange(len(payload) + 1)
        kind = rng.randrange(6)
        if kind == 0:
            payload[at:at] = rng.choice(SPECIAL)
        elif kind == 1:
            del payload[at : at + rng.randrange(1, 60)]
        elif kind == 2:
            payload[at:at] = payload[at : at + rng.randrange(1, 200)]
        elif kind == 3 and at < len(payload):
            payload[at] = rng.randrange(256)
        elif kind == 4:
            other = rng.choice(pool)
            payload[at:] = other[rng.randrange(len(other) + 1) :][:PAYLOAD_MAX_BYTES]
        else:
            del payload[at:]
    return bytes(payload)


def run(name: str, seconds: float, seed: int) -> tuple[str, int, list[str]]:
    """Fuzz one decoder: runs, and the crashes with the files that keep them."""
    rng, pool = random.Random(seed), seeds(name)
    end, runs = time.monotonic() + seconds, 0
    crashes: list[str] = []
    while time.monotonic() < end:
        payload = damaged(rng, pool)
        runs += 1
        try:
            if name == "movebank-reference-csv":
                try:
                    decode_reference(payload, tz="UTC", now_us=NOW_US)
                except UnreadablePush:
                    continue
            check(payload, None if name in MAPPED else name, MAPPED.get(name))
        except BaseException:  # noqa: BLE001 - whatever comes out is the finding
            kept = CORPUS / name / hashlib.sha256(payload).hexdigest()[:16]
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_bytes(payload)
            crashes.append(f"{kept}\n{traceback.format_exc(limit=-3)}")
            if len(crashes) == 5:
                break
    return name, runs, crashes


def main() -> int:
    """Fuzz every decoder; 1 where one crashed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=45.0, help="for each decoder")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("formats", nargs="*", help="default: all")
    chosen = parser.parse_args()
    seed = chosen.seed if chosen.seed is not None else time.time_ns()
    names = chosen.formats or [*FORMATS, *MAPPED]
    failed = False
    with ProcessPoolExecutor(2) as pool:
        done = [pool.submit(run, name, chosen.seconds, seed) for name in names]
        for future in done:
            name, runs, crashes = future.result()
            print(f"{name}: {runs:,} runs, {len(crashes)} crashes (seed {seed})", flush=True)
            for crash in crashes:
                print(crash, flush=True)
                failed = True
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main())
